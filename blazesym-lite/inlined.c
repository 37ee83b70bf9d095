/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The copies of a function that were inlined into others, by its name: a walk over DWARF.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inlined_entry.h"
#include "inlined_units.h"
#include "symbols.h"

/* Compilers nest scopes a few dozen deep; files made to harm may not exhaust our stack. */
#define MAX_DEPTH 256
#define KNOWN 256 /* originals whose names were looked at lately */

struct inlined_search {
	struct bsl_elf *elf;
	const char *wanted;
	const char *last_word; /* of wanted; "": it can't be said which that is */
	unsigned int flags;
	bsl_dwarf_place_fn fn;
	void *ctx;
	Dwarf_Die unit, lines; /* where the entries are, and the line table */
	Dwarf_Off last;	       /* seen while walking the unit */
	struct {
		const void *origin;
		bool is_wanted;
	} known[KNOWN];
	struct inlined_frame *frame; /* in which the walk is; NULL: in none */
	struct numbers
		originals; /* where functions of the name are, copies of which other units may have */
	int nr;
	bool stopped;
};

/* ---- names ---------------------------------------------------------------------------------- */

/* A linker's name says more than the plain one, where there is one: the namespaces. */
static bool has_wanted_name(const struct inlined_search *search, Dwarf_Die *die)
{
	const char *name = dwarf_function_name(die);

	return name && strstr(name, search->last_word) &&
	       symbols_match_name(search->wanted, search->flags, name);
}

static bool is_wanted(struct inlined_search *search, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die origin;
	size_t slot;

	if (!dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &attr), &origin))
		return has_wanted_name(search, die);
	slot = (uintptr_t)origin.addr * 0x9e3779b97f4a7c15ull >> 56;
	if (search->known[slot].origin != origin.addr) {
		search->known[slot].origin = origin.addr;
		search->known[slot].is_wanted = has_wanted_name(search, die);
	}
	return search->known[slot].is_wanted;
}

/* ---- copies --------------------------------------------------------------------------------- */

static int copy_add(struct inlined_frame *frame, const struct inlined_copy *copy)
{
	struct inlined_copy *grown;

	if (frame->nr == frame->room) {
		frame->room = frame->room ? 2 * frame->room : 8;
		grown = reallocarray(frame->copies, frame->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		frame->copies = grown;
	}
	frame->copies[frame->nr++] = *copy;
	return 0;
}

static int entry_report(const struct inlined_entry *entry, void *ctx)
{
	struct inlined_search *search = ctx;
	const struct inlined_copy *copy = entry->copy ?: &search->frame->copies[0];
	Dwarf_Die die = copy->die;
	struct bsl_dwarf_place place = { .name = dwarf_function_name(&die),
					 .addr = entry->addr,
					 .offset = UINT64_MAX,
					 .unproved = entry->unproved,
					 .copy = entry->copy ? &entry->copy->die : NULL,
					 .frame = &search->frame->die };
	int ret;

	if (entry->addr)
		dwarf_place_offset(search->elf, &place);
	if (entry->copy)
		dwarf_call_site(&search->unit, &die, &place.line);
	place.line.function = copy->around;
	search->nr++;
	ret = search->fn(&place, search->ctx);
	search->stopped = ret != 0;
	return ret;
}

/* What the walk is in. */
struct around {
	const char *name; /* of the innermost function */
	bool is_wanted;	  /* it, or one around it in the same frame, has the name */
};

static bool number_get(Dwarf_Die *die, unsigned int name, Dwarf_Word *value)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, name, &attr) && !dwarf_formudata(&attr, value);
}

/* GCC's call of a part that it split off a function is where that is declared. */
static bool is_part(Dwarf_Die *die)
{
	Dwarf_Word line, column, call_line, call_column;

	return number_get(die, DW_AT_decl_line, &line) &&
	       number_get(die, DW_AT_decl_column, &column) &&
	       number_get(die, DW_AT_call_line, &call_line) &&
	       number_get(die, DW_AT_call_column, &call_column) && line == call_line &&
	       column == call_column;
}

