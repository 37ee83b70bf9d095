/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a spec without a format prints where the types are known: `n1=3, name="x"` at a function's
 * entry, `= 5` at its return. It becomes a format and its arguments, as if they had been written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/check_private.h"

#define MAX_FIELDS 16
#define MAX_TEXT 512

struct draft {
	struct checker *c;
	struct spec *spec;
	char text[MAX_TEXT];
};

/* The conversion of a type; 0: it isn't printed. */
static char conversion_of(const struct type *type)
{
	if (type_is_string(type) && type->kind == TYPE_POINTER)
		return 's';
	if (type->kind == TYPE_POINTER)
		return 'x';
	if (!check_is_integer(type))
		return 0;
	return type->is_signed ? 'd' : 'u';
}

/* prefix, then the value called `name`. 0 or -ENOMEM; what there is no room for is left out. */
static int draft_add(struct draft *draft, const char *prefix, const char *name, const struct type *type)
{
	struct spec_format *format = &draft->spec->format;
	struct field *field = &format->fields[format->field_count];
	struct expr *arg = arena_alloc(draft->c->arena, sizeof(*arg));
	char conv = conversion_of(type);
	const char *quote = conv == 's' ? "\"" : "";
	size_t room = sizeof(draft->text) - format->len;
	int start, end;

	if (!arg)
		return -ENOMEM;
	if (!conv || format->field_count == MAX_FIELDS || strchr(name, '%') || strlen(name) > room / 2)
		return 0;
	start = snprintf(draft->text + format->len, room, "%s%s%s", format->field_count ? ", " : "", prefix,
			 quote);
	end = start + snprintf(draft->text + format->len + start, room - (size_t)start, "%%%c", conv);
	snprintf(draft->text + format->len + end, room - (size_t)end, "%s", quote);
	*field = (struct field){
		.kind = conv == 's' ? FIELD_STR : FIELD_INT,
		.fmt_start = format->len + (size_t)start,
		.fmt_end = format->len + (size_t)end,
		.conv = conv,
		.int_size = type->size < 4 ? 4 : type->size,
		.is_signed = conv == 'd',
		.alt = conv == 'x',
		.width = -1,
		.precision = -1,
	};
	format->len += strlen(draft->text + format->len);
	*arg = (struct expr){.kind = EXPR_NAME, .text = name, .len = strlen(name)};
	draft->spec->args[draft->spec->arg_count++] = arg;
	format->field_count++;
	return 0;
}

static int draft_param(struct draft *draft, unsigned int i, const char *name, const struct type *type)
{
	char number[16], prefix[MAX_TEXT / 4];

	snprintf(number, sizeof(number), "arg%u", i + 1);
	if (!name[0])
		name = arena_strndup(draft->c->arena, number, strlen(number));
	if (!name)
		return -ENOMEM;
	snprintf(prefix, sizeof(prefix), "%s=", name);
	return draft_add(draft, prefix, name, type);
}

static int draft_params(struct draft *draft)
{
	const struct probe_context *context = draft->c->context;
	const struct spec *spec = draft->c->spec;
	int err = 0;

	if (spec->has_signature) {
		for (unsigned int i = 0; i < spec->param_count && !err; i++)
			err = draft_param(draft, i, spec->params[i].name, draft->c->param_types[i]);
		return err;
	}
	/* One passed by value hides where those behind it are. */
	for (unsigned int i = 0; i < context->param_count && !err; i++) {
		const struct context_param *param = &context->params[i];

		if (param->type->kind == TYPE_STRUCT || param->type->kind == TYPE_FLOAT)
			break;
		err = draft_param(draft, i, param->name, param->type);
	}
	return err;
}

int check_default_format(struct checker *c)
{
	const struct type *retval = c->context->has_params ? c->context->retval_type : NULL;
	struct draft draft = {.c = c, .spec = arena_alloc(c->arena, sizeof(struct spec))};
	int err = 0;

	if (!draft.spec)
		return -ENOMEM;
	*draft.spec = *c->spec;
	draft.spec->format = (struct spec_format){
		.fields = arena_alloc(c->arena, (MAX_FIELDS + 1) * sizeof(struct field))};
	draft.spec->args = arena_alloc(c->arena, MAX_FIELDS * sizeof(struct expr *));
	if (!draft.spec->format.fields || !draft.spec->args)
		return -ENOMEM;
	if (c->spec->kind == SPEC_RETURN && retval)
		err = draft_add(&draft, "= ", "retval", retval);
	else if (c->spec->kind == SPEC_ENTRY)
		err = draft_params(&draft);
	if (err || !draft.spec->format.field_count)
		return err;
	draft.spec->format.text = arena_strndup(c->arena, draft.text, draft.spec->format.len);
	if (!draft.spec->format.text)
		return -ENOMEM;
	draft.spec->has_format = true;
	c->spec = draft.spec;
	return 0;
}
