/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a spec without a format prints where the types are known: `n1=3, name="x"` at a function's
 * entry, `(n1=3, name="x") = 5 <1.234 us>` at its return. It becomes a format and its arguments, as if they
 * had been written.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

#define MAX_FIELDS 16
#define MAX_MISSING 32
#define MAX_TEXT 512

struct draft {
	struct checker *c;
	struct spec *spec;
	char text[MAX_TEXT];
};

/* The conversion of a type; 0: it isn't printed. Rust's references to a String are what they refer to, too. */
static char conversion_of(const struct draft *draft, const struct type *type)
{
	const struct debuginfo_scope *scope = draft->c->context->scope;
	bool is_rust = scope && scope->language == DW_LANG_Rust;
	const struct type *value =
		type->is_reference || (is_rust && type->kind == TYPE_POINTER) ? type->target : type;
	struct type_text text;

	if (type_find_text(value, &text))
		return 's';
	if (type_is_string(type) && type->kind == TYPE_POINTER && !type->is_reference)
		return 's';
	if (type->is_unknown)
		return 'x';
	if (scope && (type->kind == TYPE_FLOAT || type->kind == TYPE_ARRAY))
		return type_is_string(type) ? 's' : 'O';
	return type->is_reference || type->kind == TYPE_STRUCT || type_is_scalar(type) ? 'O' : 0;
}

static size_t draft_room(const struct draft *draft)
{
	return sizeof(draft->text) - draft->spec->format.len;
}

static void draft_text(struct draft *draft, const char *text)
{
	struct spec_format *format = &draft->spec->format;

	snprintf(draft->text + format->len, draft_room(draft), "%s", text);
	format->len += strlen(draft->text + format->len);
}

/* The value called `name`, which draft_fits() has said there is room for. 0 or -ENOMEM. */
static int draft_arg(struct draft *draft, const char *name, const struct type *type, char conv,
		     struct expr *arg)
{
	struct spec_format *format = &draft->spec->format;
	struct field *field = &format->fields[format->field_count++];

	if (!arg)
		return -ENOMEM;
	*field = (struct field){
		.kind = conv == 's'   ? FIELD_STR
			: conv == 'O' ? FIELD_OBJECT
				      : FIELD_INT,
		.fmt_start = format->len,
		.fmt_end = format->len + 2,
		.conv = conv,
		.int_size = type->size,
		.alt = conv == 'x',
		.name = name,
		.is_quoted = conv == 's',
		.is_shallow = conv == 'O' && !type->is_box,
		.width = -1,
		.precision = -1,
	};
	draft_text(draft, (const char[]){ '%', conv, '\0' });
	draft->spec->args[draft->spec->arg_count++] = arg;
	return 0;
}

static struct expr *name_expr(struct draft *draft, const char *name)
{
	struct expr *e = arena_alloc(draft->c->arena, sizeof(*e));

	if (e)
		*e = (struct expr){ .kind = EXPR_NAME, .text = name, .len = strlen(name) };
	return e;
}

static int draft_value(struct draft *draft, const char *name, const struct type *type, char conv)
{
	return draft_arg(draft, name, type, conv, name_expr(draft, name));
}

/* The result and the time have room of their own. */
static bool draft_fits(const struct draft *draft, const char *name)
{
	return draft->spec->format.field_count < MAX_FIELDS - 2 && !strchr(name, '%') &&
	       strlen(name) + 64 < draft_room(draft);
}

static void draft_comma(struct draft *draft)
{
	const struct spec_format *format = &draft->spec->format;

	if (format->len && draft->text[format->len - 1] != '(')
		draft_text(draft, ", ");
}

/* What can't be read is remembered with the reason. 0 or -ENOMEM. */
static int note_missing(struct draft *draft, const char *name, const char *why, bool is_result)
{
	struct spec_format *format = &draft->spec->format;
	struct missing *missing = &format->missing[format->missing_count];

	log_info("%s: %s", draft->spec->text, why);
	if (format->missing_count == MAX_MISSING)
		return 0;
	*missing = (struct missing){ .name = name,
				     .why = arena_strndup(draft->c->arena, why, strlen(why)),
				     .is_result = is_result };
	format->missing_count += missing->why != NULL;
	return missing->why ? 0 : -ENOMEM;
}

