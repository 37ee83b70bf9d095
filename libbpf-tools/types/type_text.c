/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Structures that are strings: what other languages and their libraries have for C's pointer to char, known by
 * their names and by members that lead to the bytes and to their number.
 */
#include <array_size.h>
#include <string.h>

#include "types/type.h"

static const struct {
	const char *name;	/* with `<` at the end: of any such template */
	const char *data, *len; /* members of members */
} rows[] = {
	{ "string", "str", "len" }, /* Go */
	{ "[]uint8", "array", "len" },
	{ "&str", "data_ptr", "length" }, /* Rust */
	{ "&mut str", "data_ptr", "length" },
	{ "&[u8]", "data_ptr", "length" },
	{ "String", "vec.buf.inner.ptr.pointer.pointer", "vec.len" }, /* from 1.81 on */
	{ "String", "vec.buf.ptr.pointer.pointer", "vec.len" },
	{ "String", "vec.buf.ptr.pointer", "vec.len" },
	{ "basic_string<", "_M_dataplus._M_p", "_M_string_length" }, /* libstdc++ */
	{ "basic_string_view<", "_M_str", "_M_len" },
};

static bool has_name(const struct type *type, const char *name)
{
	size_t len = strlen(name);

	return name[len - 1] == '<' ? !strncmp(type->name, name, len) : !strcmp(type->name, name);
}

static const struct type *follow(const struct type *type, const char *path, uint32_t *offset)
{
	*offset = 0;
	while (type) {
		size_t len = strcspn(path, ".");
		uint32_t at;
		const struct type_member *member = type_find_member(type, path, len, &at);

		if (!member || member->bit_size)
			return NULL;
		*offset += at;
		type = member->type;
		if (!path[len])
			break;
		path += len + 1;
	}
	return type;
}

bool type_find_text(const struct type *type, struct type_text *text)
{
	if (type->kind != TYPE_STRUCT || !type->name)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!has_name(type, rows[i].name))
			continue;
		text->data = follow(type, rows[i].data, &text->data_offset);
		text->len = follow(type, rows[i].len, &text->len_offset);
		if (text->data && text->len && text->data->kind == TYPE_POINTER &&
		    text->data->target->size == 1 && text->len->kind == TYPE_INT &&
		    text->len->size == 8)
			return true;
	}
	return false;
}
