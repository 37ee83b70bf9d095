/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Values that people see as something else than a structure's members: one of several forms, elements, what is pointed to, what an
 * interface has.
 */
#include <string.h>

#include "lib/output.h"
#include "probe/record/object_private.h"

static void write_word(struct writer *w, const char *key, const char *text)
{
	if (w->out)
		output_json_str(w->out, key, text, strlen(text));
	else
		object_put_escaped(w, text);
}

/* The bytes that a member leads to as an object of their own, with what they lead to in turn. */
static struct object nested_object(const struct writer *w, const struct object_inner *inner,
				   const struct type *type)
{
	struct object object = { .type = type,
				 .bytes = (const unsigned char *)inner->text,
				 .size = inner->len };

	for (unsigned int i = 0; i < w->object->inner_count; i++) {
		const struct object_inner *other = &w->object->inner[i];

		if (!other->at.is_nested || other->at.parent != inner->at.offset)
			continue;
		object.inner[object.inner_count] = *other;
		object.inner[object.inner_count++].at.is_nested = false;
	}
	return object;
}

/* A value of the nested object, at an offset in it. */
static void write_nested(struct writer *w, const char *key, const struct object *object,
			 const struct type *type, uint64_t offset, unsigned int depth)
{
	const struct object *outer = w->object;

	w->object = object;
	object_write(w, key, type, offset, NULL, depth + 1);
	w->object = outer;
}

/* ---- variants ------------------------------------------------------------------------------- */

static const struct type_variant *find_variant(const struct type_variants *variants, uint64_t value)
{
	const struct type_variant *otherwise = NULL;

	for (uint32_t i = 0; i < variants->count; i++) {
		const struct type_variant *variant = &variants->variants[i];

		if (variant->is_default)
			otherwise = variant;
		else if (variant->value == value)
			return variant;
	}
	return otherwise;
}

/* None, Some(5), Pair{.x=1, .y=2}. */
static void write_variant(struct writer *w, const char *key, const struct type_variants *variants,
			  uint64_t offset, unsigned int depth)
{
	const struct type_variant *variant;
	char name[OBJECT_MAX_KEY];
	uint64_t value = 0;
	uint32_t count;
	const struct type_member *members;

	if (variants->discriminant &&
	    !object_number(w, variants->discriminant, offset + variants->offset, &value)) {
		object_write_unknown(w, key);
		return;
	}
	if (variants->discriminant && variants->discriminant->size < 8)
		value &= (1ull << 8 * variants->discriminant->size) - 1;
	variant = find_variant(variants, value);
	if (!variant) {
		object_write_unknown(w, key);
		return;
	}
	members = type_members(variant->type, &count);
	offset += variant->offset;
	if (!count) {
		write_word(w, key, variant->name);
		return;
	}
	if (!w->out) {
		object_put_escaped(w, variant->name);
		object_write_members(w, NULL, variant->type, offset, depth);
		return;
	}
	object_begin(w, key, false);
	object_key(variant->name, name);
	if (count == 1 && object_is_tuple(variant->type))
		object_write(w, name, members[0].type, offset + members[0].offset, NULL, depth + 1);
	else
		object_write_members(w, name, variant->type, offset, depth);
	object_end(w, false);
}

/* ---- elements and what is pointed to -------------------------------------------------------- */

static const struct type word = { .kind = TYPE_INT, .name = "unsigned long", .size = 8 };

/* How many they are. Only so many is known where their bytes aren't here. */
static void write_count_only(struct writer *w, const char *key, uint64_t count)
{
	if (w->out) {
		object_write_unknown(w, key);
		return;
	}
	object_put(w, "[");
	object_write_number(w, NULL, &word, count);
	object_put(w, " x ?]");
}

static void write_elements(struct writer *w, const char *key, const struct type_shape *shape,
			   uint64_t offset, unsigned int depth)
{
	const struct object_inner *inner = object_find_inner(w, INNER_BYTES, offset);
	uint32_t size = shape->element->size;
	uint64_t count, start, here;
	struct object object;

	if (!object_number(w, &word, offset + shape->len_offset, &count) ||
	    !object_number(w, &word, offset + shape->data_offset, &start)) {
		object_write_unknown(w, key);
		return;
	}
	if (shape->is_end)
		count = (count - start) / size;
	if (count && (!inner || inner->is_unreadable)) {
		write_count_only(w, key, count);
		return;
	}
	here = count ? inner->len / size : 0;
	here = here < count ? here : count;
	if (count)
		object = nested_object(w, inner, shape->element);
	object_begin(w, key, true);
	for (uint64_t i = 0; i < count && !w->err; i++) {
		if (i && !w->out)
			object_put(w, ", ");
		if (i == here || i == OBJECT_MAX_ELEMENTS || !w->left) {
			object_write_rest(w, NULL);
			break;
		}
		write_nested(w, NULL, &object, shape->element, i * size, depth);
	}
	object_end(w, true);
}

