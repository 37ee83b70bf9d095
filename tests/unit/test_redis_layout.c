/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_layout: what is no server.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <blazesym-lite.h>
#include <cmocka.h>

#include "redis/redis_layout.h"

static void test_other_programs_are_no_servers(void **state)
{
	struct redis_layout layout;
	struct redis_places places;
	struct bsl_elf *elf;
	char why[200] = "";

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(redis_layout_decode(elf, 0, "", &layout, &places, why, sizeof(why)),
			 -ENOENT);
	assert_non_null(strstr(why, "no function call"));
	bsl_elf_close(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_programs_are_no_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
