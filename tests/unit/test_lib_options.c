/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Command lines: strict numbers, common options with a tool's letters, what follows "--", usage
 * errors.
 */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/choice.h"
#include "lib/options.h"

struct tool {
	const char *args[4];
	int arg_count;
	bool flag;
};

static error_t tool_parse(int key, char *arg, struct argp_state *state)
{
	struct tool *tool = state->input;

	switch (key) {
	case 'f':
		tool->flag = true;
		return 0;
	case ARGP_KEY_ARG:
		if (tool->arg_count == 4)
			return ARGP_ERR_UNKNOWN;
		tool->args[tool->arg_count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option tool_options[] = { { "flag", 'f', NULL, 0, "A flag", 0 }, {} };
static const struct argp tool_argp = { .options = tool_options,
				       .parser = tool_parse,
				       .args_doc = "SPEC...",
				       .doc = "A tool for this test" };

#define ARGV(...)                         \
	(char **)(const char *[])         \
	{                                 \
		"tool", __VA_ARGS__, NULL \
	}

/* What the last command line chose. */
static struct choice choice;

static bool has_letter(const void *ctx, int letter)
{
	return options_has_letter(ctx, letter);
}

static void parse(struct tool *tool, struct options *options, char **argv)
{
	struct options_spec spec = {
		.argp = &tool_argp,
		.input = tool,
		.common = OPTIONS_EVENTS,
		.letters = { [OPTIONS_MAX_EVENTS] = 'M', [OPTIONS_BUFFER_PAGES] = 'c' },
	};
	const struct choice_spec choice_spec = { .without = CHOICE_BIT(CHOICE_MNTNSMAP),
						 .letters = { [CHOICE_TID] = 't' } };
	struct choice_parser parser;
	int argc = 0;

	memset(tool, 0, sizeof(*tool));
	memset(options, 0, sizeof(*options));
	while (argv[argc])
		argc++;
	choice_parser_init(&parser, &choice_spec, &choice, has_letter, &spec);
	spec.group = &parser.argp;
	spec.group_input = &parser;
	spec.group_heading = "Filters:";
	options_parse(&spec, options, argc, argv);
}

/* Parse in a child process; return its exit status and what it wrote to both descriptors. */
static int parse_elsewhere(char **argv, char *text, size_t size)
{
	struct options options;
	struct tool tool;
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		parse(&tool, &options, argv);
		_exit(99);
	}
	close(fds[1]);
	while (len < size - 1 && (n = read(fds[0], text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_usage_error(char **argv, const char *message)
{
	char text[8192];

	assert_int_equal(parse_elsewhere(argv, text, sizeof(text)), 2);
	if (!strstr(text, message))
		fail_msg("'%s' is not in '%s'", message, text);
}

static void test_common_options_and_letters(void **state)
{
	struct options o;
	struct tool t;

	(void)state;
	parse(&t, &o,
	      ARGV("-p", "12", "spec", "-M5", "--json", "-vv", "-v", "--duration", "0.25",
		   "--buffer-pages=64", "-f", "--transport=perf", "other"));
	assert_int_equal(choice.pid_count, 1);
	assert_int_equal(choice.pids[0], 12);
	assert_int_equal(o.max_events, 5);
	assert_true(o.json);
	assert_int_equal(o.verbosity, 3);
	assert_int_equal(o.duration_ns, 250000000);
	assert_int_equal(o.buffer_pages, 64);
	assert_int_equal(o.transport, OPTIONS_TRANSPORT_PERF);
	assert_null(o.command);
	assert_true(choice.uid == CHOICE_ANY_UID);
	assert_null(choice.cgroup);
	assert_true(t.flag);
	assert_int_equal(t.arg_count, 2);
	assert_string_equal(t.args[0], "spec");
	assert_string_equal(t.args[1], "other");
}

static void test_options_of_filters(void **state)
{
	struct options o;
	struct tool t;

	(void)state;
	parse(&t, &o,
	      ARGV("-u", "root", "--cgroup", "/sys/fs/cgroup", "-t", "7", "-n", "a", "--name=b"));
	assert_int_equal(choice.uid, 0);
	assert_string_equal(choice.cgroup, "/sys/fs/cgroup");
	assert_int_equal(choice.tid, 7);
	assert_int_equal(choice.name_count, 2);
	assert_string_equal(choice.names[1], "b");
	assert_true(choice_is_by_task(&choice));
	parse(&t, &o, ARGV("--cgroup-path", "/a"));
	assert_string_equal(choice.cgroup, "/a");
	assert_true(choice_allows_pid(&choice, 1));
}

static void test_several_processes(void **state)
{
	char list[] = "1,22", one[] = "4,5";
	struct options o;
	struct tool t;

	(void)state;
	parse(&t, &o, ARGV("-p", list, "--pid=333"));
	assert_int_equal(choice_pid_count(&choice), 3);
	assert_int_equal(choice.pids[2], 333);
	assert_int_equal(choice_pid(&choice), 0);
	assert_true(choice_allows_pid(&choice, 22) && !choice_allows_pid(&choice, 2));
	assert_false(choice_is_by_task(&choice));
	/* Descendants have other ids. */
	parse(&t, &o, ARGV("-p", "9", "--follow"));
	assert_int_equal(choice_pid_count(&choice), 0);
	assert_true(choice_allows_pid(&choice, 10) && choice_is_by_task(&choice));
	assert_usage_error(ARGV("-p", one, "--follow"), "--follow goes with one -p PID");
}

static void test_a_letter_that_a_tool_has_is_its_own(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(parse_elsewhere(ARGV("--help"), text, sizeof(text)), 0);
	/* -c is this tool's for another one. */
	assert_non_null(strstr(text, "      --cgroup-path=PATH"));
	assert_non_null(strstr(text, "-c, --buffer-pages"));
	assert_non_null(strstr(text, "-t, --tid"));
	assert_non_null(strstr(text, "Filters:"));
	assert_null(strstr(text, "mntnsmap"));
	assert_usage_error(ARGV("--mntnsmap=/x"), "unrecognized option");
}

static void test_switches(void **state)
{
	bool a = false, b = false;
	const struct options_switch switches[] = { { 'a', &a }, { 'b', &b } };

	(void)state;
	assert_true(options_switch_on(switches, 2, 'b'));
	assert_true(!a && b);
	assert_false(options_switch_on(switches, 2, ARGP_KEY_END));
}

static void test_command_after_two_dashes(void **state)
{
	struct options o;
	struct tool t;

	(void)state;
	parse(&t, &o, ARGV("spec", "-f", "--", "ls", "-l", "--json", "--", "x"));
	assert_int_equal(t.arg_count, 1);
	assert_true(t.flag);
	assert_false(o.json);
	assert_string_equal(o.command[0], "ls");
	assert_string_equal(o.command[1], "-l");
	assert_string_equal(o.command[3], "--");
	assert_null(o.command[5]);
	parse(&t, &o, ARGV("--", "true"));
	assert_string_equal(o.command[0], "true");
	assert_int_equal(t.arg_count, 0);
}

static void test_usage_errors_exit_2_and_say_why(void **state)
{
	(void)state;
	assert_usage_error(ARGV("--nonsense"), "unrecognized option");
	assert_usage_error(ARGV("-p", "0"), "invalid --pid '0': expected a process id");
	assert_usage_error(ARGV("-p", (char[]){ "12x" }), "invalid --pid '12x'");
	assert_usage_error(ARGV("-M", "-1"),
			   "invalid --max-events '-1': expected a number from 1 to");
	assert_usage_error(ARGV("--duration", "0"), "expected seconds greater than 0");
	assert_usage_error(ARGV("--transport", "pipe"), "expected ring or perf");
	assert_usage_error(ARGV("spec", "--"), "expected a command after --");
	assert_usage_error(ARGV("-n", ""), "the name of a thread has 1 to 15 bytes");
	assert_usage_error(ARGV("-n", "0123456789abcdef"),
			   "the name of a thread has 1 to 15 bytes");
	assert_usage_error(ARGV("--cgroup=/a", "--container", "abcd"), "exclude each other");
	assert_usage_error(ARGV("1", "2", "3", "4", "5"), "unexpected argument '5'");
}

static void test_help_and_version_exit_0(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(parse_elsewhere(ARGV("--help"), text, sizeof(text)), 0);
	assert_non_null(strstr(text, "SPEC..."));
	assert_non_null(strstr(text, "-p, --pid=PID"));
	assert_non_null(strstr(text, "--flag"));
	assert_null(strstr(text, "transport"));
	assert_int_equal(parse_elsewhere(ARGV("-h"), text, sizeof(text)), 0);
	assert_non_null(strstr(text, "A tool for this test"));
	assert_int_equal(parse_elsewhere(ARGV("-V"), text, sizeof(text)), 0);
}

static void test_unsigned_numbers_are_strict(void **state)
{
	static const char *const bad[] = { "",	 " 1",	"1 ",  "+1", "-1",  "1k",
					   "0x", "0xg", "1.0", "x1", "1\n", "0b1" };
	uint64_t v = 7;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(options_parse_u64(bad[i], 0, UINT64_MAX, &v), -EINVAL);
	assert_int_equal(options_parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(options_parse_u64("4", 5, 6, &v), -ERANGE);
	assert_int_equal(v, 7);
	assert_int_equal(options_parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(options_parse_u64("0xfF", 0, 255, &v), 0);
	assert_int_equal(v, 255);
	/* Not octal. */
	assert_int_equal(options_parse_u64("010", 0, 255, &v), 0);
	assert_int_equal(v, 10);
}

static void test_signed_numbers_are_strict(void **state)
{
	int64_t v = 0;

	(void)state;
	assert_int_equal(options_parse_s64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(options_parse_s64("-9223372036854775809", INT64_MIN, INT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(options_parse_s64("9223372036854775808", INT64_MIN, INT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(options_parse_s64("--1", INT64_MIN, INT64_MAX, &v), -EINVAL);
	assert_int_equal(options_parse_s64("-", INT64_MIN, INT64_MAX, &v), -EINVAL);
	assert_int_equal(options_parse_s64("-20", -10, 10, &v), -ERANGE);
}

static void test_seconds(void **state)
{
	static const char *const bad[] = { "",	 ".",	".5", "1.", "1.0000000001",
					   "-1", "1e3", "1 ", "inf" };
	uint64_t ns = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(options_parse_seconds(bad[i], &ns), -EINVAL);
	assert_int_equal(options_parse_seconds("0.0", &ns), -ERANGE);
	assert_int_equal(options_parse_seconds("99999999999999999999", &ns), -ERANGE);
	assert_int_equal(options_parse_seconds("1.000000001", &ns), 0);
	assert_int_equal(ns, 1000000001);
}

static void test_users(void **state)
{
	uid_t uid = 77;

	(void)state;
	assert_int_equal(options_parse_uid("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(options_parse_uid("1000", &uid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(options_parse_uid("4294967295", &uid), -ERANGE);
	assert_int_equal(options_parse_uid("no such user", &uid), -ENOENT);
	assert_int_equal(options_parse_uid("", &uid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common_options_and_letters),
		cmocka_unit_test(test_options_of_filters),
		cmocka_unit_test(test_several_processes),
		cmocka_unit_test(test_a_letter_that_a_tool_has_is_its_own),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_command_after_two_dashes),
		cmocka_unit_test(test_usage_errors_exit_2_and_say_why),
		cmocka_unit_test(test_help_and_version_exit_0),
		cmocka_unit_test(test_unsigned_numbers_are_strict),
		cmocka_unit_test(test_signed_numbers_are_strict),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
