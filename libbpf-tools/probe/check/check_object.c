/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * %O: a value of any type, printed by that type. What is in memory is recorded as one block of bytes and taken
 * apart when it is printed; strings, elements and the like that its members lead to are recorded behind it.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <string.h>

#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

#define MAX_DEPTH 4
#define MAX_TEXTS 4 /* of elements that are strings */
#define INTERFACE_SIZE \
	64 /* bytes looked at of what an interface has, whose type is known only when it is printed */

/* Where the object is, as what its strings are found through. */
struct object_place {
	struct checker *c;
	struct expr *e;
	struct checked *checked;
	unsigned int most; /* fields that there can be */
	unsigned int inner;
};

static bool has_room(const struct object_place *place, unsigned int count)
{
	return place->inner + count <= CHECKED_MAX_INNER &&
	       place->checked->field_count + count <= place->most;
}

/* A field behind the object's own, for which there is room. err: of making its expressions. */
static int add_inner(struct object_place *place, struct inner inner, struct field field, int err)
{
	field.inner = inner;
	field.width = field.precision = -1;
	if (err || !field.expr || (field.kind == FIELD_STR_LEN && !field.len_expr))
		return err ? err : place->c->diag->text[0] ? -EINVAL : -ENOMEM;
	place->checked->fields[place->checked->field_count++] = field;
	place->inner++;
	return 0;
}

/* A pointer to char, or a structure that is a string. */
static int add_string(struct object_place *place, const struct type *type, uint32_t offset,
		      const struct type_text *text)
{
	struct field field = { .kind = FIELD_STR, .conv = 's' };
	int err = 0;

	if (!has_room(place, 1) || offset + type->size > CHECKED_MAX_OBJECT)
		return 0;
	/* Of what isn't in memory as a whole a part can be missing: it has no string then. */
	if (place->e->kind == EXPR_PIECES && (!ast_has_piece(place->e, offset, type->size) ||
					      (text && text->is_owner && check_is_kept(place->e))))
		return 0;
	if (text)
		err = check_text_field(place->c, &field, place->e, offset, text);
	else
		field.expr = check_member_value(place->c, place->e, type, offset);
	return add_inner(place, (struct inner){ INNER_STRING, offset, 0, false }, field, err);
}

/* ---- what shapes lead to -------------------------------------------------------------------- */

static struct expr *number_at(struct object_place *place, uint32_t offset)
{
	struct expr *e =
		type_is_scalar(place->e->type)
			? place->e
			: check_member_value(place->c, place->e, type_int(8, false), offset);

	return e ? check_cast_to(place->c, e, type_int(8, false)) : NULL;
}

static struct expr *constant(struct object_place *place, uint64_t value)
{
	return check_new_int(place->c, place->e->pos, type_int(8, false), value);
}

static struct expr *compute(struct object_place *place, enum expr_op op, struct expr *a,
			    struct expr *b)
{
	return a && b ? check_new_binary(place->c, place->e->pos, op, type_int(8, false), a, b)
		      : NULL;
}

static struct expr *as_pointer(struct object_place *place, struct expr *address,
			       const struct type *type)
{
	return address ? check_cast_to(place->c, address,
				       type_pointer(place->c->arena, type, SPACE_USER))
		       : NULL;
}

/* `size` bytes at an address. */
static int add_bytes(struct object_place *place, uint32_t offset, struct expr *address,
		     struct expr *size)
{
	struct field field = { .kind = FIELD_STR_LEN,
			       .conv = 's',
			       .expr = as_pointer(place, address, type_char()) };

	field.len_expr = size ? check_convert(place->c, size, type_int(8, true)) : NULL;
	return add_inner(place, (struct inner){ INNER_BYTES, offset, 0, false }, field, 0);
}

/* A string within such bytes: its address and length are there, at an offset from their own address. */
static int add_nested_text(struct object_place *place, uint32_t parent, struct expr *address,
			   uint32_t offset, const struct type_text *text)
{
	const struct type *word = type_int(8, false);
	struct field field = { .kind = FIELD_STR_LEN, .conv = 's' };
	struct expr *data, *len;

	if (!has_room(place, 1))
		return 0;
	data = as_pointer(
		place, compute(place, OP_ADD, address, constant(place, offset + text->data_offset)),
		word);
	len = as_pointer(
		place, compute(place, OP_ADD, address, constant(place, offset + text->len_offset)),
		word);
	if (!data || !len)
		return -ENOMEM;
	field.expr = as_pointer(place, check_new_deref(place->c, place->e->pos, data, 0, word),
				type_char());
	len = check_new_deref(place->c, place->e->pos, len, 0, word);
	field.len_expr = len ? check_convert(place->c, len, type_int(8, true)) : NULL;
	return add_inner(place, (struct inner){ INNER_STRING, offset, parent, true }, field, 0);
}

