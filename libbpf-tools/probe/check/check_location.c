/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From a variable's DWARF location to an expression: its stack machine (DWARF 5, 2.5 and 2.6) is run
 * here with expressions for numbers, so that generate() needs to know nothing of it.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/check/check_abi.h"
#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

#define STACK_SIZE 32
/* Limits: operations of one expression, and nodes of the tree, which a few "dup plus" would double at each step. */
#define MAX_OPERATIONS 256
#define MAX_WEIGHT 64
#define MAX_NESTED 4
#define MAX_CONSTANT 64 /* bytes of a value that is no location */

struct evaluation {
	struct checker *c;
	const struct debuginfo_variable *variable;
	Dwarf_Attribute *attr; /* that the operations came from */
	int pos;
	unsigned int nested;
	struct {
		struct expr *e; /* an unsigned 64-bit number */
		unsigned int weight;
	} stack[STACK_SIZE];
	unsigned int count;
	bool is_value; /* what is on top is the value itself, not its address */
};

static int run(struct evaluation *ev, const Dwarf_Op *ops, size_t count);

static const struct type *word_type(void)
{
	return type_int(8, false);
}

/* ---- the stack ------------------------------------------------------------------------------ */

static int refuse(struct evaluation *ev, const char *why)
{
	return diag_error(ev->c->diag, ev->pos, "'%s' can't be read: %s", ev->variable->name, why);
}

static int optimised_out(struct evaluation *ev)
{
	return diag_error(
		ev->c->diag, ev->pos,
		"'%s' has been optimised out at this place: the program doesn't keep it here",
		ev->variable->name);
}

static int push(struct evaluation *ev, struct expr *e, unsigned int weight)
{
	e = check_cast_to(ev->c, e, word_type());
	if (!e)
		return -ENOMEM;
	if (ev->count == STACK_SIZE || weight > MAX_WEIGHT)
		return refuse(ev, "its location is too complicated");
	ev->stack[ev->count].e = e;
	ev->stack[ev->count++].weight = weight;
	return 0;
}

static int push_number(struct evaluation *ev, uint64_t value)
{
	return push(ev, check_new_int(ev->c, ev->pos, word_type(), value), 1);
}

static int push_sum(struct evaluation *ev, struct expr *e, int64_t offset)
{
	e = check_cast_to(ev->c, e, word_type());
	if (e && offset)
		e = check_new_binary(ev->c, ev->pos, OP_ADD, word_type(), e,
				     check_new_int(ev->c, ev->pos, word_type(), (uint64_t)offset));
	return push(ev, e, 2);
}

static int push_register(struct evaluation *ev, uint64_t number, int64_t offset)
{
	if (number >= 128 || !bsl_reg_get(ev->c->context->machine, (int)number))
		return refuse(
			ev, "it is in a register that probes don't see (floating point, vectors)");
	return push_sum(ev, check_register_value(ev->c, (int)number, ev->pos), offset);
}

/* An address of the program file: the probe knows its own address there, and where it is now. */
static int push_address(struct evaluation *ev, uint64_t addr)
{
	const struct bsl_machine *machine = check_machine(ev->c, ev->pos);
	struct expr *here;

	if (!machine)
		return -EINVAL;
	if (!ev->c->context->is_relocatable)
		return push_number(ev, addr);
	here = check_register_value(ev->c, machine->pc, ev->pos);
	/* At a return we are in the caller, which may be in another file. */
	if (here && ev->c->spec->kind == SPEC_RETURN && ev->variable->is_global)
		here = check_keep(ev->c, "the probe's address", here);
	return push_sum(ev, here, (int64_t)(addr - ev->c->context->scope->addr));
}

static int load(struct evaluation *ev, uint64_t size)
{
	const struct type *type = type_int((unsigned int)size, false);
	struct expr *pointer;
	unsigned int weight;

	if (!ev->count || (size != 1 && size != 2 && size != 4 && size != 8))
		return refuse(ev, "its location is broken");
	weight = ev->stack[--ev->count].weight;
	pointer = check_cast_to(ev->c, ev->stack[ev->count].e,
				type_pointer(ev->c->arena, type, SPACE_USER));
	return pointer ? push(ev, check_new_deref(ev->c, ev->pos, pointer, 0, type), weight + 4)
		       : -ENOMEM;
}

/* ---- operations ----------------------------------------------------------------------------- */

