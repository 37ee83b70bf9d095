/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as an ELF file: headers, symbols, notes and USDT sites. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "elf_memory_file.h"

/* Reads every string, so that one that doesn't end is noticed. */
static int symbol_read(const struct bsl_symbol *sym, void *ctx)
{
	*(size_t *)ctx += strlen(sym->name) + (sym->version ? strlen(sym->version) : 0);
	return 0;
}

static int usdt_read(const struct bsl_usdt *usdt, void *ctx)
{
	*(size_t *)ctx += strlen(usdt->provider) + strlen(usdt->name) + strlen(usdt->args_text);
	for (unsigned int i = 0; i < usdt->nargs && i < BSL_USDT_MAX_ARGS; i++)
		if (usdt->args[i].kind == BSL_ARG_UNSUPPORTED)
			*(size_t *)ctx += strlen(usdt->args[i].why);
	return 0;
}

static void addresses_try(struct bsl_elf *elf, const uint8_t *data, size_t size)
{
	struct bsl_function function;
	struct bsl_symbol sym;
	uint64_t value, out;
	char why[300];

	/* addresses that the file itself holds are the interesting ones */
	for (size_t at = 0; at + sizeof(value) <= size && at < 4096; at += sizeof(value)) {
		memcpy(&value, data + at, sizeof(value));
		bsl_elf_addr_to_offset(elf, value, &out);
		bsl_elf_offset_to_addr(elf, value, &out);
		if (bsl_elf_data(elf, value, 8))
			out = *(const volatile uint8_t *)bsl_elf_data(elf, value, 8);
		if (!bsl_elf_symbol_at(elf, value, &sym))
			out += strlen(sym.name);
		if (!bsl_elf_function_at(elf, value, &function) && function.name)
			out += strlen(function.name);
		if (bsl_elf_check_place(elf, value, at % 3, why, sizeof(why)) == -EPERM && !*why)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsl_elf *elf;
	char *near[2];
	size_t sum = 0;
	int nr;

	if (elf_memory_file_open(data, size, &elf))
		return 0;
	bsl_elf_type(elf);
	bsl_elf_is_go(elf);
	bsl_elf_build_id(elf, &sum);
	bsl_elf_find_symbols(elf, "*a*", BSL_FIND_GLOB | BSL_FIND_OBJECTS, symbol_read, &sum);
	bsl_elf_find_symbols(elf, "main", 0, symbol_read, &sum);
	bsl_elf_usdt_each(elf, usdt_read, &sum);
	nr = bsl_elf_suggest(elf, "mian", 0, near, 2);
	while (nr > 0)
		free(near[--nr]);
	addresses_try(elf, data, size);
	bsl_elf_close(elf);
	return 0;
}
