/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of xdpcount from counts.
 */
#include "replay.h"

#include "xdpcount.c"
#undef main

static void replay_events(struct tool *tool, void *ctx)
{
	struct row counted[] = {
		{ .source = { XDPCOUNT_IPV4, { 192, 0, 2, 1 } }, .counts = { 7, 420, 0, 0 } },
		{ .source = { XDPCOUNT_OTHERS }, .counts = { 1, 60, 0, 0 } },
		{ .source = { XDPCOUNT_IPV4, { 192, 0, 2, 2 } },
		  .counts = { 9000000000ull, 540000000000ull, 9, 540 } },
		{ .source = { XDPCOUNT_NOT_IP }, .counts = { 0, 0, 0, 0 } },
		{ .source = { XDPCOUNT_IPV6, { 0x20, 1, 0xd, 0xb8, [15] = 7 } },
		  .counts = { 3, 180, 3, 180 } },
	};
	struct env *env = ctx;
	size_t i;

	(void)tool;
	for (i = 0; i < ARRAY_SIZE(counted); i++) {
		counted[i].interface = "eth0";
		counted[i].now = REPLAY_START + 1000000000;
		counted[i].all_packets = 9000000011ull;
		counted[i].seconds = 2;
	}
	qsort(counted, ARRAY_SIZE(counted), sizeof(*counted), compare_rows);
	assert_int_equal(print_rows(env, counted, fold_others(env, counted, ARRAY_SIZE(counted))),
			 0);
}

REPLAY("xdpcount", "xdpcount eth0", "xdpcount -t 1 eth0", "xdpcount --json eth0",
       "xdpcount --columns kind,interface,bit_s eth0")
