/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Shell patterns and edit distances. */
#include <array_size.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <fnmatch.h>

#include <blazesym-lite.h>

static const char *const patterns[] = {
	"",	 "*",	    "**",	  "?",		"a",	  "a*",	   "*a",    "*a*",
	"a*b*c", "a?c",	    "[abc]",	  "[a-c]x",	"[!a-c]", "[^a]",  "[]]",   "[]-a]",
	"[!]]",	 "[a-]",    "[-a]",	  "\\*",	"\\a",	  "a\\?b", "[\\]]", "[",
	"a[",	 "[a",	    "[!",	  "*[ab]*[cd]", "***a",	  "*b?",   "?*?",   "a*a*a*a*b",
	"[z-a]", "[a-c-e]", "str*_[0-9]", "\\",
};

static const char *const texts[] = {
	"",	     "a",	  "b",	     "c",     "ab",  "abc", "aXbYc", "ax", "dx", "]",
	"-",	     "*",	  "?",	     "a?b",   "axb", "[",   "a[",    "[a", "[!", "xaybzc",
	"aaaaaaaab", "aaaaaaaaa", "str_x_7", "str__", "\\",  "e",   "^",     "!",
};

static void test_glob_agrees_with_fnmatch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
			/* a last backslash: glibc never matches it, here it stands for itself */
			if (!strcmp(patterns[i], "\\"))
				continue;
			if (bsl_glob_match(patterns[i], texts[j]) !=
			    !fnmatch(patterns[i], texts[j], 0))
				fail_msg("'%s' on '%s': ours %d", patterns[i], texts[j],
					 bsl_glob_match(patterns[i], texts[j]));
		}
	}
}

static void test_glob_with_many_stars_ends_soon(void **state)
{
	char pattern[201], text[4001];
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[199] = 'b';
	pattern[200] = '\0';
	memset(text, 'a', 4000);
	text[4000] = '\0';
	assert_false(bsl_glob_match(pattern, text));
	assert_true((clock() - start) / (double)CLOCKS_PER_SEC < 1.0);
}

static void test_glob_tells_patterns_from_names(void **state)
{
	(void)state;
	assert_true(bsl_glob_is_pattern("str*"));
	assert_true(bsl_glob_is_pattern("s?r"));
	assert_true(bsl_glob_is_pattern("[ab]"));
	assert_false(bsl_glob_is_pattern("operator\\*"));
	assert_false(bsl_glob_is_pattern("strlen"));
	assert_false(bsl_glob_is_pattern(""));
}

static void test_edit_distance(void **state)
{
	char long_name[400];

	(void)state;
	assert_int_equal(bsl_edit_distance("", "", 3), 0);
	assert_int_equal(bsl_edit_distance("strlen", "strlen", 3), 0);
	assert_int_equal(bsl_edit_distance("strlen", "strlne", 3), 1); /* a swap */
	assert_int_equal(bsl_edit_distance("strlen", "strnlen", 3), 1);
	assert_int_equal(bsl_edit_distance("kitten", "sitting", 3), 3);
	assert_int_equal(bsl_edit_distance("kitten", "sitting", 2), 3); /* beyond the limit */
	assert_int_equal(bsl_edit_distance("abc", "", 5), 3);
	assert_int_equal(bsl_edit_distance("abcdef", "xyz", 4), 5);
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(bsl_edit_distance(long_name, long_name, 4), 5);
}

static void test_demangled_names_can_be_bare(void **state)
{
	static const struct {
		const char *name, *whole, *bare;
	} rows[] = {
		{ "_ZN3app3addEii", "app::add(int, int)", "app::add" },
		{ "_ZN3app5twiceIiEET_S1_", "int app::twice<int>(int)", "app::twice" },
		{ "_ZNSt6vectorIiSaIiEE9push_backERKi",
		  "std::vector<int, std::allocator<int> >::push_back(int const&)",
		  "std::vector::push_back" },
		{ "_ZN3appltIiEEbRKT_S3_", "bool app::operator< <int>(int const&, int const&)",
		  "app::operator< <int>" },
		{ "_ZN5hello5count17h0123456789abcdefE", "hello::count", "hello::count" },
		{ "_RINvCs1234_5hello5countjE", "hello::count::<usize>", "hello::count" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *whole = bsl_demangle(rows[i].name, 0);
		char *bare = bsl_demangle(rows[i].name, BSL_DEMANGLE_BARE);

		assert_string_equal(whole, rows[i].whole);
		assert_string_equal(bare, rows[i].bare);
		free(whole);
		free(bare);
	}
	assert_null(bsl_demangle("main", BSL_DEMANGLE_BARE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob_agrees_with_fnmatch),
		cmocka_unit_test(test_glob_with_many_stars_ends_soon),
		cmocka_unit_test(test_glob_tells_patterns_from_names),
		cmocka_unit_test(test_edit_distance),
		cmocka_unit_test(test_demangled_names_can_be_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
