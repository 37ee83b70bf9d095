/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Calling conventions: System V psABI for AMD64, 3.2.3; AAPCS64, 6.8.2 and 6.9; Go's internal ABI
 * (src/cmd/compile/abi-internal.md); rustc's own (compiler/rustc_ty_utils/src/abi.rs).
 */
#include "probe/check/check_abi.h"

#include <elf.h>
#include <string.h>

/* ---- types ---------------------------------------------------------------------------------- */

static void take_variants(const struct type_variants *variants, uint32_t offset,
			  struct abi_leaves *leaves, unsigned int depth);

static void take_part(const struct type *type, const struct type_member *member, uint32_t offset,
		      struct abi_leaves *leaves, unsigned int depth)
{
	const struct type_variants *variants = type_variants(type);
	uint32_t count;
	const struct type_member *members = type_members(type, &count);
	bool is_bits = member && member->bit_size;
	struct abi_leaf leaf = {
		.type = type, .offset = offset, .size = type->size, .is_bits = is_bits
	};

	if (depth > 8 || type->kind == TYPE_VOID || type->kind == TYPE_FUNC) {
		leaves->is_known = false;
	} else if (type->kind == TYPE_ARRAY) {
		for (uint32_t i = 0; i < type->count && leaves->is_known; i++)
			take_part(type->target, NULL, offset + i * type->target->size, leaves,
				  depth + 1);
	} else if (variants) {
		take_variants(variants, offset, leaves, depth);
	} else if (type->kind == TYPE_STRUCT) {
		for (uint32_t i = 0; i < count && leaves->is_known; i++)
			take_part(members[i].type, &members[i], offset + members[i].offset, leaves,
				  depth + 1);
	} else if (leaves->count == ABI_MAX_LEAVES || !type->size) {
		leaves->is_known = false;
	} else {
		if (is_bits) {
			leaf.offset += member->bit_offset / 8;
			leaf.size = (member->bit_offset % 8 + member->bit_size + 7) / 8;
		}
		leaves->leaf[leaves->count++] = leaf;
	}
}

void abi_take_apart(const struct type *type, struct abi_leaves *leaves)
{
	*leaves = (struct abi_leaves){ .is_known = true };
	take_part(type, NULL, 0, leaves, 0);
}

static bool is_float(const struct abi_leaf *leaf)
{
	return leaf->type->kind == TYPE_FLOAT && !leaf->type->is_wide;
}

/* The bytes that an address of the type is a multiple of. */
static uint32_t alignment_of(const struct type *type, unsigned int depth)
{
	uint32_t count, most = 1, part;
	const struct type_member *members = type_members(type, &count);

	if (type->kind == TYPE_ARRAY && depth < 8)
		return alignment_of(type->target, depth + 1);
	if (type->kind != TYPE_STRUCT || depth > 8)
		return !type->size ? 1 : type->is_complex ? type->size / 2 : type->size;
	for (uint32_t i = 0; i < count; i++) {
		part = alignment_of(members[i].type, depth + 1);
		most = part > most ? part : most;
	}
	return most;
}

static uint32_t align(uint32_t at, uint32_t to)
{
	return to > 1 ? (at + to - 1) / to * to : at;
}

/* ---- registers and stack -------------------------------------------------------------------- */

static const struct abi_place unknown = { .where = ABI_UNKNOWN };

static unsigned int integer_count(const struct abi *abi)
{
	return abi->is_results ? abi->convention->result_count : abi->convention->arg_count;
}

static unsigned int float_count(const struct abi *abi)
{
	return abi->is_results && abi->kind != ABI_GO ? 2 : abi->convention->float_count;
}

static bool has_room(const struct abi *abi, unsigned int integers, unsigned int floats)
{
	return abi->integers + integers <= integer_count(abi) &&
	       abi->floats + floats <= float_count(abi);
}

static int next_integer(struct abi *abi)
{
	return abi->is_results ? abi->convention->results[abi->integers++]
			       : abi->convention->args[abi->integers++];
}

