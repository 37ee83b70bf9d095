/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Opens ELF files and reads their headers, segments, sections and notes. Layouts: the System V
 * gABI, chapters 4 and 5, as written down in <elf.h>.
 */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"
#include "io.h"
#include "machine.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_DATA ELFDATA2LSB
#else
#define HOST_DATA ELFDATA2MSB
#endif

bool elf_holds(const struct bsl_elf *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->size && size <= elf->size - offset;
}

const uint8_t *elf_bytes(const struct bsl_elf *elf, uint64_t offset, uint64_t size)
{
	if (!elf_holds(elf, offset, size))
		return NULL;
	return elf->view ? view_bytes(elf->view, offset, size) : elf->data + offset;
}

const char *elf_string(const struct elf_strings *strings, uint64_t offset)
{
	return offset < strings->size ? strings->data + offset : NULL;
}

/* Cut after the last NUL, so that no string can run past the table. */
static void strings_init(struct elf_strings *strings, const uint8_t *data, size_t size)
{
	const uint8_t *end = data && size ? memrchr(data, '\0', size) : NULL;

	strings->data = (const char *)data;
	strings->size = end ? (size_t)(end - data) + 1 : 0;
}

int elf_error(const struct bsl_elf *elf, int ret)
{
	int err = elf->view ? view_error(elf->view) : 0;

	if (!err && elf->debug)
		return elf_error(elf->debug, ret);
	return err ? err : ret;
}

bool bsl_elf_check(struct bsl_elf *elf)
{
	return !elf->view || view_check(elf->view);
}

const char *bsl_error_text(int err)
{
	switch (err) {
	case -ENOEXEC:
		return "not an ELF file";
	case -EBADMSG:
		return "a broken ELF file";
	case -ENOTSUP:
		return "an ELF file of the other byte order";
	case -ESTALE:
		return "the file changed while it was read";
	case -ENOSYS:
		return "openat2(2) is refused, by which files of another root are opened safely (a seccomp filter?)";
	default:
		return strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error";
	}
}

/* The bytes lie at their offsets in the file, hence nothing in it is sure to be aligned: memcpy(). */
static void ehdr_get(struct bsl_elf *elf, const uint8_t *data)
{
	Elf64_Ehdr *to = &elf->ehdr;
	Elf32_Ehdr from;

	if (elf->is64) {
		memcpy(to, data, sizeof(*to));
		return;
	}
	memcpy(&from, data, sizeof(from));
	memcpy(to->e_ident, from.e_ident, EI_NIDENT);
	to->e_type = from.e_type;
	to->e_machine = from.e_machine;
	to->e_version = from.e_version;
	to->e_entry = from.e_entry;
	to->e_phoff = from.e_phoff;
	to->e_shoff = from.e_shoff;
	to->e_flags = from.e_flags;
	to->e_ehsize = from.e_ehsize;
	to->e_phentsize = from.e_phentsize;
	to->e_phnum = from.e_phnum;
	to->e_shentsize = from.e_shentsize;
	to->e_shnum = from.e_shnum;
	to->e_shstrndx = from.e_shstrndx;
}

static void phdr_get(const struct bsl_elf *elf, const uint8_t *data, Elf64_Phdr *to)
{
	Elf32_Phdr from;

	if (elf->is64) {
		memcpy(to, data, sizeof(*to));
		return;
	}
	memcpy(&from, data, sizeof(from));
	to->p_type = from.p_type;
	to->p_flags = from.p_flags;
	to->p_offset = from.p_offset;
	to->p_vaddr = from.p_vaddr;
	to->p_paddr = from.p_paddr;
	to->p_filesz = from.p_filesz;
	to->p_memsz = from.p_memsz;
	to->p_align = from.p_align;
}

