/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of a tool: what ends it, its exit status, and that its output is complete or its loss
 * told. Each test runs a little tool, which prints "row N" in its ticks, in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <front.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/run.h"
#include "lib/timestamp.h"

#define MS 1000000ull

#define ARGV(...)                 \
	(char **)(const char *[]) \
	{                         \
		__VA_ARGS__, NULL \
	}

struct tool {
	struct options options;
	uint64_t interval_ns;
	uint64_t rows;
	size_t row_size; /* 0: a short row */
	int result;	 /* of the tick that ends the run, once there are end_at rows */
	uint64_t end_at;
	struct run *run;
};

static int tool_tick(void *ctx)
{
	struct tool *tool = ctx;
	struct output *out = run_output(tool->run);
	char big[4096];

	memset(big, 'x', sizeof(big));
	tool->rows++;
	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_u64(out, "row", tool->rows);
	} else {
		output_printf(out, "row %llu", (unsigned long long)tool->rows);
		output_put(out, big, tool->row_size);
	}
	if (tool->end_at && tool->rows >= tool->end_at)
		return output_end(out) ?: tool->result;
	return output_end(out);
}

static void tool_detach(void *ctx)
{
	struct tool *tool = ctx;

	output_puts(run_output(tool->run), "detached");
	output_end_line(run_output(tool->run));
}

/* Runs the tool in a forked process; its standard output and error are out_fd and err_fd. */
static pid_t tool_start(struct tool *tool, int out_fd, int err_fd)
{
	struct run_loop_opts opts = { .interval_ns = tool->interval_ns ?: 5 * MS,
				      .tick = tool_tick,
				      .detach = tool->options.json ? NULL : tool_detach,
				      .ctx = tool };
	pid_t pid = fork();
	int status;

	if (pid)
		return pid;
	dup2(out_fd, STDOUT_FILENO);
	dup2(err_fd, STDERR_FILENO);
	/* Lest a test's end of a pipe stays open in the tool. */
	close_range(3, ~0u, 0);
	front_start();
	log_init(tool->options.verbosity);
	tool->run = run_new(&tool->options);
	if (!tool->run)
		_exit(RUN_FAILED);
	status = run_loop(tool->run, &opts);
	run_free(tool->run);
	_exit(status);
}

struct ended {
	int status;
	char out[65536], err[4096];
};

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(fd);
}

/* Run to the end; signal (if not 0) is sent after the first byte of output. */
static struct ended *tool_run(struct tool *tool, int sig)
{
	struct ended *ended = calloc(1, sizeof(*ended));
	int out[2], err[2];
	pid_t pid;

	assert_int_equal(pipe(out) | pipe(err), 0);
	pid = tool_start(tool, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	if (sig) {
		assert_int_equal(read(out[0], ended->out, 1), 1);
		kill(pid, sig);
	}
	read_all(out[0], ended->out + !!sig, sizeof(ended->out) - 1);
	read_all(err[0], ended->err, sizeof(ended->err));
	assert_int_equal(waitpid(pid, &ended->status, 0), pid);
	return ended;
}

static void assert_exit(const struct ended *ended, int status)
{
	assert_true(WIFEXITED(ended->status));
	if (WEXITSTATUS(ended->status) != status)
		fail_msg("exit status %d; stderr: %s", WEXITSTATUS(ended->status), ended->err);
}

static void test_each_signal_ends_the_run_cleanly(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct ended *ended;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct tool tool = {};

		ended = tool_run(&tool, signals[i]);
		assert_exit(ended, RUN_OK);
		assert_int_equal(strncmp(ended->out, "row 1\n", 6), 0);
		assert_string_equal(strrchr(ended->out, 'd'), "d\n");
		assert_non_null(strstr(ended->out, "\ndetached\n"));
		assert_string_equal(ended->err, "");
		free(ended);
	}
}

