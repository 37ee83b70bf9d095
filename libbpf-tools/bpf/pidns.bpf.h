/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ids of tasks as the tool's own PID namespace has them: what a container's user sees. A task that isn't in it
 * has the id 0 there, as in the kernel's own interfaces (getppid(2), SO_PEERCRED, ...). Include after bpf_helpers.h.
 *
 * Not bpf_get_ns_current_pid_tgid(), which knows tasks of that very namespace, but none of those below it.
 */
#ifndef BPF_PIDNS_BPF_H
#define BPF_PIDNS_BPF_H

#include "bpf/pidns_config.h"

const volatile struct pidns_config pidns_config = {};

/* A thread's id. Only if pidns_config.ns. */
static __always_inline __u32 pidns_tid(__u64 task)
{
	struct {
		__u32 number, pad;
		__u64 ns;
	} upid = {};
	__u64 pid = 0;
	__u32 level = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), (void *)(task + pidns_config.task_pid));
	bpf_probe_read_kernel(&level, sizeof(level), (void *)(pid + pidns_config.pid_level));
	if (level < pidns_config.level)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid), (void *)(pid + pidns_config.pid_number));
	return upid.ns == pidns_config.ns ? upid.number : 0;
}

/*
 * Process and thread of a task in one, as bpf_get_current_pid_tgid(). Only if pidns_config.ns. A function of its own,
 * as its variables would be too much for some programs' stacks.
 */
__noinline __u64 pidns_task_ids(__u64 task)
{
	__u64 leader = 0;

	bpf_probe_read_kernel(&leader, sizeof(leader), (void *)(task + pidns_config.task_leader));
	return (__u64)pidns_tid(leader) << 32 | pidns_tid(task);
}

/* bpf_get_current_pid_tgid() in the tool's PID namespace. */
static __always_inline __u64 pidns_current_ids(void)
{
	if (!pidns_config.ns)
		return bpf_get_current_pid_tgid();
	return pidns_task_ids(bpf_get_current_task());
}

/* Who runs, in a record that has pid, tid, uid and comm. */
#define PIDNS_SET_CURRENT(event)                                            \
	do {                                                                \
		__u64 ids = pidns_current_ids();                            \
                                                                            \
		(event)->pid = ids >> 32;                                   \
		(event)->tid = ids;                                         \
		(event)->uid = bpf_get_current_uid_gid();                   \
		bpf_get_current_comm((event)->comm, sizeof((event)->comm)); \
	} while (0)

#endif /* BPF_PIDNS_BPF_H */