static void write_pointee(struct writer *w, const char *key, const struct type_shape *shape,
			  uint64_t offset, unsigned int depth)
{
	const struct object_inner *inner = object_find_inner(w, INNER_BYTES, offset);
	struct object object;
	uint64_t address;

	if (object_number(w, &word, offset + shape->data_offset, &address) && !address) {
		write_word(w, key, "nullptr");
	} else if (!inner || inner->is_unreadable) {
		object_write_unknown(w, key);
	} else {
		object = nested_object(w, inner, shape->element);
		write_nested(w, key, &object, shape->element, 0, depth);
	}
}

static void write_optional(struct writer *w, const char *key, const struct type_shape *shape,
			   uint64_t offset, unsigned int depth)
{
	static const struct type flag = { .kind = TYPE_INT, .name = "bool", .size = 1 };
	uint64_t is_there;

	if (!object_number(w, &flag, offset + shape->len_offset, &is_there))
		object_write_unknown(w, key);
	else if (!is_there)
		write_word(w, key, "nullopt");
	else
		object_write(w, key, shape->element, offset + shape->data_offset, NULL, depth + 1);
}

/* {.len=3} */
static void write_count(struct writer *w, const char *key, bool is_known, uint64_t count)
{
	if (!is_known) {
		object_write_unknown(w, key);
		return;
	}
	object_begin(w, key, false);
	if (!w->out)
		object_put(w, ".len=");
	object_write_number(w, "len", &word, count);
	object_end(w, false);
}

static void write_map(struct writer *w, const char *key, uint64_t offset)
{
	const struct object_inner *inner = object_find_inner(w, INNER_COUNT, offset);
	uint64_t address;
	bool is_known = object_number(w, &word, offset, &address);

	if (is_known && !address && !w->out)
		object_put(w, "nil");
	else if (is_known && !address)
		write_count(w, key, true, 0);
	else
		write_count(w, key, inner && !inner->is_unreadable, inner ? inner->number : 0);
}

/* ---- interfaces ----------------------------------------------------------------------------- */

/* Is the value itself in the interface's second word, as pointers are? */
static bool is_direct(const struct type *type)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	return type->kind == TYPE_POINTER ||
	       (type->kind == TYPE_STRUCT && count == 1 && is_direct(members[0].type));
}

/* What an interface's pointer leads to. */
static void write_interface_value(struct writer *w, const char *key, const struct type_named *named,
				  uint64_t offset, unsigned int depth)
{
	const struct object_inner *inner = object_find_inner(w, INNER_BYTES, offset);
	bool is_struct = named->type->kind == TYPE_STRUCT;
	struct type_text text;
	struct object object;
	bool has_brackets = !w->out && (!is_struct || type_find_text(named->type, &text));

	if (has_brackets)
		object_put(w, "(");
	if (!named->is_pointer && is_direct(named->type)) {
		object_write(w, key, &word, offset + 8, NULL, depth + 1);
	} else if (!inner || inner->is_unreadable) {
		object_write_unknown(w, key);
	} else {
		object = nested_object(w, inner, named->type);
		write_nested(w, key, &object, named->type, 0, depth);
	}
	if (has_brackets)
		object_put(w, ")");
}

/* *errors.errorString{.s="text"}, int(5), nil. */
static void write_interface(struct writer *w, const char *key, const struct type *type,
			    uint64_t offset, unsigned int depth)
{
	const struct object_inner *inner = object_find_inner(w, INNER_TYPE, offset);
	const struct type_named *named = NULL;
	uint64_t first;
	bool is_nil = object_number(w, &word, offset, &first) && !first;

	if (inner && !inner->is_unreadable)
		named = type_find_runtime(type, inner->number);
	if (!is_nil && !named) {
		object_write_unknown(w, key);
		return;
	}
	if (!w->out) {
		object_put_escaped(w, is_nil ? "nil" : named->name);
		if (!is_nil)
			write_interface_value(w, NULL, named, offset, depth);
		return;
	}
	object_begin(w, key, false);
	write_word(w, "type", is_nil ? "nil" : named->name);
	if (!is_nil)
		write_interface_value(w, "value", named, offset, depth);
	object_end(w, false);
}

bool object_write_shape(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			unsigned int depth)
{
	const struct type_variants *variants = type_variants(type);
	struct type_shape shape;
	uint64_t number = 0;
	bool is_known;

	if (variants) {
		write_variant(w, key, variants, offset, depth);
		return true;
	}
	if (!type_find_shape(type, &shape))
		return false;
	switch (shape.kind) {
	case SHAPE_ELEMENTS:
		write_elements(w, key, &shape, offset, depth);
		break;
	case SHAPE_POINTEE:
		write_pointee(w, key, &shape, offset, depth);
		break;
	case SHAPE_MEMBER:
		object_write(w, key, shape.element, offset + shape.data_offset, NULL, depth + 1);
		break;
	case SHAPE_OPTIONAL:
		write_optional(w, key, &shape, offset, depth);
		break;
	case SHAPE_COUNT:
		is_known = object_number(w, &word, offset + shape.len_offset, &number);
		write_count(w, key, is_known, number);
		break;
	case SHAPE_MAP:
		write_map(w, key, offset);
		break;
	case SHAPE_INTERFACE:
		write_interface(w, key, type, offset, depth);
		break;
	}
	return true;
}
