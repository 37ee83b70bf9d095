/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Constant arithmetic; see fold.h.
 */
#include "probe/check/fold.h"

uint64_t fold_convert(uint64_t value, const struct type *to)
{
	unsigned int shift = to->size < 8 ? 64 - 8 * to->size : 0;

	if (to->is_bool)
		return value != 0;
	if (to->is_signed)
		return (uint64_t)((int64_t)(value << shift) >> shift);
	return value << shift >> shift;
}

uint64_t fold_unary(enum expr_op op, const struct type *type, uint64_t a)
{
	switch (op) {
	case OP_NEG:
		return fold_convert(-a, type);
	case OP_COMPL:
		return fold_convert(~a, type);
	default:
		return !a;
	}
}

/* The one overflow of a division has C's wrapped result, and must not trap here. */
static uint64_t fold_divide(bool is_mod, bool is_signed, uint64_t a, uint64_t b)
{
	if (!is_signed)
		return is_mod ? a % b : a / b;
	if ((int64_t)b == -1)
		return is_mod ? 0 : -a;
	return is_mod ? (uint64_t)((int64_t)a % (int64_t)b) : (uint64_t)((int64_t)a / (int64_t)b);
}

static bool fold_less(bool is_signed, uint64_t a, uint64_t b)
{
	return is_signed ? (int64_t)a < (int64_t)b : a < b;
}

static uint64_t fold_arithmetic(enum expr_op op, const struct type *type, uint64_t a, uint64_t b)
{
	switch (op) {
	case OP_ADD:
		return a + b;
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_AND:
		return a & b;
	case OP_OR:
		return a | b;
	case OP_XOR:
		return a ^ b;
	case OP_SHL:
		return a << (b & 63);
	case OP_SHR:
		return type->is_signed ? (uint64_t)((int64_t)a >> (b & 63)) : a >> (b & 63);
	default:
		return fold_divide(op == OP_MOD, type->is_signed, a, b);
	}
}

uint64_t fold_binary(enum expr_op op, const struct type *type, uint64_t a, uint64_t b)
{
	switch (op) {
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return fold_less(type->is_signed, a, b);
	case OP_GE:
		return !fold_less(type->is_signed, a, b);
	case OP_GT:
		return fold_less(type->is_signed, b, a);
	case OP_LE:
		return !fold_less(type->is_signed, b, a);
	default:
		return fold_convert(fold_arithmetic(op, type, a, b), type);
	}
}
