/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a function's instructions prove. Compilers take away results that no caller uses, and most don't say so; but none of them
 * sets a register for nothing: where one is set last before a return instruction, callers find something in it.
 */
#include <blazesym-lite.h>

#include "types/debuginfo_private.h"

static bool reads(const struct bsl_insn *insn, int reg)
{
	bool is_source = insn->op == BSL_OP_STORE || insn->op == BSL_OP_PUSH ||
			 insn->op == BSL_OP_COMPARE;

	return insn->from == reg ||
	       (insn->has_memory && (insn->base == reg || insn->index == reg)) ||
	       (is_source && insn->reg == reg);
}

/* Is the register's value, set further up, still unused behind this instruction? Unknown ones may use any. */
static bool keeps(const struct bsl_insn *insn, int reg)
{
	if (insn->kind != BSL_INSN_PLAIN || reads(insn, reg))
		return false;
	/* It is changed in place: and $1, %al. */
	if (insn->op == BSL_OP_OTHER)
		return insn->writes == reg && !insn->has_memory;
	return insn->op != BSL_OP_POP || insn->writes != reg;
}

static bool sets(const struct bsl_insn *insn, int reg)
{
	/* Not by xor with itself, which is also how hardened code clears what it has used. */
	return insn->kind == BSL_INSN_PLAIN && insn->writes == reg &&
	       (insn->op == BSL_OP_MOVE || insn->op == BSL_OP_LOAD || insn->op == BSL_OP_LEA ||
		(insn->op == BSL_OP_OTHER && (insn->has_memory || insn->is_constant)));
}

static bool returns_within(int machine, const uint8_t *code, uint64_t size, uint64_t addr, int reg)
{
	struct bsl_insn insn;
	bool is_set = false;

	for (uint64_t at = 0; at < size; at += insn.length) {
		if (bsl_insn_decode(machine, code + at, size - at, addr + at, &insn) <= 0)
			return false;
		if (insn.kind == BSL_INSN_RETURN && is_set)
			return true;
		is_set = sets(&insn, reg) || (is_set && keeps(&insn, reg));
	}
	return false;
}

bool debuginfo_scope_returns(const struct debuginfo_scope *scope, int reg)
{
	int machine = bsl_elf_machine(scope->types->elf);
	Dwarf_Addr base, start, end;
	Dwarf_Die frame = scope->frame;
	const uint8_t *code;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(&frame, at, &base, &start, &end)) > 0;) {
		code = bsl_elf_data(scope->types->elf, start, end - start);
		if (code && returns_within(machine, code, end - start, start, reg))
			return true;
	}
	return false;
}

/* Those that instructions of which nothing is told may change: multiplications, divisions, strings. */
#define X86_IMPLIED 0x37 /* rax, rdx, rcx, rsi, rdi by DWARF's numbers */
#define MAX_BLOCK 64

static bool stores_to(const struct bsl_insn *insn, const struct debuginfo_slot *slot)
{
	if (!slot->size || insn->op != BSL_OP_STORE)
		return false;
	/* Through another register it may be anywhere, but a copy's own variables are reached by the frame's. */
	return insn->base == slot->reg && insn->index < 0 &&
	       insn->disp < slot->offset + (int64_t)slot->size &&
	       slot->offset < insn->disp + (insn->size ? insn->size : 64);
}

bool debuginfo_scope_changes(const struct debuginfo_scope *scope, uint64_t registers,
			     const struct debuginfo_slot *slot)
{
	const struct bsl_elf *elf = scope->types->elf;
	uint64_t addr = scope->addr, changed;
	struct bsl_insn insn;
	const uint8_t *code;

	for (unsigned int i = 0; i < MAX_BLOCK; i++, addr += insn.length) {
		size_t size = BSL_INSN_MAX;

		while (size && !(code = bsl_elf_data(elf, addr, size)))
			size--;
		if (!size || bsl_insn_decode(bsl_elf_machine(elf), code, size, addr, &insn) <= 0)
			return true;
		if (insn.kind != BSL_INSN_PLAIN)
			return false;
		changed = insn.writes >= 0 && insn.writes < 64 ? 1ull << insn.writes
			  : insn.op == BSL_OP_OTHER	       ? X86_IMPLIED
							       : 0;
		if (changed & registers || stores_to(&insn, slot))
			return true;
	}
	return true;
}
