/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Values: checked expressions to instructions. Of a binary operation's sides the one that needs
 * more registers is computed first (Sethi and Ullman), so that few values wait for another.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <string.h>

#include "probe/generate/generate_private.h"

static int value_of(struct generator *g, const struct expr *e);

/* A constant as a register holds it. */
static uint64_t int_value(const struct expr *e)
{
	int shift = 64 - 8 * (int)e->type->size;

	if (shift <= 0 || shift >= 64)
		return e->value;
	return e->type->is_signed ? (uint64_t)((int64_t)(e->value << shift) >> shift)
				  : e->value << shift >> shift;
}

static int gen_slot(struct generator *g, int offset)
{
	int v = code_new_vreg(g->code);

	code_load(g->code, 8, v, g->ctx, (int16_t)offset);
	return v;
}

static int gen_usdt_address(struct generator *g, const struct var *var)
{
	const struct bsl_usdt_arg *arg = var->usdt_arg;
	struct code *c = g->code;
	int addr, index;

	if (arg->kind == BSL_ARG_ADDR) {
		addr = generate_register(g, g->machine->pc);
		index = code_new_vreg(c);
		code_mov_imm(c, index, arg->addr - var->usdt_addr);
		code_alu(c, BPF_ADD, true, addr, index);
		return addr;
	}
	if (arg->reg != BSL_REG_NONE) {
		addr = generate_register(g, arg->reg);
	} else {
		addr = code_new_vreg(c);
		code_mov_imm(c, addr, 0);
	}
	if (arg->index != BSL_REG_NONE) {
		index = generate_register(g, arg->index);
		if (arg->index_is_w)
			generate_extend(g, index, 4, arg->index_is_signed);
		if (arg->scale > 1)
			code_alu_imm(c, BPF_MUL, true, index, arg->scale);
		code_alu(c, BPF_ADD, true, addr, index);
	}
	if (arg->disp == (int32_t)arg->disp) {
		code_alu_imm(c, BPF_ADD, true, addr, (int32_t)arg->disp);
	} else {
		index = code_new_vreg(c);
		code_mov_imm(c, index, (uint64_t)arg->disp);
		code_alu(c, BPF_ADD, true, addr, index);
	}
	return addr;
}

static int gen_usdt_arg(struct generator *g, const struct var *var)
{
	const struct bsl_usdt_arg *arg = var->usdt_arg;
	int v;

	switch (arg->kind) {
	case BSL_ARG_CONST:
		v = code_new_vreg(g->code);
		code_mov_imm(g->code, v, (uint64_t)arg->disp);
		break;
	case BSL_ARG_REG:
		v = generate_register(g, arg->reg);
		if (arg->reg_shift)
			code_alu_imm(g->code, BPF_RSH, true, v, arg->reg_shift);
		break;
	case BSL_ARG_DEREF:
	case BSL_ARG_ADDR:
		return generate_load(g, gen_usdt_address(g, var), arg->size, arg->is_signed,
				     SPACE_USER);
	default:
		g->err = diag_error(g->diag, -1, "%s is %s, which cannot be read", var->name,
				    arg->why ? arg->why : "of an unknown form");
		return code_new_vreg(g->code);
	}
	generate_extend(g, v, arg->size, arg->is_signed);
	return v;
}

static int gen_helper(struct generator *g, int helper)
{
	int v = code_new_vreg(g->code);

	code_call(g->code, helper, 0);
	code_mov(g->code, v, BPF_REG_0);
	return v;
}

