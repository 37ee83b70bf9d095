/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Reading memory: by the helper that suits the address, with a second chance where pages may be faulted in.
 */
#include <errno.h>

#include "probe/generate/generate_private.h"

void generate_fault(struct generator *g, int why)
{
	if (g->fault_code >= 0)
		code_mov_imm(g->code, g->fault_code, why);
	code_jump(g->code, g->fault);
}

static void gen_read_call(struct generator *g, const struct read *r, int result)
{
	struct code *c = g->code;

	code_mov(c, BPF_REG_3, r->addr);
	code_mov(c, BPF_REG_1, r->dst);
	if (r->dst_offset)
		code_alu_imm(c, BPF_ADD, true, BPF_REG_1, r->dst_offset);
	if (r->size >= 0)
		code_mov(c, BPF_REG_2, r->size);
	else
		code_mov_imm(c, BPF_REG_2, r->size_imm);
	code_call(c, r->helper, 3);
	code_mov(c, result, BPF_REG_0);
}

static void gen_touch(struct generator *g, int addr, uint32_t offset)
{
	struct code *c = g->code;

	if (!g->touch_buffer)
		g->touch_buffer = code_new_buffer(c, 8);
	code_mov(c, BPF_REG_3, addr);
	if (offset)
		code_alu_imm(c, BPF_ADD, true, BPF_REG_3, (int32_t)offset);
	code_mov(c, BPF_REG_1, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, g->touch_buffer);
	code_mov_imm(c, BPF_REG_2, 1);
	code_call(c, BPF_FUNC_copy_from_user, 3);
}

void generate_read(struct generator *g, const struct read *r, int result)
{
	struct code *c = g->code;
	int ok = code_new_label(c);
	/* A length of up to `most`; what is negative is more than that, seen as unsigned. */
	int op = r->is_str ? BPF_JLE : BPF_JEQ, limit = r->is_str ? (int)r->most : 0;

	gen_read_call(g, r, result);
	code_jump_if_imm(c, op, result, limit, ok);
	if (g->opts->sleepable && r->space == SPACE_USER) {
		code_comment(c, "not in memory: fault it in and read again");
		gen_touch(g, r->addr, 0);
		if (r->most > 1)
			gen_touch(g, r->addr, r->most - 1);
		gen_read_call(g, r, result);
		code_jump_if_imm(c, op, result, limit, ok);
	}
	generate_fault(g, EFAULT);
	code_label(c, ok);
}

int generate_read_helper(enum type_space space)
{
	return space == SPACE_USER  ? BPF_FUNC_probe_read_user
	       : space == SPACE_ANY ? BPF_FUNC_probe_read
				    : BPF_FUNC_probe_read_kernel;
}

int generate_read_str_helper(enum type_space space)
{
	return space == SPACE_USER  ? BPF_FUNC_probe_read_user_str
	       : space == SPACE_ANY ? BPF_FUNC_probe_read_str
				    : BPF_FUNC_probe_read_kernel_str;
}

int generate_load(struct generator *g, int addr, unsigned int size, bool is_signed,
		  enum type_space space)
{
	struct code *c = g->code;
	struct read read = {
		.helper = generate_read_helper(space),
		.space = space,
		.dst = BPF_REG_10,
		.size = -1,
		.size_imm = (int)size,
		.addr = addr,
		.most = size,
	};
	int v = code_new_vreg(c);

	if (!g->read_buffer)
		g->read_buffer = code_new_buffer(c, 8);
	read.dst_offset = g->read_buffer;
	code_comment(c, "read %u bytes of %s memory", size,
		     space == SPACE_USER  ? "user"
		     : space == SPACE_ANY ? "any"
					  : "kernel");
	generate_read(g, &read, v);
	code_load(c, size, v, BPF_REG_10, (int16_t)g->read_buffer);
	if (is_signed)
		generate_extend(g, v, size, true);
	return v;
}

bool generate_context_offset(const struct expr *e, int64_t *offset)
{
	int64_t left, right;

	if (e->kind == EXPR_CAST)
		return generate_context_offset(e->a, offset);
	if (e->kind == EXPR_NAME && e->var->where == VAR_CTX_ADDR) {
		*offset = 0;
		return true;
	}
	if (e->kind != EXPR_BINARY || e->op != OP_ADD || e->b->kind != EXPR_INT)
		return false;
	right = (int64_t)e->b->value;
	if (!generate_context_offset(e->a, &left))
		return false;
	*offset = left + right;
	return *offset >= 0 && *offset <= INT16_MAX;
}

int generate_context_address(struct generator *g, int64_t offset)
{
	int v = code_new_vreg(g->code);

	code_mov(g->code, v, g->ctx);
	code_alu_imm(g->code, BPF_ADD, true, v, (int32_t)offset);
	return v;
}

int generate_register(struct generator *g, int reg)
{
	int v = code_new_vreg(g->code);

	code_load(g->code, 8, v, g->ctx, (int16_t)g->machine->regs[reg].pt_regs_offset);
	return v;
}

void generate_extend(struct generator *g, int v, unsigned int size, bool is_signed)
{
	int shift = 64 - 8 * (int)size;

	if (size == 0 || size >= 8)
		return;
	if (size == 4 && !is_signed) {
		code_alu(g->code, BPF_MOV, false, v, v);
		return;
	}
	code_alu_imm(g->code, BPF_LSH, true, v, shift);
	code_alu_imm(g->code, is_signed ? BPF_ARSH : BPF_RSH, true, v, shift);
}

void generate_look_up(struct generator *g, int map_fd, int key)
{
	struct code *c = g->code;

	code_mov_map_fd(c, BPF_REG_1, map_fd);
	code_mov(c, BPF_REG_2, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_2, key);
	code_call(c, BPF_FUNC_map_lookup_elem, 2);
}
