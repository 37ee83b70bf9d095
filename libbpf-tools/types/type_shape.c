/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the libraries of C++, Rust and Go have for arrays, pointers and maps: known by their names and by members that lead to
 * what they hold.
 */
#include <array_size.h>
#include <string.h>

#include "types/type.h"

static const struct {
	const char *name; /* what the type's name begins with; with `=` in front, all of it */
	enum type_shape_kind kind;
	const char *data, *len; /* members of members */
	bool is_end, is_owner;
} rows[] = {
	/* Go */
	{ "[]", SHAPE_ELEMENTS, "array", "len", false, false },
	{ "=runtime.iface", SHAPE_INTERFACE, "data", "tab", false, false },
	{ "=runtime.eface", SHAPE_INTERFACE, "data", "_type", false, false },
	/* Rust */
	{ "&[", SHAPE_ELEMENTS, "data_ptr", "length", false, false },
	{ "&mut [", SHAPE_ELEMENTS, "data_ptr", "length", false, false },
	{ "alloc::boxed::Box<[", SHAPE_ELEMENTS, "data_ptr", "length", false, true },
	{ "Vec<", SHAPE_ELEMENTS, "buf.inner.ptr.pointer.pointer", "len", false, true },
	{ "Vec<", SHAPE_ELEMENTS, "buf.ptr.pointer.pointer", "len", false, true },
	{ "Vec<", SHAPE_ELEMENTS, "buf.ptr.pointer", "len", false, true },
	{ "Rc<", SHAPE_POINTEE, "ptr.pointer", "value", false, true },
	{ "Arc<", SHAPE_POINTEE, "ptr.pointer", "data", false, true },
	{ "HashMap<", SHAPE_COUNT, NULL, "base.table.table.items", false, true },
	{ "HashSet<", SHAPE_COUNT, NULL, "base.map.table.table.items", false, true },
	{ "BTreeMap<", SHAPE_COUNT, NULL, "length", false, true },
	/* libstdc++ */
	{ "vector<", SHAPE_ELEMENTS, "_M_impl._M_start", "_M_impl._M_finish", true, true },
	{ "array<", SHAPE_MEMBER, "_M_elems", NULL, false, false },
	{ "unique_ptr<", SHAPE_POINTEE, "_M_t._M_t", NULL, false, true },
	{ "shared_ptr<", SHAPE_POINTEE, "_M_ptr", NULL, false, true },
	{ "optional<", SHAPE_OPTIONAL, "_M_payload._M_payload._M_value", "_M_payload._M_engaged",
	  false, true },
	{ "map<", SHAPE_COUNT, NULL, "_M_t._M_impl._M_node_count", false, true },
	{ "multimap<", SHAPE_COUNT, NULL, "_M_t._M_impl._M_node_count", false, true },
	{ "set<", SHAPE_COUNT, NULL, "_M_t._M_impl._M_node_count", false, true },
	{ "unordered_map<", SHAPE_COUNT, NULL, "_M_h._M_element_count", false, true },
	{ "unordered_set<", SHAPE_COUNT, NULL, "_M_h._M_element_count", false, true },
	{ "list<", SHAPE_COUNT, NULL, "_M_impl._M_node._M_size", false, true },
};

static bool has_name(const struct type *type, const char *name)
{
	return name[0] == '=' ? !strcmp(type->name, name + 1)
			      : !strncmp(type->name, name, strlen(name));
}

static const struct type *member_of(const struct type *type, const char *path, uint32_t *offset)
{
	const struct type *member = path ? type_find_path(type, path, offset) : NULL;

	return member && member->size ? member : NULL;
}

/* Rust's newer vectors have a pointer to bytes, and say of what in a parameter of the template. */
static const struct type *element_of(const struct type *type, const struct type *pointer)
{
	const struct type *argument = type_argument(type);
	bool is_bytes = pointer->target->kind == TYPE_INT && pointer->target->size == 1;

	return is_bytes && argument && argument->size ? argument : pointer->target;
}

/* What the counts of Rust's Rc and Arc are in front of. */
static bool take_counted(const char *member, struct type_shape *shape)
{
	if (!member)
		return true;
	shape->element = type_find_path(shape->element, member, &shape->element_offset);
	return shape->element;
}

static bool is_number(const struct type *type)
{
	return type && type->kind == TYPE_INT && type->size == 8;
}

/* Does the type have what the row says? */
static bool take_row(const struct type *type, size_t i, struct type_shape *shape)
{
	const struct type *data = member_of(type, rows[i].data, &shape->data_offset), *len = NULL;

	shape->kind = rows[i].kind;
	shape->is_end = rows[i].is_end;
	shape->is_owner = rows[i].is_owner;
	if (rows[i].kind != SHAPE_POINTEE)
		len = member_of(type, rows[i].len, &shape->len_offset);
	if (rows[i].data && !data)
		return false;
	switch (rows[i].kind) {
	case SHAPE_ELEMENTS:
		if (data->kind != TYPE_POINTER || !len ||
		    (shape->is_end ? len->kind != TYPE_POINTER : !is_number(len)))
			return false;
		shape->element = element_of(type, data);
		return shape->element->size;
	case SHAPE_POINTEE:
		/* unique_ptr's is all that a tuple with a deleter without bytes has. */
		shape->element = data->kind == TYPE_POINTER ? data->target : type_argument(type);
		return data->size == 8 && shape->element && take_counted(rows[i].len, shape) &&
		       shape->element->size;
	case SHAPE_OPTIONAL:
		shape->element = data;
		return len && len->is_bool;
	case SHAPE_MEMBER:
		shape->element = data;
		return true;
	case SHAPE_COUNT:
		return is_number(len);
	default:
		shape->has_table = !strcmp(rows[i].len, "tab");
		return data->kind == TYPE_POINTER && len && len->kind == TYPE_POINTER;
	}
}

/* Go's map is a pointer to what begins with the count, in both of its kinds: hmap.count, and from 1.24 on Map.used. */
static bool is_go_map(const struct type *type)
{
	const char *name = type->kind == TYPE_POINTER && type->target ? type->target->name : "";

	return !strncmp(name, "hash<", 5) || !strncmp(name, "map<", 4);
}

bool type_find_shape(const struct type *type, struct type_shape *shape)
{
	*shape = (struct type_shape){};
	if (is_go_map(type)) {
		shape->kind = SHAPE_MAP;
		return true;
	}
	if (type->kind != TYPE_STRUCT || !type->name || !type->source)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (has_name(type, rows[i].name) && take_row(type, i, shape))
			return true;
	return false;
}
