/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The vars of a probe: one per name, and where each is found.
 */
#include <blazesym-lite.h>
#include <stdio.h>
#include <string.h>

#include "types/arena.h"
#include "probe/check/checker.h"

struct known_var {
	struct known_var *next;
	struct var var;
};

struct var *check_find_var(struct checker *c, const char *name)
{
	for (struct known_var *v = c->vars; v; v = v->next)
		if (strcmp(v->var.name, name) == 0)
			return &v->var;
	return NULL;
}

struct var *check_new_var(struct checker *c, const char *name, enum var_where where,
			  const struct type *type)
{
	struct known_var *v = type ? arena_alloc(c->arena, sizeof(*v)) : NULL;

	if (!v)
		return NULL;
	v->var = (struct var){ .name = name, .where = where, .type = type };
	v->next = c->vars;
	c->vars = v;
	return &v->var;
}

const struct bsl_machine *check_machine(struct checker *c, int pos)
{
	const struct bsl_machine *machine = bsl_machine_get(c->context->machine);

	if (machine)
		return machine;
	return check_fail(c, pos,
			  "functions' arguments are not known on this machine (ELF machine %d)",
			  c->context->machine);
}

static const struct bsl_convention *convention_of(struct checker *c, int pos)
{
	const struct bsl_machine *machine = check_machine(c, pos);

	return !machine ? NULL : c->context->is_go ? &machine->go : &machine->c;
}

struct var *check_register_var(struct checker *c, const char *name, int reg, int pos,
			       const struct type *type)
{
	const struct bsl_reg *row = bsl_reg_get(c->context->machine, reg);
	struct var *var;

	if (!row)
		return check_fail(c, pos, "%s is in a register that is not known", name);
	var = check_new_var(c, name, VAR_REG, type);
	if (var)
		var->offset = row->pt_regs_offset;
	return var;
}

struct expr *check_register_value(struct checker *c, int reg, int pos)
{
	const struct bsl_reg *row = bsl_reg_get(c->context->machine, reg);
	char name[64], *copy;
	struct var *var;

	snprintf(name, sizeof(name), "ctx->%s", row ? row->name : "?");
	var = row ? check_find_var(c, name) : NULL;
	if (!var) {
		copy = arena_strndup(c->arena, name, strlen(name));
		var = copy ? check_register_var(c, copy, reg, pos, type_unknown()) : NULL;
	}
	return check_new_name(c, var, pos);
}

struct var *check_argument_var(struct checker *c, const char *name, unsigned int index, int pos,
			       const struct type *type)
{
	const struct bsl_convention *convention = convention_of(c, pos);
	struct var *var;

	if (!convention)
		return NULL;
	if (index < convention->arg_count)
		return check_register_var(c, name, convention->args[index], pos, type);
	if (convention->stack_offset < 0)
		return check_fail(
			c, pos,
			"%s is not in a register: Go's arguments on the stack are not known", name);
	if (c->spec->offset)
		return check_fail(
			c, pos,
			"%s is on the stack, where it can be found only at the function's entry",
			name);
	var = check_new_var(c, name, VAR_STACK, type);
	if (var)
		var->offset = convention->stack_offset + 8 * (int)(index - convention->arg_count);
	return var;
}

struct var *check_slot_var(struct checker *c, const char *name, int32_t offset,
			   const struct type *type)
{
	enum var_where where = c->context->has_call_registers ? VAR_CALL_REG : VAR_SLOT;
	struct var *var = check_new_var(c, name, where, type);

	if (var)
		var->offset = offset;
	return var;
}

struct var *check_result_var(struct checker *c, const char *name, int pos, const struct type *type)
{
	const struct bsl_convention *convention = convention_of(c, pos);

	return convention ? check_register_var(c, name, convention->results[0], pos, type) : NULL;
}
