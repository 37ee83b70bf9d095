/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Does a function take its arguments and return its result as its type says? Compilers change functions that nobody else can
 * call: GCC gives these another name, LLVM takes away parameters and results that nobody uses and keeps the name.
 */
#include <blazesym-lite.h>
#include <stdlib.h>
#include <string.h>

#include "types/debuginfo_private.h"

#define MAX_ENTRIES 200000 /* of a unit, looked at for signs of optimisation */

static const char *producer_of(const struct debuginfo_scope *scope)
{
	Dwarf_Die unit = scope->unit;
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr(&unit, DW_AT_producer, &attr)) ?: "";
}

static bool is_gnu(const char *producer)
{
	return !strncmp(producer, "GNU ", 4);
}

bool debuginfo_scope_is_gnu(const struct debuginfo_scope *scope)
{
	return is_gnu(producer_of(scope));
}

static bool is_go(const char *producer)
{
	return strstr(producer, "Go cmd/compile");
}

/* ---- has it been changed? ------------------------------------------------------------------- */

/* Types are passed by: code that was optimised shows in functions. */
static bool has_functions(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_namespace || tag == DW_TAG_module ||
	       tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

/* A variable that moves, or a call that is described: neither is there without optimisation. */
static bool shows_optimisation(Dwarf_Die *parent, unsigned int *left, unsigned int depth)
{
	struct debuginfo_walk walk;
	Dwarf_Attribute attr;

	if (depth > DWARF_MAX_DEPTH || !debuginfo_walk_first(&walk, parent))
		return false;
	do {
		int tag = dwarf_tag(&walk.die);

		if (!--*left)
			return true;
		if (dwarf_attr(&walk.die, DW_AT_location, &attr) &&
		    !debuginfo_is_single_location(&attr))
			return true;
		if (dwarf_hasattr(&walk.die, DW_AT_call_all_calls) ||
		    dwarf_hasattr(&walk.die, DW_AT_GNU_all_call_sites))
			return true;
		if (has_functions(tag) && shows_optimisation(&walk.die, left, depth + 1))
			return true;
	} while (*left > 1 && debuginfo_walk_next(&walk));
	return false;
}

/* The last unit's answer is kept, functions are asked for one after the other. */
bool debuginfo_scope_is_optimised(const struct debuginfo_scope *scope)
{
	struct debuginfo_types *types = scope->types;
	Dwarf_Die unit = scope->unit;
	unsigned int left = MAX_ENTRIES;

	if (types->judged_unit != unit.addr) {
		types->judged_unit = unit.addr;
		types->is_optimised = shows_optimisation(&unit, &left, 0);
	}
	return types->is_optimised;
}

/* The symbol of the scope's own function, which is not inlined. False: there is none. */
static bool find_symbol(const struct debuginfo_scope *scope, struct bsl_symbol *symbol)
{
	Dwarf_Die frame = scope->frame;
	Dwarf_Addr entry;

	return scope->function.addr == scope->frame.addr && !dwarf_entrypc(&frame, &entry) &&
	       !bsl_elf_symbol_at(scope->types->elf, entry, symbol) && symbol->addr == entry;
}

bool debuginfo_scope_is_normal(const struct debuginfo_scope *scope)
{
	Dwarf_Die function = scope->function;
	Dwarf_Attribute attr;
	Dwarf_Word convention;

	return dwarf_formudata(dwarf_attr_integrate(&function, DW_AT_calling_convention, &attr),
			       &convention) ||
	       convention == DW_CC_normal;
}

/* Only renamed, so that two static functions of a name can be told apart. */
static bool is_same_function(const struct bsl_symbol *symbol)
{
	const char *rest = symbol->clone;

	if (rest && !strncmp(rest, ".lto_priv.", strlen(".lto_priv."))) {
		rest += strlen(".lto_priv.");
		rest += strspn(rest, "0123456789");
	}
	return !rest || !*rest;
}

bool debuginfo_scope_keeps_convention(const struct debuginfo_scope *scope)
{
	struct bsl_symbol symbol;

	if (is_go(producer_of(scope)))
		return true;
	if (!debuginfo_scope_is_normal(scope) || !find_symbol(scope, &symbol) ||
	    !is_same_function(&symbol))
		return false;
	return debuginfo_scope_is_gnu(scope) || symbol.bind != BSL_BIND_LOCAL ||
	       !debuginfo_scope_is_optimised(scope);
}

/* ---- which one is it? ----------------------------------------------------------------------- */

bool debuginfo_language_is_cxx(int language)
{
	switch (language) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case DW_LANG_ObjC_plus_plus:
	case 0x2a: /* DW_LANG_C_plus_plus_17, ... */
	case 0x2b: /* ... and 20, of DWARF's list since version 5 */
		return true;
	default:
		return false;
	}
}

/*
 * Results of 9 to 16 bytes that are no pair of scalars: seen in rustc 1.63 and 1.95. Functions without Rust's mangling may
 * have C's convention (extern "C") or not.
 */
static enum debuginfo_convention rust_convention(const struct debuginfo_scope *scope)
{
	const char *version = strstr(producer_of(scope), "rustc version 1.");
	Dwarf_Die function = scope->function;
	Dwarf_Attribute attr;
	long minor;

	if (!dwarf_attr_integrate(&function, DW_AT_linkage_name, &attr))
		return DEBUGINFO_SCALARS;
	minor = version ? strtol(version + strlen("rustc version 1."), NULL, 10) : 0;
	if (minor >= 1 && minor <= 63)
		return DEBUGINFO_RUST_NARROW;
	return minor >= 95 ? DEBUGINFO_RUST_WIDE : DEBUGINFO_RUST;
}

bool debuginfo_scope_is_go(const struct debuginfo_scope *scope)
{
	return is_go(producer_of(scope));
}

enum debuginfo_convention debuginfo_scope_convention(const struct debuginfo_scope *scope)
{
	const char *producer = producer_of(scope);

	if (is_go(producer))
		return strstr(producer, "regabi") ? DEBUGINFO_GO : DEBUGINFO_GO_STACK;
	if (scope->language == DW_LANG_Rust)
		return rust_convention(scope);
	return debuginfo_language_is_c(scope->language) ||
			       debuginfo_language_is_cxx(scope->language)
		       ? DEBUGINFO_C
		       : DEBUGINFO_SCALARS;
}
