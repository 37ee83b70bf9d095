/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Types from DWARF. Structures and enumerations get their members only when somebody looks at them, so
 * that a pointer can lead to what contains it, and nothing is made that no expression touches.
 */
#include "types/debuginfo_private.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More members than any structure has, and more enumerators than any enumeration. */
#define MAX_MEMBERS 65536

/* A structure or enumeration as made from its entry. */
struct debuginfo_node {
	struct type type;
	Dwarf_Die die;
};

/* ---- entries -------------------------------------------------------------------------------- */

static bool walk_accept(struct debuginfo_walk *walk)
{
	const char *at = walk->die.addr;

	if (at <= walk->last)
		return false;
	walk->last = at;
	return true;
}

bool debuginfo_walk_first(struct debuginfo_walk *walk, Dwarf_Die *parent)
{
	walk->last = parent->addr;
	return dwarf_child(parent, &walk->die) == 0 && walk_accept(walk);
}

bool debuginfo_walk_next(struct debuginfo_walk *walk)
{
	return dwarf_siblingof(&walk->die, &walk->die) == 0 && walk_accept(walk);
}

uint64_t debuginfo_number(Dwarf_Die *die, unsigned int attribute, uint64_t otherwise)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr_integrate(die, attribute, &attr), &value) ? otherwise
										    : value;
}

bool debuginfo_flag(Dwarf_Die *die, unsigned int attribute)
{
	Dwarf_Attribute attr;
	bool value;

	return !dwarf_formflag(dwarf_attr(die, attribute, &attr), &value) && value;
}

bool debuginfo_is_single_location(Dwarf_Attribute *attr)
{
	unsigned int form = dwarf_whatform(attr);

	return form != DW_FORM_loclistx && form != DW_FORM_sec_offset && form != DW_FORM_data4 &&
	       form != DW_FORM_data8;
}

