/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "-- COMMAND": started stopped, let go, ended; and (as root) its descendants followed in the
 * kernel.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/child.h"
#include "lib/follow.h"

#define ARGV(...)                 \
	(char **)(const char *[]) \
	{                         \
		__VA_ARGS__, NULL \
	}

/* Wait for the end, at most ten seconds. */
static int wait_status(struct child *child)
{
	struct pollfd pfd = { .fd = child_fd(child), .events = POLLIN };
	int status = -1, i;

	for (i = 0; i < 1000 && !child_ended(child, &status); i++)
		poll(&pfd, 1, 10);
	assert_true(child_ended(child, &status));
	return status;
}

static void test_command_runs_only_when_released(void **state)
{
	char path[] = "/tmp/test_lib_child.XXXXXX", script[64];
	struct child *child;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(script, sizeof(script), "rm %s; exit 7", path);
	child = child_new(ARGV("sh", "-c", script));
	assert_non_null(child);
	assert_int_equal(child_path(child)[0], '/');
	usleep(20000);
	assert_false(child_ended(child, NULL));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(child_release(child), 0);
	assert_int_equal(WEXITSTATUS(wait_status(child)), 7);
	assert_int_equal(access(path, F_OK), -1);
	child_free(child);
}

static void test_command_that_is_not_there(void **state)
{
	(void)state;
	errno = 0;
	assert_null(child_new(ARGV("no-such-command-anywhere")));
	assert_int_equal(errno, ENOENT);
	assert_null(child_new(ARGV("./no-such-command-anywhere")));
	assert_int_equal(errno, ENOENT);
	assert_null(child_new(ARGV("")));
	assert_int_equal(errno, ENOENT);
	assert_null(child_new(ARGV("/etc/passwd")));
	assert_int_equal(errno, EACCES);
	assert_null(child_new(ARGV("/tmp")));
	assert_int_equal(errno, EACCES);
}

static void test_command_that_cannot_be_executed_after_all(void **state)
{
	char path[] = "/tmp/test_lib_child.XXXXXX";
	int fd = mkstemp(path);
	struct child *child;

	(void)state;
	assert_int_equal(write(fd, "#!/no/such/interpreter\n", 23), 23);
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
	child = child_new(ARGV(path));
	assert_non_null(child);
	assert_int_equal(child_release(child), -ENOENT);
	assert_int_equal(WEXITSTATUS(wait_status(child)), 127);
	child_free(child);
	unlink(path);
}

static void test_freeing_an_unreleased_child_ends_it_without_running(void **state)
{
	struct child *child = child_new(ARGV("sleep", "1000"));
	pid_t pid = child_pid(child);

	(void)state;
	child_free(child);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_freeing_a_running_child_terminates_it(void **state)
{
	struct child *child = child_new(ARGV("sleep", "1000"));
	pid_t pid = child_pid(child);

	(void)state;
	assert_int_equal(child_release(child), 0);
	child_free(child);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_signals_have_their_default_meaning_but_for_nohups(void **state)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGPIPE };
	struct child *child;
	char script[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_IGN);
		/*
		 * A shell cannot be told to catch what was ignored when it started: POSIX, trap.
		 */
		snprintf(script, sizeof(script), "ulimit -c 0; kill -%d $$; exit 7", signals[i]);
		child = child_new(ARGV("sh", "-c", script));
		assert_int_equal(child_release(child), 0);
		assert_int_equal(WTERMSIG(wait_status(child)), signals[i]);
		child_free(child);
		signal(signals[i], SIG_DFL);
	}
	signal(SIGHUP, SIG_IGN);
	child = child_new(ARGV("sh", "-c", "kill -HUP $$; exit 7"));
	assert_int_equal(child_release(child), 0);
	assert_int_equal(WEXITSTATUS(wait_status(child)), 7);
	child_free(child);
	signal(SIGHUP, SIG_DFL);
}

static void test_signals_are_passed_on(void **state)
{
	struct child *child = child_new(ARGV("sleep", "1000"));

	(void)state;
	assert_int_equal(child_release(child), 0);
	child_signal(child, SIGINT);
	assert_int_equal(WTERMSIG(wait_status(child)), SIGINT);
	child_signal(child, SIGINT);
	child_free(child);
}

/*
 * A shell that starts a shell, which starts a sleep; both wait for ever.
 */
