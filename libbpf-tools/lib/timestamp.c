/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel time to readable time; see timestamp.h.
 */
#include "lib/timestamp.h"

#include <string.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ull
#define CLOCK_SET_NS 1000000ull /* off by more than that: somebody has set the clock */
#define COMPARE_NS 10000ull	/* apart, or we have been interrupted: again, so many times */
#define COMPARE_TRIES 10

static uint64_t timestamp_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

void timestamp_start(struct timestamp *ts)
{
	ts->start_ns = timestamp_now();
	ts->minute = -1;
	ts->hh_mm[0] = '\0';
	ts->wall_ns = 0;
}

uint64_t timestamp_now(void)
{
	return timestamp_clock(CLOCK_MONOTONIC);
}

/* Which wall time was CLOCK_MONOTONIC's 0? Between *low and *high: one clock is read after the other. */
static void timestamp_compare_clocks(uint64_t *low, uint64_t *high)
{
	uint64_t before = timestamp_now(), wall = timestamp_clock(CLOCK_REALTIME);

	*low = wall - timestamp_now();
	*high = wall - before;
}

uint64_t timestamp_wall_ns(struct timestamp *ts, uint64_t ktime)
{
	uint64_t low, high;

	timestamp_compare_clocks(&low, &high);
	if (ts->wall_ns + CLOCK_SET_NS < low || ts->wall_ns > high + CLOCK_SET_NS) {
		for (int i = 0; i < COMPARE_TRIES && high - low > COMPARE_NS; i++)
			timestamp_compare_clocks(&low, &high);
		ts->wall_ns = low + (high - low) / 2;
	}
	return ts->wall_ns + ktime;
}

const char *timestamp_hms(struct timestamp *ts, uint64_t ktime, char buf[9])
{
	uint64_t wall = timestamp_wall_ns(ts, ktime) / NSEC_PER_SEC;
	unsigned int second = wall % 60;
	time_t minute_start = wall - second;
	struct tm local;

	/* Zones differ from UTC by whole minutes since 1972, so that seconds need no conversion. */
	if ((int64_t)(wall / 60) != ts->minute) {
		if (!localtime_r(&minute_start, &local) ||
		    !strftime(ts->hh_mm, sizeof(ts->hh_mm), "%H:%M:", &local))
			memcpy(ts->hh_mm, "??:??:", 7);
		ts->minute = wall / 60;
	}
	memcpy(buf, ts->hh_mm, 6);
	buf[6] = '0' + second / 10;
	buf[7] = '0' + second % 10;
	buf[8] = '\0';
	return buf;
}

double timestamp_offset(const struct timestamp *ts, uint64_t ktime)
{
	return ktime > ts->start_ns ? (ktime - ts->start_ns) / 1e9 : 0;
}