static void add_word(struct abi *abi, struct abi_place *place, bool is_float_word, uint32_t offset,
		     uint32_t size)
{
	int reg = BSL_REG_NONE;

	if (is_float_word)
		abi->floats++;
	else
		reg = next_integer(abi);
	place->words[place->word_count++] = (struct abi_word){ reg, offset, size };
}

static struct abi_place on_stack(struct abi *abi, uint32_t size, uint32_t alignment)
{
	struct abi_place place = { .where = ABI_STACK };

	if (abi->convention->stack_offset < 0)
		return unknown;
	abi->stack = align(abi->stack, alignment > 8 ? alignment : 8);
	place.stack = abi->stack + (uint32_t)abi->convention->stack_offset;
	abi->stack += align(size, 8);
	return place;
}

static struct abi_place by_address(struct abi *abi)
{
	struct abi_place place = { .where = ABI_ADDRESS };

	if (has_room(abi, 1, 0)) {
		place.reg = next_integer(abi);
		return place;
	}
	place = on_stack(abi, 8, 8);
	if (place.where == ABI_STACK)
		place.where = ABI_STACK_ADDRESS;
	return place;
}

/* ---- C, C++ --------------------------------------------------------------------------------- */

/* What each 8 bytes of a structure have. */
struct eightbytes {
	bool is_memory; /* it is in memory after all */
	bool has_integer[2], has_x87;
	unsigned int count, integers;
};

static void classify(const struct abi_leaves *leaves, uint32_t size, struct eightbytes *e)
{
	*e = (struct eightbytes){ .count = (size + 7) / 8, .is_memory = size > 16 };
	for (unsigned int i = 0; i < leaves->count && !e->is_memory; i++) {
		const struct abi_leaf *leaf = &leaves->leaf[i];

		/* Members of packed structures that aren't where they would be. */
		e->is_memory = (!leaf->is_bits && leaf->offset % alignment_of(leaf->type, 0)) ||
			       leaf->offset + leaf->size > 16;
		if (e->is_memory)
			return;
		e->has_x87 |= is_float(leaf) && leaf->size == 16 && !leaf->type->is_complex;
		for (uint32_t at = leaf->offset / 8; at <= (leaf->offset + leaf->size - 1) / 8;
		     at++)
			e->has_integer[at] |= !is_float(leaf);
	}
	for (unsigned int i = 0; i < e->count; i++)
		e->integers += e->has_integer[i];
}

static struct abi_place words_of_struct(struct abi *abi, uint32_t size, const struct eightbytes *e)
{
	struct abi_place place = { .where = ABI_WORDS };

	for (unsigned int i = 0; i < e->count; i++)
		add_word(abi, &place, !e->has_integer[i], 8 * i,
			 size - 8 * i < 8 ? size - 8 * i : 8);
	return place;
}

static struct abi_place pass_x86(struct abi *abi, const struct type *type,
				 const struct abi_leaves *leaves)
{
	struct eightbytes e;

	if (abi->may_split_wide && type->is_wide && !abi->is_results && !has_room(abi, 2, 0))
		return unknown;
	classify(leaves, type->size, &e);
	/* long double is in memory as an argument, and on top of the floating-point stack as a result. */
	if (e.has_x87 && abi->is_results && type->size == 16)
		return (struct abi_place){ .where = ABI_WORDS,
					   .words = { { BSL_REG_NONE, 0, 16 } },
					   .word_count = 1 };
	if (!e.is_memory && !e.has_x87 && has_room(abi, e.integers, e.count - e.integers))
		return words_of_struct(abi, type->size, &e);
	if (abi->is_results)
		return (struct abi_place){ .where = ABI_ADDRESS,
					   .reg = abi->convention->results[0] };
	return on_stack(abi, type->size, alignment_of(type, 0));
}

/* One to four floating-point values of one type. */
static bool is_homogeneous(const struct abi_leaves *leaves)
{
	bool is_same = leaves->count >= 1 && leaves->count <= 4;

	for (unsigned int i = 0; i < leaves->count && is_same; i++)
		is_same = is_float(&leaves->leaf[i]) &&
			  leaves->leaf[i].size == leaves->leaf[0].size;
	return is_same;
}

