/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a function has put its parameters into the places that DWARF gives them for all of it.
 *
 *	home	a place in the function's frame that is a parameter's all the time, as in code that isn't optimised
 *	settled	homes have been filled: the instructions in front stored what the registers brought in each. All of them, where the
 *		calling convention tells the rest at the entry; else as many as get filled
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdlib.h>

#include "types/debuginfo_private.h"

#define MAX_HOMES 32
/* Larger homes are filled by loops and calls, which end the search anyway. */
#define MAX_BYTES 512
/* Structures and arrays in one parameter that are looked into. */
#define MAX_PARTS 1024
/* A prologue has a few instructions for each parameter. */
#define MAX_INSTRUCTIONS 400

/* An address: a register's contents and an offset. */
struct spot {
	int base;
	int64_t offset;
};

struct home {
	unsigned int param;
	int64_t offset; /* from DWARF's canonical frame address, which is the same all the time */
	uint64_t size;
	unsigned int parts;	 /* structures and arrays seen in it */
	bool missing[MAX_BYTES]; /* of each byte that has a meaning: nothing has been stored there yet */
};

struct prologue {
	const struct debuginfo_scope *scope;
	const struct bsl_machine *machine;
	const uint8_t *code;
	uint64_t start, size;
	bool is_partial;    /* some of the homes will do */
	int64_t frame_base; /* from the canonical frame address; only with has_frame_base */
	bool has_frame_base;
	struct home homes[MAX_HOMES];
	unsigned int home_count;
	uint64_t used;	    /* bit i: register i holds a parameter */
	uint64_t written;   /* bit i: register i has been changed */
	uint64_t unsettled; /* bit i: parameter i is in a home that isn't filled */
	uint64_t carrying; /* bit i: register i has what the caller passed in it, or was made from that */
};

/* ---- the instructions ----------------------------------------------------------------------- */

/* The bytes of the function that begin with its entry. */
static bool find_code(struct prologue *p)
{
	Dwarf_Addr base, start, end;
	Dwarf_Die frame = p->scope->frame;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(&frame, at, &base, &start, &end)) > 0;) {
		if (p->scope->addr < start || p->scope->addr >= end)
			continue;
		p->start = start;
		p->size = end - start;
		p->code = bsl_elf_data(p->scope->types->elf, start, p->size);
		return p->code;
	}
	return false;
}

static bool cfa_at(const struct prologue *p, uint64_t addr, struct spot *cfa)
{
	struct debuginfo_scope here = *p->scope;
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t count;
	bool is_known;

	here.addr = addr;
	if (debuginfo_scope_cfa(&here, &frame, &ops, &count))
		return false;
	is_known = count == 1 && ((ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) ||
				  ops[0].atom == DW_OP_bregx);
	if (is_known && ops[0].atom == DW_OP_bregx)
		*cfa = (struct spot){ (int)ops[0].number, (int64_t)ops[0].number2 };
	else if (is_known)
		*cfa = (struct spot){ ops[0].atom - DW_OP_breg0, (int64_t)ops[0].number };
	free(frame);
	return is_known;
}

static bool decode(const struct prologue *p, uint64_t addr, struct bsl_insn *insn)
{
	uint64_t at = addr - p->start;

	return bsl_insn_decode(p->machine->elf, p->code + at, p->size - at, addr, insn) > 0;
}

/* ---- homes ---------------------------------------------------------------------------------- */

/* A register of the frame from the canonical frame address, as the unwinding tables have it where the frame is made. */
static bool register_in_frame(const struct prologue *p, int reg, int64_t *offset)
{
	uint64_t addr = p->scope->addr;
	struct bsl_insn insn;
	bool is_known = false;
	struct spot cfa;

	for (unsigned int i = 0; i < MAX_INSTRUCTIONS && addr < p->start + p->size; i++) {
		if (cfa_at(p, addr, &cfa) && cfa.base == reg) {
			is_known = true;
			*offset = -cfa.offset;
		}
		if (!decode(p, addr, &insn) || insn.kind != BSL_INSN_PLAIN)
			break;
		addr += insn.length;
	}
	return is_known;
}

