/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The rest of a stack; the steps are the kernel's own code (bpf/unwind_step.h).
 */
#include "lib/unwind_rest.h"

#include <stdlib.h>
#include <string.h>

/* What unwind_user() reads from. */
struct walk {
	struct unwind_state state;
	const uint8_t *bytes;
	uint64_t start, size;
};

static bool unwind_user(struct unwind_state *state, uint64_t address, __u64 *value)
{
	const struct walk *walk = (const struct walk *)state;

	if (address < walk->start || walk->size < sizeof(*value) ||
	    address - walk->start > walk->size - sizeof(*value))
		return false;
	memcpy(value, walk->bytes + (address - walk->start), sizeof(*value));
	return true;
}

#if defined(__x86_64__)
#define UNWIND_X86_64
#endif
#include "bpf/unwind_step.h"

static void walk_on(struct walk *walk, unwind_row_fn row_at, void *ctx, struct unwind_rest *rest)
{
	struct unwind_state *state = &walk->state;
	const struct unwind_row *row;
	bool is_unknown;
	__u64 slot;

	while (row_at(ctx, state->ip - !state->is_exact, &row, &is_unknown)) {
		/* the first one's address is with the kernel's */
		if (rest->end)
			rest->addrs[rest->count++] = state->ip;
		if (rest->count == UNWIND_FRAMES) {
			rest->end = UNWIND_DEEP;
			return;
		}
		state->is_unknown = is_unknown;
		rest->end = (uint8_t)unwind_next(state, row, &slot);
		if (rest->end)
			return;
		rest->end = UNWIND_NO_CODE;
	}
	/* it is not mapped any more */
	if (!rest->end)
		rest->end = UNWIND_UNKNOWN_FILE;
}

void unwind_rest_find(const struct unwind_cut *cut, unwind_row_fn row_at, void *ctx,
		      struct unwind_rest *rest)
{
	struct walk walk = {
		.state = cut->state, .bytes = cut->bytes, .start = cut->state.sp, .size = cut->size
	};

	rest->addrs = calloc(UNWIND_FRAMES, sizeof(*rest->addrs));
	if (!rest->addrs)
		return;
	rest->end = UNWIND_GOES_ON;
	walk_on(&walk, row_at, ctx, rest);
}
