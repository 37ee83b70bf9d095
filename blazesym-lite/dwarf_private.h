/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What the files that read DWARF share. Internal to blazesym-lite. */
#ifndef BSL_DWARF_PRIVATE_H
#define BSL_DWARF_PRIVATE_H

#include <elfutils/libdw.h>

#include "blazesym-lite.h"

/* libdw's handle of a file's DWARF, that of its debug file if there is one. -ENODATA: it has none; -ENOMEM. */
int dwarf_handle(struct bsl_elf *elf, Dwarf **dwarf);

/* The name that a linker knows, else the plain one; NULL: it has none. Of an inlined copy its original's. */
const char *dwarf_function_name(Dwarf_Die *die);

/* The position from which an inlined function was called. */
void dwarf_call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct bsl_line *line);

/* Where a function is entered. A function in several pieces has no such attribute: GCC writes the piece with the entry first. */
bool dwarf_function_entry(Dwarf_Die *function, Dwarf_Addr *entry);

/* From the address of a place to its offset, UINT64_MAX if it has none. */
void dwarf_place_offset(const struct bsl_elf *elf, struct bsl_dwarf_place *place);

/*
 * A walk meets the entries of a unit in the order they are written. In a broken file a `sibling`
 * may point into its own children, and walking all paths would take for ever: what isn't ahead ends
 * it.
 */
bool dwarf_is_ahead(Dwarf_Off *last, Dwarf_Die *die);

#endif /* BSL_DWARF_PRIVATE_H */
