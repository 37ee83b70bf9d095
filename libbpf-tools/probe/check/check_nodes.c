/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The nodes of checked trees: conversions, operators and reads. Constants are folded here, so that no
 * node is made of constants only.
 */
#include <string.h>

#include "probe/check/checker.h"
#include "probe/check/fold.h"

struct expr *check_new_expr(struct checker *c, enum expr_kind kind, int pos,
			    const struct type *type, struct expr *a, struct expr *b)
{
	struct expr *e = type ? arena_alloc(c->arena, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->kind = kind;
	e->pos = pos;
	e->type = type;
	e->a = a;
	e->b = b;
	return e;
}

struct expr *check_new_name(struct checker *c, const struct var *var, int pos)
{
	struct expr *e = var ? check_new_expr(c, EXPR_NAME, pos, var->type, NULL, NULL) : NULL;

	if (!e)
		return NULL;
	e->var = var;
	e->text = var->name;
	e->len = strlen(var->name);
	return e;
}

struct expr *check_new_int(struct checker *c, int pos, const struct type *type, uint64_t value)
{
	struct expr *e = check_new_expr(c, EXPR_INT, pos, type, NULL, NULL);

	if (e)
		e->value = fold_convert(value, type);
	return e;
}

/* ---- conversions ---------------------------------------------------------------------------- */

/* (bool)e is e != 0. */
static struct expr *to_bool(struct checker *c, struct expr *e, const struct type *type)
{
	struct expr *zero = check_new_int(c, e->pos, e->type, 0), *is_set;

	is_set = zero ? check_new_binary(c, e->pos, OP_NE, e->type, e, zero) : NULL;
	return is_set ? check_new_expr(c, EXPR_CAST, e->pos, type, is_set, NULL) : NULL;
}

static bool is_address(const struct type *type)
{
	return type->kind == TYPE_POINTER || (check_is_integer(type) && type->size == 8);
}

struct expr *check_cast_to(struct checker *c, struct expr *e, const struct type *type)
{
	if (!e || !type)
		return NULL;
	if (check_same_type(e->type, type) && e->type->is_unknown == type->is_unknown)
		return e;
	if (e->kind == EXPR_INT)
		return check_new_int(c, e->pos, type, e->value);
	if (type->is_bool)
		return to_bool(c, e, type);
	/* From address to address a chain of casts is one: the bits stay what they are. */
	if (e->kind == EXPR_CAST && is_address(type) && is_address(e->type) &&
	    is_address(e->a->type)) {
		e = e->a;
		if (check_same_type(e->type, type) && e->type->is_unknown == type->is_unknown)
			return e;
	}
	return check_new_expr(c, EXPR_CAST, e->pos, type, e, NULL);
}

struct expr *check_from_word(struct checker *c, struct expr *word, const struct type *type)
{
	if (type->is_bool)
		word = check_cast_to(c, word, type_int(type->size, false));
	return check_cast_to(c, word, type);
}

struct expr *check_convert(struct checker *c, struct expr *e, const struct type *type)
{
	return e && type && check_same_type(e->type, type) ? e : check_cast_to(c, e, type);
}

struct expr *check_promote(struct checker *c, struct expr *e)
{
	const struct type *type = e->type;

	if (!check_is_integer(type))
		return e;
	/* C11 6.3.1.1: a bit-field is promoted by its width. */
	if (e->kind == EXPR_BITFIELD &&
	    (e->bit_size < 32 || (e->bit_size == 32 && type->is_signed)))
		return check_convert(c, e, type_int(4, true));
	if (type->size < 4)
		return check_convert(c, e, type_int(4, true));
	return e;
}

const struct type *check_usual_type(const struct type *a, const struct type *b)
{
	unsigned int size = a->size > b->size ? a->size : b->size;
	bool is_signed = (a->size < size || a->is_signed) && (b->size < size || b->is_signed);

	if (a->is_unknown || b->is_unknown)
		return type_unknown();
	return type_int(size, is_signed);
}

/* ---- operators ------------------------------------------------------------------------------ */

struct expr *check_new_unary(struct checker *c, int pos, enum expr_op op, const struct type *type,
			     struct expr *a)
{
	struct expr *e;

	if (!a)
		return NULL;
	if (a->kind == EXPR_INT)
		return check_new_int(c, pos, type, fold_unary(op, a->type, a->value));
	e = check_new_expr(c, EXPR_UNARY, pos, type, a, NULL);
	if (e)
		e->op = op;
	return e;
}

static bool is_comparison(enum expr_op op)
{
	return op >= OP_EQ && op <= OP_GE;
}

struct expr *check_new_binary(struct checker *c, int pos, enum expr_op op, const struct type *type,
			      struct expr *a, struct expr *b)
{
	const struct type *result = is_comparison(op) ? type_int(4, true) : type;
	bool divides = op == OP_DIV || op == OP_MOD, shifts = op == OP_SHL || op == OP_SHR;
	struct expr *e;

	if (!a || !b)
		return NULL;
	if (b->kind == EXPR_INT) {
		if (divides && !b->value)
			return check_fail(c, pos, "division by zero");
		/* A negative number is a large one here. */
		if (shifts && b->value >= 8 * type->size)
			return check_fail(
				c, b->pos,
				"a shift by %lld: a value of %u bits can be shifted by 0 to %u",
				(long long)b->value, 8 * type->size, 8 * type->size - 1);
		if (a->kind == EXPR_INT)
			return check_new_int(c, pos, result,
					     fold_binary(op, type, a->value, b->value));
	}
	e = check_new_expr(c, EXPR_BINARY, pos, result, a, b);
	if (e)
		e->op = op;
	return e;
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* An address plus a constant; constants added before are added up. */
static struct expr *add_constant(struct checker *c, int pos, struct expr *address, uint64_t n)
{
	const struct type *type = type_int(8, false);

	address = check_convert(c, address, type);
	if (!address || !n)
		return address;
	if (address->kind == EXPR_BINARY && address->op == OP_ADD && address->b->kind == EXPR_INT) {
		n += address->b->value;
		address = address->a;
		if (!n)
			return address;
	}
	return check_new_binary(c, pos, OP_ADD, type, address, check_new_int(c, pos, type, n));
}

/* Constants come last, where the next ones find them. */
static struct expr *add_variable(struct checker *c, int pos, struct expr *address,
				 struct expr *bytes)
{
	const struct type *type = type_int(8, false);
	uint64_t constant = 0;

	address = check_convert(c, address, type);
	if (!address)
		return NULL;
	if (address->kind == EXPR_BINARY && address->op == OP_ADD && address->b->kind == EXPR_INT) {
		constant = address->b->value;
		address = address->a;
	}
	address = check_new_binary(c, pos, OP_ADD, type, address, bytes);
	return address ? add_constant(c, pos, address, constant) : NULL;
}

struct expr *check_advance(struct checker *c, int pos, struct expr *pointer, struct expr *count,
			   uint64_t size, const struct type *target)
{
	const struct type *word = type_int(8, false);
	struct expr *bytes, *address;
	enum type_space space;

	if (!pointer || !count)
		return NULL;
	space = pointer->type->space;
	/* A signed count is extended with its sign, then everything wraps as addresses do. */
	bytes = check_convert(c, check_convert(c, count, type_int(8, count->type->is_signed)),
			      word);
	if (bytes && size != 1)
		bytes = check_new_binary(c, pos, OP_MUL, word, bytes,
					 check_new_int(c, pos, word, size));
	if (!bytes)
		return NULL;
	if (bytes->kind == EXPR_INT)
		address = add_constant(c, pos, pointer, bytes->value);
	else
		address = add_variable(c, pos, pointer, bytes);
	return check_cast_to(c, address, type_pointer(c->arena, target, space));
}

/* Is this address the context plus a constant? */
static bool context_offset(const struct expr *e, uint64_t *offset)
{
	if (e->kind == EXPR_CAST)
		return context_offset(e->a, offset);
	if (e->kind == EXPR_NAME) {
		*offset = 0;
		return e->var->where == VAR_CTX_ADDR;
	}
	if (e->kind != EXPR_BINARY || e->op != OP_ADD || e->b->kind != EXPR_INT ||
	    !context_offset(e->a, offset))
		return false;
	*offset += e->b->value;
	return true;
}

bool check_context_place(struct checker *c, int pos, const struct expr *pointer,
			 const struct type *type)
{
	const struct type *record = c->context->record;
	uint64_t offset;

	if (pointer->type->kind != TYPE_POINTER || pointer->type->space != SPACE_CTX)
		return true;
	if (!context_offset(pointer, &offset)) {
		diag_error(c->diag, pos, "in the event's record only constant places can be read");
		return false;
	}
	if (record && record->size &&
	    (offset > record->size || type->size > record->size - offset)) {
		diag_error(c->diag, pos, "this is outside of the event's record of %u bytes",
			   record->size);
		return false;
	}
	return true;
}

struct expr *check_new_deref(struct checker *c, int pos, struct expr *pointer, uint32_t offset,
			     const struct type *type)
{
	enum type_space space = pointer->type->space;
	struct expr *address = pointer;

	/* What user memory holds points to user memory, whatever the kernel's types say of their own. */
	if (space == SPACE_USER && type->kind == TYPE_POINTER && type->space == SPACE_ANY)
		type = type_pointer(c->arena, type->target, SPACE_USER);
	if (!type)
		return NULL;
	if (offset)
		address = add_constant(c, pos, pointer, offset);
	address = check_cast_to(c, address, type_pointer(c->arena, type, space));
	if (!address || !check_context_place(c, pos, address, type))
		return NULL;
	return check_new_expr(c, EXPR_DEREF, pos, type, address, NULL);
}