/* The strings that values at an address are, or have as members. */
static int add_nested_texts(struct object_place *place, uint32_t parent, struct expr *address,
			    const struct type *type, unsigned int count)
{
	uint32_t member_count;
	const struct type_member *members = type_members(type, &member_count);
	struct type_text text;
	int err = 0;

	for (unsigned int i = 0; i < count && !err; i++) {
		uint32_t at = i * type->size;

		if (type_find_text(type, &text)) {
			err = add_nested_text(place, parent, address, at, &text);
			continue;
		}
		for (uint32_t k = 0; k < member_count && !err; k++)
			if (type_find_text(members[k].type, &text))
				err = add_nested_text(place, parent, address,
						      at + members[k].offset, &text);
	}
	return err;
}

static int add_elements(struct object_place *place, const struct type_shape *shape, uint32_t offset)
{
	struct expr *data = number_at(place, offset + shape->data_offset),
		    *size = number_at(place, offset + shape->len_offset);
	int err;

	size = shape->is_end ? compute(place, OP_SUB, size, data)
			     : compute(place, OP_MUL, size, constant(place, shape->element->size));
	err = add_bytes(place, offset, data, size);
	return err ? err : add_nested_texts(place, offset, data, shape->element, MAX_TEXTS);
}

static int add_pointee(struct object_place *place, const struct type_shape *shape, uint32_t offset)
{
	struct expr *data = compute(place, OP_ADD, number_at(place, offset + shape->data_offset),
				    constant(place, shape->element_offset));
	int err = add_bytes(place, offset, data, constant(place, shape->element->size));

	return err ? err : add_nested_texts(place, offset, data, shape->element, 1);
}

/* An address of the running program as the file has it. */
static struct expr *link_time(struct object_place *place, struct expr *address)
{
	const struct probe_context *context = place->c->context;
	const struct bsl_machine *machine = check_machine(place->c, place->e->pos);
	struct expr *here;

	if (!machine || !address || !context->is_relocatable)
		return address;
	here = check_cast_to(place->c, check_register_value(place->c, machine->pc, place->e->pos),
			     type_int(8, false));
	if (here && place->c->spec->kind == SPEC_RETURN)
		here = check_keep(place->c, "the probe's address", here);
	address = compute(place, OP_SUB, address, here);
	return compute(place, OP_ADD, address, constant(place, context->scope->addr));
}

/*
 * The type's address is the first word, or in the table's second (runtime.itab); the value is at the second word. Errors mostly
 * begin with a string or two.
 */
static int add_interface(struct object_place *place, const struct type_shape *shape,
			 uint32_t offset)
{
	const struct type *word = type_int(8, false);
	static const struct type_text text = { .data_offset = 0, .len_offset = 8 };
	struct expr *type = number_at(place, offset), *data = number_at(place, offset + 8), *table;
	struct field field = { .kind = FIELD_INT, .conv = 'x', .int_size = 8 };
	int err;

	if (shape->has_table) {
		table = as_pointer(place, type, word);
		type = table ? check_new_deref(place->c, place->e->pos, table, 8, word) : NULL;
	}
	field.expr = link_time(place, type);
	err = add_inner(place, (struct inner){ INNER_TYPE, offset, 0, false }, field, 0);
	if (!err)
		err = add_bytes(place, offset, data, constant(place, INTERFACE_SIZE));
	for (uint32_t at = 0; at <= 16 && !err; at += 16)
		err = add_nested_text(place, offset, data, at, &text);
	return err;
}

static int add_map(struct object_place *place, uint32_t offset)
{
	const struct type *word = type_int(8, false);
	struct field field = { .kind = FIELD_INT, .conv = 'u', .int_size = 8 };
	struct expr *pointer = as_pointer(place, number_at(place, offset), word);

	field.expr = pointer ? check_new_deref(place->c, place->e->pos, pointer, 0, word) : NULL;
	return add_inner(place, (struct inner){ INNER_COUNT, offset, 0, false }, field, 0);
}

