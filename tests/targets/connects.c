/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Many TCP connections in many ways: connects COUNT THREADS, in a network namespace of its own.
 * Says "netns NUMBER", and for each attempt "TID SHAPE ERRNO LOCAL-PORT PORT", in each thread's
 * order. ERRNO -1: closed before an answer.
 */
#include "target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CLOSED (-1)
#define TIMEOUTS 8 /* a thread, under way together: a second and two for the repeated SYN */

/*
 * Listeners: one that serves, one that resets, one whose queue is full; and a port where nobody
 * listens.
 */
static struct {
	int served, resetting, full, absent;
} ports;

struct attempt {
	int fd, family;
	struct sockaddr_storage address;
	socklen_t len;
	int port;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void set_address(struct attempt *attempt, const char *address, int port)
{
	struct sockaddr_in6 *in6 = (void *)&attempt->address;
	struct sockaddr_in *in = (void *)&attempt->address;

	memset(&attempt->address, 0, sizeof(attempt->address));
	attempt->port = port;
	attempt->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	attempt->address.ss_family = attempt->family;
	if (attempt->family == AF_INET) {
		in->sin_port = htons(port);
		inet_pton(AF_INET, address, &in->sin_addr);
		attempt->len = sizeof(*in);
	} else {
		in6->sin6_port = htons(port);
		inet_pton(AF_INET6, address, &in6->sin6_addr);
		attempt->len = sizeof(*in6);
	}
}

static void open_socket(struct attempt *attempt, const char *address, int port, int flags)
{
	/* No TIME_WAIT, or the ports would run out. */
	struct linger linger = { .l_onoff = 1 };

	set_address(attempt, address, port);
	attempt->fd = socket(attempt->family, SOCK_STREAM | flags, 0);
	if (attempt->fd < 0 ||
	    setsockopt(attempt->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		fail("socket");
}

static int local_port(int fd)
{
	struct sockaddr_in6 address = {};
	socklen_t len = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &len);
	return ntohs(address.sin6_port);
}

static void report(const struct attempt *attempt, const char *shape, int error)
{
	printf("%ld %s %d %d %d\n", syscall(SYS_gettid), shape, error, local_port(attempt->fd),
	       attempt->port);
}

static int blocking_connect(const struct attempt *attempt)
{
	return connect(attempt->fd, (struct sockaddr *)&attempt->address, attempt->len) ? errno : 0;
}

static void simple(const char *shape, const char *address, int port)
{
	struct attempt attempt;
	int error;

	open_socket(&attempt, address, port, 0);
	error = blocking_connect(&attempt);
	report(&attempt, shape, error);
	/* Neither of these is an attempt. */
	if (!error && (blocking_connect(&attempt) != EISCONN))
		fail("connect again");
	close(attempt.fd);
}

static int wait_for_answer(const struct attempt *attempt)
{
	struct pollfd poller = { .fd = attempt->fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&poller, 1, -1) != 1 ||
	    getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		fail("poll");
	return error;
}

static void nonblocking(const char *shape, const char *address, int port)
{
	struct attempt attempt;
	int error;

	open_socket(&attempt, address, port, SOCK_NONBLOCK);
	error = blocking_connect(&attempt);
	if (error == EINPROGRESS)
		error = wait_for_answer(&attempt);
	report(&attempt, shape, error);
	close(attempt.fd);
}

static void bound(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct attempt attempt;

	open_socket(&attempt, "127.0.0.1", ports.served, 0);
	if (bind(attempt.fd, (struct sockaddr *)&any, sizeof(any)))
		fail("bind");
	report(&attempt, "bound", blocking_connect(&attempt));
	close(attempt.fd);
}

/* The same addresses and ports twice. */
static void taken(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct attempt first, second;
	int on = 1;

	open_socket(&first, "127.0.0.1", ports.served, 0);
	open_socket(&second, "127.0.0.1", ports.served, 0);
	setsockopt(first.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(second.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(first.fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	address.sin_port = htons(local_port(first.fd));
	if (bind(second.fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	report(&first, "plain", blocking_connect(&first));
	report(&second, "taken", blocking_connect(&second));
	close(first.fd);
	close(second.fd);
}

static void fast_open(void)
{
	struct attempt attempt;
	int error;

	open_socket(&attempt, "127.0.0.1", ports.served, 0);
	error = sendto(attempt.fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&attempt.address,
		       attempt.len) < 0
			? errno
			: 0;
	/* With a cookie from the last time it doesn't wait for the answer. */
	error = error ?: wait_for_answer(&attempt);
	report(&attempt, "fast_open", error);
	close(attempt.fd);
}

static void give_up(void)
{
	struct attempt attempt;

	open_socket(&attempt, "127.0.0.1", ports.full, SOCK_NONBLOCK);
	if (blocking_connect(&attempt) != EINPROGRESS || blocking_connect(&attempt) != EALREADY)
		fail("connect without an answer");
	report(&attempt, "given_up", CLOSED);
	close(attempt.fd);
}

static void run_shape(long number)
{
	switch (number % 12) {
	case 0:
		simple("plain", "127.0.0.1", ports.served);
		break;
	case 1:
		simple("refused", "127.0.0.1", ports.absent);
		break;
	case 2:
		simple("plain6", "::1", ports.served);
		break;
	case 3:
		simple("refused6", "::1", ports.absent);
		break;
	case 4:
		simple("mapped", "::ffff:127.0.0.1", ports.served);
		break;
	case 5:
		nonblocking("nonblocking", "127.0.0.1", ports.served);
		break;
	case 6:
		nonblocking("nonblocking_refused", "::ffff:127.0.0.1", ports.absent);
		break;
	case 7:
		simple("reset", "127.0.0.1", ports.resetting);
		break;
	case 8:
		simple("unreachable", "192.0.2.1", 80);
		break;
	case 9:
		bound();
		break;
	case 10:
		number % 5 ? fast_open() : give_up();
		break;
	case 11:
		taken();
		break;
	}
}

static void time_out(void)
{
	struct attempt attempts[TIMEOUTS];
	int i, one = 1;

	for (i = 0; i < TIMEOUTS; i++) {
		open_socket(&attempts[i], "127.0.0.1", ports.full, SOCK_NONBLOCK);
		setsockopt(attempts[i].fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one));
		if (blocking_connect(&attempts[i]) != EINPROGRESS)
			fail("connect without an answer");
	}
	for (i = 0; i < TIMEOUTS; i++) {
		report(&attempts[i], "timed_out", wait_for_answer(&attempts[i]));
		close(attempts[i].fd);
	}
}

struct work {
	long first, step, count;
};

static void *work(void *arg)
{
	struct work *work = arg;
	long i;

	for (i = work->first; i < work->count; i += work->step)
		run_shape(i);
	time_out();
	return NULL;
}

/* Takes connections and ends them: at once by a reset, or when the client has. */
static void *serve(void *arg)
{
	struct linger linger = { .l_onoff = 1 };
	int fd = (int)(long)arg, client;
	bool resets = local_port(fd) == ports.resetting;
	char byte;

	for (;;) {
		client = accept(fd, NULL, NULL);
		if (client < 0)
			continue;
		setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		while (!resets && read(client, &byte, 1) > 0)
			;
		close(client);
	}
	return NULL;
}

static int listen_any(int backlog, int *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), queue = 128;

	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    (backlog >= 0 && listen(fd, backlog)))
		fail("listen");
	*port = local_port(fd);
	return fd;
}

static void start_servers(void)
{
	int i, fd, served = listen_any(4096, &ports.served);
	int resetting = listen_any(4096, &ports.resetting);
	pthread_t id;
	struct attempt attempt;

	for (i = 0; i < 4; i++) {
		if (pthread_create(&id, NULL, serve, (void *)(long)served))
			fail("thread");
	}
	if (pthread_create(&id, NULL, serve, (void *)(long)resetting))
		fail("thread");
	listen_any(-1, &ports.absent);
	fd = listen_any(0, &ports.full);
	open_socket(&attempt, "127.0.0.1", ports.full, 0);
	/* Nobody accepts: the queue is full, and further SYNs are dropped. */
	if (fd < 0 || blocking_connect(&attempt))
		fail("fill the queue");
	report(&attempt, "plain", 0);
}

static void enter_namespace(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;
	struct stat st;

	if (unshare(CLONE_NEWNET))
		fail("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) || stat("/proc/self/ns/net", &st))
		fail("loopback interface");
	close(fd);
	printf("netns %lu\n", (unsigned long)st.st_ino);
}

int main(int argc, char **argv)
{
	long i, count = target_count(argc, argv, 1, 100), threads = target_count(argc, argv, 2, 2);
	struct work works[64];
	pthread_t ids[64];

	if (threads < 1 || threads > 64)
		return 2;
	enter_namespace();
	start_servers();
	for (i = 0; i < threads; i++) {
		works[i] = (struct work){ i, threads, count };
		if (pthread_create(&ids[i], NULL, work, &works[i]))
			fail("thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
