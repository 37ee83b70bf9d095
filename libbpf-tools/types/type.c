/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Types; see type.h.
 */
#include "types/type.h"

#include <array_size.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "types/arena.h"

/* Types from BTF or DWARF may be nested badly on purpose. */
#define MAX_NESTING 32
#define MAX_LOOKED_AT 1000000
#define MAX_DECLARATION 256

/* char is signed on x86_64 and unsigned on arm64; these tools trace the machine they run on. */
#define CHAR_IS_SIGNED ((char)-1 < 0)

#define INTEGER(id, text, bytes, sign) \
	[id] = { .kind = TYPE_INT, .name = text, .size = bytes, .is_signed = sign }
#define CHARACTER(id, text, sign) \
	[id] = { .kind = TYPE_INT, .name = text, .size = 1, .is_signed = sign, .is_char = true }
#define FLOATING(id, text, bytes) \
	[id] = { .kind = TYPE_FLOAT, .name = text, .size = bytes, .is_signed = true }

enum basic_id {
	BASIC_VOID,
	BASIC_BOOL,
	BASIC_CHAR,
	BASIC_SCHAR,
	BASIC_UCHAR,
	BASIC_SHORT,
	BASIC_USHORT,
	BASIC_INT,
	BASIC_UINT,
	BASIC_LONG,
	BASIC_ULONG,
	BASIC_LLONG,
	BASIC_ULLONG,
	BASIC_FLOAT,
	BASIC_DOUBLE,
	BASIC_LDOUBLE,
	BASIC_UNKNOWN,
};

static const struct type basics[] = {
	[BASIC_VOID] = { .kind = TYPE_VOID, .name = "void" },
	[BASIC_BOOL] = { .kind = TYPE_INT, .name = "bool", .size = 1, .is_bool = true },
	CHARACTER(BASIC_CHAR, "char", CHAR_IS_SIGNED),
	CHARACTER(BASIC_SCHAR, "signed char", true),
	CHARACTER(BASIC_UCHAR, "unsigned char", false),
	INTEGER(BASIC_SHORT, "short", 2, true),
	INTEGER(BASIC_USHORT, "unsigned short", 2, false),
	INTEGER(BASIC_INT, "int", 4, true),
	INTEGER(BASIC_UINT, "unsigned int", 4, false),
	INTEGER(BASIC_LONG, "long", 8, true),
	INTEGER(BASIC_ULONG, "unsigned long", 8, false),
	INTEGER(BASIC_LLONG, "long long", 8, true),
	INTEGER(BASIC_ULLONG, "unsigned long long", 8, false),
	FLOATING(BASIC_FLOAT, "float", 4),
	FLOATING(BASIC_DOUBLE, "double", 8),
	FLOATING(BASIC_LDOUBLE, "long double", 16),
	[BASIC_UNKNOWN] = { .kind = TYPE_INT,
			    .name = "unsigned long",
			    .size = 8,
			    .is_unknown = true },
};

#define TYPEDEF(text, bytes, sign)                                               \
	{                                                                        \
		.kind = TYPE_INT, .name = text, .size = bytes, .is_signed = sign \
	}

