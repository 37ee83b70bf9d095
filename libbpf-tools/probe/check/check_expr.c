/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * C's rules for each kind of expression: a table of functions, one per kind.
 */
#include <stdio.h>
#include <string.h>

#include "probe/check/checker.h"
#include "probe/check/fold.h"

static const char *const op_text[] = {
	[OP_ADD] = "+", [OP_SUB] = "-", [OP_MUL] = "*", [OP_DIV] = "/",	  [OP_MOD] = "%",
	[OP_AND] = "&", [OP_OR] = "|",	[OP_XOR] = "^", [OP_SHL] = "<<",  [OP_SHR] = ">>",
	[OP_EQ] = "==", [OP_NE] = "!=", [OP_LT] = "<",	[OP_LE] = "<=",	  [OP_GT] = ">",
	[OP_GE] = ">=", [OP_NEG] = "-", [OP_NOT] = "!", [OP_COMPL] = "~",
};

const char *check_text(const struct expr *e, char *buf, size_t size)
{
	ast_print_expr(e, false, buf, size);
	if (size > 4 && strlen(buf) == size - 1)
		memcpy(buf + size - 4, "...", 4);
	return buf;
}

/* ---- from lvalues to values ----------------------------------------------------------------- */

static bool is_comm(const struct expr *e)
{
	return e->kind == EXPR_NAME && e->var->where == VAR_COMM;
}

/* An array becomes a pointer to its first element. */
static struct expr *decay(struct checker *c, const struct expr *written, struct expr *e)
{
	char text[CHECK_TEXT_SIZE];

	check_text(written, text, sizeof(text));
	if (is_comm(e))
		return check_fail(c, written->pos,
				  "%s is text, not a number: print it with %%s or compare it with "
				  "STRCMP(\"text\", %s)",
				  text, text);
	if (e->type->is_data_loc)
		return check_fail(
			c, written->pos,
			"%s is of varying length: it can be printed with %%s and compared "
			"with STRCMP only",
			text);
	if (e->kind == EXPR_PIECES)
		return check_fail(
			c, written->pos,
			"%s isn't in memory as a whole here: only elements with a constant index can be had",
			text);
	return check_cast_to(c, e->a, type_pointer(c->arena, e->type->target, e->a->type->space));
}

/* A checked expression as a scalar. */
static struct expr *to_scalar(struct checker *c, const struct expr *written, struct expr *e)
{
	char text[CHECK_TEXT_SIZE];

	if (!e || type_is_scalar(e->type))
		return e;
	check_text(written, text, sizeof(text));
	switch (e->type->kind) {
	case TYPE_ARRAY:
		return decay(c, written, e);
	case TYPE_FLOAT:
		return check_fail(
			c, written->pos,
			"%s is of type %s: floating-point values can't be computed with, only printed with %%O",
			text, e->type->name);
	case TYPE_STRUCT:
		return check_fail(c, written->pos, "%s is a whole %s: take one of its fields", text,
				  e->type->name);
	default:
		return check_fail(c, written->pos, "%s has no value", text);
	}
}

struct expr *check_operand(struct checker *c, const struct expr *written)
{
	return to_scalar(c, written, check_expr(c, written));
}

struct expr *check_value(struct checker *c, const struct expr *written)
{
	struct expr *e = check_operand(c, written);
	char text[CHECK_TEXT_SIZE];

	if (e && e->type->kind == TYPE_POINTER && e->type->space == SPACE_CTX)
		return check_fail(
			c, written->pos,
			"%s is a place in the event's record, not a value: take a field of args",
			check_text(written, text, sizeof(text)));
	return e;
}

/* A value that must be an integer, for `what`. */
static struct expr *check_integer(struct checker *c, const struct expr *written, const char *what)
{
	struct expr *e = check_value(c, written);
	char text[CHECK_TEXT_SIZE];

	if (e && !check_is_integer(e->type))
		return check_fail(c, written->pos, "%s needs an integer, but %s is of type %s",
				  what, check_text(written, text, sizeof(text)), e->type->name);
	return e;
}

/* The checked operand of an operator that follows a pointer. */
static struct expr *check_pointer(struct checker *c, struct expr *e, const struct expr *written,
				  const char *what)
{
	char text[CHECK_TEXT_SIZE];

	if (!e || e->type->kind == TYPE_POINTER)
		return e;
	check_text(written, text, sizeof(text));
	if (e->type->is_unknown)
		return check_fail(
			c, written->pos,
			"%s has no type: to use it with %s cast it to a pointer, as in (int *)%s",
			text, what, text);
	return check_fail(c, written->pos, "%s is of type %s, not a pointer, which %s needs", text,
			  e->type->name, what);
}