static const struct {
	uint8_t atom;
	enum expr_op op;
	bool is_signed;
} binaries[] = {
	{ DW_OP_plus, OP_ADD, false }, { DW_OP_minus, OP_SUB, false }, { DW_OP_mul, OP_MUL, false },
	{ DW_OP_and, OP_AND, false },  { DW_OP_or, OP_OR, false },     { DW_OP_xor, OP_XOR, false },
	{ DW_OP_shl, OP_SHL, false },  { DW_OP_shr, OP_SHR, false },   { DW_OP_shra, OP_SHR, true },
	{ DW_OP_div, OP_DIV, true },   { DW_OP_mod, OP_MOD, false },   { DW_OP_eq, OP_EQ, true },
	{ DW_OP_ne, OP_NE, true },     { DW_OP_lt, OP_LT, true },      { DW_OP_le, OP_LE, true },
	{ DW_OP_gt, OP_GT, true },     { DW_OP_ge, OP_GE, true },
};

/* -ENOENT: it isn't one of these. */
static int run_binary(struct evaluation *ev, uint8_t atom)
{
	for (size_t i = 0; i < ARRAY_SIZE(binaries); i++) {
		const struct type *type = type_int(8, binaries[i].is_signed);
		struct expr *a, *b;

		if (binaries[i].atom != atom)
			continue;
		if (ev->count < 2)
			return refuse(ev, "its location is broken");
		b = check_cast_to(ev->c, ev->stack[--ev->count].e, type);
		a = check_cast_to(ev->c, ev->stack[--ev->count].e, type);
		if (!a || !b)
			return -ENOMEM;
		return push(ev, check_new_binary(ev->c, ev->pos, binaries[i].op, type, a, b),
			    ev->stack[ev->count].weight + ev->stack[ev->count + 1].weight + 1);
	}
	return -ENOENT;
}

static int run_unary(struct evaluation *ev, uint8_t atom)
{
	const struct type *type = type_int(8, true);
	struct expr *a;

	if (!ev->count)
		return refuse(ev, "its location is broken");
	if (atom == DW_OP_abs)
		return refuse(ev, "its location is too complicated");
	a = check_cast_to(ev->c, ev->stack[--ev->count].e, type);
	return push(ev,
		    check_new_unary(ev->c, ev->pos, atom == DW_OP_neg ? OP_NEG : OP_COMPL, type, a),
		    ev->stack[ev->count].weight + 1);
}

/* The i-th from the top once more. */
static int pick(struct evaluation *ev, uint64_t i)
{
	if (i >= ev->count)
		return refuse(ev, "its location is broken");
	return push(ev, ev->stack[ev->count - 1 - i].e, ev->stack[ev->count - 1 - i].weight);
}

static int swap(struct evaluation *ev)
{
	struct expr *e;
	unsigned int weight;

	if (ev->count < 2)
		return refuse(ev, "its location is broken");
	e = ev->stack[ev->count - 1].e;
	weight = ev->stack[ev->count - 1].weight;
	ev->stack[ev->count - 1] = ev->stack[ev->count - 2];
	ev->stack[ev->count - 2].e = e;
	ev->stack[ev->count - 2].weight = weight;
	return 0;
}

/* Where the caller's frame ends: by the unwinding tables, or at the entry by the calling convention. */
static int push_cfa(struct evaluation *ev)
{
	const struct bsl_machine *machine = check_machine(ev->c, ev->pos);
	const struct debuginfo_scope *scope = ev->c->context->scope;
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t count;
	int err;

	if (!machine)
		return -EINVAL;
	if (scope->is_entry)
		return push_register(ev, (uint64_t)machine->sp, machine->return_size);
	if (ev->nested >= MAX_NESTED)
		return refuse(ev, "its location is too complicated");
	if (debuginfo_scope_cfa(scope, &frame, &ops, &count))
		return refuse(ev, "there are no unwinding tables to find its stack frame by");
	ev->nested++;
	err = run(ev, ops, count);
	ev->nested--;
	free(frame);
	return err;
}