static void test_a_signal_sent_twice_at_once_is_one(void **state)
{
	struct tool tool = {};
	int out[2], status;
	char text[65536];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(out), 0);
	pid = tool_start(&tool, out[1], STDERR_FILENO);
	close(out[1]);
	assert_int_equal(read(out[0], text, 1), 1);
	kill(pid, SIGTERM);
	kill(pid, SIGINT);
	read_all(out[0], text, sizeof(text));
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), RUN_OK);
	assert_non_null(strstr(text, "\ndetached\n"));
}

static void test_a_second_signal_later_ends_the_run_at_once(void **state)
{
	struct tool tool = { .interval_ns = MS, .row_size = 4096 };
	int out[2], status;
	char text[16];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(out), 0);
	pid = tool_start(&tool, out[1], STDERR_FILENO);
	close(out[1]);
	/* Only then its handlers are there; it will soon wait for us to read on. */
	assert_int_equal(read(out[0], text, 1), 1);
	usleep(100000);
	kill(pid, SIGTERM);
	usleep(400000);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	close(out[0]);
}

static void test_duration_ends_the_run_in_time(void **state)
{
	struct tool tool = { .options.duration_ns = 120 * MS, .interval_ns = 50 * MS };
	uint64_t start = timestamp_now(), took;
	struct ended *ended = tool_run(&tool, 0);

	(void)state;
	took = timestamp_now() - start;
	assert_exit(ended, RUN_OK);
	assert_string_equal(ended->out, "row 1\nrow 2\ndetached\n");
	assert_true(took >= 120 * MS && took < 5000 * MS);
	free(ended);
}

static void test_max_events_ends_the_run(void **state)
{
	struct tool tool = { .options = { .max_events = 3, .json = true } };
	struct ended *ended = tool_run(&tool, 0);

	(void)state;
	assert_exit(ended, RUN_OK);
	assert_string_equal(ended->out, "{\"row\":1}\n{\"row\":2}\n{\"row\":3}\n{\"lost\":0}\n");
	free(ended);
}

static void test_a_failed_tick_fails_the_run(void **state)
{
	struct tool tool = { .end_at = 2, .result = -EIO };
	struct ended *ended = tool_run(&tool, 0);

	(void)state;
	assert_exit(ended, RUN_FAILED);
	assert_string_equal(ended->out, "row 1\nrow 2\ndetached\n");
	assert_non_null(strstr(ended->err, "cannot go on: Input/output error"));
	free(ended);
}

static void test_a_closed_pipe_ends_the_run_silently(void **state)
{
	struct tool tool = {};
	int out[2], err[2], status;
	char text[256];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(out) | pipe(err), 0);
	pid = tool_start(&tool, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	assert_int_equal(read(out[0], text, 1), 1);
	close(out[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), RUN_OK);
	read_all(err[0], text, sizeof(text));
	assert_string_equal(text, "");
}

static void test_a_full_disk_fails_the_run_and_says_so(void **state)
{
	struct tool tool = {};
	int full = open("/dev/full", O_WRONLY), err[2], status;
	char text[256];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(err), 0);
	pid = tool_start(&tool, full, err[1]);
	close(err[1]);
	read_all(err[0], text, sizeof(text));
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), RUN_FAILED);
	assert_non_null(strstr(
		text, "cannot write the output: No space left on device; 1 records are lost"));
	close(full);
}

static void test_a_stalled_reader_cannot_hold_up_the_end(void **state)
{
	struct tool tool = { .interval_ns = MS, .row_size = 4096 };
	int out[2], err[2], status, filled;
	char text[256];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(out) | pipe(err), 0);
	filled = fcntl(out[1], F_SETPIPE_SZ, 4096);
	assert_true(filled >= 4096);
	pid = tool_start(&tool, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	/* One byte read: it is running. Nothing more is. */
	assert_int_equal(read(out[0], text, 1), 1);
	kill(pid, SIGTERM);
	read_all(err[0], text, sizeof(text));
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), RUN_FAILED);
	assert_non_null(strstr(text, "its reader takes nothing"));
	close(out[0]);
}

