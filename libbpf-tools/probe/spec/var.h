/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a name means at a probe: where its value is found when the probe fires. check() looks names
 * up in a probe_context; generate() turns a var into instructions.
 */
#ifndef PROBE_SPEC_VAR_H
#define PROBE_SPEC_VAR_H

#include <stdint.h>

#include "types/type.h"

struct bsl_usdt;
struct bsl_usdt_arg;

enum var_where {
	VAR_REG,      /* the 8-byte slot at `offset` of the pt_regs that is the context */
	VAR_STACK,    /* user memory at the stack pointer + offset, 8 bytes (arg7 on x86_64) */
	VAR_USDT_ARG, /* as the operand says */
	VAR_SLOT, /* the 8 bytes at `offset` of a context that isn't registers (fentry, fexit, a system
				 * call's tracepoint) */
	VAR_CALL_REG, /* the 8 bytes at `offset` of the pt_regs that the function's first parameter points to (the
				 * functions of system calls) */
	VAR_CTX_ADDR, /* the address of the context itself: `args` of a tracepoint */
	VAR_PID,      /* the thread's id (BCC's $pid), in our PID namespace */
	VAR_TGID,     /* the process's id */
	VAR_UID,
	VAR_GID,
	VAR_CPU,
	VAR_NSECS,   /* CLOCK_MONOTONIC ns: bpf_ktime_get_ns() */
	VAR_COMM,    /* the thread's name, char[16] */
	VAR_TASK,    /* the current task_struct's address */
	VAR_ENTRY,   /* at a return: what the probe at the entry kept at `offset` of its values */
	VAR_LATENCY, /* at a return: ns since the time kept so */
};

struct var {
	const char *name; /* as users write it */
	enum var_where where;
	const struct type *type;
	int32_t offset;			     /* VAR_REG, VAR_STACK: in bytes */
	const struct bsl_usdt_arg *usdt_arg; /* VAR_USDT_ARG */
	uint64_t usdt_addr; /* VAR_USDT_ARG: address of the probe's site, for operands relative to it */
};

#endif /* PROBE_SPEC_VAR_H */
