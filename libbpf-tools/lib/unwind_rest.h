/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The rest of a stack that the kernel lacked a table for, from the part of the stack that it sent along.
 */
#ifndef LIB_UNWIND_REST_H
#define LIB_UNWIND_REST_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/unwind_state.h"

/* Frames behind those that the kernel found. */
struct unwind_rest {
	uint32_t number; /* of the struct unwind_cut */
	uint8_t end;	 /* enum unwind_end */
	unsigned int count;
	uint64_t *addrs; /* owned by who keeps it; NULL: none */
};

/*
 * The row that holds at an address of the process; NULL: none does, or, if is_unknown, the file's table can't be had. False: the
 * address isn't in any code.
 */
typedef bool (*unwind_row_fn)(void *ctx, uint64_t address, const struct unwind_row **row,
			      bool *is_unknown);

void unwind_rest_find(const struct unwind_cut *cut, unwind_row_fn row_at, void *ctx,
		      struct unwind_rest *rest);

#endif /* LIB_UNWIND_REST_H */