static struct abi_place pass_arm64(struct abi *abi, const struct type *type,
				   const struct abi_leaves *leaves)
{
	struct abi_place place = { .where = ABI_WORDS };
	unsigned int words = (type->size + 7) / 8;

	if (is_homogeneous(leaves)) {
		if (!has_room(abi, 0, leaves->count) && !abi->is_results) {
			abi->floats = abi->convention->float_count;
			return on_stack(abi, type->size, alignment_of(type, 0));
		}
		for (unsigned int i = 0; i < leaves->count; i++)
			add_word(abi, &place, true, leaves->leaf[i].offset, leaves->leaf[i].size);
		return place;
	}
	/* The caller says in x8 where the result goes, which is forgotten by the return. */
	if (type->size > 16)
		return abi->is_results ? unknown : by_address(abi);
	if (alignment_of(type, 0) == 16)
		abi->integers = align(abi->integers, 2);
	if (!has_room(abi, words, 0)) {
		abi->integers = abi->convention->arg_count;
		return on_stack(abi, type->size, alignment_of(type, 0));
	}
	for (unsigned int i = 0; i < words; i++)
		add_word(abi, &place, false, 8 * i,
			 type->size - 8 * i < 8 ? type->size - 8 * i : 8);
	return place;
}

/* Known, and without __float128, which has a class of its own. */
static bool is_plain(const struct abi_leaves *leaves)
{
	for (unsigned int i = 0; i < leaves->count; i++)
		if (is_float(&leaves->leaf[i]) && leaves->leaf[i].size == 16 &&
		    !leaves->leaf[i].type->is_complex &&
		    strcmp(leaves->leaf[i].type->name, "long double"))
			return false;
	return leaves->is_known;
}

static struct abi_place pass_c(struct abi *abi, const struct type *type,
			       enum debuginfo_passing passing)
{
	struct abi_leaves leaves;

	if (passing == DEBUGINFO_BY_UNKNOWN || type->kind == TYPE_ARRAY || type->kind == TYPE_VOID)
		return unknown;
	if (passing == DEBUGINFO_BY_ADDRESS && abi->is_results)
		return abi->convention->gives_result_address
			       ? (struct abi_place){ .where = ABI_ADDRESS,
						     .reg = abi->convention->results[0] }
			       : unknown;
	if (passing == DEBUGINFO_BY_ADDRESS)
		return by_address(abi);
	abi_take_apart(type, &leaves);
	/* What is large is in memory, whatever it is made of. */
	if (!type->size || (type->size <= 16 && !is_plain(&leaves)))
		return unknown;
	if (!leaves.is_known)
		leaves = (struct abi_leaves){ .is_known = true };
	/* An empty class. */
	if (type->size == 1 && !leaves.count)
		return (struct abi_place){ .where = ABI_NOTHING };
	if (type->size <= 16 && !leaves.count)
		return unknown;
	return abi->machine->elf == EM_X86_64 ? pass_x86(abi, type, &leaves)
					      : pass_arm64(abi, type, &leaves);
}

/* ---- Rust ----------------------------------------------------------------------------------- */

enum shape { RUST_UNKNOWN, RUST_NOTHING, RUST_SCALAR, RUST_PAIR, RUST_OTHER };

static enum shape shape_of(const struct type *type, unsigned int depth);

/* The variant beside which all others are values that its own can't have, and have no bytes. NULL: it is another kind. */
static const struct type_variant *only_variant(const struct type_variants *variants,
					       unsigned int depth)
{
	const struct type_variant *only = NULL;

	for (uint32_t i = 0; i < variants->count; i++) {
		const struct type_variant *variant = &variants->variants[i];

		if (variant->is_default)
			only = variant;
		else if (shape_of(variant->type, depth + 1) != RUST_NOTHING)
			return NULL;
	}
	return only;
}