/* What a shape at an offset leads to, as far as there is room; not by the return what the entry had, which may have changed. */
static int add_shape(struct object_place *place, const struct type *type,
		     const struct type_shape *shape, uint32_t offset)
{
	bool is_here = place->e->kind != EXPR_PIECES || ast_has_piece(place->e, offset, type->size);

	if (check_is_kept(place->e) || !is_here || offset + type->size > CHECKED_MAX_OBJECT)
		return 0;
	switch (shape->kind) {
	case SHAPE_ELEMENTS:
		return has_room(place, 1) ? add_elements(place, shape, offset) : 0;
	case SHAPE_POINTEE:
		return has_room(place, 1) ? add_pointee(place, shape, offset) : 0;
	case SHAPE_INTERFACE:
		return has_room(place, 2) ? add_interface(place, shape, offset) : 0;
	case SHAPE_MAP:
		return has_room(place, 1) ? add_map(place, offset) : 0;
	default:
		return 0;
	}
}

static int add_all(struct object_place *place, const struct type *type, uint32_t offset,
		   unsigned int depth);

/* Those of all forms that it may have: only those of the one it has are shown. */
static int add_variants(struct object_place *place, const struct type_variants *variants,
			uint32_t offset, unsigned int depth)
{
	int err = 0;

	for (uint32_t i = 0; i < variants->count && !err; i++)
		err = add_all(place, variants->variants[i].type,
			      offset + variants->variants[i].offset, depth + 1);
	return err;
}

/* What the object's parts lead to, as far as there is room. */
static int add_all(struct object_place *place, const struct type *type, uint32_t offset,
		   unsigned int depth)
{
	const struct type_variants *variants = type_variants(type);
	uint32_t count;
	const struct type_member *members = type_members(type, &count);
	struct type_shape shape;
	struct type_text text;
	int err = 0;

	if (depth > MAX_DEPTH)
		return 0;
	if (type->kind == TYPE_POINTER && type_is_string(type))
		return add_string(place, type, offset, NULL);
	if (type_find_text(type, &text))
		return add_string(place, type, offset, &text);
	if (type_find_shape(type, &shape) && shape.kind != SHAPE_MEMBER &&
	    shape.kind != SHAPE_OPTIONAL)
		return add_shape(place, type, &shape, offset);
	if (variants)
		return add_variants(place, variants, offset, depth);
	for (uint32_t i = 0; i < count && !err; i++)
		err = add_all(place, members[i].type, offset + members[i].offset, depth + 1);
	for (uint32_t i = 0;
	     type->kind == TYPE_ARRAY && i < type->count && i < CHECKED_MAX_INNER && !err; i++)
		err = add_all(place, type->target, offset + i * type->target->size, depth + 1);
	return err;
}

/* What a pointer to a structure or an array leads to. */
static struct expr *follow(struct checker *c, struct expr *e)
{
	const struct type *target;

	if (e->type->kind != TYPE_POINTER || type_is_string(e->type))
		return e;
	target = check_known_struct(c, e->type->target);
	if ((target->kind != TYPE_STRUCT && target->kind != TYPE_ARRAY && !e->type->is_box) ||
	    !target->size)
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
	struct type_shape shape;
	char text[CHECK_TEXT_SIZE];

	if (e && (e->type->is_data_loc || (e->kind == EXPR_NAME && e->var->where == VAR_COMM)))
		e = check_string(c, arg, "%O");
	else if (e && e->type->is_owner && !field->is_shallow && check_is_kept(e))
		return diag_error(
			c->diag, arg->pos,
			"the function may have changed or freed what %s leads to by the return: p: shows it",
			check_text(arg, text, sizeof(text)));
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
	if (e->type->is_data_loc || (type_is_scalar(e->type) && !type_find_shape(e->type, &shape)))
		return 0;
	if (!e->type->size)
		return diag_error(c->diag, arg->pos,
				  "%s can't be printed: the size of %s is not known",
				  check_text(arg, text, sizeof(text)), e->type->name);
	place.e = e;
	return type_is_scalar(e->type) || e->kind == EXPR_DEREF || e->kind == EXPR_PIECES
		       ? add_all(&place, e->type, 0, 0)
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
