/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as an ELF file with DWARF, read by libdw on our behalf. */
#include <stdint.h>
#include <string.h>

#include <blazesym-lite.h>

#include "elf_memory_file.h"

/* All of it, so that the sanitizer sees what lies outside. */
static ssize_t read_string(const char *text)
{
	return text ? (ssize_t)strlen(text) : 0;
}

static int place_read(const struct bsl_dwarf_place *place, void *ctx)
{
	*(ssize_t *)ctx += read_string(place->name) + read_string(place->line.function) +
			   read_string(place->line.file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsl_line lines[4];
	struct bsl_elf *elf;
	ssize_t sum = 0;

	if (elf_memory_file_open(data, size, &elf))
		return 0;
	for (uint64_t addr = 0x1000; addr < 0x1080; addr += 8) {
		int nr = bsl_elf_lines(elf, addr, lines, 4);

		for (int i = 0; i < nr && i < 4; i++)
			if (read_string(lines[i].function) + read_string(lines[i].file) < 0)
				__builtin_trap();
	}
	bsl_elf_find_inlined(elf, "*a*", BSL_FIND_GLOB, place_read, &sum);
	bsl_elf_find_line(elf, "a.c", 3, place_read, &sum);
	if (sum < 0)
		__builtin_trap();
	bsl_elf_close(elf);
	return 0;
}