/* Names that C, POSIX and the kernel define, as on LP64 Linux; dev_t is that of user space. */
static const struct type typedefs[] = {
	TYPEDEF("u8", 1, false),	  TYPEDEF("s8", 1, true),
	TYPEDEF("u16", 2, false),	  TYPEDEF("s16", 2, true),
	TYPEDEF("u32", 4, false),	  TYPEDEF("s32", 4, true),
	TYPEDEF("u64", 8, false),	  TYPEDEF("s64", 8, true),
	TYPEDEF("__u8", 1, false),	  TYPEDEF("__s8", 1, true),
	TYPEDEF("__u16", 2, false),	  TYPEDEF("__s16", 2, true),
	TYPEDEF("__u32", 4, false),	  TYPEDEF("__s32", 4, true),
	TYPEDEF("__u64", 8, false),	  TYPEDEF("__s64", 8, true),
	TYPEDEF("uint8_t", 1, false),	  TYPEDEF("int8_t", 1, true),
	TYPEDEF("uint16_t", 2, false),	  TYPEDEF("int16_t", 2, true),
	TYPEDEF("uint32_t", 4, false),	  TYPEDEF("int32_t", 4, true),
	TYPEDEF("uint64_t", 8, false),	  TYPEDEF("int64_t", 8, true),
	TYPEDEF("__be16", 2, false),	  TYPEDEF("__le16", 2, false),
	TYPEDEF("__be32", 4, false),	  TYPEDEF("__le32", 4, false),
	TYPEDEF("__be64", 8, false),	  TYPEDEF("__le64", 8, false),
	TYPEDEF("size_t", 8, false),	  TYPEDEF("ssize_t", 8, true),
	TYPEDEF("ptrdiff_t", 8, true),	  TYPEDEF("uintptr_t", 8, false),
	TYPEDEF("intptr_t", 8, true),	  TYPEDEF("uintmax_t", 8, false),
	TYPEDEF("intmax_t", 8, true),	  TYPEDEF("wchar_t", 4, true),
	TYPEDEF("pid_t", 4, true),	  TYPEDEF("uid_t", 4, false),
	TYPEDEF("gid_t", 4, false),	  TYPEDEF("id_t", 4, false),
	TYPEDEF("key_t", 4, true),	  TYPEDEF("mode_t", 4, false),
	TYPEDEF("umode_t", 2, false),	  TYPEDEF("dev_t", 8, false),
	TYPEDEF("ino_t", 8, false),	  TYPEDEF("off_t", 8, true),
	TYPEDEF("off64_t", 8, true),	  TYPEDEF("loff_t", 8, true),
	TYPEDEF("time_t", 8, true),	  TYPEDEF("time64_t", 8, true),
	TYPEDEF("suseconds_t", 8, true),  TYPEDEF("clock_t", 8, true),
	TYPEDEF("clockid_t", 4, true),	  TYPEDEF("socklen_t", 4, false),
	TYPEDEF("sa_family_t", 2, false), TYPEDEF("in_port_t", 2, false),
	TYPEDEF("in_addr_t", 4, false),	  TYPEDEF("pthread_t", 8, false),
	TYPEDEF("ktime_t", 8, true),	  TYPEDEF("sector_t", 8, false),
	TYPEDEF("blkcnt_t", 8, true),	  TYPEDEF("pgoff_t", 8, false),
	TYPEDEF("gfp_t", 4, false),	  TYPEDEF("phys_addr_t", 8, false),
	TYPEDEF("dma_addr_t", 8, false),  TYPEDEF("ulong", 8, false),
	TYPEDEF("uint", 4, false),	  TYPEDEF("ushort", 2, false),
};

enum keyword {
	KEY_VOID,
	KEY_BOOL,
	KEY_CHAR,
	KEY_SHORT,
	KEY_INT,
	KEY_LONG,
	KEY_SIGNED,
	KEY_UNSIGNED,
	KEY_FLOAT,
	KEY_DOUBLE,
	KEY_NR,
};

static const struct {
	const char *text;
	enum keyword keyword;
} keywords[] = {
	{ "void", KEY_VOID },	      { "bool", KEY_BOOL },	{ "_Bool", KEY_BOOL },
	{ "char", KEY_CHAR },	      { "short", KEY_SHORT },	{ "int", KEY_INT },
	{ "long", KEY_LONG },	      { "signed", KEY_SIGNED }, { "__signed__", KEY_SIGNED },
	{ "unsigned", KEY_UNSIGNED }, { "float", KEY_FLOAT },	{ "double", KEY_DOUBLE },
};

/* The sets of keywords that are a type (C11 6.7.2): two bits for the count of each. */
#define KEY(keyword) (1u << (2 * (keyword)))

static const struct {
	uint32_t counts;
	enum basic_id id;
} keyword_sets[] = {
	{ KEY(KEY_VOID), BASIC_VOID },
	{ KEY(KEY_BOOL), BASIC_BOOL },
	{ KEY(KEY_CHAR), BASIC_CHAR },
	{ KEY(KEY_SIGNED) + KEY(KEY_CHAR), BASIC_SCHAR },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_CHAR), BASIC_UCHAR },
	{ KEY(KEY_SHORT), BASIC_SHORT },
	{ KEY(KEY_SHORT) + KEY(KEY_INT), BASIC_SHORT },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_SHORT), BASIC_USHORT },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_SHORT) + KEY(KEY_INT), BASIC_USHORT },
	{ KEY(KEY_SIGNED) + KEY(KEY_SHORT), BASIC_SHORT },
	{ KEY(KEY_SIGNED) + KEY(KEY_SHORT) + KEY(KEY_INT), BASIC_SHORT },
	{ KEY(KEY_INT), BASIC_INT },
	{ KEY(KEY_SIGNED), BASIC_INT },
	{ KEY(KEY_SIGNED) + KEY(KEY_INT), BASIC_INT },
	{ KEY(KEY_UNSIGNED), BASIC_UINT },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_INT), BASIC_UINT },
	{ KEY(KEY_LONG), BASIC_LONG },
	{ KEY(KEY_LONG) + KEY(KEY_INT), BASIC_LONG },
	{ KEY(KEY_SIGNED) + KEY(KEY_LONG), BASIC_LONG },
	{ KEY(KEY_SIGNED) + KEY(KEY_LONG) + KEY(KEY_INT), BASIC_LONG },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_LONG), BASIC_ULONG },
	{ KEY(KEY_UNSIGNED) + KEY(KEY_LONG) + KEY(KEY_INT), BASIC_ULONG },
	{ 2 * KEY(KEY_LONG), BASIC_LLONG },
	{ 2 * KEY(KEY_LONG) + KEY(KEY_INT), BASIC_LLONG },
	{ KEY(KEY_SIGNED) + 2 * KEY(KEY_LONG), BASIC_LLONG },
	{ KEY(KEY_SIGNED) + 2 * KEY(KEY_LONG) + KEY(KEY_INT), BASIC_LLONG },
	{ KEY(KEY_UNSIGNED) + 2 * KEY(KEY_LONG), BASIC_ULLONG },
	{ KEY(KEY_UNSIGNED) + 2 * KEY(KEY_LONG) + KEY(KEY_INT), BASIC_ULLONG },
	{ KEY(KEY_FLOAT), BASIC_FLOAT },
	{ KEY(KEY_DOUBLE), BASIC_DOUBLE },
	{ KEY(KEY_LONG) + KEY(KEY_DOUBLE), BASIC_LDOUBLE },
};

