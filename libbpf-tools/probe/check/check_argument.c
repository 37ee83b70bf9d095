/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a caller puts a parameter of any type: System V psABI for AMD64, 3.2.3; AAPCS64, 6.8.2; Go's internal
 * ABI (src/cmd/compile/abi-internal.md). Rust's own convention isn't written down; for what is used
 * here it is C's, except that what doesn't fit into two registers is passed by address.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

/* A type's parts that are no structures. */
#define MAX_PARTS 16

struct part {
	const struct type *type;
	uint32_t offset;
};

struct parts {
	struct part part[MAX_PARTS];
	unsigned int count;
	bool is_known; /* all of them are here */
};

/* How far the registers and the stack are used up. */
struct passing {
	const struct bsl_machine *machine;
	const struct bsl_convention *convention;
	bool is_go, is_rust;
	bool is_result; /* not a parameter but what the function returns */
	unsigned int integers, floats;
	uint32_t stack; /* bytes of the caller's that are taken */
};

/* Where one parameter is. */
struct argument {
	enum { ARGUMENT_UNKNOWN, ARGUMENT_FLOAT, ARGUMENT_REGISTERS, ARGUMENT_STACK } where;
	bool is_address;    /* of the value, which the caller keeps */
	unsigned int first; /* register */
	uint32_t stack;
	struct parts parts; /* in registers: one each */
};

/* ---- types ---------------------------------------------------------------------------------- */

static void take_apart(const struct type *type, uint32_t offset, struct parts *parts,
		       unsigned int depth)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	if (type->kind != TYPE_STRUCT && type->kind != TYPE_ARRAY) {
		if (parts->count == MAX_PARTS || !type->size)
			parts->is_known = false;
		else
			parts->part[parts->count++] = (struct part){ type, offset };
		return;
	}
	if (type->kind == TYPE_ARRAY) {
		for (uint32_t i = 0; i < type->count && parts->is_known; i++)
			take_apart(type->target, offset + i * type->target->size, parts, depth + 1);
		return;
	}
	parts->is_known &= type->size != 0 && depth < 8;
	for (uint32_t i = 0; i < count && parts->is_known; i++)
		take_apart(members[i].type, offset + members[i].offset, parts, depth + 1);
}

static struct parts parts_of(const struct type *type)
{
	struct parts parts = { .is_known = true };

	take_apart(type, 0, &parts, 0);
	return parts;
}

/* The words of a small structure: of each whether it has only floating-point values in it. */
static void words_of(const struct parts *parts, uint32_t size, struct parts *words,
		     bool *has_floats)
{
	*words = (struct parts){ .is_known = parts->is_known, .count = (size + 7) / 8 };
	*has_floats = false;
	for (unsigned int w = 0; w < words->count && w < MAX_PARTS; w++) {
		bool is_float = true;

		for (unsigned int i = 0; i < parts->count; i++)
			if (parts->part[i].offset / 8 == w)
				is_float &= parts->part[i].type->kind == TYPE_FLOAT;
		*has_floats |= is_float;
		words->part[w] = (struct part){ type_int(8, false), 8 * w };
	}
}

/* ---- one parameter after the other ---------------------------------------------------------- */

static struct argument on_stack(struct passing *p, uint32_t size)
{
	struct argument argument = { .where = ARGUMENT_STACK, .stack = p->stack };

	p->stack += (size + 7) & ~7u;
	return argument;
}

static struct argument in_registers(struct passing *p, const struct parts *parts)
{
	struct argument argument = { .where = ARGUMENT_REGISTERS,
				     .first = p->integers,
				     .parts = *parts };

	p->integers += parts->count;
	return argument;
}

static bool has_room(const struct passing *p, unsigned int count)
{
	return p->integers + count <= p->convention->arg_count;
}

static struct argument pass_word(struct passing *p, const struct type *type, bool is_address)
{
	struct parts one = { .part = { { type, 0 } }, .count = 1 };
	struct argument argument = has_room(p, 1) ? in_registers(p, &one) : on_stack(p, 8);

	argument.is_address = is_address;
	return argument;
}

static struct argument pass_struct(struct passing *p, const struct type *type)
{
	struct argument unknown = { .where = ARGUMENT_UNKNOWN };
	struct parts parts = parts_of(type), words;
	bool has_floats;

	if (!type->size || (type->size <= 16 && !parts.is_known))
		return unknown;
	if (type->size > 16)
		return p->convention->passes_large_by_address || p->is_rust
			       ? pass_word(p, type_int(8, false), true)
			       : on_stack(p, type->size);
	/* Two scalars are two arguments, whatever their size. */
	if (p->is_rust && parts.count == 2 && parts.part[0].type->kind != TYPE_FLOAT &&
	    parts.part[1].type->kind != TYPE_FLOAT)
		return has_room(p, 2) ? in_registers(p, &parts) : unknown;
	words_of(&parts, type->size, &words, &has_floats);
	if (has_floats)
		return unknown;
	if (has_room(p, words.count))
		return in_registers(p, &words);
	if (p->convention->stack_is_final)
		p->integers = p->convention->arg_count;
	return on_stack(p, type->size);
}

