/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as a server's executable: a layout lies within what is read of a client. */
#include <stdint.h>
#include <stdlib.h>

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
	if (!redis_layout_decode(elf, 0, "", &layout, &places, why, sizeof(why)) &&
	    (layout.span > REDIS_CLIENT_SPAN || layout.argc + 4 > layout.span ||
	     layout.argv + 8 > layout.span || !places.call))
		abort();
	bsl_elf_close(elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode_file(data, size);
	return 0;
}
