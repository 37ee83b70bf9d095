/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A probe on a function of this program. */
#include "runtime/runtime_cost.h"

#include <blazesym-lite.h>

#include "lib/timestamp.h"

#define CALLS 2000

/* Must stay a function of its own, with a call at each turn. */
static __attribute__((noinline)) void probed(unsigned int turn)
{
	__asm__ volatile("" : : "r"(turn) : "memory");
}

static uint64_t time_calls(void)
{
	uint64_t begin = timestamp_now();

	for (unsigned int i = 0; i < CALLS; i++)
		probed(i);
	return timestamp_now() - begin;
}

/* Where the function is in our file. */
static int find_offset(uint64_t *offset)
{
	uint64_t address = (uintptr_t)probed;
	const struct bsl_map *map;
	struct bsl_maps *maps;
	int err = bsl_maps_read(0, &maps);

	if (err)
		return err;
	map = bsl_maps_find(maps, address);
	if (map)
		*offset = address - map->start + map->offset;
	bsl_maps_free(maps);
	return map ? 0 : -1;
}

uint64_t runtime_measure_hit_ns(const struct attach_features *features, int prog_fd)
{
	struct attach_place place = {};
	struct attach_uprobe_opts opts = {
		.path = "/proc/self/exe",
		.places = &place,
		.count = 1,
		.use_multi = features->uprobe_multi,
	};
	struct attach_set set = {};
	uint64_t plain, with = 0;
	size_t attached;

	if (find_offset(&place.offset))
		return 0;
	plain = time_calls();
	if (!attach_uprobes(&set, prog_fd, &opts, &attached))
		with = time_calls();
	attach_set_close(&set);
	return with > plain ? (with - plain) / CALLS : 0;
}
