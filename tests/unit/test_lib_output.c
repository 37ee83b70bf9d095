/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The writer of results: escaping, columns, JSON, limits, and what becomes of records that can't be
 * written.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/output.h"

struct fixture {
	int fd;
	struct output *out;
	char text[65536];
};

static struct fixture *fixture_open(bool json, uint64_t max_records)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct output_opts opts = { .json = json, .max_records = max_records };

	assert_non_null(f);
	f->fd = opts.fd = memfd_create("output", 0);
	f->out = output_new(&opts);
	assert_non_null(f->out);
	return f;
}

/* What has been written so far. */
static const char *fixture_text(struct fixture *f)
{
	ssize_t n;

	assert_int_equal(output_flush(f->out), 0);
	n = pread(f->fd, f->text, sizeof(f->text) - 1, 0);
	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static void fixture_close(struct fixture *f)
{
	output_free(f->out);
	close(f->fd);
	free(f);
}

#define assert_written(f, expected) assert_string_equal(fixture_text(f), expected)

static void escape_is_as_documented(const char *raw, size_t len, const char *expected)
{
	char buf[128];

	assert_int_equal(output_escape(buf, sizeof(buf), raw, len), strlen(expected));
	assert_string_equal(buf, expected);
}

static void test_escape_of_documented_characters(void **state)
{
	(void)state;
	escape_is_as_documented("SET\r\n", 5, "SET\\r\\n");
	escape_is_as_documented("a\tb\\c\0d", 7, "a\\tb\\\\c\\x00d");
	escape_is_as_documented("\x1b[2J\x7f", 5, "\\x1b[2J\\x7f");
	escape_is_as_documented("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9d", 11,
				"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9d");
	/* C1 control, bidirectional override, line separator */
	escape_is_as_documented("\xc2\x9b", 2, "\\xc2\\x9b");
	escape_is_as_documented("\xe2\x80\xae", 3, "\\xe2\\x80\\xae");
	escape_is_as_documented("\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8");
	/* no width: space, joiner, word joiner, byte order mark, soft hyphen, a tag */
	escape_is_as_documented("\xe2\x80\x8b", 3, "\\xe2\\x80\\x8b");
	escape_is_as_documented("\xe2\x80\x8d", 3, "\\xe2\\x80\\x8d");
	escape_is_as_documented("\xe2\x81\xa0", 3, "\\xe2\\x81\\xa0");
	escape_is_as_documented("\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf");
	escape_is_as_documented("\xc2\xad", 2, "\\xc2\\xad");
	escape_is_as_documented("\xf3\xa0\x80\x81", 4, "\\xf3\\xa0\\x80\\x81");
	/* overlong slash, surrogate, beyond Unicode, cut short, lone continuation */
	escape_is_as_documented("\xc0\xaf", 2, "\\xc0\\xaf");
	escape_is_as_documented("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
	escape_is_as_documented("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	escape_is_as_documented("\xe2\x82", 2, "\\xe2\\x82");
	escape_is_as_documented("\x80z", 2, "\\x80z");
}

/* Undo the documented escaping. */
static size_t unescape(char *buf, const char *text)
{
	char *p = buf;
	unsigned int byte;

	for (; *text; text++) {
		if (*text != '\\') {
			*p++ = *text;
			continue;
		}
		text++;
		if (*text == 'x') {
			assert_int_equal(sscanf(text + 1, "%2x", &byte), 1);
			*p++ = byte;
			text += 2;
		} else {
			*p++ = *text == 'n'   ? '\n'
			       : *text == 'r' ? '\r'
			       : *text == 't' ? '\t'
					      : *text;
		}
	}
	return p - buf;
}

static void test_escape_of_any_two_bytes_can_be_undone_and_is_harmless(void **state)
{
	char raw[2], escaped[64], back[64];
	unsigned int pair;
	const char *p;

	(void)state;
	for (pair = 0; pair < 65536; pair++) {
		raw[0] = pair >> 8;
		raw[1] = pair;
		output_escape(escaped, sizeof(escaped), raw, 2);
		for (p = escaped; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		assert_int_equal(unescape(back, escaped), 2);
		assert_memory_equal(back, raw, 2);
	}
}

static void test_escape_never_cuts_an_escape_in_two(void **state)
{
	char buf[6];

	(void)state;
	assert_int_equal(output_escape(buf, sizeof(buf), "ab\x01", 3), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(output_escape(buf, 0, "ab", 2), 0);
}

static void test_columns_are_padded_by_characters(void **state)
{
	struct fixture *f = fixture_open(false, 0);

	(void)state;
	output_put_s64(f->out, -42, -7);
	output_put_u64(f->out, UINT64_MAX, 21);
	output_puts(f->out, "|");
	output_put_escaped(f->out, "\xc3\xbc", 2, -3);
	output_puts(f->out, "|");
	output_put_escaped(f->out, "\n", 1, 4);
	output_puts(f->out, "|");
	output_put_cstr(f->out, "comm\0rest", 9, 0);
	output_printf(f->out, " %s=%d", "x", 7);
	output_put_s64(f->out, INT64_MIN, 0);
	assert_int_equal(output_end(f->out), 0);
	assert_written(
		f, "-42     18446744073709551615|\xc3\xbc  |  \\n|comm x=7-9223372036854775808\n");
	fixture_close(f);
}

static void test_json_types_nesting_and_errors(void **state)
{
	struct fixture *f = fixture_open(true, 0);

	(void)state;
	output_json_begin(f->out);
	output_json_s64(f->out, "a", -1);
	output_json_u64(f->out, "b", UINT64_MAX);
	output_json_bool(f->out, "c", true);
	output_json_double(f->out, "d", 0.1);
	output_json_double(f->out, "e", NAN);
	output_json_seconds(f->out, "f", 1000000042);
	output_json_array_begin(f->out, "g");
	output_json_cstr(f->out, NULL, "x\0y", 3);
	output_json_object_begin(f->out, NULL);
	output_json_object_end(f->out);
	output_json_null(f->out, NULL);
	output_json_array_end(f->out);
	output_json_error(f->out, "h", "page not resident");
	output_end(f->out);
	assert_written(f, "{\"a\":-1,\"b\":18446744073709551615,\"c\":true,\"d\":0.1,"
			  "\"e\":null,\"e_error\":\"not a number\",\"f\":1.000000042,"
			  "\"g\":[\"x\",{},null],\"h\":null,\"h_error\":\"page not resident\"}\n");
	fixture_close(f);
}

static void test_json_strings_are_safe_and_lose_nothing(void **state)
{
	struct fixture *f = fixture_open(true, 0);

	(void)state;
	output_json_begin(f->out);
	output_json_str(f->out, "a", "q\"\\\n\x1b\x7f\xc2\x9b", 8);
	output_json_str(f->out, "b", "x\xff\xc3\xbc", 4);
	output_json_str(f->out, "c", "\0", 1);
	output_end(f->out);
	assert_written(
		f, "{\"a\":\"q\\\"\\\\\\n\\u001b\\u007f\\u009b\","
		   "\"b\":\"x\xef\xbf\xbd\xc3\xbc\",\"b_hex\":\"78ffc3bc\",\"c\":\"\\u0000\"}\n");
	fixture_close(f);
}

static void test_json_ends_with_lost_even_after_the_limit(void **state)
{
	struct fixture *f = fixture_open(true, 1);

	(void)state;
	output_json_begin(f->out);
	output_json_s64(f->out, "n", 1);
	assert_int_equal(output_end(f->out), 1);
	output_json_begin(f->out);
	output_json_s64(f->out, "n", 2);
	assert_int_equal(output_end(f->out), 1);
	output_json_lost(f->out, 3, 0);
	assert_written(f, "{\"n\":1}\n{\"lost\":3}\n");
	assert_int_equal(output_records(f->out), 1);
	fixture_close(f);
}

static void test_json_ends_with_what_may_be_lost(void **state)
{
	struct fixture *f = fixture_open(true, 0);

	(void)state;
	output_json_lost(f->out, 0, 2);
	assert_written(f, "{\"lost\":0,\"doubtful\":2}\n");
	fixture_close(f);
}

static void test_limit_keeps_the_last_records_own_lines_only(void **state)
{
	struct fixture *f = fixture_open(false, 2);
	int i;

	(void)state;
	output_puts(f->out, "HEADER");
	output_end_line(f->out);
	for (i = 1; i <= 3; i++) {
		output_printf(f->out, "row %d", i);
		assert_int_equal(output_end(f->out), i >= 2);
		output_printf(f->out, "  stack %d", i);
		assert_int_equal(output_end_line(f->out), 0);
	}
	assert_written(f, "HEADER\nrow 1\n  stack 1\nrow 2\n  stack 2\n");
	fixture_close(f);
}

static void test_a_record_larger_than_the_buffer_is_written_whole(void **state)
{
	struct fixture *f = fixture_open(false, 0);
	char *big = malloc(300000), *back = malloc(300001);

	(void)state;
	memset(big, 'a', 300000);
	output_put_escaped(f->out, big, 300000, 0);
	assert_int_equal(output_end(f->out), 0);
	assert_int_equal(pread(f->fd, back, 300001, 0), 300001);
	assert_memory_equal(back, big, 300000);
	assert_int_equal(back[300000], '\n');
	free(big);
	free(back);
	fixture_close(f);
}

static void test_an_unfinished_record_is_not_flushed(void **state)
{
	struct fixture *f = fixture_open(false, 0);

	(void)state;
	output_puts(f->out, "one");
	output_end(f->out);
	output_puts(f->out, "tw");
	assert_written(f, "one\n");
	output_puts(f->out, "o");
	output_end(f->out);
	assert_written(f, "one\ntwo\n");
	fixture_close(f);
}

static void test_full_disk_is_told_with_the_number_of_records(void **state)
{
	struct output_opts opts = { .fd = open("/dev/full", O_WRONLY) };
	struct output *out = output_new(&opts);
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		output_puts(out, "row");
		assert_int_equal(output_end(out), 0);
	}
	assert_int_equal(output_flush(out), -ENOSPC);
	output_puts(out, "row");
	assert_int_equal(output_end(out), -ENOSPC);
	assert_int_equal(output_unwritten(out), 4);
	assert_int_equal(output_error(out), -ENOSPC);
	output_free(out);
	close(opts.fd);
}

static void test_closed_pipe_is_told(void **state)
{
	struct output_opts opts = {};
	struct output *out;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	opts.fd = fds[1];
	out = output_new(&opts);
	close(fds[0]);
	output_puts(out, "row");
	output_end(out);
	assert_int_equal(output_flush(out), -EPIPE);
	output_free(out);
	close(fds[1]);
}

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

static void test_a_stalled_reader_is_given_up_once_the_run_ends(void **state)
{
	struct output_opts opts = { .ending = always };
	struct output *out;
	char row[1000];
	int fds[2], i;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	opts.fd = fds[1];
	out = output_new(&opts);
	memset(row, 'x', sizeof(row));
	for (i = 0; i < 20; i++) {
		output_put(out, row, sizeof(row));
		output_end(out);
	}
	assert_int_equal(output_flush(out), -ETIMEDOUT);
	/* The pipe holds 4096 bytes: four records of 1001, and a part of the fifth. */
	assert_int_equal(output_unwritten(out), 16);
	output_free(out);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape_of_documented_characters),
		cmocka_unit_test(test_escape_of_any_two_bytes_can_be_undone_and_is_harmless),
		cmocka_unit_test(test_escape_never_cuts_an_escape_in_two),
		cmocka_unit_test(test_columns_are_padded_by_characters),
		cmocka_unit_test(test_json_types_nesting_and_errors),
		cmocka_unit_test(test_json_strings_are_safe_and_lose_nothing),
		cmocka_unit_test(test_json_ends_with_lost_even_after_the_limit),
		cmocka_unit_test(test_json_ends_with_what_may_be_lost),
		cmocka_unit_test(test_limit_keeps_the_last_records_own_lines_only),
		cmocka_unit_test(test_a_record_larger_than_the_buffer_is_written_whole),
		cmocka_unit_test(test_an_unfinished_record_is_not_flushed),
		cmocka_unit_test(test_full_disk_is_told_with_the_number_of_records),
		cmocka_unit_test(test_closed_pipe_is_told),
		cmocka_unit_test(test_a_stalled_reader_is_given_up_once_the_run_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