static void shdr_get(const struct bsl_elf *elf, const uint8_t *data, Elf64_Shdr *to)
{
	Elf32_Shdr from;

	if (elf->is64) {
		memcpy(to, data, sizeof(*to));
		return;
	}
	memcpy(&from, data, sizeof(from));
	to->sh_name = from.sh_name;
	to->sh_type = from.sh_type;
	to->sh_flags = from.sh_flags;
	to->sh_addr = from.sh_addr;
	to->sh_offset = from.sh_offset;
	to->sh_size = from.sh_size;
	to->sh_link = from.sh_link;
	to->sh_info = from.sh_info;
	to->sh_addralign = from.sh_addralign;
	to->sh_entsize = from.sh_entsize;
}

void elf_symbol_get(const struct elf_symtab *tab, size_t i, Elf64_Sym *to)
{
	Elf32_Sym from;

	if (tab->is64) {
		memcpy(to, tab->data + i * sizeof(*to), sizeof(*to));
		return;
	}
	memcpy(&from, tab->data + i * sizeof(from), sizeof(from));
	to->st_name = from.st_name;
	to->st_info = from.st_info;
	to->st_other = from.st_other;
	to->st_shndx = from.st_shndx;
	to->st_value = from.st_value;
	to->st_size = from.st_size;
}

/* e_phnum and friends are 16 bits wide; the real numbers of big files are in section 0. */
static int section_zero_get(struct bsl_elf *elf, Elf64_Shdr *zero)
{
	size_t entsize = elf->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	const uint8_t *data;

	memset(zero, 0, sizeof(*zero));
	if (!elf->ehdr.e_shoff)
		return 0;
	data = elf_bytes(elf, elf->ehdr.e_shoff, entsize);
	if (!data || elf->ehdr.e_shentsize != entsize)
		return -EBADMSG;
	shdr_get(elf, data, zero);
	return 0;
}

/* What execve(2) takes: load_elf_phdrs() in the kernel's fs/binfmt_elf.c. Each address is looked for in all of them. */
#define SEGMENTS_MAX 65536 /* bytes */

static int segments_read(struct bsl_elf *elf, const Elf64_Shdr *zero)
{
	size_t entsize = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t nr = elf->ehdr.e_phnum;
	const uint8_t *data;

	if (nr == PN_XNUM)
		nr = zero->sh_info;
	if (!elf->ehdr.e_phoff || !nr)
		return 0;
	data = nr * entsize <= SEGMENTS_MAX ? elf_bytes(elf, elf->ehdr.e_phoff, nr * entsize)
					    : NULL;
	if (!data || elf->ehdr.e_phentsize != entsize)
		return -EBADMSG;
	elf->phdrs = calloc(nr, sizeof(*elf->phdrs));
	if (!elf->phdrs)
		return -ENOMEM;
	elf->nr_phdrs = nr;
	for (size_t i = 0; i < nr; i++)
		phdr_get(elf, data + i * entsize, &elf->phdrs[i]);
	return 0;
}

/*
 * Sections lie beside each other. If many were one and the same piece of the file, whoever goes through all of them would go
 * through the file that often.
 */
static bool sections_credible(const struct bsl_elf *elf)
{
	uint64_t total = 0, size;

	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		const Elf64_Shdr *shdr = &elf->shdrs[i];

		size = shdr->sh_type != SHT_NULL && shdr->sh_type != SHT_NOBITS &&
				       elf_holds(elf, shdr->sh_offset, shdr->sh_size)
			       ? shdr->sh_size
			       : 0;
		total += size;
		if (total > 2 * elf->size)
			return false;
	}
	return true;
}