static bool has_default(const struct type_variants *variants)
{
	for (uint32_t i = 0; i < variants->count; i++)
		if (variants->variants[i].is_default)
			return true;
	return false;
}

/* What of a number tells rustc's kinds of scalars apart, up to what rustc's versions differ in. */
static bool is_alike(const struct type *a, const struct type *b)
{
	return a->kind == b->kind && a->size == b->size && a->is_signed == b->is_signed &&
	       a->is_complex == b->is_complex;
}

/*
 * A number for the variant, then what it has: a pair, if that is one scalar at the same place in all variants that have any.
 * payload: that scalar.
 */
static enum shape shape_of_tagged(const struct type_variants *variants, unsigned int depth,
				  struct abi_leaf *payload)
{
	struct abi_leaves leaves;
	bool is_pair = true, is_certain = true;

	*payload = (struct abi_leaf){};
	for (uint32_t i = 0; i < variants->count; i++) {
		const struct type_variant *variant = &variants->variants[i];
		enum shape shape = shape_of(variant->type, depth + 1);

		if (shape == RUST_UNKNOWN)
			return shape;
		if (shape == RUST_NOTHING)
			continue;
		abi_take_apart(variant->type, &leaves);
		if (shape != RUST_SCALAR || leaves.count != 1) {
			is_pair = false;
			continue;
		}
		leaves.leaf[0].offset += variant->offset;
		if (!payload->type)
			*payload = leaves.leaf[0];
		is_pair &= payload->offset == leaves.leaf[0].offset &&
			   payload->size == leaves.leaf[0].size &&
			   is_float(payload) == is_float(&leaves.leaf[0]);
		is_certain &= is_alike(payload->type, leaves.leaf[0].type);
	}
	if (is_pair && !payload->type)
		return RUST_SCALAR;
	return !is_pair ? RUST_OTHER : is_certain ? RUST_PAIR : RUST_UNKNOWN;
}

static enum shape shape_of_variants(const struct type_variants *variants, unsigned int depth)
{
	const struct type_variant *only = only_variant(variants, depth);
	struct abi_leaf payload;

	if (only)
		return shape_of(only->type, depth + 1);
	return has_default(variants) || !variants->discriminant
		       ? RUST_OTHER
		       : shape_of_tagged(variants, depth, &payload);
}

/* What registers have of it. Only of scalars and pairs anybody asks. */
static void take_variants(const struct type_variants *variants, uint32_t offset,
			  struct abi_leaves *leaves, unsigned int depth)
{
	const struct type_variant *only = only_variant(variants, depth);
	struct abi_leaf payload,
		tag = { .type = variants->discriminant, .offset = offset + variants->offset };

	if (only) {
		take_part(only->type, NULL, offset + only->offset, leaves, depth + 1);
		return;
	}
	if (has_default(variants) || !variants->discriminant ||
	    shape_of_tagged(variants, depth, &payload) == RUST_UNKNOWN ||
	    leaves->count + 2 > ABI_MAX_LEAVES) {
		leaves->is_known = false;
		return;
	}
	tag.size = tag.type->size;
	tag.is_flag = tag.size == 1 && variants->count <= 2;
	payload.offset += offset;
	leaves->leaf[leaves->count++] = tag;
	if (payload.type)
		leaves->leaf[leaves->count++] = payload;
}

/* Arrays and whatever has three parts are no scalars, even if they fit into one. */
static enum shape shape_of(const struct type *type, unsigned int depth)
{
	const struct type_variants *variants = type_variants(type);
	enum shape shape = RUST_NOTHING, part;
	unsigned int parts = 0;
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	if (depth > 8 || type->kind == TYPE_VOID)
		return RUST_UNKNOWN;
	if (variants)
		return shape_of_variants(variants, depth);
	if (type->kind == TYPE_ARRAY)
		return type->size ? RUST_OTHER : RUST_NOTHING;
	if (type->kind != TYPE_STRUCT)
		return RUST_SCALAR;
	for (uint32_t i = 0; i < count; i++) {
		part = shape_of(members[i].type, depth + 1);
		if (part == RUST_UNKNOWN)
			return part;
		if (part == RUST_NOTHING)
			continue;
		shape = ++parts == 1					      ? part
			: parts == 2 && shape == RUST_SCALAR && part == shape ? RUST_PAIR
									      : RUST_OTHER;
	}
	return shape;
}

