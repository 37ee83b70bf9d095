/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any text as /proc/PID/maps. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsl_maps *maps;

	if (bsl_maps_parse((const char *)data, size, &maps))
		return 0;
	for (size_t i = 0; i < maps->nr; i++) {
		const struct bsl_map *map = &maps->maps[i];

		if (strlen(map->path) > size)
			abort();
		if (map->start < map->end && bsl_maps_find(maps, map->start) != map)
			abort();
	}
	bsl_maps_find(maps, 0);
	bsl_maps_free(maps);
	return 0;
}