static int sections_read(struct bsl_elf *elf, const Elf64_Shdr *zero)
{
	size_t entsize = elf->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	uint64_t nr = elf->ehdr.e_shnum ? elf->ehdr.e_shnum : zero->sh_size;
	size_t names = elf->ehdr.e_shstrndx;
	const uint8_t *data;
	size_t size;

	if (!elf->ehdr.e_shoff || !nr)
		return 0;
	if (nr > elf->size / entsize)
		return -EBADMSG;
	data = elf_bytes(elf, elf->ehdr.e_shoff, nr * entsize);
	if (!data)
		return -EBADMSG;
	elf->shdrs = calloc(nr, sizeof(*elf->shdrs));
	if (!elf->shdrs)
		return -ENOMEM;
	elf->nr_shdrs = nr;
	for (size_t i = 0; i < nr; i++)
		shdr_get(elf, data + i * entsize, &elf->shdrs[i]);
	if (!sections_credible(elf))
		return -EBADMSG;

	if (names == SHN_XINDEX)
		names = zero->sh_link;
	if (names && names < nr) {
		data = elf_section_data(elf, &elf->shdrs[names], &size);
		strings_init(&elf->section_names, data, size);
	}
	return 0;
}

static void symtab_find(struct bsl_elf *elf, uint32_t type, struct elf_symtab *tab)
{
	size_t entsize = elf->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		const Elf64_Shdr *shdr = &elf->shdrs[i];

		if (shdr->sh_type != type || shdr->sh_link >= elf->nr_shdrs ||
		    !elf_holds(elf, shdr->sh_offset, shdr->sh_size))
			continue;
		/* 32-bit numbers in ELF, of which the index needs two bits for itself */
		if (shdr->sh_size / entsize >= 1u << 30)
			continue;
		tab->section = shdr;
		tab->nr = shdr->sh_size / entsize;
		tab->is64 = elf->is64;
		tab->shdrs = elf->shdrs;
		tab->nr_shdrs = elf->nr_shdrs;
		return;
	}
}

void elf_symtab_load(const struct bsl_elf *elf, struct elf_symtab *tab)
{
	const uint8_t *strings;
	size_t size, strings_size;

	if (!tab->section)
		return;
	tab->data = elf_section_data(elf, tab->section, &size);
	strings = elf_section_data(elf, &elf->shdrs[tab->section->sh_link], &strings_size);
	if (!tab->data || !strings)
		tab->nr = 0;
	strings_init(&tab->strings, strings, strings_size);
	tab->section = NULL;
}

static const Elf64_Shdr *section_by_type(const struct bsl_elf *elf, uint32_t type)
{
	for (size_t i = 0; i < elf->nr_shdrs; i++)
		if (elf->shdrs[i].sh_type == type)
			return &elf->shdrs[i];
	return NULL;
}

/* The numbers of versions have 15 bits: the top one is for "hidden", foo@V and not foo@@V. */
#define MAX_VERSIONS 0x8000

/*
 * The names of .gnu.version_d: of each Verdef the first Verdaux. All at once, as the list may be as long as the symbols that
 * ask for them. vd_next is only followed forwards: this ends.
 */
static void versions_read(struct bsl_elf *elf)
{
	const uint8_t *data;
	Elf64_Verdaux aux;
	Elf64_Verdef def;
	size_t size, pos = 0;

	data = elf_section_data(elf, elf->verdef, &size);
	elf->versions = data ? calloc(MAX_VERSIONS, sizeof(*elf->versions)) : NULL;
	while (elf->versions && size - pos >= sizeof(def)) {
		memcpy(&def, data + pos, sizeof(def));
		if (def.vd_ndx < MAX_VERSIONS && !elf->versions[def.vd_ndx] &&
		    def.vd_aux <= size - pos && size - pos - def.vd_aux >= sizeof(aux)) {
			memcpy(&aux, data + pos + def.vd_aux, sizeof(aux));
			elf->versions[def.vd_ndx] = aux.vda_name;
		}
		if (!def.vd_next || def.vd_next > size - pos)
			return;
		pos += def.vd_next;
	}
}

const char *elf_dynsym_version(struct bsl_elf *elf, size_t i)
{
	const uint8_t *data;
	uint16_t number;
	size_t size;

	if (!elf->versym || !elf->verdef)
		return NULL;
	if (!elf->versions)
		versions_read(elf);
	data = elf_section_data(elf, elf->versym, &size);
	if (!data || !elf->versions || i >= size / sizeof(number))
		return NULL;
	memcpy(&number, data + i * sizeof(number), sizeof(number));
	number %= MAX_VERSIONS;
	return number > VER_NDX_GLOBAL && elf->versions[number]
		       ? elf_string(&elf->dynsym.strings, elf->versions[number])
		       : NULL;
}

