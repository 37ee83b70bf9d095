/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as a server's executable, and as code: a layout lies within what is read of a client. */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "redis/redis_layout.h"

static void decode_file(const uint8_t *data, size_t size)
{
	struct redis_places places;
	struct redis_layout layout;
	struct bsl_elf *elf;
	char why[200];

	if (bsl_elf_open_mem(data, size, &elf))
		return;
	if (!redis_layout_decode(elf, NULL, &layout, &places, why, sizeof(why)) &&
	    (layout.span > REDIS_CLIENT_SPAN || layout.argc + 4 > layout.span ||
	     layout.argv + 8 > layout.span || !places.call))
		abort();
	bsl_elf_close(elf);
}

static void decode_code(int machine, const uint8_t *data, size_t size)
{
	struct redis_access access;
	uint8_t *exact;

	for (size_t at = 0; at < size; at += access.length) {
		if (redis_layout_access(machine, data + at, size - at, &access))
			return;
		if (!access.length || access.length > size - at || access.reg > 31 ||
		    access.base > 31)
			abort();
		/* its own bytes decide, nothing behind them */
		exact = malloc(access.length);
		memcpy(exact, data + at, access.length);
		if (redis_layout_access(machine, exact, access.length, &access))
			abort();
		free(exact);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode_file(data, size);
	decode_code(EM_X86_64, data, size);
	decode_code(EM_AARCH64, data, size);
	return 0;
}
