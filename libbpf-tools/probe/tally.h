/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of numbers by their keys, which are any bytes: a hash table that only grows.
 */
#ifndef PROBE_TALLY_H
#define PROBE_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally;

/* values: u64s a row. NULL when out of memory. */
struct tally *tally_new(unsigned int values);
void tally_free(struct tally *tally);

/* The values of a key, zero if it is new; they stay where they are. NULL when out of memory. */
uint64_t *tally_values(struct tally *tally, const void *key, size_t size);

/* Set all values to zero, to be summed up anew; what they were when told last is kept. */
void tally_restart(struct tally *tally);

struct tally_row {
	const void *key;
	size_t size;
	const uint64_t *values;
};

/*
 * The rows that have changed since the last call, the highest rank first (equal ones by their
 * keys), with by how much their values grew since then: valid until the next call. Returns their
 * number, or -ENOMEM.
 */
int tally_changes(struct tally *tally, int64_t (*rank)(const uint64_t *values),
		  const struct tally_row **rows);

#endif /* PROBE_TALLY_H */