static int header_read(struct bsl_elf *elf)
{
	const uint8_t *data = elf_bytes(elf, 0, sizeof(Elf32_Ehdr));

	if (!data || memcmp(data, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (data[EI_CLASS] != ELFCLASS64 && data[EI_CLASS] != ELFCLASS32)
		return -EBADMSG;
	if (data[EI_DATA] != HOST_DATA)
		return -ENOTSUP;
	elf->is64 = data[EI_CLASS] == ELFCLASS64;
	if (elf->is64 && !elf_bytes(elf, 0, sizeof(Elf64_Ehdr)))
		return -EBADMSG;
	ehdr_get(elf, data);
	return 0;
}

static int headers_read(struct bsl_elf *elf)
{
	Elf64_Shdr zero;
	int err;

	err = header_read(elf);
	if (!err)
		err = section_zero_get(elf, &zero);
	if (!err)
		err = segments_read(elf, &zero);
	if (!err)
		err = sections_read(elf, &zero);
	if (err)
		return err;
	symtab_find(elf, SHT_SYMTAB, &elf->symtab);
	symtab_find(elf, SHT_DYNSYM, &elf->dynsym);
	elf->versym = section_by_type(elf, SHT_GNU_versym);
	elf->verdef = section_by_type(elf, SHT_GNU_verdef);
	return 0;
}

int bsl_elf_open_mem(const void *data, size_t size, struct bsl_elf **out)
{
	struct bsl_elf *elf = calloc(1, sizeof(*elf));
	int err;

	if (!elf)
		return -ENOMEM;
	elf->data = data;
	elf->size = size;
	elf->fd = -1;
	err = headers_read(elf);
	if (err) {
		bsl_elf_close(elf);
		return err;
	}
	*out = elf;
	return 0;
}

/* Takes the descriptor over. */
static int file_open(struct bsl_elf *elf, int fd)
{
	struct stat st;
	int err;

	elf->fd = fd;
	snprintf(elf->path, sizeof(elf->path), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || st.st_size < SELFMAG)
		return -ENOEXEC;
	elf->size = st.st_size;
	elf->dev = st.st_dev;
	elf->ino = st.st_ino;
	err = view_open(fd, &st, &elf->view);
	if (err)
		return err;
	elf->data = view_data(elf->view);
	return elf_error(elf, headers_read(elf));
}

int elf_open_own_fd(int fd, struct bsl_elf **out)
{
	struct bsl_elf *elf;
	int err;

	if (fd < 0)
		return fd;
	elf = calloc(1, sizeof(*elf));
	if (!elf) {
		close(fd);
		return -ENOMEM;
	}
	err = file_open(elf, fd);
	if (err) {
		bsl_elf_close(elf);
		return err;
	}
	*out = elf;
	return 0;
}

int bsl_elf_open_fd(int fd, struct bsl_elf **out)
{
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return elf_open_own_fd(fd < 0 ? -errno : fd, out);
}

int elf_open_in_root(const char *root, const char *path, struct bsl_elf **out)
{
	return elf_open_own_fd(io_open_in_root(root, path, O_RDONLY), out);
}

int bsl_elf_open(const char *path, struct bsl_elf **out)
{
	return elf_open_in_root("", path, out);
}

void elf_index_close(struct bsl_elf *elf)
{
	if (elf->index)
		elf->index_free(elf->index);
	elf->index = NULL;
}

void elf_plt_close(struct bsl_elf *elf)
{
	free((void *)elf->plt.data);
	free((void *)elf->plt.strings.data);
	elf->plt = (struct elf_symtab){ 0 };
}

void elf_dwarf_close(struct bsl_elf *elf)
{
	if (elf->dwarf)
		elf->dwarf_free(elf->dwarf);
	elf->dwarf = NULL;
}

void bsl_elf_close(struct bsl_elf *elf)
{
	if (!elf)
		return;
	elf_index_close(elf);
	elf_plt_close(elf);
	elf_dwarf_close(elf);
	if (elf->eh_frame)
		elf->eh_frame_free(elf->eh_frame);
	if (elf->body)
		elf->body_free(elf->body);
	bsl_elf_close(elf->debug);
	bsl_elf_close(elf->mini);
	free(elf->mini_data);
	free(elf->made_symtab);
	free(elf->versions);
	view_close(elf->view);
	if (elf->fd >= 0)
		close(elf->fd);
	free(elf->phdrs);
	free(elf->shdrs);
	free(elf);
}

int bsl_elf_machine(const struct bsl_elf *elf)
{
	return elf->ehdr.e_machine;
}

int bsl_elf_bits(const struct bsl_elf *elf)
{
	return elf->is64 ? 64 : 32;
}

const char *bsl_elf_path(const struct bsl_elf *elf)
{
	return elf->path;
}

dev_t bsl_elf_dev(const struct bsl_elf *elf)
{
	return elf->dev;
}

ino_t bsl_elf_ino(const struct bsl_elf *elf)
{
	return elf->ino;
}

static const Elf64_Phdr *segment_by_type(const struct bsl_elf *elf, uint32_t type)
{
	for (size_t i = 0; i < elf->nr_phdrs; i++)
		if (elf->phdrs[i].p_type == type)
			return &elf->phdrs[i];
	return NULL;
}

/* The value of a tag in PT_DYNAMIC; false if it isn't there. */
static bool dynamic_get(const struct bsl_elf *elf, int64_t tag, uint64_t *value)
{
	const Elf64_Phdr *phdr = segment_by_type(elf, PT_DYNAMIC);
	size_t entsize = elf->is64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	const uint8_t *data = phdr ? elf_bytes(elf, phdr->p_offset, phdr->p_filesz) : NULL;

	if (!data)
		return false;
	for (size_t pos = 0; phdr->p_filesz - pos >= entsize; pos += entsize) {
		Elf64_Dyn dyn;
		Elf32_Dyn dyn32;

		if (elf->is64) {
			memcpy(&dyn, data + pos, sizeof(dyn));
		} else {
			memcpy(&dyn32, data + pos, sizeof(dyn32));
			dyn.d_tag = dyn32.d_tag;
			dyn.d_un.d_val = dyn32.d_un.d_val;
		}
		if (dyn.d_tag == DT_NULL)
			return false;
		if (dyn.d_tag == tag) {
			*value = dyn.d_un.d_val;
			return true;
		}
	}
	return false;
}

enum bsl_elf_type bsl_elf_type(const struct bsl_elf *elf)
{
	uint64_t value;

	switch (elf->ehdr.e_type) {
	case ET_REL:
		return BSL_ELF_REL;
	case ET_EXEC:
		return BSL_ELF_EXEC;
	case ET_DYN:
		break;
	default:
		return BSL_ELF_OTHER;
	}
	if (dynamic_get(elf, DT_FLAGS_1, &value) && (value & DF_1_PIE))
		return BSL_ELF_PIE;
	/* linkers before binutils 2.26 did not set the flag; libc.so has an interpreter too */
	if (segment_by_type(elf, PT_INTERP) && !dynamic_get(elf, DT_SONAME, &value))
		return BSL_ELF_PIE;
	return BSL_ELF_DYN;
}

const char *elf_section_name(const struct bsl_elf *elf, const Elf64_Shdr *shdr)
{
	const char *name = elf_string(&elf->section_names, shdr->sh_name);

	return name ? name : "";
}

const Elf64_Shdr *elf_section_by_name(const struct bsl_elf *elf, const char *name)
{
	for (size_t i = 0; i < elf->nr_shdrs; i++)
		if (!strcmp(elf_section_name(elf, &elf->shdrs[i]), name))
			return &elf->shdrs[i];
	return NULL;
}

const uint8_t *elf_section_data(const struct bsl_elf *elf, const Elf64_Shdr *shdr, size_t *size)
{
	const uint8_t *data;

	*size = 0;
	if (shdr->sh_type == SHT_NOBITS || shdr->sh_type == SHT_NULL ||
	    (shdr->sh_flags & SHF_COMPRESSED))
		return NULL;
	data = elf_bytes(elf, shdr->sh_offset, shdr->sh_size);
	if (data)
		*size = shdr->sh_size;
	return data;
}

bool bsl_elf_is_go(const struct bsl_elf *elf)
{
	/* .go.buildinfo since Go 1.13; the table is the one thing -s -w and strip can't remove */
	static const char *const names[] = {
		".go.buildinfo",
		".gopclntab",
		".data.rel.ro.gopclntab",
		".note.go.buildid",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (elf_section_by_name(elf, names[i]))
			return true;
	return false;
}

static bool section_has_string(const struct bsl_elf *elf, const char *section, const char *string)
{
	const Elf64_Shdr *shdr = elf_section_by_name(elf, section);
	size_t size;
	const uint8_t *data = shdr ? elf_section_data(elf, shdr, &size) : NULL;

	return data && memmem(data, size, string, strlen(string) + 1);
}

bool elf_has_name(const struct bsl_elf *elf, const char *name)
{
	return section_has_string(elf, ".dynstr", name) || section_has_string(elf, ".strtab", name);
}

bool bsl_elf_has_exceptions(const struct bsl_elf *elf)
{
	static const char *const names[] = {
		"__cxa_throw",
		"__gxx_personality_v0",
		"_Unwind_Resume",
		"rust_eh_personality",
	};

	if (!elf_section_by_name(elf, ".gcc_except_table"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (elf_has_name(elf, names[i]))
			return true;
	return false;
}

int bsl_elf_addr_to_offset(const struct bsl_elf *elf, uint64_t addr, uint64_t *offset)
{
	if (elf->ehdr.e_type == ET_REL) {
		if (addr >= elf->size)
			return -ENOENT;
		*offset = addr;
		return 0;
	}
	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type != PT_LOAD || addr < phdr->p_vaddr ||
		    addr - phdr->p_vaddr >= phdr->p_filesz)
			continue;
		*offset = addr - phdr->p_vaddr + phdr->p_offset;
		return 0;
	}
	return -ENOENT;
}

int bsl_elf_offset_to_addr(const struct bsl_elf *elf, uint64_t offset, uint64_t *addr)
{
	const Elf64_Phdr *found = NULL;

	if (elf->ehdr.e_type == ET_REL) {
		if (offset >= elf->size)
			return -ENOENT;
		*addr = offset;
		return 0;
	}
	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type != PT_LOAD || offset < phdr->p_offset ||
		    offset - phdr->p_offset >= phdr->p_filesz)
			continue;
		/* linkers may put one page of the file into two segments: code is what's traced */
		if (!found || (!(found->p_flags & PF_X) && (phdr->p_flags & PF_X)))
			found = phdr;
	}
	if (!found)
		return -ENOENT;
	*addr = offset - found->p_offset + found->p_vaddr;
	return 0;
}

const void *bsl_elf_data(const struct bsl_elf *elf, uint64_t addr, size_t len)
{
	if (elf->ehdr.e_type == ET_REL)
		return elf_bytes(elf, addr, len);
	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];
		uint64_t skip = addr - phdr->p_vaddr;

		if (phdr->p_type != PT_LOAD || addr < phdr->p_vaddr || skip >= phdr->p_filesz ||
		    len > phdr->p_filesz - skip || phdr->p_offset > UINT64_MAX - skip)
			continue;
		return elf_bytes(elf, phdr->p_offset + skip, len);
	}
	return NULL;
}