int debuginfo_language(Dwarf_Die *die)
{
	Dwarf_Die unit;
	int language = dwarf_diecu(die, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;

	return language < 0 ? 0 : language;
}

bool debuginfo_language_is_c(int language)
{
	return language == DW_LANG_C89 || language == DW_LANG_C || language == DW_LANG_C99 ||
	       language == DW_LANG_C11 || language == 0x2c /* DW_LANG_C17 */;
}

static int search_children(Dwarf_Die *parent, debuginfo_entry_fn fn, void *ctx, unsigned int depth)
{
	struct debuginfo_walk walk;
	int err = 0;

	if (depth > DWARF_MAX_DEPTH || !debuginfo_walk_first(&walk, parent))
		return 0;
	do {
		int tag = dwarf_tag(&walk.die);

		err = fn(&walk.die, ctx);
		if (!err && (tag == DW_TAG_namespace || tag == DW_TAG_module))
			err = search_children(&walk.die, fn, ctx, depth + 1);
	} while (!err && debuginfo_walk_next(&walk));
	return err;
}

int debuginfo_search(struct debuginfo_types *types, Dwarf_Die *first, debuginfo_entry_fn fn,
		     void *ctx)
{
	int err = first ? search_children(first, fn, ctx, 0) : 0;
	Dwarf_CU *at = NULL;
	Dwarf_Die unit;

	while (!err && !dwarf_get_units(types->dwarf, at, &at, NULL, NULL, &unit, NULL)) {
		bsl_elf_split_unit(types->elf, &unit);
		if (!first || unit.addr != first->addr)
			err = search_children(&unit, fn, ctx, 0);
	}
	return err;
}

/* ---- what is known already ------------------------------------------------------------------ */

static struct debuginfo_known *known_slot(const struct debuginfo_types *types, const void *die)
{
	size_t mask = types->known_room - 1,
	       i = (size_t)((uintptr_t)die * 0x9e3779b97f4a7c15ull >> 20) & mask;

	while (types->known[i].die && types->known[i].die != die)
		i = (i + 1) & mask;
	return &types->known[i];
}

static const struct type *known_get(const struct debuginfo_types *types, const void *die)
{
	return types->known_room ? known_slot(types, die)->type : NULL;
}

static int known_grow(struct debuginfo_types *types)
{
	struct debuginfo_known *old = types->known;
	size_t old_room = types->known_room;

	types->known_room = old_room ? 2 * old_room : 256;
	types->known = calloc(types->known_room, sizeof(*types->known));
	if (!types->known) {
		types->known = old;
		types->known_room = old_room;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_room; i++)
		if (old[i].die)
			*known_slot(types, old[i].die) = old[i];
	free(old);
	return 0;
}

/* NULL when out of memory, also if type is NULL. */
static const struct type *known_set(struct debuginfo_types *types, const void *die,
				    const struct type *type)
{
	if (!type || (2 * types->known_count >= types->known_room && known_grow(types)))
		return NULL;
	*known_slot(types, die) = (struct debuginfo_known){ die, type };
	types->known_count++;
	return type;
}

/* ---- into the type graph -------------------------------------------------------------------- */

static const struct type *new_type(struct debuginfo_types *types, struct type type)
{
	struct type *copy = type.name ? arena_alloc(types->arena, sizeof(*copy)) : NULL;

	if (copy)
		*copy = type;
	return copy;
}

static const struct type *new_node(struct debuginfo_types *types, Dwarf_Die *die, struct type type)
{
	struct debuginfo_node *node = type.name ? arena_alloc(types->arena, sizeof(*node)) : NULL;

	if (!node)
		return NULL;
	type.source = &types->source;
	*node = (struct debuginfo_node){ .type = type, .die = *die };
	return &node->type;
}

static const char *name_of(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	return name ? name : "";
}

/* "struct x" as C writes it; other languages leave the tag out. */
static const char *tagged_name(struct debuginfo_types *types, Dwarf_Die *die, const char *tag)
{
	const char *name = name_of(die);
	char text[256];

	if (*name && !debuginfo_language_is_c(debuginfo_language(die)))
		return name;
	snprintf(text, sizeof(text), "%s %s", tag, *name ? name : "(unnamed)");
	return arena_strndup(types->arena, text, strlen(text));
}

static uint32_t size_of(Dwarf_Die *die)
{
	uint64_t size = debuginfo_number(die, DW_AT_byte_size, 0);

	return size > INT32_MAX ? 0 : (uint32_t)size;
}

static bool is_integer_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* C has an integer by another name for it, C++ a type. */
static bool is_wide_character(const struct type *type)
{
	return type->size == 4 && !strcmp(type->name, "wchar_t");
}

static const struct type *make_base(struct debuginfo_types *types, Dwarf_Die *die)
{
	struct type type = { .kind = TYPE_INT, .name = name_of(die), .size = size_of(die) };

	switch (debuginfo_number(die, DW_AT_encoding, 0)) {
	case DW_ATE_boolean:
		type.is_bool = type.size == 1;
		break;
	case DW_ATE_UTF:
		type.is_rune = type.size == 4;
		break;
	case DW_ATE_signed_char:
		type.is_char = type.size == 1;
		type.is_signed = true;
		break;
	case DW_ATE_signed:
		type.is_signed = true;
		break;
	case DW_ATE_unsigned_char:
		type.is_char = type.size == 1;
		break;
	case DW_ATE_unsigned:
	case DW_ATE_address:
		break;
	default:
		type.kind = TYPE_FLOAT;
		type.is_signed = true;
		type.is_complex = debuginfo_number(die, DW_AT_encoding, 0) == DW_ATE_complex_float;
	}
	type.is_rune |= is_wide_character(&type);
	/* __int128: known, but not computed with. */
	type.is_wide = type.kind == TYPE_INT && type.size == 16;
	if (!is_integer_size(type.size))
		type.kind = TYPE_FLOAT;
	return new_type(types, type);
}

static const struct type *make_enum(struct debuginfo_types *types, Dwarf_Die *die,
				    unsigned int depth)
{
	struct type type = { .kind = TYPE_ENUM,
			     .size = size_of(die),
			     .name = tagged_name(types, die, "enum") };
	const struct type *underlying = debuginfo_type_of(types, die, depth + 1);

	if (!underlying)
		return NULL;
	if (underlying->kind == TYPE_INT)
		type.is_signed = underlying->is_signed;
	if (!is_integer_size(type.size)) {
		type.kind = TYPE_FLOAT;
		return new_type(types, type);
	}
	return new_node(types, die, type);
}

static const struct type *make_struct(struct debuginfo_types *types, Dwarf_Die *die,
				      const char *tag)
{
	struct type type = { .kind = TYPE_STRUCT, .name = tagged_name(types, die, tag) };

	if (debuginfo_flag(die, DW_AT_declaration))
		return new_type(types, type);
	type.size = size_of(die);
	return new_node(types, die, type);
}

/* Rust names its kinds of pointers: a reference and a box always lead to a value. */
static bool is_box(Dwarf_Die *die)
{
	const char *name = name_of(die);

	return name[0] == '&' || !strncmp(name, "alloc::boxed::Box<", 18) ||
	       !strncmp(name, "Box<", 4);
}

static const struct type *make_pointer(struct debuginfo_types *types, Dwarf_Die *die,
				       bool is_reference, unsigned int depth)
{
	const struct type *target = debuginfo_type_of(types, die, depth + 1), *pointer;
	struct type reference;
	char name[256];

	pointer = target ? type_pointer(types->arena, target, SPACE_USER) : NULL;
	if (!pointer || (!is_reference && !is_box(die)))
		return pointer;
	reference = *pointer;
	reference.is_box = !is_reference;
	reference.is_owner = !is_reference &&
			     (name_of(die)[0] != '&' || !strncmp(name_of(die), "&mut ", 5));
	if (!is_reference)
		return new_type(types, reference);
	reference.is_reference = true;
	snprintf(name, sizeof(name), "%s &", target->name);
	reference.name = arena_strndup(types->arena, name, strlen(name));
	return new_type(types, reference);
}

/* One dimension after the other, the last one first made. */
static const struct type *make_dimension(struct debuginfo_types *types, struct debuginfo_walk *walk,
					 const struct type *element, unsigned int depth)
{
	uint64_t count;

	while (dwarf_tag(&walk->die) != DW_TAG_subrange_type)
		if (!debuginfo_walk_next(walk))
			return element;
	count = debuginfo_number(&walk->die, DW_AT_count, UINT64_MAX);
	if (count == UINT64_MAX)
		count = debuginfo_number(&walk->die, DW_AT_upper_bound, UINT64_MAX) + 1;
	if (depth < DWARF_MAX_DEPTH && debuginfo_walk_next(walk))
		element = make_dimension(types, walk, element, depth + 1);
	/* Of unknown length, or of one that is computed at run time. */
	if (count > INT32_MAX)
		count = 0;
	return element ? type_array(types->arena, element, (uint32_t)count) : NULL;
}

static const struct type *make_array(struct debuginfo_types *types, Dwarf_Die *die,
				     unsigned int depth)
{
	const struct type *element = debuginfo_type_of(types, die, depth + 1);
	struct debuginfo_walk walk;

	if (!element || !debuginfo_walk_first(&walk, die))
		return element ? type_array(types->arena, element, 0) : NULL;
	return make_dimension(types, &walk, element, 0);
}

/* An integer by another name is still one; everything else keeps the name that it has. */
static const struct type *make_typedef(struct debuginfo_types *types, Dwarf_Die *die,
				       unsigned int depth)
{
	const struct type *target = debuginfo_type_of(types, die, depth + 1);
	struct type renamed;

	if (!target)
		return NULL;
	renamed = *target;
	renamed.name = name_of(die);
	if (target->kind == TYPE_INT) {
		/* uint8_t is a number, though it is an unsigned char. */
		renamed.is_char = target->is_char && strcmp(target->name, "unsigned char");
		renamed.is_rune |= is_wide_character(&renamed);
		return new_type(types, renamed);
	}
	if ((target->kind != TYPE_STRUCT && target->kind != TYPE_ENUM) ||
	    !strstr(target->name, "(unnamed)"))
		return target;
	/* typedef struct { ... } request_t: the typedef's name is the only one. */
	return target->source ? new_node(types, &((struct debuginfo_node *)target)->die, renamed)
			      : new_type(types, renamed);
}

static const struct type *make_new(struct debuginfo_types *types, Dwarf_Die *die,
				   unsigned int depth)
{
	static const struct type function = { .kind = TYPE_FUNC, .name = "void" };

	switch (dwarf_tag(die)) {
	case DW_TAG_base_type:
		return make_base(types, die);
	case DW_TAG_enumeration_type:
		return make_enum(types, die, depth);
	case DW_TAG_structure_type:
		return make_struct(types, die, "struct");
	case DW_TAG_class_type:
		return make_struct(types, die, "class");
	case DW_TAG_union_type:
		return make_struct(types, die, "union");
	case DW_TAG_pointer_type:
		return make_pointer(types, die, false, depth);
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return make_pointer(types, die, true, depth);
	case DW_TAG_array_type:
		return make_array(types, die, depth);
	case DW_TAG_typedef:
	case DW_TAG_template_alias:
		return make_typedef(types, die, depth);
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_subrange_type:
	case DW_TAG_packed_type:
	case DW_TAG_immutable_type:
	case DW_TAG_shared_type:
		return debuginfo_type_of(types, die, depth + 1);
	case DW_TAG_subroutine_type:
		return &function;
	case DW_TAG_ptr_to_member_type:
		return type_int(8, false);
	default:
		return type_void();
	}
}

const struct type *debuginfo_type_make(struct debuginfo_types *types, Dwarf_Die *die,
				       unsigned int depth)
{
	const struct type *type = known_get(types, die->addr);

	if (type)
		return type;
	/* Broken files lead round in circles. */
	if (depth > DWARF_MAX_DEPTH)
		return type_void();
	return known_set(types, die->addr, make_new(types, die, depth));
}

const struct type *debuginfo_type_of(struct debuginfo_types *types, Dwarf_Die *die,
				     unsigned int depth)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;

	if (!dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), &type))
		return type_void();
	return debuginfo_type_make(types, &type, depth);
}

