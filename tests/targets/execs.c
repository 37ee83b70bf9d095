/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A storm of short-lived processes that execute in many ways: execs COUNT THREADS FOLDER. FOLDER
 * has what they execute: an executable "prog", a script "script", and "plain", which may not be
 * executed. Says for each "NUMBER SHAPE PID ERRNO". All arguments are in written memory: a
 * literal's page isn't in a forked child's memory before it is touched.
 */
#include "target.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE_ARGS 15	   /* of 128 KiB: nearly the 2 MiB that a stack of 8 MiB allows */
#define ARG_MAX_LEN 131071 /* MAX_ARG_STRLEN less its NUL */

struct job {
	long number;
	char id[32];
	char zero[8], one[8], two[16], end[8], bytes[16];
	char prog[4096], script[4096], plain[4096], absent[4096];
	int dir_fd;
	volatile int *failure; /* in memory shared with the child */
};

struct work {
	long first, step, count;
	const char *folder;
};

static char *long_arg, *too_long_arg, *kilobytes_arg;

static int exec_args(struct job *job, const char *path, char *first, char *second)
{
	char *args[] = { job->zero, job->id, first, second, NULL };

	return execve(path, args, environ);
}

static int shape_plain(struct job *job)
{
	return exec_args(job, job->prog, job->one, job->two);
}

static int shape_script(struct job *job)
{
	return exec_args(job, job->script, job->one, NULL);
}

static int shape_absent(struct job *job)
{
	return exec_args(job, job->absent, job->one, NULL);
}

static int shape_refused(struct job *job)
{
	return exec_args(job, job->plain, NULL, NULL);
}

static int shape_at(struct job *job)
{
	char *args[] = { job->zero, job->id, NULL };

	return syscall(SYS_execveat, job->dir_fd, "prog", args, environ, 0);
}

static int shape_descriptor(struct job *job)
{
	char *args[] = { job->zero, job->id, NULL };

	return fexecve(open(job->prog, O_PATH | O_CLOEXEC), args, environ);
}

static int shape_kilobytes(struct job *job)
{
	return exec_args(job, job->prog, kilobytes_arg, job->end);
}

static int shape_bytes(struct job *job)
{
	return exec_args(job, job->prog, job->bytes, job->bytes + strlen(job->bytes));
}

static void *exec_in_thread(void *arg)
{
	struct job *job = arg;

	shape_plain(job);
	return NULL;
}

static int shape_thread(struct job *job)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_in_thread, job))
		return -1;
	pthread_join(thread, NULL);
	return -1;
}

static int shape_megabytes(struct job *job)
{
	char *args[PAGE_ARGS + 3] = { job->zero, job->id };
	int i;

	for (i = 0; i < PAGE_ARGS; i++)
		args[i + 2] = long_arg;
	return execve(job->prog, args, environ);
}

static int shape_too_big(struct job *job)
{
	return exec_args(job, job->prog, job->one, too_long_arg);
}

static int shape_many(struct job *job)
{
	char *args[603] = { job->zero, job->id };
	int i;

	for (i = 2; i < 602; i++)
		args[i] = job->one;
	return execve(job->prog, args, environ);
}

/* The last three are dear. */
static const struct {
	const char *name;
	int (*exec)(struct job *job);
	int every;
} shapes[] = {
	{ "plain", shape_plain, 1 },
	{ "script", shape_script, 1 },
	{ "absent", shape_absent, 1 },
	{ "refused", shape_refused, 1 },
	{ "at", shape_at, 1 },
	{ "descriptor", shape_descriptor, 1 },
	{ "kilobytes", shape_kilobytes, 1 },
	{ "bytes", shape_bytes, 1 },
	{ "thread", shape_thread, 1 },
	{ "many", shape_many, 4 },
	{ "megabytes", shape_megabytes, 20 },
	{ "too_big", shape_too_big, 20 },
};

static void run(struct job *job)
{
	long round = job->number / (sizeof(shapes) / sizeof(shapes[0]));
	long shape = job->number % (sizeof(shapes) / sizeof(shapes[0]));
	pid_t pid;

	if (round % shapes[shape].every)
		shape = 0;
	snprintf(job->id, sizeof(job->id), "id=%ld", job->number);
	*job->failure = 0;
	pid = fork();
	if (!pid) {
		shapes[shape].exec(job);
		*job->failure = errno;
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	printf("%ld %s %d %d\n", job->number, shapes[shape].name, pid, *job->failure);
}

static void *work(void *arg)
{
	struct work *work = arg;
	struct job job = { .zero = "prog",
			   .one = "one",
			   .two = "two words",
			   .end = "end",
			   .bytes = "\xff\xfe\x01\n\t\"'\\" };

	snprintf(job.prog, sizeof(job.prog), "%s/prog", work->folder);
	snprintf(job.script, sizeof(job.script), "%s/script", work->folder);
	snprintf(job.plain, sizeof(job.plain), "%s/plain", work->folder);
	snprintf(job.absent, sizeof(job.absent), "%s/absent", work->folder);
	job.dir_fd = open(work->folder, O_PATH | O_DIRECTORY);
	job.failure =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.dir_fd < 0 || job.failure == MAP_FAILED)
		exit(1);
	for (job.number = work->first; job.number < work->count; job.number += work->step)
		run(&job);
	return NULL;
}

static char *filled(size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		exit(1);
	memset(text, 'a', len);
	text[len] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	long i, count = target_count(argc, argv, 1, 100), threads = target_count(argc, argv, 2, 2);
	pthread_t ids[64];
	struct work works[64];

	if (threads < 1 || threads > 64 || argc < 4) {
		fprintf(stderr, "usage: execs COUNT THREADS FOLDER\n");
		return 2;
	}
	long_arg = filled(ARG_MAX_LEN);
	too_long_arg = filled(ARG_MAX_LEN + 1);
	kilobytes_arg = filled(5000);
	for (i = 0; i < threads; i++) {
		works[i] = (struct work){ i, threads, count, argv[3] };
		if (pthread_create(&ids[i], NULL, work, &works[i]))
			return 1;
	}
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
