/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * An address of a program, with the names that a source line there sees. Entries of DWARF are part of the interface:
 * where a value is, its expressions say, which probe/check/ runs.
 */
#ifndef TYPES_DEBUGINFO_SCOPE_H
#define TYPES_DEBUGINFO_SCOPE_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "types/debuginfo.h"

/* A parameter, a local variable, or one of the program's. */
struct debuginfo_variable {
	const char *name; /* "" if it has none */
	const struct type *type;
	Dwarf_Die die;
	bool is_param;
	bool is_global;
	unsigned int index; /* of a parameter */
	struct debuginfo_variable *next;
};

struct debuginfo_scope {
	struct debuginfo_types *types;
	uint64_t addr;
	Dwarf_Die unit;
	Dwarf_Die function;	   /* whose names these are: a subprogram, or one inlined */
	Dwarf_Die frame;	   /* the subprogram whose code it is in */
	bool is_entry;		   /* nothing of the function has run yet */
	int language;		   /* DW_LANG_... of the unit, or 0 */
	const struct type *retval; /* TYPE_VOID: nothing */
	/* In the order of the declaration; the innermost block's first; those that were asked for. */
	struct debuginfo_variable *params, *locals, *globals;
};

/*
 * What is seen from an ELF virtual address: the names of the function that the symbol table knows there (inlined:
 * NULL), of the innermost one inlined there (""), or of the inlined one of that name. Lives as long as the types.
 * 0, -ENOENT: DWARF knows no function there; -ENOMEM.
 */
int debuginfo_scope_new(struct debuginfo_types *types, uint64_t addr, const char *inlined,
			struct debuginfo_scope **scope);

/* The function's name in the source; where it was inlined, of the inlined one. "" if it has none. */
const char *debuginfo_scope_name(const struct debuginfo_scope *scope);

/* Is it an inlined one, with no place of its own that is called and returned from? */
bool debuginfo_scope_is_inlined(const struct debuginfo_scope *scope);

/* Is its unit written in Rust? */
bool debuginfo_scope_is_rust(const struct debuginfo_scope *scope);

/* Any variable by name, as C's scopes decide which; this is C++'s. NULL: nobody is called so. */
const struct debuginfo_variable *debuginfo_scope_find(struct debuginfo_scope *scope,
						      const char *name);

/*
 * The expression of where the caller's frame ends (DW_CFA_...), by .eh_frame or .debug_frame. 0, or -ENOENT: neither knows
 * the address. The operations live in *frame, which is to be freed.
 */
int debuginfo_scope_cfa(const struct debuginfo_scope *scope, Dwarf_Frame **frame, Dwarf_Op **ops,
			size_t *count);

/*
 * Is what an entry is of, a variable or a function's result, handed over by its address? Of C++ what has a destructor or
 * copies itself (Itanium C++ ABI, 3.1.2.3).
 */
bool debuginfo_is_by_reference(const Dwarf_Die *die);

#endif /* TYPES_DEBUGINFO_SCOPE_H */
