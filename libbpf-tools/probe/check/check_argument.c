/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Parameters and results where the calling convention has them (check_abi.c), as expressions.
 */
#include <stdlib.h>
#include <string.h>

#include "probe/check/check_abi.h"
#include "probe/check/checker.h"

static struct expr *register_word(struct checker *c, int reg, int pos)
{
	return check_cast_to(c, check_register_value(c, reg, pos), type_int(8, false));
}

static struct expr *at_address(struct checker *c, struct expr *address, const struct type *type,
			       int pos)
{
	enum type_space space = c->context->is_kernel ? SPACE_KERNEL : SPACE_USER;
	struct expr *pointer = check_cast_to(c, address, type_pointer(c->arena, type, space));

	return pointer ? check_new_deref(c, pos, pointer, 0, type) : NULL;
}

static struct expr *on_stack(struct checker *c, const struct abi *abi, uint32_t offset,
			     const struct type *type, int pos)
{
	const struct type *word = type_int(8, false);
	struct expr *address = register_word(c, abi->machine->sp, pos);

	if (address)
		address = check_new_binary(c, pos, OP_ADD, word, address,
					   check_new_int(c, pos, word, offset));
	return address ? at_address(c, address, type, pos) : NULL;
}

/* What is in registers that probes see; of what isn't nothing is known. */
static struct expr *in_registers(struct checker *c, const struct abi_place *place,
				 const struct type *type, const char *name, int pos)
{
	struct expr *pieces = NULL, **end = &pieces, *value;

	for (unsigned int i = 0; i < place->word_count; i++) {
		const struct abi_word *word = &place->words[i];

		if (word->reg == BSL_REG_NONE)
			continue;
		value = register_word(c, word->reg, pos);
		*end = value ? check_new_expr(c, EXPR_PIECES, pos, type, value, NULL) : NULL;
		if (!*end)
			return NULL;
		(*end)->value = word->offset;
		(*end)->bit_size = (uint8_t)(8 * word->size);
		end = &(*end)->b;
	}
	if (!pieces)
		return check_fail(
			c, pos,
			"'%s' can't be read: it is in a register that probes don't see (floating point, vectors)",
			name);
	return type_is_scalar(type) ? check_piece(c, pos, pieces, 0, type) : pieces;
}

static struct expr *at_place(struct checker *c, const struct abi *abi,
			     const struct abi_place *place, const struct type *type,
			     const char *name, int pos)
{
	struct expr *address;

	switch (place->where) {
	case ABI_WORDS:
		return in_registers(c, place, type, name, pos);
	case ABI_STACK:
		return on_stack(c, abi, place->stack, type, pos);
	case ABI_ADDRESS:
		address = register_word(c, place->reg, pos);
		return address ? at_address(c, address, type, pos) : NULL;
	case ABI_STACK_ADDRESS:
		address = on_stack(c, abi, place->stack, type_int(8, false), pos);
		return address ? at_address(c, address, type, pos) : NULL;
	case ABI_NOTHING:
		return check_fail(c, pos, "'%s' has no bytes", name);
	default:
		return check_fail(
			c, pos,
			"'%s' can't be read: where a caller puts a %s, or finds one, is not known",
			name, type->name);
	}
}

/* Of what the kernel's types tell: C's convention, and no classes. */
struct expr *check_known_argument(struct checker *c, const char *name, unsigned int index, int pos)
{
	const struct context_param *params = c->context->params;
	const struct bsl_machine *machine = check_machine(c, pos);
	struct abi_place place = {};
	struct abi abi;

	if (!machine)
		return NULL;
	abi_start_c(&abi, machine, c->context->retval_type);
	for (unsigned int i = 0; i <= index; i++) {
		place = abi_pass(&abi, params[i].type, DEBUGINFO_BY_VALUE);
		if (place.where == ABI_UNKNOWN)
			return check_fail(
				c, pos,
				"'%s' can't be read: where a caller puts %s, of type %s, is not known",
				name, params[i].name, params[i].type->name);
	}
	return at_place(c, &abi, &place, params[index].type, name, pos);
}

struct expr *check_known_result(struct checker *c, const char *name, int pos)
{
	const struct bsl_machine *machine = check_machine(c, pos);
	const struct type *type = c->context->retval_type;
	struct abi_place place;
	struct abi abi;

	if (!machine)
		return NULL;
	abi_start_c(&abi, machine, type);
	abi_end_arguments(&abi);
	place = abi_return(&abi, type, DEBUGINFO_BY_VALUE);
	return at_place(c, &abi, &place, type, name, pos);
}

