/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The program's own names at a probe in it, by its DWARF.
 */
#include <string.h>

#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

/* At a return the function's own variables are gone; its parameters can have been kept. */
static struct expr *variable_value(struct checker *c, const struct debuginfo_variable *variable,
				   int pos)
{
	struct expr *value;

	if (c->spec->kind != SPEC_RETURN || variable->is_global)
		return check_location(c, variable, pos);
	if (!variable->is_param || !(c->context->scope->is_entry || c->context->scope->is_settled))
		return check_fail(c, pos, "'%s' is not known at a return", variable->name);
	value = check_location(c, variable, pos);
	return value ? check_keep(c, variable->name, value) : NULL;
}

/* One of Go's results by name: retval is the first, and r1 is ~r1, as Go calls one that has none. NULL: it is none. */
static const struct debuginfo_variable *find_result(const struct debuginfo_scope *scope,
						    const char *name)
{
	const struct debuginfo_variable *v = scope->results;

	if (!strcmp(name, "retval") || !strcmp(name, "$retval"))
		return v;
	while (v && strcmp(v->name, name) && (v->name[0] != '~' || strcmp(v->name + 1, name)))
		v = v->next;
	return v;
}

struct expr *check_scope_name(struct checker *c, const struct expr *e)
{
	struct debuginfo_scope *scope = c->context->scope;
	const struct debuginfo_variable *variable, *result;
	const struct type *type;
	unsigned int number;
	uint64_t value;

	if (!scope || c->spec->has_signature)
		return NULL;
	result = find_result(scope, e->text);
	if (result && c->spec->kind == SPEC_RETURN)
		return check_result(c, e->text, result, e->pos);
	if (!strcmp(e->text, "retval") || !strcmp(e->text, "$retval"))
		return c->spec->kind == SPEC_RETURN && scope->retval->kind != TYPE_VOID
			       ? check_result(c, e->text, NULL, e->pos)
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
	type = debuginfo_types_constant(scope->types, scope, e->text, &value);
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
