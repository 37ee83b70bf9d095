/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's wait at the first uprobe of a while, while the tool still prepares.
 *
 * Registering a uprobe takes dup_mmap_sem for writing (register_for_each_vma(), kernel/events/uprobes.c), and the first
 * to take it waits for an RCU grace period: 4 to 20 ms, as CPUs report at their next ticks. Those that come meanwhile wait for the
 * same one, and those that follow within such a time don't wait again (rcu_sync_enter(), kernel/rcu/sync.c). Here the first is a
 * probe in a file that nobody runs.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/attach_private.h"
#include "lib/attach_warm.h"

struct attach_warm {
	pthread_t thread;
	int fd;
};

static void *register_first(void *ctx)
{
	char path[sizeof("/proc/self/fd/") + 10];
	const struct attach_uprobe_opts opts = { .path = path };
	const struct attach_place place = {};
	struct attach_warm *warm = ctx;
	int file = memfd_create("uprobe", MFD_CLOEXEC);

	if (file < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (!ftruncate(file, sysconf(_SC_PAGESIZE)))
		warm->fd = attach_open_uprobe(&opts, &place);
	close(file);
	return NULL;
}

struct attach_warm *attach_warm_new(void)
{
	struct attach_warm *warm = malloc(sizeof(*warm));
	sigset_t all, old;
	int err;

	if (!warm)
		return NULL;
	warm->fd = -1;
	/* Signals are for the thread that runs the tool. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&warm->thread, NULL, register_first, warm);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return warm;
	free(warm);
	return NULL;
}

int attach_warm_end(struct attach_warm *warm)
{
	int fd = -1;

	if (warm) {
		pthread_join(warm->thread, NULL);
		fd = warm->fd;
		free(warm);
	}
	return fd;
}
