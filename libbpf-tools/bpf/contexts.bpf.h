/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs on system calls' tracepoints and on raw tracepoints are called with. These layouts
 * are part of the kernel's interface, and need no relocation: events/syscalls/sys_*: format, struct
 * bpf_raw_tracepoint_args in include/uapi/linux/bpf.h.
 */
#ifndef BPF_CONTEXTS_BPF_H
#define BPF_CONTEXTS_BPF_H

struct enter_context {
	__u64 common;
	__u64 number;
	__u64 args[6];
};

struct exit_context {
	__u64 common;
	__u64 number;
	__s64 result;
};

struct raw_context {
	__u64 args[0];
};

#endif /* BPF_CONTEXTS_BPF_H */