static int push_frame_base(struct evaluation *ev, int64_t offset)
{
	struct debuginfo_scope *scope = ev->c->context->scope;
	Dwarf_Attribute attr, *outer = ev->attr;
	Dwarf_Op *ops;
	size_t count;
	int err;

	if (ev->nested++ >= MAX_NESTED)
		return refuse(ev, "its location is too complicated");
	if (!debuginfo_scope_frame_base(scope, &attr, &ops, &count))
		return refuse(ev, "its stack frame is not described");
	ev->attr = &attr;
	if (count == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		err = push_register(ev, ops[0].atom - DW_OP_reg0, 0);
	else
		err = run(ev, ops, count);
	ev->attr = outer;
	ev->nested--;
	if (!err && offset)
		err = push_number(ev, (uint64_t)offset);
	return !err && offset ? run_binary(ev, DW_OP_plus) : err;
}

/* What a register had at the function's entry: known there only. */
static int push_entry_value(struct evaluation *ev, const Dwarf_Op *op)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;

	if (!ev->c->context->scope->is_entry)
		return diag_error(
			ev->c->diag, ev->pos,
			"'%s' has been optimised out at this place: only its value at the function's entry could be told, by a probe there",
			ev->variable->name);
	if (dwarf_getlocation_attr(ev->attr, op, &attr) || dwarf_getlocation(&attr, &ops, &count) ||
	    count != 1 || ops[0].atom < DW_OP_reg0 || ops[0].atom > DW_OP_reg31)
		return refuse(ev, "its location is too complicated");
	return push_register(ev, ops[0].atom - DW_OP_reg0, 0);
}

static int push_indexed(struct evaluation *ev, const Dwarf_Op *op)
{
	bool is_address = op->atom == DW_OP_addrx || op->atom == DW_OP_GNU_addr_index;
	Dwarf_Attribute attr;
	Dwarf_Addr value;

	if (dwarf_getlocation_attr(ev->attr, op, &attr) || dwarf_formaddr(&attr, &value))
		return refuse(ev, "its location is broken");
	return is_address ? push_address(ev, value) : push_number(ev, value);
}

/* Where nothing can be pushed: why. */
static int refuse_operation(struct evaluation *ev, uint8_t atom)
{
	switch (atom) {
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		return refuse(ev, "it is thread-local");
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
	case DW_OP_GNU_parameter_ref:
	case DW_OP_GNU_variable_value:
		return optimised_out(ev);
	default:
		return refuse(ev, "its location is too complicated");
	}
}

static int run_one(struct evaluation *ev, const Dwarf_Op *op)
{
	uint8_t atom = op->atom;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return push_number(ev, atom - DW_OP_lit0);
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return push_register(ev, atom - DW_OP_breg0, (int64_t)op->number);
	if (atom >= DW_OP_const1u && atom <= DW_OP_consts)
		return push_number(ev, op->number);
	switch (atom) {
	case DW_OP_bregx:
		return push_register(ev, op->number, (int64_t)op->number2);
	case DW_OP_fbreg:
		return push_frame_base(ev, (int64_t)op->number);
	case DW_OP_call_frame_cfa:
		return push_cfa(ev);
	case DW_OP_addr:
		return push_address(ev, op->number);
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		return push_indexed(ev, op);
	case DW_OP_dup:
		return pick(ev, 0);
	case DW_OP_over:
		return pick(ev, 1);
	case DW_OP_pick:
		return pick(ev, op->number);
	case DW_OP_swap:
		return swap(ev);
	case DW_OP_drop:
		return ev->count ? (ev->count--, 0) : refuse(ev, "its location is broken");
	case DW_OP_deref:
		return load(ev, 8);
	case DW_OP_deref_size:
		return load(ev, op->number);
	case DW_OP_plus_uconst:
		return push_number(ev, op->number) ?: run_binary(ev, DW_OP_plus);
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_abs:
		return run_unary(ev, atom);
	case DW_OP_nop:
		return 0;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		return push_entry_value(ev, op);
	default:
		return refuse_operation(ev, atom);
	}
}

static int run(struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	int err = 0;

	if (count > MAX_OPERATIONS)
		return refuse(ev, "its location is too complicated");
	for (size_t i = 0; i < count && !err; i++) {
		err = run_binary(ev, ops[i].atom);
		if (err == -ENOENT)
			err = run_one(ev, &ops[i]);
	}
	return err;
}

/* ---- from locations to values --------------------------------------------------------------- */