/* A parameter that can't be read here is named all the same. */
static int draft_missing(struct draft *draft, const char *name, const char *why)
{
	int err = note_missing(draft, name, why, false);

	if (err || !draft_fits(draft, name))
		return err;
	draft_comma(draft);
	draft_text(draft, name);
	draft_text(draft, strstr(why, "optimised out") ? "=<optimised out>" : "=?");
	return 0;
}

/* Can it be read here? If not, *why says so. */
static bool is_readable(struct draft *draft, const char *name, const struct type *type,
			struct diag *why)
{
	struct checker *c = draft->c;
	const struct expr e = { .kind = EXPR_NAME, .text = name, .len = strlen(name) };
	struct diag *diag = c->diag;

	*why = (struct diag){};
	if (!c->context->scope && type->kind != TYPE_STRUCT)
		return true;
	c->diag = why;
	check_is_printable(c, &e);
	c->diag = diag;
	return !why->text[0];
}

/* Of the i-th without a name: arg1, ... */
static const char *argument_name(struct draft *draft, unsigned int i)
{
	char number[16];

	snprintf(number, sizeof(number), "arg%u", i + 1);
	return arena_strndup(draft->c->arena, number, strlen(number));
}

static int draft_param(struct draft *draft, unsigned int i, const char *name,
		       const struct type *type)
{
	char conv = conversion_of(draft, type);
	struct diag why;

	if (!name[0])
		name = argument_name(draft, i);
	if (!name)
		return -ENOMEM;
	if (!is_readable(draft, name, type, &why))
		return draft_missing(draft, name, why.text);
	if (!conv || !draft_fits(draft, name))
		return 0;
	draft_comma(draft);
	draft_text(draft, name);
	draft_text(draft, "=");
	return draft_value(draft, name, type, conv);
}

/* At a source line what its function has of its own; what an inner block's variable hides is left out. */
static int draft_locals(struct draft *draft)
{
	struct debuginfo_scope *scope = draft->c->context->scope;
	unsigned int i = 0;
	int err = 0;

	for (const struct debuginfo_variable *v = scope->locals; v && !err; v = v->next, i++)
		if (*v->name && debuginfo_scope_find(scope, v->name) == v)
			err = draft_param(draft, i, v->name, v->type);
	return err;
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
	for (unsigned int i = 0; i < context->param_count && !err; i++) {
		const struct context_param *param = &context->params[i];

		if (!context->scope && param->type->kind == TYPE_FLOAT)
			break;
		err = draft_param(draft, i, param->name, param->type);
	}
	return !err && context->scope && spec->file ? draft_locals(draft) : err;
}

/* Go's results, if there are several: q=3, err=nil; ~r0 and the like stand for none. */
static int draft_results(struct draft *draft, const struct debuginfo_variable *results)
{
	struct spec_format *format = &draft->spec->format;
	struct diag why;
	int err = 0;

	draft_text(draft, "= ");
	for (const struct debuginfo_variable *v = results; v && !err; v = v->next) {
		bool is_named = v->name[0] && v->name[0] != '~';
		bool fits = draft_fits(draft, v->name);
		char conv = conversion_of(draft, v->type);

		if (v != results)
			draft_text(draft, ", ");
		if (is_named && fits) {
			draft_text(draft, v->name);
			draft_text(draft, "=");
		}
		if (fits && conv && is_readable(draft, v->name, v->type, &why)) {
			err = draft_value(draft, v->name, v->type, conv);
			format->fields[format->field_count - 1].is_result = true;
		} else {
			draft_text(draft, fits ? "?" : "...");
			err = fits ? note_missing(draft, v->name, why.text, true) : 0;
		}
	}
	draft_text(draft, " ");
	return err;
}

/* Of a result whose type is not known all of its register. */
static int draft_result(struct draft *draft)
{
	const struct probe_context *context = draft->c->context;
	const struct type *type = context->has_params ? context->retval_type : type_unknown();
	char conv = type ? conversion_of(draft, type) : 0;
	struct diag why = {};
	int err;

	if (!type || !type->size)
		return 0;
	if (!conv)
		snprintf(why.text, sizeof(why.text), "where a %s is returned is not seen by probes",
			 type->name);
	else
		is_readable(draft, "retval", type, &why);
	draft_text(draft, why.text[0] ? "= ?" : "= ");
	err = why.text[0] ? note_missing(draft, "retval", why.text, false)
			  : draft_value(draft, "retval", type, conv);
	draft_text(draft, " ");
	return err;
}