/* Bytes from one element to the next; void counts as one, as in GNU C. */
static bool element_size(struct checker *c, int pos, const struct type *pointer, uint32_t *size)
{
	const struct type *target = pointer->target;

	*size = target->kind == TYPE_VOID ? 1 : target->size;
	if (*size)
		return true;
	diag_error(c->diag, pos, "%s is not known: there is no type information with its size",
		   target->name);
	return false;
}

/* ---- primaries ------------------------------------------------------------------------------ */

/* C11 6.4.4.1: the first of the types that can hold the value. */
static struct expr *check_int(struct checker *c, const struct expr *e)
{
	bool may_be_unsigned = e->is_unsigned || !e->is_decimal;

	if (!e->is_long && !e->is_unsigned && e->value <= INT32_MAX)
		return check_new_int(c, e->pos, type_int(4, true), e->value);
	if (!e->is_long && may_be_unsigned && e->value <= UINT32_MAX)
		return check_new_int(c, e->pos, type_int(4, false), e->value);
	return check_new_int(c, e->pos, type_int(8, !e->is_unsigned && e->value <= INT64_MAX),
			     e->value);
}

static struct expr *check_string_constant(struct checker *c, const struct expr *e)
{
	return check_fail(
		c, e->pos,
		"a text has no value: it can be compared with STRCMP(\"text\", expression)");
}

static struct expr *check_name_expr(struct checker *c, const struct expr *e)
{
	struct expr *found = check_scope_name(c, e);

	if (!found && !c->diag->text[0])
		found = check_by_value(c, e);
	if (!found && !c->diag->text[0])
		found = check_constant(c, e);
	if (found || c->diag->text[0])
		return found;
	return check_new_name(c, check_name(c, e), e->pos);
}

static struct expr *check_sizeof(struct checker *c, const struct expr *e)
{
	const struct type *type;
	struct expr *a;
	char text[CHECK_TEXT_SIZE];

	if (e->type_name) {
		type = check_type_name(c, e->type_name, check_default_space(c->context));
	} else {
		a = check_expr(c, e->a);
		if (a && a->kind == EXPR_BITFIELD)
			return check_fail(c, e->pos, "a bit-field has no size in bytes");
		type = a ? a->type : NULL;
	}
	if (!type)
		return NULL;
	if (!type->size || type->is_data_loc)
		return check_fail(c, e->pos, "the size of %s is not known",
				  e->type_name ? type->name : check_text(e->a, text, sizeof(text)));
	return check_new_int(c, e->pos, type_int(8, false), type->size);
}

/* ---- places in memory ----------------------------------------------------------------------- */

static struct expr *deref_at(struct checker *c, int pos, struct expr *pointer)
{
	const struct type *target = pointer->type->target;

	if (target->kind == TYPE_VOID || target->kind == TYPE_FUNC)
		return check_fail(
			c, pos,
			"a pointer of type '%s' must be cast before it is followed, as in "
			"*(int *)p",
			pointer->type->name);
	return check_new_deref(c, pos, pointer, 0, target);
}

static struct expr *check_deref(struct checker *c, const struct expr *e)
{
	struct expr *pointer = check_pointer(c, check_operand(c, e->a), e->a, "'*'");

	return pointer ? deref_at(c, e->pos, pointer) : NULL;
}

static struct expr *check_address(struct checker *c, const struct expr *e)
{
	struct expr *a = check_expr(c, e->a);
	char text[CHECK_TEXT_SIZE];

	if (!a)
		return NULL;
	check_text(e->a, text, sizeof(text));
	if (a->kind == EXPR_BITFIELD)
		return check_fail(c, e->pos, "%s is a bit-field, which has no address", text);
	if (a->kind != EXPR_DEREF || a->type->is_data_loc)
		return check_fail(c, e->pos, "%s has no address that '&' could give", text);
	return a->a;
}

/* An element of an array that isn't in memory. */
static struct expr *index_pieces(struct checker *c, const struct expr *e, struct expr *array)
{
	const struct type *element = array->type->target;
	struct expr *i = check_operand(c, e->b);
	char text[CHECK_TEXT_SIZE];