static void skip_without_follow(void)
{
	if (!geteuid())
		return;
	print_message("SKIPPED: following a command needs root\n");
	skip();
}

static void test_the_end_of_the_command_ends_the_run(void **state)
{
	struct tool tool = { .options = { .command = ARGV("sh", "-c", "exit 3"), .verbosity = 1 },
			     .interval_ns = 10000 * MS };
	struct ended *ended;

	(void)state;
	skip_without_follow();
	ended = tool_run(&tool, 0);
	assert_exit(ended, 3);
	assert_string_equal(ended->out, "detached\n");
	assert_non_null(strstr(ended->err, "exited with status 3"));
	free(ended);
}

static void test_a_command_that_outlives_the_run_is_terminated(void **state)
{
	struct tool tool = { .options = { .command = ARGV("sh", "-c", "echo $$; exec sleep 1000"),
					  /* A busy machine starts it late. */
					  .duration_ns = 1000 * MS },
			     .interval_ns = 10000 * MS };
	struct ended *ended;

	(void)state;
	skip_without_follow();
	ended = tool_run(&tool, 0);
	assert_exit(ended, RUN_OK);
	assert_true(atoi(ended->out) > 0);
	assert_int_equal(kill(atoi(ended->out), 0), -1);
	assert_int_equal(errno, ESRCH);
	free(ended);
}

static void test_a_signal_is_passed_on_to_the_command(void **state)
{
	struct tool tool = { .options.command = ARGV("sh", "-c",
						     "trap 'echo caught >&2; exit' TERM; echo up;"
						     "while :; do sleep 0.05; done"),
			     .interval_ns = 10000 * MS };
	struct ended *ended;

	(void)state;
	skip_without_follow();
	ended = tool_run(&tool, SIGTERM);
	assert_exit(ended, RUN_OK);
	assert_string_equal(ended->out, "up\ndetached\n");
	assert_string_equal(ended->err, "caught\n");
	free(ended);
}

static void test_a_command_that_is_not_there_fails_the_run(void **state)
{
	struct tool tool = { .options.command = ARGV("no-such-command") };
	struct ended *ended = tool_run(&tool, 0);

	(void)state;
	assert_exit(ended, RUN_FAILED);
	assert_string_equal(ended->out, "");
	assert_non_null(
		strstr(ended->err, "cannot run 'no-such-command': No such file or directory"));
	free(ended);
}

static void test_messages_cannot_drive_the_terminal(void **state)
{
	struct tool tool = { .options.command = ARGV("no\x1b[2J-such") };
	struct ended *ended = tool_run(&tool, 0);

	(void)state;
	assert_non_null(strstr(ended->err, "no\\x1b[2J-such"));
	free(ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_signal_ends_the_run_cleanly),
		cmocka_unit_test(test_a_signal_sent_twice_at_once_is_one),
		cmocka_unit_test(test_a_second_signal_later_ends_the_run_at_once),
		cmocka_unit_test(test_duration_ends_the_run_in_time),
		cmocka_unit_test(test_a_command_that_outlives_the_run_is_terminated),
		cmocka_unit_test(test_max_events_ends_the_run),
		cmocka_unit_test(test_a_failed_tick_fails_the_run),
		cmocka_unit_test(test_a_closed_pipe_ends_the_run_silently),
		cmocka_unit_test(test_a_full_disk_fails_the_run_and_says_so),
		cmocka_unit_test(test_a_stalled_reader_cannot_hold_up_the_end),
		cmocka_unit_test(test_the_end_of_the_command_ends_the_run),
		cmocka_unit_test(test_a_signal_is_passed_on_to_the_command),
		cmocka_unit_test(test_a_command_that_is_not_there_fails_the_run),
		cmocka_unit_test(test_messages_cannot_drive_the_terminal),
	};

	/* nohup(1) and shells in the background start us with some ignored. */
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