/* ---- members -------------------------------------------------------------------------------- */

/*
 * A bit-field, `bits` from the structure's start: of the values of its type's size that are aligned to
 * that size, the one with its bits; or, in a packed structure, the one that starts at its first byte.
 * Little-endian, as all machines here are.
 */
static void place_bits(struct type_member *member, uint64_t bits, uint64_t bit_size)
{
	uint64_t unit = 8ull * member->type->size, start = unit ? bits - bits % unit : 0;

	if (unit && bits + bit_size > start + unit)
		start = bits / 8 * 8;
	if (!unit || bit_size > unit || bits + bit_size > start + unit || bits > UINT32_MAX) {
		member->type = type_void();
		return;
	}
	member->offset = (uint32_t)(start / 8);
	member->bit_offset = (uint8_t)(bits - start);
	member->bit_size = (uint8_t)bit_size;
}

/* False: it has no constant place in the structure (a virtual base class, a static member). */
static bool member_place(Dwarf_Die *die, struct type_member *member)
{
	uint64_t bit_size = debuginfo_number(die, DW_AT_bit_size, 0);
	uint64_t offset = debuginfo_number(die, DW_AT_data_member_location, 0), bits;
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (dwarf_attr(die, DW_AT_data_member_location, &attr) && dwarf_formudata(&attr, &value))
		return false;
	if (offset > INT32_MAX || bit_size > 64)
		return false;
	member->offset = (uint32_t)offset;
	if (!bit_size || (member->type->kind != TYPE_INT && member->type->kind != TYPE_ENUM))
		return true;
	bits = debuginfo_number(die, DW_AT_data_bit_offset, UINT64_MAX);
	if (bits == UINT64_MAX) {
		/* DWARF 3: counted from the highest bit of the unit in which it is; clang's can be negative. */
		int64_t unit =
			8 * (int64_t)debuginfo_number(die, DW_AT_byte_size, member->type->size);
		int64_t from_top = (int64_t)debuginfo_number(die, DW_AT_bit_offset, 0);

		if (unit > INT32_MAX || from_top > unit || from_top < -unit)
			return false;
		bits = (uint64_t)(unit - from_top) - bit_size;
	}
	if (bits > INT32_MAX)
		return false;
	place_bits(member, 8 * offset + bits, bit_size);
	return true;
}