/* A value that was kept at the entry. */
static int gen_entry_value(struct generator *g, const struct var *var)
{
	int v = code_new_vreg(g->code), found = code_new_label(g->code);
	int missing = code_new_label(g->code);

	code_comment(g->code, "%s at the entry", var->name);
	code_mov(g->code, v, g->entry_found);
	code_alu_imm(g->code, BPF_AND, true, v, 2 << var->offset / 8);
	code_jump_if_imm(g->code, BPF_JNE, v, 0, found);
	code_jump_if_imm(g->code, BPF_JEQ, g->entry_found, 0, missing);
	generate_fault(g, EFAULT);
	code_label(g->code, missing);
	/* Without the entry there is no hit; generate_recall() has counted it. */
	if (g->fault == g->unreadable)
		code_jump(g->code, g->drop);
	else
		generate_fault(g, ENODATA);
	code_label(g->code, found);
	code_load(g->code, 8, v, BPF_REG_10, (int16_t)(g->entry_values + var->offset));
	return v;
}

/* A system call's register, by way of the one with the address of them all. */
static int gen_call_reg(struct generator *g, const struct var *var)
{
	int v = generate_register(g, g->machine->c.args[0]);

	code_comment(g->code, "%s, among the call's registers", var->name);
	code_alu_imm(g->code, BPF_ADD, true, v, var->offset);
	v = generate_load(g, v, 8, false, SPACE_KERNEL);
	generate_extend(g, v, var->type->size, var->type->is_signed);
	return v;
}

static int gen_stack_var(struct generator *g, const struct var *var)
{
	bool is_kernel = g->record->checked->context->is_kernel;
	int v = generate_register(g, g->machine->sp);

	code_alu_imm(g->code, BPF_ADD, true, v, var->offset);
	return generate_load(g, v, var->type->size, var->type->is_signed,
			     is_kernel ? SPACE_KERNEL : SPACE_USER);
}

static int gen_latency(struct generator *g, const struct var *var)
{
	int since = gen_entry_value(g, var), v = gen_helper(g, BPF_FUNC_ktime_get_ns);

	code_alu(g->code, BPF_SUB, true, v, since);
	return v;
}

static int gen_var(struct generator *g, const struct var *var)
{
	struct code *c = g->code;
	int v;

	switch (var->where) {
	case VAR_REG:
	case VAR_SLOT:
		code_comment(c, "%s", var->name);
		v = gen_slot(g, var->offset);
		generate_extend(g, v, var->type->size, var->type->is_signed);
		return v;
	case VAR_CALL_REG:
		return gen_call_reg(g, var);
	case VAR_STACK:
		return gen_stack_var(g, var);
	case VAR_USDT_ARG:
		code_comment(c, "%s", var->name);
		return gen_usdt_arg(g, var);
	case VAR_CTX_ADDR:
		v = code_new_vreg(c);
		code_mov(c, v, g->ctx);
		return v;
	case VAR_PID:
		v = code_new_vreg(c);
		code_alu(c, BPF_MOV, false, v, g->pid_tgid);
		return v;
	case VAR_TGID:
		v = code_new_vreg(c);
		code_mov(c, v, g->pid_tgid);
		code_alu_imm(c, BPF_RSH, true, v, 32);
		return v;
	case VAR_UID:
		v = gen_helper(g, BPF_FUNC_get_current_uid_gid);
		generate_extend(g, v, 4, false);
		return v;
	case VAR_GID:
		v = gen_helper(g, BPF_FUNC_get_current_uid_gid);
		code_alu_imm(c, BPF_RSH, true, v, 32);
		return v;
	case VAR_CPU:
		return gen_helper(g, BPF_FUNC_get_smp_processor_id);
	case VAR_NSECS:
		return gen_helper(g, BPF_FUNC_ktime_get_ns);
	case VAR_TASK:
		return gen_helper(g, BPF_FUNC_get_current_task);
	case VAR_ENTRY:
		return gen_entry_value(g, var);
	case VAR_LATENCY:
		return gen_latency(g, var);
	case VAR_COMM:
		break;
	}
	g->err = diag_error(g->diag, -1, "%s is not a number", var->name);
	return code_new_vreg(c);
}