static bool same_text(const char *text, const char *word, size_t len)
{
	return strlen(text) == len && memcmp(text, word, len) == 0;
}

static const struct type *find_typedef(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(typedefs); i++)
		if (same_text(typedefs[i].name, name, len))
			return &typedefs[i];
	return NULL;
}

/* Add a keyword to the counts; false if it isn't one or was there too often. */
static bool count_keyword(uint32_t *counts, const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		unsigned int shift = 2 * keywords[i].keyword;

		if (!same_text(keywords[i].text, word, len))
			continue;
		if ((*counts >> shift & 3) == 3)
			return false;
		*counts += 1u << shift;
		return true;
	}
	return false;
}

static bool is_qualifier(const char *word, size_t len)
{
	return same_text("const", word, len) || same_text("volatile", word, len);
}

const struct type *type_basic(const char *name, size_t len)
{
	const struct type *alias = NULL;
	const char *end = name + len;
	uint32_t counts = 0;

	while (name < end) {
		const char *word = name;

		if (*name == ' ') {
			name++;
			continue;
		}
		while (name < end && *name != ' ')
			name++;
		if (is_qualifier(word, name - word))
			continue;
		if (alias)
			return NULL;
		if (!count_keyword(&counts, word, name - word)) {
			alias = find_typedef(word, name - word);
			if (!alias)
				return NULL;
		}
		if (alias && counts)
			return NULL;
	}
	if (alias)
		return alias;
	for (size_t i = 0; i < ARRAY_SIZE(keyword_sets); i++)
		if (keyword_sets[i].counts == counts)
			return &basics[keyword_sets[i].id];
	return NULL;
}

const char *type_basic_name(size_t i)
{
	if (i < ARRAY_SIZE(typedefs))
		return typedefs[i].name;
	i -= ARRAY_SIZE(typedefs);
	return i < ARRAY_SIZE(keywords) ? keywords[i].text : NULL;
}

const struct type *type_void(void)
{
	return &basics[BASIC_VOID];
}

const struct type *type_int(unsigned int size, bool is_signed)
{
	switch (size) {
	case 1:
		return &basics[is_signed ? BASIC_SCHAR : BASIC_UCHAR];
	case 2:
		return &basics[is_signed ? BASIC_SHORT : BASIC_USHORT];
	case 4:
		return &basics[is_signed ? BASIC_INT : BASIC_UINT];
	default:
		return &basics[is_signed ? BASIC_LONG : BASIC_ULONG];
	}
}

const struct type *type_char(void)
{
	return &basics[BASIC_CHAR];
}

const struct type *type_unknown(void)
{
	return &basics[BASIC_UNKNOWN];
}

/* A type with the name that its declaration gives it. */
static struct type *type_derived(struct arena *arena, struct type derived)
{
	char name[MAX_DECLARATION];
	struct type *type = arena_alloc(arena, sizeof(*type));

	if (!type)
		return NULL;
	type_declare(&derived, "", name, sizeof(name));
	derived.name = arena_strndup(arena, name, strlen(name));
	if (!derived.name)
		return NULL;
	*type = derived;
	return type;
}

const struct type *type_pointer(struct arena *arena, const struct type *target,
				enum type_space space)
{
	return type_derived(
		arena,
		(struct type){ .kind = TYPE_POINTER, .size = 8, .target = target, .space = space });
}

