/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A program's own types, functions and variables out of its DWARF (DWARF Debugging Information Format,
 * versions 2 to 5), made into the type graph bit by bit, by libdw.
 *
 *	unit	a compilation unit: what was compiled at once
 *	scope	an address, with the names that a source line there sees
 */
#ifndef TYPES_DEBUGINFO_H
#define TYPES_DEBUGINFO_H

#include <stddef.h>
#include <stdint.h>

#include "types/type.h"

struct bsl_elf;

/* The DWARF of one file. Only the units that a question leads to are read. */
struct debuginfo_types;

/*
 * Borrows elf, which must outlive it. 0, -ENODATA: the file (and its debug file, if one was loaded) has no DWARF;
 * -ENOMEM. Types live as long as the handle.
 */
int debuginfo_types_new(struct bsl_elf *elf, struct debuginfo_types **types);
void debuginfo_types_free(struct debuginfo_types *types);

struct debuginfo_scope;

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

/* A parameter, a local variable, or one of the program's. */
struct debuginfo_variable;

/* The i-th parameter from 0, in the order of the declaration; NULL behind the last one. */
const struct debuginfo_variable *debuginfo_scope_param(const struct debuginfo_scope *scope,
						       unsigned int i);
/* The i-th local variable, the innermost block's first; NULL behind the last one. */
const struct debuginfo_variable *debuginfo_scope_local(const struct debuginfo_scope *scope,
						       unsigned int i);
/* Any variable by name, as C's scopes tell which; this is C++'s. NULL: nobody is called so. */
const struct debuginfo_variable *debuginfo_scope_find(struct debuginfo_scope *scope,
						      const char *name);

const char *
debuginfo_variable_name(const struct debuginfo_variable *variable); /* "" if it has none */
const struct type *debuginfo_variable_type(const struct debuginfo_variable *variable);

/* What the function returns; TYPE_VOID: nothing. */
const struct type *debuginfo_scope_retval(const struct debuginfo_scope *scope);

/*
 * By C's name without stars: "struct request", "union u", "enum state", or a typedef's, in C++ a class's. The
 * unit of the scope is asked first, then all others. NULL: there is no such type.
 */
const struct type *debuginfo_scope_type(struct debuginfo_scope *scope, const char *name,
					size_t len);

/* An enumerator, looked for in the same way. NULL, or its enumeration with *value set, as wide as that. */
const struct type *debuginfo_scope_constant(struct debuginfo_scope *scope, const char *name,
					    uint64_t *value);

#endif /* TYPES_DEBUGINFO_H */
