/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of a summary: found by what they count, then put in an order. A row is a structure of the
 * tool's from malloc().
 */
#ifndef LIB_TALLY_H
#define LIB_TALLY_H

#include <stddef.h>

/* As for qsort(3), with two rows: 0 if they count the same. */
typedef int (*tally_compare)(const void *left, const void *right);

/* Zeroed, it is empty but for compare. */
struct tally {
	tally_compare compare;
	void *tree; /* tsearch(3)'s */
	size_t count;
};

/*
 * The row that counts the same as this one, which may be it. Takes row; one that isn't needed is
 * freed. NULL: out of memory; row is freed then, too.
 */
void *tally_row(struct tally *tally, void *row);
/*
 * All rows, in the order that compare gives, as an array that ends with NULL. free() it; the rows
 * stay the tally's. NULL: out of memory.
 */
void **tally_sort(const struct tally *tally, tally_compare compare);
/* Free all rows: the tally is empty again. */
void tally_clear(struct tally *tally);

#endif /* LIB_TALLY_H */
