/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * hits [COUNT [THREADS]]: calls hit_a and hit_b exactly COUNT times each, shared out to THREADS
 * threads, and prints both totals and the nanoseconds a call took: "hit_a COUNT NS".
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include "target.h"

#define MAX_THREADS 64

struct share {
	pthread_t thread;
	long count;
	long done_a, done_b;
	uint64_t ns_a, ns_b;
};

long hit_a(long i, long twice);
long hit_b(long i, long twice);

/* Asking for the frame makes these begin as real functions do, with a push on x86_64. */
NOINLINE long hit_a(long i, long twice)
{
	__asm__ volatile("" : "+r"(i) : "r"(twice), "r"(__builtin_frame_address(0)));
	return i;
}

NOINLINE long hit_b(long i, long twice)
{
	__asm__ volatile("" : "+r"(i) : "r"(twice), "r"(__builtin_frame_address(0)));
	return i;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t hits_run(long (*hit)(long, long), long count, long *done)
{
	uint64_t start = now_ns();
	long i;

	for (i = 0; i < count; i++)
		*done += hit(i, 2 * i) == i;
	return now_ns() - start;
}

static void *share_run(void *arg)
{
	struct share *share = arg;

	share->ns_a = hits_run(hit_a, share->count, &share->done_a);
	share->ns_b = hits_run(hit_b, share->count, &share->done_b);
	return NULL;
}

int main(int argc, char **argv)
{
	long count = target_count(argc, argv, 1, 200000), threads = target_count(argc, argv, 2, 1);
	struct share shares[MAX_THREADS] = {}, sum = {};
	long i;

	if (threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "hits: 1 to %d threads\n", MAX_THREADS);
		return 2;
	}
	target_wait();
	for (i = 0; i < threads; i++) {
		shares[i].count = count / threads + (i < count % threads);
		if (pthread_create(&shares[i].thread, NULL, share_run, &shares[i])) {
			perror("pthread_create");
			return 1;
		}
	}
	for (i = 0; i < threads; i++) {
		pthread_join(shares[i].thread, NULL);
		sum.done_a += shares[i].done_a;
		sum.done_b += shares[i].done_b;
		sum.ns_a += shares[i].ns_a;
		sum.ns_b += shares[i].ns_b;
	}
	printf("hit_a %ld %.1f\n", sum.done_a, count ? (double)sum.ns_a / count : 0);
	printf("hit_b %ld %.1f\n", sum.done_b, count ? (double)sum.ns_b / count : 0);
	return 0;
}
