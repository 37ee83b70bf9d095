/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * calls [ROUNDS]: calls in calls, in several threads, and calls that never return: left by longjmp() or by
 * the end of their thread. Logs "name ARGUMENT = RESULT" of those that did.
 */
#include <pthread.h>
#include <setjmp.h>
#include <time.h>

#include "target.h"

#define THREADS 4

long call_nested(int n);
int call_left(int n);
int call_slow(int ms);

static jmp_buf out;

NOINLINE long call_nested(int n)
{
	long result = n > 0 ? call_nested(n - 1) + n : 0;

	printf("call_nested %d = %ld\n", n, result);
	return result;
}

/* Of four the second leaves by longjmp(), the fourth ends its thread. */
NOINLINE int call_left(int n)
{
	if (n % 4 == 1)
		longjmp(out, 1);
	if (n % 4 == 3)
		pthread_exit(NULL);
	printf("call_left %d = %d\n", n, 10 * n);
	return 10 * n;
}

NOINLINE int call_slow(int ms)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&wait, NULL);
	return -ms;
}

#ifdef __x86_64__
/* As compilers of newer distributions begin each function; the second one jumps behind that, as a loop would. */
int call_guarded(int n);
int call_looping(int n);

__asm__(".text\n"
	".globl call_guarded, call_looping\n"
	".type call_guarded, @function\n"
	"call_guarded: endbr64\n"
	"	lea 1(%rdi), %eax\n"
	"	ret\n"
	".size call_guarded, . - call_guarded\n"
	".type call_looping, @function\n"
	"call_looping: endbr64\n"
	"0:	dec %edi\n"
	"	jns 0b\n"
	"	mov %edi, %eax\n"
	"	ret\n"
	".size call_looping, . - call_looping\n");
#endif

static void *run_left(void *n)
{
	call_left((int)(long)n);
	return NULL;
}

static void *run_nested(void *rounds)
{
	for (long i = 0; i < (long)rounds; i++)
		call_nested((int)(i % 7));
	return NULL;
}

int main(int argc, char **argv)
{
	long rounds = target_count(argc, argv, 1, 5);
	pthread_t threads[THREADS];

	target_wait();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_nested, (void *)rounds))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (volatile long i = 0; i < 4 * rounds; i++) {
		if (i % 4 == 3) {
			if (pthread_create(&threads[0], NULL, run_left, (void *)i))
				return 1;
			pthread_join(threads[0], NULL);
		} else if (!setjmp(out)) {
			call_left((int)i);
		}
	}
	printf("call_slow 20 = %d\n", call_slow(20));
#ifdef __x86_64__
	printf("call_guarded 7 = %d\n", call_guarded(7));
	printf("call_looping 5 = %d\n", call_looping(5));
#endif
	return 0;
}
