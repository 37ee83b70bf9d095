/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Functions of stripped Go programs, from the table that their own tracebacks need. Layouts: Go's
 * src/debug/gosym/pclntab.go and src/runtime/symtab.go (pcHeader, moduledata). "text base" is what
 * function entries are counted from since Go 1.18.
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "gopclntab.h"

/* One layout. Header fields are numbered in words behind the 8 bytes that all have in common. */
struct layout {
	uint32_t magic;
	int text_base;	/* -1: entries are addresses */
	int names, cus; /* -1: names lie anywhere in the table */
	int functab;	/* -1: right behind the number of functions */
	bool narrow;	/* the function table has 32-bit entries, else words */
};

static const struct layout layouts[] = {
	{ 0xfffffffb, -1, -1, -1, -1, false }, /* 1.2 */
	{ 0xfffffffa, -1, 2, 3, 6, false },    /* 1.16 */
	{ 0xfffffff0, 2, 3, 4, 7, true },      /* 1.18 */
	{ 0xfffffff1, 2, 3, 4, 7, true },      /* 1.20 */
};

struct table {
	struct bsl_elf *elf;
	const uint8_t *data;
	size_t size;
	uint64_t addr; /* of data */
	const struct layout *layout;
	size_t word; /* 4 or 8 bytes */
	uint64_t text_base;
	unsigned int candidates; /* for the place of moduledata, so far */
	const uint8_t *functab;	 /* what functions' offsets count from, too */
	size_t functab_size;
	size_t nr;
};

static uint64_t number_get(const uint8_t *data, size_t size)
{
	uint32_t narrow;
	uint64_t wide;

	if (size == 4) {
		memcpy(&narrow, data, 4);
		return narrow;
	}
	memcpy(&wide, data, 8);
	return wide;
}

/* Header field i; 0 when the table ends before. */
static uint64_t header_get(const struct table *table, int i)
{
	size_t at = 8 + i * table->word;

	return at + table->word <= table->size ? number_get(table->data + at, table->word) : 0;
}

static bool table_find(struct bsl_elf *elf, struct table *table)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	const Elf64_Shdr *shdr = NULL;

	for (size_t i = 0; i < 2 && !shdr; i++)
		shdr = elf_section_by_name(elf, names[i]);
	if (!shdr)
		return false;
	table->elf = elf;
	table->data = elf_section_data(elf, shdr, &table->size);
	table->addr = shdr->sh_addr;
	if (!table->data || table->size < 8)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (layouts[i].magic == number_get(table->data, 4))
			table->layout = &layouts[i];
	table->word = table->data[7];
	/* two bytes of 0, the instruction size unit, the word size */
	return table->layout && !table->data[4] && !table->data[5] &&
	       (table->word == 8 || table->word == 4);
}

/* ---- the text base ---- */

/* Words of runtime.moduledata; the first two are checked before any other is believed. */
enum { MODULE_HEADER = 0, MODULE_NAMES = 1, MODULE_TEXT = 22, MODULE_ETEXT = 23 };

static bool in_code(const struct bsl_elf *elf, uint64_t addr)
{
	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type == PT_LOAD && (phdr->p_flags & PF_X) && addr >= phdr->p_vaddr &&
		    addr - phdr->p_vaddr <= phdr->p_memsz)
			return true;
	}
	return false;
}

/* True if a moduledata of this table lies at addr; then sets the text base. */
static bool moduledata_at(struct table *table, uint64_t addr)
{
	uint64_t names, text, etext;

	if (!elf_pointer_get(table->elf, addr + MODULE_NAMES * 8, &names) ||
	    names != table->addr + header_get(table, table->layout->names) ||
	    !elf_pointer_get(table->elf, addr + MODULE_TEXT * 8, &text) ||
	    !elf_pointer_get(table->elf, addr + MODULE_ETEXT * 8, &etext) || text >= etext ||
	    !in_code(table->elf, text) || !in_code(table->elf, etext))
		return false;
	table->text_base = text;
	return true;
}

/* Few words of a program are the table's address; each costs a walk through all relocations. */
#define MAX_CANDIDATES 64

static bool relative_is_moduledata(uint64_t addr, uint64_t value, void *ctx)
{
	struct table *table = ctx;

	return value == table->addr && table->candidates++ < MAX_CANDIDATES &&
	       moduledata_at(table, addr);
}