/* The operations up to the next piece's end: an address or a value on top of the stack. */
static int run_simple(struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	Dwarf_Block block;
	uint64_t value = 0;

	ev->count = 0;
	ev->is_value = true;
	if (!count)
		return optimised_out(ev);
	if (count == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return push_register(ev, ops[0].atom - DW_OP_reg0, 0);
	if (count == 1 && ops[0].atom == DW_OP_regx)
		return push_register(ev, ops[0].number, 0);
	if (count == 1 && ops[0].atom == DW_OP_implicit_value) {
		if (dwarf_getlocation_implicit_value(ev->attr, &ops[0], &block) || block.length > 8)
			return refuse(ev, "a part of it is a constant of more than 8 bytes");
		memcpy(&value, block.data, block.length);
		return push_number(ev, value);
	}
	ev->is_value = ops[count - 1].atom == DW_OP_stack_value ||
		       (count == 1 &&
			(ops[0].atom == DW_OP_entry_value || ops[0].atom == DW_OP_GNU_entry_value));
	return run(ev, ops, count - (ops[count - 1].atom == DW_OP_stack_value))
		       ?: ev->count ? 0
				    : refuse(ev, "its location is broken");
}

/* The top of the stack as a variable of this type. */
static struct expr *result(struct evaluation *ev, const struct type *type)
{
	struct expr *top = ev->stack[ev->count - 1].e, *pieces;

	if (!ev->is_value) {
		top = check_cast_to(ev->c, top, type_pointer(ev->c->arena, type, SPACE_USER));
		return top ? check_new_deref(ev->c, ev->pos, top, 0, type) : NULL;
	}
	if (type_is_scalar(type))
		return check_from_word(ev->c, top, type);
	if (type->size > 8)
		return refuse(ev, "it is not in memory here"), NULL;
	pieces = check_new_expr(ev->c, EXPR_PIECES, ev->pos, type, top, NULL);
	if (pieces)
		pieces->bit_size = 64;
	return pieces;
}

/* `size` bytes of what is on top, as pieces of a size that has a type. 0 or negative errno. */
static int add_pieces(struct evaluation *ev, const struct type *type, uint64_t offset,
		      uint64_t size, struct expr ***end)
{
	struct expr *top = ev->stack[ev->count - 1].e;

	if (ev->is_value && size > 8)
		return refuse(ev, "its location is broken");
	for (uint64_t at = 0; at < size;) {
		unsigned int left = size - at >= 8 ? 8 : (unsigned int)(size - at);
		unsigned int len = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
		struct expr *value = top, *piece;

		if (ev->is_value && at)
			value = check_new_binary(ev->c, ev->pos, OP_SHR, word_type(), top,
						 check_new_int(ev->c, ev->pos, word_type(),
							       8 * at));
		else if (!ev->is_value)
			value = check_new_deref(ev->c, ev->pos,
						check_cast_to(ev->c, top,
							      type_pointer(ev->c->arena,
									   type_int(len, false),
									   SPACE_USER)),
						(uint32_t)at, type_int(len, false));
		value = check_cast_to(ev->c, value, word_type());
		piece = value ? check_new_expr(ev->c, EXPR_PIECES, ev->pos, type, value, NULL)
			      : NULL;
		if (!piece)
			return -ENOMEM;
		piece->value = offset + at;
		piece->bit_size = (uint8_t)(8 * len);
		**end = piece;
		*end = &piece->b;
		at += len;
	}
	return 0;
}

/*
 * Go's pieces lack the padding between a structure's members: they are the leaves of its type one after the other. False: they
 * are no such, and where they belong isn't known.
 */
static bool take_go_leaves(const struct type *type, const Dwarf_Op *ops, size_t count,
			   struct abi_leaves *leaves)
{
	unsigned int n = 0;

	abi_take_apart(type, leaves);
	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_piece) {
			if (n == leaves->count || leaves->leaf[n].size != ops[i].number)
				return false;
			n++;
		}
	return leaves->is_known && n == leaves->count;
}

/* A location of several pieces, those that are nowhere left out. */
static struct expr *composite(struct evaluation *ev, const Dwarf_Op *ops, size_t count,
			      const struct type *type)
{
	struct expr *pieces = NULL, **end = &pieces;
	bool is_go = ev->c->context->scope->language == DW_LANG_Go;
	struct abi_leaves leaves;
	uint64_t offset = 0;
	size_t start = 0;
	unsigned int n = 0;

	if (is_go && !take_go_leaves(type, ops, count, &leaves))
		return refuse(ev, "its location lacks the structure's padding"), NULL;
	for (size_t i = 0; i < count; i++) {
		uint64_t size = ops[i].number;

		if (ops[i].atom == DW_OP_bit_piece)
			return refuse(ev, "it is split into bits"), NULL;
		if (ops[i].atom != DW_OP_piece)
			continue;
		if (is_go)
			offset = leaves.leaf[n++].offset;
		if (offset > type->size || size > type->size - offset || i >= MAX_OPERATIONS)
			return refuse(ev, "its location is broken"), NULL;
		if (i > start && (run_simple(ev, ops + start, i - start) ||
				  add_pieces(ev, type, offset, size, &end)))
			return NULL;
		offset += size;
		start = i + 1;
	}
	if (!pieces)
		return optimised_out(ev), NULL;
	return type_is_scalar(type) ? check_piece(ev->c, ev->pos, pieces, 0, type) : pieces;
}

