/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* ticks [MICROSECONDS]: calls tick(N) at that interval (100) until it is ended or stdin closes. */
#include <poll.h>
#include "target.h"

int tick(int n);

NOINLINE int tick(int n)
{
	__asm__ volatile("" : "+r"(n) : "r"(__builtin_frame_address(0)));
	return n;
}

int main(int argc, char **argv)
{
	long us = target_count(argc, argv, 1, 100);
	struct pollfd in = { .fd = 0 };
	int n;

	printf("ready %d\n", getpid());
	fflush(stdout);
	for (n = 0; poll(&in, 1, 0) == 0; n++) {
		tick(n);
		usleep(us);
	}
	return 0;
}
