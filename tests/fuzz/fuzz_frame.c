/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as a file's .eh_frame: rows of an entry follow each other and end with it, whatever they say. */
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
	char names[16];
};

static int row_check(const struct bsl_frame_row *row, void *ctx)
{
	uint64_t *next = ctx;

	if (row->addr != *next || !row->size || row->addr + row->size < row->addr)
		abort();
	*next = row->addr + row->size;
	return 0;
}

static void frame_check(struct bsl_elf *elf, uint64_t addr)
{
	struct bsl_frame frame;
	uint64_t next;

	if (bsl_elf_frame_at(elf, addr, &frame))
		return;
	if (addr - frame.addr >= frame.size)
		abort();
	next = frame.addr;
	if (!bsl_elf_frame_rows(elf, &frame, row_check, &next) && next != frame.addr + frame.size)
		abort();
}

/* The compact form of all of it: in order, and ended. */
static void unwind_check(struct bsl_elf *elf)
{
	struct bsl_unwind *unwind;

	if (bsl_elf_unwind_read(elf, &unwind))
		return;
	for (size_t i = 0; i < unwind->nr; i++)
		if (i && unwind->rows[i].offset <= unwind->rows[i - 1].offset)
			abort();
	if (!unwind->nr || unwind->rows[unwind->nr - 1].kind != BSL_UNWIND_NONE)
		abort();
	bsl_unwind_free(unwind);
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
		.names = "\0.eh_frame",
	};
	uint8_t *bytes = malloc(sizeof(head) + size);
	struct bsl_elf *elf;
	int64_t distance;

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), data, size);
	if (!bsl_elf_open_mem(bytes, sizeof(head) + size, &elf)) {
		/* addresses that the bytes may name: of their own, and what they are relative to themselves */
		for (size_t at = 0; at + 8 <= size && at < 4096; at += 4) {
			memcpy(&distance, data + at, sizeof(distance));
			frame_check(elf, distance);
			frame_check(elf, BASE + sizeof(head) + at + (int32_t)distance);
		}
		unwind_check(elf);
		bsl_elf_close(elf);
	}
	free(bytes);
	return 0;
}
