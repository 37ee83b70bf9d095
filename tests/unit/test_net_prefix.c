/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists of prefixes.
 */
#include <arpa/inet.h>
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/prefix.h"

static char why[256];

static void test_prefixes_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *again;
		int family;
		unsigned int bits;
	} good[] = {
		{ "192.0.2.7", "192.0.2.7", AF_INET, 32 },
		{ "10.0.0.0/8", "10.0.0.0/8", AF_INET, 8 },
		{ "0.0.0.0/0", "0.0.0.0/0", AF_INET, 0 },
		{ "192.0.2.7/32", "192.0.2.7", AF_INET, 32 },
		{ "2001:DB8::/32", "2001:db8::/32", AF_INET6, 32 },
		{ "::/0", "::/0", AF_INET6, 0 },
		{ "::1/128", "::1", AF_INET6, 128 },
		{ "fe80::/10", "fe80::/10", AF_INET6, 10 },
	};
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(prefix_parse(good[i].text, strlen(good[i].text), &prefix, why,
					      sizeof(why)),
				 0);
		assert_int_equal(prefix.family, good[i].family);
		assert_int_equal(prefix.bits, good[i].bits);
		assert_string_equal(prefix_format(&prefix, text), good[i].again);
	}
}

static void test_what_is_no_prefix_is_refused(void **state)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{ "", "expected an IP address" },
		{ "10", "expected an IP address" },
		{ "10.0.0", "expected an IP address" },
		{ "10.0.0.256", "expected an IP address" },
		{ "1.2.3.4/33", "from 0 to 32" },
		{ "1.2.3.4/", "from 0 to 32" },
		{ "1.2.3.4/-1", "from 0 to 32" },
		{ "::/129", "from 0 to 128" },
		{ "10.1.0.0/8", "is 10.0.0.0/8 meant" },
		{ "10.0.0.128/24", "is 10.0.0.0/24 meant" },
		{ "2001:db8::1/64", "is 2001:db8::/64 meant" },
		{ "fe80::1%eth0", "expected an IP address" },
		{ "1.2.3.4 ", "expected an IP address" },
		{ "1111111111111111111111111111111111111111111111111111111111111111111",
		  "expected" },
	};
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(prefix_parse(bad[i].text, strlen(bad[i].text), &prefix, why,
					      sizeof(why)),
				 -EINVAL);
		assert_non_null(strstr(why, bad[i].word));
	}
	assert_int_equal(prefix_parse("1.2.3.4\0", 8, &prefix, why, sizeof(why)), -EINVAL);
}

static int read_text(struct prefix_list *list, const char *text)
{
	char path[] = "/tmp/test_net_prefix.XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err = prefix_list_read(list, path, true, why, sizeof(why));
	unlink(path);
	return err;
}

static void assert_found(const struct prefix_list *list, const char *address, const char *expected)
{
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	char text[PREFIX_TEXT_MAX];
	const struct prefix *found;
	uint8_t binary[16];

	assert_int_equal(inet_pton(family, address, binary), 1);
	found = prefix_list_find(list, family, binary);
	assert_string_equal(found ? prefix_format(found, text) : "none", expected);
}

static void test_the_longest_prefix_is_found(void **state)
{
	struct prefix_list list = {};

	(void)state;
	assert_int_equal(
		read_text(&list,
			  "10.0.0.0/8\n\n  # all\n\t10.1.0.0/16 # part\r\n10.1.2.3\n2001:db8::/32\n"
			  "10.1.0.0/16\n::/0"),
		0);
	assert_int_equal(list.count, 6);
	assert_int_equal(prefix_list_finish(&list, why, sizeof(why)), 0);
	assert_int_equal(list.count, 5);
	assert_found(&list, "10.1.2.3", "10.1.2.3");
	assert_found(&list, "10.1.2.4", "10.1.0.0/16");
	assert_found(&list, "10.2.0.1", "10.0.0.0/8");
	assert_found(&list, "11.0.0.0", "none");
	assert_found(&list, "2001:db8::9", "2001:db8::/32");
	assert_found(&list, "::ffff:10.1.2.3", "::/0");
	prefix_list_clear(&list);
	assert_found(&list, "10.1.2.3", "none");
}

static void test_contradictions_and_bad_lines_are_refused(void **state)
{
	struct prefix_list list = {};
	struct prefix prefix;

	(void)state;
	assert_int_equal(read_text(&list, "10.0.0.0/8\n\n10.0.0.1/8\n"), -EINVAL);
	assert_non_null(strstr(why, ":3: it has bits behind its length"));
	assert_int_equal(prefix_list_read(&list, "/nothing", true, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "/nothing: No such file or directory");
	assert_int_equal(prefix_parse("10.0.0.0/8", 10, &prefix, why, sizeof(why)), 0);
	assert_int_equal(prefix_list_add(&list, &prefix), 0);
	assert_int_equal(prefix_list_finish(&list, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "10.0.0.0/8 is both blocked and allowed");
	prefix_list_clear(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes_are_read_and_written),
		cmocka_unit_test(test_what_is_no_prefix_is_refused),
		cmocka_unit_test(test_the_longest_prefix_is_found),
		cmocka_unit_test(test_contradictions_and_bad_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
