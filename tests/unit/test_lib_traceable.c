/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ftrace's lists of functions, with and without addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/traceable.h"

static void test_functions_of_one_name_are_told_apart_by_address(void **state)
{
	char *text = strdup("ffffffff81000104 vfs_read\n"
			    "ffffffff81000200 mmio_read\n"
			    "ffffffffc0000008 dummy_xmit [dummy]\n");
	struct traceable list;

	(void)state;
	assert_int_equal(traceable_parse(&list, text, true), 0);
	assert_int_equal(list.count, 3);
	/* Behind endbr64, at the start, and behind what arm64 has there. */
	assert_true(traceable_has(&list, 0xffffffff81000100, "vfs_read"));
	assert_true(traceable_has(&list, 0xffffffff81000200, "mmio_read"));
	assert_true(traceable_has(&list, 0xffffffffc0000000, "dummy_xmit"));
	assert_false(traceable_has(&list, 0xffffffff81000300, "mmio_read"));
	assert_false(traceable_has(&list, 0xffffffff810000f0, "vfs_read"));
	traceable_free(&list);
}

static void test_names_alone_and_how_many_have_them(void **state)
{
	char *text = strdup("b_show\na_show\nb_show [veth]\n\nc\t[x]\nb_sho");
	struct traceable list;
	size_t count;

	(void)state;
	assert_int_equal(traceable_parse(&list, text, false), 0);
	assert_string_equal(*traceable_find(&list, "b_show", &count), "b_show");
	assert_int_equal(count, 2);
	assert_non_null(traceable_find(&list, "b_sho", &count));
	assert_int_equal(count, 1);
	assert_null(traceable_find(&list, "b_sh", &count));
	assert_int_equal(count, 0);
	assert_true(traceable_has(&list, 0x1234, "c"));
	assert_false(traceable_has(&list, 0x1234, "veth"));
	traceable_free(&list);
}

static void test_strange_lists_are_no_harm(void **state)
{
	static const char *const texts[] = { "", "\n", "\n\n", "zz", "12", "12 ", " x", "[dummy]" };
	struct traceable list;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (int has_addrs = 0; has_addrs < 2; has_addrs++) {
			assert_int_equal(traceable_parse(&list, strdup(texts[i]), has_addrs), 0);
			assert_false(traceable_has(&list, 0x100000, "vfs_read"));
			traceable_free(&list);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_of_one_name_are_told_apart_by_address),
		cmocka_unit_test(test_names_alone_and_how_many_have_them),
		cmocka_unit_test(test_strange_lists_are_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
