/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which compilation units can know of a function: walking one costs a hundred times as much as looking whether its bytes mention
 * the name. Internal to blazesym-lite.
 */
#ifndef BSL_INLINED_UNITS_H
#define BSL_INLINED_UNITS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 32-bit numbers to be found in DWARF: where strings or entries are. */
struct numbers {
	uint32_t *values;
	size_t nr, room;
	uint8_t bits[8192]; /* of their lower halves */
};

/* 0 or -ENOMEM. */
int numbers_add(struct numbers *numbers, uint64_t value);

struct inlined_units {
	const uint8_t *info,
		*offsets; /* .debug_info, .debug_str_offsets; NULL: all units may know of it */
	size_t info_size, offsets_size;
	const char *word;
	struct numbers strings; /* where in .debug_str those are that hold the word */
};

/* What to look for: names with `word` in them ("": any). 0 or -ENOMEM; inlined_units_close() in both cases. */
int inlined_units_open(struct inlined_units *units, Dwarf *dwarf, const char *word);
void inlined_units_close(struct inlined_units *units);

/* Does the unit mention such a name? */
bool inlined_units_mention(const struct inlined_units *units, Dwarf_Die *unit);
/* Does it refer to one of these entries, by their offsets in .debug_info? */
bool inlined_units_refer(const struct inlined_units *units, Dwarf_Die *unit,
			 const struct numbers *entries);

#endif /* BSL_INLINED_UNITS_H */