static struct argument pass_c(struct passing *p, const struct type *type, bool by_reference)
{
	if (by_reference)
		return pass_word(p, type_int(8, false), true);
	if (type_is_scalar(type))
		return pass_word(p, type, false);
	if (type->kind == TYPE_FLOAT && type->size <= 8) {
		if (p->floats++ >= p->convention->float_count)
			on_stack(p, 8);
		return (struct argument){ .where = ARGUMENT_FLOAT };
	}
	return type->kind == TYPE_STRUCT ? pass_struct(p, type) : (struct argument){};
}

/* Everything is taken apart; what doesn't fit as a whole is on the stack, where types decide. */
static struct argument pass_go(struct passing *p, const struct type *type)
{
	struct parts parts = parts_of(type);
	unsigned int floats = 0;

	for (unsigned int i = 0; i < parts.count; i++)
		floats += parts.part[i].type->kind == TYPE_FLOAT;
	if (!parts.is_known || !has_room(p, parts.count - floats))
		return (struct argument){ .where = ARGUMENT_UNKNOWN };
	if (!floats)
		return in_registers(p, &parts);
	p->integers += parts.count - floats;
	return (struct argument){ .where = ARGUMENT_FLOAT };
}

/* A result that is too large for registers has its address passed first. */
static bool has_hidden_first(const struct passing *p, const struct debuginfo_scope *scope)
{
	return p->convention->gives_result_address && scope->retval->kind == TYPE_STRUCT &&
	       (scope->retval->size > 16 || debuginfo_is_by_reference(&scope->function));
}

/*
 * Where a result is, as an argument would be: x86_64 has a large one's address in rax; on arm64 the caller passed that in
 * x8, which is forgotten by then.
 */
static struct argument pass_result(struct passing *p, const struct type *type, bool by_reference)
{
	struct parts parts = parts_of(type), words;
	struct argument argument = { .where = ARGUMENT_REGISTERS };
	bool has_floats;

	if (p->is_go)
		return pass_go(p, type);
	if (by_reference || type->size > 16) {
		argument.where = p->convention->gives_result_address ? ARGUMENT_REGISTERS
								     : ARGUMENT_UNKNOWN;
		argument.is_address = true;
		return argument;
	}
	words_of(&parts, type->size, &words, &has_floats);
	argument.parts = words;
	if (p->is_rust && parts.count == 2)
		argument.parts = parts;
	if (!parts.is_known || !type->size)
		argument.where = ARGUMENT_UNKNOWN;
	else if (has_floats)
		argument.where = ARGUMENT_FLOAT;
	return argument;
}

/* ---- into expressions ----------------------------------------------------------------------- */

static struct expr *register_word(struct checker *c, const struct passing *p, unsigned int index,
				  int pos)
{
	int reg = p->is_result ? p->convention->results[index] : p->convention->args[index];

	return check_cast_to(c, check_register_value(c, reg, pos), type_int(8, false));
}

static struct expr *at_address(struct checker *c, struct expr *address, const struct type *type,
			       int pos)
{
	enum type_space space = c->context->is_kernel ? SPACE_KERNEL : SPACE_USER;
	struct expr *pointer = check_cast_to(c, address, type_pointer(c->arena, type, space));

	return pointer ? check_new_deref(c, pos, pointer, 0, type) : NULL;
}

static struct expr *stack_argument(struct checker *c, const struct passing *p,
				   const struct argument *argument, const struct type *type,
				   int pos)
{
	const struct type *word = type_int(8, false);
	uint64_t offset = argument->stack + (uint64_t)p->convention->stack_offset;
	struct expr *address = check_register_value(c, p->machine->sp, pos);

	if (!address)
		return NULL;
	address = check_new_binary(c, pos, OP_ADD, word, check_cast_to(c, address, word),
				   check_new_int(c, pos, word, offset));
	if (address && argument->is_address)
		address = at_address(c, address, word, pos);
	return address ? at_address(c, address, type, pos) : NULL;
}

