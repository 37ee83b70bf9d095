/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * usdtsem [ROUNDS]: USDT probes behind semaphores; prints each one's count before every round, and
 * "fired"/"skipped" for what it then did.
 */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include "target.h"

/* The kernel counts here while a tracer is attached; the section keeps it out of .bss. */
unsigned short target_guarded_semaphore __attribute__((section(".probes"), used));
unsigned short target_always_semaphore __attribute__((section(".probes"), used));

static unsigned short semaphore_read(const volatile unsigned short *semaphore)
{
	return *semaphore;
}

void sem_round(int i);

NOINLINE void sem_round(int i)
{
	unsigned short count = semaphore_read(&target_guarded_semaphore);

	if (count)
		STAP_PROBE2(target, guarded, i, "only when asked");
	printf("guarded %d %s %d\n", i, count ? "fired" : "skipped", count);
	STAP_PROBE1(target, always, i);
	printf("always %d %d\n", i, semaphore_read(&target_always_semaphore));
}

int main(int argc, char **argv)
{
	long i, rounds = target_count(argc, argv, 1, 3);

	target_wait();
	for (i = 0; i < rounds; i++)
		sem_round(i);
	return 0;
}