	if (!i)
		return NULL;
	if (i->kind != EXPR_INT || i->value >= array->type->count)
		return check_fail(
			c, e->pos,
			"%s isn't in memory as a whole here: its index must be a constant below %u",
			check_text(e->a, text, sizeof(text)), array->type->count);
	return check_piece(c, e->pos, array, (uint32_t)i->value * element->size, element);
}

/* Of a vector, slice or the like a pointer to its first element; of what isn't one, itself. */
static struct expr *first_element(struct checker *c, struct expr *e)
{
	struct type_shape shape;
	struct expr *data;

	if ((e->kind != EXPR_DEREF && e->kind != EXPR_PIECES) || !type_find_shape(e->type, &shape))
		return e;
	if (shape.kind == SHAPE_MEMBER && e->kind == EXPR_DEREF)
		return check_new_deref(c, e->pos, e->a, shape.data_offset, shape.element);
	if (shape.kind != SHAPE_ELEMENTS)
		return e;
	data = e->kind == EXPR_PIECES
		       ? check_piece(c, e->pos, e, shape.data_offset, type_int(8, false))
		       : check_new_deref(c, e->pos, e->a, shape.data_offset, type_int(8, false));
	return data ? check_cast_to(c, data, type_pointer(c->arena, shape.element, SPACE_USER))
		    : NULL;
}

static struct expr *check_index(struct checker *c, const struct expr *e)
{
	struct expr *array = check_expr(c, e->a), *a, *i;
	const struct expr *written = e->a;
	uint32_t size;

	if (array && array->kind == EXPR_PIECES && array->type->kind == TYPE_ARRAY)
		return index_pieces(c, e, array);
	array = array ? first_element(c, array) : NULL;
	a = to_scalar(c, e->a, array);
	i = a ? check_operand(c, e->b) : NULL;
	if (!i)
		return NULL;
	/* C11 6.5.2.1: i[a] is a[i]. */
	if (check_is_integer(a->type) && i->type->kind == TYPE_POINTER) {
		struct expr *swap = a;

		a = i;
		i = swap;
		written = e->b;
	}
	if (!check_pointer(c, a, written, "'[]'"))
		return NULL;
	if (!check_is_integer(i->type))
		return check_fail(c, e->pos, "an index must be an integer, not of type %s",
				  i->type->name);
	if (a->type->target->kind == TYPE_VOID || a->type->target->kind == TYPE_FUNC)
		return deref_at(c, e->pos, a);
	if (!element_size(c, e->pos, a->type, &size))
		return NULL;
	a = check_advance(c, e->pos, a, check_promote(c, i), size, a->type->target);
	return a ? deref_at(c, e->pos, a) : NULL;
}

static struct expr *unknown_member(struct checker *c, const struct expr *e, const struct type *type)
{
	struct suggest near = { .wanted = e->text };
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	if (!type->size && !count)
		return check_fail(
			c, e->pos,
			"%s is not known: there is no type information to find its field '%s'",
			type->name, e->text);
	for (uint32_t i = 0; i < count; i++)
		suggest_add(&near, members[i].name);
	return check_fail(c, e->pos, "'%s' is not a field of %s%s", e->text, type->name,
			  suggest_text(&near));
}

/* The structure that . or -> is applied to, as a pointer to it; or its pieces, if it isn't in memory. */
static struct expr *member_base(struct checker *c, const struct expr *e)
{
	struct expr *a = check_expr(c, e->a);
	char text[CHECK_TEXT_SIZE];

	if (!a)
		return NULL;
	check_text(e->a, text, sizeof(text));
	if (a->type->kind == TYPE_STRUCT && (a->kind == EXPR_DEREF || a->kind == EXPR_PIECES)) {
		if (!e->arrow)
			return a->kind == EXPR_DEREF ? a->a : a;
		return check_fail(c, e->pos,
				  "%s is a structure, not a pointer to one (did you mean "
				  "'%s.%s'?)",
				  text, text, e->text);
	}
	if (a->type->kind == TYPE_ARRAY && e->arrow)
		a = decay(c, e->a, a);
	if (!a)
		return NULL;
	if (a->type->kind == TYPE_POINTER && a->type->target->kind == TYPE_STRUCT) {
		if (e->arrow)
			return a;
		return check_fail(c, e->pos, "%s is a pointer (did you mean '%s->%s'?)", text, text,
				  e->text);
	}
	if (a->type->is_unknown)
		return check_fail(
			c, e->a->pos,
			"%s has no type: to take a field cast it, as in ((struct name *)%s)->%s",
			text, text, e->text);
	return check_fail(c, e->a->pos, "%s is of type %s, which has no fields", text,
			  a->type->name);
}

