/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From records to rows and objects, a hit each; or to what hits were added up to.
 */
#ifndef PROBE_PRINT_H
#define PROBE_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/row.h"
#include "probe/probe.h"

struct print;

/* trace's options that columns depend on; the first one stands for those of all totals. */
enum { PRINT_KEY_TOTAL = 0x1000, PRINT_KEY_COUNT, PRINT_KEY_SUM, PRINT_KEY_HIST, PRINT_KEY_OTHER };

/* Of hits, and of totals. */
extern const struct row_table print_hits, print_totals;

struct unwind;

struct print_opts {
	/* All borrowed. */
	struct row_printer *rows;
	struct probe *probes; /* their places are numbered as in the records */
	size_t probe_count;
	const char *msg_filter;	  /* only messages that contain it, or NULL */
	bool cpu;		  /* with add_up: hits on other CPUs are others */
	bool addresses;		  /* in stacks */
	enum aggregate aggregate; /* made by the programs, in the probes' maps */
	bool add_up;		  /* count equal records, to be printed by print_summary(): -A */
	struct unwind *unwind;	  /* what finishes user stacks; NULL: they are as recorded */
	uint64_t max_hits;	  /* with add_up: end after so many; 0: never */
};

/* NULL when out of memory. */
struct print *print_new(const struct print_opts *opts);
void print_free(struct print *print);

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
