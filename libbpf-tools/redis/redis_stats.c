/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Statistics by periods, from totals. */
#include "redis/redis_stats.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define IDLE_MAX 2 /* periods without a call, and an element is given back */

struct redis_stats {
	struct redis_stats_maps maps;
	struct redis_stat *counted; /* the kernel side's */
	size_t mapped;
	struct redis_stat *shown; /* as they were at the end of the last period */
	struct redis_stat *list;
	unsigned int idle[REDIS_STATS_MAX];
};

struct redis_stats *redis_stats_new(const struct redis_stats_maps *maps)
{
	struct redis_stats *stats = calloc(1, sizeof(*stats));
	size_t page = sysconf(_SC_PAGESIZE), size = REDIS_STATS_MAX * sizeof(struct redis_stat);
	int err = 0;

	if (!stats)
		return NULL;
	stats->maps = *maps;
	stats->mapped = (size + page - 1) / page * page;
	stats->shown = calloc(REDIS_STATS_MAX, sizeof(*stats->shown));
	stats->list = calloc(REDIS_STATS_MAX, sizeof(*stats->list));
	stats->counted =
		mmap(NULL, stats->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, maps->stats, 0);
	if (stats->counted == MAP_FAILED) {
		err = errno;
		stats->counted = NULL;
	} else if (!stats->shown || !stats->list) {
		err = ENOMEM;
	}
	for (__u32 i = 0; i < REDIS_STATS_MAX && !err; i++)
		err = -bpf_map_update_elem(maps->stats_free, NULL, &i, 0);
	if (!err)
		return stats;
	redis_stats_free(stats);
	errno = err;
	return NULL;
}

void redis_stats_free(struct redis_stats *stats)
{
	if (!stats)
		return;
	if (stats->counted)
		munmap(stats->counted, stats->mapped);
	free(stats->shown);
	free(stats->list);
	free(stats);
}

/* What has been counted since then. False: nothing. */
static bool stat_subtract(struct redis_stat *stat, const struct redis_stat *now,
			  const struct redis_stat *then)
{
	stat->key = now->key;
	stat->calls = now->calls - then->calls;
	stat->errors = now->errors - then->errors;
	stat->total_ns = now->total_ns - then->total_ns;
	stat->bytes = now->bytes - then->bytes;
	for (size_t i = 0; i < REDIS_HIST_SLOTS; i++)
		stat->hist[i] = now->hist[i] - then->hist[i];
	return stat->calls || stat->errors;
}

/* Nobody's from now on. */
static void give_back(struct redis_stats *stats, __u32 i)
{
	struct redis_stat_key key = stats->counted[i].key;

	stats->counted[i].begun = stats->counted[i].calls; /* of a process that has ended */
	memset(&stats->counted[i].key, 0, sizeof(key));
	bpf_map_delete_elem(stats->maps.stat_numbers, &key);
	bpf_map_update_elem(stats->maps.stats_free, NULL, &i, 0);
	stats->idle[i] = 0;
}

void redis_stats_forget(struct redis_stats *stats, pid_t pid)
{
	for (size_t i = 0; stats && i < REDIS_STATS_MAX; i++) {
		if (stats->counted[i].key.pid != (__u64)pid)
			continue;
		give_back(stats, i);
		stats->shown[i] = stats->counted[i];
	}
}

/* Is one being executed? */
static bool is_under_way(const struct redis_stat *stat)
{
	return stat->begun != stat->calls && (!kill(stat->key.pid, 0) || errno != ESRCH);
}

static int by_total(const void *a, const void *b)
{
	const struct redis_stat *left = a, *right = b;

	return left->total_ns < right->total_ns ? 1 : left->total_ns > right->total_ns ? -1 : 0;
}

size_t redis_stats_take(struct redis_stats *stats, const struct redis_stat **list)
{
	unsigned int period = __atomic_fetch_add(stats->maps.period, 1, __ATOMIC_SEQ_CST) & 1;
	size_t count = 0;

	for (size_t i = 0; i < REDIS_STATS_MAX; i++) {
		struct redis_stat *counted = &stats->counted[i], now, *stat = &stats->list[count];

		if (!counted->key.pid)
			continue;
		memcpy(&now, counted, sizeof(now));
		counted->max_ns[period] = 0;
		stat->max_ns[0] = now.max_ns[period];
		if (stat_subtract(stat, &now, &stats->shown[i])) {
			stats->shown[i] = now;
			stats->idle[i] = 0;
			count++;
		} else if (++stats->idle[i] >= IDLE_MAX && !is_under_way(&now)) {
			give_back(stats, i);
		}
	}
	qsort(stats->list, count, sizeof(*stats->list), by_total);
	*list = stats->list;
	return count;
}

/* The first value beyond a slot. */
static uint64_t slot_end(unsigned int slot)
{
	unsigned int power = slot / REDIS_HIST_STEPS + 2, step = slot % REDIS_HIST_STEPS;

	if (slot < REDIS_HIST_STEPS)
		return slot + 1;
	return (1ull << power) + (uint64_t)(step + 1) * (1ull << (power - 3));
}

uint64_t redis_stat_percentile(const struct redis_stat *stat, double share)
{
	uint64_t seen = 0, total = 0, end;

	for (unsigned int i = 0; i < REDIS_HIST_SLOTS; i++)
		total += stat->hist[i];
	for (unsigned int i = 0; i < REDIS_HIST_SLOTS; i++) {
		seen += stat->hist[i];
		if (!stat->hist[i] || seen < share * total)
			continue;
		end = slot_end(i);
		return end < stat->max_ns[0] ? end : stat->max_ns[0];
	}
	return stat->max_ns[0];
}
