/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One request by io_uring, and no library:
 *
 *	uring open|open2|connect|open-async|open2-async|connect-async PATH|ADDRESS [PORT]
 *
 * Prints "PID RESULT", a negative errno on failure; 2: this kernel has no io_uring, or not for us. -async: by a thread that the
 * kernel makes for it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
static struct sockaddr_in address = { .sin_family = AF_INET };

static void prepare(struct io_uring_sqe *sqe, const char *what, char **args)
{
	sqe->fd = AT_FDCWD;
	sqe->addr = (unsigned long)args[0];
	if (!strncmp(what, "open2", 5)) {
		sqe->opcode = IORING_OP_OPENAT2;
		sqe->len = sizeof(how);
		sqe->off = (unsigned long)&how;
	} else if (!strncmp(what, "open", 4)) {
		sqe->opcode = IORING_OP_OPENAT;
		sqe->open_flags = O_RDONLY | O_CLOEXEC;
	} else {
		sqe->opcode = IORING_OP_CONNECT;
		sqe->fd = socket(AF_INET, SOCK_STREAM, 0);
		address.sin_port = htons(atoi(args[1]));
		inet_pton(AF_INET, args[0], &address.sin_addr);
		sqe->addr = (unsigned long)&address;
		sqe->off = sizeof(address);
	}
	if (strstr(what, "-async"))
		sqe->flags |= IOSQE_ASYNC;
}

int main(int argc, char **argv)
{
	const int protection = PROT_READ | PROT_WRITE;
	struct io_uring_params params = {};
	unsigned int *array, *tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	char *sq, *cq;
	int ring;

	if (argc < 3)
		return 1;
	ring = syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		return 2;
	sq = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(*array), protection,
		  MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*cqes), protection,
		  MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, params.sq_entries * sizeof(*sqes), protection, MAP_SHARED, ring,
		    IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		return 1;
	prepare(&sqes[0], argv[1], argv + 2);
	array = (void *)(sq + params.sq_off.array);
	tail = (void *)(sq + params.sq_off.tail);
	cqes = (void *)(cq + params.cq_off.cqes);
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return 1;
	printf("%d %d\n", getpid(), cqes[0].res);
	return 0;
}
