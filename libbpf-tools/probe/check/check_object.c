/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * %O: a value of any type, printed by that type. What is in memory is recorded as one block of bytes and taken
 * apart when it is printed; the strings that its members point to are recorded behind it.
 */
#include <errno.h>
#include <string.h>

#include "probe/check/checker.h"

#define MAX_DEPTH 4

/* Where the object is, as what its strings are found through. */
struct object_place {
	struct checker *c;
	struct expr *e;
	struct checked *checked;
	unsigned int most; /* fields that there can be */
	unsigned int strings;
};

/* What is in a structure at an offset. */
static struct expr *member_value(struct checker *c, struct expr *e, const struct type *type,
				 uint32_t offset)
{
	return e->kind == EXPR_PIECES ? check_piece(c, e->pos, e, offset, type)
				      : check_new_deref(c, e->pos, e->a, offset, type);
}

static bool is_kept(const struct expr *e)
{
	return e && ((e->kind == EXPR_NAME && e->var && e->var->where == VAR_ENTRY) ||
		     is_kept(e->a) || is_kept(e->b));
}

int check_text_field(struct checker *c, struct field *field, struct expr *e, uint32_t offset,
		     const struct type_text *text)
{
	/* Kept from the entry: the string is what it was, its bytes may be anything by now. */
	if (text->is_owner && e->kind == EXPR_PIECES && is_kept(e))
		return diag_error(
			c->diag, e->pos,
			"the function may have moved or freed its own string by the return: p: shows it");
	field->kind = FIELD_STR_LEN;
	field->expr = member_value(c, e, text->data, offset + text->data_offset);
	field->len_expr = check_convert(c, member_value(c, e, text->len, offset + text->len_offset),
					type_int(8, true));
	if (field->expr)
		field->expr = check_cast_to(c, field->expr,
					    type_pointer(c->arena, type_char(),
							 field->expr->type->space));
	return field->expr && field->len_expr ? 0 : c->diag->text[0] ? -EINVAL : -ENOMEM;
}

/* A field behind the object's own; text: of a string that is a structure, else NULL. */
static int add_string(struct object_place *place, const struct type *type, uint32_t offset,
		      const struct type_text *text)
{
	struct checked *checked = place->checked;
	struct field *field;
	int err = 0;

	if (place->strings == CHECKED_MAX_INNER || checked->field_count == place->most ||
	    offset + type->size > CHECKED_MAX_OBJECT)
		return 0;
	/* Of what isn't in memory as a whole a part can be missing: it has no string then. */
	if (place->e->kind == EXPR_PIECES && (!ast_has_piece(place->e, offset, type->size) ||
					      (text && text->is_owner && is_kept(place->e))))
		return 0;
	field = &checked->fields[checked->field_count];
	*field = (struct field){ .kind = FIELD_STR,
				 .conv = 's',
				 .is_inner = true,
				 .inner_offset = offset,
				 .width = -1,
				 .precision = -1 };
	if (text)
		err = check_text_field(place->c, field, place->e, offset, text);
	else
		field->expr = member_value(place->c, place->e, type, offset);
	if (err || !field->expr)
		return err ? err : -ENOMEM;
	checked->field_count++;
	place->strings++;
	return 0;
}

/* The strings that parts of the object point to, as far as there is room. */
static int add_strings(struct object_place *place, const struct type *type, uint32_t offset,
		       unsigned int depth)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);
	struct type_text text;
	int err = 0;

	if (depth > MAX_DEPTH)
		return 0;
	if (type->kind == TYPE_POINTER && type_is_string(type))
		return add_string(place, type, offset, NULL);
	if (type_find_text(type, &text))
		return add_string(place, type, offset, &text);
	for (uint32_t i = 0; i < count && !err; i++)
		err = add_strings(place, members[i].type, offset + members[i].offset, depth + 1);
	for (uint32_t i = 0;
	     type->kind == TYPE_ARRAY && i < type->count && i < CHECKED_MAX_INNER && !err; i++)
		err = add_strings(place, type->target, offset + i * type->target->size, depth + 1);
	return err;
}

/* What a pointer to a structure or an array leads to. */
static struct expr *follow(struct checker *c, struct expr *e)
{
	const struct type *target;

	if (e->type->kind != TYPE_POINTER || type_is_string(e->type))
		return e;
	target = check_known_struct(c, e->type->target);
	if ((target->kind != TYPE_STRUCT && target->kind != TYPE_ARRAY) || !target->size)
		return e;
	return check_new_deref(c, e->pos, e, 0, target);
}

/* An event's record begins with a word that is the kernel's own, in place of the fields that all events have. */
static const struct type *event_fields(struct checker *c, const struct type *record)
{
	struct type *type = arena_alloc(c->arena, sizeof(*type));
	uint32_t count, first = 0;
	const struct type_member *members = type_members(record, &count);

	if (!type)
		return NULL;
	while (first < count && members[first].offset < 8)
		first++;
	*type = *record;
	type->members = members + first;
	type->count = count - first;
	return type;
}

int check_object_field(struct checker *c, struct field *field, const struct expr *arg,
		       struct checked *checked, unsigned int most)
{
	struct expr *e = check_expr(c, arg);
	struct object_place place = { c, NULL, checked, most, 0 };
	char text[CHECK_TEXT_SIZE];

	if (e && (e->type->is_data_loc || (e->kind == EXPR_NAME && e->var->where == VAR_COMM)))
		e = check_string(c, arg, "%O");
	else if (e && e->type->kind == TYPE_POINTER && !field->is_shallow)
		e = follow(c, e);
	if (e && e->type->kind == TYPE_POINTER && e->type->space == SPACE_CTX)
		e = check_value(c, arg); /* which says what is wrong */
	if (!e || c->diag->text[0])
		return -EINVAL;
	if (e->kind == EXPR_DEREF && e->type == c->context->record) {
		e->type = event_fields(c, e->type);
		if (!e->type)
			return -ENOMEM;
	}
	field->expr = e;
	if (type_is_scalar(e->type) || e->type->is_data_loc)
		return 0;
	if (!e->type->size)
		return diag_error(c->diag, arg->pos,
				  "%s can't be printed: the size of %s is not known",
				  check_text(arg, text, sizeof(text)), e->type->name);
	place.e = e;
	return e->kind == EXPR_DEREF || e->kind == EXPR_PIECES ? add_strings(&place, e->type, 0, 0)
							       : 0;
}

bool check_is_printable(struct checker *c, const struct expr *arg)
{
	struct field field = {};
	struct checked checked = {};
	struct expr *e = check_expr(c, arg);
	struct type_text text;

	if (e && type_find_text(e->type, &text) &&
	    (e->kind == EXPR_DEREF || e->kind == EXPR_PIECES))
		return !check_text_field(c, &field, e, 0, &text);
	return e && !check_object_field(c, &field, arg, &checked, 0);
}