static bool has_register(const struct abi_place *place, int reg)
{
	for (unsigned int i = 0; place->where == ABI_WORDS && i < place->word_count; i++)
		if (place->words[i].reg == reg)
			return true;
	return place->where == ABI_ADDRESS && place->reg == reg;
}

/* Registers of which nothing need have been passed count as unseen. */
static void drop_lost(struct abi_place *place, uint64_t lost)
{
	for (unsigned int i = 0; place->where == ABI_WORDS && i < place->word_count; i++) {
		struct abi_word *word = &place->words[i];
		uint64_t bytes = ((1ull << word->size) - 1) << word->offset;

		if (word->size <= 8 && word->offset <= 56 && (lost & bytes) == bytes)
			word->reg = BSL_REG_NONE;
	}
}

struct expr *check_argument(struct checker *c, const struct debuginfo_variable *variable,
			    const struct check_witness *witness, int pos)
{
	const struct debuginfo_scope *scope = c->context->scope;
	const struct bsl_machine *machine = check_machine(c, pos);
	struct abi_place place = {};
	struct abi abi;

	if (!machine)
		return NULL;
	if (!abi_start(&abi, machine, scope))
		return check_fail(
			c, pos,
			"'%s' can't be read: how the function returns a %s, which decides where its parameters are, is not known",
			variable->name, scope->retval->name);
	for (const struct debuginfo_variable *v = scope->params; v && v->index <= variable->index;
	     v = v->next) {
		place = abi_pass(&abi, v->type, debuginfo_passing(&v->die));
		if (place.where == ABI_UNKNOWN && v != variable)
			return check_fail(
				c, pos,
				"'%s' can't be read: where a caller puts %s, of type %s, is not known",
				variable->name, v->name, v->type->name);
	}
	if (witness->reg != BSL_REG_NONE && place.where != ABI_UNKNOWN &&
	    !has_register(&place, witness->reg))
		return check_fail(
			c, pos,
			"'%s' can't be read: it isn't where the calling convention would have it",
			variable->name);
	drop_lost(&place, witness->lost);
	return at_place(c, &abi, &place, variable->type, variable->name, pos);
}

/*
 * Does the function return its result as its type says? All of it: of several registers the compiler may have left out those that
 * nobody uses.
 */
static bool is_returned(const struct debuginfo_scope *scope, const struct abi_place *place)
{
	bool is_returned = debuginfo_scope_is_normal(scope);

	if (debuginfo_scope_keeps_convention(scope))
		return true;
	if (place->where == ABI_ADDRESS)
		return is_returned && debuginfo_scope_returns(scope, place->reg);
	if (place->where != ABI_WORDS)
		return false;
	for (unsigned int i = 0; i < place->word_count && is_returned; i++)
		is_returned = place->words[i].reg == BSL_REG_NONE ||
			      debuginfo_scope_returns(scope, place->words[i].reg);
	return is_returned;
}

struct expr *check_result(struct checker *c, const char *name,
			  const struct debuginfo_variable *result, int pos)
{
	const struct debuginfo_scope *scope = c->context->scope;
	const struct bsl_machine *machine = check_machine(c, pos);
	const struct type *type = result ? result->type : scope->retval;
	struct abi_place place = {};
	struct abi abi;

	if (!machine)
		return NULL;
	abi_start(&abi, machine, scope);
	for (const struct debuginfo_variable *v = scope->params; v; v = v->next)
		abi_pass(&abi, v->type, debuginfo_passing(&v->die));
	abi_end_arguments(&abi);
	for (const struct debuginfo_variable *v = scope->results; v && v != result; v = v->next)
		abi_return(&abi, v->type, DEBUGINFO_BY_VALUE);
	place = abi_return(&abi, type, debuginfo_passing(&scope->function));
	if (!is_returned(scope, &place))
		return check_fail(
			c, pos,
			"'%s' can't be read: the compiler may have made the function return nothing (ctx->%s has what is in the register)",
			name, bsl_reg_get(machine->elf, machine->c.results[0])->name);
	return at_place(c, &abi, &place, type, name, pos);
}

bool check_argument_number(const char *name, unsigned int *number)
{
	if (strncmp(name, "arg", 3) != 0 || !name[3] ||
	    strspn(name + 3, "0123456789") != strlen(name + 3))
		return false;
	*number = strlen(name + 3) < 4 ? (unsigned int)atoi(name + 3) : 0;
	return true;
}
