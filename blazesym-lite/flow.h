/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Which instruction of a function may follow which. Internal to blazesym-lite. */
#ifndef BSL_FLOW_H
#define BSL_FLOW_H

#include "blazesym-lite.h"

#define FLOW_NONE SIZE_MAX

struct flow_insn {
	uint64_t addr, target; /* target: of a jump or branch; 0: it has none */
	uint8_t length;
	bool goes_on;	 /* to the next one */
	bool is_padding; /* it does nothing */
	bool is_packed;	 /* it computes with vectors */
	bool is_target;	 /* a jump or branch of the function leads there */
};

/* A function in one piece or several, its entry first. */
struct flow {
	struct flow_insn *insns; /* by address within each piece */
	size_t nr, room;
	size_t *pieces; /* the first instruction of each piece; as many as nr_pieces */
	size_t nr_pieces;
	size_t *stack; /* for the walks */
};

/* Adds the code of [addr, addr + size). 0, -EINVAL if it can't be decoded, -ENOENT if it isn't in the file, -ENOMEM. */
int flow_add(struct flow *flow, const struct bsl_elf *elf, uint64_t addr, uint64_t size);
/* After the last piece. 0 or -ENOMEM. */
int flow_finish(struct flow *flow);
void flow_free(struct flow *flow);

/* The instruction at an address, or FLOW_NONE. */
size_t flow_at(const struct flow *flow, uint64_t addr);
/* Those that may run after instruction i: how many, at most 2. Calls return. */
unsigned int flow_next(const struct flow *flow, size_t i, size_t next[2]);
/* May the instruction before i in memory lead to it? */
bool flow_falls_into(const struct flow *flow, size_t i);

/*
 * Marks in seen[] what may run after instruction `from`, which itself is marked only if it may run again; not through `barrier`
 * (FLOW_NONE: through all), which is marked where it is reached. Only through those of within[], if that isn't NULL. What is marked
 * already is not looked at.
 */
void flow_reach(struct flow *flow, size_t from, size_t barrier, const uint8_t *within,
		uint8_t *seen);

#endif /* BSL_FLOW_H */
