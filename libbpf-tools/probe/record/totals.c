/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Open addressing over an array of rows, each one block of memory: header, values, values as last
 * reported, key.
 */
#include "probe/record/totals.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64

struct row {
	uint64_t hash;
	size_t size;	   /* of the key */
	uint64_t values[]; /* now; as last reported; the key's bytes */
};

/* A changed row and what it is sorted by. */
struct change {
	struct totals_row row;
	int64_t rank;
};

struct totals {
	unsigned int width; /* values a row */
	struct row **slots; /* NULL: free */
	size_t slot_count;  /* a power of two */
	size_t count;
	/* Of the last totals_changes(). */
	struct totals_row *changes;
	uint64_t *growth;
};

static void *row_key(const struct totals *totals, struct row *row)
{
	return row->values + 2 * totals->width;
}

/* FNV-1a (draft-eastlake-fnv). */
static uint64_t hash_bytes(const void *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ull;
	return hash;
}

struct totals *totals_new(unsigned int values)
{
	struct totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return NULL;
	totals->width = values;
	totals->slot_count = FIRST_SLOTS;
	totals->slots = calloc(FIRST_SLOTS, sizeof(*totals->slots));
	if (totals->slots)
		return totals;
	free(totals);
	return NULL;
}

void totals_free(struct totals *totals)
{
	if (!totals)
		return;
	for (size_t i = 0; i < totals->slot_count; i++)
		free(totals->slots[i]);
	free(totals->slots);
	free(totals->changes);
	free(totals->growth);
	free(totals);
}

/* Where the key is, or is to be put. */
static struct row **find_slot(const struct totals *totals, uint64_t hash, const void *key,
			      size_t size)
{
	size_t at = hash & (totals->slot_count - 1);

	for (;; at = (at + 1) & (totals->slot_count - 1)) {
		struct row *row = totals->slots[at];

		if (!row || (row->hash == hash && row->size == size &&
			     !memcmp(row_key(totals, row), key, size)))
			return &totals->slots[at];
	}
}

/* Keep at least half of the slots free. 0 or -ENOMEM. */
static int totals_grow(struct totals *totals)
{
	struct totals bigger = *totals;

	if (2 * (totals->count + 1) <= totals->slot_count)
		return 0;
	bigger.slot_count *= 2;
	bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < totals->slot_count; i++) {
		struct row *row = totals->slots[i];

		if (row)
			*find_slot(&bigger, row->hash, row_key(totals, row), row->size) = row;
	}
	free(totals->slots);
	*totals = bigger;
	return 0;
}

uint64_t *totals_values(struct totals *totals, const void *key, size_t size)
{
	uint64_t hash = hash_bytes(key, size);
	struct row **slot = find_slot(totals, hash, key, size), *row = *slot;

	if (row)
		return row->values;
	if (totals_grow(totals))
		return NULL;
	row = calloc(1, sizeof(*row) + 2 * totals->width * sizeof(*row->values) + size);
	if (!row)
		return NULL;
	row->hash = hash;
	row->size = size;
	memcpy(row_key(totals, row), key, size);
	*find_slot(totals, hash, key, size) = row;
	totals->count++;
	return row->values;
}

void totals_restart(struct totals *totals)
{
	for (size_t i = 0; i < totals->slot_count; i++)
		if (totals->slots[i])
			memset(totals->slots[i]->values, 0, totals->width * sizeof(uint64_t));
}

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	size_t size = a->row.size < b->row.size ? a->row.size : b->row.size;

	if (a->rank != b->rank)
		return a->rank < b->rank ? 1 : -1;
	return memcmp(a->row.key, b->row.key, size);
}

/* What a row grew by since it was last reported, into growth[]. False: nothing. */
static bool take_growth(const struct totals *totals, struct row *row, uint64_t *growth)
{
	uint64_t *reported = row->values + totals->width;
	bool changed = false;

	for (unsigned int v = 0; v < totals->width; v++) {
		growth[v] = row->values[v] - reported[v];
		changed |= growth[v] != 0;
		reported[v] = row->values[v];
	}
	return changed;
}

int totals_changes(struct totals *totals, int64_t (*rank)(const uint64_t *values),
		   const struct totals_row **rows)
{
	struct change *changes = calloc(totals->count + 1, sizeof(*changes));
	size_t count = 0;

	free(totals->changes);
	free(totals->growth);
	totals->changes = calloc(totals->count + 1, sizeof(*totals->changes));
	totals->growth = calloc(totals->count + 1, totals->width * sizeof(*totals->growth));
	if (!changes || !totals->changes || !totals->growth || totals->count > INT_MAX) {
		free(changes);
		return -ENOMEM;
	}
	for (size_t i = 0; i < totals->slot_count; i++) {
		uint64_t *growth = totals->growth + count * totals->width;
		struct row *row = totals->slots[i];

		if (row && take_growth(totals, row, growth))
			changes[count++] =
				(struct change){ { row_key(totals, row), row->size, growth },
						 rank(growth) };
	}
	qsort(changes, count, sizeof(*changes), compare_changes);
	for (size_t i = 0; i < count; i++)
		totals->changes[i] = changes[i].row;
	free(changes);
	*rows = totals->changes;
	return (int)count;
}
