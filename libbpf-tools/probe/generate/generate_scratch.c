/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The memory of this CPU in which records of varying size are put together. As a probe can interrupt another
 * one on the same CPU, each slot starts with a lock word: whoever adds 1 and finds 1 has it.
 */
#include "probe/record/aggregate.h"
#include "probe/generate/generate_private.h"

#define SCRATCH_LOCK 0
#define SCRATCH_RECORD 8

uint32_t generate_key_room(const struct record *record)
{
	uint32_t size = record->key_size > record->max_size ? record->key_size : record->max_size;

	return (size + 7) & ~7u;
}

uint32_t generate_scratch_size(const struct record *record)
{
	enum aggregate aggregate = record->checked->spec->aggregate;

	return SCRATCH_RECORD + generate_key_room(record) +
	       (aggregate ? 8 * aggregate_values(aggregate) : 0);
}

bool generate_needs_scratch(const struct record *record, bool use_perf)
{
	return use_perf || record->checked->spec->aggregate ||
	       record->max_size > record->fixed_size;
}

void generate_lock(struct generator *g)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 4);
	int locked = code_new_label(c);

	for (int slot = 0; slot < GENERATE_SCRATCH_SLOTS; slot++) {
		int one = code_new_vreg(c), holders = code_new_vreg(c);

		code_comment(c, "scratch slot %d", slot);
		code_store_imm(c, 4, BPF_REG_10, key, slot);
		generate_look_up(g, g->opts->scratch_fd, key);
		code_mov(c, g->scratch, BPF_REG_0);
		code_jump_if_imm(c, BPF_JEQ, g->scratch, 0, g->lost);
		code_mov_imm(c, one, 1);
		code_atomic_add(c, g->scratch, SCRATCH_LOCK, one);
		code_load(c, 8, holders, g->scratch, SCRATCH_LOCK);
		code_jump_if_imm(c, BPF_JEQ, holders, 1, locked);
		code_comment(c, "taken by a probe that we interrupted");
		code_mov_imm(c, one, (uint64_t)-1);
		code_atomic_add(c, g->scratch, SCRATCH_LOCK, one);
	}
	code_jump(c, g->lost);
	code_label(c, locked);
	code_mov(c, g->rec, g->scratch);
	code_alu_imm(c, BPF_ADD, true, g->rec, SCRATCH_RECORD);
}

void generate_unlock(struct generator *g)
{
	int minus_one = code_new_vreg(g->code);

	code_comment(g->code, "give the scratch slot back");
	code_mov_imm(g->code, minus_one, (uint64_t)-1);
	code_atomic_add(g->code, g->scratch, SCRATCH_LOCK, minus_one);
}
