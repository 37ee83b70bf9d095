/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One step of following a stack: the same code in the kernel (bpf/unwind.bpf.h) and in user space (lib/unwind_rest.c), which goes on where
 * the kernel lacked a table. Each defines unwind_user(), which reads eight bytes of the process's memory, and UNWIND_X86_64 on that machine.
 */
#ifndef BPF_UNWIND_STEP_H
#define BPF_UNWIND_STEP_H

#include <stdbool.h>

#include "bpf/unwind_state.h"

#define UNWIND_FAR (64ull << 20) /* no frame is larger */

#if defined(UNWIND_X86_64)

/* struct rt_sigframe, asm/sigframe.h: registers of struct sigcontext, behind what the handler's return took off the stack. */
static __always_inline int unwind_signal(struct unwind_state *state)
{
	__u64 sp = state->sp;

	if (!unwind_user(state, sp + 120, &state->fp) ||
	    !unwind_user(state, sp + 160, &state->sp) || !unwind_user(state, sp + 168, &state->ip))
		return UNWIND_UNREADABLE;
	state->is_exact = 1;
	return 0;
}

/* From a CFA to the caller's registers. fp: as in struct unwind_row. */
static __always_inline int unwind_caller(struct unwind_state *state, __u64 cfa, __s32 fp,
					 __u64 *slot)
{
	*slot = cfa - 8;
	if (!unwind_user(state, *slot, &state->ip))
		return UNWIND_UNREADABLE;
	if (fp && !unwind_user(state, cfa + 8 * (__s64)fp, &state->fp))
		return UNWIND_UNREADABLE;
	state->sp = cfa;
	return 0;
}

/* kind: not of those that need no CFA. False: it can't be read, or *end is set. */
static __always_inline bool unwind_cfa(struct unwind_state *state, __u32 kind, __s64 offset,
				       __u64 *cfa)
{
	__u64 low = (state->ip - !state->is_exact) & 15;

	switch (kind) {
	case UNWIND_SP:
		*cfa = state->sp + offset;
		return true;
	case UNWIND_FP:
		*cfa = state->fp + offset;
		return true;
	case UNWIND_AT_FP:
		return unwind_user(state, state->fp + offset, cfa) &&
		       unwind_user(state, state->fp, &state->fp);
	case UNWIND_AT_SP:
		if (!unwind_user(state, state->sp + offset, cfa))
			return false;
		*cfa += 8;
		return true;
	default:
		*cfa = state->sp + 8 + (low >= (kind == UNWIND_STUB11 ? 11 : 10) ? 8 : 0);
		return true;
	}
}

static __always_inline int unwind_by_row(struct unwind_state *state, const struct unwind_row *row,
					 __u64 *slot)
{
	__u64 cfa;

	if (row->kind == UNWIND_SIGNAL)
		return unwind_signal(state);
	if (!unwind_cfa(state, row->kind, 8 * (__s64)row->cfa, &cfa))
		return UNWIND_UNREADABLE;
	return unwind_caller(state, cfa, row->fp, slot);
}

static __always_inline int unwind_by_pointer(struct unwind_state *state, __u64 *slot)
{
	return unwind_caller(state, state->fp + 16, -2, slot);
}

#else

/* Without the code that signs it, above the 48 bits of an address. */
static __always_inline __u64 unwind_plain(__u64 address)
{
	return address & 0xffffffffffffull;
}

static __always_inline int unwind_by_row(struct unwind_state *state, const struct unwind_row *row,
					 __u64 *slot)
{
	__u32 kind = row->kind & ~UNWIND_RET_ONLY;
	bool is_fp = kind == UNWIND_FP || kind == UNWIND_FP_LEAF;
	__u64 cfa = (is_fp ? state->fp : state->sp) + 8 * (__s64)row->cfa;
	__u64 at = cfa + 8 * (__s64)row->fp;

	if (kind == UNWIND_SP_LEAF || kind == UNWIND_FP_LEAF) {
		/* x30 is known of the innermost function only */
		if (!state->is_exact)
			return UNWIND_NO_RULE;
		state->ip = unwind_plain(state->link);
	} else if (row->kind & UNWIND_RET_ONLY) {
		if (!unwind_user(state, at, &state->ip))
			return UNWIND_UNREADABLE;
	} else if (!unwind_user(state, at, &state->fp) || !unwind_user(state, at + 8, &state->ip)) {
		return UNWIND_UNREADABLE;
	}
	state->ip = unwind_plain(state->ip);
	state->sp = cfa;
	*slot = cfa;
	return 0;
}

static __always_inline int unwind_by_pointer(struct unwind_state *state, __u64 *slot)
{
	__u64 at = state->fp;

	if (!unwind_user(state, at, &state->fp) || !unwind_user(state, at + 8, &state->ip))
		return UNWIND_UNREADABLE;
	state->ip = unwind_plain(state->ip);
	state->sp = at + 16;
	*slot = state->sp;
	return 0;
}

#endif

/* No table covers this code: by the frame pointer, if it can be one. */
static __always_inline int unwind_try_pointer(struct unwind_state *state, __u64 *slot)
{
	if (state->is_unknown)
		return UNWIND_UNKNOWN_FILE;
	if (!state->fp)
		return UNWIND_COMPLETE;
	if (state->fp < state->sp || state->fp - state->sp > UNWIND_FAR || state->fp & 7)
		return UNWIND_NO_CHAIN;
	state->is_by_pointer = 1;
	return unwind_by_pointer(state, slot);
}

/*
 * From a frame to its caller's, by the row that holds there; NULL: no table covers it. *slot is set to where the return address was found
 * (arm64: where the caller's frame begins). 0, or why there is no caller.
 */
static __always_inline int unwind_next(struct unwind_state *state, const struct unwind_row *row,
				       __u64 *slot)
{
	bool is_signal = row && row->kind == UNWIND_SIGNAL;
	__u64 sp = state->sp;
	int end;

	state->is_by_pointer = 0;
	if (state->is_uprobes)
		return UNWIND_NO_CHAIN;
	if (!row || row->kind == UNWIND_NONE)
		end = unwind_try_pointer(state, slot);
	else if (row->kind == UNWIND_CALLERLESS)
		end = UNWIND_COMPLETE;
	else if (row->kind == UNWIND_OTHER)
		end = UNWIND_NO_RULE;
	else
		end = unwind_by_row(state, row, slot);
	if (end || is_signal)
		return end;
	/* outwards is upwards, but from a signal's stack to another one */
	if (state->sp < sp || (state->sp == sp && !state->is_exact))
		return UNWIND_NO_CHAIN;
	state->is_exact = 0;
	return 0;
}

#endif /* BPF_UNWIND_STEP_H */
