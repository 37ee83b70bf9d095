/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A program's own types, functions and variables out of its DWARF (DWARF Debugging Information Format,
 * versions 2 to 5), made into the type graph bit by bit, by libdw.
 *
 *	unit	a compilation unit: what was compiled at once
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
 * By C's name without stars: "struct request", "union u", "enum state", or a typedef's, in C++ a class's. The
 * unit of the scope is asked first, then all others; a scope of NULL: all. NULL: there is no such type.
 */
const struct type *debuginfo_types_find(struct debuginfo_types *types,
					const struct debuginfo_scope *scope, const char *name,
					size_t len);

/* An enumerator, looked for in the same way. NULL, or its enumeration with *value set, as wide as that. */
const struct type *debuginfo_types_constant(struct debuginfo_types *types,
					    const struct debuginfo_scope *scope, const char *name,
					    uint64_t *value);

#endif /* TYPES_DEBUGINFO_H */
