/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * lib/row: kinds of values in text and JSON, the choice of columns, and the width of terminals.
 */
#include <array_size.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/row.h"

struct thing {
	uint8_t byte;
	uint16_t half;
	uint32_t word;
	uint64_t ns;
	int32_t result;
	int16_t low;
	double rate;
	char comm[8];
	const char *name;
	struct {
		uint32_t word;
	} * other;
};

#define AT(member) ROW_AT(struct thing, member)

static void get_ip(const void *row, struct row_value *value)
{
	static const uint8_t local[] = { 127, 0, 0, 1 };

	(void)row;
	value->family = AF_INET;
	value->address = local;
}

/* arg: a state. */
static void get_state(const void *row, struct row_value *value)
{
	(void)row;
	if (value->arg == ROW_IS_UNKNOWN)
		row_set_unknown(value, "EFAULT");
	else
		row_set_none(value, NULL);
}

static void put_both(const void *row, struct output *out)
{
	const struct thing *thing = row;

	if (output_is_json(out)) {
		output_json_u64(out, "first", thing->byte);
		output_json_u64(out, "second", thing->half);
	} else {
		output_printf(out, "%u+%u", thing->byte, thing->half);
	}
}

/* Prints a row by these columns into a static buffer. */
static const char *print(const struct row_column *columns, size_t count, const struct thing *thing,
			 bool json)
{
	const struct row_table table = { .columns = columns, .count = count };
	const struct row_table *const tables[] = { &table, NULL };
	struct output_opts opts = { .fd = memfd_create("row", MFD_CLOEXEC), .json = json };
	struct output *out = output_new(&opts);
	struct row_printer printer;
	struct timestamp start = { .start_ns = 1000000000 };
	static char text[4096];
	struct row_choice choice = {};
	ssize_t len;

	assert_non_null(out);
	assert_int_equal(row_choose(&choice, tables, NULL, NULL, 0), 0);
	row_printer_init(&printer, &choice, out, &start);
	row_print_header(&printer);
	assert_int_equal(row_print(&printer, thing), 0);
	assert_int_equal(output_flush(out), 0);
	output_free(out);
	len = pread(opts.fd, text, sizeof(text) - 1, 0);
	close(opts.fd);
	assert_true(len > 0);
	text[len] = '\0';
	return text;
}

static void test_kinds_of_values(void **state)
{
	static const struct row_column columns[] = {
		{ "B", "byte", ROW_UNSIGNED, 3, AT(byte), .help = "" },
		{ "H", "half", ROW_UNSIGNED, -6, AT(half), .help = "" },
		{ "W", "word", ROW_OCTAL, -9, AT(word), .help = "" },
		{ "LOW", "low", ROW_SIGNED, 4, AT(low), .help = "" },
		{ "US", "ns_us", ROW_US, 8, AT(ns), .decimals = 1, .help = "" },
		{ "MS", "ns_ms", ROW_MS, -5, AT(ns), .help = "" },
		{ "S", NULL, ROW_ELAPSED, -5, AT(ns), .decimals = 3, .help = "" },
		{ "RATE", "rate", ROW_RATE, 5, AT(rate), .help = "" },
		{ "YES", "yes", ROW_BOOL, -4, AT(byte), .words = { "no", "yes" }, .help = "" },
		{ "IP", "ip", ROW_IP, -10, .get = get_ip, .help = "" },
		{ "COMM", "comm", ROW_CHARS, -9, AT(comm), .help = "" },
		{ "VIA", "via", ROW_UNSIGNED, 3, ROW_VIA(struct thing, other, word), .help = "" },
		{ "NAME", "name", ROW_STRING, 0, AT(name), .help = "" },
	};
	struct thing thing = { 255,
			       65535,
			       0755,
			       1234567,
			       0,
			       -42,
			       0.5,
			       "a\nb",
			       "caf\xc3\xa9 \xff",
			       (void *)&(uint32_t){ 7 } };

	(void)state;
	assert_string_equal(print(columns, ARRAY_SIZE(columns), &thing, false),
			    "  B H      W          LOW       US MS    S      RATE YES  IP         "
			    "COMM      VIA NAME\n"
			    "255 65535  000000755  -42   1234.6 1     0.000   0.5 yes  127.0.0.1  "
			    "a\\nb        7 caf\xc3\xa9 \\xff\n");
	assert_string_equal(
		print(columns, ARRAY_SIZE(columns), &thing, true),
		"{\"byte\":255,\"half\":65535,\"word\":493,\"low\":-42,\"ns_us\":1234.567,"
		"\"ns_ms\":1.234567,\"rate\":0.5,\"yes\":true,\"ip\":\"127.0.0.1\","
		"\"comm\":\"a\\nb\",\"via\":7,\"name\":\"caf\xc3\xa9 \xef\xbf\xbd\","
		"\"name_hex\":\"636166c3a920ff\"}\n");
}