/*
 * Many of a socket's fields are macros in the kernel's headers: sk_X is __sk_common.skc_X (include/net/sock.h).
 */
static const struct type_member *find_common_member(const struct type *type, const struct expr *e,
						    uint32_t *offset)
{
	const struct type_member *common, *member;
	uint32_t outer;
	char name[64];

	if (e->len < 4 || strncmp(e->text, "sk_", 3) != 0 || e->len > sizeof(name) - 2)
		return NULL;
	common = type_find_member(type, "__sk_common", strlen("__sk_common"), &outer);
	if (!common)
		return NULL;
	snprintf(name, sizeof(name), "skc_%.*s", (int)e->len - 3, e->text + 3);
	member = type_find_member(common->type, name, strlen(name), offset);
	*offset += outer;
	return member;
}

static struct expr *check_member(struct checker *c, const struct expr *e)
{
	const struct type_member *member;
	const struct type *type;
	const struct var *var;
	struct expr *base, *place, *bits;
	bool is_register;
	uint32_t offset;

	var = check_register(c, e, &is_register);
	if (is_register)
		return check_new_name(c, var, e->pos);
	base = member_base(c, e);
	if (!base)
		return NULL;
	type = check_known_struct(c, base->kind == EXPR_PIECES ? base->type : base->type->target);
	member = type_find_member(type, e->text, e->len, &offset);
	if (!member)
		member = find_common_member(type, e, &offset);
	if (!member)
		return unknown_member(c, e, type);
	if (base->kind == EXPR_PIECES)
		place = check_piece(c, e->pos, base, offset, member->type);
	else
		place = check_new_deref(c, e->pos, base, offset, member->type);
	if (!place || !member->bit_size)
		return place;
	bits = check_new_expr(c, EXPR_BITFIELD, e->pos, member->type, place, NULL);
	if (bits) {
		bits->bit_offset = member->bit_offset;
		bits->bit_size = member->bit_size;
	}
	return bits;
}

/* ---- operators ------------------------------------------------------------------------------ */

static struct expr *check_unary(struct checker *c, const struct expr *e)
{
	struct expr *a;
	char what[8];

	if (e->op == OP_NOT) {
		a = check_value(c, e->a);
		return check_new_unary(c, e->pos, OP_NOT, type_int(4, true), a);
	}
	snprintf(what, sizeof(what), "'%s'", op_text[e->op]);
	a = check_integer(c, e->a, what);
	if (a)
		a = check_promote(c, a);
	return a ? check_new_unary(c, e->pos, e->op, a->type, a) : NULL;
}

/* p - q: (long)(p - q) / size, as numbers. */
static struct expr *pointer_difference(struct checker *c, const struct expr *e, struct expr *a,
				       struct expr *b)
{
	const struct type *word = type_int(8, true);
	uint32_t size, other_size;
	struct expr *bytes;

	if (!element_size(c, e->pos, a->type, &size) ||
	    !element_size(c, e->pos, b->type, &other_size))
		return NULL;
	if (size != other_size)
		return check_fail(c, e->pos,
				  "pointers to different types can't be subtracted: %s and %s",
				  a->type->name, b->type->name);
	if (a->type->space == SPACE_CTX || b->type->space == SPACE_CTX)
		return check_fail(c, e->pos, "places in the event's record can't be subtracted");
	bytes = check_new_binary(c, e->pos, OP_SUB, word, check_convert(c, a, word),
				 check_convert(c, b, word));
	if (size == 1 || !bytes)
		return bytes;
	return check_new_binary(c, e->pos, OP_DIV, word, bytes,
				check_new_int(c, e->pos, word, size));
}

/* p + n, n + p, p - n */
static struct expr *pointer_sum(struct checker *c, const struct expr *e, struct expr *pointer,
				struct expr *count)
{
	uint32_t size;

	if (!check_is_integer(count->type))
		return check_fail(c, e->pos, "two pointers can't be added");
	if (!element_size(c, e->pos, pointer->type, &size))
		return NULL;
	count = check_promote(c, count);
	if (count && e->op == OP_SUB)
		count = check_new_unary(c, e->pos, OP_NEG, type_int(8, true),
					check_convert(c, count, type_int(8, true)));
	return count ? check_advance(c, e->pos, pointer, count, size, pointer->type->target) : NULL;
}

