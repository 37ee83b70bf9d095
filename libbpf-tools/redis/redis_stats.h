/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the kernel side has counted of each command, by periods: its totals only grow, in memory that
 * both sides see, so that no call is missed where one period ends and the next begins.
 */
#ifndef REDIS_STATS_H
#define REDIS_STATS_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "redis/redis_event.h"

struct redis_stats;

/* The maps, by their names in redis_count.bpf.h, and the number of the period there; borrowed. */
struct redis_stats_maps {
	int stats, stat_numbers, stats_free;
	__u32 *period;
};

/* Makes all elements available. NULL, and errno. */
struct redis_stats *redis_stats_new(const struct redis_stats_maps *maps);
void redis_stats_free(struct redis_stats *stats);

/*
 * End a period: what was counted in it, by total time, into *list, borrowed until the next call;
 * max_ns[0] is its maximum. Returns how many. What wasn't used for long enough makes room.
 */
size_t redis_stats_take(struct redis_stats *stats, const struct redis_stat **list);

/* A process that isn't wanted: what was counted of it is no part of any period. stats may be NULL. */
void redis_stats_forget(struct redis_stats *stats, pid_t pid);

/* The latency in ns that a share (0 to 1) of the calls doesn't exceed: the end of its histogram's slot. */
uint64_t redis_stat_percentile(const struct redis_stat *stat, double share);

#endif /* REDIS_STATS_H */