static void test_what_is_missing_follows_one_rule(void **state)
{
	static const struct row_column columns[] = {
		{ "FD", "fd", ROW_FD, 3, AT(result), .help = "" },
		{ "ERR", "errno", ROW_ERRNO, 3, AT(result), .help = "" },
		{ "ERROR", "error", ROW_ERROR, -8, AT(result), .help = "" },
		{ "NONE", "none", ROW_UNSIGNED, 4, .get = get_state, .arg = ROW_IS_NONE,
		  .help = "" },
		{ "UNKNOWN", "unknown", ROW_IP, -8, .get = get_state, .arg = ROW_IS_UNKNOWN,
		  .help = "" },
		{ "NAME", "name", ROW_STRING, -5, AT(name), .help = "" },
		{ "BOTH", "both", .put = put_both, .help = "" },
	};
	struct thing thing = { .byte = 1, .half = 2, .result = -ENOENT };

	(void)state;
	assert_string_equal(print(columns, ARRAY_SIZE(columns), &thing, false),
			    " FD ERR ERROR    NONE UNKNOWN  NAME  BOTH\n"
			    "  -   2 ENOENT      - ?        -     1+2\n");
	assert_string_equal(
		print(columns, ARRAY_SIZE(columns), &thing, true),
		"{\"fd\":null,\"fd_error\":\"ENOENT\",\"errno\":2,\"error\":\"ENOENT\","
		"\"unknown\":null,\"unknown_error\":\"EFAULT\",\"first\":1,\"second\":2}\n");
	thing.result = 5;
	assert_string_equal(print(columns, ARRAY_SIZE(columns), &thing, false),
			    " FD ERR ERROR    NONE UNKNOWN  NAME  BOTH\n"
			    "  5   0 -           - ?        -     1+2\n");
}