/* The bytes of a value that never changes. */
static struct expr *constant_bytes(struct evaluation *ev, const struct type *type,
				   const Dwarf_Block *block)
{
	struct expr *pieces = NULL, **end = &pieces;
	uint64_t word;

	if (block->length < type->size || block->length > MAX_CONSTANT)
		return refuse(ev, "it is a constant of an unknown form"), NULL;
	for (uint32_t at = 0; at < type->size; at += 8) {
		uint32_t size = type->size - at < 8 ? type->size - at : 8;

		word = 0;
		memcpy(&word, block->data + at, size);
		if (type_is_scalar(type))
			return check_from_word(
				ev->c, check_new_int(ev->c, ev->pos, word_type(), word), type);
		*end = check_new_expr(ev->c, EXPR_PIECES, ev->pos, type,
				      check_new_int(ev->c, ev->pos, word_type(), word), NULL);
		if (!*end)
			return NULL;
		(*end)->value = at;
		(*end)->bit_size = (uint8_t)(8 * size);
		end = &(*end)->b;
	}
	return pieces;
}

/*
 * A variable that never changes may have been replaced by its value. Of the forms only DW_FORM_sdata and implicit
 * constants have a sign: 255 in a byte is no -1.
 */
static struct expr *constant_value(struct evaluation *ev)
{
	const struct type *type = ev->variable->type;
	Dwarf_Die die = ev->variable->die;
	Dwarf_Attribute attr;
	Dwarf_Block block;
	Dwarf_Sword value;
	bool is_signed;
	int err;

	if (!dwarf_attr_integrate(&die, DW_AT_const_value, &attr))
		return optimised_out(ev), NULL;
	if (!dwarf_formblock(&attr, &block))
		return constant_bytes(ev, type, &block);
	is_signed = dwarf_whatform(&attr) == DW_FORM_sdata ||
		    dwarf_whatform(&attr) == DW_FORM_implicit_const;
	err = is_signed ? dwarf_formsdata(&attr, &value)
			: dwarf_formudata(&attr, (Dwarf_Word *)&value);
	if (err || type->size > 8)
		return refuse(ev, "it is a constant of an unknown form"), NULL;
	block = (Dwarf_Block){ sizeof(value), (unsigned char *)&value };
	return constant_bytes(ev, type, &block);
}

/* Behind the prologue: a parameter whose home hasn't been filled there. */
static bool is_unsettled(const struct evaluation *ev)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;

	return scope->is_settled && ev->variable->is_param && ev->variable->index < 64 &&
	       scope->unsettled >> ev->variable->index & 1;
}

/*
 * Where a function begins, a location that is the same for all of it is only where the variable is going to be: in the stack
 * frame, which isn't set up yet, or in a register that still has another value. A constant is one already.
 */
static bool is_not_stored_yet(const struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	bool is_new = !ev->variable->is_param || !scope->is_settled || is_unsettled(ev);

	if (ev->variable->is_global || !is_new || !(scope->is_entry || scope->is_settled) ||
	    !debuginfo_is_single_location(ev->attr))
		return false;
	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_fbreg || ops[i].atom == DW_OP_regx ||
		    ops[i].atom == DW_OP_bregx ||
		    (ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_breg31))
			return true;
	return false;
}

/* Where in its frame a location is. False: from where is not known. */
static bool find_slot(const struct evaluation *ev, const Dwarf_Op *op, struct debuginfo_slot *slot)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;

	if (!debuginfo_scope_frame_base(ev->c->context->scope, &attr, &ops, &count) || count != 1 ||
	    ops[0].atom < DW_OP_reg0 || ops[0].atom > DW_OP_reg31)
		return false;
	*slot = (struct debuginfo_slot){ .reg = ops[0].atom - DW_OP_reg0,
					 .offset = (int64_t)op->number,
					 .size = ev->variable->type->size };
	return true;
}

