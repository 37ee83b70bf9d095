/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record of a tracepoint as a structure, from the fields that its format file lists.
 */
#include "types/type_tracepoint.h"

#include <array_size.h>
#include <stdio.h>
#include <string.h>

#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/btf.h"

#define MAX_STARS 8

/* Words that the kernel prints in a field's type and that say nothing about its value. */
static bool is_noise(const char *word, size_t len)
{
	static const char *const noise[] = { "const", "volatile",   "__user",	"__kernel",
					     "__rcu", "__data_loc", "__rel_loc" };

	for (size_t i = 0; i < ARRAY_SIZE(noise); i++)
		if (strlen(noise[i]) == len && memcmp(noise[i], word, len) == 0)
			return true;
	return false;
}

/* "const char *" -> "char" and 1; arrays' brackets are left out: the field has their size. */
static char *split_type(struct arena *arena, const char *text, unsigned int *stars)
{
	char *base = arena_alloc(arena, strlen(text) + 1), *to = base;

	*stars = 0;
	if (!base)
		return NULL;
	while (*text && *text != '[') {
		size_t len = strcspn(text, " \t*[");

		if (*text == '*' && *stars < MAX_STARS)
			(*stars)++;
		if (len && !is_noise(text, len)) {
			if (to != base)
				*to++ = ' ';
			memcpy(to, text, len);
			to += len;
		}
		text += len ? len : 1;
	}
	*to = '\0';
	return base;
}

static const struct type *new_type(struct arena *arena, struct type value)
{
	struct type *type = arena_alloc(arena, sizeof(*type));

	if (type)
		*type = value;
	return type;
}

/*
 * An integer of `size` bytes. System calls' fields are all 8 bytes wide and unsigned whatever their
 * declared type: that one counts, and on these little-endian machines its bytes come first.
 */
static const struct type *integer_type(struct arena *arena, const char *name, uint32_t size,
				       bool is_signed)
{
	const struct type *basic = type_basic(name, strlen(name));

	if (basic && basic->kind == TYPE_INT && basic->size <= size)
		return basic;
	if (basic && basic->kind == TYPE_FLOAT && basic->size == size)
		return basic;
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return new_type(arena, (struct type){ .kind = TYPE_INT,
						      .name = name,
						      .size = size,
						      .is_signed = is_signed });
	/* A structure, of which the file says no more. */
	return new_type(arena, (struct type){ .kind = TYPE_STRUCT, .name = name, .size = size });
}

/* A type of the given size, with its stars. */
static const struct type *element_type(struct arena *arena, const char *name, unsigned int stars,
				       uint32_t size, bool is_signed, enum type_space space)
{
	const struct type *type;

	if (!stars)
		return integer_type(arena, name, size, is_signed);
	type = type_basic(name, strlen(name));
	if (!type)
		type = new_type(arena, (struct type){ .kind = TYPE_STRUCT, .name = name });
	while (type && stars--)
		type = type_pointer(arena, type, space);
	return type;
}

/* An enumeration as the kernel's types have it, with the names of its values. NULL: it is none, or they don't know it. */
static const struct type *enum_type(struct btf_types *types, const char *name, uint32_t size)
{
	const struct type *type = types && !strncmp(name, "enum ", 5)
					  ? btf_types_find(types, name, strlen(name))
					  : NULL;

	return type && type->kind == TYPE_ENUM && type->size == size ? type : NULL;
}

static const struct type *field_type(struct arena *arena, const struct tracefs_field *field,
				     bool pointers_are_user, struct btf_types *types)
{
	enum type_space space = pointers_are_user ? SPACE_USER : SPACE_KERNEL;
	bool is_loc = field->is_data_loc || field->is_rel_loc;
	const struct type *element, *basic, *array;
	struct type *loc;
	unsigned int stars;
	char *name = split_type(arena, field->type, &stars);
	uint32_t size = field->size;

	if (!name)
		return NULL;
	if (is_loc) {
		basic = type_basic(name, strlen(name));
		size = stars || !basic || !basic->size ? 8 : basic->size;
	} else if (field->is_array && field->count) {
		size = field->size / field->count;
	}
	element = stars ? NULL : enum_type(types, name, size);
	if (!element)
		element = element_type(arena, name, stars, size, field->is_signed, space);
	if (!element || (!is_loc && !field->is_array))
		return element;
	array = type_array(arena, element, is_loc ? 0 : field->count);
	if (!array || !is_loc)
		return array;
	loc = arena_alloc(arena, sizeof(*loc));
	if (!loc)
		return NULL;
	*loc = *array;
	loc->size = 4; /* what is at the field's place */
	loc->is_data_loc = true;
	loc->is_rel_loc = field->is_rel_loc;
	return loc;
}

/*
 * The type of a `void *skaddr` or `void *skbaddr`: the structures whose addresses events print are named so after the
 * parameter that they are, which the function that calls the tracepoint's programs has, too. NULL: not known.
 */
static const struct type *parameter_type(const struct btf_function *caller, const char *field)
{
	for (unsigned int i = 0; i < caller->param_count; i++) {
		const struct btf_function_param *param = &caller->params[i];
		size_t len = strlen(param->name);

		if (len && !strncmp(field, param->name, len) &&
		    (!field[len] || !strcmp(field + len, "addr")) &&
		    param->type->kind == TYPE_POINTER && param->type->target->kind == TYPE_STRUCT)
			return param->type;
	}
	return NULL;
}

static void type_pointers(struct btf_types *types, const struct tracefs_format *format,
			  struct type_member *members)
{
	struct btf_function caller = {};
	bool is_known = false;
	char name[128];

	snprintf(name, sizeof(name), "__traceiter_%s", format->name ? format->name : "");
	for (size_t i = 0; i < format->field_count; i++) {
		const struct type *type = members[i].type;

		if (type->kind != TYPE_POINTER || type->target->kind != TYPE_VOID)
			continue;
		if (!is_known && btf_types_function(types, name, &caller))
			return;
		is_known = true;
		members[i].type = parameter_type(&caller, members[i].name) ?: type;
	}
}

const struct type *type_tracepoint(struct arena *arena, const struct tracefs_format *format,
				   bool pointers_are_user, struct btf_types *types)
{
	struct type_member *members;
	struct type *record = arena_alloc(arena, sizeof(*record));
	char name[128];
	uint32_t size = 0;

	members = arena_alloc(arena, (format->field_count + 1) * sizeof(*members));
	snprintf(name, sizeof(name), "event %s", format->name ? format->name : "");
	if (!record || !members)
		return NULL;
	for (size_t i = 0; i < format->field_count; i++) {
		const struct tracefs_field *field = &format->fields[i];
		uint32_t end;

		members[i].name = arena_strndup(arena, field->name, strlen(field->name));
		members[i].type = field_type(arena, field, pointers_are_user, types);
		members[i].offset = field->offset;
		if (!members[i].name || !members[i].type)
			return NULL;
		if (!__builtin_add_overflow(field->offset, field->size, &end) && end > size)
			size = end;
	}
	if (types && !pointers_are_user)
		type_pointers(types, format, members);
	*record = (struct type){ .kind = TYPE_STRUCT,
				 .size = size,
				 .members = members,
				 .count = (uint32_t)format->field_count };
	record->name = arena_strndup(arena, name, strlen(name));
	return record->name ? record : NULL;
}
