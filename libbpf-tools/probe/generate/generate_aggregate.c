/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Counting in the kernel: the record, put together in scratch memory, is the key of a map
 * (probe/record/aggregate.h) whose value is added to. Behind it the scratch slot has a value that nobody
 * writes to: the zeros that a new key starts with.
 */
#include <errno.h>

#include "probe/record/aggregate.h"
#include "probe/generate/generate_private.h"

/*
 * Clear what comes behind the fixed part: reading from address 0 fails, and then the helper clears
 * its buffer.
 */
void generate_clear_key(struct generator *g)
{
	struct code *c = g->code;
	uint32_t size = g->record->key_size - g->record->fixed_size;

	if (!size)
		return;
	code_comment(c, "clear the rest of the key");
	code_mov(c, BPF_REG_1, g->rec);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, (int32_t)g->record->fixed_size);
	code_mov_imm(c, BPF_REG_2, size);
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_probe_read_kernel, 3);
}

static void gen_lookup(struct generator *g, int value)
{
	struct code *c = g->code;

	code_mov_map_fd(c, BPF_REG_1, g->opts->aggregate_fd);
	code_mov(c, BPF_REG_2, g->rec);
	code_call(c, BPF_FUNC_map_lookup_elem, 2);
	code_mov(c, value, BPF_REG_0);
}

/*
 * A new key; where its values are addresses in a process, the consumer gets a record, to look names up
 * while it lives.
 */
static void gen_add_key(struct generator *g, int value, int full)
{
	struct code *c = g->code;
	int exists = code_new_label(c);

	code_comment(c, "a new key");
	code_mov_map_fd(c, BPF_REG_1, g->opts->aggregate_fd);
	code_mov(c, BPF_REG_2, g->rec);
	code_mov(c, BPF_REG_3, g->rec);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_3, (int32_t)generate_key_room(g->record));
	code_mov_imm(c, BPF_REG_4, BPF_NOEXIST);
	code_call(c, BPF_FUNC_map_update_elem, 4);
	if (record_is_of_process(g->record)) {
		code_jump_if_imm(c, BPF_JNE, BPF_REG_0, 0, exists);
		generate_output_key(g);
	}
	code_label(c, exists);
	gen_lookup(g, value);
	code_jump_if_imm(c, BPF_JEQ, value, 0, full);
}

/* The bucket of a measure: 0 if it is negative, else 1 + the number of its bits. */
static int gen_bucket(struct generator *g, int measure)
{
	struct code *c = g->code;
	int bucket = code_new_vreg(c), end = code_new_label(c), v = code_new_vreg(c);

	code_comment(c, "the power of two");
	code_mov_imm(c, bucket, 0);
	if (g->record->checked->measure_is_signed)
		code_jump_if_imm(c, BPF_JSLT, measure, 0, end);
	code_mov_imm(c, bucket, 1);
	code_jump_if_imm(c, BPF_JEQ, measure, 0, end);
	code_mov_imm(c, bucket, 2);
	code_mov(c, v, measure);
	for (int bits = 32; bits; bits /= 2) {
		int less = code_new_label(c), high = code_new_vreg(c);

		code_mov(c, high, v);
		code_alu_imm(c, BPF_RSH, true, high, bits);
		code_jump_if_imm(c, BPF_JEQ, high, 0, less);
		code_mov(c, v, high);
		code_alu_imm(c, BPF_ADD, true, bucket, bits);
		code_label(c, less);
	}
	code_label(c, end);
	return bucket;
}

static void gen_add(struct generator *g, int value, int measure)
{
	struct code *c = g->code;
	int one = code_new_vreg(c), bucket, known;

	if (g->record->checked->spec->aggregate == AGGREGATE_HIST) {
		bucket = gen_bucket(g, measure);
		known = code_new_label(c);
		/* Always true; for the verifier, where branches made it forget. */
		code_jump_if_imm(c, BPF_JLT, bucket, AGGREGATE_BUCKETS, known);
		code_mov_imm(c, bucket, 0);
		code_label(c, known);
		code_alu_imm(c, BPF_LSH, true, bucket, 3);
		code_alu(c, BPF_ADD, true, value, bucket);
	}
	code_mov_imm(c, one, 1);
	code_atomic_add(c, value, 0, one);
	if (g->record->checked->spec->aggregate == AGGREGATE_SUM)
		code_atomic_add(c, value, 8, measure);
}

int generate_measure(struct generator *g)
{
	const struct expr *measure = g->record->checked->measure;

	return measure ? generate_value(g, measure) : -1;
}

void generate_aggregate(struct generator *g, int measure)
{
	struct code *c = g->code;
	int value = code_new_vreg(c), found = code_new_label(c), full = code_new_label(c);

	code_comment(c, "is the key known?");
	gen_lookup(g, value);
	code_jump_if_imm(c, BPF_JNE, value, 0, found);
	gen_add_key(g, value, full);
	code_label(c, found);
	gen_add(g, value, measure);
	generate_unlock(g);
	code_jump(c, g->drop);
	code_label(c, full);
	generate_unlock(g);
	code_comment(c, "the map is full: count it");
	generate_count(g, g->opts->overflow_fd);
}
