/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is printed for each of a test's command lines, compared with rows/TOOL.txt, a transcript.
 * UPDATE_ROWS=1 in the environment writes that anew.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Events happen REPLAY_START + so many ns on the kernel's clock. The wall clock was REPLAY_WALL then. */
#define REPLAY_START 1000000000000ull
#define REPLAY_WALL 1700000000000000000ull

/* In place of the C library's: rows must not depend on when the test runs. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	uint64_t ns = id == CLOCK_REALTIME ? REPLAY_WALL : REPLAY_START;

	*now = (struct timespec){ ns / 1000000000, ns % 1000000000 };
	return 0;
}

/* Prints the rows of a command line to replay_fd. */
int replay_tool(int argc, char **argv);

static int replay_fd;

static inline void replay_command(const char *command)
{
	char words[256], *argv[32], *rest = NULL;
	int argc = 0;

	dprintf(replay_fd, "$ %s\n", command);
	snprintf(words, sizeof(words), "%s", command);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	assert_int_equal(replay_tool(argc, argv), 0);
}

/* Of what was printed, and of what is expected: the text of a line that differs. */
static inline void replay_compare(const char *printed, const char *path)
{
	static char expected[1 << 20];
	FILE *file = fopen(path, "re");
	size_t len, line = 1, i, start = 0;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	len = fread(expected, 1, sizeof(expected) - 1, file);
	expected[len] = '\0';
	fclose(file);
	if (!strcmp(printed, expected))
		return;
	for (i = 0; printed[i] == expected[i]; i++) {
		if (printed[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	fail_msg("%s:%zu:\nexpected: %.*s\nprinted:  %.*s", path, line,
		 (int)strcspn(expected + start, "\n"), expected + start,
		 (int)strcspn(printed + start, "\n"), printed + start);
}

/* Run these command lines, and compare. source: __FILE__. */
static inline void replay_all(const char *source, const char *tool, const char *const *commands,
			      size_t count)
{
	static char printed[1 << 20];
	char path[256];
	ssize_t len;
	FILE *file;

	setenv("TZ", "UTC", 1);
	tzset();
	snprintf(path, sizeof(path), "%.*s/rows/%s.txt", (int)(strrchr(source, '/') - source),
		 source, tool);
	replay_fd = memfd_create("rows", MFD_CLOEXEC);
	assert_true(replay_fd >= 0);
	for (size_t i = 0; i < count; i++)
		replay_command(commands[i]);
	len = pread(replay_fd, printed, sizeof(printed) - 1, 0);
	close(replay_fd);
	assert_true(len > 0);
	printed[len] = '\0';
	if (getenv("UPDATE_ROWS")) {
		file = fopen(path, "we");
		assert_non_null(file);
		fwrite(printed, 1, len, file);
		fclose(file);
	}
	replay_compare(printed, path);
}

/* The test program, after the tool's source and #undef main. */
#define REPLAY(tool, ...)                                                   \
	static void test_rows_are_those_of_the_transcript(void **state)     \
	{                                                                   \
		static const char *const commands[] = { __VA_ARGS__ };      \
                                                                            \
		(void)state;                                                \
		replay_all(__FILE__, tool, commands, ARRAY_SIZE(commands)); \
	}                                                                   \
	int main(void)                                                      \
	{                                                                   \
		const struct CMUnitTest tests[] = { cmocka_unit_test(       \
			test_rows_are_those_of_the_transcript) };           \
                                                                            \
		return cmocka_run_group_tests(tests, NULL, NULL);           \
	}

#endif /* TRANSCRIPT_H */
