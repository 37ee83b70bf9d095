/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* The first and last steps of a program, each in a process of its own. */
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a program printed on the stream that is read, and how it ended. */
struct ended {
	int status;
	char text[4096];
};

/* Runs `program` with fd (1 or 2) read by us, and the other one as it is. */
static struct ended run_program(void (*program)(void), int fd)
{
	struct ended ended = {};
	size_t len = 0;
	ssize_t got;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(ends[1], fd);
		close(ends[0]);
		close(ends[1]);
		program();
		exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], ended.text + len, sizeof(ended.text) - 1 - len)) > 0)
		len += got;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &ended.status, 0), pid);
	return ended;
}

static void assert_ended(const struct ended *ended, int status, const char *text)
{
	assert_true(WIFEXITED(ended->status));
	assert_int_equal(WEXITSTATUS(ended->status), status);
	assert_string_equal(ended->text, text);
}

static void use_closed(void)
{
	char byte;
	int fd;

	close(0);
	close(1);
	front_start();
	fd = open("/dev/null", O_RDWR);
	fprintf(stderr, "%d", fd > 2);
	fprintf(stderr, " %d", read(0, &byte, 1) < 0 && errno == EBADF);
	fprintf(stderr, " %d\n", write(1, "x", 1) < 0 && errno == EBADF);
}

static void test_closed_descriptors_are_taken_and_still_fail(void **state)
{
	struct ended ended = run_program(use_closed, 2);

	(void)state;
	assert_ended(&ended, 0, "1 1 1\n");
}

static void use_without_stderr(void)
{
	close(2);
	front_start();
	printf("%d\n", open("/dev/null", O_RDWR) > 2);
	fprintf(stderr, "nobody sees it\n");
}

static void test_closed_stderr_is_no_failure(void **state)
{
	struct ended ended = run_program(use_without_stderr, 1);

	(void)state;
	assert_ended(&ended, 0, "1\n");
}

static void print_hostile(FILE **stream)
{
	front_start();
	fprintf(*stream,
		"\x1b]0;owned\a\x1b[31m \xc2\x9b zero\xe2\x80\x8bwidth \xe2\x80\xae \xff\tgr\xc3\xbc\xc3\x9f \\n\n");
}

static void print_hostile_out(void)
{
	print_hostile(&stdout);
}

static void print_hostile_err(void)
{
	print_hostile(&stderr);
}

static void test_streams_cannot_drive_the_terminal(void **state)
{
	static const char harmless[] =
		"\\x1b]0;owned\\x07\\x1b[31m \\xc2\\x9b zero\\xe2\\x80\\x8bwidth \\xe2\\x80\\xae "
		"\\xff\tgr\xc3\xbc\xc3\x9f \\n\n";
	struct ended out = run_program(print_hostile_out, 1),
		     err = run_program(print_hostile_err, 2);

	(void)state;
	assert_ended(&out, 0, harmless);
	assert_ended(&err, 0, harmless);
}

static void print_much(void)
{
	front_start();
	for (int i = 0; i < 1000; i++)
		printf("%d\n", i % 10);
}

static void test_nothing_is_left_unwritten(void **state)
{
	struct ended ended = run_program(print_much, 1);

	(void)state;
	assert_true(WIFEXITED(ended.status) && !WEXITSTATUS(ended.status));
	assert_int_equal(strlen(ended.text), 2000);
}

static void print_to_a_full_disk(void)
{
	dup2(open("/dev/full", O_WRONLY), 1);
	print_much();
}

static void print_to_a_closed_descriptor(void)
{
	close(1);
	print_much();
}

static void print_beyond_a_limit(void)
{
	char path[] = "/tmp/test_front.XXXXXX";

	dup2(mkstemp(path), 1);
	unlink(path);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1000, 1000 });
	print_much();
}

static void print_to_a_reader_that_has_gone(void)
{
	int ends[2];

	if (pipe(ends))
		exit(2);
	dup2(ends[1], 1);
	close(ends[0]);
	close(ends[1]);
	signal(SIGPIPE, SIG_IGN);
	print_much();
}

static void assert_fails_with(void (*program)(void), int err)
{
	struct ended ended = run_program(program, 2);

	assert_true(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 1);
	assert_non_null(strstr(ended.text, "cannot write the output: "));
	assert_non_null(strstr(ended.text, strerror(err)));
}

static void test_output_that_cannot_be_written_is_reported(void **state)
{
	struct ended gone = run_program(print_to_a_reader_that_has_gone, 2);

	(void)state;
	assert_fails_with(print_to_a_full_disk, ENOSPC);
	assert_fails_with(print_to_a_closed_descriptor, EBADF);
	assert_fails_with(print_beyond_a_limit, EFBIG);
	assert_ended(&gone, 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_descriptors_are_taken_and_still_fail),
		cmocka_unit_test(test_closed_stderr_is_no_failure),
		cmocka_unit_test(test_streams_cannot_drive_the_terminal),
		cmocka_unit_test(test_nothing_is_left_unwritten),
		cmocka_unit_test(test_output_that_cannot_be_written_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
