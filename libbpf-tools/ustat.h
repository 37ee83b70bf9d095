/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What ustat's two halves share. Include <linux/types.h> or vmlinux.h first. */
#ifndef USTAT_H
#define USTAT_H

enum ustat_field {
	USTAT_METHOD,
	USTAT_GC,
	USTAT_OBJECT,
	USTAT_CLASS,
	USTAT_EXCEPTION,
	USTAT_THREAD,
	USTAT_FIELDS,
};

#define USTAT_PROCESSES_MAX 16384
#define USTAT_NO_PLACE (-1u) /* kernels without cookies */

struct ustat_key {
	__u32 pid;
	__u32 tid; /* 0: all threads of the process */
};

struct ustat_counts {
	__u64 fields[USTAT_FIELDS];
	__u64 kernel_threads; /* started, by the kernel's account */
	__u64 gc_ns;	      /* in collections, all together */
	__u64 gc_max_ns;      /* the longest that ended in interval gc_interval */
	__u32 gc_interval;
	__u32 place;   /* cookie of the first place that was hit */
	char comm[16]; /* when first seen */
};

/* A process to look at: it has executed a program, or was hit in a runtime for the first time. */
struct ustat_process {
	__u32 pid;
};

#endif /* USTAT_H */
