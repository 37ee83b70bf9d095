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
	bool is_owner;
} rows[] = {
	{ "string", "str", "len", false }, /* Go */
	{ "[]uint8", "array", "len", false },
	{ "&str", "data_ptr", "length", false }, /* Rust */
	{ "&mut str", "data_ptr", "length", false },
	{ "&[u8]", "data_ptr", "length", false },
	{ "String", "vec.buf.inner.ptr.pointer.pointer", "vec.len", true }, /* from 1.81 on */
	{ "String", "vec.buf.ptr.pointer.pointer", "vec.len", true },
	{ "String", "vec.buf.ptr.pointer", "vec.len", true },
	{ "basic_string<", "_M_dataplus._M_p", "_M_string_length", true }, /* libstdc++ */
	{ "basic_string_view<", "_M_str", "_M_len", false },
};

static bool has_name(const struct type *type, const char *name)
{
	size_t len = strlen(name);

	return name[len - 1] == '<' ? !strncmp(type->name, name, len) : !strcmp(type->name, name);
}

/* clang may leave out what is in libstdc++'s _Alloc_hider: an allocator without bytes, and the pointer. The length is behind it. */
static const struct type *hidden_pointer(const struct type *type, uint32_t *offset)
{
	uint32_t behind = 0;
	static const struct type character = {
		.kind = TYPE_INT, .name = "char", .size = 1, .is_signed = true, .is_char = true
	};
	static const struct type pointer = { .kind = TYPE_POINTER,
					     .name = "char *",
					     .size = 8,
					     .target = &character,
					     .space = SPACE_USER };
	const struct type *hider = type_find_path(type, "_M_dataplus", offset);

	return hider && (hider->size == pointer.size || !hider->size) &&
			       type_find_path(type, "_M_string_length", &behind) &&
			       behind == *offset + pointer.size &&
			       !strncmp(type->name, "basic_string<char,", 18)
		       ? &pointer
		       : NULL;
}

bool type_find_text(const struct type *type, struct type_text *text)
{
	if (type->kind != TYPE_STRUCT || !type->name)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!has_name(type, rows[i].name))
			continue;
		text->data = type_find_path(type, rows[i].data, &text->data_offset);
		if (!text->data)
			text->data = hidden_pointer(type, &text->data_offset);
		text->len = type_find_path(type, rows[i].len, &text->len_offset);
		text->is_owner = rows[i].is_owner;
		if (text->data && text->len && text->data->kind == TYPE_POINTER &&
		    text->data->target->size == 1 && text->len->kind == TYPE_INT &&
		    text->len->size == 8)
			return true;
	}
	return false;
}
