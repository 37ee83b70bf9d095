/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any text as /proc/kallsyms. */
#include <stdint.h>
#include <string.h>

#include <blazesym-lite.h>

static int symbol_read(const struct bsl_kernel_symbol *sym, void *ctx)
{
	*(size_t *)ctx += strlen(sym->name) + strlen(sym->module);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsl_kernel_symbol sym;
	struct bsl_kernel *kernel;
	size_t sum = 0;

	if (bsl_kernel_parse((const char *)data, size, &kernel))
		return 0;
	bsl_kernel_find_symbols(kernel, "*", BSL_FIND_GLOB, symbol_read, &sum);
	for (uint64_t addr = 1; addr; addr <<= 1)
		if (!bsl_kernel_symbol_at(kernel, addr, &sym))
			symbol_read(&sym, &sum);
	bsl_kernel_close(kernel);
	return 0;
}
