/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Whose events are wanted, as decided by user space (lib/filter.c) and tested by bpf/filter.bpf.h and by trace's generated
 * programs. What is zeroed isn't tested. Include <linux/types.h> or vmlinux.h first.
 */
#ifndef BPF_FILTER_CONFIG_H
#define BPF_FILTER_CONFIG_H

#define FILTER_PIDS_MAX 64
#define FILTER_NAMES_MAX 8
#define FILTER_NAME_SIZE 16 /* of a thread's name in the kernel, with its NUL */
#define FILTER_STEPS_MAX 6
#define FILTER_ANY_UID 0xffffffffu

/*
 * From the current task to a value in the kernel's structures: count times 8 bytes are read, at first at offsets[0] behind the
 * task's address, then at the next offset behind what was read before. The last ones are the value; of a smaller one its lower bytes.
 */
struct filter_path {
	__u32 count;
	__u32 offsets[FILTER_STEPS_MAX];
};

/* A part of a thread's name, to be found at any of its first `places` bytes. Both as little-endian numbers. */
struct filter_name {
	__u64 text[2], mask[2];
	__u32 places, unused;
};

struct filter_config {
	__u32 self; /* never this process, the tool's own */
	__u32 tid, ppid;
	__u32 uid; /* FILTER_ANY_UID: any */
	__u32 pid_count, name_count;
	__u32 pids[FILTER_PIDS_MAX];
	struct filter_name names[FILTER_NAMES_MAX];
	__u32 follow; /* only threads in the map "follow", by the host's ids */
	__u32 cgroup; /* only tasks below element 0 of the map "filter_cgroup", a group of version 2 */
	__u32 cgroupmap; /* only tasks whose own group's id is in the map "filter_cgroupmap" */
	__u32 mntnsmap; /* only tasks whose mount namespace's inode is in the map "filter_mntnsmap" */
	/* Only tasks below this group of version 1, which is so many levels below the root; 0: any. */
	__u64 cgroup_id;
	__u32 cgroup_level;
	/* Paths, of what is asked for. */
	struct filter_path
		parent; /* the parent's task_struct; in the initial PID namespace: its process id */
	struct filter_path level;    /* of the task's group of version 1 */
	struct filter_path ancestor; /* the id of that group's ancestor at cgroup_level, or its own */
	struct filter_path mntns;    /* the inode */
};

#endif /* BPF_FILTER_CONFIG_H */
