/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Format files of tracepoints, as several kernels print them, and the times that people read.
 */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/timestamp.h"
#include "lib/tracefs.h"

static const char example[] =
	"name: example\n"
	"ID: 315\n"
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
	"\n"
	"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
	"\tfield:char old[TASK_COMM_LEN];\toffset:24;\tsize:16;\tsigned:1;\n"
	"\tfield:__data_loc char[] filename;\toffset:40;\tsize:4;\tsigned:0;\n"
	"\tfield:__rel_loc cpumask_t mask;\toffset:44;\tsize:4;\tsigned:0;\n"
	"\tfield:const char * ptr;\toffset:48;\tsize:8;\tsigned:0;\n"
	"\tfield:unsigned long args[6];\toffset:56;\tsize:48;\tsigned:0;\n"
	"\n"
	"print fmt: \"field:int fake; offset:1; size:1; signed:0;\\n%s\", REC->comm\n"
	"\tfield:int fake;\toffset:0;\tsize:4;\tsigned:1;\n";

static void test_fields_of_every_form(void **state)
{
	struct tracefs_format format;
	const struct tracefs_field *f;

	(void)state;
	assert_int_equal(tracefs_format_parse(example, strlen(example), &format), 0);
	assert_string_equal(format.name, "example");
	assert_int_equal(format.id, 315);
	assert_int_equal(format.field_count, 8);
	assert_null(tracefs_format_field(&format, "fake"));
	f = tracefs_format_field(&format, "common_pid");
	assert_true(f->is_common && f->is_signed && !f->is_array);
	assert_string_equal(f->type, "int");
	f = tracefs_format_field(&format, "comm");
	assert_true(f->is_array && !f->is_common);
	assert_string_equal(f->type, "char[16]");
	assert_int_equal(f->offset, 8);
	assert_int_equal(f->count, 16);
	f = tracefs_format_field(&format, "old");
	assert_int_equal(f->count, 16);
	f = tracefs_format_field(&format, "filename");
	assert_true(f->is_data_loc && !f->is_array);
	assert_string_equal(f->type, "char[]");
	f = tracefs_format_field(&format, "mask");
	assert_true(f->is_rel_loc);
	assert_string_equal(f->type, "cpumask_t");
	f = tracefs_format_field(&format, "ptr");
	assert_string_equal(f->type, "const char *");
	f = tracefs_format_field(&format, "args");
	assert_string_equal(f->type, "unsigned long[6]");
	assert_int_equal(f->count, 6);
	assert_int_equal(f->size, 48);
	tracefs_format_free(&format);
}

static void test_text_that_is_no_format_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"name: x\n",
		"\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int;\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a;\toffset:;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a;\toffset:99999999999;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a]\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:a];\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:;\toffset:0;\tsize:4;\tsigned:1;\n",
	};
	struct tracefs_format format;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tracefs_format_parse(bad[i], strlen(bad[i]), &format), -EINVAL);
}

static void test_every_prefix_ends(void **state)
{
	struct tracefs_format format;
	size_t len;

	(void)state;
	for (len = 0; len < strlen(example); len++) {
		if (!tracefs_format_parse(example, len, &format))
			tracefs_format_free(&format);
	}
}

static void test_the_kernels_own_format(void **state)
{
	struct tracefs_format format;
	int fd = tracefs_open();

	(void)state;
	if (fd < 0) {
		print_message("SKIPPED: no access to tracefs: %s\n", strerror(-fd));
		skip();
	}
	assert_int_equal(tracefs_format_read(fd, "sched", "sched_process_exec", &format), 0);
	assert_int_equal(tracefs_event_id(fd, "sched", "sched_process_exec"), format.id);
	assert_int_equal(tracefs_format_field(&format, "pid")->size, 4);
	assert_true(tracefs_format_field(&format, "filename")->is_data_loc);
	tracefs_format_free(&format);
	assert_int_equal(tracefs_event_id(fd, "sched", "no_such_event"), -ENOENT);
	assert_int_equal(tracefs_event_id(fd, "..", "trace"), -EINVAL);
	assert_int_equal(tracefs_event_id(fd, "sched", ""), -EINVAL);
	close(fd);
}

static void test_wall_clock_of_kernel_time(void **state)
{
	struct timestamp ts;
	char buf[9], expected[9];
	time_t before, after;

	(void)state;
	timestamp_start(&ts);
	/* A second may end between the two calls. */
	do {
		before = time(NULL);
		timestamp_hms(&ts, timestamp_now(), buf);
		after = time(NULL);
	} while (before != after);
	strftime(expected, sizeof(expected), "%H:%M:%S", localtime(&before));
	assert_string_equal(buf, expected);
	before -= 3601;
	timestamp_hms(&ts, timestamp_now() - 3601 * 1000000000ull, buf);
	assert_int_equal(strlen(buf), 8);
	assert_true(timestamp_offset(&ts, ts.start_ns - 5) == 0);
	assert_true(timestamp_offset(&ts, ts.start_ns + 1500000000) == 1.5);
}

/* Two clocks are compared at each call: that must not show. */
static void test_wall_time_is_as_far_apart_as_kernel_time(void **state)
{
	struct timestamp ts;
	struct timespec now;
	uint64_t ktime, wall, set;

	(void)state;
	timestamp_start(&ts);
	ktime = ts.start_ns;
	wall = timestamp_wall_ns(&ts, ktime);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_in_range(now.tv_sec - wall / 1000000000, 0, 1);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(timestamp_wall_ns(&ts, ktime + i), wall + i);
	/* Somebody sets the clock by an hour: then, too, but from the new one. */
	ts.wall_ns += 3600 * 1000000000ull;
	set = timestamp_wall_ns(&ts, ktime);
	assert_in_range(set - wall + 1000000, 0, 2000000);
	assert_int_equal(timestamp_wall_ns(&ts, ktime + 1), set + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_of_every_form),
		cmocka_unit_test(test_text_that_is_no_format_is_refused),
		cmocka_unit_test(test_every_prefix_ends),
		cmocka_unit_test(test_the_kernels_own_format),
		cmocka_unit_test(test_wall_clock_of_kernel_time),
		cmocka_unit_test(test_wall_time_is_as_far_apart_as_kernel_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
