/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any text as /tmp/perf-PID.map. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsl_perf_symbol sym;
	struct bsl_perf_map *map;

	if (bsl_perf_map_parse((const char *)data, size, &map))
		return 0;
	for (uint64_t addr = 1; addr; addr <<= 1)
		if (!bsl_perf_map_symbol_at(map, addr, &sym) &&
		    (addr - sym.addr >= sym.size || strlen(sym.name) >= size))
			abort();
	bsl_perf_map_free(map);
	return 0;
}
