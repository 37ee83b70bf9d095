/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Stacks: as many frames as there are go straight into the record, behind its strings.
 */
#include <linux/types.h>
#include <blazesym-lite.h>

#include "bpf/unwind_state.h"
#include "probe/generate/generate_private.h"

/*
 * Where the function that was just entered will return to: on top of the stack, or in the link
 * register. The helper leaves a zero if it can't be read.
 */
static void gen_caller(struct generator *g)
{
	int16_t offset = (int16_t)g->record->caller_offset;
	int reg;

	code_comment(g->code, "the caller");
	if (g->machine->link != BSL_REG_NONE) {
		reg = generate_register(g, g->machine->link);
		code_store(g->code, 8, g->rec, offset, reg);
		return;
	}
	reg = generate_register(g, g->machine->sp);
	code_mov(g->code, BPF_REG_3, reg);
	code_mov(g->code, BPF_REG_1, g->rec);
	code_alu_imm(g->code, BPF_ADD, true, BPF_REG_1, offset);
	code_mov_imm(g->code, BPF_REG_2, 8);
	code_call(g->code, BPF_FUNC_probe_read_user, 3);
}

/* Where the walk kept its state is room that belongs to a key: clear it, as generate_clear_key() does. */
static void gen_clear_state(struct generator *g, int dst)
{
	struct code *c = g->code;

	code_comment(c, "what the walk has left behind");
	code_mov(c, BPF_REG_1, dst);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, (int32_t)offsetof(struct unwind_stack, state));
	code_mov_imm(c, BPF_REG_2, sizeof(struct unwind_state));
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_probe_read_kernel, 3);
}

/* The user stack by tables; see UNWIND_BYTES(). */
static void gen_unwound_stack(struct generator *g)
{
	const struct record *r = g->record;
	struct code *c = g->code;
	int result = code_new_vreg(c), dst = code_new_vreg(c);
	int fits = code_new_label(c), end = code_new_label(c), stored = code_new_label(c);

	code_comment(c, "the user stack, by unwinding tables");
	code_jump_if_imm(c, BPF_JLE, g->used, (int32_t)(r->max_size - sizeof(struct unwind_stack)),
			 fits);
	code_mov_imm(c, result, 0);
	code_jump(c, stored);
	code_label(c, fits);
	code_mov(c, dst, g->rec);
	code_alu(c, BPF_ADD, true, dst, g->used);
	code_mov(c, BPF_REG_1, dst);
	code_call_linked(c);
	code_mov(c, result, BPF_REG_0);
	if (r->checked->spec->aggregate)
		gen_clear_state(g, dst);
	code_label(c, stored);
	code_store(c, 8, g->rec, (int16_t)r->stack_offset[RECORD_USER_STACK], result);
	code_alu_imm(c, BPF_AND, true, result, INT32_MAX);
	code_jump_if_imm(c, BPF_JGT, result, (int32_t)r->stack_size[RECORD_USER_STACK], end);
	code_alu(c, BPF_ADD, true, g->used, result);
	code_label(c, end);
}

static void gen_stack(struct generator *g, enum record_stack which)
{
	const struct record *r = g->record;
	struct code *c = g->code;
	int result = code_new_vreg(c), dst = code_new_vreg(c);
	int fits = code_new_label(c), end = code_new_label(c), stored = code_new_label(c);

	code_comment(c, which == RECORD_USER_STACK ? "the user stack" : "the kernel stack");
	/* Always true; tells the verifier again where a spilled register made it forget. */
	code_jump_if_imm(c, BPF_JLE, g->used, (int32_t)(r->max_size - r->stack_room[which]), fits);
	code_mov_imm(c, result, 0);
	code_jump(c, stored);
	code_label(c, fits);
	code_mov(c, dst, g->rec);
	code_alu(c, BPF_ADD, true, dst, g->used);
	code_mov(c, BPF_REG_2, dst);
	code_mov(c, BPF_REG_1, g->ctx);
	code_mov_imm(c, BPF_REG_3, r->stack_size[which]);
	code_mov_imm(c, BPF_REG_4, which == RECORD_USER_STACK ? BPF_F_USER_STACK : 0);
	code_call(c, BPF_FUNC_get_stack, 4);
	code_mov(c, result, BPF_REG_0);
	code_label(c, stored);
	code_store(c, 8, g->rec, (int16_t)r->stack_offset[which], result);
	code_jump_if_imm(c, BPF_JGT, result, (int32_t)r->stack_size[which], end);
	code_alu(c, BPF_ADD, true, g->used, result);
	code_label(c, end);
}

void generate_stacks(struct generator *g)
{
	if (g->record->caller_offset)
		gen_caller(g);
	for (enum record_stack i = 0; i < RECORD_STACKS; i++)
		if (g->record->stack_offset[i] && i == RECORD_USER_STACK && g->record->unwinds)
			gen_unwound_stack(g);
		else if (g->record->stack_offset[i])
			gen_stack(g, i);
}
