/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * stacks [ROUNDS [DEPTH]]: reaches inner() over different callers with values that repeat, then goes DEPTH levels
 * down, then makes a system call from a known function. Waits at its end, so that it is there to be looked at.
 */
#include <sys/sdt.h>
#include "target.h"

long inner(int key, const char *name, long size);
long left(int key);
long right(int key);
int down(int depth);
int ask(int fd);

static const char *const volatile names[] = { "apple", "pear", "a \"fig\"\n" };

NOINLINE long inner(int key, const char *name, long size)
{
	return key + size + name[0];
}

NOINLINE long left(int key)
{
	long result = inner(key, names[key % 3], 100 * (key % 3) - 50) + 1;

	printf("inner %d %ld left\n", key % 3, 100L * (key % 3) - 50);
	return result;
}

NOINLINE long right(int key)
{
	long result = inner(key, "apple", 1L << key % 20) + 2;

	printf("inner %d %ld right\n", key % 3, 1L << key % 20);
	DTRACE_PROBE2(stacks, site, right, key);
	return result;
}

NOINLINE int down(int depth)
{
	int result = depth ? down(depth - 1) : 0;

	/* Or the compiler would make a loop of it. */
	__asm__ volatile("" : "+r"(result));
	return result + 1;
}

/* -EBADF, and without a buffer of its own: the system call is libc's. */
NOINLINE int ask(int fd)
{
	return close(fd) + 1;
}

int main(int argc, char **argv)
{
	long rounds = target_count(argc, argv, 1, 1), depth = target_count(argc, argv, 2, 1),
	     result = 0;

	/* In memory from now on: not every kernel's probes can fault a page in. */
	for (int i = 0; i < 3; i++)
		result += names[i][0];
	for (int i = 0; i < rounds; i++)
		result += left(i) + (i % 2 ? right(i) : 0);
	result += down((int)depth) + ask(-77);
	target_wait();
	return result == -1;
}