/*
 * Where an inlined copy begins, what LLVM says for all of it may be true only behind instructions that were moved there: of
 * what is still changed before the first jump it isn't known.
 */
static bool is_not_there_yet(const struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	struct debuginfo_slot slot = {};
	uint64_t registers = 0;

	if (!ev->variable->is_param || !debuginfo_scope_is_inlined(scope) ||
	    debuginfo_scope_is_gnu(scope) || !debuginfo_is_single_location(ev->attr) ||
	    ev->c->spec->file)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom == DW_OP_fbreg && !find_slot(ev, &ops[i], &slot))
			return true;
		if (ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_reg31)
			registers |= 1ull << (ops[i].atom - DW_OP_reg0);
		else if (ops[i].atom >= DW_OP_breg0 && ops[i].atom <= DW_OP_breg31)
			registers |= 1ull << (ops[i].atom - DW_OP_breg0);
	}
	return (registers || slot.size) && debuginfo_scope_changes(scope, registers, &slot);
}

/* ---- parameters where the function begins --------------------------------------------------- */

/* The register that an operation is of, as the caller left it: an argument's, by its rank in the convention. -1: none. */
static int argument_rank(struct evaluation *ev, const Dwarf_Op *op)
{
	const struct bsl_machine *machine = bsl_machine_get(ev->c->context->machine);
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;
	int reg = -1;

	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		reg = op->atom - DW_OP_reg0;
	else if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31 && !op->number)
		reg = op->atom - DW_OP_breg0;
	else if ((op->atom == DW_OP_entry_value || op->atom == DW_OP_GNU_entry_value) &&
		 !dwarf_getlocation_attr(ev->attr, op, &attr) &&
		 !dwarf_getlocation(&attr, &ops, &count) && count == 1 &&
		 ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		reg = ops[0].atom - DW_OP_reg0;
	for (int i = 0; machine && reg >= 0 && i < (int)machine->c.arg_count; i++)
		if (machine->c.args[i] == reg)
			return i;
	return -1;
}

/* What the caller left on the stack: by the canonical frame address, above it. */
static bool is_incoming(const struct evaluation *ev, const Dwarf_Op *op)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;

	return op->atom == DW_OP_call_frame_cfa ||
	       (op->atom == DW_OP_fbreg && (int64_t)op->number >= 0 &&
		debuginfo_scope_frame_base(ev->c->context->scope, &attr, &ops, &count) &&
		count == 1 && ops[0].atom == DW_OP_call_frame_cfa);
}

/* The two operations that LLVM has for a register wider than a value of the type, and which change none. */
static bool is_cut(const struct type *type, const Dwarf_Op *ops, size_t count)
{
	uint64_t bits = type->is_bool		       ? 1
			: type->size && type->size < 8 ? (1ull << 8 * type->size) - 1
						       : UINT64_MAX;

	return count >= 2 && type_is_scalar(type) && ops[0].atom == DW_OP_constu &&
	       (ops[0].number & bits) == bits && ops[1].atom == DW_OP_and;
}

/*
 * Can a caller have put it there? In arguments' registers, whose ranks *last keeps for the next, or on the stack; what is
 * computed is what the function makes of it later.
 */
static bool is_plain(struct evaluation *ev, const Dwarf_Op *ops, size_t count, int *last)
{
	size_t in_piece = 0;
	int rank;

	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom == DW_OP_piece) {
			in_piece = 0;
			continue;
		}
		if (ops[i].atom == DW_OP_stack_value && in_piece == 1)
			continue;
		if (in_piece == 1 && is_cut(ev->variable->type, ops + i, count - i)) {
			i++;
			continue;
		}
		if (in_piece++)
			return false;
		rank = argument_rank(ev, &ops[i]);
		/* The other registers are those for floating point, of which nothing is shown. */
		if (rank < 0 && !is_incoming(ev, &ops[i]) &&
		    !(ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_reg31 &&
		      !bsl_reg_get(ev->c->context->machine, ops[i].atom - DW_OP_reg0)))
			return false;
		if (rank >= 0 && rank <= *last)
			return false;
		*last = rank >= 0 ? rank : *last;
	}
	return true;
}

/*
 * A parameter's location at the entry. The first of a list that begins there is the best witness: GCC writes an empty range for
 * the value before the first change. 0, or -ENOENT.
 */
