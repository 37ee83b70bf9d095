/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * struct client, and the structures that its members point to.
 */
#include "redis/redis_dwarf.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "types/debuginfo.h"

static const struct row {
	const char *member;
	size_t field;	   /* in struct redis_layout */
	const char *inner; /* NULL, or a member of what it points to */
	size_t inner_field;
} rows[] = {
#define FIELD(name) offsetof(struct redis_layout, name)
	{ "argc", FIELD(argc), NULL, 0 },
	{ "argv", FIELD(argv), NULL, 0 },
	{ "name", FIELD(name), NULL, 0 },
	{ "user", FIELD(user), NULL, 0 },
	{ "cmd", FIELD(cmd), NULL, 0 },
	{ "conn", FIELD(conn), "fd", FIELD(conn_fd) },
	{ "db", FIELD(db), "id", FIELD(db_id) },
	{ "cmd", FIELD(cmd), "fullname", FIELD(cmd_name) },
	{ "cmd", FIELD(cmd), "name", FIELD(cmd_name) },
#undef FIELD
};

static __u16 *field_at(struct redis_layout *layout, size_t field)
{
	return (__u16 *)((char *)layout + field);
}

static void set_offset(uint32_t offset, __u16 *field)
{
	if (*field == REDIS_NO_FIELD && offset + 8 <= REDIS_CLIENT_SPAN && offset % 4 == 0)
		*field = (__u16)offset;
}

static void read_row(const struct type *client, const struct row *row, struct redis_layout *layout)
{
	const struct type_member *member, *inner;
	uint32_t offset;

	member = type_find_member(client, row->member, strlen(row->member), &offset);
	if (!member)
		return;
	set_offset(offset, field_at(layout, row->field));
	if (!row->inner || member->type->kind != TYPE_POINTER)
		return;
	inner = type_find_member(member->type->target, row->inner, strlen(row->inner), &offset);
	if (inner)
		set_offset(offset, field_at(layout, row->inner_field));
}

int redis_dwarf_complete(struct bsl_elf *elf, pid_t pid, const char *path,
			 struct redis_layout *layout)
{
	const struct type *client = NULL;
	struct debuginfo_types *types;
	int err;

	bsl_elf_load_debug(elf, pid, path);
	err = debuginfo_types_new(elf, &types);
	if (!err)
		client =
			debuginfo_types_find(types, NULL, "struct client", strlen("struct client"));
	for (size_t i = 0; client && i < ARRAY_SIZE(rows); i++)
		read_row(client, &rows[i], layout);
	debuginfo_types_free(types);
	return err ? err : client ? 0 : -ENOENT;
}
