/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Handing records over, and counting what could not be.
 */
#include "lib/events.h"
#include "probe/generate/generate_private.h"

void generate_count_element(struct generator *g, int map_fd, uint32_t element)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 4);
	int value = code_new_vreg(c), one = code_new_vreg(c), end = code_new_label(c);

	code_store_imm(c, 4, BPF_REG_10, key, (int32_t)element);
	generate_look_up(g, map_fd, key);
	code_mov(c, value, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, value, 0, end);
	code_mov_imm(c, one, 1);
	code_atomic_add(c, value, 0, one);
	code_label(c, end);
}

void generate_count(struct generator *g, int map_fd)
{
	generate_count_element(g, map_fd, g->opts->probe);
}

void generate_reserve(struct generator *g)
{
	struct code *c = g->code;

	code_comment(c, "reserve the record");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_2, g->record->fixed_size);
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_ringbuf_reserve, 3);
	code_mov(c, g->rec, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, g->rec, 0, g->lost);
}

/* Steps 3 and 4 of the protocol in lib/events.h. */
static void gen_wake(struct generator *g)
{
	struct code *c = g->code;
	int ctl = code_new_vreg(c), waiting = code_new_vreg(c), spare = code_new_vreg(c);

	code_comment(c, "is the consumer asleep?");
	code_mov_map_value(c, ctl, g->opts->ctl_fd, EVENTS_CTL_WAITING);
	code_load(c, 4, waiting, ctl, 0);
	code_jump_if_imm(c, BPF_JEQ, waiting, 0, g->drop);
	code_comment(c, "wake it: discard 8 bytes with a wake-up");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_2, 8);
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_ringbuf_reserve, 3);
	code_mov(c, spare, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, spare, 0, g->drop);
	code_store_imm(c, 4, ctl, 0, 0);
	code_mov(c, BPF_REG_1, spare);
	code_mov_imm(c, BPF_REG_2, BPF_RB_FORCE_WAKEUP);
	code_call(c, BPF_FUNC_ringbuf_discard, 2);
}

static void gen_output_perf(struct generator *g, int size)
{
	struct code *c = g->code;

	code_comment(c, "hand the record over");
	code_mov(c, BPF_REG_1, g->ctx);
	code_mov_map_fd(c, BPF_REG_2, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_3, BPF_F_CURRENT_CPU);
	code_mov(c, BPF_REG_4, g->rec);
	code_mov(c, BPF_REG_5, size);
	code_call(c, BPF_FUNC_perf_event_output, 5);
}

static void gen_output_ring(struct generator *g, int size, int flags)
{
	struct code *c = g->code;

	code_comment(c, "hand the record over");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov(c, BPF_REG_2, g->rec);
	code_mov(c, BPF_REG_3, size);
	code_mov_imm(c, BPF_REG_4, flags);
	code_call(c, BPF_FUNC_ringbuf_output, 4);
}

static void gen_submit_scratch(struct generator *g)
{
	struct code *c = g->code;
	int size = code_new_vreg(c), result = code_new_vreg(c), bounded = code_new_label(c);

	if (g->used >= 0) {
		code_mov(c, size, g->used);
		/* Always true; the verifier of older kernels forgets it when the size was spilled. */
		code_jump_if_imm(c, BPF_JLE, size, (int32_t)g->record->max_size, bounded);
		code_mov_imm(c, size, g->record->fixed_size);
		code_label(c, bounded);
	} else {
		code_mov_imm(c, size, g->record->fixed_size);
	}
	if (g->opts->use_perf)
		gen_output_perf(g, size);
	else
		gen_output_ring(g, size, BPF_RB_NO_WAKEUP);
	code_mov(c, result, BPF_REG_0);
	generate_unlock(g);
	code_jump_if_imm(c, BPF_JNE, result, 0, g->lost);
}

void generate_submit(struct generator *g)
{
	struct code *c = g->code;

	if (g->scratch >= 0) {
		gen_submit_scratch(g);
	} else {
		code_comment(c, "submit");
		code_mov(c, BPF_REG_1, g->rec);
		code_mov_imm(c, BPF_REG_2, BPF_RB_NO_WAKEUP);
		code_call(c, BPF_FUNC_ringbuf_submit, 2);
	}
	if (!g->opts->use_perf)
		gen_wake(g);
}

void generate_output_key(struct generator *g)
{
	int size = code_new_vreg(g->code);

	code_mov_imm(g->code, size, g->record->key_size);
	if (g->opts->use_perf)
		gen_output_perf(g, size);
	else
		gen_output_ring(g, size, BPF_RB_FORCE_WAKEUP);
}
