/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which PID namespace the tool runs in, as found by user space (lib/pidns.c) and used by bpf/pidns.bpf.h
 * and generated programs. Include <linux/types.h> or vmlinux.h first.
 */
#ifndef BPF_PIDNS_CONFIG_H
#define BPF_PIDNS_CONFIG_H

/* Zeroed: the initial namespace, whose numbers the kernel's helpers give. */
struct pidns_config {
	__u64 ns;    /* the kernel's address of the namespace, never dereferenced */
	__u32 level; /* how many namespaces are above it */
	/* Offsets. */
	__u32 task_pid;	   /* of thread_pid in struct task_struct */
	__u32 task_leader; /* of group_leader */
	__u32 pid_level;   /* of level in struct pid: that of the task's own namespace */
	__u32 pid_number; /* of numbers[level], a struct upid: the task's number and its namespace */
	__u32 unused;
};

#endif /* BPF_PIDNS_CONFIG_H */
