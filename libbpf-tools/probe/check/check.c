/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A spec as a whole: its predicate, and the arguments against the format's conversions.
 */
#include "probe/check/check.h"

#include <errno.h>

#include "probe/check/checker.h"

/*
 * An integer is recorded as wide as the wider of its type and the conversion, so that a size_t under %d
 * is printed whole; %c, %hd and %hhd are for cutting. argN is as wide as the conversion says.
 */
static const struct type *recorded_type(const struct field *field, const struct type *type)
{
	unsigned int size = field->int_size;

	if (size >= 4 && !type->is_unknown && type->size > size)
		size = type->size;
	return type_int(size, field->is_signed);
}

static int check_int_field(struct checker *c, struct field *field, const struct expr *arg)
{
	struct expr *e = check_expr(c, arg);
	char text[CHECK_TEXT_SIZE];

	if (e && e->type->kind == TYPE_ARRAY)
		return diag_error(
			c->diag, arg->pos,
			type_is_string(e->type)
				? "%s is text: print it with %%s, not %%%c"
				: "%s is an array: print its elements, not all of it with %%%c",
			check_text(arg, text, sizeof(text)), field->conv);
	e = e ? check_value(c, arg) : NULL;
	if (!e)
		return -EINVAL;
	/* As in C the value is promoted first: a char of -1 is -1 under %d, and 0xffffffff under %x. */
	e = check_promote(c, e);
	if (e)
		field->expr = check_cast_to(c, e, recorded_type(field, e->type));
	return field->expr ? 0 : -ENOMEM;
}

/* %K, %U: an address. */
static int check_symbol_field(struct checker *c, struct field *field, const struct expr *arg)
{
	struct expr *e = check_value(c, arg);
	char text[CHECK_TEXT_SIZE];

	if (!e)
		return -EINVAL;
	if (!check_is_integer(e->type) && e->type->kind != TYPE_POINTER)
		return diag_error(c->diag, arg->pos, "%%%c takes an address, but %s is of type %s",
				  field->conv, check_text(arg, text, sizeof(text)), e->type->name);
	field->expr = check_cast_to(c, e, type_int(8, false));
	return field->expr ? 0 : -ENOMEM;
}

static int check_length(struct checker *c, struct field *field, const struct expr *arg)
{
	struct expr *e = check_value(c, arg);
	char text[CHECK_TEXT_SIZE];

	if (!e)
		return -EINVAL;
	if (!check_is_integer(e->type))
		return diag_error(c->diag, arg->pos,
				  "%%.*s takes a length, then a string, but %s is of type %s",
				  check_text(arg, text, sizeof(text)), e->type->name);
	/* C takes an int; of argN's register only that much can be trusted. */
	if (e->type->is_unknown)
		e = check_cast_to(c, e, type_int(4, true));
	field->len_expr = check_convert(c, e, type_int(8, true));
	return field->len_expr ? 0 : -ENOMEM;
}

static int check_string_field(struct checker *c, struct field *field, const struct expr *arg)
{
	struct expr *e = check_expr(c, arg);
	struct type_text text;

	/* A pointer to one is as good. */
	if (e && e->type->kind == TYPE_POINTER && type_find_text(e->type->target, &text))
		e = check_new_deref(c, e->pos, e, 0, e->type->target);
	if (!e)
		return -EINVAL;
	if ((e->kind == EXPR_DEREF || e->kind == EXPR_PIECES) && type_find_text(e->type, &text))
		return check_text_field(c, field, e, 0, &text);
	field->expr = check_string(c, arg, "%s");
	return field->expr ? 0 : -EINVAL;
}

static unsigned int values_of(const struct field *field)
{
	switch (field->kind) {
	case FIELD_STR_LEN:
		return 2;
	default:
		return 1;
	}
}

/* One conversion with the arguments that are its own. */
static int check_field(struct checker *c, struct field *field, struct expr *const *args,
		       struct checked *checked, unsigned int most)
{
	int err;

