/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records of execsnoop: their parts, whole, cut and inconsistent.
 */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec_record.h"
#include "lib/path.h"

/* One with these parts, in memory of just its size, so that a sanitizer sees what is read beyond. */
struct parts {
	const char *file, *interpreter, *cwd, *args;
	size_t cwd_len, args_len;
};

static struct execsnoop_event *make(const struct parts *parts, size_t *size)
{
	struct execsnoop_event *event = calloc(1, sizeof(*event));
	size_t at = 0;

	assert_non_null(event);
	event->dirfd = AT_FDCWD;
	event->file_len = strlen(parts->file) + 1;
	memcpy(event->text, parts->file, event->file_len);
	at += event->file_len;
	if (parts->interpreter) {
		event->interpreter_len = strlen(parts->interpreter) + 1;
		memcpy(event->text + at, parts->interpreter, event->interpreter_len);
		at += event->interpreter_len;
	}
	if (parts->cwd) {
		event->cwd_len = parts->cwd_len;
		memcpy(event->text + at, parts->cwd, parts->cwd_len);
		at += parts->cwd_len;
	}
	event->args_len = parts->args_len;
	memcpy(event->text + at, parts->args, parts->args_len);
	at += parts->args_len;
	*size = offsetof(struct execsnoop_event, text) + at;
	event = realloc(event, *size);
	assert_non_null(event);
	return event;
}

static void test_parts_are_found(void **state)
{
	const struct parts parts = { .file = "/s",
				     .interpreter = "/i",
				     .cwd = "b\0a",
				     .cwd_len = 4,
				     .args = "zero\0one\0\0last",
				     .args_len = 15 };
	char path[EXEC_PROGRAM_SIZE], line[EXEC_LINE_SIZE], cwd[PATH_JOINED_SIZE];
	struct execsnoop_event *event;
	struct exec_record record;
	struct exec_arg arg = {};
	size_t size;

	(void)state;
	event = make(&parts, &size);
	event->unread[0] = 1 << 2;
	assert_true(exec_record_open(&record, event, size));
	exec_record_file(&record, path);
	assert_string_equal(path, "/s");
	exec_record_program(&record, path);
	assert_string_equal(path, "/i");
	assert_string_equal(path_join(record.cwd, event->cwd_len, 0, cwd), "/a/b");
	assert_string_equal(exec_record_line(&record, line), "/i one  last");
	assert_true(exec_record_next_arg(&record, &arg));
	assert_string_equal(arg.text, "zero");
	assert_true(exec_record_next_arg(&record, &arg));
	assert_true(exec_record_next_arg(&record, &arg));
	assert_null(arg.text);
	assert_true(exec_record_next_arg(&record, &arg));
	assert_int_equal(arg.len, 4);
	assert_false(exec_record_next_arg(&record, &arg));
	free(event);
}

static void test_paths_are_named_as_the_kernel_does(void **state)
{
	static const struct {
		const char *file;
		int dirfd;
		const char *expected;
	} cases[] = {
		{ "prog", AT_FDCWD, "prog" },
		{ "prog", 3, "/dev/fd/3/prog" },
		{ "", 3, "/dev/fd/3" },
		{ "/abs", 3, "/abs" },
	};
	size_t i, size;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct parts parts = { .file = cases[i].file, .args = "" };
		struct execsnoop_event *event = make(&parts, &size);
		struct exec_record record;
		char path[EXEC_PROGRAM_SIZE];

		event->dirfd = cases[i].dirfd;
		assert_true(exec_record_open(&record, event, size));
		exec_record_program(&record, path);
		assert_string_equal(path, cases[i].expected);
		free(event);
	}
}

