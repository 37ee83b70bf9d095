/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * struct client in DWARF, and the structures that its members point to.
 */
#include "redis/redis_dwarf.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct row {
	const char *member;
	size_t field;	   /* in struct redis_layout */
	const char *inner; /* NULL, or a member of what it points to */
	size_t inner_field;
} rows[] = {
#define FIELD(name) offsetof(struct redis_layout, name)
	{ "argc", FIELD(argc), NULL, 0 },	 { "argv", FIELD(argv), NULL, 0 },
	{ "name", FIELD(name), NULL, 0 },	 { "user", FIELD(user), NULL, 0 },
	{ "cmd", FIELD(cmd), NULL, 0 },		 { "conn", FIELD(conn), "fd", FIELD(conn_fd) },
	{ "db", FIELD(db), "id", FIELD(db_id) },
#undef FIELD
};

static __u16 *field_at(struct redis_layout *layout, size_t field)
{
	return (__u16 *)((char *)layout + field);
}

/* What a type is once its qualifiers and names are taken off. */
static bool strip_type(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), type) &&
	       !dwarf_peel_type(type, type);
}

/* A structure's member, by name. */
static bool find_member(Dwarf_Die *structure, const char *name, Dwarf_Die *member)
{
	if (dwarf_child(structure, member))
		return false;
	do {
		const char *own = dwarf_tag(member) == DW_TAG_member ? dwarf_diename(member) : NULL;

		if (own && !strcmp(own, name))
			return true;
	} while (!dwarf_siblingof(member, member));
	return false;
}

static void set_offset(Dwarf_Die *member, __u16 *field)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;

	if (*field == REDIS_NO_FIELD &&
	    !dwarf_formudata(dwarf_attr(member, DW_AT_data_member_location, &attr), &offset) &&
	    offset + 8 <= REDIS_CLIENT_SPAN && offset % 4 == 0)
		*field = offset;
}

static void read_row(Dwarf_Die *client, const struct row *row, struct redis_layout *layout)
{
	Dwarf_Die member, pointer, structure, inner;

	if (!find_member(client, row->member, &member))
		return;
	set_offset(&member, field_at(layout, row->field));
	if (row->inner && strip_type(&member, &pointer) &&
	    dwarf_tag(&pointer) == DW_TAG_pointer_type && strip_type(&pointer, &structure) &&
	    find_member(&structure, row->inner, &inner))
		set_offset(&inner, field_at(layout, row->inner_field));
}

static bool is_complete(struct redis_layout *layout)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (*field_at(layout, rows[i].field) == REDIS_NO_FIELD ||
		    (rows[i].inner && *field_at(layout, rows[i].inner_field) == REDIS_NO_FIELD))
			return false;
	}
	return true;
}

/* struct client of a unit, if that unit has it. */
static void read_unit(Dwarf_Die *unit, struct redis_layout *layout)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return;
	do {
		const char *name = dwarf_tag(&die) == DW_TAG_structure_type ? dwarf_diename(&die)
									    : NULL;

		if (!name || strcmp(name, "client") || !dwarf_haschildren(&die))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			read_row(&die, &rows[i], layout);
		return;
	} while (!dwarf_siblingof(&die, &die));
}

int redis_dwarf_complete(struct bsl_elf *elf, struct redis_layout *layout)
{
	Dwarf_CFI *frames;
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	Dwarf *dwarf;
	int err = bsl_elf_dwarf(elf, &dwarf, &frames);

	while (!err && !is_complete(layout) &&
	       !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL))
		read_unit(&die, layout);
	return err;
}
