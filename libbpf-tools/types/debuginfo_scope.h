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
	Dwarf_Die function; /* whose names these are: a subprogram, or one inlined */
	Dwarf_Die frame;    /* the subprogram whose code it is in */
	bool is_entry;	    /* nothing of the function has run yet */
	bool is_settled; /* its parameters have got to where they stay, see debuginfo_prologue_find() */
	uint64_t unsettled; /* bit i: parameter i hasn't */
	/* bit i: register i still has what it had at the entry, which is at: */
	uint64_t intact, entry_addr;
	int language;		   /* DW_LANG_... of the unit, or 0 */
	const struct type *retval; /* TYPE_VOID: nothing */
	/* In the order of the declaration; the innermost block's first; those that were asked for. */
	struct debuginfo_variable *params, *locals, *globals;
	struct debuginfo_variable *results; /* Go's, as many as the function has */
};

/* Where a function's parameters have got to the places that DWARF gives them for all of it. */
struct debuginfo_settled {
	uint64_t addr;
	/* The stack pointer as it was at the entry, from there: a register's contents and an offset. */
	int reg;
	int64_t offset;
	/* As in a scope. */
	uint64_t unsettled, intact;
};

/*
 * What is seen from an ELF virtual address: the names of the function that the symbol table knows there, or (inlined) of the
 * innermost one inlined there. Lives as long as the types. 0, -ENOENT: DWARF knows no function there; -ENOMEM.
 */
int debuginfo_scope_new(struct debuginfo_types *types, uint64_t addr, bool inlined,
			struct debuginfo_scope **scope);
/*
 * The names of an inlined copy, from an address that may be one of the function around it. copy, frame: libdw's Dwarf_Die of
 * both, as bsl_elf_find_inlined() gives them.
 */
int debuginfo_scope_inlined(struct debuginfo_types *types, uint64_t addr, const void *copy,
			    const void *frame, struct debuginfo_scope **scope);
/* The same as from an entry's scope, where its parameters are settled. NULL when out of memory. */
struct debuginfo_scope *debuginfo_scope_settled(const struct debuginfo_scope *entry,
						const struct debuginfo_settled *settled);

/* The function's name in the source; where it was inlined, of the inlined one. "" if it has none. */
const char *debuginfo_scope_name(const struct debuginfo_scope *scope);

/* Is it an inlined one, with no place of its own that is called and returned from? */
bool debuginfo_scope_is_inlined(const struct debuginfo_scope *scope);

/*
 * From the scope of an entry. Every call comes through that address once. False: there is no such address, or nothing that has
 * to get anywhere.
 */
bool debuginfo_prologue_find(const struct debuginfo_scope *scope,
			     struct debuginfo_settled *settled);

/*
 * Is it certain that the scope's function takes its arguments and returns its result as its type says? Not so of those that a
 * compiler may have changed, as it knows all of their callers.
 */
bool debuginfo_scope_keeps_convention(const struct debuginfo_scope *scope);

/* Does DWARF say that the function may be called like others? LLVM marks those that it has changed, from version 17 on. */
bool debuginfo_scope_is_normal(const struct debuginfo_scope *scope);

/*
 * Does the function's own code prove that it returns something in a register? It sets it before a return instruction and uses it
 * for nothing else, which compilers don't do in vain.
 */
bool debuginfo_scope_returns(const struct debuginfo_scope *scope, int reg);

/* A place in the frame, from a register's contents; of no bytes: none. */
struct debuginfo_slot {
	int reg;
	int64_t offset;
	uint64_t size;
};

/*
 * May any of the registers or the slot be changed by the scope's instruction, or by those behind it up to the first jump or
 * call?
 */
bool debuginfo_scope_changes(const struct debuginfo_scope *scope, uint64_t registers,
			     const struct debuginfo_slot *slot);

/* Was it compiled by GCC? */
bool debuginfo_scope_is_gnu(const struct debuginfo_scope *scope);

/* Is it one of C++? (DW_LANG_...) */
bool debuginfo_language_is_cxx(int language);

/* Does its unit show signs of optimisation? */
bool debuginfo_scope_is_optimised(const struct debuginfo_scope *scope);

/*
 * The expression from which the places in the function's frame are counted, at the scope's address. False: none is known. What it
 * gives lives as long as *attr.
 */
bool debuginfo_scope_frame_base(const struct debuginfo_scope *scope, Dwarf_Attribute *attr,
				Dwarf_Op **ops, size_t *count);

/* Does it keep to one of Go's own conventions? */
bool debuginfo_scope_is_go(const struct debuginfo_scope *scope);

/* Is a variable's location the same everywhere, or told for each address? */
bool debuginfo_is_single_location(Dwarf_Attribute *attr);

/* Is a location one register's contents, or the address in it, and has that not been changed since the entry? */
bool debuginfo_is_intact(const Dwarf_Op *ops, size_t count, uint64_t intact);

/* Any variable by name, as C's scopes decide which; this is C++'s. NULL: nobody is called so. */
const struct debuginfo_variable *debuginfo_scope_find(struct debuginfo_scope *scope,
						      const char *name);

/*
 * The expression of where the caller's frame ends (DW_CFA_...), by .eh_frame or .debug_frame. 0, or -ENOENT: neither knows
 * the address. The operations live in *frame, which is to be freed.
 */
int debuginfo_scope_cfa(const struct debuginfo_scope *scope, Dwarf_Frame **frame, Dwarf_Op **ops,
			size_t *count);

enum debuginfo_passing {
	DEBUGINFO_BY_VALUE,
	DEBUGINFO_BY_ADDRESS,
	DEBUGINFO_BY_UNKNOWN,
};

/*
 * How what an entry is of, a variable or a function's result, is handed over: of C++ what has a destructor or copies itself
 * goes by its address (Itanium C++ ABI, 3.1.2.3).
 */
enum debuginfo_passing debuginfo_passing(const Dwarf_Die *die);

/* The calling conventions that functions have by what compiled them. */
enum debuginfo_convention {
	DEBUGINFO_SCALARS, /* scalars as C's; of other values it isn't known */
	DEBUGINFO_C,
	DEBUGINFO_RUST,	       /* results of 9 to 16 bytes may be in registers or not */
	DEBUGINFO_RUST_NARROW, /* they aren't */
	DEBUGINFO_RUST_WIDE,   /* they are */
	DEBUGINFO_GO,
	DEBUGINFO_GO_STACK, /* before Go 1.17 */
};

enum debuginfo_convention debuginfo_scope_convention(const struct debuginfo_scope *scope);

#endif /* TYPES_DEBUGINFO_SCOPE_H */
