/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of numbers by their keys, which are any bytes: a hash table that only grows.
 */
#ifndef PROBE_RECORD_TOTALS_H
#define PROBE_RECORD_TOTALS_H

#include <stddef.h>
#include <stdint.h>

struct totals;

/* values: u64s a row. NULL when out of memory. */
struct totals *totals_new(unsigned int values);
void totals_free(struct totals *totals);

/* The values of a key, zero if it is new; they stay where they are. NULL when out of memory. */
uint64_t *totals_values(struct totals *totals, const void *key, size_t size);

/* Set all values to zero, to be summed up again; what they were when last reported is kept. */
void totals_restart(struct totals *totals);

struct totals_row {
	const void *key;
	size_t size;
	const uint64_t *values;
};

/*
 * The rows that have changed since the last call, the highest rank first (equal ones by their
 * keys), with by how much their values grew since then: valid until the next call. Returns their
 * number, or -ENOMEM.
 */
int totals_changes(struct totals *totals, int64_t (*rank)(const uint64_t *values),
		   const struct totals_row **rows);

#endif /* PROBE_RECORD_TOTALS_H */
