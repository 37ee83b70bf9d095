/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Builds small ELF files in memory, for tests that need one with given symbols or notes. */
#ifndef TEST_BSL_IMAGE_H
#define TEST_BSL_IMAGE_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_BASE 0x400000 /* address of .text, at offset IMAGE_TEXT */
#define IMAGE_TEXT 0x1000
#define IMAGE_TEXT_SIZE 0x1000
#define IMAGE_DATA_ADDR 0x602000 /* address of .data, at offset 0x2000 */
#define IMAGE_DATA 0x2000
#define IMAGE_DATA_SIZE 0x100

enum {
	SECTION_NULL,
	SECTION_TEXT,
	SECTION_DATA,
	SECTION_SYMTAB,
	SECTION_STRTAB,
	SECTION_NAMES,
	SECTION_NOTE,
	SECTION_BASE,
	SECTION_EXTRA,
	NR_SECTIONS
};

struct image_symbol {
	const char *name;
	uint64_t addr, size;
	int type, bind, section;
};

struct image {
	uint8_t data[0x8000];
	size_t size;
};

static inline Elf64_Shdr *image_section(struct image *image, int section)
{
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)image->data;

	return (Elf64_Shdr *)(image->data + ehdr->e_shoff) + section;
}

/* Appends bytes; returns their offset. */
static inline size_t image_append(struct image *image, const void *data, size_t size)
{
	size_t at = (image->size + 7) & ~(size_t)7;

	memcpy(image->data + at, data, size);
	image->size = at + size;
	return at;
}

static inline void image_section_set(struct image *image, int section, const char *name,
				     uint32_t type, const void *data, size_t size)
{
	Elf64_Shdr *names = image_section(image, SECTION_NAMES),
		   *shdr = image_section(image, section);

	shdr->sh_name = names->sh_size;
	strcpy((char *)image->data + names->sh_offset + names->sh_size, name);
	names->sh_size += strlen(name) + 1;
	shdr->sh_type = type;
	if (data) {
		shdr->sh_offset = image_append(image, data, size);
		shdr->sh_size = size;
	}
}

/* An executable with .text, .data and these symbols; .stapsdt.base stays at address 0x7000. */
static inline void image_build(struct image *image, const struct image_symbol *symbols, size_t nr)
{
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)image->data;
	Elf64_Phdr *phdr;
	Elf64_Shdr *names, *text, *data;
	Elf64_Sym syms[64] = { 0 };
	char strings[2048] = "";
	size_t len = 1;

	memset(image, 0, sizeof(*image));
	memcpy(ehdr->e_ident, ELFMAG, SELFMAG);
	ehdr->e_ident[EI_CLASS] = ELFCLASS64;
	ehdr->e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr->e_type = ET_EXEC;
	ehdr->e_machine = EM_X86_64;
	ehdr->e_phoff = sizeof(*ehdr);
	ehdr->e_phentsize = sizeof(*phdr);
	ehdr->e_phnum = 2;
	ehdr->e_shoff = 0x400;
	ehdr->e_shentsize = sizeof(Elf64_Shdr);
	ehdr->e_shnum = NR_SECTIONS;
	ehdr->e_shstrndx = SECTION_NAMES;
	phdr = (Elf64_Phdr *)(image->data + ehdr->e_phoff);
	phdr[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_offset = IMAGE_TEXT,
				.p_vaddr = IMAGE_BASE,
				.p_filesz = IMAGE_TEXT_SIZE,
				.p_memsz = IMAGE_TEXT_SIZE };
	phdr[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_W,
				.p_offset = IMAGE_DATA,
				.p_vaddr = IMAGE_DATA_ADDR,
				.p_filesz = IMAGE_DATA_SIZE,
				.p_memsz = IMAGE_DATA_SIZE * 2 };
	image->size = 0x3000;

	names = image_section(image, SECTION_NAMES);
	names->sh_offset = 0x800;
	names->sh_size = 1;
	image_section_set(image, SECTION_NAMES, ".shstrtab", SHT_STRTAB, NULL, 0);
	image_section_set(image, SECTION_TEXT, ".text", SHT_PROGBITS, NULL, 0);
	image_section_set(image, SECTION_DATA, ".data", SHT_PROGBITS, NULL, 0);
	text = image_section(image, SECTION_TEXT);
	text->sh_flags = SHF_ALLOC | SHF_EXECINSTR;
	text->sh_addr = IMAGE_BASE;
	text->sh_offset = IMAGE_TEXT;
	text->sh_size = IMAGE_TEXT_SIZE;
	data = image_section(image, SECTION_DATA);
	data->sh_flags = SHF_ALLOC | SHF_WRITE;
	data->sh_addr = IMAGE_DATA_ADDR;
	data->sh_offset = IMAGE_DATA;
	data->sh_size = IMAGE_DATA_SIZE;

	for (size_t i = 0; i < nr; i++) {
		Elf64_Sym *sym = &syms[i + 1];

		sym->st_name = len;
		len += strlen(strcpy(strings + len, symbols[i].name)) + 1;
		sym->st_value = symbols[i].addr;
		sym->st_size = symbols[i].size;
		sym->st_info = ELF64_ST_INFO(symbols[i].bind, symbols[i].type);
		sym->st_shndx = symbols[i].section;
	}
	image_section_set(image, SECTION_SYMTAB, ".symtab", SHT_SYMTAB, syms,
			  (nr + 1) * sizeof(*syms));
	image_section(image, SECTION_SYMTAB)->sh_link = SECTION_STRTAB;
	image_section_set(image, SECTION_STRTAB, ".strtab", SHT_STRTAB, strings, len);
	image_section_set(image, SECTION_BASE, ".stapsdt.base", SHT_PROGBITS, "", 1);
	image_section(image, SECTION_BASE)->sh_addr = 0x7000;
}

#endif /* TEST_BSL_IMAGE_H */
