/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record that both halves of opensnoop share.
 */
#ifndef OPENSNOOP_H
#define OPENSNOOP_H

#define OPENSNOOP_PATH_SIZE 4096 /* PATH_MAX: the kernel takes no longer one */

struct opensnoop_event {
	__u64 ktime; /* when it returned */
	__u64 flags;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__s32 result;	   /* a descriptor or a negative errno */
	__s32 path_len;	   /* with its NUL, or the negative errno of reading it */
	__s32 flags_error; /* 0, or the negative errno of reading openat2's */
	char comm[16];
	char path[OPENSNOOP_PATH_SIZE]; /* as many bytes as path_len says */
};

#endif /* OPENSNOOP_H */
