/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the files that read DWARF share.
 */
#ifndef TYPES_DEBUGINFO_PRIVATE_H
#define TYPES_DEBUGINFO_PRIVATE_H

#include "types/arena.h"
#include "types/debuginfo.h"
#include "types/debuginfo_scope.h"

/* Scopes, modifiers and typedefs are nested a few levels deep; files made to harm would go on. */
#define DWARF_MAX_DEPTH 64

struct debuginfo_types {
	struct type_source source;
	struct arena *arena;
	struct bsl_elf *elf;
	Dwarf *dwarf;
	Dwarf_CFI *frames; /* of .eh_frame, or NULL */
	/* What was made of each entry so far: a hash table by the entry's place in memory. */
	struct debuginfo_known {
		const void *die;
		const struct type *type;
	} * known;
	size_t known_count, known_room;
	/* Go's types by the addresses that its runtime knows them by, in their order; found when somebody asks. */
	struct debuginfo_runtime *runtime;
	size_t runtime_count;
	bool has_runtime;
	/* The unit that was asked for last: does it show signs of optimisation? */
	const void *judged_unit;
	bool is_optimised;
};

/* The type that an entry's DW_AT_type names; void if it names none. NULL when out of memory. */
const struct type *debuginfo_type_of(struct debuginfo_types *types, Dwarf_Die *die,
				     unsigned int depth);
/* The type that an entry is. */
const struct type *debuginfo_type_make(struct debuginfo_types *types, Dwarf_Die *die,
				       unsigned int depth);

/* type_source's find_runtime. */
const struct type_named *debuginfo_find_runtime(struct type_source *source, uint64_t addr);

/*
 * The children of an entry, as long as they come one after the other: in a broken file they could lead
 * round in circles. last: {0} at first.
 */
struct debuginfo_walk {
	Dwarf_Die die;
	const char *last;
};
/* False: there is none. */
bool debuginfo_walk_first(struct debuginfo_walk *walk, Dwarf_Die *parent);
/* False: that was the last one. */
bool debuginfo_walk_next(struct debuginfo_walk *walk);

/*
 * The first of an unit's entries, those in its namespaces included, that fn takes; in `first` (NULL: none), then
 * in all the others. fn: < 0 an error, 0 go on, 1 taken.
 */
typedef int (*debuginfo_entry_fn)(Dwarf_Die *die, void *ctx);
int debuginfo_search(struct debuginfo_types *types, Dwarf_Die *first, debuginfo_entry_fn fn,
		     void *ctx);

/* Numbers of an entry's own; `otherwise` where there is none. */
uint64_t debuginfo_number(Dwarf_Die *die, unsigned int attribute, uint64_t otherwise);
bool debuginfo_flag(Dwarf_Die *die, unsigned int attribute);

/* DW_LANG_... of the unit that an entry is in. */
int debuginfo_language(Dwarf_Die *die);
bool debuginfo_language_is_c(int language);

#endif /* TYPES_DEBUGINFO_PRIVATE_H */
