/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * frameless: for each line of its input reaches inner() in the way that the line's letter says, and says so. Compiled without frame
 * pointers. p plainly, a with memory from the stack, b on a stack that is aligned, q from a library's function, s in a signal's handler,
 * d from 90 calls of one function; e: ends.
 */
#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include "target.h"

void inner(long number);
void plainly(long number);
void allocating(long number);
void aligned(long number);
void deeply(long number, long depth);

static volatile long sink;

NOINLINE void inner(long number)
{
	sink += number;
}

NOINLINE void plainly(long number)
{
	inner(number + 1);
	sink++;
}

NOINLINE void allocating(long number)
{
	volatile char *memory = alloca(number * 100 + 16);

	memory[number] = 1;
	inner(number + memory[number]);
	sink++;
}

NOINLINE void aligned(long number)
{
	volatile long memory[16] __attribute__((aligned(64)));

	memory[number % 16] = number;
	inner((long)((uintptr_t)memory % 64) + memory[number % 16]);
	sink++;
}

NOINLINE void deeply(long number, long depth)
{
	if (depth)
		deeply(number, depth - 1);
	else
		inner(number);
	sink++;
}

static int compare(const void *a, const void *b)
{
	inner(*(const int *)a);
	return *(const int *)a - *(const int *)b;
}

static void handle(int number)
{
	inner(number);
	sink++;
}

int main(void)
{
	int numbers[] = { 2, 1 }, letter;
	long number = 0;

	signal(SIGUSR1, handle);
	printf("ready\n");
	fflush(stdout);
	while ((letter = getchar()) != EOF && letter != 'e') {
		number++;
		if (letter == 'p')
			plainly(number);
		else if (letter == 'a')
			allocating(number % 40);
		else if (letter == 'b')
			aligned(number);
		else if (letter == 'q')
			qsort(numbers, 2, sizeof(int), compare);
		else if (letter == 's')
			raise(SIGUSR1);
		else if (letter == 'd')
			deeply(number, 90);
		else
			continue;
		printf("%c\n", letter);
		fflush(stdout);
	}
	return 0;
}
