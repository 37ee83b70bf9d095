/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What ugc's two halves share. Include <linux/types.h> or vmlinux.h first. */
#ifndef UGC_H
#define UGC_H

/* A collection, or a pause of one, that has ended. */
struct ugc_event {
	__u64 begin_ns; /* CLOCK_MONOTONIC */
	__u64 ns;	/* how long */
	__u64 number;	/* generation and such; meaningless without has_number */
	__u32 pid, tid;
	__u32 place; /* cookie of the place that it began at */
	__u32 has_number;
	char comm[16];
	__u64 parts; /* under way within it */
};

#endif /* UGC_H */
