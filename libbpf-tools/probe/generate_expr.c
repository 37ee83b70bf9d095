/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Values: checked expressions to instructions. Of a binary operation's sides the one that needs
 * more registers is computed first (Sethi and Ullman), so that few values wait for another.
 */
#include <blazesym-lite.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "probe/generate_private.h"

#define MAX_STRCMP 256

static int value_of(struct generator *g, const struct expr *e);

/* Where probe contexts keep the stack and instruction pointers (struct pt_regs, user_pt_regs). */
static int context_reg(const struct generator *g, bool pc)
{
	int machine = g->record->checked->context->machine;
	int reg = machine == EM_AARCH64 ? (pc ? 32 : 31) : (pc ? 16 : 7);

	return bsl_reg_get(machine, reg)->pt_regs_offset;
}

int generate_sp_offset(const struct generator *g)
{
	return context_reg(g, false);
}

/* Extend the low `size` bytes to 64 bits. */
static void gen_extend(struct generator *g, int v, unsigned int size, bool is_signed)
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

static void gen_fault(struct generator *g, int why)
{
	if (g->fault_code >= 0)
		code_mov_imm(g->code, g->fault_code, why);
	code_jump(g->code, g->fault);
}

/* A constant as a register holds it. */
static uint64_t int_value(const struct expr *e)
{
	int shift = 64 - 8 * (int)e->type->size;

	if (shift <= 0 || shift >= 64)
		return e->value;
	return e->type->is_signed ? (uint64_t)((int64_t)(e->value << shift) >> shift)
				  : e->value << shift >> shift;
}

/*
 * Call a read helper with its arguments on the stack or in the record; goes on if it has read, jumps to failed if not. In
 * a sleepable program user memory gets a second chance: bpf_copy_from_user() may fault pages in, so it
 * touches the first and the last byte that is wanted, and what it copies is thrown away.
 */
struct read {
	int helper;
	enum type_space space;
	int dst, dst_offset;	/* register and what is added to it */
	int size, size_imm;	/* register, or -1 and a constant */
	int addr;		/* register */
	uint32_t most;		/* bytes that size can be */
	bool is_str;		/* the helper returns a length, else 0 */
};

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

static void gen_read_or_fail(struct generator *g, const struct read *r, int result)
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
	gen_fault(g, EFAULT);
	code_label(c, ok);
}

static int read_helper(enum type_space space)
{
	return space == SPACE_USER  ? BPF_FUNC_probe_read_user
	       : space == SPACE_ANY ? BPF_FUNC_probe_read
				    : BPF_FUNC_probe_read_kernel;
}

static int read_str_helper(enum type_space space)
{
	return space == SPACE_USER  ? BPF_FUNC_probe_read_user_str
	       : space == SPACE_ANY ? BPF_FUNC_probe_read_str
				    : BPF_FUNC_probe_read_kernel_str;
}

/* Read `size` (1, 2, 4, 8) bytes at the address in `addr` of a space other than SPACE_CTX. */
static int gen_read(struct generator *g, int addr, unsigned int size, bool is_signed,
		    enum type_space space)
{
	struct code *c = g->code;
	struct read read = {
		.helper = read_helper(space),
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
		     space == SPACE_USER ? "user" : space == SPACE_ANY ? "any" : "kernel");
	gen_read_or_fail(g, &read, v);
	code_load(c, size, v, BPF_REG_10, (int16_t)g->read_buffer);
	if (is_signed)
		gen_extend(g, v, size, true);
	return v;
}

static int gen_reg(struct generator *g, int offset)
{
	int v = code_new_vreg(g->code);

	code_load(g->code, 8, v, g->ctx, (int16_t)offset);
	return v;
}

