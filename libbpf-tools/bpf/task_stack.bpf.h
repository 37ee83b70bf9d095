/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stack for each run of a uprobe's program. Include after bpf_helpers.h.
 *
 * Since 6.13 (e00931c02568; arm64 later) a tracing program whose stack takes 64 bytes or more gets one for each processor, as the
 * kernel doesn't enter such a program again before it has ended. But uprobes' programs it does: when one waits for a page or
 * is preempted, another task may run it on the same processor, and they overwrite each other's variables: records come out
 * garbled. Programs with tail calls keep the task's own stack. So there is one, which never runs and which the verifier removes.
 */
#ifndef BPF_TASK_STACK_BPF_H
#define BPF_TASK_STACK_BPF_H

#include <stdbool.h>

const volatile bool task_stack_never = false;

/* To be used once in each program for uprobes. */
#define TASK_STACK(ctx)                              \
	do {                                         \
		if (task_stack_never)                \
			bpf_tail_call(ctx, NULL, 0); \
	} while (0)

#endif /* BPF_TASK_STACK_BPF_H */
