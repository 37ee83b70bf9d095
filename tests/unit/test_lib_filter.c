/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is chosen becomes numbers that programs compare; what nothing can pass is refused.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/filter.h"

static void test_everything_but_ourselves_by_default(void **state)
{
	struct choice choice = { .uid = CHOICE_ANY_UID };
	struct filter filter;

	(void)state;
	assert_int_equal(filter_open(&filter, &choice), 0);
	assert_int_equal(filter.config.self, getpid());
	assert_int_equal(filter.config.uid, FILTER_ANY_UID);
	assert_int_equal(filter.config.pid_count + filter.config.name_count, 0);
	filter_close(&filter);
	choice.include_self = true;
	assert_int_equal(filter_open(&filter, &choice), 0);
	assert_int_equal(filter.config.self, 0);
	filter_close(&filter);
}

/* As bpf/filter.bpf.h does it. */
static bool matches(const struct filter_name *name, const char comm[16])
{
	uint64_t words[2];

	memcpy(words, comm, 16);
	for (uint32_t at = 0; at < name->places; at++) {
		if ((words[0] & name->mask[0]) == name->text[0] &&
		    (words[1] & name->mask[1]) == name->text[1])
			return true;
		words[0] = words[0] >> 8 | words[1] << 56;
		words[1] >>= 8;
	}
	return false;
}

static void test_a_name_is_found_wherever_it_is(void **state)
{
	static const char *const texts[] = { "a", "bc", "worker/3", "worker/3:1",
					     "0123456789abcde" };
	struct choice choice = { .uid = CHOICE_ANY_UID };
	struct filter filter;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		choice.names[choice.name_count++] = texts[i];
	assert_int_equal(filter_open(&filter, &choice), 0);
	assert_int_equal(filter.config.name_count, 5);
	for (size_t i = 0; i < 5; i++) {
		size_t len = strlen(texts[i]);

		for (size_t at = 0; at + len <= 15; at++) {
			char comm[16] = "...............", other[16] = "...............";

			memcpy(comm + at, texts[i], len);
			assert_true(matches(&filter.config.names[i], comm));
			/* All but its last byte. */
			memcpy(other + at, texts[i], len - 1);
			assert_false(matches(&filter.config.names[i], other));
		}
	}
	filter_close(&filter);
}

static void test_what_nothing_can_pass_is_refused(void **state)
{
	struct filter filter;

	(void)state;
	assert_int_equal(filter_open(&filter,
				     &(struct choice){ .pids = { 4194303 }, .pid_count = 1 }),
			 -ESRCH);
	filter_close(&filter);
	assert_int_equal(filter_open(&filter, &(struct choice){ .tid = 4194303 }), -ESRCH);
	filter_close(&filter);
	assert_int_equal(filter_open(&filter, &(struct choice){ .ppid = 4194303 }), -ESRCH);
	filter_close(&filter);
	assert_int_equal(filter_open(&filter, &(struct choice){ .cgroup = "/tmp" }), -EOPNOTSUPP);
	filter_close(&filter);
	assert_int_equal(filter_open(&filter, &(struct choice){ .cgroup = "/no/such/dir" }),
			 -ENOENT);
	filter_close(&filter);
	assert_int_equal(filter_open(&filter, &(struct choice){ .cgroup = "/etc/passwd" }),
			 -ENOTDIR);
	filter_close(&filter);
}

static void *choose_myself(void *result)
{
	struct choice choice = { .pids = { gettid() }, .pid_count = 1, .uid = CHOICE_ANY_UID };
	struct filter filter;

	*(int *)result = filter_open(&filter, &choice);
	filter_close(&filter);
	return NULL;
}

static void test_a_thread_is_no_process(void **state)
{
	pthread_t thread;
	int result = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, choose_myself, &result), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, -EINVAL);
	choose_myself(&result);
	assert_int_equal(result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_but_ourselves_by_default),
		cmocka_unit_test(test_a_name_is_found_wherever_it_is),
		cmocka_unit_test(test_what_nothing_can_pass_is_refused),
		cmocka_unit_test(test_a_thread_is_no_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