static void test_times_are_rounded_and_never_overflow(void **state)
{
	static const struct row_column us = { "US", "us", ROW_US, 0, AT(ns), .help = "" };
	static const struct row_column tenths = { "US",	  "us",		 ROW_US,    0,
						  AT(ns), .decimals = 1, .help = "" };
	static const struct {
		uint64_t ns;
		const char *us, *tenths;
	} cases[] = {
		{ 0, "US\n0\n", "US\n0.0\n" },
		{ 499, "US\n0\n", "US\n0.5\n" },
		{ 500, "US\n1\n", "US\n0.5\n" },
		{ 1049, "US\n1\n", "US\n1.0\n" },
		{ 1050, "US\n1\n", "US\n1.1\n" },
		{ 999950, "US\n1000\n", "US\n1000.0\n" },
		{ UINT64_MAX, "US\n18446744073709552\n", "US\n18446744073709551.6\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct thing thing = { .ns = cases[i].ns };

		assert_string_equal(print(&us, 1, &thing, false), cases[i].us);
		assert_string_equal(print(&tenths, 1, &thing, false), cases[i].tenths);
	}
}

static void test_clipped_strings_end_with_a_whole_character(void **state)
{
	static const struct row_column columns[] = {
		{ "NAME", "name", ROW_STRING, -4, AT(name), .is_clipped = true, .help = "" },
		{ "B", "byte", ROW_UNSIGNED, 0, AT(byte), .help = "" },
	};
	struct thing thing = { .name = "abc\xc3\xa9" };

	(void)state;
	assert_string_equal(print(columns, 2, &thing, false), "NAME B\nabc  0\n");
	thing.name = "abcde";
	assert_string_equal(print(columns, 2, &thing, false), "NAME B\nabcd 0\n");
}

/* ---- the choice of columns ------------------------------------------------------------------ */

static const struct row_column usual[] = {
	{ "TIME(s)", NULL, ROW_ELAPSED, 0, AT(ns), .when = { 'T' }, .help = "" },
	{ "PID", "pid", ROW_UNSIGNED, 0, AT(word), .when = { -'t' }, .help = "" },
	{ "TID", "tid", ROW_UNSIGNED, 0, AT(word), .when = { 't' }, .help = "" },
	{ "A B", "ab", ROW_UNSIGNED, 0, AT(word), .when = { ROW_CHOSEN }, .help = "" },
	{ NULL, "only_json", ROW_UNSIGNED, 0, AT(word), .help = "" },
	{ "PATH", "path", ROW_STRING, 0, AT(name), .when = { 'L', -'m' }, .help = "" },
	{ "X", "x", ROW_UNSIGNED, 0, AT(byte), .help = "" },
};
static const struct row_column counts[] = { { "COUNT", "count", ROW_UNSIGNED, 0, AT(word),
					      .help = "" } };
static const struct row_table count_table = { .columns = counts, .count = 1, .when = { 'c' } };
static const struct row_table usual_table = { .columns = usual,
					      .count = ARRAY_SIZE(usual),
					      .order = "x,time_s,pid,tid,ab,path" };
static const struct row_table *const tables[] = { &usual_table, &count_table, NULL };

/* The titles with these options (letters) and --columns list, or why not. */
static const char *choose(const char *options, const char *list)
{
	struct row_choice choice = {};
	static char text[256];
	char why[256] = "";
	size_t len = 0;

	for (; *options; options++)
		row_note_option(&choice, tables, *options);
	if (row_choose(&choice, tables, list, why, sizeof(why)))
		return strcpy(text, why);
	for (size_t i = 0; i < choice.count; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
				choice.columns[i]->title);
	return text;
}

static void test_options_show_columns(void **state)
{
	struct row_choice choice = {};

	(void)state;
	assert_string_equal(choose("", NULL), "X PID");
	assert_string_equal(choose("tT", NULL), "X TIME(s) TID");
	assert_string_equal(choose("L", NULL), "X PID PATH");
	assert_string_equal(choose("Lm", NULL), "X PID");
	assert_string_equal(choose("c", NULL), "COUNT");
	assert_true(row_note_option(&choice, tables, 'm'));
	assert_true(row_note_option(&choice, tables, 'c'));
	assert_false(row_note_option(&choice, tables, 'z'));
	assert_false(row_note_option(&choice, tables, 0));
	/* However often one is given, there is room for the others. */
	for (int i = 0; i < 1000; i++)
		row_note_option(&choice, tables, 'm');
	row_note_option(&choice, tables, 'T');
	assert_true(row_wants(&choice, 'T'));
}

static void test_columns_are_chosen_and_ordered(void **state)
{
	(void)state;
	assert_string_equal(choose("", "path,pid"), "PATH PID");
	assert_string_equal(choose("", "Path,TIME(s),a_b"), "PATH TIME(s) A B");
	assert_string_equal(choose("", "+tid"), "X PID TID");
	assert_string_equal(choose("T", "+path,-pid,+ab"), "X TIME(s) A B PATH");
	assert_string_equal(choose("", "-x"), "PID");
	assert_string_equal(choose("", "path,x,+pid"), "PID PATH X");
	assert_string_equal(choose("", "pid,x,pid"), "X PID");
	assert_string_equal(choose("c", "count"), "COUNT");
}

static void test_a_wrong_choice_says_which_columns_there_are(void **state)
{
	(void)state;
	assert_string_equal(
		choose("", "pid,nosuch"),
		"no column 'nosuch' for --columns: there are x, TIME(s), pid, tid, ab, path");
	assert_string_equal(
		choose("", "only_json"),
		"no column 'only_json' for --columns: there are x, TIME(s), pid, tid, ab, path");
	assert_string_equal(choose("c", "pid"), "no column 'pid' for --columns: there are count");
	assert_string_equal(choose("", "-x,-pid"), "--columns leaves no column");
	assert_string_equal(choose("", ""), "--columns leaves no column");
	assert_string_equal(choose("", "+"),
			    "no column '' for --columns: there are x, TIME(s), pid, tid, ab, path");
}

static void test_a_chosen_column_wants_its_option(void **state)
{
	struct row_choice choice = {};
	char why[256];

	(void)state;
	row_note_option(&choice, tables, 'T');
	assert_int_equal(row_choose(&choice, tables, "-time_s,+path", why, sizeof(why)), 0);
	assert_true(row_wants(&choice, 'T'));
	assert_true(row_wants(&choice, 'L'));
	assert_false(row_wants(&choice, 't'));
	assert_false(row_wants(&choice, 'm'));
}

static void test_extra_fields_are_in_json_only_if_shown(void **state)
{
	struct row_column columns[] = {
		{ "B", "byte", ROW_UNSIGNED, 0, AT(byte), .help = "" },
		{ "W", "word", ROW_UNSIGNED, 0, AT(word), .is_extra = true, .help = "" },
	};
	const struct thing thing = {};

	(void)state;
	assert_string_equal(print(columns, 2, &thing, true), "{\"byte\":0,\"word\":0}\n");
	columns[1].when[0] = 'w';
	assert_string_equal(print(columns, 2, &thing, true), "{\"byte\":0}\n");
}

static void test_help_lists_the_fields(void **state)
{
	static const struct argp_option options[] = { { "time", 'T', NULL, 0, "", 0 }, {} };
	char *text = row_help(tables, options);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\n  TIME(s)  -           (-T)\n"));
	assert_non_null(strstr(text, "\n  A B      ab          (--columns)\n"));
	assert_non_null(strstr(text, "\n  -        only_json  \n"));
	free(text);
}

/* ---- terminals ------------------------------------------------------------------------------ */

/* The header on a terminal of so many columns. */
static const char *header_on_terminal(const struct row_column *columns, size_t count,
				      unsigned short width)
{
	const struct row_table table = { .columns = columns, .count = count };
	const struct row_table *const only[] = { &table, NULL };
	struct winsize size = { .ws_row = 24, .ws_col = width };
	int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct output_opts opts = {};
	struct row_choice choice = {};
	struct row_printer printer;
	struct timestamp start = {};
	static char text[512];
	ssize_t len;

	assert_true(pty >= 0);
	assert_int_equal(grantpt(pty) | unlockpt(pty), 0);
	opts.fd = open(ptsname(pty), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(ioctl(opts.fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(row_choose(&choice, only, NULL, NULL, 0), 0);
	row_printer_init(&printer, &choice, output_new(&opts), &start);
	row_print_header(&printer);
	assert_int_equal(output_flush(printer.out), 0);
	output_free(printer.out);
	len = read(pty, text, sizeof(text) - 1);
	close(opts.fd);
	close(pty);
	assert_true(len > 2);
	/* Without the terminal's line end. */
	text[len - 2] = '\0';
	return text;
}

static void test_wide_terminals_give_the_last_wide_column_the_room(void **state)
{
	static const struct row_column columns[] = {
		{ "NAME", "name", ROW_STRING, -20, AT(name), .is_wide = true, .help = "" },
		{ "COUNT", "count", ROW_UNSIGNED, 10, AT(word), .help = "" },
	};

	(void)state;
	assert_string_equal(header_on_terminal(columns, 2, 80), "NAME                      COUNT");
	assert_string_equal(header_on_terminal(columns, 2, 31), "NAME                      COUNT");
	assert_int_equal(strlen(header_on_terminal(columns, 2, 120)), 120);
	assert_int_equal(strlen(header_on_terminal(columns, 1, 100)), 100);
}

static void test_narrow_terminals_take_what_columns_can_spare(void **state)
{
	static const struct row_column columns[] = {
		{ "NAME", "name", ROW_STRING, -20, .least = 10, AT(name), .is_wide = true,
		  .help = "" },
		{ "PID", "pid", ROW_UNSIGNED, -7, AT(word), .help = "" },
		{ "COUNT", "count", ROW_UNSIGNED, 10, .least = 5, AT(word), .help = "" },
		{ "X", "x", ROW_UNSIGNED, 0, AT(word), .help = "" },
	};

	(void)state;
	/* 20 + 1 + 7 + 1 + 10 + 1 + 1 */
	assert_string_equal(header_on_terminal(columns, 4, 41),
			    "NAME                 PID          COUNT X");
	assert_string_equal(header_on_terminal(columns, 4, 38),
			    "NAME                 PID       COUNT X");
	assert_string_equal(header_on_terminal(columns, 4, 30), "NAME           PID     COUNT X");
	assert_string_equal(header_on_terminal(columns, 4, 20), "NAME       PID     COUNT X");
}

static void test_the_last_column_of_free_width_has_the_room_already(void **state)
{
	static const struct row_column columns[] = {
		{ "NAME", "name", ROW_STRING, -20, AT(name), .is_wide = true, .help = "" },
		{ "PATH", "path", ROW_STRING, 0, AT(name), .help = "" },
	};

	(void)state;
	assert_string_equal(header_on_terminal(columns, 2, 200), "NAME                 PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_of_values),
		cmocka_unit_test(test_what_is_missing_follows_one_rule),
		cmocka_unit_test(test_times_are_rounded_and_never_overflow),
		cmocka_unit_test(test_clipped_strings_end_with_a_whole_character),
		cmocka_unit_test(test_options_show_columns),
		cmocka_unit_test(test_columns_are_chosen_and_ordered),
		cmocka_unit_test(test_a_wrong_choice_says_which_columns_there_are),
		cmocka_unit_test(test_a_chosen_column_wants_its_option),
		cmocka_unit_test(test_extra_fields_are_in_json_only_if_shown),
		cmocka_unit_test(test_help_lists_the_fields),
		cmocka_unit_test(test_wide_terminals_give_the_last_wide_column_the_room),
		cmocka_unit_test(test_narrow_terminals_take_what_columns_can_spare),
		cmocka_unit_test(test_the_last_column_of_free_width_has_the_room_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