static int gen_deref(struct generator *g, const struct expr *e)
{
	const struct type *type = e->type;
	enum type_space space = e->a->type->space;
	unsigned int size = type->size;
	int64_t offset;
	int v;

	if (!type_is_scalar(type))
		return value_of(g, e->a); /* an array or structure stands for its address */
	if (space != SPACE_CTX)
		return generate_load(g, value_of(g, e->a), size, type->is_signed, space);
	if (!generate_context_offset(e->a, &offset)) {
		g->err = diag_error(g->diag, e->pos,
				    "only fields of the event itself can be read here");
		return code_new_vreg(g->code);
	}
	/* The kernel checks such loads when the program is loaded: aligned, in the record. */
	if (offset % size)
		return generate_load(g, generate_context_address(g, offset), size, type->is_signed,
				     SPACE_KERNEL);
	v = code_new_vreg(g->code);
	code_load(g->code, size, v, g->ctx, (int16_t)offset);
	if (type->is_signed)
		generate_extend(g, v, size, true);
	return v;
}

/* ---- operators ------------------------------------------------------------------------------ */

/* Registers that an expression needs at a time, roughly. */
static int registers_needed(const struct expr *e)
{
	int a, b;

	if (!e)
		return 0;
	if (e->kind == EXPR_INT || e->kind == EXPR_NAME)
		return 1;
	a = registers_needed(e->a);
	b = registers_needed(e->b);
	if (e->c && registers_needed(e->c) > b)
		b = registers_needed(e->c);
	return a == b ? a + 1 : a > b ? a : b;
}

/* Both sides' values; *b is -1 and *imm set if the right one is a constant that fits. */
static void gen_sides(struct generator *g, const struct expr *e, int *a, int *b, int32_t *imm)
{
	const struct expr *right = e->b;

	*b = -1;
	if (right->kind == EXPR_INT && (int64_t)int_value(right) == (int32_t)int_value(right)) {
		*imm = (int32_t)int_value(right);
		*a = value_of(g, e->a);
	} else if (registers_needed(right) > registers_needed(e->a)) {
		*b = value_of(g, right);
		*a = value_of(g, e->a);
	} else {
		*a = value_of(g, e->a);
		*b = value_of(g, right);
	}
}

static void gen_alu(struct generator *g, int op, bool wide, int a, int b, int32_t imm)
{
	if (b < 0)
		code_alu_imm(g->code, op, wide, a, imm);
	else
		code_alu(g->code, op, wide, a, b);
}

/* BPF divides unsigned numbers only (before ISA v4), and by zero gives zero where C gives nothing. */
static int gen_divide(struct generator *g, const struct expr *e)
{
	bool is_signed = e->type->is_signed, is_mod = e->op == OP_MOD;
	struct code *c = g->code;
	int a = value_of(g, e->a), b = value_of(g, e->b);
	int nonzero = code_new_label(c), negative, positive;

	code_comment(c, "division by zero has no value");
	code_jump_if_imm(c, BPF_JNE, b, 0, nonzero);
	generate_fault(g, EDOM);
	code_label(c, nonzero);
	if (is_signed) {
		/* Divide the magnitudes; the quotient's sign is the product of both, the remainder's that of a. */
		positive = code_new_label(c);
		negative = code_new_vreg(c);
		code_mov(c, negative, a);
		if (!is_mod)
			code_alu(c, BPF_XOR, true, negative, b);
		code_jump_if_imm(c, BPF_JSGE, a, 0, positive);
		code_alu_imm(c, BPF_NEG, true, a, 0);
		code_label(c, positive);
		positive = code_new_label(c);
		code_jump_if_imm(c, BPF_JSGE, b, 0, positive);
		code_alu_imm(c, BPF_NEG, true, b, 0);
		code_label(c, positive);
		code_alu(c, is_mod ? BPF_MOD : BPF_DIV, true, a, b);
		positive = code_new_label(c);
		code_jump_if_imm(c, BPF_JSGE, negative, 0, positive);
		code_alu_imm(c, BPF_NEG, true, a, 0);
		code_label(c, positive);
	} else {
		code_alu(c, is_mod ? BPF_MOD : BPF_DIV, true, a, b);
	}
	generate_extend(g, a, e->type->size, is_signed);
	return a;
}