/* Two numbers, in the type that C brings them to. */
static struct expr *usual_binary(struct checker *c, const struct expr *e, struct expr *a,
				 struct expr *b)
{
	const struct type *type;

	a = check_promote(c, a);
	b = check_promote(c, b);
	if (!a || !b)
		return NULL;
	type = check_usual_type(a->type, b->type);
	return check_new_binary(c, e->pos, e->op, type, check_convert(c, a, type),
				check_convert(c, b, type));
}

static struct expr *check_additive(struct checker *c, const struct expr *e)
{
	struct expr *a = check_operand(c, e->a), *b = a ? check_operand(c, e->b) : NULL;

	if (!b)
		return NULL;
	if (a->type->kind == TYPE_POINTER && b->type->kind == TYPE_POINTER && e->op == OP_SUB)
		return pointer_difference(c, e, a, b);
	if (a->type->kind == TYPE_POINTER)
		return pointer_sum(c, e, a, b);
	if (b->type->kind == TYPE_POINTER && e->op == OP_SUB)
		return check_fail(c, e->pos, "a pointer can't be subtracted from an integer");
	if (b->type->kind == TYPE_POINTER)
		return pointer_sum(c, e, b, a);
	return usual_binary(c, e, a, b);
}

static struct expr *check_comparison(struct checker *c, const struct expr *e)
{
	struct expr *a = check_value(c, e->a), *b = a ? check_value(c, e->b) : NULL;
	const struct type *type = type_int(8, false);

	if (!b)
		return NULL;
	if (a->type->kind != TYPE_POINTER && b->type->kind != TYPE_POINTER)
		return usual_binary(c, e, a, b);
	/* An address is compared as a number; BCC's users compare pointers with integers too. */
	return check_new_binary(c, e->pos, e->op, type, check_convert(c, a, type),
				check_convert(c, b, type));
}

static struct expr *check_integers(struct checker *c, const struct expr *e)
{
	bool shifts = e->op == OP_SHL || e->op == OP_SHR;
	struct expr *a, *b;
	char what[8];

	snprintf(what, sizeof(what), "'%s'", op_text[e->op]);
	a = check_integer(c, e->a, what);
	b = a ? check_integer(c, e->b, what) : NULL;
	if (!b)
		return NULL;
	if (!shifts)
		return usual_binary(c, e, a, b);
	a = check_promote(c, a);
	b = check_promote(c, b);
	if (!a || !b)
		return NULL;
	return check_new_binary(c, e->pos, e->op, a->type, a, b);
}

static struct expr *check_binary(struct checker *c, const struct expr *e)
{
	if (e->op == OP_ADD || e->op == OP_SUB)
		return check_additive(c, e);
	if (e->op >= OP_EQ && e->op <= OP_GE)
		return check_comparison(c, e);
	return check_integers(c, e);
}

/* What decides by its left side alone is folded; the right side is checked all the same. */
static struct expr *check_logical(struct checker *c, const struct expr *e)
{
	struct expr *a = check_value(c, e->a), *b = a ? check_value(c, e->b) : NULL, *result;
	const struct type *type = type_int(4, true);

	if (!b)
		return NULL;
	if (a->kind == EXPR_INT) {
		if ((e->op == OP_LOGICAL_OR) == (a->value != 0))
			return check_new_int(c, e->pos, type, a->value != 0);
		return check_new_binary(c, e->pos, OP_NE, b->type, b,
					check_new_int(c, e->pos, b->type, 0));
	}
	result = check_new_expr(c, EXPR_LOGICAL, e->pos, type, a, b);
	if (result)
		result->op = e->op;
	return result;
}

/* The type of a ? b : c (C11 6.5.15); a pointer and an integer make a pointer. */
static const struct type *cond_type(struct checker *c, int pos, const struct type *a,
				    const struct type *b)
{
	if (a->kind != TYPE_POINTER && b->kind != TYPE_POINTER)
		return check_usual_type(a, b);
	if (a->kind != TYPE_POINTER)
		return b;
	if (b->kind != TYPE_POINTER)
		return a;
	if (a->space != b->space && a->space != SPACE_ANY && b->space != SPACE_ANY)
		return check_fail(c, pos,
				  "one value points to user memory, the other to the kernel's");
	if (a->target == b->target || a->target->kind == TYPE_VOID)
		return a;
	if (type_is_string(a) && type_is_string(b))
		return type_pointer(c->arena, type_char(), a->space);
	return type_pointer(c->arena, type_void(), a->space);
}

