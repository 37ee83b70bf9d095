/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The program's own names at a probe in it, by its DWARF.
 */
#include <blazesym-lite.h>
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

/* The number of the goroutine: Go's compiler keeps the runtime's description of it in a register. */
static struct expr *goroutine_id(struct checker *c, int pos)
{
	struct debuginfo_scope *scope = c->context->scope;
	const struct bsl_machine *machine = check_machine(c, pos);
	const struct type_member *member = NULL;
	const struct type *type = NULL;
	struct expr *g;
	uint32_t offset;

	if (!machine)
		return NULL;
	if (scope && debuginfo_scope_convention(scope) == DEBUGINFO_GO)
		type = debuginfo_types_find(scope->types, NULL, "runtime.g", strlen("runtime.g"));
	if (type)
		member = type_find_member(type, "goid", 4, &offset);
	if (!member || member->type->size != 8)
		return check_fail(
			c, pos,
			"$goid is known in Go's functions only, from 1.17 on and with DWARF");
	g = check_cast_to(c, check_register_value(c, machine->go_g, pos),
			  type_pointer(c->arena, type, SPACE_USER));
	return g ? check_new_deref(c, pos, g, offset, member->type) : NULL;
}

/* A member of the object that a method of C++ is called on, as in its source. NULL and no error: there is none. */
static struct expr *member_of_this(struct checker *c, const struct expr *e)
{
	const struct debuginfo_variable *this = debuginfo_scope_find(c->context->scope, "this");
	const struct type_member *member = NULL;
	struct expr *object;
	uint32_t offset;

	if (this && this->is_param && this->type->kind == TYPE_POINTER)
		member = type_find_member(this->type->target, e->text, e->len, &offset);
	if (!member || member->bit_size)
		return NULL;
	object = variable_value(c, this, e->pos);
	return object ? check_new_deref(c, e->pos, object, offset, member->type) : NULL;
}

struct expr *check_scope_name(struct checker *c, const struct expr *e)
{
	struct debuginfo_scope *scope = c->context->scope;
	const struct debuginfo_variable *variable, *result;
	struct expr *value_of_this = NULL;
	const struct type *type;
	unsigned int number;
	uint64_t value;

	if (!strcmp(e->text, "$goid"))
		return goroutine_id(c, e->pos);
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
	if (!variable || variable->is_global)
		value_of_this = member_of_this(c, e);
	if (value_of_this || c->diag->text[0])
		return value_of_this;
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
