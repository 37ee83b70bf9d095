/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which call of a system call it is that returns. A kernel that preempts programs (7.0) skips them meanwhile for
 * other tasks: if it did so for a call's return and for the next one's entry, then what was noted on entry is
 * there for a call that it isn't about. A call's arguments are still in its registers when it returns.
 *
 * For tools on lib/tool.h, which sets what is constant here.
 */
#ifndef BPF_RETURNING_BPF_H
#define BPF_RETURNING_BPF_H

/* A call's first three arguments in struct pt_regs: where they begin, and their order. arch/.../asm/ptrace.h */
#if defined(__TARGET_ARCH_x86)
#define RETURNING_OFFSET 96
enum { RETURNING_THIRD, RETURNING_SECOND, RETURNING_FIRST, RETURNING_COUNT }; /* dx, si, di */
#define RETURNING_KEEPS_FIRST true
#elif defined(__TARGET_ARCH_arm64)
#define RETURNING_OFFSET 0
enum { RETURNING_FIRST, RETURNING_SECOND, RETURNING_THIRD, RETURNING_COUNT }; /* x0, x1, x2 */
#define RETURNING_KEEPS_FIRST false /* but the result */
#endif

/* Set by tool_main(): the kernel has bpf_task_pt_regs() (5.15, dd6e10fbd9fb). */
const volatile bool returning_has_registers = false;

/* Has the call that returns this value for its argument 0, 1 or 2? True if it can't be told. */
static __always_inline bool returning_has(__u32 number, __u64 value)
{
	__u64 args[RETURNING_COUNT];
	const char *regs;

	if (!returning_has_registers || (!number && !RETURNING_KEEPS_FIRST))
		return true;
	regs = (const char *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (bpf_probe_read_kernel(args, sizeof(args), regs + RETURNING_OFFSET))
		return true;
	return value == (number == 0   ? args[RETURNING_FIRST]
			 : number == 1 ? args[RETURNING_SECOND]
				       : args[RETURNING_THIRD]);
}

#endif /* BPF_RETURNING_BPF_H */
