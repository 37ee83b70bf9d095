/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a probe is, and what its names mean there: found by target/, asked by check/.
 */
#ifndef PROBE_SPEC_CONTEXT_H
#define PROBE_SPEC_CONTEXT_H

#include "probe/spec/ast.h"

struct btf_types;
struct debuginfo_scope;

/* A parameter known from the place's own type information: BTF, or a system call's tracepoint. */
struct context_param {
	const char *name; /* "" if it has none */
	const struct type *type;
	int32_t slot; /* offset in the context, if the context has slots */
};

/* The names of one place, or of several that agree on them. */
struct probe_context {
	enum spec_kind kind;
	int machine;	/* EM_X86_64 or EM_AARCH64: the calling convention */
	bool is_go;	/* p and r: the Go compiler's own calling convention */
	bool at_ret;	/* r: the probe is on return instructions, as return probes do harm there */
	bool is_kernel; /* p and r on the kernel; addresses are kernel ones */
	bool pointers_are_user;	   /* t: pointers in the record point to user memory (syscalls:*) */
	const struct type *record; /* t: the STRUCT of the tracepoint's fields, from tracefs */
	const struct bsl_usdt *usdt; /* u: the site's operands */
	/* What `struct NAME` in a cast and an enumerator mean; NULL: nobody knows. */
	struct btf_types *types;
	/* p, r: the program's own names and types, as seen from the probed place; NULL: nobody knows. */
	struct debuginfo_scope *scope;
	bool is_relocatable; /* with scope: the program's addresses are known only when it runs */
	/*
	 * p, and for r what keeps values at the entry: the place is behind the prologue, where the stack pointer as it was at
	 * the entry is a register's contents and an offset.
	 */
	bool is_settled;
	int settled_reg;
	int64_t settled_offset;
	bool has_params; /* params and retval_type are known */
	const struct context_param *params;
	unsigned int param_count;
	const struct type *retval_type; /* NULL or TYPE_VOID: none */
	/*
	 * The context has a slot of 8 bytes for each parameter instead of registers: fentry and fexit, and
	 * system calls' tracepoints, where r: has the slots of the entry's. retval_slot -1: none.
	 */
	bool has_slots;
	bool has_call_registers; /* the slots are in the registers of a system call, to which the first parameter points */
	bool keeps_params; /* a return's context has the parameters too (fexit) */
	int32_t retval_slot;
	uint32_t string_size; /* -Z: most bytes of a string, without the NUL */
};

#endif /* PROBE_SPEC_CONTEXT_H */