static void test_variables_are_found_by_name(void **state)
{
	const struct parts parts = { .file = "/s", .args = "s", .args_len = 2 };
	const char text[] = "AB=1\0A=two\0EMPTY=\0NOVALUE\0LAST=cut";
	struct exec_record record;
	struct exec_env env = {};
	size_t size;
	struct execsnoop_event *event = make(&parts, &size);

	(void)state;
	event = realloc(event, size + sizeof(text) - 1);
	assert_non_null(event);
	event->env_len = sizeof(text) - 1;
	memcpy((char *)event + size, text, sizeof(text) - 1);
	assert_true(exec_record_open(&record, event, size + sizeof(text) - 1));
	assert_true(exec_record_env(&record, "A", &env));
	assert_int_equal(env.len, 3);
	assert_memory_equal(env.text, "two", 3);
	assert_true(exec_record_env(&record, "EMPTY", &env));
	assert_int_equal(env.len, 0);
	assert_false(exec_record_env(&record, "NOVALUE", &env));
	assert_false(exec_record_env(&record, "B", &env));
	assert_true(exec_record_env(&record, "LAST", &env));
	assert_false(env.is_cut);
	/* With more of the environment behind it. */
	event->flags = EXECSNOOP_ENV_CUT;
	assert_true(exec_record_env(&record, "LAST", &env));
	assert_true(env.is_cut);
	assert_true(exec_record_env(&record, "B", &env));
	assert_null(env.text);
	event->env_len = -EFAULT;
	assert_true(exec_record_env(&record, "A", &env));
	assert_null(env.text);
	free(event);
}

static void test_what_could_not_be_read(void **state)
{
	const struct parts parts = { .file = "", .args = "" };
	char path[EXEC_PROGRAM_SIZE], cwd[PATH_JOINED_SIZE];
	struct execsnoop_event *event;
	struct exec_record record;
	struct exec_arg arg = {};
	size_t size;

	(void)state;
	event = make(&parts, &size);
	event->file_len = -EFAULT;
	event->cwd_len = -EFAULT;
	event->args_len = 0;
	assert_true(exec_record_open(&record, event, size));
	exec_record_file(&record, path);
	assert_string_equal(path, "?");
	assert_null(path_join(record.cwd, event->cwd_len, 0, cwd));
	assert_false(exec_record_next_arg(&record, &arg));
	free(event);
}

static void test_the_longest_directory_has_room_for_its_mark(void **state)
{
	char cwd[EXECSNOOP_PATH_SIZE], buffer[PATH_JOINED_SIZE];
	const struct parts parts = { .file = "", .cwd = cwd, .cwd_len = sizeof(cwd), .args = "" };
	struct execsnoop_event *event;
	struct exec_record record;
	size_t size;

	(void)state;
	memset(cwd, 'd', sizeof(cwd));
	event = make(&parts, &size);
	assert_true(exec_record_open(&record, event, size));
	assert_memory_equal(path_join(record.cwd, event->cwd_len, PATH_CUT, buffer), ".../ddd", 7);
	free(event);
}

static void test_wrong_lengths_are_refused(void **state)
{
	const struct parts parts = { .file = "/f", .args = "a", .args_len = 2 };
	struct execsnoop_event *event;
	struct exec_record record;
	size_t size;

	(void)state;
	event = make(&parts, &size);
	assert_true(exec_record_open(&record, event, size));
	assert_false(exec_record_open(&record, event, size - 1));
	assert_false(exec_record_open(&record, event, offsetof(struct execsnoop_event, text) - 1));
	assert_false(exec_record_open(&record, event, 0));
	event->args_len = INT32_MAX;
	assert_false(exec_record_open(&record, event, size));
	event->args_len = 0;
	event->cgroup_len = EXECSNOOP_NAME_SIZE + 1;
	assert_false(exec_record_open(&record, event, size));
	free(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_found),
		cmocka_unit_test(test_paths_are_named_as_the_kernel_does),
		cmocka_unit_test(test_variables_are_found_by_name),
		cmocka_unit_test(test_what_could_not_be_read),
		cmocka_unit_test(test_the_longest_directory_has_room_for_its_mark),
		cmocka_unit_test(test_wrong_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