static int gen_usdt_address(struct generator *g, const struct var *var)
{
	const struct bsl_usdt_arg *arg = var->usdt_arg;
	int machine = g->record->checked->context->machine;
	struct code *c = g->code;
	int addr, index;

	if (arg->kind == BSL_ARG_ADDR) {
		addr = gen_reg(g, context_reg(g, true));
		index = code_new_vreg(c);
		code_mov_imm(c, index, arg->addr - var->usdt_addr);
		code_alu(c, BPF_ADD, true, addr, index);
		return addr;
	}
	if (arg->reg != BSL_REG_NONE) {
		addr = gen_reg(g, bsl_reg_get(machine, arg->reg)->pt_regs_offset);
	} else {
		addr = code_new_vreg(c);
		code_mov_imm(c, addr, 0);
	}
	if (arg->index != BSL_REG_NONE) {
		index = gen_reg(g, bsl_reg_get(machine, arg->index)->pt_regs_offset);
		if (arg->index_is_w)
			gen_extend(g, index, 4, arg->index_is_signed);
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
	int machine = g->record->checked->context->machine;
	int v;

	switch (arg->kind) {
	case BSL_ARG_CONST:
		v = code_new_vreg(g->code);
		code_mov_imm(g->code, v, (uint64_t)arg->disp);
		break;
	case BSL_ARG_REG:
		v = gen_reg(g, bsl_reg_get(machine, arg->reg)->pt_regs_offset);
		if (arg->reg_shift)
			code_alu_imm(g->code, BPF_RSH, true, v, arg->reg_shift);
		break;
	case BSL_ARG_DEREF:
	case BSL_ARG_ADDR:
		return gen_read(g, gen_usdt_address(g, var), arg->size, arg->is_signed, SPACE_USER);
	default:
		g->err = diag_error(g->diag, -1, "%s is %s, which cannot be read", var->name,
				    arg->why ? arg->why : "of an unknown form");
		return code_new_vreg(g->code);
	}
	gen_extend(g, v, arg->size, arg->is_signed);
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

	code_comment(g->code, "%s at the entry", var->name);
	code_jump_if_imm(g->code, BPF_JNE, g->entry_found, 0, found);
	gen_fault(g, ENODATA);
	code_label(g->code, found);
	code_load(g->code, 8, v, BPF_REG_10, (int16_t)(g->entry_values + var->offset));
	return v;
}

static int gen_var(struct generator *g, const struct var *var)
{
	struct code *c = g->code;
	int v;

	switch (var->where) {
	case VAR_REG:
		code_comment(c, "%s", var->name);
		v = gen_reg(g, var->offset);
		gen_extend(g, v, var->type->size, var->type->is_signed);
		return v;
	case VAR_SLOT:
		code_comment(c, "%s", var->name);
		v = gen_reg(g, var->offset);
		gen_extend(g, v, var->type->size, var->type->is_signed);
		return v;
	case VAR_STACK:
		v = gen_reg(g, context_reg(g, false));
		code_alu_imm(c, BPF_ADD, true, v, var->offset);
		return gen_read(g, v, var->type->size, var->type->is_signed,
				g->record->checked->context->is_kernel ? SPACE_KERNEL : SPACE_USER);
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
		gen_extend(g, v, 4, false);
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
	case VAR_LATENCY: {
		int since = gen_entry_value(g, var);

		v = gen_helper(g, BPF_FUNC_ktime_get_ns);
		code_alu(c, BPF_SUB, true, v, since);
		return v;
	}
	case VAR_COMM:
		break;
	}
	g->err = diag_error(g->diag, -1, "%s is not a number", var->name);
	return code_new_vreg(c);
}

/* Is this address the context plus a constant? */
static bool context_offset(const struct expr *e, int64_t *offset)
{
	int64_t left, right;

	if (e->kind == EXPR_CAST)
		return context_offset(e->a, offset);
	if (e->kind == EXPR_NAME && e->var->where == VAR_CTX_ADDR) {
		*offset = 0;
		return true;
	}
	if (e->kind != EXPR_BINARY || e->op != OP_ADD || e->b->kind != EXPR_INT)
		return false;
	right = (int64_t)e->b->value;
	if (!context_offset(e->a, &left))
		return false;
	*offset = left + right;
	return *offset >= 0 && *offset <= INT16_MAX;
}

/* An address within the context in a register, as a number that the read helpers take. */
static int gen_context_address(struct generator *g, int64_t offset)
{
	int v = code_new_vreg(g->code);

	code_mov(g->code, v, g->ctx);
	code_alu_imm(g->code, BPF_ADD, true, v, (int32_t)offset);
	return v;
}

static int gen_deref(struct generator *g, const struct expr *e)
{
	const struct type *type = e->type;
	enum type_space space = e->a->type->space;
	unsigned int size = type->size;
	int64_t offset;
	int v;

	if (!type_is_scalar(type))
		return value_of(g, e->a);	/* an array or structure stands for its address */
	if (space != SPACE_CTX)
		return gen_read(g, value_of(g, e->a), size, type->is_signed, space);
	if (!context_offset(e->a, &offset)) {
		g->err = diag_error(g->diag, e->pos, "only fields of the event itself can be read here");
		return code_new_vreg(g->code);
	}
	/* The kernel checks such loads when the program is loaded: aligned, in the record. */
	if (offset % size)
		return gen_read(g, gen_context_address(g, offset), size, type->is_signed,
				SPACE_KERNEL);
	v = code_new_vreg(g->code);
	code_load(g->code, size, v, g->ctx, (int16_t)offset);
	if (type->is_signed)
		gen_extend(g, v, size, true);
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
	gen_fault(g, EDOM);
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
	gen_extend(g, a, e->type->size, is_signed);
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
		gen_extend(g, a, e->type->size, is_signed);
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
		[OP_AND] = BPF_AND, [OP_OR] = BPF_OR, [OP_XOR] = BPF_XOR,
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
		gen_extend(g, a, e->type->size, e->type->is_signed);
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
	gen_extend(g, v, e->type->size, e->type->is_signed);
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
		gen_extend(g, v, to->size, to->is_signed);
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

/* ---- strings -------------------------------------------------------------------------------- */

/* What the helpers need to know of a string expression. */
struct string_source {
	int addr;		/* vreg; unused with is_comm */
	enum type_space space;	/* not SPACE_CTX */
	bool is_comm;
	uint32_t array_size;	/* a char array in the record or in memory: its size; else 0 */
	int length;		/* vreg with the length of a __data_loc string, or -1 */
};

static void gen_data_loc(struct generator *g, const struct expr *e, int64_t offset,
			 struct string_source *s)
{
	struct code *c = g->code;
	int loc = code_new_vreg(c);

	code_comment(c, "__data_loc: offset in the low half, length in the high one");
	code_load(c, 4, loc, g->ctx, (int16_t)offset);
	s->length = code_new_vreg(c);
	code_mov(c, s->length, loc);
	code_alu_imm(c, BPF_RSH, true, s->length, 16);
	code_alu_imm(c, BPF_AND, true, loc, 0xffff);
	if (e->type->is_rel_loc)
		code_alu_imm(c, BPF_ADD, true, loc, (int32_t)offset + 4);
	code_mov(c, s->addr, g->ctx);
	code_alu(c, BPF_ADD, true, s->addr, loc);
}

static bool is_comm(const struct expr *e)
{
	return e->kind == EXPR_NAME && e->var->where == VAR_COMM;
}

static void gen_string_source(struct generator *g, const struct expr *e, struct string_source *s)
{
	const struct probe_context *context = g->record->checked->context;
	int64_t offset;

	*s = (struct string_source){.addr = -1, .length = -1};
	if (is_comm(e)) {
		s->is_comm = true;
		s->array_size = RECORD_COMM_SIZE;
		return;
	}
	while (e->kind == EXPR_CAST && e->a->kind == EXPR_DEREF && e->a->type->kind == TYPE_ARRAY)
		e = e->a;
	if (e->kind == EXPR_DEREF && !type_is_scalar(e->type)) {
		s->array_size = e->type->is_data_loc ? 0 : e->type->size;
		if (e->a->type->space == SPACE_CTX && context_offset(e->a, &offset)) {
			s->space = SPACE_KERNEL;
			if (e->type->is_data_loc) {
				s->addr = code_new_vreg(g->code);
				gen_data_loc(g, e, offset, s);
			} else {
				s->addr = gen_context_address(g, offset);
			}
			return;
		}
		s->space = e->a->type->space;
		s->addr = value_of(g, e->a);
		return;
	}
	s->addr = value_of(g, e);
	s->space = e->type->kind == TYPE_POINTER ? e->type->space
		   : context->is_kernel		 ? SPACE_ANY
						 : SPACE_USER;
}

/* Jump to differs unless the `len` bytes on the stack equal those of the literal. */
static void gen_compare_bytes(struct generator *g, int at, const char *text, size_t len, int differs)
{
	struct code *c = g->code;

	for (size_t i = 0; i < len;) {
		unsigned int n = len - i >= 8 ? 8 : len - i >= 4 ? 4 : len - i >= 2 ? 2 : 1;
		int bytes = code_new_vreg(c), wanted = code_new_vreg(c);
		uint64_t value = 0;

		memcpy(&value, text + i, n);
		code_load(c, n, bytes, BPF_REG_10, (int16_t)(at + (int)i));
		if ((int64_t)value == (int32_t)value) {
			code_jump_if_imm(c, BPF_JNE, bytes, (int32_t)value, differs);
		} else {
			code_mov_imm(c, wanted, value);
			code_jump_if(c, BPF_JNE, bytes, wanted, differs);
		}
		i += n;
	}
}

/*
 * STRCMP: read one byte more than the literal has with its NUL, so that a longer string differs in
 * length. STRNCMP compares at most n bytes. Control goes on if equal, else to differs.
 */
static void gen_strcmp(struct generator *g, const struct expr *e, int differs)
{
	size_t len = e->a->len;
	bool prefix = e->kind == EXPR_STRNCMP && e->c->value <= len;
	uint32_t wanted = prefix ? e->c->value : len + 1, size = wanted + 1;
	struct code *c = g->code;
	struct string_source s;
	int result;

	if (len > MAX_STRCMP) {
		g->err = diag_error(g->diag, e->a->pos, "a string to compare with has at most %d bytes",
				    MAX_STRCMP);
		return;
	}
	gen_string_source(g, e->b, &s);
	/* One buffer serves all comparisons; generate_prepare() has seen the longest literal. */
	if (!g->string_buffer)
		g->string_buffer = code_new_buffer(c, g->string_buffer_size);
	code_comment(c, "compare with \"%.*s\"", e->a->is_bytes ? 0 : (int)len, e->a->text);
	if (s.is_comm) {
		code_mov(c, BPF_REG_1, BPF_REG_10);
		code_alu_imm(c, BPF_ADD, true, BPF_REG_1, g->string_buffer);
		code_mov_imm(c, BPF_REG_2, RECORD_COMM_SIZE);
		code_call(c, BPF_FUNC_get_current_comm, 2);
		/* At most 15 characters: no longer literal can be equal, and the rest isn't there to load. */
		if (wanted > RECORD_COMM_SIZE)
			code_jump(c, differs);
		else
			gen_compare_bytes(g, g->string_buffer, e->a->text, wanted, differs);
		return;
	}
	if (s.array_size && size > s.array_size + 1)
		size = s.array_size + 1;
	result = code_new_vreg(c);
	if (e->a->is_bytes) {
		gen_read_or_fail(g, &(struct read){.helper = read_helper(s.space), .space = s.space,
						   .dst = BPF_REG_10, .dst_offset = g->string_buffer,
						   .size = -1, .size_imm = (int)len, .addr = s.addr,
						   .most = (uint32_t)len},
				 result);
		gen_compare_bytes(g, g->string_buffer, e->a->text, len, differs);
		return;
	}
	gen_read_or_fail(g, &(struct read){.helper = read_str_helper(s.space), .space = s.space,
					   .dst = BPF_REG_10, .dst_offset = g->string_buffer, .size = -1,
					   .size_imm = (int)size, .addr = s.addr, .most = size,
					   .is_str = true},
			 result);
	if (prefix) {
		code_jump_if_imm(c, BPF_JSLT, result, (int32_t)wanted, differs);
		gen_compare_bytes(g, g->string_buffer, e->a->text, wanted, differs);
	} else {
		code_jump_if_imm(c, BPF_JNE, result, (int32_t)wanted, differs);
		gen_compare_bytes(g, g->string_buffer, e->a->text, len, differs);
	}
}

/* The stack's string buffer must hold the longest literal, its NUL, one more, and a comm. */
static void note_string_size(struct generator *g, const struct expr *e)
{
	if (!e)
		return;
	if (e->kind == EXPR_STRCMP || e->kind == EXPR_STRNCMP) {
		if (g->string_buffer_size < e->a->len + 2)
			g->string_buffer_size = e->a->len + 2;
		if (g->string_buffer_size < RECORD_COMM_SIZE)
			g->string_buffer_size = RECORD_COMM_SIZE;
	}
	note_string_size(g, e->a);
	note_string_size(g, e->b);
	note_string_size(g, e->c);
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

static bool expr_reads_user(const struct expr *e)
{
	return e && (e->kind == EXPR_DEREF || e->kind == EXPR_STRCMP || e->kind == EXPR_STRNCMP ||
		     expr_reads_user(e->a) || expr_reads_user(e->b) || expr_reads_user(e->c));
}

bool generate_reads_user(const struct record *record)
{
	bool reads = expr_reads_user(record->checked->predicate) ||
		     expr_reads_user(record->checked->measure);

	for (unsigned int i = 0; i < record->field_count && !reads; i++) {
		const struct record_field *f = &record->fields[i];

		reads = (f->mode != RECORD_VALUE && !is_comm(f->field->expr)) ||
			expr_reads_user(f->field->expr) || expr_reads_user(f->field->len_expr);
	}
	return reads;
}

void generate_prepare(struct generator *g)
{
	const struct checked *checked = g->record->checked;

	note_string_size(g, checked->predicate);
	note_string_size(g, checked->measure);
	for (unsigned int i = 0; i < checked->field_count; i++) {
		note_string_size(g, checked->fields[i].expr);
		note_string_size(g, checked->fields[i].len_expr);
	}
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
		gen_strcmp(g, e, if_false);
	} else if (is_comparison(e)) {
		gen_sides(g, e, &a, &b, &imm);
		if (b < 0)
			code_jump_if_imm(c, compare_op(opposite(e->op), e->a->type->is_signed), a, imm,
					 if_false);
		else
			code_jump_if(c, compare_op(opposite(e->op), e->a->type->is_signed), a, b,
				     if_false);
	} else {
		code_jump_if_imm(c, BPF_JEQ, value_of(g, e), 0, if_false);
	}
}

/* The bytes of an object that isn't in memory as a whole: what is between its pieces is not looked at. */
static void gen_pieces(struct generator *g, const struct record_field *f)
{
	struct code *c = g->code;
	int dst = code_new_vreg(c), fits = code_new_label(c);

	/* As in gen_string_bytes(). */
	code_jump_if_imm(c, BPF_JLE, g->used, (int32_t)(g->record->max_size - f->max), fits);
	gen_fault(g, ENOSPC);
	code_label(c, fits);
	code_mov(c, dst, g->rec);
	code_alu(c, BPF_ADD, true, dst, g->used);
	for (const struct expr *piece = f->field->expr; piece; piece = piece->b) {
		unsigned int left = piece->bit_size / 8, size;
		int v = value_of(g, piece->a);

		for (uint64_t at = piece->value; left && at + left <= f->max; at += size, left -= size) {
			size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
			code_store(c, (int)size, dst, (int16_t)at, v);
			if (left > size)
				code_alu_imm(c, BPF_RSH, true, v, 8 * (int32_t)size);
		}
	}
	code_store_imm(c, 4, g->rec, (int16_t)f->offset, (int32_t)f->max);
	code_store_imm(c, 4, g->rec, (int16_t)(f->offset + 4), (int32_t)f->max);
	code_alu_imm(c, BPF_ADD, true, g->used, (int32_t)f->max);
}

/* A string's bytes behind those already in the record; its two lengths into its slot. */
static void gen_string_bytes(struct generator *g, const struct record_field *f)
{
	struct code *c = g->code;
	int full = -1, dst = code_new_vreg(c), stored = code_new_vreg(c);
	int fits = code_new_label(c);
	struct string_source s;
	bool is_cstr;

	if (f->field->expr->kind == EXPR_PIECES) {
		gen_pieces(g, f);
		return;
	}
	if (f->mode == RECORD_BYTES)
		full = value_of(g, f->field->len_expr);
	gen_string_source(g, f->field->expr, &s);
	if (s.length >= 0)
		full = s.length;
	is_cstr = full < 0 && !s.array_size;
	/* Always true; tells the verifier again where a spilled register made it forget. */
	code_jump_if_imm(c, BPF_JLE, g->used, (int32_t)(g->record->max_size - f->max), fits);
	gen_fault(g, ENOSPC);
	code_label(c, fits);
	code_mov(c, dst, g->rec);
	code_alu(c, BPF_ADD, true, dst, g->used);
	if (is_cstr) {
		code_comment(c, "the string, as far as it goes");
		gen_read_or_fail(g, &(struct read){.helper = read_str_helper(s.space), .space = s.space,
						   .dst = dst, .size = -1, .size_imm = (int)f->max,
						   .addr = s.addr, .most = f->max, .is_str = true},
				 stored);
		full = stored;
	} else if (s.is_comm) {
		code_mov(c, BPF_REG_1, dst);
		code_mov_imm(c, BPF_REG_2, RECORD_COMM_SIZE);
		code_call(c, BPF_FUNC_get_current_comm, 2);
		code_mov_imm(c, stored, RECORD_COMM_SIZE);
		full = stored;
	} else {
		int whole = code_new_label(c), some = code_new_label(c), done = code_new_label(c);

		if (full < 0) {
			full = code_new_vreg(c);
			code_mov_imm(c, full, s.array_size);
		}
		code_comment(c, "so many bytes, at most %u", f->max);
		code_jump_if_imm(c, BPF_JSGE, full, 0, some);
		code_mov_imm(c, full, 0);
		code_label(c, some);
		code_mov(c, stored, full);
		code_jump_if_imm(c, BPF_JLE, stored, (int32_t)f->max, whole);
		code_mov_imm(c, stored, f->max);
		code_label(c, whole);
		code_jump_if_imm(c, BPF_JEQ, stored, 0, done);
		gen_read_or_fail(g, &(struct read){.helper = read_helper(s.space), .space = s.space, .dst = dst,
						   .size = stored, .addr = s.addr, .most = f->max},
				 code_new_vreg(c));
		code_label(c, done);
	}
	code_store(c, 4, g->rec, (int16_t)f->offset, stored);
	code_store(c, 4, g->rec, (int16_t)(f->offset + 4), full);
	code_alu(c, BPF_ADD, true, g->used, stored);
}

void generate_field(struct generator *g, const struct record_field *field, unsigned int index)
{
	struct code *c = g->code;
	int failed = code_new_label(c), end = code_new_label(c), errors = code_new_vreg(c);

	code_comment(c, "field %u", index + 1);
	g->fault = failed;
	g->fault_code = code_new_vreg(c);
	/* The label is reached only through faults; so that the verifier sees a value on every path. */
	code_mov_imm(c, g->fault_code, 0);
	if (field->mode == RECORD_VALUE)
		code_store(c, 8, g->rec, (int16_t)field->offset, value_of(g, field->field->expr));
	else
		gen_string_bytes(g, field);
	code_jump(c, end);
	code_label(c, failed);
	code_comment(c, "could not be read: the reason, and a mark");
	code_store(c, 8, g->rec, (int16_t)field->offset, g->fault_code);
	code_load(c, 4, errors, g->rec, RECORD_ERRORS);
	code_alu_imm(c, BPF_OR, true, errors, (int32_t)(1u << index));
	code_store(c, 4, g->rec, RECORD_ERRORS, errors);
	code_label(c, end);
	g->fault_code = -1;
}
