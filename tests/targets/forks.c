/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * forks [CHILDREN [ROUNDS]]: a family of processes. Each child forks a grandchild, which executes
 * this program anew. Every process calls fork_work(GENERATION, ROUND) ROUNDS times and logs each
 * call as "PID PPID GENERATION ROUND"; the first one ends with 3, once all others have ended.
 */
#include <string.h>
#include <sys/wait.h>
#include "target.h"

void fork_work(int generation, int round);

NOINLINE void fork_work(int generation, int round)
{
	printf("%d %d %d %d\n", getpid(), getppid(), generation, round);
}

static void work_run(int generation, long rounds)
{
	long i;

	for (i = 0; i < rounds; i++)
		fork_work(generation, i);
}

static pid_t fork_or_die(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	return pid;
}

static void child_run(char *rounds)
{
	pid_t pid = fork_or_die();

	if (!pid) {
		execl("/proc/self/exe", "forks", "leaf", rounds, NULL);
		perror("exec");
		_exit(1);
	}
	work_run(1, atol(rounds));
	waitpid(pid, NULL, 0);
	exit(0);
}

int main(int argc, char **argv)
{
	char rounds[24];
	long i, n;

	n = target_count(argc, argv, 2, 2);
	snprintf(rounds, sizeof(rounds), "%ld", n);
	if (argc > 1 && !strcmp(argv[1], "leaf")) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		work_run(2, n);
		return 0;
	}
	target_wait();
	for (i = target_count(argc, argv, 1, 2); i > 0; i--)
		if (!fork_or_die())
			child_run(rounds);
	work_run(0, n);
	while (wait(NULL) > 0)
		continue;
	return 3;
}
