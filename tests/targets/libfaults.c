/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * LD_PRELOAD: makes one call fail. FAULT=CALL:N names which one, the N-th of its kind; with N 0 none does. FAULT_COUNT is a file that
 * gets how many there were. CALL: malloc (calloc and realloc, too), mmap, read (pread, too), write, bpf, perf_event_open.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

enum call { MALLOC, MMAP, READ, WRITE, BPF, PERF_EVENT_OPEN, CALLS };

static const struct {
	const char *name;
	int err;
} calls[CALLS] = {
	[MALLOC] = { "malloc", ENOMEM }, [MMAP] = { "mmap", ENOMEM },
	[READ] = { "read", EIO },	 [WRITE] = { "write", ENOSPC },
	[BPF] = { "bpf", EPERM },	 [PERF_EVENT_OPEN] = { "perf_event_open", EMFILE },
};

static long (*real_syscall)(long number, ...);
static enum call wanted = CALLS;
static long which;
static atomic_long count;

/* Where it crashed: addr2line knows. */
static void tell_crash(int sig)
{
	void *frames[32];
	int nr;

	wanted = CALLS;
	nr = backtrace(frames, 32);
	backtrace_symbols_fd(frames, nr, STDERR_FILENO);
	signal(sig, SIG_DFL);
	raise(sig);
}

__attribute__((constructor)) static void start(void)
{
	const char *fault = getenv("FAULT"), *colon = fault ? strchr(fault, ':') : NULL;

	real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	for (int i = 0; colon && i < CALLS; i++)
		if (strlen(calls[i].name) == (size_t)(colon - fault) &&
		    !strncmp(calls[i].name, fault, colon - fault))
			wanted = i;
	which = colon ? atol(colon + 1) : 0;
	signal(SIGABRT, tell_crash);
	signal(SIGSEGV, tell_crash);
	signal(SIGBUS, tell_crash);
	/* not in the programs that a tool starts */
	unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

	wanted = CALLS;
	if (fd >= 0)
		dprintf(fd, "%ld", count);
}

static int fails(enum call call)
{
	if (call != wanted || ++count != which)
		return 0;
	errno = calls[call].err;
	return 1;
}

void *malloc(size_t size)
{
	return fails(MALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(MALLOC) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(MALLOC) ? NULL : __libc_realloc(old, size);
}

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	return fails(MMAP) ? MAP_FAILED
			   : (void *)real_syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
	return fails(READ) ? -1 : real_syscall(SYS_read, fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	return fails(READ) ? -1 : real_syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
	return fails(WRITE) ? -1 : real_syscall(SYS_write, fd, data, size);
}

long syscall(long number, ...)
{
	long args[6];
	va_list list;

	if ((number == SYS_bpf && fails(BPF)) ||
	    (number == SYS_perf_event_open && fails(PERF_EVENT_OPEN)))
		return -1;
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	return real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