static struct expr *check_cond(struct checker *c, const struct expr *e)
{
	struct expr *test = check_value(c, e->a), *a, *b, *result;
	const struct type *type;

	a = test ? check_value(c, e->b) : NULL;
	b = a ? check_value(c, e->c) : NULL;
	if (!b)
		return NULL;
	a = check_promote(c, a);
	b = check_promote(c, b);
	type = a && b ? cond_type(c, e->pos, a->type, b->type) : NULL;
	if (!type)
		return NULL;
	a = check_convert(c, a, type);
	b = check_convert(c, b, type);
	if (test->kind == EXPR_INT)
		return test->value ? a : b;
	result = a && b ? check_new_expr(c, EXPR_COND, e->pos, type, test, a) : NULL;
	if (result)
		result->c = b;
	return result;
}

/* a@user: a's own type if it is a pointer, else a string, but in user memory. */
static const struct type *user_pointer(struct checker *c, const struct expr *e, struct expr *a)
{
	char text[CHECK_TEXT_SIZE];

	if (a->type->kind == TYPE_POINTER)
		return type_pointer(c->arena, a->type->target, SPACE_USER);
	if (a->type->size == 8)
		return type_pointer(c->arena, type_char(), SPACE_USER);
	return check_fail(c, e->pos, "%s is of type %s, which is too small for an address",
			  check_text(e->a, text, sizeof(text)), a->type->name);
}

static struct expr *check_cast(struct checker *c, const struct expr *e)
{
	struct expr *a = check_operand(c, e->a);
	const struct type *type;
	enum type_space space;

	if (!a)
		return NULL;
	space = a->type->kind == TYPE_POINTER ? a->type->space : check_default_space(c->context);
	type = e->type_name->len ? check_type_name(c, e->type_name, space) : user_pointer(c, e, a);
	if (!type)
		return NULL;
	if (!type_is_scalar(type))
		return check_fail(c, e->type_name->pos, "a value can't be cast to %s", type->name);
	if (space == SPACE_CTX && type->kind != TYPE_POINTER)
		return check_value(c, e->a); /* which says that this isn't one */
	return check_cast_to(c, a, type);
}

/* ---- strings -------------------------------------------------------------------------------- */

struct expr *check_string(struct checker *c, const struct expr *written, const char *what)
{
	struct expr *e = check_expr(c, written);
	enum type_space space = check_default_space(c->context);
	char text[CHECK_TEXT_SIZE];

	if (!e || is_comm(e))
		return e;
	if (e->type->kind == TYPE_ARRAY && type_is_string(e->type))
		return e;
	e = to_scalar(c, written, e);
	if (!e || !check_context_place(c, written->pos, e, type_char()))
		return NULL;
	if (type_is_string(e->type))
		return e;
	if (e->type->kind == TYPE_POINTER)
		space = e->type->space;
	else if (e->type->size != 8)
		return check_fail(c, written->pos,
				  "%s needs a string or an address, but %s is of type %s", what,
				  check_text(written, text, sizeof(text)), e->type->name);
	return check_cast_to(c, e, type_pointer(c->arena, type_char(), space));
}

static struct expr *string_literal(struct checker *c, const struct expr *e)
{
	const struct type *type = type_array(c->arena, type_char(), (uint32_t)e->len + 1);
	struct expr *literal = check_new_expr(c, EXPR_STRING, e->pos, type, NULL, NULL);

	if (literal) {
		literal->text = e->text;
		literal->len = e->len;
		literal->is_bytes = e->is_bytes;
	}
	return literal;
}

/* STRNCMP's length: a constant. */
static struct expr *compare_length(struct checker *c, const struct expr *written)
{
	struct expr *count = check_integer(c, written, "STRNCMP");

	if (!count)
		return NULL;
	if (count->kind != EXPR_INT || (int64_t)count->value <= 0)
		return check_fail(c, written->pos,
				  "STRNCMP's third argument must be a constant above 0");
	return check_new_int(c, written->pos, type_int(8, false), count->value);
}

/*
 * A string that is a structure: as many bytes and the same; STRNCMP: at least as many. NULL and no error: it is none, or not one
 * whose bytes are there.
 */
