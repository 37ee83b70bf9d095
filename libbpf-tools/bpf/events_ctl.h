/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What producers of events (BPF programs) and their consumer (lib/events.c) share in memory.
 * Include <linux/types.h> or vmlinux.h first. The protocol is described in lib/events.h.
 */
#ifndef BPF_EVENTS_CTL_H
#define BPF_EVENTS_CTL_H

struct events_ctl {
	/*
	 * 1 while the consumer sleeps, or is about to: whoever submits next must wake it and clear
	 * it.
	 */
	__u32 waiting;
	/*
	 * Every producer reads the word above at each hit: nothing else may share its cache line.
	 */
	__u32 unused[15];
} __attribute__((aligned(64)));

#endif /* BPF_EVENTS_CTL_H */
