/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a return knows of its entry: a probe at the entry keeps the values that are wanted, under a
 * key that only this call has; the probe at the return takes them out again.
 *
 * The key is { owner, frame, place }. Normally the owner is the thread and the frame its stack pointer, so that calls in
 * each other differ, and whoever leaves a function by longjmp(), an exception or its death leaves a
 * value behind that the next call with this frame writes over. The map forgets what was used longest ago, so that
 * such values don't pile up. A goroutine moves between threads and its stack moves in memory: there the owner is
 * its g, and the frame the distance from its stack's upper end (g.stack.hi).
 */
#include <blazesym-lite.h>
#include <string.h>

#include "probe/generate/generate_private.h"

#define KEY_OWNER 0
#define KEY_FRAME 8
#define KEY_PLACE 16

uint32_t generate_entry_size(unsigned int count)
{
	return 8 * (1 + count);
}

_Static_assert(KEY_PLACE + 8 == GENERATE_ENTRY_KEY_SIZE, "the key's parts are all of it");

/* offsetof(g, stack.hi): "stack describes the actual stack memory", first in g (src/runtime/runtime2.go). */
#define GO_STACK_HI 8

/* A value is { u64 valid; u64 kept[] }. Of valid, bit 0 is set, and bit i + 1 if kept[i] could be read. */
#define VALUE_VALID 0
#define VALUE_KEPT 8

static void pass_buffer(struct generator *g, int reg, int buffer)
{
	code_mov(g->code, reg, BPF_REG_10);
	code_alu_imm(g->code, BPF_ADD, true, reg, buffer);
}

/* The stack pointer as it was when the function was entered, or as it is at the return. */
static int gen_stack_pointer(struct generator *g, bool is_return)
{
	const struct probe_context *context = g->record->checked->context;
	bool is_settled = context->is_settled && !is_return;
	int v = generate_register(g, is_settled ? context->settled_reg : g->machine->sp);

	if (is_settled)
		code_alu_imm(g->code, BPF_ADD, true, v, (int32_t)context->settled_offset);
	return v;
}

/* A function's RET instructions are several places: the probe is the place, by a number that no place has. */
static uint64_t probe_as_place(const struct generator *g)
{
	return 1ull << 32 | g->opts->probe;
}

/*
 * The goroutine, where on its stack, and the process: all processes of a program may have their goroutines at the same
 * addresses. Jumps to failed if that is not known.
 */
static void gen_go_key(struct generator *g, int key, bool is_return, int failed)
{
	int owner = generate_register(g, g->machine->go_g), frame, sp, place, probe;
	struct code *c = g->code;

	code_comment(c, "key: goroutine, depth of its stack, process");
	place = code_new_vreg(c);
	code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
	code_mov(c, place, BPF_REG_0);
	code_alu_imm(c, BPF_RSH, true, place, 32);
	code_alu_imm(c, BPF_LSH, true, place, 32);
	probe = code_new_vreg(c);
	code_mov_imm(c, probe, g->opts->probe);
	code_alu(c, BPF_OR, true, place, probe);
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_PLACE), place);
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_OWNER), owner);
	pass_buffer(g, BPF_REG_1, key + KEY_FRAME);
	code_mov_imm(c, BPF_REG_2, 8);
	code_mov(c, BPF_REG_3, owner);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_3, GO_STACK_HI);
	code_call(c, BPF_FUNC_probe_read_user, 3);
	code_jump_if_imm(c, BPF_JNE, BPF_REG_0, 0, failed);
	frame = code_new_vreg(c);
	code_load(c, 8, frame, BPF_REG_10, (int16_t)(key + KEY_FRAME));
	sp = gen_stack_pointer(g, is_return);
	code_alu(c, BPF_SUB, true, frame, sp);
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_FRAME), frame);
}

static int gen_frame(struct generator *g, bool is_return)
{
	struct code *c = g->code;
	int v;

	switch (g->opts->frame) {
	case GENERATE_FRAME_CONTEXT:
		/* Moving half a pointer makes it a number for the verifier; no stack is as large. */
		v = code_new_vreg(c);
		code_alu(c, BPF_MOV, false, v, g->ctx);
		return v;
	case GENERATE_FRAME_NONE:
		v = code_new_vreg(c);
		code_mov_imm(c, v, 0);
		return v;
	default:
		v = gen_stack_pointer(g, is_return);
		if (is_return && g->machine->return_size && g->opts->frame == GENERATE_FRAME_STACK)
			code_alu_imm(c, BPF_ADD, true, v, -g->machine->return_size);
		return v;
	}
}

/* The key of this call, on the stack; jumps to failed if it is not known. */
static int gen_key(struct generator *g, bool is_return, int failed)
{
	int key = code_new_buffer(g->code, GENERATE_ENTRY_KEY_SIZE), place = code_new_vreg(g->code),
	    thread;
	struct code *c = g->code;

	if (g->opts->frame == GENERATE_FRAME_GO) {
		gen_go_key(g, key, is_return, failed);
		return key;
	}
	code_comment(c, "key: thread, frame, place");
	/* In no PID namespace: there a thread may have no number. */
	code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
	thread = code_new_vreg(c);
	code_mov(c, thread, BPF_REG_0);
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_OWNER), thread);
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_FRAME), gen_frame(g, is_return));
	if (g->opts->frame == GENERATE_FRAME_SITE) {
		/* None of these functions ends in another, so that no two have one frame. */
		code_mov_imm(c, place, probe_as_place(g));
	} else if (g->opts->place_is_cookie) {
		code_mov(c, BPF_REG_1, g->ctx);
		code_call(c, BPF_FUNC_get_attach_cookie, 1);
		code_mov(c, place, BPF_REG_0);
	} else {
		code_mov_imm(c, place, g->opts->place);
	}
	code_store(c, 8, BPF_REG_10, (int16_t)(key + KEY_PLACE), place);
	return key;
}