static bool is_variant(Dwarf_Die *die)
{
	return dwarf_tag(die) == DW_TAG_variant;
}

/* Children that `wanted` takes, at most MAX_MEMBERS. */
static uint32_t count_children(Dwarf_Die *parent, bool (*wanted)(Dwarf_Die *die))
{
	struct debuginfo_walk walk;
	uint32_t count = 0;

	if (!debuginfo_walk_first(&walk, parent))
		return 0;
	do
		count += wanted(&walk.die);
	while (count < MAX_MEMBERS && debuginfo_walk_next(&walk));
	return count;
}

/* The number that tells which variant a structure has: an integer, or a pointer that can't be 0. */
static bool take_discriminant(struct debuginfo_types *types, Dwarf_Die *part,
			      struct type_variants *variants)
{
	struct type_member member = {};
	Dwarf_Attribute attr;
	Dwarf_Die die;

	if (!dwarf_formref_die(dwarf_attr(part, DW_AT_discr, &attr), &die))
		return true;
	member.type = debuginfo_type_of(types, &die, 0);
	if (!member.type || !type_is_scalar(member.type) || !member_place(&die, &member))
		return false;
	variants->discriminant = member.type;
	variants->offset = member.offset;
	return true;
}

static bool take_variant(struct debuginfo_types *types, Dwarf_Die *die, const struct type *number,
			 struct type_variant *variant)
{
	unsigned int bits = number ? 8 * number->size : 64;
	struct type_member member = {};
	struct debuginfo_walk walk;
	Dwarf_Attribute attr;
	Dwarf_Sword value;

