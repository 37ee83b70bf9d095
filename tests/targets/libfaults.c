/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * LD_PRELOAD: makes one call fail. FAULT=CALL:N names which one, the N-th of its kind; without it none does. FAULT_COUNTS is a file
 * that gets how many there were, a line "CALL COUNT" each. CALL: malloc (calloc and realloc, too), mmap, read (pread, too), write,
 * bpf, perf_event_open. Memory comes from the library that is loaded next: libc, or one that looks for leaks. What libdw asks for is
 * left out: it aborts without memory (lib/dynamicsizehash_concurrent.c of elfutils 0.188), or loses some.
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
static void *(*real_malloc)(size_t size);
static void *(*real_calloc)(size_t count, size_t size);
static void *(*real_realloc)(void *old, size_t size);
static enum call wanted = CALLS;
static long which;
static atomic_long counts[CALLS];

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

/* Is it called from libdw? */
static int is_libdw(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "/libdw");
}

/* The loader and other libraries' constructors may need memory before it is our turn. */
static void find_memory(void)
{
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
}

__attribute__((constructor)) static void start(void)
{
	const char *fault = getenv("FAULT"), *colon = fault ? strchr(fault, ':') : NULL;

	void *volatile first = malloc(1);

	/* The first call sets up a library that looks for leaks, also for other calls than for memory. */
	free(first);
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
	const char *path = getenv("FAULT_COUNTS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	wanted = CALLS;
	if (fd < 0)
		return;
	for (int i = 0; i < CALLS; i++)
		dprintf(fd, "%s %ld\n", calls[i].name, counts[i]);
	close(fd);
}

static int fails(enum call call)
{
	if (++counts[call] != which || call != wanted)
		return 0;
	errno = calls[call].err;
	return 1;
}

static int fails_memory(const void *caller)
{
	return !is_libdw(caller) && fails(MALLOC);
}

void *malloc(size_t size)
{
	if (!real_malloc)
		find_memory();
	return fails_memory(__builtin_return_address(0)) ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (!real_calloc)
		find_memory();
	return fails_memory(__builtin_return_address(0)) ? NULL : real_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	if (!real_realloc)
		find_memory();
	return fails_memory(__builtin_return_address(0)) ? NULL : real_realloc(old, size);
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