const struct type *type_array(struct arena *arena, const struct type *element, uint32_t count)
{
	uint32_t size;

	if (__builtin_mul_overflow(element->size, count, &size))
		size = count = 0;
	return type_derived(arena, (struct type){ .kind = TYPE_ARRAY,
						  .size = size,
						  .target = element,
						  .count = count });
}

const struct type_member *type_members(const struct type *type, uint32_t *count)
{
	if (type->source && !type->members && type->source->complete(type->source, type)) {
		*count = 0;
		return NULL;
	}
	*count = type->kind == TYPE_STRUCT ? type->count : 0;
	return type->members;
}

const struct type_variants *type_variants(const struct type *type)
{
	uint32_t count;

	type_members(type, &count);
	return type->kind == TYPE_STRUCT ? type->variants : NULL;
}

const struct type *type_argument(const struct type *type)
{
	uint32_t count;

	type_members(type, &count);
	return type->kind == TYPE_STRUCT ? type->argument : NULL;
}

const struct type_named *type_find_runtime(const struct type *type, uint64_t addr)
{
	return type->source && type->source->find_runtime
		       ? type->source->find_runtime(type->source, addr)
		       : NULL;
}

const struct type_enumerator *type_enumerators(const struct type *type, uint32_t *count)
{
	*count = 0;
	if (type->kind != TYPE_ENUM ||
	    (type->source && !type->enumerators && type->source->complete(type->source, type)))
		return NULL;
	*count = type->enumerators ? type->count : 0;
	return type->enumerators;
}

static const struct type_member *find_member(const struct type *type, const char *name, size_t len,
					     uint32_t *offset, unsigned int depth,
					     unsigned int *budget)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	for (uint32_t i = 0; i < count && *budget; i++, --*budget) {
		const struct type_member *member = &members[i], *inner;
		uint32_t inner_offset;

		if (member->name[0]) {
			if (same_text(member->name, name, len)) {
				*offset = member->offset;
				return member;
			}
			continue;
		}
		if (member->type->kind != TYPE_STRUCT || depth == MAX_NESTING)
			continue;
		inner = find_member(member->type, name, len, &inner_offset, depth + 1, budget);
		if (inner) {
			*offset = member->offset + inner_offset;
			return inner;
		}
	}
	return NULL;
}

const struct type_member *type_find_member(const struct type *type, const char *name, size_t len,
					   uint32_t *offset)
{
	unsigned int budget = MAX_LOOKED_AT;

	if (type->kind != TYPE_STRUCT || !len)
		return NULL;
	return find_member(type, name, len, offset, 0, &budget);
}

const struct type *type_find_path(const struct type *type, const char *path, uint32_t *offset)
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

bool type_is_scalar(const struct type *type)
{
	return type->kind == TYPE_INT || type->kind == TYPE_ENUM || type->kind == TYPE_POINTER;
}

bool type_is_string(const struct type *type)
{
	return (type->kind == TYPE_POINTER || type->kind == TYPE_ARRAY) &&
	       type->target->kind == TYPE_INT && type->target->is_char;
}

/* Declarations are read from the name outwards: put what this type adds around what is there. */
static void __attribute__((format(printf, 2, 3)))
declare_around(char text[MAX_DECLARATION], const char *fmt, ...)
{
	char wider[MAX_DECLARATION];
	va_list args;

	va_start(args, fmt);
	vsnprintf(wider, sizeof(wider), fmt, args);
	va_end(args);
	memcpy(text, wider, sizeof(wider));
}

const char *type_declare(const struct type *type, const char *name, char *buf, size_t size)
{
	char text[MAX_DECLARATION];
	unsigned int depth;

	snprintf(text, sizeof(text), "%s", name);
	for (depth = 0; type && depth < MAX_NESTING; depth++) {
		if (type->kind == TYPE_POINTER && type->target &&
		    (type->target->kind == TYPE_ARRAY || type->target->kind == TYPE_FUNC))
			declare_around(text, "(*%s)", text);
		else if (type->kind == TYPE_POINTER)
			declare_around(text, "*%s", text);
		else if (type->kind == TYPE_ARRAY && type->count)
			declare_around(text, "%s[%u]", text, type->count);
		else if (type->kind == TYPE_ARRAY)
			declare_around(text, "%s[]", text);
		else if (type->kind == TYPE_FUNC)
			declare_around(text, "%s()", text);
		else
			break;
		type = type->target;
	}
	if (size)
		snprintf(buf, size, "%s%s%s", type && type->name ? type->name : "void",
			 text[0] ? " " : "", text);
	return buf;
}
