/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record that both halves of capable share.
 */
#ifndef CAPABLE_H
#define CAPABLE_H

#define CAPABLE_STACK_MAX 127 /* PERF_MAX_STACK_DEPTH */

enum capable_unique {
	CAPABLE_NOT_UNIQUE,
	CAPABLE_UNIQUE_PROCESS,
	CAPABLE_UNIQUE_CGROUP,
};

/* In which system call a check was made. */
enum capable_call {
	CAPABLE_CALL,
	CAPABLE_CALL_32BIT, /* its number is one of 32-bit programs */
	CAPABLE_NO_CALL,
	CAPABLE_CALL_UNKNOWN, /* to kernels before 5.15 */
};

struct capable_event {
	__u64 ktime;
	__u64 cgroup_id;
	__u64 effective; /* the capabilities in effect, a bit each */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 target_ns; /* inodes of user namespaces: the one that the capability is to hold in, */
	__u32 user_ns;	 /* and the process's own */
	__u32 call;	 /* enum capable_call */
	__u32 syscall;	 /* its number */
	__s32 cap;
	__s32 result;	   /* 0: granted, or a negative errno */
	__s32 options;	   /* CAP_OPT_ of include/linux/security.h; -1: unknown */
	__s32 kernel_size; /* of the stacks, in bytes, or the negative errno of walking one */
	__s32 user_size;
	__u32 size; /* of this record */
	char comm[16];
	__u64 addresses[2 * CAPABLE_STACK_MAX]; /* the kernel's, then the user's */
};

#define CAPABLE_NOAUDIT 2
#define CAPABLE_INSETID 4

#endif /* CAPABLE_H */