	*variant = (struct type_variant){ .is_default = true };
	if (dwarf_hasattr(die, DW_AT_discr_list))
		return false;
	if (dwarf_attr(die, DW_AT_discr_value, &attr)) {
		if (dwarf_formsdata(&attr, &value) && dwarf_formudata(&attr, (Dwarf_Word *)&value))
			return false;
		variant->is_default = false;
		variant->value = (uint64_t)value << (64 - bits) >> (64 - bits);
	}
	if (!debuginfo_walk_first(&walk, die) || dwarf_tag(&walk.die) != DW_TAG_member)
		return false;
	member.type = debuginfo_type_of(types, &walk.die, 0);
	variant->name = name_of(&walk.die);
	variant->type = member.type;
	if (!member.type || !member_place(&walk.die, &member))
		return false;
	variant->offset = member.offset;
	return member.type->kind == TYPE_STRUCT;
}

/* NULL: they can't be told apart. */
static const struct type_variants *make_variants(struct debuginfo_types *types, Dwarf_Die *part)
{
	struct type_variants *made = arena_alloc(types->arena, sizeof(*made));
	uint32_t room = count_children(part, is_variant);
	struct type_variant *variants = arena_alloc(types->arena, (room + 1) * sizeof(*variants));
	struct debuginfo_walk walk;

	if (!made || !variants || !room || !debuginfo_walk_first(&walk, part))
		return NULL;
	*made = (struct type_variants){ .variants = variants };
	if (!take_discriminant(types, part, made) || (!made->discriminant && room > 1))
		return NULL;
	do
		if (is_variant(&walk.die) &&
		    !take_variant(types, &walk.die, made->discriminant, &variants[made->count++]))
			return NULL;
	while (made->count < room && debuginfo_walk_next(&walk));
	return made;
}

static void take_argument(struct debuginfo_types *types, struct debuginfo_node *node)
{
	struct debuginfo_walk walk;

	if (!debuginfo_walk_first(&walk, &node->die))
		return;
	do
		if (dwarf_tag(&walk.die) == DW_TAG_template_type_parameter)
			node->type.argument = debuginfo_type_of(types, &walk.die, 0);
	while (!node->type.argument && debuginfo_walk_next(&walk));
}