/* moduledata starts with a pointer to the table: in the file, or by a relocation. */
static bool moduledata_find(struct table *table)
{
	const struct bsl_elf *elf = table->elf;

	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		const Elf64_Shdr *shdr = &elf->shdrs[i];
		const uint8_t *data;
		size_t size;

		if (!(shdr->sh_flags & SHF_ALLOC) || (shdr->sh_flags & SHF_EXECINSTR) ||
		    shdr->sh_type != SHT_PROGBITS)
			continue;
		data = elf_section_data(elf, shdr, &size);
		for (size_t at = 0; size - at >= 8; at += 8)
			if (number_get(data + at, 8) == table->addr &&
			    table->candidates++ < MAX_CANDIDATES &&
			    moduledata_at(table, shdr->sh_addr + at))
				return true;
	}
	return elf_relatives_each(elf, relative_is_moduledata, table);
}

/*
 * Since Go 1.26 the header's field is 0, and in a PIE a relocation fills it in. Without a base that
 * something vouches for, no name is better than a wrong one.
 */
static bool text_base_find(struct table *table)
{
	int field = table->layout->text_base;

	if (field < 0)
		return true;
	if (table->word != 8) {
		table->text_base = header_get(table, field);
		return table->text_base != 0;
	}
	if (elf_pointer_get(table->elf, table->addr + 8 + field * 8, &table->text_base) &&
	    table->text_base)
		return in_code(table->elf, table->text_base);
	return moduledata_find(table);
}

/* ---- functions ---- */

static bool functab_find(struct table *table)
{
	uint64_t at = table->layout->functab < 0 ? 8 + table->word
						 : header_get(table, table->layout->functab);
	size_t entry = table->layout->narrow ? 8 : 2 * table->word;

	table->nr = header_get(table, 0);
	if (at > table->size)
		return false;
	/* function records are counted from the table itself in the oldest layout */
	table->functab = table->data + at;
	table->functab_size = table->size - at;
	/* behind the last entry stands the end of the last function */
	return table->nr && table->nr < table->functab_size / entry && table->nr < 1u << 30;
}

/* Entry i's address, i <= nr. */
static uint64_t function_addr(const struct table *table, size_t i)
{
	size_t width = table->layout->narrow ? 4 : table->word;

	return table->text_base + number_get(table->functab + i * 2 * width, width);
}

/* The function's name as an offset in the table's names, or -1. */
static int64_t function_name(const struct table *table, size_t i)
{
	size_t width = table->layout->narrow ? 4 : table->word;
	const uint8_t *base = table->layout->functab < 0 ? table->data : table->functab;
	size_t size = table->layout->functab < 0 ? table->size : table->functab_size;
	uint64_t at = number_get(table->functab + i * 2 * width + width, width);

	/* struct _func: the entry again, then the name */
	if (at > size || size - at < width + 4)
		return -1;
	return number_get(base + at + width, 4);
}

static bool names_find(const struct table *table, struct elf_strings *strings)
{
	uint64_t from = table->layout->names < 0 ? 0 : header_get(table, table->layout->names);
	uint64_t to = table->layout->cus < 0 ? table->size : header_get(table, table->layout->cus);

	if (from >= to || to > table->size)
		return false;
	while (to > from && table->data[to - 1])
		to--;
	strings->data = (const char *)table->data + from;
	strings->size = to - from;
	return true;
}

int gopclntab_read(struct bsl_elf *elf)
{
	struct table table = { 0 };
	struct elf_strings names;
	Elf64_Sym *syms;

	if (!table_find(elf, &table))
		return -ENOENT;
	if (!functab_find(&table) || !names_find(&table, &names))
		return -EBADMSG;
	if (!text_base_find(&table))
		return -ENOENT;
	syms = calloc(table.nr, sizeof(*syms));
	if (!syms)
		return -ENOMEM;
	for (size_t i = 0; i < table.nr; i++) {
		uint64_t addr = function_addr(&table, i), end = function_addr(&table, i + 1);
		int64_t name = function_name(&table, i);

		/* a broken entry stays an undefined symbol, which nobody sees */
		if (name < 0 || end <= addr)
			continue;
		syms[i].st_name = name;
		syms[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		syms[i].st_shndx = 1;
		syms[i].st_value = addr;
		syms[i].st_size = end - addr;
	}
	elf->made_symtab = syms;
	elf->symtab = (struct elf_symtab){
		.data = (const uint8_t *)syms,
		.nr = table.nr,
		.is64 = true,
		.strings = names,
	};
	return 0;
}
