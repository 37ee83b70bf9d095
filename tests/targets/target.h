/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the programs to be traced share. Each prints on stdout what it really did, one line a call,
 * so that a test compares a tracer's words with the program's own.
 */
#ifndef TARGET_H
#define TARGET_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A real call with its arguments in the places the ABI says: not inlined, cloned or specialised. */
#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa))
#endif

/*
 * With TARGET_WAIT set in the environment, says "ready PID" and goes on when stdin gets a line or
 * ends: the time to attach a tracer without guessing how long that takes.
 */
static inline void target_wait(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!getenv("TARGET_WAIT"))
		return;
	printf("ready %d\n", getpid());
	while (getchar() != '\n' && !feof(stdin) && !ferror(stdin))
		continue;
}

/* The @i-th argument as a count, or @preset. */
static inline long target_count(int argc, char **argv, int i, long preset)
{
	char *end;
	long n;

	if (i >= argc)
		return preset;
	errno = 0;
	n = strtol(argv[i], &end, 0);
	if (errno || end == argv[i] || *end || n < 0) {
		fprintf(stderr, "%s: '%s' is not a count\n", argv[0], argv[i]);
		exit(2);
	}
	return n;
}

#endif
