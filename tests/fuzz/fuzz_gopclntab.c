/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Any bytes as the .gopclntab of a Go program: put into an ELF file that has nothing else, at an
 * address that its text base can point into.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "elf_image.h"

#define BASE 0x400000

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[1];
	Elf64_Shdr shdrs[3];
	char names[32];
};

static int symbol_read(const struct bsl_symbol *sym, void *ctx)
{
	*(size_t *)ctx += strlen(sym->name);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file head = {
		.ehdr = ELF_IMAGE_HEADER(struct file, 1, 3),
		.phdrs[0] = { .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_vaddr = BASE,
			      .p_filesz = sizeof(head) + size,
			      .p_memsz = sizeof(head) + size },
		.shdrs[1] = { .sh_type = SHT_STRTAB,
			      .sh_offset = offsetof(struct file, names),
			      .sh_size = sizeof(head.names) },
		.shdrs[2] = { .sh_name = 1,
			      .sh_type = SHT_PROGBITS,
			      .sh_flags = SHF_ALLOC,
			      .sh_addr = BASE + sizeof(head),
			      .sh_offset = sizeof(head),
			      .sh_size = size },
		.names = "\0.gopclntab",
	};
	uint8_t *bytes = malloc(sizeof(head) + size);
	struct bsl_symbol sym;
	struct bsl_elf *elf;
	size_t sum = 0;

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), data, size);
	if (!bsl_elf_open_mem(bytes, sizeof(head) + size, &elf)) {
		bsl_elf_find_symbols(elf, "*", BSL_FIND_GLOB, symbol_read, &sum);
		for (uint64_t addr = BASE; addr < BASE + 0x400; addr += 0x10)
			if (!bsl_elf_symbol_at(elf, addr, &sym))
				symbol_read(&sym, &sum);
		bsl_elf_close(elf);
	}
	free(bytes);
	return 0;
}
