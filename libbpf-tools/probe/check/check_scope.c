/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The program's own names at a probe in it, by its DWARF.
 */
#include <errno.h>
#include <string.h>

#include "probe/check/checker.h"
#include "types/debuginfo_private.h"

/* At a return the function's own variables are gone; its parameters can have been kept. */
static struct expr *variable_value(struct checker *c, const struct debuginfo_variable *variable,
				   int pos)
{
	struct expr *value;

	if (c->spec->kind != SPEC_RETURN || variable->is_global)
		return check_location(c, variable, pos);
	if (!variable->is_param || !c->context->scope->is_entry)
		return NULL;
	value = check_location(c, variable, pos);
	return value ? check_keep(c, variable->name, value) : NULL;
}

struct expr *check_scope_name(struct checker *c, const struct expr *e)
{
	struct debuginfo_scope *scope = c->context->scope;
	const struct debuginfo_variable *variable;
	const struct type *type;
	unsigned int number;
	uint64_t value;

	if (!scope || c->spec->has_signature)
		return NULL;
	if (!strcmp(e->text, "retval") || !strcmp(e->text, "$retval"))
		return c->spec->kind == SPEC_RETURN &&
				       debuginfo_scope_retval(scope)->kind == TYPE_STRUCT
			       ? check_result(c, e->text, e->pos)
			       : NULL;
	if (check_argument_number(e->text, &number) && debuginfo_scope_is_inlined(scope) &&
	    !c->spec->file)
		return check_fail(
			c, e->pos,
			"'%s' is in no register of its own: %s was inlined here; its parameters can be had by name",
			e->text, c->spec->func);
	/* argN is a register as it is, whatever is known of parameters: BCC's users count on that. */
	if (e->text[0] == '$' || check_argument_number(e->text, &number))
		return NULL;
	variable = debuginfo_scope_find(scope, e->text);
	if (variable)
		return variable_value(c, variable, e->pos);
	type = debuginfo_scope_constant(scope, e->text, &value);
	return type ? check_new_int(c, e->pos, type_int(type->size, type->is_signed), value) : NULL;
}

void check_scope_suggest(struct checker *c, struct suggest *near)
{
	const struct debuginfo_variable *variable;

	if (!c->context->scope)
		return;
	for (variable = c->context->scope->locals; variable; variable = variable->next)
		suggest_add(near, variable->name);
}

/* What of a piece lies in `type` at `offset`, as a piece of that. */
static struct expr *cut_piece(struct checker *c, int pos, const struct expr *piece, uint32_t offset,
			      const struct type *type)
{
	const struct type *word = type_int(8, false);
	uint64_t start = piece->value, end = start + piece->bit_size / 8;
	uint64_t from = start > offset ? start : offset, to = (uint64_t)offset + type->size;
	struct expr *value = piece->a, *cut;

	if (to > end)
		to = end;
	if (from > start)
		value = check_new_binary(c, pos, OP_SHR, word, value,
					 check_new_int(c, pos, word, 8 * (from - start)));
	cut = value ? check_new_expr(c, EXPR_PIECES, pos, type, value, NULL) : NULL;
	if (!cut)
		return NULL;
	cut->value = from - offset;
	cut->bit_size = (uint8_t)(8 * (to - from));
	return cut;
}

struct expr *check_piece(struct checker *c, int pos, struct expr *pieces, uint32_t offset,
			 const struct type *type)
{
	struct expr *cut = NULL, **end = &cut;

	for (const struct expr *piece = pieces; piece; piece = piece->b) {
		if (piece->value >= (uint64_t)offset + type->size ||
		    piece->value + piece->bit_size / 8 <= offset)
			continue;
		*end = cut_piece(c, pos, piece, offset, type);
		if (!*end)
			return NULL;
		end = &(*end)->b;
	}
	if (!cut)
		return check_fail(
			c, pos,
			"a part of this has been optimised out at this place: the program doesn't keep it here");
	if (!type_is_scalar(type))
		return cut;
	if (cut->b || cut->value || cut->bit_size < 8 * type->size)
		return check_fail(c, pos, "this is spread over several registers");
	return check_cast_to(c, cut->a, type);
}