static int location_at_entry(Dwarf_Attribute *attr, const struct debuginfo_scope *scope,
			     Dwarf_Op **ops, size_t *count)
{
	Dwarf_Addr base, begin, end, entry;
	Dwarf_Die frame = scope->frame;

	if (!debuginfo_is_single_location(attr) && !dwarf_entrypc(&frame, &entry))
		for (ptrdiff_t at = 0;
		     (at = dwarf_getlocations(attr, at, &base, &begin, &end, ops, count)) > 0;)
			if (begin == entry && *count)
				return 0;
	return dwarf_getlocation_addr(attr, scope->addr, ops, count, 1) < 1 || !*count ? -ENOENT
										       : 0;
}

/*
 * Do all parameters' plain locations follow the order in which callers pass them? Where the function has them exchanged, or
 * made one of the other, they don't.
 */
static bool are_in_order(struct evaluation *ev)
{
	struct evaluation other = { .c = ev->c };
	int last = -1, here;

	for (const struct debuginfo_variable *v = ev->c->context->scope->params; v; v = v->next) {
		Dwarf_Die die = v->die;
		Dwarf_Attribute attr;
		Dwarf_Op *ops;
		size_t count;

		other.variable = v;
		other.attr = dwarf_attr_integrate(&die, DW_AT_location, &attr);
		if (!other.attr || location_at_entry(&attr, ev->c->context->scope, &ops, &count))
			continue;
		here = -1;
		if (!is_plain(&other, ops, count, &here))
			continue;
		if (here >= 0 && !is_plain(&other, ops, count, &last))
			return false;
	}
	return true;
}

/* A constant for all of the function needs no caller's place. */
static bool is_as_told(struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_fbreg) ||
		    ops[i].atom == DW_OP_bregx || ops[i].atom == DW_OP_call_frame_cfa ||
		    ops[i].atom == DW_OP_entry_value || ops[i].atom == DW_OP_GNU_entry_value)
			return false;
	return debuginfo_is_single_location(ev->attr);
}

/*
 * Does DWARF tell what the caller passed? Its locations at the first address may be of values that the function has changed
 * since, without an instruction. Where the calling convention of C is certain, that alone counts.
 */
static bool is_argument(struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	int last = -1;

	if (is_as_told(ev, ops, count))
		return true;
	return (debuginfo_scope_convention(scope) != DEBUGINFO_C ||
		!debuginfo_scope_keeps_convention(scope)) &&
	       is_plain(ev, ops, count, &last) && are_in_order(ev);
}

/*
 * A variable's location at the probed place. Behind the prologue a parameter may be nowhere any more, and yet in the register that
 * brought it, which hasn't been changed. 0 or -ENOENT.
 */
static int location_here(struct evaluation *ev, Dwarf_Op **ops, size_t *count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	Dwarf_Addr addr = scope->addr;
	bool is_known = dwarf_getlocation_addr(ev->attr, addr, ops, count, 1) >= 1 && *count;

	if (!is_known && scope->is_settled && ev->variable->is_param)
		is_known = dwarf_getlocation_addr(ev->attr, scope->entry_addr, ops, count, 1) >=
				   1 &&
			   debuginfo_is_intact(*ops, *count, scope->intact);
	return is_known ? 0 : -ENOENT;
}

/* The bytes of a location's pieces that are nowhere. */
static uint64_t lost_bytes(const Dwarf_Op *ops, size_t count)
{
	uint64_t offset = 0, lost = 0;
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom != DW_OP_piece)
			continue;
		for (uint64_t at = 0; i == start && at < ops[i].number && offset + at < 64; at++)
			lost |= 1ull << (offset + at);
		offset = ops[i].number < 64 - offset ? offset + ops[i].number : 64;
		start = i + 1;
	}
	/* The last pieces may not be written down. */
	return start && offset < 64 ? lost | UINT64_MAX << offset : lost;
}

/* A parameter is still where the caller put it: by the calling convention, if the function keeps to that. */
static struct expr *value_at_entry(struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	struct check_witness witness = { .reg = BSL_REG_NONE };

	if (!ev->variable->is_param)
		return refuse(ev, "the function has only been entered"), NULL;
	if (is_unsettled(ev) || !debuginfo_scope_keeps_convention(scope))
		return refuse(ev,
			      "it isn't in its place yet, and the compiler may have changed how the function is called"),
		       NULL;
	/* LLVM's registers may be those of later values; GCC's contradict the convention only where it is another one. */
	if (debuginfo_scope_is_gnu(scope) && count == 1 && ops[0].atom <= DW_OP_reg31 &&
	    argument_rank(ev, ops) >= 0)
		witness.reg = ops[0].atom - DW_OP_reg0;
	/* LLVM's callers need not pass what they know the function doesn't use. */
	if (!debuginfo_scope_is_gnu(scope))
		witness.lost = lost_bytes(ops, count);
	return check_argument(ev->c, ev->variable, &witness, ev->pos);
}