static void test_descendants_are_followed_and_forgotten(void **state)
{
	uint32_t key, next, count = 0, *previous = NULL;
	struct follow *follow;
	struct child *child;
	uint8_t value;
	int i;

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: loading BPF programs needs root\n");
		skip();
	}
	child = child_new(ARGV("sh", "-c", "sh -c 'sleep 1000 & wait' & wait"));
	follow = follow_new(child_pid(child), 0);
	if (!follow && (errno == ENOENT || errno == EOPNOTSUPP)) {
		print_message("SKIPPED: no tracefs, or not the host's process ids\n");
		child_free(child);
		skip();
	}
	assert_non_null(follow);
	key = child_pid(child);
	assert_int_equal(bpf_map_lookup_elem(follow_map_fd(follow), &key, &value), 0);
	assert_int_equal(child_release(child), 0);
	for (i = 0; i < 1000 && count < 3; i++) {
		usleep(10000);
		for (count = 0, previous = NULL;
		     !bpf_map_get_next_key(follow_map_fd(follow), previous, &next); count++) {
			assert_int_equal(kill(next, 0), 0);
			key = next;
			previous = &key;
		}
	}
	assert_int_equal(count, 3);
	/* Ourselves are not followed. */
	key = getpid();
	assert_int_equal(bpf_map_lookup_elem(follow_map_fd(follow), &key, &value), -ENOENT);
	/* End the descendants, leaf first or not: all must leave the set. */
	for (i = 0; i < 1000 && !bpf_map_get_next_key(follow_map_fd(follow), NULL, &next); i++) {
		kill(next, SIGKILL);
		child_ended(child, NULL);
		usleep(10000);
	}
	assert_int_equal(bpf_map_get_next_key(follow_map_fd(follow), NULL, &next), -ENOENT);
	assert_int_equal(follow_missed(follow), 0);
	follow_free(follow);
	child_free(child);
}

static void test_tasks_beyond_the_limit_are_counted(void **state)
{
	struct follow *follow;
	struct child *child;

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: loading BPF programs needs root\n");
		skip();
	}
	child = child_new(ARGV("sh", "-c", "true & true & wait"));
	follow = follow_new(child_pid(child), 1);
	if (!follow && (errno == ENOENT || errno == EOPNOTSUPP)) {
		print_message("SKIPPED: no tracefs, or not the host's process ids\n");
		child_free(child);
		skip();
	}
	assert_non_null(follow);
	assert_int_equal(child_release(child), 0);
	wait_status(child);
	assert_int_equal(follow_missed(follow), 2);
	follow_free(follow);
	child_free(child);
}

/* An exec from a thread takes over the leader's id; python starts the thread. */
static void test_exec_from_a_thread_is_followed(void **state)
{
	uint32_t key;
	struct follow *follow;
	struct child *child;
	char comm[64] = "", path[64];
	uint8_t value;
	int fd, i;

	(void)state;
	if (geteuid() || access("/usr/bin/python3", X_OK)) {
		print_message("SKIPPED: needs root and /usr/bin/python3\n");
		skip();
	}
	child = child_new(ARGV("/usr/bin/python3", "-c",
			       "import threading, os\n"
			       "run = lambda: os.execv('/bin/sleep', ['sleep', '1000'])\n"
			       "threading.Thread(target=run).start()\n"
			       "threading.Event().wait()"));
	follow = follow_new(child_pid(child), 0);
	if (!follow && (errno == ENOENT || errno == EOPNOTSUPP)) {
		print_message("SKIPPED: no tracefs, or not the host's process ids\n");
		child_free(child);
		skip();
	}
	assert_non_null(follow);
	key = child_pid(child);
	assert_int_equal(child_release(child), 0);
	snprintf(path, sizeof(path), "/proc/%u/comm", key);
	for (i = 0; i < 1000 && strcmp(comm, "sleep\n"); i++) {
		usleep(10000);
		fd = open(path, O_RDONLY);
		comm[read(fd, comm, sizeof(comm) - 1)] = '\0';
		close(fd);
	}
	assert_string_equal(comm, "sleep\n");
	assert_int_equal(bpf_map_lookup_elem(follow_map_fd(follow), &key, &value), 0);
	assert_int_equal(bpf_map_get_next_key(follow_map_fd(follow), &key, &key), -ENOENT);
	child_signal(child, SIGKILL);
	wait_status(child);
	follow_free(follow);
	child_free(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_runs_only_when_released),
		cmocka_unit_test(test_command_that_is_not_there),
		cmocka_unit_test(test_command_that_cannot_be_executed_after_all),
		cmocka_unit_test(test_freeing_an_unreleased_child_ends_it_without_running),
		cmocka_unit_test(test_freeing_a_running_child_terminates_it),
		cmocka_unit_test(test_signals_have_their_default_meaning_but_for_nohups),
		cmocka_unit_test(test_signals_are_passed_on),
		cmocka_unit_test(test_descendants_are_followed_and_forgotten),
		cmocka_unit_test(test_tasks_beyond_the_limit_are_counted),
		cmocka_unit_test(test_exec_from_a_thread_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
