/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a tool that watches system calls is blind for: 32-bit programs, whose calls pass none of their tracepoints, and io_uring, which
 * is no system call. The first process of each kind is noted, for lib/blind.h to report. Include bpf/filter.bpf.h and
 * bpf/returning.bpf.h before.
 */
#ifndef BPF_BLIND_BPF_H
#define BPF_BLIND_BPF_H

#include "bpf/blind_seen.h"

/* In struct pt_regs, of a program that has 32 bits. arch/.../asm/ptrace.h */
#if defined(__TARGET_ARCH_x86)
#define BLIND_OFFSET 136 /* cs */
#define BLIND_MASK 0xffff
#define BLIND_VALUE 0x23 /* __USER32_CS */
#elif defined(__TARGET_ARCH_arm64)
#define BLIND_OFFSET 264 /* pstate */
#define BLIND_MASK 0x10	 /* PSR_MODE32_BIT */
#define BLIND_VALUE 0x10
#endif

struct blind_seen blind_seen = {};

static __always_inline void blind_note(struct blind_process *process)
{
	if (process->is_there || !filter_allows_current())
		return;
	__sync_fetch_and_add(&process->claims, 1);
	if (*(volatile __u64 *)&process->claims != 1)
		return;
	process->pid = pidns_current_ids() >> 32;
	bpf_get_current_comm(process->comm, sizeof(process->comm));
	*(volatile __u32 *)&process->is_there = 1;
}

/* io_uring_create */
SEC("raw_tp")
int blind_ring(void *ctx)
{
	blind_note(&blind_seen.ring);
	return 0;
}

/* sched_process_exec, when the new program's registers have been set. */
SEC("raw_tp")
int blind_program(void *ctx)
{
	__u64 value = 0;
	const char *regs;

	if (!returning_has_registers)
		return 0;
	regs = (const char *)bpf_task_pt_regs(bpf_get_current_task_btf());
	bpf_probe_read_kernel(&value, sizeof(value), regs + BLIND_OFFSET);
	if ((value & BLIND_MASK) == BLIND_VALUE)
		blind_note(&blind_seen.program);
	return 0;
}

#endif /* BPF_BLIND_BPF_H */
