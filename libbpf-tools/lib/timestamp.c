/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel time to readable time; see timestamp.h.
 */
#include "lib/timestamp.h"

#include <string.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ull

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
}

uint64_t timestamp_now(void)
{
	return timestamp_clock(CLOCK_MONOTONIC);
}

uint64_t timestamp_wall_ns(uint64_t ktime)
{
	return timestamp_clock(CLOCK_REALTIME) - timestamp_now() + ktime;
}

const char *timestamp_hms(struct timestamp *ts, uint64_t ktime, char buf[9])
{
	uint64_t wall = timestamp_wall_ns(ktime) / NSEC_PER_SEC;
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
