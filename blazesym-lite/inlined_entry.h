/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where the inlined copies of a function begin: the instructions that run once for each call that the source has. Internal to
 * blazesym-lite.
 */
#ifndef BSL_INLINED_ENTRY_H
#define BSL_INLINED_ENTRY_H

#include "dwarf_private.h"

/* One DW_TAG_inlined_subroutine. */
struct inlined_copy {
	Dwarf_Die die;
	const char *around; /* the function that it is in, inlined itself perhaps; or NULL */
	bool is_nested;	    /* that is the same function */
	bool is_part;	    /* ... of which GCC had split it off: it isn't called in the source */
};

/* What is entered by calls: a subprogram with code, and the copies in it. */
struct inlined_frame {
	struct bsl_elf *elf;
	Dwarf_Die *lines; /* the unit with the line table */
	Dwarf_Die die;
	struct inlined_copy *copies;
	size_t nr, room;
};

struct inlined_entry {
	uint64_t addr;			 /* 0: nowhere */
	const struct inlined_copy *copy; /* NULL: one of several, but which of them isn't known */
	const char *
		unproved; /* why it isn't proved that each call comes through here once; NULL: it is */
};

/*
 * Gives fn each entry of the frame's copies, and those copies that have none. 0, -ENOMEM, or what fn returned if that isn't 0.
 */
int inlined_entry_each(struct inlined_frame *frame,
		       int (*fn)(const struct inlined_entry *entry, void *ctx), void *ctx);

#endif /* BSL_INLINED_ENTRY_H */