bool elf_relatives_each(const struct bsl_elf *elf,
			bool (*fn)(uint64_t addr, uint64_t value, void *ctx), void *ctx)
{
	const struct machine *machine = machine_get(elf->ehdr.e_machine);
	const uint8_t *data;
	Elf64_Rela rela;
	size_t size;

	for (size_t i = 0; elf->is64 && machine && i < elf->nr_shdrs; i++) {
		if (elf->shdrs[i].sh_type != SHT_RELA || !(elf->shdrs[i].sh_flags & SHF_ALLOC))
			continue;
		data = elf_section_data(elf, &elf->shdrs[i], &size);
		for (size_t at = 0; size - at >= sizeof(rela); at += sizeof(rela)) {
			memcpy(&rela, data + at, sizeof(rela));
			if (ELF64_R_TYPE(rela.r_info) == machine->r_relative &&
			    fn(rela.r_offset, rela.r_addend, ctx))
				return true;
		}
	}
	return false;
}

struct pointer_wanted {
	uint64_t addr;
	uint64_t value;
};

static bool pointer_is(uint64_t addr, uint64_t value, void *ctx)
{
	struct pointer_wanted *wanted = ctx;

	wanted->value = value;
	return addr == wanted->addr;
}

bool elf_pointer_get(const struct bsl_elf *elf, uint64_t addr, uint64_t *value)
{
	struct pointer_wanted wanted = { .addr = addr };
	const void *data = bsl_elf_data(elf, addr, sizeof(*value));

	if (!data)
		return false;
	memcpy(value, data, sizeof(*value));
	if (elf_relatives_each(elf, pointer_is, &wanted))
		*value = wanted.value;
	return true;
}

