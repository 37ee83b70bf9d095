/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Any bytes as the notes of a file: those of its PT_NOTE segment, where the build id is, and those
 * of .note.stapsdt, where USDT sites are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "elf_image.h"

#define BASE 0x400000

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[2];
	Elf64_Shdr shdrs[4];
	char names[32];
};

static int usdt_read(const struct bsl_usdt *usdt, void *ctx)
{
	*(size_t *)ctx += strlen(usdt->provider) + strlen(usdt->name) + strlen(usdt->args_text);
	for (unsigned int i = 0; i < usdt->nargs && i < BSL_USDT_MAX_ARGS; i++)
		if (usdt->args[i].kind == BSL_ARG_UNSUPPORTED)
			*(size_t *)ctx += strlen(usdt->args[i].why);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file head = {
		.ehdr = ELF_IMAGE_HEADER(struct file, 2, 4),
		.phdrs = { { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = BASE,
			     .p_filesz = sizeof(head) + size,
			     .p_memsz = sizeof(head) + size },
			   { .p_type = PT_NOTE,
			     .p_offset = sizeof(head),
			     .p_filesz = size,
			     /* both alignments that notes have */
			     .p_align = size & 1 ? 4 : 8 } },
		.shdrs[1] = { .sh_type = SHT_STRTAB,
			      .sh_offset = offsetof(struct file, names),
			      .sh_size = sizeof(head.names) },
		.shdrs[2] = { .sh_name = 1,
			      .sh_type = SHT_NOTE,
			      .sh_offset = sizeof(head),
			      .sh_size = size },
		.shdrs[3] = { .sh_name = 15,
			      .sh_type = SHT_PROGBITS,
			      .sh_flags = SHF_ALLOC,
			      .sh_addr = BASE },
		.names = "\0.note.stapsdt\0.stapsdt.base",
	};
	uint8_t *bytes = malloc(sizeof(head) + size);
	size_t sum = 0, len = 0;
	struct bsl_elf *elf;
	const uint8_t *id;

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), data, size);
	if (!bsl_elf_open_mem(bytes, sizeof(head) + size, &elf)) {
		id = bsl_elf_build_id(elf, &len);
		for (size_t i = 0; i < len; i++)
			sum += id[i];
		bsl_elf_usdt_each(elf, usdt_read, &sum);
		bsl_elf_close(elf);
	}
	free(bytes);
	return 0;
}
