/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From records to rows and objects, a hit each; or to what hits were added up to.
 */
#ifndef PROBE_PRINT_H
#define PROBE_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/probe.h"

struct print;

struct print_opts {
	/* All borrowed. */
	struct output *out;
	struct probe *probes; /* their places are numbered as in the records */
	size_t probe_count;
	const char *msg_filter; /* only messages that contain it, or NULL */
	/* Columns. */
	bool time, offset, unix_time, cpu;
	bool addresses;		  /* in stacks */
	enum aggregate aggregate; /* made by the programs, in the probes' maps */
	bool add_up;		  /* count equal records, to be printed by print_summary(): -A */
	uint64_t max_hits;	  /* with add_up: end after so many; 0: never */
};

/* Times count from here. NULL when out of memory. */
struct print *print_new(const struct print_opts *opts);
void print_free(struct print *print);

void print_header(struct print *print);

/*
 * To be called every 100 ms or so: keeps up with what processes map, where that is needed for
 * stacks.
 */
void print_update(struct print *print);

/*
 * A record as received, for struct events_opts: 0, what output_end() returned, or a negative errno.
 */
int print_record(void *print, const void *data, size_t size);

/*
 * What was added up since the last summary, the most first. map_fds: of each probe's aggregate;
 * NULL with add_up. 0, or as print_record().
 */
int print_summary(struct print *print, const int *map_fds);

/* Warn of records that were none, and of stack frames without a name. */
void print_tell(const struct print *print);

#endif /* PROBE_PRINT_H */