static bool find_frame_base(struct prologue *p)
{
	Dwarf_Attribute attr;
	int64_t offset = 0;
	Dwarf_Op *ops;
	size_t count;
	int reg;

	if (!debuginfo_scope_frame_base(p->scope, &attr, &ops, &count) || count != 1)
		return false;
	if (ops[0].atom == DW_OP_call_frame_cfa)
		return true;
	if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31) {
		reg = ops[0].atom - DW_OP_reg0;
	} else if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		reg = ops[0].atom - DW_OP_breg0;
		offset = (int64_t)ops[0].number;
	} else {
		return false;
	}
	if (!register_in_frame(p, reg, &p->frame_base))
		return false;
	p->frame_base += offset;
	return true;
}

static void mark_bytes(struct home *home, const struct type *type, uint64_t start)
{
	uint64_t size = type->size;

	/* The x87's numbers have 10 bytes; of arm64's, which have 16, all are stored at once. */
	if (type->kind == TYPE_FLOAT && !type->is_wide && !type->is_complex && size == 16)
		size = 10;
	for (uint64_t at = start; at < start + size && at < home->size; at++)
		home->missing[at] = true;
}

/* Rust's variants, which may be anywhere in it. */
static bool has_unknown(const struct type_member *members, uint32_t count)
{
	for (uint32_t i = 0; members && i < count; i++)
		if (members[i].type->kind == TYPE_VOID)
			return true;
	return false;
}

/* The bytes of a value that have a meaning: padding needn't be stored. Of what isn't known in parts all have. */
static void mark_missing(struct home *home, const struct type *type, uint64_t start)
{
	const struct type_member *members = NULL;
	uint32_t count = 0;

	if (type->kind == TYPE_STRUCT)
		members = type_members(type, &count);
	else if (type->kind == TYPE_ARRAY && type->target)
		count = type->count;
	if (!count || !type->size || has_unknown(members, count) || home->parts++ >= MAX_PARTS) {
		mark_bytes(home, type, start);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (members)
			mark_missing(home, members[i].type, start + members[i].offset);
		else
			mark_missing(home, type->target, start + (uint64_t)i * type->target->size);
	}
}

/* A parameter with one location: its home, or the register that it is in. False: it can't be followed. */
static bool add_home(struct prologue *p, const struct debuginfo_variable *param, const Dwarf_Op *op,
		     size_t count)
{
	uint64_t size = count == 1 ? param->type->size : 8;
	int64_t base = p->frame_base;
	struct home *home;
	int reg;

	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_breg31) {
		reg = op->atom >= DW_OP_breg0 ? op->atom - DW_OP_breg0 : op->atom - DW_OP_reg0;
		p->used |= 1ull << reg;
		if (op->atom < DW_OP_breg0 || (reg != p->machine->sp && reg != p->machine->fp))
			return true;
		if (!register_in_frame(p, reg, &base))
			return false;
	} else if (op->atom != DW_OP_fbreg) {
		/* A constant is what it is everywhere. */
		return true;
	} else if (!p->has_frame_base) {
		return false;
	}
	if (p->home_count == MAX_HOMES || !size || size > MAX_BYTES)
		return false;
	home = &p->homes[p->home_count++];
	home->param = param->index;
	home->offset = base + (int64_t)op->number;
	home->size = size;
	mark_missing(home, count == 1 ? param->type : type_int(8, false), 0);
	return true;
}

/* A parameter's location at an address of the function; none: *count is 0. */
struct param_location {
	bool is_single; /* the same at each address */
	Dwarf_Op *ops;
	size_t count;
};

/* False: DWARF gives it no location at all. */
static bool find_location(const struct debuginfo_variable *param, uint64_t addr,
			  struct param_location *location)
{
	Dwarf_Die die = param->die;
	Dwarf_Attribute attr;

	if (!dwarf_attr_integrate(&die, DW_AT_location, &attr))
		return false;
	location->is_single = debuginfo_is_single_location(&attr);
	if (dwarf_getlocation_addr(&attr, addr, &location->ops, &location->count, 1) < 1)
		location->count = 0;
	return true;
}

