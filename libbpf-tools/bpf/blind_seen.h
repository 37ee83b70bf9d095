/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Processes of which a tool can't see everything, as bpf/blind.bpf.h meets them and lib/blind.h reports them. Include <linux/types.h>
 * or vmlinux.h first.
 */
#ifndef BPF_BLIND_SEEN_H
#define BPF_BLIND_SEEN_H

/* The first one of a kind. */
struct blind_process {
	__u64 claims; /* of those who want to be it */
	__u32 is_there;
	__u32 pid;
	char comm[16];
};

struct blind_seen {
	struct blind_process ring;    /* makes a ring of io_uring */
	struct blind_process program; /* executes a 32-bit program on a 64-bit kernel */
};

#endif /* BPF_BLIND_SEEN_H */
