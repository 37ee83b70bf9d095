/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From the kernel's clock (bpf_ktime_get_ns(): CLOCK_MONOTONIC nanoseconds) to what people read.
 */
#ifndef LIB_TIMESTAMP_H
#define LIB_TIMESTAMP_H

#include <stdint.h>

/* A value type: start it once; it caches what is expensive to compute (the local time of a minute). */
struct timestamp {
	uint64_t start_ns; /* CLOCK_MONOTONIC when started */
	int64_t minute;	   /* Unix minute of the cached text */
	char hh_mm[8];	   /* "HH:MM:" of it, local time */
	uint64_t wall_ns; /* of the wall clock when CLOCK_MONOTONIC was 0: kept until the clock is set */
};

/* It starts now. */
void timestamp_start(struct timestamp *ts);
/* CLOCK_MONOTONIC now. */
uint64_t timestamp_now(void);
/*
 * Nanoseconds since the epoch at the moment of ktime, as the wall clock is set now. As far apart as the ktimes are, and equal
 * for equal ones, unless the clock has been set by a millisecond or more in between.
 */
uint64_t timestamp_wall_ns(struct timestamp *ts, uint64_t ktime);
/* "HH:MM:SS", local time, of the moment of ktime. Returns buf. */
const char *timestamp_hms(struct timestamp *ts, uint64_t ktime, char buf[9]);
/* Seconds since the start, 0 for what happened before. */
double timestamp_offset(const struct timestamp *ts, uint64_t ktime);

#endif /* LIB_TIMESTAMP_H */
