/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "Did you mean": which names are near enough, and how they are put.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "probe/spec/suggest.h"

/* The suggestion for a name out of others, given with blanks between. */
static void assert_suggests(const char *wanted, const char *names, const char *text)
{
	struct suggest near = { .wanted = wanted };
	char copy[512];

	strcpy(copy, names);
	for (char *name = strtok(copy, " "); name; name = strtok(NULL, " "))
		suggest_add(&near, name);
	assert_string_equal(suggest_text(&near), text);
}

static void test_the_nearest_alone(void **state)
{
	(void)state;
	assert_suggests("vfs_reed", "vfs_write vfs_rename vfs_read", " (did you mean 'vfs_read'?)");
	assert_suggests("vfs_reed", "vfs_read vfs_rename vfs_write", " (did you mean 'vfs_read'?)");
}

static void test_equally_near_ones_sorted_and_once(void **state)
{
	(void)state;
	assert_suggests("sizes", "sizeb sizea sizeb", " (did you mean 'sizea' or 'sizeb'?)");
	assert_suggests("sizes", "sized sizea sizec sizeb",
			" (did you mean 'sizea', 'sizeb' or 'sizec'?)");
	assert_suggests("sizes", "sizea sizeb sizec sized",
			" (did you mean 'sizea', 'sizeb' or 'sizec'?)");
}

static void test_what_is_too_far_is_not_suggested(void **state)
{
	(void)state;
	/* More than a third of the letters. */
	assert_suggests("open", "close openat2 read", "");
	assert_suggests("a", "b c", "");
	/* The name itself is known to be wrong. */
	assert_suggests("open", "open", "");
	assert_suggests("op*n", "open", "");
	assert_suggests("open", "", "");
}

static void test_distances_of_the_callers_own(void **state)
{
	struct suggest near = { .wanted = "f" };

	(void)state;
	suggest_add_at(&near, "f.isra.0", 0);
	suggest_add_at(&near, "g", 1);
	assert_string_equal(suggest_text(&near), " (did you mean 'f.isra.0'?)");
}

static void test_long_names_fit_or_are_left_out(void **state)
{
	struct suggest near = { .wanted = "x" };
	char name[SUGGEST_NAME_SIZE + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[SUGGEST_NAME_SIZE] = '\0';
	suggest_add_at(&near, name, 1);
	assert_int_equal(near.count, 0);
	name[SUGGEST_NAME_SIZE - 1] = '\0';
	for (char c = 'a'; c < 'e'; c++) {
		name[0] = c;
		suggest_add_at(&near, name, 1);
	}
	assert_int_equal(near.count, SUGGEST_MAX);
	assert_int_equal(strlen(suggest_text(&near)),
			 strlen(" (did you mean '', '' or ''?)") + 3 * (SUGGEST_NAME_SIZE - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_nearest_alone),
		cmocka_unit_test(test_equally_near_ones_sorted_and_once),
		cmocka_unit_test(test_what_is_too_far_is_not_suggested),
		cmocka_unit_test(test_distances_of_the_callers_own),
		cmocka_unit_test(test_long_names_fit_or_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
