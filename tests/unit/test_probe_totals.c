/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Counts by key, and what is told of them when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/output.h"
#include "probe/record/aggregate.h"
#include "probe/record/totals.h"

static int64_t by_first(const uint64_t *values)
{
	return (int64_t)values[0];
}

static void add(struct totals *totals, const char *key, uint64_t first, uint64_t second)
{
	uint64_t *values = totals_values(totals, key, strlen(key));

	assert_non_null(values);
	values[0] += first;
	values[1] += second;
}

static void test_rows_are_sorted_by_rank_then_key(void **state)
{
	struct totals *totals = totals_new(2);
	const struct totals_row *rows;

	(void)state;
	add(totals, "b", 1, 0);
	add(totals, "a", 1, 0);
	add(totals, "low", (uint64_t)-5, 0);
	add(totals, "high", 1, 7);
	add(totals, "high", 1, 1);
	assert_int_equal(totals_changes(totals, by_first, &rows), 4);
	assert_memory_equal(rows[0].key, "high", 4);
	assert_int_equal(rows[0].values[1], 8);
	assert_memory_equal(rows[1].key, "a", 1);
	assert_memory_equal(rows[2].key, "b", 1);
	assert_memory_equal(rows[3].key, "low", 3);
	totals_free(totals);
}

static void test_what_was_told_is_not_told_again(void **state)
{
	struct totals *totals = totals_new(2);
	const struct totals_row *rows;

	(void)state;
	add(totals, "x", 5, 0);
	add(totals, "y", 6, 0);
	assert_int_equal(totals_changes(totals, by_first, &rows), 2);
	assert_int_equal(totals_changes(totals, by_first, &rows), 0);
	/* Read anew from a map that only grows. */
	totals_restart(totals);
	add(totals, "x", 5, 0);
	add(totals, "y", 6, 3);
	add(totals, "z", 1, 0);
	assert_int_equal(totals_changes(totals, by_first, &rows), 2);
	assert_memory_equal(rows[0].key, "z", 1);
	assert_memory_equal(rows[1].key, "y", 1);
	assert_int_equal(rows[1].values[0], 0);
	assert_int_equal(rows[1].values[1], 3);
	totals_free(totals);
}

static void test_many_keys_stay_apart(void **state)
{
	struct totals *totals = totals_new(1);
	const struct totals_row *rows;

	(void)state;
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t key = 0; key < 5000; key++)
			totals_values(totals, &key, sizeof(key))[0] += key;
	assert_int_equal(totals_changes(totals, by_first, &rows), 4999); /* 0 came to nothing */
	for (uint32_t i = 0; i < 4999; i++) {
		uint32_t key;

		memcpy(&key, rows[i].key, sizeof(key));
		assert_int_equal(key, 4999 - i);
		assert_int_equal(rows[i].values[0], 2 * key);
	}
	totals_free(totals);
}

static void test_histogram_is_printed_as_bpftrace_prints_it(void **state)
{
	static const char expected[] =
		"(..., 0)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[0]                    0 |                                                    |\n"
		"[1]                    0 |                                                    |\n"
		"[2, 4)                 4 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"[4, 8)                 1 |@@@@@@@@@@@@@                                       |\n";
	uint64_t buckets[AGGREGATE_BUCKETS] = { [0] = 2, [3] = 4, [4] = 1 };
	struct output_opts opts = {};
	char text[1024] = "";
	struct output *out;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	opts.fd = fds[1];
	out = output_new(&opts);
	aggregate_print_hist(buckets, out);
	memset(buckets, 0, sizeof(buckets));
	buckets[11] = buckets[12] = buckets[65] = 1;
	output_flush(out);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, expected);
	aggregate_print_hist(buckets, out);
	output_flush(out);
	memset(text, 0, sizeof(text));
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_memory_equal(text, "[512, 1K)  ", 11);
	assert_non_null(strstr(text, "\n[1K, 2K)  "));
	output_free(out);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_sorted_by_rank_then_key),
		cmocka_unit_test(test_what_was_told_is_not_told_again),
		cmocka_unit_test(test_many_keys_stay_apart),
		cmocka_unit_test(test_histogram_is_printed_as_bpftrace_prints_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
