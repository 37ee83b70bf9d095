/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The first uprobe of a while without the kernel's wait for all CPUs.
 *
 * Registering a uprobe takes dup_mmap_sem for writing (register_for_each_vma(), kernel/events/uprobes.c), and the first
 * to take it waits for an RCU grace period: 4 to 20 ms, as CPUs report at their next ticks. Those that follow within such a
 * time don't wait again (rcu_sync_enter(), kernel/rcu/sync.c). Here the first is a probe in a file that nobody runs, registered
 * while the kernel expedites its grace periods, that is interrupts the busy CPUs to ask them: 0.1 ms.
 */
#include "lib/attach_private.h"

#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The switch (kernel/ksysfs.c) is the whole system's, so it's on for one system call, for one process at a time (the lock), and
 * left alone where somebody else has set it. Where the administrator wants no such interrupts (rcu_normal, which kernels
 * built for real time set) it has no effect. Returns a descriptor for end_expedited(); -1: not switched.
 */
static int begin_expedited(void)
{
	int fd = open("/sys/kernel/rcu_expedited", O_RDWR | O_CLOEXEC);
	char now;

	if (fd < 0)
		return -1;
	if (!flock(fd, LOCK_EX | LOCK_NB) && pread(fd, &now, 1, 0) == 1 && now == '0' &&
	    pwrite(fd, "1", 1, 0) == 1)
		return fd;
	close(fd);
	return -1;
}

static void end_expedited(int fd)
{
	if (pwrite(fd, "0", 1, 0) != 1)
		log_warn("/sys/kernel/rcu_expedited stays 1: %s", strerror(errno));
	close(fd);
}

/* No signal that can be blocked ends the program meanwhile. */
static void register_expedited(struct attach_set *set, const struct attach_uprobe_opts *opts,
			       const struct attach_place *place)
{
	int fd = -1, expedited;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	expedited = begin_expedited();
	if (expedited >= 0) {
		fd = attach_open_uprobe(opts, place);
		end_expedited(expedited);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (fd >= 0)
		attach_set_add(set, fd);
}

void attach_warm_up(struct attach_set *set)
{
	char path[sizeof("/proc/self/fd/") + 10];
	const struct attach_place place = {};
	const struct attach_uprobe_opts opts = { .path = path };
	int file;

	if (set->is_warm)
		return;
	set->is_warm = true;
	file = memfd_create("uprobe", MFD_CLOEXEC);
	if (file < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (!ftruncate(file, sysconf(_SC_PAGESIZE)))
		register_expedited(set, &opts, &place);
	close(file);
}