static bool find_homes(struct prologue *p)
{
	p->has_frame_base = find_frame_base(p);
	for (const struct debuginfo_variable *v = p->scope->params; v; v = v->next) {
		struct param_location location;

		if (!find_location(v, p->scope->addr, &location) || !location.is_single ||
		    !location.count)
			continue;
		if (v->index >= 64)
			return false;
		if (add_home(p, v, &location.ops[0], location.count))
			continue;
		if (!p->is_partial)
			return false;
		p->unsettled |= 1ull << v->index;
	}
	for (unsigned int i = 0; i < p->home_count; i++)
		p->unsettled |= 1ull << p->homes[i].param;
	return p->home_count;
}

/* ---- what is stored in them ----------------------------------------------------------------- */

static void note_store(struct prologue *p, const struct spot *to, unsigned int size,
		       const struct spot *cfa)
{
	if (to->base != cfa->base)
		return;
	for (unsigned int i = 0; i < p->home_count; i++) {
		struct home *home = &p->homes[i];
		int64_t at = to->offset - cfa->offset - home->offset;

		for (int64_t byte = at; byte < at + (int64_t)size; byte++)
			if (byte >= 0 && byte < (int64_t)home->size)
				home->missing[byte] = false;
	}
}

/* Which registers have what was passed, behind an instruction. */
static void carry(struct prologue *p, const struct bsl_insn *insn)
{
	bool is_reload = insn->base == p->machine->sp || insn->base == p->machine->fp;
	uint64_t bit;

	if (insn->writes < 0 || insn->writes >= 64)
		return;
	bit = 1ull << insn->writes;
	/* a byte's move isn't a BSL_OP_MOVE, but has a source */
	if (insn->from >= 0 && insn->from < 64 && p->carrying & 1ull << insn->from)
		p->carrying |= bit;
	else if (insn->op == BSL_OP_LOAD && is_reload)
		p->carrying |= bit;
	else if (insn->op == BSL_OP_MOVE || insn->op == BSL_OP_LOAD || insn->op == BSL_OP_LEA)
		p->carrying &= ~bit;
}

/* Is what an instruction stores from the caller? Floating-point registers, and those of a pair, have no number. */
static bool is_passed(const struct prologue *p, const struct bsl_insn *insn)
{
	if (insn->op != BSL_OP_STORE || insn->is_constant)
		return false;
	return insn->reg < 0 || insn->reg >= 64 || p->carrying & 1ull << insn->reg;
}

/* What is above the CFA the caller has stored; not so in Go, where these places are for the function's own use. */
static bool is_filled(const struct prologue *p, const struct home *home)
{
	if (p->scope->language != DW_LANG_Go && home->offset >= 0)
		return true;
	for (uint64_t byte = 0; byte < home->size; byte++)
		if (home->missing[byte])
			return false;
	return true;
}

/* Has one more been filled? Of parameters whose homes can't be followed none is. */
static bool note_filled(struct prologue *p)
{
	uint64_t before = p->unsettled;

	for (unsigned int i = 0; i < p->home_count; i++)
		if (is_filled(p, &p->homes[i]))
			p->unsettled &= ~(1ull << p->homes[i].param);
	return p->unsettled != before;
}

/* Does anything in the function jump behind its entry, but not further than to an address? */
static bool is_jumped_to(const struct prologue *p, uint64_t last)
{
	struct bsl_insn insn;

	for (uint64_t at = 0; at < p->size; at += insn.length) {
		if (!decode(p, p->start + at, &insn))
			return true;
		if ((insn.kind == BSL_INSN_JUMP || insn.kind == BSL_INSN_BRANCH) &&
		    insn.target > p->scope->addr && insn.target <= last)
			return true;
	}
	return false;
}

/* The instruction at an address does its part. False: behind it nothing is certain. */
static bool step(struct prologue *p, uint64_t addr, struct bsl_insn *insn, const struct spot *cfa)
{
	struct spot to;

	if (!decode(p, addr, insn) || insn->kind != BSL_INSN_PLAIN)
		return false;
	if (insn->writes >= 0 && insn->writes < 64 && p->used & 1ull << insn->writes &&
	    insn->writes != p->machine->sp && insn->writes != p->machine->fp)
		return false;
	/* Pushes make room, or save what is the caller's. */
	to = (struct spot){ insn->base, insn->disp };
	if (is_passed(p, insn) && insn->has_disp && !insn->has_segment && !insn->is_relative &&
	    insn->base >= 0 && insn->index < 0)
		note_store(p, &to, insn->size, cfa);
	carry(p, insn);
	if (insn->writes >= 0 && insn->writes < 64)
		p->written |= 1ull << insn->writes;
	else if (insn->op == BSL_OP_OTHER && !insn->has_memory)
		p->written = UINT64_MAX;
	return true;
}

