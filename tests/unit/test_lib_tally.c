/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of a summary.
 */
#include <array_size.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/tally.h"

struct row {
	int what, count;
};

static int compare_what(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	return a->what - b->what;
}

static int compare_count(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	return b->count - a->count ?: compare_what(a, b);
}

static void count(struct tally *tally, int what)
{
	struct row *row = calloc(1, sizeof(*row));

	row->what = what;
	row = tally_row(tally, row);
	assert_non_null(row);
	row->count++;
}

static void test_rows_are_counted_and_sorted(void **state)
{
	static const int seen[] = { 3, 1, 2, 3, 2, 3, 9 }, expected[] = { 3, 2, 1, 9 };
	struct tally tally = { .compare = compare_what };
	struct row **rows;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		count(&tally, seen[i]);
	assert_int_equal(tally.count, 4);
	rows = (struct row **)tally_sort(&tally, compare_count);
	for (i = 0; i < 4; i++)
		assert_int_equal(rows[i]->what, expected[i]);
	assert_int_equal(rows[0]->count, 3);
	assert_null(rows[4]);
	free(rows);
	tally_clear(&tally);
	rows = (struct row **)tally_sort(&tally, compare_count);
	assert_null(rows[0]);
	free(rows);
	count(&tally, 1);
	assert_int_equal(tally.count, 1);
	tally_clear(&tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_counted_and_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