static int gen_shift(struct generator *g, const struct expr *e)
{
	bool left = e->op == OP_SHL, is_signed = e->type->is_signed;
	int a, b;
	int32_t imm;

	gen_sides(g, e, &a, &b, &imm);
	/* C leaves a count of the width or more undefined: as on most machines, it wraps. */
	if (b < 0)
		imm &= 8 * (int)e->type->size - 1;
	else
		code_alu_imm(g->code, BPF_AND, true, b, 8 * (int)e->type->size - 1);
	gen_alu(g, left ? BPF_LSH : is_signed ? BPF_ARSH : BPF_RSH, true, a, b, imm);
	if (left)
		generate_extend(g, a, e->type->size, is_signed);
	return a;
}

static int compare_op(enum expr_op op, bool is_signed)
{
	switch (op) {
	case OP_EQ:
		return BPF_JEQ;
	case OP_NE:
		return BPF_JNE;
	case OP_LT:
		return is_signed ? BPF_JSLT : BPF_JLT;
	case OP_LE:
		return is_signed ? BPF_JSLE : BPF_JLE;
	case OP_GT:
		return is_signed ? BPF_JSGT : BPF_JGT;
	default:
		return is_signed ? BPF_JSGE : BPF_JGE;
	}
}

static enum expr_op opposite(enum expr_op op)
{
	switch (op) {
	case OP_EQ:
		return OP_NE;
	case OP_NE:
		return OP_EQ;
	case OP_LT:
		return OP_GE;
	case OP_LE:
		return OP_GT;
	case OP_GT:
		return OP_LE;
	default:
		return OP_LT;
	}
}

static bool is_comparison(const struct expr *e)
{
	return e->kind == EXPR_BINARY && e->op >= OP_EQ && e->op <= OP_GE;
}

/* 0 or 1 by control flow. */
static int gen_truth(struct generator *g, const struct expr *e)
{
	int v = code_new_vreg(g->code), end = code_new_label(g->code);

	code_mov_imm(g->code, v, 0);
	generate_branch(g, e, end);
	code_mov_imm(g->code, v, 1);
	code_label(g->code, end);
	return v;
}

static int gen_binary(struct generator *g, const struct expr *e)
{
	static const int ops[] = {
		[OP_ADD] = BPF_ADD, [OP_SUB] = BPF_SUB, [OP_MUL] = BPF_MUL,
		[OP_AND] = BPF_AND, [OP_OR] = BPF_OR,	[OP_XOR] = BPF_XOR,
	};
	int a, b;
	int32_t imm = 0;

	if (is_comparison(e))
		return gen_truth(g, e);
	if (e->op == OP_DIV || e->op == OP_MOD)
		return gen_divide(g, e);
	if (e->op == OP_SHL || e->op == OP_SHR)
		return gen_shift(g, e);
	gen_sides(g, e, &a, &b, &imm);
	gen_alu(g, ops[e->op], true, a, b, imm);
	/* And, or, xor of extended values are extended already. */
	if (e->op == OP_ADD || e->op == OP_SUB || e->op == OP_MUL)
		generate_extend(g, a, e->type->size, e->type->is_signed);
	return a;
}

static int gen_unary(struct generator *g, const struct expr *e)
{
	int v;

	if (e->op == OP_NOT)
		return gen_truth(g, e);
	v = value_of(g, e->a);
	if (e->op == OP_NEG)
		code_alu_imm(g->code, BPF_NEG, true, v, 0);
	else
		code_alu_imm(g->code, BPF_XOR, true, v, -1);
	generate_extend(g, v, e->type->size, e->type->is_signed);
	return v;
}

static int gen_cond(struct generator *g, const struct expr *e)
{
	struct code *c = g->code;
	int v = code_new_vreg(c), otherwise = code_new_label(c), end = code_new_label(c);

	generate_branch(g, e->a, otherwise);
	code_mov(c, v, value_of(g, e->b));
	code_jump(c, end);
	code_label(c, otherwise);
	code_mov(c, v, value_of(g, e->c));
	code_label(c, end);
	return v;
}