/* In the order of memory, which rustc chooses: members stand in DWARF as in the source. */
static struct abi_place rust_scalars(struct abi *abi, const struct abi_leaves *leaves)
{
	bool swapped = leaves->count == 2 && leaves->leaf[0].offset > leaves->leaf[1].offset;
	struct abi_place place = { .where = ABI_WORDS };
	unsigned int floats = 0;

	for (unsigned int i = 0; i < leaves->count; i++) {
		if (leaves->leaf[i].size > 8)
			return unknown;
		floats += is_float(&leaves->leaf[i]);
	}
	if (!has_room(abi, leaves->count - floats, floats))
		return unknown;
	for (unsigned int i = 0; i < leaves->count; i++) {
		const struct abi_leaf *leaf = &leaves->leaf[i ^ swapped];

		add_word(abi, &place, is_float(leaf), leaf->offset, leaf->size);
		/* Of a bool in a pair that is returned the lowest bit alone is defined: LLVM's i1, extended by nobody. */
		if (abi->is_results && leaves->count == 2 && (leaf->type->is_bool || leaf->is_flag))
			place.words[place.word_count - 1].reg = BSL_REG_NONE;
	}
	return place;
}

static struct abi_place pass_rust(struct abi *abi, const struct type *type)
{
	uint32_t most = abi->is_results ? abi->most_in_registers : 8;
	struct abi_place place = { .where = ABI_WORDS };
	struct abi_leaves leaves;

	abi_take_apart(type, &leaves);
	switch (shape_of(type, 0)) {
	case RUST_NOTHING:
		return (struct abi_place){ .where = ABI_NOTHING };
	case RUST_SCALAR:
		if (type->is_wide && has_room(abi, 2, 0)) {
			add_word(abi, &place, false, 0, 8);
			add_word(abi, &place, false, 8, 8);
			return place;
		}
		return rust_scalars(abi, &leaves);
	case RUST_PAIR:
		return rust_scalars(abi, &leaves);
	case RUST_OTHER:
		break;
	default:
		return unknown;
	}
	if (type->size <= most && has_room(abi, (type->size + 7) / 8, 0)) {
		for (uint32_t at = 0; at < type->size; at += 8)
			add_word(abi, &place, false, at, type->size - at < 8 ? type->size - at : 8);
		return place;
	}
	if (!abi->is_results)
		return by_address(abi);
	return abi->convention->gives_result_address && type->size >= abi->least_by_address
		       ? (struct abi_place){ .where = ABI_ADDRESS,
					     .reg = abi->convention->results[0] }
		       : unknown;
}

/* ---- Go ------------------------------------------------------------------------------------- */

/* Arrays of several elements are on the stack, and all of the value with them. */
static bool has_long_array(const struct type *type, unsigned int depth)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	if (depth > 8)
		return true;
	if (type->kind == TYPE_ARRAY)
		return type->count > 1 || (type->count && has_long_array(type->target, depth + 1));
	for (uint32_t i = 0; type->kind == TYPE_STRUCT && i < count; i++)
		if (has_long_array(members[i].type, depth + 1))
			return true;
	return false;
}

static struct abi_place go_stack(struct abi *abi, const struct type *type)
{
	struct abi_place place = { .where = ABI_STACK };

	/* Above the return address; on arm64 above the room for the caller's link register, too. */
	abi->stack = align(abi->stack, alignment_of(type, 0));
	place.stack = abi->stack + 8;
	abi->stack += type->size;
	return place;
}

static struct abi_place pass_go(struct abi *abi, const struct type *type)
{
	struct abi_place place = { .where = ABI_WORDS };
	struct abi_leaves leaves;
	unsigned int floats = 0;

