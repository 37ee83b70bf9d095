/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which call of a system call it is that returns. A kernel that preempts programs (7.0) skips them meanwhile for
 * other tasks: if it did so for a call's return and for the next one's entry, then what was noted on entry is
 * there for a call that it isn't about. A call's arguments are still in its registers when it returns.
 *
 * For tools on lib/tool.h, with its field has_registers.
 */
#ifndef BPF_RETURNING_BPF_H
#define BPF_RETURNING_BPF_H

/* Where struct pt_regs has a call's first arguments: arch/.../asm/ptrace.h. 0: there is the result. */
#if defined(__TARGET_ARCH_x86)
#define RETURNING_OFFSETS { 112, 104, 96 }	/* di, si, dx */
#elif defined(__TARGET_ARCH_arm64)
#define RETURNING_OFFSETS { 0, 8, 16 }		/* x0, x1, x2 */
#endif
#define RETURNING_COUNT 3

/* Set by tool_main(): the kernel has bpf_task_pt_regs() (5.15, dd6e10fbd9fb). */
const volatile bool returning_has_registers = false;
static const __u8 returning_offsets[RETURNING_COUNT] = RETURNING_OFFSETS;

/* Has the call that returns this value for its argument with this number, from 0 on? True if it can't be told. */
static __always_inline bool returning_has(__u32 number, __u64 value)
{
	const char *regs;
	__u64 arg;

	if (!returning_has_registers || number >= RETURNING_COUNT || !returning_offsets[number])
		return true;
	regs = (const char *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return bpf_probe_read_kernel(&arg, sizeof(arg), regs + returning_offsets[number]) || arg == value;
}

#endif /* BPF_RETURNING_BPF_H */
