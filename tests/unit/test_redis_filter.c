/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_filter: which rows are shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "redis/redis_filter.h"
#include "redis/redis_keys.h"
#include "redis/redis_print.h"
#include "redis/redis_server.h"

static const struct redis_client client = { .id = 7, .address = "127.0.0.1:4711", .user = "alice" },
				 over_ipv6 = { .id = 7, .address = "[::1]:4711" };
static const struct redis_event event = { .client_id = 7, .argc = 3 };
static const struct redis_row row = { .run_ns = 3000, .wait_ns = 2000 };

/* MGET user:1 other, by a client called me, which failed. */
static struct redis_shown shown = {
	.row = &row,
	.client = &client,
	.command = { .event = &event,
		     .args = { { .data = "MGET", .kept = 4, .len = 4 },
			       { .data = "user:1", .kept = 6, .len = 6 },
			       { .data = "other", .kept = 5, .len = 5 } },
		     .count = 3,
		     .name = { .data = "me", .kept = 2, .len = 2 } },
	.error = "WRONGTYPE Operation against a key",
};

static bool matches(struct redis_filter filter)
{
	return redis_filter_matches(&filter, &shown);
}

/* How many could not be decided. */
static uint64_t filter_unknown(const char *glob)
{
	struct redis_filter filter = { .keys = glob };

	assert_false(redis_filter_matches(&filter, &shown));
	return filter.unknown;
}

static void test_without_wishes_all_rows_are_shown(void **state)
{
	(void)state;
	assert_true(matches((struct redis_filter){}));
}

static void test_errors_by_code(void **state)
{
	(void)state;
	assert_true(matches((struct redis_filter){ .errors = "any" }));
	assert_true(matches((struct redis_filter){ .errors = "OOM,wrongtype" }));
	assert_false(matches((struct redis_filter){ .errors = "WRONG" }));
	assert_false(matches((struct redis_filter){ .errors = "WRONGTYPES,OOM" }));
	assert_false(matches((struct redis_filter){ .errors = "" }));
	shown.error[0] = 0;
	assert_false(matches((struct redis_filter){ .errors = "any" }));
	strcpy(shown.error, "WRONGTYPE");
	assert_true(matches((struct redis_filter){ .errors = ",WRONGTYPE" }));
}

static void test_any_of_the_keys_may_match(void **state)
{
	(void)state;
	assert_false(matches((struct redis_filter){ .keys = "user:*" })); /* not known */
	shown.keys = redis_keys_find("mget", 4);
	assert_true(matches((struct redis_filter){ .keys = "user:*" }));
	assert_true(matches((struct redis_filter){ .keys = "oth?r" }));
	assert_false(matches((struct redis_filter){ .keys = "MGET" }));
	assert_false(matches((struct redis_filter){ .keys = "user" }));
	/* Only its beginning is known, which may be enough. */
	shown.command.args[1].len = shown.command.args[2].len = 600;
	assert_true(matches((struct redis_filter){ .keys = "user:*" }));
	assert_false(matches((struct redis_filter){ .keys = "users*" }));
	assert_int_equal(filter_unknown("*:tail"), 1);
	assert_int_equal(filter_unknown("oter*"), 0);
	shown.command.args[1].len = 6;
	shown.command.args[2].len = 5;
}

static void test_clients_by_address_number_and_name(void **state)
{
	(void)state;
	assert_true(matches((struct redis_filter){ .client = "127.0.0.1:4711" }));
	assert_true(matches((struct redis_filter){ .client = "7" }));
	assert_true(matches((struct redis_filter){ .client = "me" }));
	assert_false(matches((struct redis_filter){ .client = "m" }));
	assert_true(matches((struct redis_filter){ .client = "127.0.0.1" }));
	assert_false(matches((struct redis_filter){ .client = "127.0.0." }));
	assert_true(matches((struct redis_filter){ .user = "alice" }));
	assert_false(matches((struct redis_filter){ .user = "bob" }));
	shown.client = &over_ipv6;
	assert_true(matches((struct redis_filter){ .client = "::1" }));
	assert_false(matches((struct redis_filter){ .client = "" }));
	shown.client = &client;
}

static void test_waiting_counts_as_time(void **state)
{
	(void)state;
	assert_true(matches((struct redis_filter){ .min_ns = 5000 }));
	assert_false(matches((struct redis_filter){ .min_ns = 5001 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_wishes_all_rows_are_shown),
		cmocka_unit_test(test_errors_by_code),
		cmocka_unit_test(test_any_of_the_keys_may_match),
		cmocka_unit_test(test_clients_by_address_number_and_name),
		cmocka_unit_test(test_waiting_counts_as_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