static bool is_member(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return (tag == DW_TAG_member && !debuginfo_flag(die, DW_AT_external) &&
		!debuginfo_flag(die, DW_AT_declaration)) ||
	       tag == DW_TAG_inheritance || tag == DW_TAG_variant_part;
}

static int complete_struct(struct debuginfo_types *types, struct debuginfo_node *node)
{
	uint32_t room = count_children(&node->die, is_member), count = 0;
	struct type_member *members = arena_alloc(types->arena, (room + 1) * sizeof(*members));
	struct debuginfo_walk walk;

	if (!members)
		return -ENOMEM;
	if (room && debuginfo_walk_first(&walk, &node->die)) {
		do {
			struct type_member *member = &members[count];

			if (!is_member(&walk.die))
				continue;
			/* Rust's enumerations. Of what isn't understood it is shown that there is more. */
			if (dwarf_tag(&walk.die) == DW_TAG_variant_part) {
				node->type.variants = make_variants(types, &walk.die);
				if (node->type.variants)
					continue;
				members[count++] = (struct type_member){ .name = "variant",
									 .type = type_void() };
				continue;
			}
			/* The members of a base class are found as those of an anonymous structure are. */
			member->name = dwarf_tag(&walk.die) == DW_TAG_member ? name_of(&walk.die)
									     : "";
			member->type = debuginfo_type_of(types, &walk.die, 0);
			if (!member->type)
				return -ENOMEM;
			count += member_place(&walk.die, member);
		} while (count < room && debuginfo_walk_next(&walk));
	}
	take_argument(types, node);
	node->type.count = count;
	node->type.members = members;
	return 0;
}

static bool is_enumerator(Dwarf_Die *die)
{
	return dwarf_tag(die) == DW_TAG_enumerator;
}

static uint64_t enumerator_value(Dwarf_Die *die, const struct type *type)
{
	int shift = 64 - 8 * (int)type->size;
	Dwarf_Attribute attr;
	Dwarf_Sword value = 0;

	if (dwarf_formsdata(dwarf_attr(die, DW_AT_const_value, &attr), &value))
		return 0;
	return type->is_signed ? (uint64_t)((int64_t)((uint64_t)value << shift) >> shift)
			       : (uint64_t)value << shift >> shift;
}

static int complete_enum(struct debuginfo_types *types, struct debuginfo_node *node)
{
	uint32_t room = count_children(&node->die, is_enumerator), count = 0;
	struct type_enumerator *made = arena_alloc(types->arena, (room + 1) * sizeof(*made));
	struct debuginfo_walk walk;

	if (!made)
		return -ENOMEM;
	if (room && debuginfo_walk_first(&walk, &node->die)) {
		do {
			if (is_enumerator(&walk.die))
				made[count++] = (struct type_enumerator){
					name_of(&walk.die), enumerator_value(&walk.die, &node->type)
				};
		} while (count < room && debuginfo_walk_next(&walk));
	}
	node->type.count = count;
	node->type.enumerators = made;
	return 0;
}

static int complete(struct type_source *source, const struct type *type)
{
	struct debuginfo_types *types = (struct debuginfo_types *)source;
	struct debuginfo_node *node = (struct debuginfo_node *)type;

	return type->kind == TYPE_ENUM ? complete_enum(types, node) : complete_struct(types, node);
}

/* ---- looking up ----------------------------------------------------------------------------- */

enum { IS_STRUCT = 1, IS_UNION = 2, IS_ENUM = 4, IS_TYPEDEF = 8, IS_CLASS = 16 };

static const struct {
	const char *prefix;
	unsigned int mask;
} prefixes[] = {
	{ "struct ", IS_STRUCT | IS_CLASS },
	{ "class ", IS_STRUCT | IS_CLASS },
	{ "union ", IS_UNION },
	{ "enum ", IS_ENUM },
	{ "", IS_TYPEDEF | IS_CLASS },
};

struct type_search {
	struct debuginfo_types *types;
	const char *name;
	size_t len;
	unsigned int mask;
	Dwarf_Die found;
};