/* The map refused, as a lock could not be had at once: what an earlier call left under this key needs none. */
static void gen_keep_in_place(struct generator *g, int key, int values, unsigned int size)
{
	struct code *c = g->code;
	int kept = code_new_vreg(c);

	code_comment(c, "in the place of what was left there");
	generate_look_up(g, g->opts->entry_fd, key);
	code_mov(c, kept, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, kept, 0, g->drop);
	for (unsigned int at = 0; at < size; at += 8) {
		int v = code_new_vreg(c);

		code_load(c, 8, v, BPF_REG_10, (int16_t)(values + (int)at));
		code_store(c, 8, kept, (int16_t)at, v);
	}
}

/* One that can't be read is no reason to lose the others. */
static void gen_keep_value(struct generator *g, int values, unsigned int i)
{
	int slot = values + VALUE_KEPT + 8 * (int)i, valid = code_new_vreg(g->code);
	int end = code_new_label(g->code);
	struct code *c = g->code;

	g->fault = end;
	code_store_imm(c, 8, BPF_REG_10, (int16_t)slot, 0);
	code_store(c, 8, BPF_REG_10, (int16_t)slot,
		   generate_value(g, g->record->checked->entry_values[i]));
	code_load(c, 8, valid, BPF_REG_10, (int16_t)(values + VALUE_VALID));
	code_alu_imm(c, BPF_OR, true, valid, (int32_t)(2u << i));
	code_store(c, 8, BPF_REG_10, (int16_t)(values + VALUE_VALID), valid);
	code_label(c, end);
}

void generate_keep(struct generator *g)
{
	const struct checked *checked = g->record->checked;
	unsigned int count = checked->entry_count,
		     most = g->opts->entry_most > count ? g->opts->entry_most : count;
	unsigned int size = generate_entry_size(most);
	int key = gen_key(g, false, g->drop), values = code_new_buffer(g->code, size);
	struct code *c = g->code;

	code_store_imm(c, 8, BPF_REG_10, (int16_t)(values + VALUE_VALID), 1);
	/* The map's values have room for the probe that keeps most. */
	for (unsigned int i = count; i < most; i++)
		code_store_imm(c, 8, BPF_REG_10, (int16_t)(values + VALUE_KEPT + 8 * (int)i), 0);
	for (unsigned int i = 0; i < count; i++)
		gen_keep_value(g, values, i);
	code_comment(c, "keep them until the return");
	code_mov_map_fd(c, BPF_REG_1, g->opts->entry_fd);
	pass_buffer(g, BPF_REG_2, key);
	pass_buffer(g, BPF_REG_3, values);
	code_mov_imm(c, BPF_REG_4, BPF_ANY);
	code_call(c, BPF_FUNC_map_update_elem, 4);
	code_jump_if_imm(c, BPF_JEQ, BPF_REG_0, 0, g->drop);
	gen_keep_in_place(g, key, values, generate_entry_size(count));
}

/*
 * Copied, since the map may use the place of what was deleted for another call at once. Marked as taken, so that nobody takes
 * it for another call's even if the map can't delete it, as a lock could not be had.
 */
void generate_recall(struct generator *g)
{
	unsigned int count = g->record->checked->entry_count;
	struct code *c = g->code;
	int missing = code_new_label(c), end = code_new_label(c), kept = code_new_vreg(c);
	int valid = code_new_vreg(c), key;

	g->entry_values = code_new_buffer(c, 8 * count);
	g->entry_found = code_new_vreg(c);
	for (unsigned int i = 0; i < count; i++)
		code_store_imm(c, 8, BPF_REG_10, (int16_t)(g->entry_values + 8 * (int)i), 0);
	key = gen_key(g, true, missing);
	code_comment(c, "the values kept at the entry");
	generate_look_up(g, g->opts->entry_fd, key);
	code_mov(c, kept, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, kept, 0, missing);
	code_load(c, 8, valid, kept, VALUE_VALID);
	code_jump_if_imm(c, BPF_JEQ, valid, 0, missing);
	code_store_imm(c, 8, kept, VALUE_VALID, 0);
	for (unsigned int i = 0; i < count; i++) {
		int v = code_new_vreg(c);

		code_load(c, 8, v, kept, (int16_t)(VALUE_KEPT + 8 * i));
		code_store(c, 8, BPF_REG_10, (int16_t)(g->entry_values + 8 * (int)i), v);
	}
	code_mov_map_fd(c, BPF_REG_1, g->opts->entry_fd);
	pass_buffer(g, BPF_REG_2, key);
	code_call(c, BPF_FUNC_map_delete_elem, 2);
	code_mov(c, g->entry_found, valid);
	code_jump(c, end);
	code_label(c, missing);
	code_comment(c, "nothing was kept: count it");
	generate_count(g, g->opts->entry_missed_fd);
	code_mov_imm(c, g->entry_found, 0);
	code_label(c, end);
}