static int children_search(struct inlined_search *search, Dwarf_Die *parent,
			   const struct around *around, unsigned int depth);

static int inlined_search(struct inlined_search *search, Dwarf_Die *die,
			  const struct around *around, unsigned int depth)
{
	struct around inside = *around;
	bool wanted = is_wanted(search, die);
	int err = 0;

	if (wanted) {
		const struct inlined_copy copy = { *die, around->name, around->is_wanted,
						   around->is_wanted && is_part(die) };

		err = copy_add(search->frame, &copy);
	}
	inside.name = dwarf_function_name(die);
	inside.is_wanted |= wanted;
	return err ?: children_search(search, die, &inside, depth + 1);
}

/* A function with code of its own, and all that was inlined into it. */
static int frame_search(struct inlined_search *search, Dwarf_Die *die, unsigned int depth)
{
	struct inlined_frame frame = { .elf = search->elf, .lines = &search->lines, .die = *die },
			     *before = search->frame;
	struct around inside = { .name = dwarf_function_name(die) };
	Dwarf_Addr entry;
	int err;

	inside.is_wanted = is_wanted(search, die);
	if (!dwarf_function_entry(die, &entry))
		return inside.is_wanted ? numbers_add(&search->originals, dwarf_dieoffset(die)) : 0;
	search->frame = &frame;
	err = children_search(search, die, &inside, depth + 1);
	if (!err && frame.nr)
		err = inlined_entry_each(&frame, entry_report, search);
	search->frame = before;
	free(frame.copies);
	return err;
}

static int children_search(struct inlined_search *search, Dwarf_Die *parent,
			   const struct around *around, unsigned int depth)
{
	Dwarf_Die die;
	int err = 0;

	if (depth >= MAX_DEPTH || dwarf_child(parent, &die))
		return 0;
	do {
		if (!dwarf_is_ahead(&search->last, &die))
			return 0;
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			err = frame_search(search, &die, depth);
			break;
		case DW_TAG_inlined_subroutine:
			if (search->frame)
				err = inlined_search(search, &die, around, depth);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			err = children_search(search, &die, around, depth + 1);
			break;
		default:
			break;
		}
	} while (!err && !search->stopped && !dwarf_siblingof(&die, &die));
	return err;
}

static int unit_search(struct inlined_search *search, Dwarf_Die *unit)
{
	const struct around nothing = {};

	search->last = 0;
	search->lines = search->unit = *unit;
	bsl_elf_split_unit(search->elf, &search->unit);
	return children_search(search, &search->unit, &nothing, 0);
}

/* First the units that have such a name; then those with copies of what these have, as link-time optimisation makes them. */
static int units_search(struct inlined_search *search, Dwarf *dwarf)
{
	struct inlined_units units;
	int err = inlined_units_open(&units, dwarf, search->last_word);

	for (int others = 0; others < 2; others++) {
		Dwarf_CU *at = NULL;
		Dwarf_Die unit;

		while (!err && !search->stopped &&
		       !dwarf_get_units(dwarf, at, &at, NULL, NULL, &unit, NULL)) {
			if (inlined_units_mention(&units, &unit) != others &&
			    (!others || inlined_units_refer(&units, &unit, &search->originals)))
				err = unit_search(search, &unit);
		}
		if (!search->originals.nr)
			break;
	}
	inlined_units_close(&units);
	return err;
}

int bsl_elf_find_inlined(struct bsl_elf *elf, const char *name, unsigned int flags,
			 bsl_dwarf_place_fn fn, void *ctx)
{
	struct inlined_search search = {
		.elf = elf,
		.wanted = name,
		.flags = flags,
		.fn = fn,
		.ctx = ctx,
	};
	char word[SYMBOLS_WORD_SIZE];
	Dwarf *dwarf;
	int err = dwarf_handle(elf, &dwarf);

	symbols_last_word(name, word);
	search.last_word = word;
	err = err ?: units_search(&search, dwarf);
	free(search.originals.values);
	return err < 0 ? err : search.nr;
}