int elf_note_next(const uint8_t *data, size_t size, size_t align, size_t *pos,
		  struct elf_note *note)
{
	size_t at = *pos, mask = align == 8 ? 7 : 3;
	Elf64_Nhdr nhdr;

	if (at >= size || size - at < sizeof(nhdr))
		return 0;
	memcpy(&nhdr, data + at, sizeof(nhdr));
	at += sizeof(nhdr);
	if (nhdr.n_namesz > size - at)
		return -EBADMSG;
	note->name = (const char *)data + at;
	note->name_size = nhdr.n_namesz;
	at = (at + nhdr.n_namesz + mask) & ~mask;
	if (at > size || nhdr.n_descsz > size - at)
		return -EBADMSG;
	note->desc = data + at;
	note->desc_size = nhdr.n_descsz;
	note->type = nhdr.n_type;
	/* the last note's padding may be missing */
	*pos = (at + nhdr.n_descsz + mask) & ~mask;
	return 1;
}

static const uint8_t *build_id_in(const uint8_t *data, size_t size, size_t align, size_t *len)
{
	struct elf_note note;
	size_t pos = 0;

	while (elf_note_next(data, size, align, &pos, &note) > 0)
		if (note.type == NT_GNU_BUILD_ID && note.name_size == 4 &&
		    !memcmp(note.name, "GNU", 4) && note.desc_size) {
			*len = note.desc_size;
			return note.desc;
		}
	return NULL;
}

const uint8_t *bsl_elf_build_id(const struct bsl_elf *elf, size_t *len)
{
	const uint8_t *data, *id;
	size_t size;

	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type != PT_NOTE)
			continue;
		data = elf_bytes(elf, phdr->p_offset, phdr->p_filesz);
		id = data ? build_id_in(data, phdr->p_filesz, phdr->p_align, len) : NULL;
		if (id)
			return id;
	}
	/* separate debug files and relocatable ones have it in a section only */
	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		if (elf->shdrs[i].sh_type != SHT_NOTE)
			continue;
		data = elf_section_data(elf, &elf->shdrs[i], &size);
		id = data ? build_id_in(data, size, elf->shdrs[i].sh_addralign, len) : NULL;
		if (id)
			return id;
	}
	*len = 0;
	return NULL;
}
