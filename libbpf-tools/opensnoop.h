/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record that both halves of opensnoop share.
 */
#ifndef OPENSNOOP_H
#define OPENSNOOP_H

#include "bpf/path_config.h"

#define OPENSNOOP_PATH_SIZE 4096 /* PATH_MAX: the kernel takes no longer one */

struct opensnoop_event {
	__u64 ktime; /* when it returned */
	__u64 flags;
	__u64 cgroup_id;
	__u64 mode;    /* of a file to be created */
	__u64 resolve; /* openat2's flags of that name */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 gid;
	__u32 mntns;	   /* 0: not asked for */
	__s32 dirfd;	   /* AT_FDCWD for calls that have none */
	__s32 result;	   /* a descriptor or a negative errno */
	__s32 path_len;	   /* with its NUL, or the negative errno of reading it */
	__s32 flags_error; /* 0, or the negative errno of reading openat2's */
	/* Where the path begins, as components (lib/path.h) behind it; or a negative errno: EAGAIN, that has changed meanwhile. */
	__s32 base_len;
	__u32 base_flags; /* enum path_flags */
	char comm[16];
	char path[OPENSNOOP_PATH_SIZE]; /* as many bytes as path_len says */
	char more[PATH_WALKED_SIZE];
};

#endif /* OPENSNOOP_H */