static unsigned int kind_mask(Dwarf_Die *die)
{
	bool is_c = debuginfo_language_is_c(debuginfo_language(die));

	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
		return IS_STRUCT | (is_c ? 0 : IS_CLASS);
	case DW_TAG_class_type:
		return IS_CLASS;
	case DW_TAG_union_type:
		return IS_UNION | (is_c ? 0 : IS_CLASS);
	case DW_TAG_enumeration_type:
		return IS_ENUM | (is_c ? 0 : IS_CLASS);
	case DW_TAG_typedef:
		return IS_TYPEDEF;
	default:
		return 0;
	}
}

static bool is_type(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_typedef || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

static int take_type(Dwarf_Die *die, void *ctx)
{
	struct type_search *search = ctx;
	const char *name;

	if (!is_type(dwarf_tag(die)))
		return 0;
	name = name_of(die);
	if (strncmp(name, search->name, search->len) || name[search->len] ||
	    !(kind_mask(die) & search->mask) || debuginfo_flag(die, DW_AT_declaration))
		return 0;
	search->found = *die;
	return 1;
}

static Dwarf_Die *unit_of(const struct debuginfo_scope *scope, Dwarf_Die *unit)
{
	if (!scope)
		return NULL;
	*unit = scope->unit;
	return unit;
}

const struct type *debuginfo_types_find(struct debuginfo_types *types,
					const struct debuginfo_scope *scope, const char *name,
					size_t len)
{
	struct type_search search = { .types = types };
	Dwarf_Die unit;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t prefix = strlen(prefixes[i].prefix);

		if (len <= prefix || strncmp(name, prefixes[i].prefix, prefix))
			continue;
		search.name = name + prefix;
		search.len = len - prefix;
		search.mask = prefixes[i].mask;
		if (debuginfo_search(types, unit_of(scope, &unit), take_type, &search) != 1)
			return NULL;
		return debuginfo_type_make(types, &search.found, 0);
	}
	return NULL;
}

struct constant_search {
	struct debuginfo_types *types;
	const char *name;
	const struct type *type;
	uint64_t value;
};

static int take_constant(Dwarf_Die *die, void *ctx)
{
	struct constant_search *search = ctx;
	struct debuginfo_walk walk;

	if (dwarf_tag(die) != DW_TAG_enumeration_type || !debuginfo_walk_first(&walk, die))
		return 0;
	do {
		if (!is_enumerator(&walk.die) || strcmp(name_of(&walk.die), search->name))
			continue;
		search->type = debuginfo_type_make(search->types, die, 0);
		if (!search->type || search->type->kind != TYPE_ENUM)
			return search->type ? 0 : -ENOMEM;
		search->value = enumerator_value(&walk.die, search->type);
		return 1;
	} while (debuginfo_walk_next(&walk));
	return 0;
}

const struct type *debuginfo_types_constant(struct debuginfo_types *types,
					    const struct debuginfo_scope *scope, const char *name,
					    uint64_t *value)
{
	struct constant_search search = { .types = types, .name = name };
	Dwarf_Die unit;

	if (debuginfo_search(types, unit_of(scope, &unit), take_constant, &search) != 1)
		return NULL;
	*value = search.value;
	return search.type;
}

/* ---- handles -------------------------------------------------------------------------------- */

int debuginfo_types_new(struct bsl_elf *elf, struct debuginfo_types **types)
{
	struct debuginfo_types *made = calloc(1, sizeof(*made));
	int err = made ? bsl_elf_dwarf(elf, &made->dwarf, &made->frames) : -ENOMEM;

	*types = NULL;
	if (!err) {
		made->source.complete = complete;
		made->elf = elf;
		made->arena = arena_new();
		err = made->arena ? 0 : -ENOMEM;
	}
	if (err) {
		free(made);
		return err;
	}
	*types = made;
	return 0;
}

void debuginfo_types_free(struct debuginfo_types *types)
{
	if (!types)
		return;
	free(types->known);
	free(types->runtime);
	arena_free(types->arena);
	free(types);
}
