/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Name servers' answers: what is in them is found, and what is wrong is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns.h"

#define HEADER(flags, answers) "\0\7" flags "\0\1\0" answers "\0\0\0\0"
#define QUESTION "\3www\7example\0\0\1\0\1"
#define RECORD(type, len) "\xc0\x0c\0" type "\0\1\0\0\0\x3c\0" len

struct seen {
	int count;
	char text[256];
};

static void note(void *ctx, const char *name, int family, const uint8_t *address)
{
	char number[INET6_ADDRSTRLEN];
	struct seen *seen = ctx;
	size_t used = strlen(seen->text);

	seen->count++;
	inet_ntop(family, address, number, sizeof(number));
	snprintf(seen->text + used, sizeof(seen->text) - used, "%s=%s ", name, number);
}

static int parse(const char *message, size_t len, struct seen *seen)
{
	*seen = (struct seen){};
	return dns_parse((const uint8_t *)message, len, note, seen);
}

#define PARSE(literal, seen) parse(literal, sizeof(literal) - 1, seen)

static void test_addresses_get_the_name_asked_for(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(PARSE(HEADER("\x81\x80", "\3") QUESTION RECORD(
				       "\5", "\2") "\xc0\x10" /* CNAME, compressed */
			       RECORD("\1", "\4") "\xc0\0\2\1" RECORD(
				       "\x1c", "\x10") "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
			       &seen),
			 2);
	assert_string_equal(seen.text, "www.example=192.0.2.1 www.example=2001:db8::1 ");
}

static void test_questions_and_failures_have_no_addresses(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(PARSE(HEADER("\x01\x00", "\0") QUESTION, &seen), -EINVAL);
	assert_int_equal(PARSE(HEADER("\x81\x83", "\0") QUESTION, &seen), -EINVAL);
	assert_int_equal(PARSE(HEADER("\x81\x80", "\0") QUESTION, &seen), 0);
	assert_int_equal(PARSE("", &seen), -EINVAL);
}

static void test_a_message_cut_anywhere_is_refused(void **state)
{
	static const char message[] = HEADER("\x81\x80", "\1")
		QUESTION RECORD("\1", "\4") "\xc0\0\2\1";
	struct seen seen;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(message) - 1; len++) {
		assert_int_equal(parse(message, len, &seen), -EINVAL);
		assert_int_equal(seen.count, 0);
	}
	assert_int_equal(parse(message, len, &seen), 1);
}

static void test_names_that_never_end_are_refused(void **state)
{
	struct seen seen;

	(void)state;
	/* A pointer to itself, two to each other, a label type that doesn't exist. */
	assert_int_equal(PARSE(HEADER("\x81\x80", "\1") "\xc0\x0c\0\1\0\1", &seen), -EINVAL);
	assert_int_equal(PARSE(HEADER("\x81\x80", "\1") "\xc0\x0e\xc0\x0c\0\1\0\1", &seen),
			 -EINVAL);
	assert_int_equal(PARSE(HEADER("\x81\x80", "\1") "\x40"
							"a\0\0\1\0\1",
			       &seen),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_get_the_name_asked_for),
		cmocka_unit_test(test_questions_and_failures_have_no_addresses),
		cmocka_unit_test(test_a_message_cut_anywhere_is_refused),
		cmocka_unit_test(test_names_that_never_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
