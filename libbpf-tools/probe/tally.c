/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Open addressing over an array of rows, each one block of memory: header, values, values as last
 * told, key.
 */
#include "probe/tally.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64

struct row {
	uint64_t hash;
	size_t size;		/* of the key */
	uint64_t values[];	/* now; as last told; the key's bytes */
};

/* A changed row and what it is sorted by. */
struct change {
	struct tally_row row;
	int64_t rank;
};

struct tally {
	unsigned int width;	/* values a row */
	struct row **slots;	/* NULL: free */
	size_t slot_count;	/* a power of two */
	size_t count;
	/* Of the last tally_changes(). */
	struct tally_row *changes;
	uint64_t *growth;
};

static void *row_key(const struct tally *tally, struct row *row)
{
	return row->values + 2 * tally->width;
}

/* FNV-1a (draft-eastlake-fnv). */
static uint64_t hash_bytes(const void *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ull;
	return hash;
}

struct tally *tally_new(unsigned int values)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return NULL;
	tally->width = values;
	tally->slot_count = FIRST_SLOTS;
	tally->slots = calloc(FIRST_SLOTS, sizeof(*tally->slots));
	if (tally->slots)
		return tally;
	free(tally);
	return NULL;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->slot_count; i++)
		free(tally->slots[i]);
	free(tally->slots);
	free(tally->changes);
	free(tally->growth);
	free(tally);
}

/* Where the key is, or is to be put. */
static struct row **find_slot(const struct tally *tally, uint64_t hash, const void *key, size_t size)
{
	size_t at = hash & (tally->slot_count - 1);

	for (;; at = (at + 1) & (tally->slot_count - 1)) {
		struct row *row = tally->slots[at];

		if (!row || (row->hash == hash && row->size == size &&
			     !memcmp(row_key(tally, row), key, size)))
			return &tally->slots[at];
	}
}

/* Keep at least half of the slots free. 0 or -ENOMEM. */
static int tally_grow(struct tally *tally)
{
	struct tally bigger = *tally;

	if (2 * (tally->count + 1) <= tally->slot_count)
		return 0;
	bigger.slot_count *= 2;
	bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < tally->slot_count; i++) {
		struct row *row = tally->slots[i];

		if (row)
			*find_slot(&bigger, row->hash, row_key(tally, row), row->size) = row;
	}
	free(tally->slots);
	*tally = bigger;
	return 0;
}

uint64_t *tally_values(struct tally *tally, const void *key, size_t size)
{
	uint64_t hash = hash_bytes(key, size);
	struct row **slot = find_slot(tally, hash, key, size), *row = *slot;

	if (row)
		return row->values;
	if (tally_grow(tally))
		return NULL;
	row = calloc(1, sizeof(*row) + 2 * tally->width * sizeof(*row->values) + size);
	if (!row)
		return NULL;
	row->hash = hash;
	row->size = size;
	memcpy(row_key(tally, row), key, size);
	*find_slot(tally, hash, key, size) = row;
	tally->count++;
	return row->values;
}

void tally_restart(struct tally *tally)
{
	for (size_t i = 0; i < tally->slot_count; i++)
		if (tally->slots[i])
			memset(tally->slots[i]->values, 0, tally->width * sizeof(uint64_t));
}

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	size_t size = a->row.size < b->row.size ? a->row.size : b->row.size;

	if (a->rank != b->rank)
		return a->rank < b->rank ? 1 : -1;
	return memcmp(a->row.key, b->row.key, size);
}

/* What a row grew by since it was last told, into growth[]. False: nothing. */
static bool take_growth(const struct tally *tally, struct row *row, uint64_t *growth)
{
	uint64_t *told = row->values + tally->width;
	bool changed = false;

	for (unsigned int v = 0; v < tally->width; v++) {
		growth[v] = row->values[v] - told[v];
		changed |= growth[v] != 0;
		told[v] = row->values[v];
	}
	return changed;
}

int tally_changes(struct tally *tally, int64_t (*rank)(const uint64_t *values),
		  const struct tally_row **rows)
{
	struct change *changes = calloc(tally->count + 1, sizeof(*changes));
	size_t count = 0;

	free(tally->changes);
	free(tally->growth);
	tally->changes = calloc(tally->count + 1, sizeof(*tally->changes));
	tally->growth = calloc(tally->count + 1, tally->width * sizeof(*tally->growth));
	if (!changes || !tally->changes || !tally->growth || tally->count > INT_MAX) {
		free(changes);
		return -ENOMEM;
	}
	for (size_t i = 0; i < tally->slot_count; i++) {
		uint64_t *growth = tally->growth + count * tally->width;
		struct row *row = tally->slots[i];

		if (row && take_growth(tally, row, growth))
			changes[count++] = (struct change){
				{row_key(tally, row), row->size, growth}, rank(growth)};
	}
	qsort(changes, count, sizeof(*changes), compare_changes);
	for (size_t i = 0; i < count; i++)
		tally->changes[i] = changes[i].row;
	free(changes);
	*rows = tally->changes;
	return (int)count;
}