static int gen_cast(struct generator *g, const struct expr *e)
{
	const struct type *from = e->a->type, *to = e->type;
	int v = value_of(g, e->a);

	if (to->is_bool) {
		int end = code_new_label(g->code);

		code_jump_if_imm(g->code, BPF_JEQ, v, 0, end);
		code_mov_imm(g->code, v, 1);
		code_label(g->code, end);
	} else if (to->size < from->size ||
		   (to->size == from->size && to->is_signed != from->is_signed) ||
		   (to->size > from->size && from->is_signed && !to->is_signed)) {
		generate_extend(g, v, to->size, to->is_signed);
	}
	return v;
}

static int gen_bitfield(struct generator *g, const struct expr *e)
{
	int v = value_of(g, e->a);

	code_alu_imm(g->code, BPF_LSH, true, v, 64 - e->bit_offset - e->bit_size);
	code_alu_imm(g->code, e->type->is_signed ? BPF_ARSH : BPF_RSH, true, v, 64 - e->bit_size);
	return v;
}

/* ---- entry points --------------------------------------------------------------------------- */

static int value_of(struct generator *g, const struct expr *e)
{
	int v;

	switch (e->kind) {
	case EXPR_INT:
		v = code_new_vreg(g->code);
		code_mov_imm(g->code, v, int_value(e));
		return v;
	case EXPR_NAME:
		return gen_var(g, e->var);
	case EXPR_UNARY:
		return gen_unary(g, e);
	case EXPR_DEREF:
		return gen_deref(g, e);
	case EXPR_BINARY:
		return gen_binary(g, e);
	case EXPR_LOGICAL:
	case EXPR_STRCMP:
	case EXPR_STRNCMP:
		return gen_truth(g, e);
	case EXPR_COND:
		return gen_cond(g, e);
	case EXPR_CAST:
		return gen_cast(g, e);
	case EXPR_BITFIELD:
		return gen_bitfield(g, e);
	default:
		g->err = diag_error(g->diag, e->pos, "this expression cannot be used here");
		return code_new_vreg(g->code);
	}
}

int generate_value(struct generator *g, const struct expr *expr)
{
	return value_of(g, expr);
}

/* Jump to if_true if the expression is true, else go on. */
static void branch_if_true(struct generator *g, const struct expr *e, int if_true)
{
	int not_true = code_new_label(g->code);

	generate_branch(g, e, not_true);
	code_jump(g->code, if_true);
	code_label(g->code, not_true);
}

void generate_branch(struct generator *g, const struct expr *e, int if_false)
{
	struct code *c = g->code;
	int a, b, end;
	int32_t imm = 0;

	if (e->kind == EXPR_LOGICAL && e->op == OP_LOGICAL_AND) {
		generate_branch(g, e->a, if_false);
		generate_branch(g, e->b, if_false);
	} else if (e->kind == EXPR_LOGICAL) {
		end = code_new_label(c);
		branch_if_true(g, e->a, end);
		generate_branch(g, e->b, if_false);
		code_label(c, end);
	} else if (e->kind == EXPR_UNARY && e->op == OP_NOT) {
		branch_if_true(g, e->a, if_false);
	} else if (e->kind == EXPR_STRCMP || e->kind == EXPR_STRNCMP) {
		generate_strcmp(g, e, if_false);
	} else if (is_comparison(e)) {
		gen_sides(g, e, &a, &b, &imm);
		if (b < 0)
			code_jump_if_imm(c, compare_op(opposite(e->op), e->a->type->is_signed), a,
					 imm, if_false);
		else
			code_jump_if(c, compare_op(opposite(e->op), e->a->type->is_signed), a, b,
				     if_false);
	} else {
		code_jump_if_imm(c, BPF_JEQ, value_of(g, e), 0, if_false);
	}
}
