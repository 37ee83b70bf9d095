/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_rows: the order of nested commands, and blocked ones; redis/redis_stats: percentiles
 * and the slowest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis/redis_rows.h"
#include "redis/redis_stats.h"
#include "redis/redis_tables.h"

static char seen[256];

/* "sequence" and, for a blocked one, "+wait/run" */
static int see(void *ctx, const struct redis_row *row)
{
	size_t len = strlen(seen);

	(void)ctx;
	snprintf(seen + len, sizeof(seen) - len, "%llu", (unsigned long long)row->event->sequence);
	len = strlen(seen);
	if (row->has_blocked)
		snprintf(seen + len, sizeof(seen) - len, "+%llu/%llu%s%s",
			 (unsigned long long)row->wait_ns, (unsigned long long)row->run_ns,
			 row->is_blocked ? "!" : "", row->error_event ? "E" : "");
	strcat(seen, " ");
	return 0;
}

static struct redis_event call(uint64_t sequence, uint64_t root, unsigned int depth)
{
	return (struct redis_event){ .kind = REDIS_COMMAND,
				     .tid = 7,
				     .pid = 7,
				     .client = 0xc0,
				     .sequence = sequence,
				     .root = root,
				     .depth = depth };
}

static void feed(struct redis_rows *rows, struct redis_event event, bool reexecutes)
{
	assert_int_equal(redis_rows_add(rows, &event, sizeof(event), reexecutes), 0);
}

static void test_parents_come_before_what_they_called(void **state)
{
	struct redis_rows *rows = redis_rows_new(see, NULL);
	struct redis_event end = call(10, 10, 0);

	(void)state;
	seen[0] = 0;
	feed(rows, call(1, 1, 0), true);
	feed(rows, call(4, 2, 2), true);
	feed(rows, call(3, 2, 1), true);
	feed(rows, call(5, 2, 1), true);
	feed(rows, call(2, 2, 0), true);
	assert_string_equal(seen, "1 2 3 4 5 ");
	/* A parent whose record was lost, and one that isn't wanted itself. */
	seen[0] = 0;
	feed(rows, call(7, 6, 1), true);
	feed(rows, call(8, 8, 0), true);
	feed(rows, call(12, 10, 1), true);
	feed(rows, call(11, 10, 1), true);
	end.kind = REDIS_PARENT_END;
	feed(rows, end, true);
	feed(rows, call(14, 13, 1), true);
	assert_int_equal(redis_rows_flush(rows, 0, 0, REDIS_END_RUN), 0);
	assert_string_equal(seen, "7 8 11 12 14 ");
	redis_rows_free(rows);
}

static struct redis_event at(struct redis_event event, uint64_t start, uint64_t latency, int flags)
{
	event.start = start;
	event.latency = latency;
	event.flags = flags;
	event.argv = 0xa0;
	return event;
}

static struct redis_event kind(int kind, uint64_t start)
{
	struct redis_event event = call(99, 99, 0);

	event.kind = kind;
	event.start = start;
	return event;
}

static void test_a_blocked_command_ends_when_unblocked(void **state)
{
	struct redis_rows *rows = redis_rows_new(see, NULL);

	(void)state;
	seen[0] = 0;
	feed(rows, at(call(1, 1, 0), 100, 10, REDIS_FLAG_BLOCKED), false);
	assert_string_equal(seen, "");
	feed(rows, kind(REDIS_UNBLOCKED, 1110), false);
	assert_string_equal(seen, "1+1000/10 ");
	/* Its next command is another one, though its arguments be at the same place. */
	feed(rows, at(call(2, 2, 0), 1120, 5, 0), false);
	assert_string_equal(seen, "1+1000/10 2 ");
	redis_rows_free(rows);
}

static void test_a_command_run_again_is_one_row(void **state)
{
	struct redis_rows *rows = redis_rows_new(see, NULL);

	(void)state;
	seen[0] = 0;
	feed(rows, at(call(1, 1, 0), 100, 10, REDIS_FLAG_BLOCKED), true);
	feed(rows, kind(REDIS_UNBLOCKED, 1110), true);
	/* Somebody else was faster: it blocks again. */
	feed(rows, at(call(2, 2, 0), 1120, 5, REDIS_FLAG_BLOCKED), true);
	feed(rows, kind(REDIS_UNBLOCKED, 2110), true);
	feed(rows, at(call(3, 3, 0), 2120, 5, 0), true);
	assert_string_equal(seen, "1+2000/20 ");
	/* After a time-out there is no second run. */
	seen[0] = 0;
	feed(rows, at(call(4, 4, 0), 5000, 10, REDIS_FLAG_BLOCKED), true);
	feed(rows, kind(REDIS_TIMED_OUT, 6000), true);
	feed(rows, kind(REDIS_UNBLOCKED, 6010), true);
	feed(rows, at(call(5, 5, 0), 6020, 5, 0), true);
	assert_string_equal(seen, "4+1000/10 5 ");
	redis_rows_free(rows);
}

static void test_what_still_blocks_is_told_at_the_end(void **state)
{
	struct redis_rows *rows = redis_rows_new(see, NULL);

	(void)state;
	seen[0] = 0;
	feed(rows, at(call(1, 1, 0), 100, 10, REDIS_FLAG_BLOCKED), true);
	feed(rows, kind(REDIS_REJECTED, 500), true);
	assert_int_equal(redis_rows_flush(rows, 1110, 0, REDIS_END_RUN), 0);
	assert_string_equal(seen, "1+1000/10!E ");
	redis_rows_free(rows);
}

static void test_percentiles(void **state)
{
	struct redis_stat stat = { .max_ns = { 5000 } };

	(void)state;
	assert_int_equal(redis_stat_percentile(&stat, 0.5), 5000);
	stat.hist[8] = 98;			    /* 8 ns: [8, 9) */
	stat.hist[(12 - 2) * REDIS_HIST_STEPS] = 2; /* [4096, 4608) */
	assert_int_equal(redis_stat_percentile(&stat, 0.5), 9);
	assert_int_equal(redis_stat_percentile(&stat, 0.99), 4608);
	stat.max_ns[0] = 4100;
	assert_int_equal(redis_stat_percentile(&stat, 0.99), 4100);
}

static void test_the_slowest_are_kept(void **state)
{
	static const uint64_t times[] = { 5, 9, 1, 7, 9, 3 };
	const struct redis_client client = { .address = "unix" };
	struct redis_slow *slow = redis_slow_new(3);
	uint64_t least = 0;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct redis_event event = call(i, i, 0);
		struct redis_row row = { .event = &event,
					 .size = sizeof(event),
					 .run_ns = times[i] };

		least = redis_slow_add(slow, &row, &client, NULL);
	}
	assert_int_equal(least, 7);
	assert_int_equal(redis_slow_count(slow), 3);
	assert_int_equal(redis_slow_row(slow, 0)->row.event->sequence, 1);
	assert_int_equal(redis_slow_row(slow, 1)->row.event->sequence, 4);
	assert_int_equal(redis_slow_row(slow, 2)->row.event->sequence, 3);
	redis_slow_free(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parents_come_before_what_they_called),
		cmocka_unit_test(test_a_blocked_command_ends_when_unblocked),
		cmocka_unit_test(test_a_command_run_again_is_one_row),
		cmocka_unit_test(test_what_still_blocks_is_told_at_the_end),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_the_slowest_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
