/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any file as a program with a language runtime: the places that are found by its instructions. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "runtime/runtime_private.h"

struct first_site {
	uint64_t addr, sema_addr;
};

static int take_site(const struct bsl_usdt *usdt, void *ctx)
{
	struct first_site *site = ctx;

	if (usdt->sema_addr && !site->addr)
		*site = (struct first_site){ usdt->addr, usdt->sema_addr };
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t handlers[RUNTIME_HANDLERS_MAX], guard, offset;
	struct first_site site = {};
	struct bsl_elf *elf;
	int count;

	if (bsl_elf_open_mem(data, size, &elf))
		return 0;
	bsl_elf_usdt_each(elf, take_site, &site);
	count = runtime_find_guards(elf, site.sema_addr, &site.addr, 1, &guard);
	if (count > 1 || (count == 1 && bsl_elf_addr_to_offset(elf, guard, &offset)))
		abort();
	/* Relocations are read from the file again: there is none. */
	count = runtime_find_php_handlers(elf, 62, handlers);
	for (int i = 0; i < count; i++)
		if (bsl_elf_addr_to_offset(elf, handlers[i], &offset))
			abort();
	bsl_elf_close(elf);
	return 0;
}
