/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * crowd reads|opens|sleeps|spawns|connects|checks THREADS COUNT: each of more threads than there are CPUs makes COUNT
 * calls of one kind as fast as it can. Says how many calls were made in all.
 */
#include "target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_THREADS 128

struct crowd {
	void (*call)(void);
	long count;
	pthread_barrier_t start;
};

static struct sockaddr_in server;
static int zero;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* A size that no other program reads by. */
static void call_read(void)
{
	char buffer[77];

	if (read(zero, buffer, sizeof(buffer)) != sizeof(buffer))
		fail("read");
}

static void call_open(void)
{
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0)
		fail("open");
	close(fd);
}

/* So long that all threads sleep at a time. */
static void call_sleep(void)
{
	const struct timespec time = { .tv_sec = 1 };

	nanosleep(&time, NULL);
}

static void call_spawn(void)
{
	char name[] = "true", *args[] = { name, NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, name, NULL, NULL, args, environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		fail("spawn");
}

static void call_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)))
		fail("connect");
	close(fd);
}

/* Asks for CAP_SYS_CHROOT. */
static void call_check(void)
{
	if (chroot("/"))
		fail("chroot");
}

static const struct {
	const char *name;
	void (*call)(void);
} calls[] = {
	{ "reads", call_read },	  { "opens", call_open },	{ "sleeps", call_sleep },
	{ "spawns", call_spawn }, { "connects", call_connect }, { "checks", call_check },
};

static void *work(void *ctx)
{
	struct crowd *crowd = ctx;

	pthread_barrier_wait(&crowd->start);
	for (long i = 0; i < crowd->count; i++)
		crowd->call();
	return NULL;
}

/* Nobody accepts: what is made here has room in the queue. */
static void listen_for(int connections)
{
	socklen_t len = sizeof(server);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	server.sin_family = AF_INET;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&server, len) || listen(fd, connections) ||
	    getsockname(fd, (struct sockaddr *)&server, &len))
		fail("listen");
}

int main(int argc, char **argv)
{
	long threads = argc == 4 ? atol(argv[2]) : 0;
	struct crowd crowd = { .count = argc == 4 ? atol(argv[3]) : 0 };
	pthread_t ids[MAX_THREADS];

	for (size_t i = 0; argc == 4 && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, argv[1]))
			crowd.call = calls[i].call;
	if (!crowd.call || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr,
			"usage: crowd reads|opens|sleeps|spawns|connects|checks THREADS COUNT\n");
		return 2;
	}
	zero = open("/dev/zero", O_RDONLY);
	listen_for(threads * crowd.count);
	pthread_barrier_init(&crowd.start, NULL, threads);
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, &crowd))
			fail("pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%ld\n", threads * crowd.count);
	return 0;
}
