/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What programs count, sum up and sort by powers of two, in a map keyed by their records (see
 * record.h): the layout of its values and its life. generate_aggregate.c makes the instructions
 * that fill it.
 */
#ifndef PROBE_RECORD_AGGREGATE_H
#define PROBE_RECORD_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/spec/ast.h"

struct output;
struct totals;

/*
 * A value is u64s: COUNT { count }, SUM { count, sum }, HIST { buckets }: of negative numbers, 0,
 * 1, [2, 4), [4, 8), ... [2^63, 2^64).
 */
#define AGGREGATE_BUCKETS 66

#define AGGREGATE_DEFAULT_KEYS 4096

/* u64s of a value; of AGGREGATE_NONE as of COUNT. */
unsigned int aggregate_values(enum aggregate kind);

/*
 * A map for so many keys of that size: with a value for each CPU where that takes little memory,
 * else one for all. Its descriptor, or a negative errno: -E2BIG when the kernel has no keys so
 * long.
 */
int aggregate_map_new(enum aggregate kind, uint32_t key_size, uint32_t max_keys);

/* Does the kernel take keys of this size? Before Linux 5.18 or so 512 bytes are the most. */
bool aggregate_takes_key(uint32_t key_size);

/*
 * Put what a map holds now into a totals of aggregate_values(kind). fixup, unless NULL, may change a
 * key first; two that become the same are one. 0 or negative errno.
 */
int aggregate_read(int map_fd, struct totals *totals, void (*fixup)(void *ctx, void *key),
		   void *ctx);

/*
 * Lines as bpftrace prints them: "[4, 8)    3 |@@@@@   |", from the first to the last bucket that
 * isn't empty.
 */
void aggregate_print_hist(const uint64_t *buckets, struct output *out);
/*
 * Buckets that aren't empty as "hist":[{"min":4,"max":7,"count":3},...]; the outer ones have one
 * end only.
 */
void aggregate_json_hist(const uint64_t *buckets, struct output *out);

#endif /* PROBE_RECORD_AGGREGATE_H */
