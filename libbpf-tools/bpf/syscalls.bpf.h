/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls at their tracepoints or, where a program on those can be preempted and then keeps the hits of other threads from the
 * tool (7.2; lib/ways.h), at their functions in the kernel. A tool defines begin_CALL(args), and end_call(ctx, result) for all
 * calls; SYSCALLS_ENTER(CALL) makes the programs enter_CALL and probe_CALL of the former, SYSCALLS_LEAVE leave_call and leave_probe of
 * the latter. tool_choose_calls() decides which are loaded.
 *
 * The functions have one parameter, a pointer to the registers of the call: bpf/returning.bpf.h says where in them arguments are.
 */
#ifndef BPF_SYSCALLS_BPF_H
#define BPF_SYSCALLS_BPF_H

#include "bpf/contexts.bpf.h"
#include "bpf/returning.bpf.h"

/* Of a function's first parameter and its result in struct pt_regs. arch/.../asm/ptrace.h */
#if defined(__TARGET_ARCH_x86)
#define SYSCALLS_PARAMETER 112 /* di */
#define SYSCALLS_RESULT 80     /* ax */
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALLS_PARAMETER 0 /* x0 */
#define SYSCALLS_RESULT 0
#endif

static __always_inline long syscalls_read(const void *ctx, __u64 args[3])
{
	const char *regs = *(const char *const *)(ctx + SYSCALLS_PARAMETER);
	__u64 read[RETURNING_COUNT];
	long err = bpf_probe_read_kernel(read, sizeof(read), regs + RETURNING_OFFSET);

	args[0] = read[RETURNING_FIRST];
	args[1] = read[RETURNING_SECOND];
	args[2] = read[RETURNING_THIRD];
	return err;
}

#define SYSCALLS_ENTER(call)                        \
	SEC("tracepoint/syscalls/sys_enter_" #call) \
	int enter_##call(struct enter_context *ctx) \
	{                                           \
		return begin_##call(ctx->args);     \
	}                                           \
	SEC("kprobe.multi")                         \
	int probe_##call(void *ctx)                 \
	{                                           \
		__u64 args[3];                      \
                                                    \
		if (!syscalls_read(ctx, args))      \
			begin_##call(args);         \
		return 0;                           \
	}

#define SYSCALLS_LEAVE                                                         \
	SEC("tracepoint")                                                      \
	int leave_call(struct exit_context *ctx)                               \
	{                                                                      \
		return end_call(ctx, ctx->result);                             \
	}                                                                      \
	SEC("kprobe.multi")                                                    \
	int leave_probe(void *ctx)                                             \
	{                                                                      \
		return end_call(ctx, *(const __s64 *)(ctx + SYSCALLS_RESULT)); \
	}

#endif /* BPF_SYSCALLS_BPF_H */
