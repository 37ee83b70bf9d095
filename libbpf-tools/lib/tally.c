/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of a summary; see tally.h.
 */
#include "lib/tally.h"

#include <search.h>
#include <stdlib.h>

void *tally_row(struct tally *tally, void *row)
{
	void **found = row ? tsearch(row, &tally->tree, tally->compare) : NULL;

	if (!found || *found != row)
		free(row);
	else
		tally->count++;
	return found ? *found : NULL;
}

static void tally_collect(const void *node, VISIT visit, void *ctx)
{
	void ***next = ctx;

	if (visit == postorder || visit == leaf)
		*(*next)++ = *(void *const *)node;
}

static int tally_compare_places(const void *left, const void *right, void *ctx)
{
	tally_compare *compare = ctx;

	return (*compare)(*(void *const *)left, *(void *const *)right);
}

void **tally_sort(const struct tally *tally, tally_compare compare)
{
	void **rows = calloc(tally->count + 1, sizeof(*rows)), **next = rows;

	if (!rows)
		return NULL;
	twalk_r(tally->tree, tally_collect, &next);
	qsort_r(rows, tally->count, sizeof(*rows), tally_compare_places, &compare);
	return rows;
}

void tally_clear(struct tally *tally)
{
	tdestroy(tally->tree, free);
	tally->tree = NULL;
	tally->count = 0;
}
