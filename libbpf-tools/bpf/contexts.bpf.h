/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs on system calls' tracepoints, on raw tracepoints and at functions of the kernel are called with. These layouts
 * are part of the kernel's interface, and need no relocation: events/syscalls/sys_*: format, struct
 * bpf_raw_tracepoint_args in include/uapi/linux/bpf.h, struct pt_regs in arch/.../asm/ptrace.h.
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

/* The registers at a function's entry or return. */
#if defined(__TARGET_ARCH_x86)
struct function_context {
	__u64 unused[10], result, unused_too[2], second, first; /* ax, si, di */
};
#elif defined(__TARGET_ARCH_arm64)
struct function_context {
	union {
		__u64 first, result; /* x0 */
	};
	__u64 second; /* x1 */
};
#endif

#endif /* BPF_CONTEXTS_BPF_H */
