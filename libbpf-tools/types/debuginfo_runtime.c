/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Go's interfaces name the type of their value by the address of the runtime's description of it, which DWARF has for each
 * type (DW_AT_go_runtime_type, cmd/internal/dwarf): an address, or the distance from the first of all.
 */
#include <blazesym-lite.h>
#include <stdlib.h>
#include <string.h>

#include "types/debuginfo_private.h"

#define DW_AT_go_runtime_type 0x2904
#define MAX_RUNTIME_TYPES 1000000

struct debuginfo_runtime {
	uint64_t addr;
	Dwarf_Die die;
	struct type_named *named; /* NULL: nobody has asked yet */
};

struct runtime_search {
	struct debuginfo_types *types;
	uint64_t base; /* of the runtime's descriptions; 0: not known */
};

static int take_base(const struct bsl_symbol *symbol, void *ctx)
{
	struct runtime_search *search = ctx;

	search->base = symbol->addr;
	return 1;
}

/* Addresses are behind the first description, distances are less. 0: it has none. */
static uint64_t runtime_address(const struct runtime_search *search, Dwarf_Die *die)
{
	uint64_t value = debuginfo_number(die, DW_AT_go_runtime_type, 0);
	Dwarf_Attribute attr;
	Dwarf_Addr addr;

	if (!value && !dwarf_formaddr(dwarf_attr(die, DW_AT_go_runtime_type, &attr), &addr))
		value = addr;
	return value && value < search->base ? search->base + value : value;
}

static int take_type(Dwarf_Die *die, void *ctx)
{
	const struct runtime_search *search = ctx;
	struct debuginfo_types *types = search->types;
	uint64_t addr = runtime_address(search, die);
	size_t room = types->runtime_count;
	struct debuginfo_runtime *more;

	if (!addr)
		return 0;
	if (!(room & (room - 1))) {
		more = realloc(types->runtime, (room ? 2 * room : 1) * sizeof(*more));
		if (!more || room > MAX_RUNTIME_TYPES)
			return -1;
		types->runtime = more;
	}
	types->runtime[types->runtime_count++] = (struct debuginfo_runtime){ addr, *die, NULL };
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct debuginfo_runtime *)a)->addr,
		 y = ((const struct debuginfo_runtime *)b)->addr;

	return x < y ? -1 : x > y;
}

static void read_all(struct debuginfo_types *types)
{
	struct runtime_search search = { .types = types };

	types->has_runtime = true;
	bsl_elf_find_symbols(types->elf, "runtime.types", BSL_FIND_OBJECTS, take_base, &search);
	debuginfo_search(types, NULL, take_type, &search);
	if (types->runtime)
		qsort(types->runtime, types->runtime_count, sizeof(*types->runtime), compare);
}

static struct type_named *make_named(struct debuginfo_types *types, Dwarf_Die *die)
{
	struct type_named *named = arena_alloc(types->arena, sizeof(*named));

	if (!named)
		return NULL;
	named->name = dwarf_diename(die) ?: "";
	named->is_pointer = dwarf_tag(die) == DW_TAG_pointer_type;
	named->type = named->is_pointer ? debuginfo_type_of(types, die, 0)
					: debuginfo_type_make(types, die, 0);
	return named->type ? named : NULL;
}

const struct type_named *debuginfo_find_runtime(struct type_source *source, uint64_t addr)
{
	struct debuginfo_types *types = (struct debuginfo_types *)source;
	struct debuginfo_runtime wanted = { .addr = addr }, *found;

	if (!types->has_runtime)
		read_all(types);
	found = types->runtime ? bsearch(&wanted, types->runtime, types->runtime_count,
					 sizeof(wanted), compare)
			       : NULL;
	if (found && !found->named)
		found->named = make_named(types, &found->die);
	return found ? found->named : NULL;
}