/* Of a parameter that DWARF doesn't know at the entry but later: GCC has its callers pass all that a function's type says. */
static bool is_certain_without(const struct evaluation *ev)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;

	return debuginfo_scope_is_gnu(scope) && debuginfo_scope_convention(scope) == DEBUGINFO_C &&
	       debuginfo_scope_keeps_convention(scope) && !debuginfo_is_single_location(ev->attr);
}

/*
 * Go's compiler never changes how a function is called: the types alone say where its parameters are. Of some it writes no
 * location, and those of structures lack the padding.
 */
static struct expr *go_parameter(struct evaluation *ev)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;
	struct check_witness witness = { .reg = BSL_REG_NONE };
	Dwarf_Op *ops;
	size_t count;

	if (ev->attr && !location_at_entry(ev->attr, scope, &ops, &count) && count == 1 &&
	    ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31 &&
	    bsl_reg_get(ev->c->context->machine, ops[0].atom - DW_OP_reg0))
		witness.reg = ops[0].atom - DW_OP_reg0;
	return check_argument(ev->c, ev->variable, &witness, ev->pos);
}

/*
 * A class that is passed by the address of a copy, which optimised callers make only as far as they see that the function reads it
 * (GCC's -fipa-modref, LLVM's readnone).
 */
static bool may_be_unmade(const struct evaluation *ev, const Dwarf_Op *ops, size_t count)
{
	const struct debuginfo_scope *scope = ev->c->context->scope;

	return ev->variable->is_param && ev->variable->type->kind == TYPE_STRUCT &&
	       debuginfo_language_is_cxx(scope->language) && count == 1 && !ops[0].number &&
	       ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31 &&
	       ops[0].atom - DW_OP_breg0 != bsl_machine_get(ev->c->context->machine)->sp &&
	       debuginfo_scope_is_optimised(scope);
}

struct expr *check_location(struct checker *c, const struct debuginfo_variable *variable, int pos)
{
	struct evaluation ev = { .c = c, .variable = variable, .pos = pos };
	const struct type *type = variable->type;
	Dwarf_Die die = variable->die;
	Dwarf_Attribute attr;
	Dwarf_Block block;
	Dwarf_Op *ops;
	bool is_passed;
	size_t count;

	if (type->kind == TYPE_VOID || (!type->size && type->kind != TYPE_ARRAY))
		return refuse(&ev, "its type is not known"), NULL;
	ev.attr = dwarf_attr_integrate(&die, DW_AT_location, &attr);
	is_passed = variable->is_param && c->context->scope->is_entry;
	if (is_passed && debuginfo_scope_is_go(c->context->scope))
		return go_parameter(&ev);
	if (!ev.attr)
		return constant_value(&ev);
	if (is_passed && location_at_entry(ev.attr, c->context->scope, &ops, &count))
		return is_certain_without(&ev) ? value_at_entry(&ev, NULL, 0)
					       : (optimised_out(&ev), NULL);
	if (!is_passed && location_here(&ev, &ops, &count))
		return optimised_out(&ev), NULL;
	if (may_be_unmade(&ev, ops, count))
		return refuse(&ev, "its copy may lack what this function doesn't read"), NULL;
	if (is_not_there_yet(&ev, ops, count))
		return refuse(&ev, "it may get to its place only behind where the copy begins"),
		       NULL;
	if (is_not_stored_yet(&ev, ops, count) || (is_passed && !is_argument(&ev, ops, count)))
		return value_at_entry(&ev, ops, count);
	if (count == 1 && ops[0].atom == DW_OP_implicit_value &&
	    !dwarf_getlocation_implicit_value(ev.attr, &ops[0], &block))
		return constant_bytes(&ev, type, &block);
	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_piece || ops[i].atom == DW_OP_bit_piece)
			return composite(&ev, ops, count, type);
	return run_simple(&ev, ops, count) ? NULL : result(&ev, type);
}