bool debuginfo_is_intact(const Dwarf_Op *ops, size_t count, uint64_t intact)
{
	unsigned int reg;

	if (count != 1)
		return false;
	if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		reg = ops[0].atom - DW_OP_reg0;
	else if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31)
		reg = ops[0].atom - DW_OP_breg0;
	else
		return false;
	return intact & 1ull << reg;
}

/* Parameters that are in other places at each address: is none lost on the way? */
static bool keeps_others(const struct prologue *p, uint64_t addr)
{
	for (const struct debuginfo_variable *v = p->scope->params; v; v = v->next) {
		struct param_location entry, there;

		if (!find_location(v, p->scope->addr, &entry) || entry.is_single || !entry.count)
			continue;
		if ((!find_location(v, addr, &there) || !there.count) &&
		    !debuginfo_is_intact(entry.ops, entry.count, ~p->written))
			return false;
	}
	return true;
}

/* Does the function end with an instruction? A probe of its return may be there too, and be the first to run. */
static bool is_end(const struct prologue *p, uint64_t addr)
{
	struct bsl_insn insn;

	return !decode(p, addr, &insn) || insn.kind == BSL_INSN_RETURN ||
	       insn.kind == BSL_INSN_JUMP_INDIRECT ||
	       (insn.kind == BSL_INSN_JUMP && insn.target - p->start >= p->size);
}

/* The registers that arguments are passed in. */
static uint64_t argument_registers(const struct prologue *p)
{
	const struct bsl_convention *convention = p->scope->language == DW_LANG_Go ? &p->machine->go
										   : &p->machine->c;
	uint64_t mask = 0;

	for (unsigned int i = 0; i < convention->arg_count; i++)
		mask |= 1ull << convention->args[i];
	return mask;
}

/* Is the place where a parameter got settled last one for a probe that every call comes through once? */
static bool is_place(const struct prologue *p, const struct debuginfo_settled *settled)
{
	return settled->addr > p->scope->addr && !is_end(p, settled->addr) &&
	       keeps_others(p, settled->addr) && !is_jumped_to(p, settled->addr);
}

/* Where nothing else tells where the caller put them, some are better than none. */
static bool is_unconventional(const struct debuginfo_scope *scope)
{
	enum debuginfo_convention convention = debuginfo_scope_convention(scope);

	return convention != DEBUGINFO_GO && convention != DEBUGINFO_GO_STACK &&
	       !debuginfo_scope_keeps_convention(scope);
}

bool debuginfo_prologue_find(const struct debuginfo_scope *scope, struct debuginfo_settled *settled)
{
	struct prologue p = { .scope = scope,
			      .is_partial = is_unconventional(scope),
			      .machine = bsl_machine_get(bsl_elf_machine(scope->types->elf)) };
	uint64_t addr = scope->addr;
	struct debuginfo_settled here;
	bool has_place = false;
	struct bsl_insn insn;
	struct spot cfa;

	if (!scope->is_entry || !p.machine || !find_code(&p) || !find_homes(&p))
		return false;
	p.carrying = argument_registers(&p);
	for (unsigned int i = 0; i < MAX_INSTRUCTIONS && addr < p.start + p.size; i++) {
		if (!cfa_at(&p, addr, &cfa))
			break;
		if (note_filled(&p)) {
			here = (struct debuginfo_settled){
				.addr = addr,
				.reg = cfa.base,
				.offset = cfa.offset - p.machine->return_size,
				.unsettled = p.unsettled,
				.intact = ~p.written,
			};
			if ((p.is_partial || !p.unsettled) && is_place(&p, &here)) {
				*settled = here;
				has_place = true;
			}
		}
		if (!p.unsettled || !step(&p, addr, &insn, &cfa))
			break;
		addr += insn.length;
	}
	return has_place;
}
