/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * threads [THREADS [ROUNDS]]: named threads worker-0, worker-1... that call thread_work(ID, ROUND);
 * each call is logged as "PID TID NAME ID ROUND".
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "target.h"

#define MAX_THREADS 64

static long rounds;

void thread_work(int id, int round);

NOINLINE void thread_work(int id, int round)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	printf("%d %ld %s %d %d\n", getpid(), syscall(SYS_gettid), name, id, round);
}

static void *worker_run(void *arg)
{
	int i, id = (long)arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%d", id);
	prctl(PR_SET_NAME, name);
	for (i = 0; i < rounds; i++)
		thread_work(id, i);
	return NULL;
}

int main(int argc, char **argv)
{
	long i, count = target_count(argc, argv, 1, 3);
	pthread_t threads[MAX_THREADS];

	rounds = target_count(argc, argv, 2, 2);
	if (count > MAX_THREADS) {
		fprintf(stderr, "threads: at most %d\n", MAX_THREADS);
		return 2;
	}
	target_wait();
	for (i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, worker_run, (void *)i)) {
			perror("pthread_create");
			return 1;
		}
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
