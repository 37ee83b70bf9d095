/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a function has put its parameters into the places that DWARF gives them for all of it.
 *
 *	home	a place in the function's frame that is a parameter's all the time, as in code that isn't optimised
 *	settled	all homes have been filled: the instructions in front stored something in each
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdlib.h>

#include "types/debuginfo_private.h"

#define MAX_HOMES 32
/* Homes larger than so many words are filled by loops and calls, which end the search anyway. */
#define MAX_WORDS 64
/* A prologue has a few instructions for each parameter. */
#define MAX_INSTRUCTIONS 400

/* An address: a register's contents and an offset. */
struct spot {
	int base;
	int64_t offset;
};

struct home {
	int64_t offset; /* from DWARF's canonical frame address, which is the same all the time */
	uint64_t size;
	uint64_t missing; /* bit i: nothing has been stored in word i of its 8-byte words yet */
};

struct prologue {
	const struct debuginfo_scope *scope;
	const struct bsl_machine *machine;
	const uint8_t *code;
	uint64_t start, size;
	int64_t frame_base; /* from the canonical frame address; only with has_frame_base */
	bool has_frame_base;
	struct home homes[MAX_HOMES];
	unsigned int home_count;
	uint64_t used; /* bit i: register i holds a parameter */
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

bool debuginfo_is_single_location(Dwarf_Attribute *attr)
{
	unsigned int form = dwarf_whatform(attr);

	return form != DW_FORM_loclistx && form != DW_FORM_sec_offset && form != DW_FORM_data4 &&
	       form != DW_FORM_data8;
}

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
	Dwarf_Die frame = p->scope->frame;
	Dwarf_Attribute attr;
	int64_t offset = 0;
	Dwarf_Op *ops;
	size_t count;
	int reg;

	if (!dwarf_attr_integrate(&frame, DW_AT_frame_base, &attr) ||
	    dwarf_getlocation_addr(&attr, p->scope->addr, &ops, &count, 1) < 1 || count != 1)
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

/* A parameter with one location: its home, or the register that it is in. False: it can't be followed. */
static bool add_home(struct prologue *p, const struct debuginfo_variable *param, const Dwarf_Op *op,
		     size_t count)
{
	uint64_t size = count == 1 ? param->type->size : 8;
	unsigned int words = (unsigned int)((size + 7) / 8);
	int64_t base = p->frame_base;
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
	if (p->home_count == MAX_HOMES || !words || words > MAX_WORDS)
		return false;
	p->homes[p->home_count++] =
		(struct home){ base + (int64_t)op->number, size,
			       words == MAX_WORDS ? UINT64_MAX : (1ull << words) - 1 };
	return true;
}

static bool find_homes(struct prologue *p)
{
	p->has_frame_base = find_frame_base(p);
	for (const struct debuginfo_variable *v = p->scope->params; v; v = v->next) {
		Dwarf_Die die = v->die;
		Dwarf_Attribute attr;
		Dwarf_Op *ops;
		size_t count;

		if (!dwarf_attr_integrate(&die, DW_AT_location, &attr) ||
		    !debuginfo_is_single_location(&attr))
			continue;
		if (dwarf_getlocation_addr(&attr, p->scope->addr, &ops, &count, 1) < 1 || !count)
			continue;
		if (!add_home(p, v, &ops[0], count))
			return false;
	}
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

		for (int64_t word = 0; word < (int64_t)home->size; word += 8) {
			int64_t end = word + 8 < (int64_t)home->size ? word + 8
								     : (int64_t)home->size;

			if (at < end && at + (int64_t)size > word)
				home->missing &= ~(1ull << word / 8);
		}
	}
}

/* What is above the CFA the caller has stored; not so in Go, where these places are for the function's own use. */
static bool is_settled(const struct prologue *p)
{
	for (unsigned int i = 0; i < p->home_count; i++) {
		const struct home *home = &p->homes[i];

		if (home->missing && (p->scope->language == DW_LANG_Go || home->offset < 0))
			return false;
	}
	return true;
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
	to = (struct spot){ insn->base, insn->disp };
	if (insn->op == BSL_OP_PUSH) {
		to = (struct spot){ p->machine->sp, -8 };
		note_store(p, &to, 8, cfa);
	} else if (insn->op == BSL_OP_STORE && insn->has_disp && !insn->has_segment &&
		   !insn->is_relative && insn->base >= 0 && insn->index < 0) {
		note_store(p, &to, insn->size, cfa);
	}
	return true;
}

/* Parameters that are in other places at each address: is none lost on the way? */
static bool keeps_others(const struct prologue *p, uint64_t addr)
{
	for (const struct debuginfo_variable *v = p->scope->params; v; v = v->next) {
		Dwarf_Die die = v->die;
		Dwarf_Attribute attr;
		Dwarf_Op *ops;
		size_t count;

		if (!dwarf_attr_integrate(&die, DW_AT_location, &attr) ||
		    debuginfo_is_single_location(&attr))
			continue;
		if (dwarf_getlocation_addr(&attr, p->scope->addr, &ops, &count, 1) >= 1 && count &&
		    (dwarf_getlocation_addr(&attr, addr, &ops, &count, 1) < 1 || !count))
			return false;
	}
	return true;
}

bool debuginfo_prologue_find(const struct debuginfo_scope *scope, struct debuginfo_settled *settled)
{
	struct prologue p = { .scope = scope,
			      .machine = bsl_machine_get(bsl_elf_machine(scope->types->elf)) };
	uint64_t addr = scope->addr;
	struct bsl_insn insn;
	struct spot cfa;

	if (!scope->is_entry || !p.machine || !find_code(&p) || !find_homes(&p))
		return false;
	for (unsigned int i = 0; i < MAX_INSTRUCTIONS && addr < p.start + p.size; i++) {
		if (!cfa_at(&p, addr, &cfa))
			return false;
		if (is_settled(&p)) {
			*settled =
				(struct debuginfo_settled){ addr, cfa.base,
							    cfa.offset - p.machine->return_size };
			return addr > scope->addr && keeps_others(&p, addr) &&
			       !is_jumped_to(&p, addr);
		}
		if (!step(&p, addr, &insn, &cfa))
			return false;
		addr += insn.length;
	}
	return false;
}