	switch (field->kind) {
	case FIELD_INT:
		return check_int_field(c, field, args[0]);
	case FIELD_STR:
		return check_string_field(c, field, args[0]);
	case FIELD_STR_LEN:
		err = check_length(c, field, args[0]);
		if (err)
			return err;
		field->expr = check_string(c, args[1], "%.*s");
		return field->expr ? 0 : -EINVAL;
	case FIELD_OBJECT:
		return check_object_field(c, field, args[0], checked, most);
	default:
		return check_symbol_field(c, field, args[0]);
	}
}

static int check_count(struct checker *c)
{
	const struct spec *spec = c->spec;
	unsigned int wanted = 0;
	int pos;

	for (unsigned int i = 0; i < spec->format.field_count; i++)
		wanted += values_of(&spec->format.fields[i]);
	if (spec->arg_count == wanted)
		return 0;
	pos = spec->arg_count > wanted ? spec->args[wanted]->pos : spec->format.pos;
	return diag_error(c->diag, pos, "the format takes %u value%s, but %u %s given", wanted,
			  wanted == 1 ? "" : "s", spec->arg_count,
			  spec->arg_count == 1 ? "is" : "are");
}

static int check_fields(struct checker *c, struct checked *checked)
{
	const struct spec_format *format = &c->spec->format;
	unsigned int arg = 0;
	int err;

	err = check_count(c);
	if (err)
		return err;
	checked->fields = arena_alloc(c->arena, (format->field_count + CHECKED_MAX_FIELDS) *
							sizeof(*checked->fields));
	if (!checked->fields)
		return -ENOMEM;
	for (unsigned int i = 0; i < format->field_count; i++) {
		struct field *field = &checked->fields[checked->field_count++];
		unsigned int others = format->field_count - i - 1;

		*field = format->fields[i];
		/* Strings within an object have what room the conversions leave. */
		err = check_field(c, field, c->spec->args + arg, checked,
				  CHECKED_MAX_FIELDS > others ? CHECKED_MAX_FIELDS - others : 0);
		if (err)
			return err;
		arg += values_of(&format->fields[i]);
	}
	return 0;
}

/* What is summed up: an integer; one of unknown type is signed, so that a -1 is one. */
static int check_measure(struct checker *c, struct checked *checked)
{
	const struct expr *written = c->spec->measure;
	struct expr *e = check_value(c, written);
	char text[CHECK_TEXT_SIZE];

	if (e && !check_is_integer(e->type))
		diag_error(c->diag, written->pos, "%s is of type %s, not an integer",
			   check_text(written, text, sizeof(text)), e->type->name);
	else if (e)
		checked->measure =
			check_cast_to(c, e, type_int(8, e->type->is_signed || e->type->is_unknown));
	if (checked->measure) {
		checked->measure_is_signed = checked->measure->type->is_signed;
		return 0;
	}
	diag_in(c->diag, c->spec->measure_text);
	return -EINVAL;
}

static int check_all(struct checker *c, struct checked *checked)
{
	int err = check_params(c);

	if (!err && !c->spec->has_format && !c->spec->adds_up)
		err = check_default_format(c);
	if (err)
		return err;
	checked->spec = c->spec;
	if (c->spec->predicate) {
		checked->predicate = check_value(c, c->spec->predicate);
		if (!checked->predicate)
			return -EINVAL;
	}
	err = c->spec->measure ? check_measure(c, checked) : 0;
	return !err && c->spec->has_format ? check_fields(c, checked) : err;
}

int check_spec(const struct spec *spec, const struct probe_context *context,
	       struct checked **checked, struct diag *diag)
{
	struct checker c = { .arena = spec->arena, .diag = diag, .spec = spec, .context = context };
	struct checked *result = c.checked = arena_alloc(spec->arena, sizeof(*result));

	*diag = (struct diag){ 0 };
	*checked = NULL;
	if (!result)
		return -ENOMEM;
	result->spec = spec;
	result->context = context;
	/* Whatever failed without a message ran out of memory. */
	if (check_all(&c, result))
		return diag->text[0] ? -EINVAL : -ENOMEM;
	*checked = result;
	return 0;
}