/* (PARAMETERS) = RESULT <TIME> */
static int draft_return(struct draft *draft)
{
	const struct debuginfo_scope *scope = draft->c->context->scope;
	int err;

	draft_text(draft, "(");
	err = draft_params(draft);
	if (err)
		return err;
	if (draft->spec->format.len > 1)
		draft_text(draft, ") ");
	else
		draft->spec->format.len = 0;
	if (scope && scope->results && scope->results->next)
		err = draft_results(draft, scope->results);
	else
		err = draft_result(draft);
	if (err)
		return err;
	draft_text(draft, "<");
	err = draft_value(draft, "$latency", type_int(8, false), 'T');
	draft_text(draft, ">");
	return err;
}

/* A tracepoint's fields, but those that all have in front. */
static int draft_fields(struct draft *draft)
{
	const struct type *record = draft->c->context->record;
	uint32_t count;
	const struct type_member *members = record ? type_members(record, &count) : NULL;
	int err = 0;

	for (uint32_t i = 0; members && i < count && !err; i++) {
		struct expr *args = name_expr(draft, "args"), *arg;
		bool is_text = members[i].type->is_data_loc || type_is_string(members[i].type);

		if (members[i].offset < 8 || !draft_fits(draft, members[i].name))
			continue;
		arg = arena_alloc(draft->c->arena, sizeof(*arg));
		if (!args || !arg)
			return -ENOMEM;
		*arg = (struct expr){ .kind = EXPR_MEMBER,
				      .a = args,
				      .text = members[i].name,
				      .len = strlen(members[i].name),
				      .arrow = true };
		draft_comma(draft);
		draft_text(draft, members[i].name);
		draft_text(draft, "=");
		err = draft_arg(draft, members[i].name, members[i].type, is_text ? 's' : 'O', arg);
	}
	return err;
}

/* A USDT probe's operands. */
static int draft_operands(struct draft *draft)
{
	const struct bsl_usdt *usdt = draft->c->context->usdt;
	int err = 0;

	for (unsigned int i = 0; usdt && i < usdt->nargs && i < BSL_USDT_MAX_ARGS && !err; i++) {
		const struct bsl_usdt_arg *arg = &usdt->args[i];

		if (arg->kind == BSL_ARG_UNSUPPORTED || arg->is_float)
			err = draft_missing(draft, argument_name(draft, i),
					    arg->why ?: "it is a floating-point value");
		else
			err = draft_param(draft, i, "", type_int(arg->size ?: 8, arg->is_signed));
	}
	return err;
}

int check_default_format(struct checker *c)
{
	struct draft draft = { .c = c, .spec = arena_alloc(c->arena, sizeof(struct spec)) };
	int err = 0;

	if (!draft.spec)
		return -ENOMEM;
	*draft.spec = *c->spec;
	draft.spec->format = (struct spec_format){
		.fields = arena_alloc(c->arena, (MAX_FIELDS + 1) * sizeof(struct field)),
		.missing = arena_alloc(c->arena, MAX_MISSING * sizeof(struct missing)),
		.is_default = true,
	};
	draft.spec->args = arena_alloc(c->arena, MAX_FIELDS * sizeof(struct expr *));
	if (!draft.spec->format.fields || !draft.spec->args || !draft.spec->format.missing)
		return -ENOMEM;
	if (c->spec->kind == SPEC_RETURN)
		err = draft_return(&draft);
	else if (c->spec->kind == SPEC_ENTRY)
		err = draft_params(&draft);
	else if (c->spec->kind == SPEC_TRACEPOINT)
		err = draft_fields(&draft);
	else
		err = draft_operands(&draft);
	if (err || !draft.spec->format.len)
		return err;
	draft.spec->format.text = arena_strndup(c->arena, draft.text, draft.spec->format.len);
	if (!draft.spec->format.text)
		return -ENOMEM;
	draft.spec->has_format = true;
	c->spec = draft.spec;
	return 0;
}
