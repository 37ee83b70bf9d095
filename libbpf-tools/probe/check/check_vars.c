/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The vars of a probe: one per name, and where each is found.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "types/arena.h"
#include "probe/check/checker.h"

struct known_var {
	struct known_var *next;
	struct var var;
};

/*
 * Where a function finds its integer arguments: System V psABI for AMD64, 3.2.3; AAPCS64, 6.8.2; Go's
 * internal ABI since 1.17 (src/cmd/compile/abi-internal.md), whose strings and slices are two and
 * three arguments, and whose arguments on the stack depend on the types of all others. Registers
 * are numbered as bsl_reg_get() does.
 */
static const struct convention {
	int machine;
	bool is_go;
	int regs[16];
	unsigned int reg_count;
	int stack_offset; /* of the first one on the stack, at the function's entry; -1: not known */
	int retval;
} conventions[] = {
	{ EM_X86_64, false, { 5, 4, 1, 2, 8, 9 }, 6, 8, 0 },
	{ EM_AARCH64, false, { 0, 1, 2, 3, 4, 5, 6, 7 }, 8, 0, 0 },
	{ EM_X86_64, true, { 0, 3, 2, 5, 4, 8, 9, 10, 11 }, 9, -1, 0 },
	{ EM_AARCH64, true, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, 16, -1, 0 },
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

static const struct convention *convention_of(struct checker *c, int pos)
{
	for (size_t i = 0; i < ARRAY_SIZE(conventions); i++)
		if (conventions[i].machine == c->context->machine &&
		    conventions[i].is_go == c->context->is_go)
			return &conventions[i];
	return check_fail(c, pos,
			  "functions' arguments are not known on this machine (ELF machine %d)",
			  c->context->machine);
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
	struct expr *e;

	snprintf(name, sizeof(name), "ctx->%s", row ? row->name : "?");
	var = row ? check_find_var(c, name) : NULL;
	if (!var) {
		copy = arena_strndup(c->arena, name, strlen(name));
		var = copy ? check_register_var(c, copy, reg, pos, type_unknown()) : NULL;
	}
	e = var ? check_new_expr(c, EXPR_NAME, pos, var->type, NULL, NULL) : NULL;
	if (!e)
		return NULL;
	e->var = var;
	e->text = var->name;
	e->len = strlen(var->name);
	return e;
}

struct var *check_argument_var(struct checker *c, const char *name, unsigned int index, int pos,
			       const struct type *type)
{
	const struct convention *convention = convention_of(c, pos);
	struct var *var;

	if (!convention)
		return NULL;
	if (index < convention->reg_count)
		return check_register_var(c, name, convention->regs[index], pos, type);
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
		var->offset = convention->stack_offset + 8 * (int)(index - convention->reg_count);
	return var;
}

struct var *check_slot_var(struct checker *c, const char *name, int32_t offset,
			   const struct type *type)
{
	struct var *var = check_new_var(c, name, VAR_SLOT, type);

	if (var)
		var->offset = offset;
	return var;
}

struct var *check_result_var(struct checker *c, const char *name, int pos, const struct type *type)
{
	const struct convention *convention = convention_of(c, pos);

	return convention ? check_register_var(c, name, convention->retval, pos, type) : NULL;
}