static struct expr *register_argument(struct checker *c, const struct passing *p,
				      const struct argument *argument, const struct type *type,
				      int pos)
{
	struct expr *pieces = NULL, **end = &pieces, *value;

	if (argument->is_address || type_is_scalar(type)) {
		value = register_word(c, p, argument->first, pos);
		if (!value)
			return NULL;
		return argument->is_address ? at_address(c, value, type, pos)
					    : check_from_word(c, value, type);
	}
	for (unsigned int i = 0; i < argument->parts.count; i++) {
		const struct part *part = &argument->parts.part[i];
		uint32_t size = part->type->size, left = type->size - part->offset;

		value = register_word(c, p, argument->first + i, pos);
		*end = value ? check_new_expr(c, EXPR_PIECES, pos, type, value, NULL) : NULL;
		if (!*end)
			return NULL;
		(*end)->value = part->offset;
		(*end)->bit_size = (uint8_t)(8 * (size < left ? size : left));
		end = &(*end)->b;
	}
	return pieces;
}

/* False: nothing is known of the machine; the diag says so. */
static bool passing_start(struct passing *p, struct checker *c, bool is_result, int pos)
{
	const struct bsl_machine *machine = check_machine(c, pos);

	if (!machine)
		return false;
	*p = (struct passing){
		.machine = machine,
		.convention = c->context->is_go ? &machine->go : &machine->c,
		.is_go = c->context->is_go,
		.is_rust = c->context->scope && debuginfo_scope_is_rust(c->context->scope),
		.is_result = is_result,
	};
	return true;
}

static struct expr *argument_value(struct checker *c, const struct passing *p,
				   const struct argument *argument, const char *name,
				   const struct type *type, int pos)
{
	switch (argument->where) {
	case ARGUMENT_FLOAT:
		return check_fail(
			c, pos,
			"'%s' can't be read: it is in a register that probes don't see (floating point, vectors)",
			name);
	case ARGUMENT_STACK:
		return stack_argument(c, p, argument, type, pos);
	default:
		return register_argument(c, p, argument, type, pos);
	}
}

struct expr *check_known_argument(struct checker *c, const char *name, unsigned int index, int pos)
{
	const struct context_param *params = c->context->params;
	struct argument argument = {};
	struct passing p;

	if (!passing_start(&p, c, false, pos))
		return NULL;
	p.integers = c->context->retval_type && c->context->retval_type->kind == TYPE_STRUCT &&
		     c->context->retval_type->size > 16 && p.convention->gives_result_address;
	for (unsigned int i = 0; i <= index; i++) {
		argument = pass_c(&p, params[i].type, false);
		if (argument.where == ARGUMENT_UNKNOWN)
			return check_fail(
				c, pos,
				"'%s' can't be read: where a caller puts %s, of type %s, is not known",
				name, params[i].name, params[i].type->name);
	}
	return argument_value(c, &p, &argument, name, params[index].type, pos);
}

struct expr *check_known_result(struct checker *c, const char *name, int pos)
{
	const struct type *type = c->context->retval_type;
	struct argument argument;
	struct passing p;

	if (!passing_start(&p, c, true, pos))
		return NULL;
	argument = pass_result(&p, type, false);
	if (argument.where == ARGUMENT_REGISTERS)
		return register_argument(c, &p, &argument, type, pos);
	return check_fail(c, pos, "'%s' can't be read: where a %s is returned is not known", name,
			  type->name);
}

struct expr *check_argument(struct checker *c, const struct debuginfo_variable *variable, int pos)
{
	const struct debuginfo_scope *scope = c->context->scope;
	struct argument argument = {};
	struct passing p;

	if (!passing_start(&p, c, false, pos))
		return NULL;
	p.integers = has_hidden_first(&p, scope);
	for (const struct debuginfo_variable *v = scope->params; v && v->index <= variable->index;
	     v = v->next) {
		argument = p.is_go ? pass_go(&p, v->type)
				   : pass_c(&p, v->type, debuginfo_is_by_reference(&v->die));
		if (argument.where == ARGUMENT_UNKNOWN)
			return check_fail(
				c, pos,
				"'%s' can't be read: where a caller puts %s, of type %s, is not known",
				variable->name, v->name, v->type->name);
	}
	return argument_value(c, &p, &argument, variable->name, variable->type, pos);
}

struct expr *check_result(struct checker *c, const char *name, int pos)
{
	const struct debuginfo_scope *scope = c->context->scope;
	struct argument argument;
	struct passing p;

	if (!passing_start(&p, c, true, pos))
		return NULL;
	argument = pass_result(&p, scope->retval, debuginfo_is_by_reference(&scope->function));
	if (argument.where == ARGUMENT_REGISTERS)
		return register_argument(c, &p, &argument, scope->retval, pos);
	return check_fail(
		c, pos,
		"'%s' can't be read: where a %s is returned is not known, or not seen by probes",
		name, scope->retval->name);
}

bool check_argument_number(const char *name, unsigned int *number)
{
	if (strncmp(name, "arg", 3) != 0 || !name[3] ||
	    strspn(name + 3, "0123456789") != strlen(name + 3))
		return false;
	*number = strlen(name + 3) < 4 ? (unsigned int)atoi(name + 3) : 0;
	return true;
}
