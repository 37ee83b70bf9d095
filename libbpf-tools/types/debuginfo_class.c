/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Are a class's objects handed over by value or by address? By address if copying, moving or destroying one is more than copying
 * bytes (Itanium C++ ABI, "non-trivial for the purposes of calls"). Clang writes it down, GCC doesn't: then the class says.
 */
#include <string.h>

#include "types/debuginfo_private.h"

#define MAX_DEPTH 16
#define MAX_LOOKS 4000 /* entries of a class and its parts, all together */

struct look {
	unsigned int left;
	/* Of the class that is looked at: */
	bool has_copies, has_live_copy;
};

static enum debuginfo_passing passing_of_type(struct look *look, Dwarf_Die *type,
					      unsigned int depth);

static bool is_class(int tag)
{
	return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

/* The type behind typedefs, const and arrays. */
static bool strip(Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	for (unsigned int i = 0; i < MAX_DEPTH; i++) {
		int tag = dwarf_tag(type);

		if (tag != DW_TAG_typedef && tag != DW_TAG_const_type &&
		    tag != DW_TAG_volatile_type && tag != DW_TAG_array_type)
			return true;
		if (!dwarf_formref_die(dwarf_attr(type, DW_AT_type, &attr), type))
			return false;
	}
	return false;
}

/* Is the second parameter, behind `this`, a reference to the class, and there is no third? */
static bool takes_itself(Dwarf_Die *constructor, Dwarf_Die *class)
{
	struct debuginfo_walk walk;
	unsigned int count = 0;
	bool is_own = false;

	if (!debuginfo_walk_first(&walk, constructor))
		return false;
	do {
		Dwarf_Attribute attr;
		Dwarf_Die type;
		int tag;

		if (dwarf_tag(&walk.die) != DW_TAG_formal_parameter || count++ != 1)
			continue;
		if (!dwarf_formref_die(dwarf_attr_integrate(&walk.die, DW_AT_type, &attr), &type))
			return false;
		tag = dwarf_tag(&type);
		if (tag != DW_TAG_reference_type && tag != DW_TAG_rvalue_reference_type)
			return false;
		is_own = dwarf_formref_die(dwarf_attr(&type, DW_AT_type, &attr), &type) &&
			 strip(&type) && type.addr == class->addr;
	} while (debuginfo_walk_next(&walk));
	return is_own && count == 2;
}

/*
 * One that the compiler made, or was asked to make, does what those of the parts do. Before DWARF 5 one that was asked for
 * looks like one that was written.
 */
static enum debuginfo_passing passing_of_written(Dwarf_Die *function)
{
	Dwarf_Half version = 0;
	Dwarf_Die unit;

	if (debuginfo_flag(function, DW_AT_artificial) ||
	    debuginfo_number(function, DW_AT_defaulted, 0) == DW_DEFAULTED_in_class)
		return DEBUGINFO_BY_VALUE;
	if (!dwarf_cu_die(function->cu, &unit, &version, NULL, NULL, NULL, NULL, NULL) ||
	    version < 5)
		return DEBUGINFO_BY_UNKNOWN;
	return DEBUGINFO_BY_ADDRESS;
}

static enum debuginfo_passing passing_of_method(struct look *look, Dwarf_Die *method,
						Dwarf_Die *class)
{
	const char *name = dwarf_diename(method), *own = dwarf_diename(class);
	size_t len = own ? strcspn(own, "<") : 0;
	bool is_copy;

	/* A table of functions in each object, which copying doesn't copy. */
	if (debuginfo_number(method, DW_AT_virtuality, 0))
		return DEBUGINFO_BY_ADDRESS;
	if (name && name[0] == '~')
		return passing_of_written(method);
	is_copy = name && own && strlen(name) == len && !strncmp(name, own, len) &&
		  takes_itself(method, class);
	if (!is_copy)
		return DEBUGINFO_BY_VALUE;
	look->has_copies = true;
	if (debuginfo_flag(method, DW_AT_deleted))
		return DEBUGINFO_BY_VALUE;
	look->has_live_copy = true;
	return passing_of_written(method);
}

static enum debuginfo_passing passing_of_part(struct look *look, Dwarf_Die *part, Dwarf_Die *class,
					      unsigned int depth)
{
	struct look inner;
	Dwarf_Attribute attr;
	Dwarf_Die type;
	enum debuginfo_passing passing;

	switch (dwarf_tag(part)) {
	case DW_TAG_subprogram:
		return passing_of_method(look, part, class);
	case DW_TAG_inheritance:
		if (debuginfo_number(part, DW_AT_virtuality, 0))
			return DEBUGINFO_BY_ADDRESS;
		break;
	case DW_TAG_member:
		if (debuginfo_flag(part, DW_AT_external) || debuginfo_flag(part, DW_AT_declaration))
			return DEBUGINFO_BY_VALUE;
		break;
	default:
		return DEBUGINFO_BY_VALUE;
	}
	if (!dwarf_formref_die(dwarf_attr(part, DW_AT_type, &attr), &type) || !strip(&type))
		return DEBUGINFO_BY_UNKNOWN;
	inner = (struct look){ .left = look->left };
	passing = passing_of_type(&inner, &type, depth + 1);
	look->left = inner.left;
	return passing;
}

static enum debuginfo_passing passing_of_type(struct look *look, Dwarf_Die *type,
					      unsigned int depth)
{
	enum debuginfo_passing passing = DEBUGINFO_BY_VALUE, part;
	struct debuginfo_walk walk;

	if (!is_class(dwarf_tag(type)))
		return DEBUGINFO_BY_VALUE;
	switch (debuginfo_number(type, DW_AT_calling_convention, 0)) {
	case DW_CC_pass_by_reference:
		return DEBUGINFO_BY_ADDRESS;
	case DW_CC_pass_by_value:
		return DEBUGINFO_BY_VALUE;
	default:
		break;
	}
	if (debuginfo_flag(type, DW_AT_declaration) || depth > MAX_DEPTH)
		return DEBUGINFO_BY_UNKNOWN;
	if (!debuginfo_walk_first(&walk, type))
		return DEBUGINFO_BY_VALUE;
	do {
		if (!look->left || !--look->left)
			return DEBUGINFO_BY_UNKNOWN;
		part = passing_of_part(look, &walk.die, type, depth);
		if (part == DEBUGINFO_BY_ADDRESS)
			return part;
		if (part == DEBUGINFO_BY_UNKNOWN)
			passing = part;
	} while (debuginfo_walk_next(&walk));
	if (look->has_copies && !look->has_live_copy)
		return DEBUGINFO_BY_ADDRESS;
	return passing;
}

enum debuginfo_passing debuginfo_passing(const Dwarf_Die *of)
{
	struct look look = { .left = MAX_LOOKS };
	Dwarf_Die die = *of, type;
	Dwarf_Attribute attr;

	/* Only C++ has such classes; what others do is another convention's business. */
	if (!debuginfo_language_is_cxx(debuginfo_language(&die)))
		return DEBUGINFO_BY_VALUE;
	if (!dwarf_formref_die(dwarf_attr_integrate(&die, DW_AT_type, &attr), &type))
		return DEBUGINFO_BY_VALUE;
	return strip(&type) ? passing_of_type(&look, &type, 0) : DEBUGINFO_BY_UNKNOWN;
}