static struct expr *compare_text(struct checker *c, const struct expr *e)
{
	struct expr *string = check_expr(c, e->b), *literal, *same, *enough, *count;
	const struct type *word = type_int(8, false), *result = type_int(4, true);
	struct type_text text;
	struct field field = {};
	size_t length = e->a->len;

	if (string && string->type->kind == TYPE_POINTER && string->type->target &&
	    type_find_text(string->type->target, &text))
		string = check_new_deref(c, e->pos, string, 0, string->type->target);
	if (!string || !type_find_text(string->type, &text) ||
	    check_text_field(c, &field, string, 0, &text) || field.expr->kind == EXPR_PIECES)
		return NULL;
	if (e->kind == EXPR_STRNCMP) {
		count = compare_length(c, e->c);
		if (!count)
			return NULL;
		length = count->value < length ? count->value : length;
	}
	literal = string_literal(c, e->a);
	enough = check_new_binary(c, e->pos, e->kind == EXPR_STRNCMP ? OP_GE : OP_EQ, result,
				  check_cast_to(c, field.len_expr, word),
				  check_new_int(c, e->pos, word, length));
	if (!literal || !enough || !length)
		return literal ? enough : NULL;
	literal->len = length;
	literal->is_bytes = true;
	same = check_new_expr(c, EXPR_STRCMP, e->pos, result, literal, field.expr);
	same = same ? check_new_expr(c, EXPR_LOGICAL, e->pos, result, enough, same) : NULL;
	if (same)
		same->op = OP_LOGICAL_AND;
	return same;
}

/* STRCMP and STRNCMP. */
static struct expr *check_compare(struct checker *c, const struct expr *e)
{
	const char *what = e->kind == EXPR_STRCMP ? "STRCMP" : "STRNCMP";
	struct expr *string, *count = NULL, *literal, *result = compare_text(c, e);
	size_t length = e->a->len;
	char text[CHECK_TEXT_SIZE];

	string = result || c->diag->text[0] ? NULL : check_string(c, e->b, what);
	if (!string)
		return result;
	if (string->kind == EXPR_PIECES)
		return check_fail(c, e->b->pos,
				  "%s isn't in memory as a whole here: it can be printed only",
				  check_text(e->b, text, sizeof(text)));
	if (e->kind == EXPR_STRNCMP) {
		count = compare_length(c, e->c);
		if (!count)
			return NULL;
		if (count->value < length)
			length = count->value;
	}
	/* The kernel keeps a NUL at the end of $comm; other arrays may be filled to the last byte. */
	if (string->type->kind == TYPE_ARRAY && string->type->count &&
	    length > string->type->count - is_comm(string))
		return check_fail(c, e->a->pos, "%s never has %zu characters: it has %u at most",
				  check_text(e->b, text, sizeof(text)), length,
				  string->type->count - is_comm(string));
	literal = string_literal(c, e->a);
	if (!literal)
		return NULL;
	/* n characters or more are the whole text and its end. */
	result = check_new_expr(c, count && count->value <= e->a->len ? EXPR_STRNCMP : EXPR_STRCMP,
				e->pos, type_int(4, true), literal, string);
	if (result && result->kind == EXPR_STRNCMP)
		result->c = count;
	return result;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static struct expr *(*const checks[])(struct checker *c, const struct expr *e) = {
	[EXPR_INT] = check_int,		[EXPR_STRING] = check_string_constant,
	[EXPR_NAME] = check_name_expr,	[EXPR_UNARY] = check_unary,
	[EXPR_DEREF] = check_deref,	[EXPR_ADDRESS] = check_address,
	[EXPR_BINARY] = check_binary,	[EXPR_LOGICAL] = check_logical,
	[EXPR_COND] = check_cond,	[EXPR_CAST] = check_cast,
	[EXPR_MEMBER] = check_member,	[EXPR_INDEX] = check_index,
	[EXPR_SIZEOF] = check_sizeof,	[EXPR_STRCMP] = check_compare,
	[EXPR_STRNCMP] = check_compare,
};

struct expr *check_expr(struct checker *c, const struct expr *e)
{
	struct expr *checked = checks[e->kind](c, e);

	/* A reference stands for what it refers to. */
	if (checked && checked->type->kind == TYPE_POINTER && checked->type->is_reference)
		checked = check_new_deref(c, e->pos, checked, 0, checked->type->target);
	return checked;
}