	if (!type->size)
		return (struct abi_place){ .where = ABI_NOTHING };
	abi_take_apart(type, &leaves);
	if (abi->kind == ABI_GO_STACK || has_long_array(type, 0))
		return go_stack(abi, type);
	if (!leaves.is_known)
		return unknown;
	for (unsigned int i = 0; i < leaves.count; i++)
		floats += is_float(&leaves.leaf[i]) * (1 + leaves.leaf[i].type->is_complex);
	if (!has_room(abi, leaves.count - floats, floats))
		return go_stack(abi, type);
	for (unsigned int i = 0; i < leaves.count; i++) {
		add_word(abi, &place, is_float(&leaves.leaf[i]), leaves.leaf[i].offset,
			 leaves.leaf[i].size);
		if (is_float(&leaves.leaf[i]) && leaves.leaf[i].type->is_complex)
			abi->floats++;
	}
	return place;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* A result that is too large for registers has its address passed first. */
static bool has_hidden_first(const struct abi *abi, const struct type *result,
			     enum debuginfo_passing passing, bool *is_known)
{
	struct abi results = *abi;
	struct abi_place place;

	*is_known = true;
	if (!abi->convention->gives_result_address || !result || result->kind == TYPE_VOID ||
	    abi->kind == ABI_GO || abi->kind == ABI_GO_STACK)
		return false;
	abi_end_arguments(&results);
	place = abi_return(&results, result, passing);
	*is_known = place.where != ABI_UNKNOWN;
	return place.where == ABI_ADDRESS;
}

void abi_start_c(struct abi *abi, const struct bsl_machine *machine, const struct type *result)
{
	bool is_known;

	*abi = (struct abi){ .machine = machine, .convention = &machine->c };
	abi->integers = has_hidden_first(abi, result, DEBUGINFO_BY_VALUE, &is_known);
}

bool abi_start(struct abi *abi, const struct bsl_machine *machine,
	       const struct debuginfo_scope *scope)
{
	bool is_known;

	*abi = (struct abi){ .machine = machine, .convention = &machine->c };
	switch (debuginfo_scope_convention(scope)) {
	case DEBUGINFO_GO_STACK:
		abi->kind = ABI_GO_STACK;
		abi->convention = &machine->go;
		break;
	case DEBUGINFO_GO:
		abi->kind = ABI_GO;
		abi->convention = &machine->go;
		break;
	case DEBUGINFO_RUST_NARROW:
	case DEBUGINFO_RUST_WIDE:
	case DEBUGINFO_RUST:
		abi->kind = ABI_RUST;
		break;
	case DEBUGINFO_C:
		abi->may_split_wide = !debuginfo_scope_is_gnu(scope);
		break;
	case DEBUGINFO_SCALARS:
		abi->is_limited = true;
		break;
	}
	abi->most_in_registers = debuginfo_scope_convention(scope) == DEBUGINFO_RUST_WIDE ? 16 : 8;
	abi->least_by_address = debuginfo_scope_convention(scope) == DEBUGINFO_RUST_NARROW ? 9 : 17;
	abi->integers = has_hidden_first(abi, scope->retval, debuginfo_passing(&scope->function),
					 &is_known);
	return is_known;
}

struct abi_place abi_pass(struct abi *abi, const struct type *type, enum debuginfo_passing passing)
{
	if (abi->is_limited && !type_is_scalar(type) && type->kind != TYPE_FLOAT)
		return unknown;
	switch (abi->kind) {
	case ABI_GO:
	case ABI_GO_STACK:
		return pass_go(abi, type);
	case ABI_RUST:
		return pass_rust(abi, type);
	default:
		return pass_c(abi, type, passing);
	}
}

void abi_end_arguments(struct abi *abi)
{
	abi->is_results = true;
	abi->integers = abi->floats = 0;
	if (abi->kind == ABI_GO || abi->kind == ABI_GO_STACK)
		abi->stack = align(abi->stack, 8);
}

struct abi_place abi_return(struct abi *abi, const struct type *type,
			    enum debuginfo_passing passing)
{
	return abi_pass(abi, type, passing);
}
