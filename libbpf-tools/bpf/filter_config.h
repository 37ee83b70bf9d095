/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Whom a tool looks at, as decided by user space (lib/filter.c) and asked by bpf/filter.bpf.h.
 * Include <linux/types.h> or vmlinux.h first.
 */
#ifndef BPF_FILTER_CONFIG_H
#define BPF_FILTER_CONFIG_H

struct filter_config {
	__u32 self;   /* the tool's own process, which is never traced; 0: is */
	__u32 pid;    /* process; 0: any */
	__u32 tid;    /* thread; 0: any */
	__u32 uid;    /* FILTER_ANY_UID: any */
	__u32 follow; /* not 0: only threads in the map "follow" */
	__u32 cgroup; /* not 0: only tasks below the element of the map "filter_cgroup" */
	__u32 cgroupmap; /* not 0: only tasks whose own control group's id is in the map "filter_cgroupmap" */
	__u32 mntnsmap; /* not 0: only tasks whose mount namespace's inode is in the map "filter_mntnsmap" */
};

#define FILTER_ANY_UID 0xffffffffu

#endif /* BPF_FILTER_CONFIG_H */
