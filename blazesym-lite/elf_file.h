/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * An ELF file's headers, sections, notes and symbol entries, 32 and 64 bits alike, each checked
 * against the file's size before it is handed out. Internal to blazesym-lite.
 */
#ifndef BSL_ELF_FILE_H
#define BSL_ELF_FILE_H

#include <elf.h>

#include "blazesym-lite.h"
#include "view.h"

/* A string table: every offset below `size` starts a NUL-terminated string inside of it. */
struct elf_strings {
	const char *data;
	size_t size;
};

/*
 * .symtab or .dynsym; nr is 0 if the file has none. It may come from another file (separate debug
 * information) or have been made from other tables (Go's).
 */
struct elf_symtab {
	const Elf64_Shdr
		*section; /* where it is to be read from by elf_symtab_load(); NULL once it was */
	const uint8_t *data;
	size_t nr;
	bool is64;
	struct elf_strings strings;
	const Elf64_Shdr *shdrs; /* what st_shndx counts */
	size_t nr_shdrs;
};

struct symbol_index;

struct bsl_elf {
	const uint8_t *data;
	size_t size;
	/* what fills data: see elf_bytes(); NULL if the bytes are somebody's memory */
	struct view *view;
	int fd;	       /* -1 then, too */
	char path[32]; /* see bsl_elf_path() */
	bool is64;
	dev_t dev;
	ino_t ino;
	Elf64_Ehdr ehdr;
	Elf64_Phdr *phdrs;
	size_t nr_phdrs;
	Elf64_Shdr *shdrs;
	size_t nr_shdrs;
	struct elf_strings section_names;
	struct elf_symtab symtab;
	struct elf_symtab dynsym;
	struct elf_symtab plt;	  /* the linker's stubs, when an address is asked for */
	const Elf64_Shdr *versym; /* .gnu.version, parallel to .dynsym, and .gnu.version_d */
	const Elf64_Shdr *verdef;
	uint32_t *versions; /* by number: where its name is in .dynstr, 0: unknown; once asked for */
	struct symbol_index *index; /* NULL until an address is asked for */
	bool tables_ready;	    /* other places were looked in for want of a .symtab */
	void *made_symtab;	    /* what symtab was made of; else it may be borrowed from: */
	void *mini_data;	    /* .gnu_debugdata, decompressed */
	struct bsl_elf *mini;	    /* ... and opened */
	struct bsl_elf *debug;	    /* the separate debug file */
	struct dwarf_state *dwarf;  /* NULL until a line is asked for */
	struct eh_frame *eh_frame;  /* NULL until a frame is asked for */
	const char *minds;	    /* why a replaced return address does harm, once minds_known */
	bool minds_known;
	struct body *body; /* the last function whose instructions were asked for */
	/* Their owners' functions; so who asks for no lines needs no libdw. */
	void (*index_free)(struct symbol_index *index);
	void (*dwarf_free)(struct dwarf_state *dwarf);
	void (*eh_frame_free)(struct eh_frame *table);
	void (*body_free)(struct body *body);
};

/* A note as in a PT_NOTE segment or SHT_NOTE section. */
struct elf_note {
	const char *name; /* name_size bytes, the NUL included if there is one */
	size_t name_size;
	const uint8_t *desc;
	size_t desc_size;
	uint32_t type;
};

/*
 * `size` bytes at a file offset, or NULL if the file ends before, or can't be read any more: elf_error(). Only what was asked
 * for here may be looked at.
 */
const uint8_t *elf_bytes(const struct bsl_elf *elf, uint64_t offset, uint64_t size);

/* As bsl_elf_open_fd(), but takes the descriptor over; a negative one is the error to return. */
int elf_open_own_fd(int fd, struct bsl_elf **elf);

/* As bsl_elf_open(), in the root that io_open_in_root() is given. */
int elf_open_in_root(const char *root, const char *path, struct bsl_elf **elf);

/* What a question is answered: ret, unless the file, or its debug file, couldn't be read, or changed, meanwhile. */
int elf_error(const struct bsl_elf *elf, int ret);

/* The string at an offset, or NULL. */
const char *elf_string(const struct elf_strings *strings, uint64_t offset);

/* The first section of that name, or NULL; its name ("" if it has none or a broken one). */
const Elf64_Shdr *elf_section_by_name(const struct bsl_elf *elf, const char *name);
const char *elf_section_name(const struct bsl_elf *elf, const Elf64_Shdr *shdr);

/* Does the language of any function have a say when an exception passes? By .eh_frame: also in a stripped file. */
bool elf_has_personality(struct bsl_elf *elf);

/* All entries of .eh_frame by address; they live as long as the handle. Errors as bsl_elf_frame_at(). */
int elf_frames(struct bsl_elf *elf, const struct bsl_frame **frames, size_t *nr);

/* Is a name imported or the file's own, by the strings of its symbol tables? */
bool elf_has_name(const struct bsl_elf *elf, const char *name);

/* A section's bytes in the file; NULL for .bss, compressed sections and broken headers. */
const uint8_t *elf_section_data(const struct bsl_elf *elf, const Elf64_Shdr *shdr, size_t *size);

/* Is a part of the file in the file? Reads nothing. */
bool elf_holds(const struct bsl_elf *elf, uint64_t offset, uint64_t size);

/* Reads a table's entries and strings, before any is looked at. tab->nr is 0 if that fails. */
void elf_symtab_load(const struct bsl_elf *elf, struct elf_symtab *tab);

/* Reads entry i < tab->nr in its 64-bit form. */
void elf_symbol_get(const struct elf_symtab *tab, size_t i, Elf64_Sym *sym);

/*
 * The 8-byte pointer at an address as the dynamic linker would leave it at bias 0: what's in the
 * file, or the addend of the relative relocation that will overwrite it. False: not in the file.
 */
bool elf_pointer_get(const struct bsl_elf *elf, uint64_t addr, uint64_t *value);

/* Calls fn with place and addend of each relative relocation, until it returns true. */
bool elf_relatives_each(const struct bsl_elf *elf,
			bool (*fn)(uint64_t addr, uint64_t value, void *ctx), void *ctx);

/* The version that entry i of .dynsym is defined with, or NULL. */
const char *elf_dynsym_version(struct bsl_elf *elf, size_t i);

/*
 * Takes the note at *pos and moves *pos behind it. 1: there was one; 0: the end; -EBADMSG.
 * align is 4, or 8 for the few segments that say so.
 */
int elf_note_next(const uint8_t *data, size_t size, size_t align, size_t *pos,
		  struct elf_note *note);

/* Forget what was made on the first question about symbols, PLT stubs and lines. */
void elf_index_close(struct bsl_elf *elf);
void elf_plt_close(struct bsl_elf *elf);
void elf_dwarf_close(struct bsl_elf *elf);

#endif /* BSL_ELF_FILE_H */
