/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls at their tracepoints or, where a program on those can be preempted and then keeps the hits of other threads from the
 * tool (7.2; lib/ways.h), at their functions in the kernel. SYSCALLS_ENTER(CALL, args) makes two programs of what a tool does when
 * CALL begins, enter_CALL and probe_CALL; SYSCALLS_LEAVE(ctx, result) makes leave_call and leave_probe of what it does when any of
 * its calls returns. The CALLs are .calls of lib/tool.h, which decides which programs are loaded.
 *
 * The functions have one parameter, a pointer to the registers of the call: bpf/returning.bpf.h says where in them arguments are.
 */
#ifndef BPF_SYSCALLS_BPF_H
#define BPF_SYSCALLS_BPF_H

#include "bpf/contexts.bpf.h"
#include "bpf/returning.bpf.h"

/* Where a call's fourth argument is in struct pt_regs; bpf/returning.bpf.h has the others. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALLS_FOURTH 56 /* r10 */
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALLS_FOURTH 24 /* x3 */
#endif

static __always_inline long syscalls_read(const struct function_context *ctx, __u64 args[4])
{
	const char *regs = (const char *)ctx->first;
	__u64 read[RETURNING_COUNT];
	long err = bpf_probe_read_kernel(read, sizeof(read), regs + RETURNING_OFFSET);

	args[0] = read[RETURNING_FIRST];
	args[1] = read[RETURNING_SECOND];
	args[2] = read[RETURNING_THIRD];
	return err ?: bpf_probe_read_kernel(&args[3], sizeof(args[3]), regs + SYSCALLS_FOURTH);
}

/* To be followed by a function's body; arguments are the call's first four. */
#define SYSCALLS_ENTER(call, arguments)                                    \
	static __always_inline int begin_##call(const __u64 arguments[4]); \
                                                                           \
	SEC("tracepoint/syscalls/sys_enter_" #call)                        \
	int enter_##call(struct enter_context *ctx)                        \
	{                                                                  \
		return begin_##call(ctx->args);                            \
	}                                                                  \
                                                                           \
	SEC("kprobe.multi")                                                \
	int probe_##call(struct function_context *ctx)                     \
	{                                                                  \
		__u64 read[4];                                             \
                                                                           \
		return syscalls_read(ctx, read) ? 0 : begin_##call(read);  \
	}                                                                  \
                                                                           \
	static __always_inline int begin_##call(const __u64 arguments[4])

/* The same, once for all calls. */
#define SYSCALLS_LEAVE(at, value)                                   \
	static __always_inline int end_call(void *at, __s64 value); \
                                                                    \
	SEC("tracepoint")                                           \
	int leave_call(struct exit_context *ctx)                    \
	{                                                           \
		return end_call(ctx, ctx->result);                  \
	}                                                           \
                                                                    \
	SEC("kprobe.multi")                                         \
	int leave_probe(struct function_context *ctx)               \
	{                                                           \
		return end_call(ctx, ctx->result);                  \
	}                                                           \
                                                                    \
	static __always_inline int end_call(void *at, __s64 value)

#endif /* BPF_SYSCALLS_BPF_H */
