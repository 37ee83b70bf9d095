/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BTF into the type graph. Ids count through the kernel's file and on in the module's.
 */
#include "types/btf.h"

#include <array_size.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/btf_file.h"
#include "lib/log.h"
#include "lib/timestamp.h"
#include "types/arena.h"

#define BTF_DIRECTORY "/sys/kernel/btf"
#define ENUMS (1u << BTF_KIND_ENUM | 1u << BTF_FILE_ENUM64)
/* Modifiers and typedefs between a use and its type; the kernel's longest chains have six. */
#define MAX_CHAIN 32

/* The kernel's file, or a module's, with what was made of its types so far. */
struct btf_source {
	char name[64]; /* "" for the kernel */
	struct btf_file *file;
	struct btf_node **nodes; /* by id less file->first_id */
};

/* A type as made from BTF. */
struct btf_node {
	struct type type;
	struct btf_source *from;
	uint32_t id;
};

struct btf_types {
	struct type_source source;
	struct arena *arena;
	bool is_open;	  /* the kernel's was looked for */
	bool has_modules; /* the modules' too */
	int status;
	struct btf_source **sources; /* the kernel's is the first */
	size_t source_count;
};

/* ---- files ---------------------------------------------------------------------------------- */

static void source_free(struct btf_source *source)
{
	if (!source)
		return;
	btf_file_free(source->file);
	free(source->nodes);
	free(source);
}

/* The kernel's file, on which those of modules build. */
static const struct btf_file *base_of(const struct btf_types *types)
{
	return types->source_count ? types->sources[0]->file : NULL;
}

/* Takes the file over. */
static int add_source(struct btf_types *types, const char *name, struct btf_file *file)
{
	struct btf_source *source = calloc(1, sizeof(*source)), **grown;

	if (!source) {
		btf_file_free(file);
		return -ENOMEM;
	}
	source->file = file;
	source->nodes = calloc(file->end_id - file->first_id + 1, sizeof(*source->nodes));
	if (types->source_count)
		snprintf(source->name, sizeof(source->name), "%s", name);
	grown = realloc(types->sources, (types->source_count + 1) * sizeof(struct btf_source *));
	if (grown)
		types->sources = grown;
	if (!grown || !source->nodes) {
		source_free(source);
		return -ENOMEM;
	}
	types->sources[types->source_count++] = source;
	return 0;
}

static int open_source(struct btf_types *types, const char *name)
{
	struct btf_file *file;
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s", BTF_DIRECTORY, name);
	err = btf_file_open(path, base_of(types), NULL, &file);
	return err ? err : add_source(types, name, file);
}

/* All modules' BTF, once. One that can't be understood doesn't hide the others. */
static void open_modules(struct btf_types *types)
{
	struct dirent *entry;
	DIR *dir;

	if (types->has_modules)
		return;
	types->has_modules = true;
	dir = opendir(BTF_DIRECTORY);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		if (open_source(types, entry->d_name))
			log_info("the BTF of module %s cannot be read", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

int btf_types_status(struct btf_types *types)
{
	uint64_t start;

	if (types->is_open)
		return types->status;
	types->is_open = true;
	start = timestamp_now();
	types->status = open_source(types, "vmlinux");
	if (!types->status)
		log_info("the kernel's BTF: %u types indexed in %.1f ms",
			 types->sources[0]->file->end_id, (double)(timestamp_now() - start) / 1e6);
	return types->status;
}

int btf_types_parse(struct btf_types *types, const void *data, size_t size)
{
	struct btf_file *file;
	int err;

	types->is_open = types->has_modules = true;
	err = btf_file_parse(data, size, base_of(types), NULL, &file);
	if (!err)
		err = add_source(types, "module", file);
	if (!types->source_count)
		types->status = err;
	return err;
}

/* ---- looking up ----------------------------------------------------------------------------- */

/* The source that has an id, as seen from one: its own, or the kernel's. NULL: nobody has it. */
static struct btf_source *source_of(const struct btf_types *types, struct btf_source *from,
				    uint32_t id)
{
	struct btf_source *source = id < from->file->first_id ? types->sources[0] : from;

	return id >= source->file->first_id && id < source->file->end_id ? source : NULL;
}

static const char *name_of(const struct btf_source *source, uint32_t offset)
{
	return btf_file_string(source->file, offset);
}

static uint32_t find(struct btf_types *types, uint32_t mask, const char *name, size_t len,
		     struct btf_source **source)
{
	if (!len || btf_types_status(types))
		return 0;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = pass ? 1 : 0; i < (pass ? types->source_count : 1); i++) {
			uint32_t id = btf_file_find(types->sources[i]->file, mask, name, len, 0);

			*source = types->sources[i];
			if (id)
				return id;
		}
		open_modules(types);
	}
	return 0;
}

/* ---- into the type graph -------------------------------------------------------------------- */

static const struct type *make_type(struct btf_types *types, struct btf_source *from, uint32_t id,
				    unsigned int depth);

static struct btf_node *new_node(struct btf_types *types, struct btf_source *source, uint32_t id,
				 struct type type)
{
	struct btf_node *node = arena_alloc(types->arena, sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct btf_node){ .type = type, .from = source, .id = id };
	return node;
}

static const char *tagged_name(struct btf_types *types, const char *tag, const char *name)
{
	char text[160];

	snprintf(text, sizeof(text), "%s %s", tag, name[0] ? name : "(unnamed)");
	return arena_strndup(types->arena, text, strlen(text));
}

static bool is_integer_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static struct btf_node *make_int(struct btf_types *types, struct btf_source *source, uint32_t id,
				 const struct btf_type *raw)
{
	uint32_t info;
	struct type type = { .kind = TYPE_INT,
			     .name = name_of(source, raw->name_off),
			     .size = raw->size };

	memcpy(&info, raw + 1, sizeof(info));
	type.is_signed = BTF_INT_ENCODING(info) & BTF_INT_SIGNED;
	type.is_bool = raw->size == 1 && BTF_INT_ENCODING(info) & BTF_INT_BOOL;
	type.is_char = raw->size == 1 && strstr(type.name, "char");
	/* char has no sign in BTF before pahole 1.2x wrote one; it has the machine's. */
	if (!strcmp(type.name, "char"))
		type.is_signed = (char)-1 < 0;
	/* __int128: known, but not computed with. */
	if (!is_integer_size(raw->size))
		type.kind = TYPE_FLOAT;
	return new_node(types, source, id, type);
}

static struct btf_node *make_enum(struct btf_types *types, struct btf_source *source, uint32_t id,
				  const struct btf_type *raw)
{
	struct type type = { .kind = TYPE_ENUM, .size = raw->size, .source = &types->source };

	if (!is_integer_size(raw->size))
		type.kind = TYPE_FLOAT;
	/* kind_flag: signed (6089fb325cf7, 6.0). Before, the values decide. */
	type.is_signed = BTF_INFO_KFLAG(raw->info);
	if (BTF_INFO_KIND(raw->info) == BTF_KIND_ENUM) {
		const struct btf_enum *values = (const void *)(raw + 1);

		for (uint32_t i = 0; i < BTF_INFO_VLEN(raw->info); i++)
			type.is_signed |= values[i].val < 0 && raw->size == 4;
	}
	type.name = tagged_name(types, "enum", name_of(source, raw->name_off));
	return type.name ? new_node(types, source, id, type) : NULL;
}

static struct btf_node *make_struct(struct btf_types *types, struct btf_source *source, uint32_t id,
				    const struct btf_type *raw)
{
	bool is_forward = BTF_INFO_KIND(raw->info) == BTF_KIND_FWD;
	bool is_union = is_forward ? BTF_INFO_KFLAG(raw->info)
				   : BTF_INFO_KIND(raw->info) == BTF_KIND_UNION;
	struct type type = {
		.kind = TYPE_STRUCT,
		.size = is_forward ? 0 : raw->size,
		.source = is_forward ? NULL : &types->source,
		.count = is_forward ? 0 : BTF_INFO_VLEN(raw->info),
	};

	type.name =
		tagged_name(types, is_union ? "union" : "struct", name_of(source, raw->name_off));
	return type.name ? new_node(types, source, id, type) : NULL;
}

/* A pointer; the tag of what it points to says where that is, if the compiler wrote one. */
static const struct type *make_pointer(struct btf_types *types, struct btf_source *source,
				       const struct btf_type *raw, unsigned int depth)
{
	const struct btf_type *tag = btf_file_type(source->file, raw->type);
	enum type_space space = SPACE_ANY;
	const struct type *target;

	if (tag && BTF_INFO_KIND(tag->info) == BTF_FILE_TYPE_TAG &&
	    !strcmp(name_of(source, tag->name_off), "user"))
		space = SPACE_USER;
	target = make_type(types, source, raw->type, depth + 1);
	return target ? type_pointer(types->arena, target, space) : NULL;
}

static const struct type *make_array(struct btf_types *types, struct btf_source *source,
				     const struct btf_type *raw, unsigned int depth)
{
	const struct btf_array *array = (const void *)(raw + 1);
	const struct type *element = make_type(types, source, array->type, depth + 1);

	return element ? type_array(types->arena, element, array->nelems) : NULL;
}

/* An integer by another name is still one; everything else keeps the name that it has. */
static const struct type *make_typedef(struct btf_types *types, struct btf_source *source,
				       uint32_t id, const struct btf_type *raw, unsigned int depth)
{
	const struct type *target = make_type(types, source, raw->type, depth + 1);
	struct btf_node *node;
	struct type renamed;

	if (!target)
		return NULL;
	renamed = *target;
	renamed.name = name_of(source, raw->name_off);
	if (target->kind == TYPE_INT) {
		/* u8 is a number, though it is an unsigned char. */
		renamed.is_char = target->is_char && strcmp(target->name, "unsigned char");
	} else if (target->kind != TYPE_STRUCT || !strstr(target->name, "(unnamed)")) {
		return target;
	} else {
		/* typedef struct { ... } atomic_t: the typedef's name is the only one. */
		struct btf_node *unnamed = (struct btf_node *)target;

		node = new_node(types, unnamed->from, unnamed->id, renamed);
		return node ? &node->type : NULL;
	}
	node = new_node(types, source, id, renamed);
	return node ? &node->type : NULL;
}

/* Types without parts that could lead back to themselves are made whole. */
static const struct type *make_new(struct btf_types *types, struct btf_source *source, uint32_t id,
				   unsigned int depth)
{
	static const struct type function = { .kind = TYPE_FUNC, .name = "void", .target = NULL };
	static const struct type floating = { .kind = TYPE_FLOAT, .name = "floating point" };
	const struct btf_type *raw = btf_file_type(source->file, id);
	struct btf_node *node = NULL;

	switch (BTF_INFO_KIND(raw->info)) {
	case BTF_KIND_INT:
		node = make_int(types, source, id, raw);
		break;
	case BTF_KIND_ENUM:
	case BTF_FILE_ENUM64:
		node = make_enum(types, source, id, raw);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FWD:
		node = make_struct(types, source, id, raw);
		break;
	case BTF_KIND_PTR:
		return make_pointer(types, source, raw, depth);
	case BTF_KIND_ARRAY:
		return make_array(types, source, raw, depth);
	case BTF_KIND_TYPEDEF:
		return make_typedef(types, source, id, raw, depth);
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_FILE_TYPE_TAG:
		return make_type(types, source, raw->type, depth + 1);
	case BTF_KIND_FUNC_PROTO:
		return &function;
	case BTF_KIND_FLOAT:
		return &floating;
	default:
		return type_void();
	}
	if (node)
		source->nodes[id - source->file->first_id] = node;
	return node ? &node->type : NULL;
}

static const struct type *make_type(struct btf_types *types, struct btf_source *from, uint32_t id,
				    unsigned int depth)
{
	struct btf_source *source = id ? source_of(types, from, id) : NULL;

	/* Broken BTF leads nowhere, or round in circles. */
	if (!source || depth > MAX_CHAIN)
		return type_void();
	if (source->nodes[id - source->file->first_id])
		return &source->nodes[id - source->file->first_id]->type;
	return make_new(types, source, id, depth);
}

/*
 * A bit-field: of the values of its type's size that are aligned to that size, the one with its bits;
 * or, in a packed structure, the one that starts at its first byte. Little-endian, as all machines
 * here are.
 */
static void place_bits(struct type_member *member, uint32_t bits, uint32_t bit_size)
{
	uint32_t unit = 8 * member->type->size, start = bits;

	if (!unit || bit_size > unit) {
		member->type = type_void();
		return;
	}
	start -= bits % unit;
	if (bits + bit_size > start + unit)
		start = bits / 8 * 8;
	if (bits + bit_size > start + unit) {
		member->type = type_void();
		return;
	}
	member->offset = start / 8;
	member->bit_offset = (uint8_t)(bits - start);
	member->bit_size = (uint8_t)bit_size;
}

/* Bits of an integer that a member has by its type, as BTF without kind_flag describes bit-fields. */
static uint32_t int_bits(const struct btf_source *source, uint32_t id, uint32_t *bit_offset)
{
	const struct btf_type *raw = btf_file_type(source->file, id);
	uint32_t info;

	if (!raw || BTF_INFO_KIND(raw->info) != BTF_KIND_INT)
		return 0;
	memcpy(&info, raw + 1, sizeof(info));
	if (BTF_INT_BITS(info) == 8 * raw->size)
		return 0;
	*bit_offset = BTF_INT_OFFSET(info);
	return BTF_INT_BITS(info);
}

static int make_member(struct btf_types *types, const struct btf_node *node, bool has_sizes,
		       const struct btf_member *raw, struct type_member *member)
{
	uint32_t bits = has_sizes ? BTF_MEMBER_BIT_OFFSET(raw->offset) : raw->offset;
	uint32_t size = has_sizes ? BTF_MEMBER_BITFIELD_SIZE(raw->offset) : 0, extra = 0;

	member->name = name_of(node->from, raw->name_off);
	member->type = make_type(types, node->from, raw->type, 0);
	member->offset = bits / 8;
	if (!member->type)
		return -ENOMEM;
	if (!has_sizes)
		size = int_bits(node->from, raw->type, &extra);
	if (size && (member->type->kind == TYPE_INT || member->type->kind == TYPE_ENUM))
		place_bits(member, bits + extra, size);
	return 0;
}

/* The name of the i-th enumerator, and its value. */
static const char *enumerator_at(const struct btf_source *source, const struct btf_type *raw,
				 bool is_wide, uint32_t i, uint64_t *value)
{
	/* Name, low half, and of wide ones the high half. */
	uint32_t words[3] = { 0 };

	memcpy(words, (const char *)(raw + 1) + i * (is_wide ? 12 : 8), is_wide ? 12 : 8);
	*value = is_wide ? (uint64_t)words[2] << 32 | words[1]
			 : (uint64_t)(int64_t)(int32_t)words[1];
	return name_of(source, words[0]);
}

static int complete_enum(struct btf_types *types, struct btf_node *node, const struct btf_type *raw)
{
	bool is_wide = BTF_INFO_KIND(raw->info) == BTF_FILE_ENUM64;
	uint32_t count = BTF_INFO_VLEN(raw->info);
	struct type_enumerator *made = arena_alloc(types->arena, (count + 1) * sizeof(*made));
	int shift = 64 - 8 * (int)node->type.size;

	if (!made)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t value;

		made[i].name = enumerator_at(node->from, raw, is_wide, i, &value);
		made[i].value = node->type.is_signed
					? (uint64_t)((int64_t)(value << shift) >> shift)
					: value << shift >> shift;
	}
	node->type.enumerators = made;
	node->type.count = count;
	return 0;
}

static int complete(struct type_source *source, const struct type *type)
{
	struct btf_types *types = (struct btf_types *)source;
	struct btf_node *node = (struct btf_node *)type;
	const struct btf_type *raw = btf_file_type(node->from->file, node->id);
	const struct btf_member *members = (const void *)(raw + 1);
	uint32_t count = BTF_INFO_VLEN(raw->info);
	struct type_member *made;
	int err;

	if (type->kind == TYPE_ENUM)
		return complete_enum(types, node, raw);
	made = arena_alloc(types->arena, (count + 1) * sizeof(*made));
	err = made ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < count && !err; i++)
		err = make_member(types, node, BTF_INFO_KFLAG(raw->info), &members[i], &made[i]);
	if (err)
		return err;
	node->type.members = made;
	node->type.count = count;
	return 0;
}

/* ---- questions ------------------------------------------------------------------------------ */

struct btf_types *btf_types_new(void)
{
	struct btf_types *types = calloc(1, sizeof(*types));

	if (!types)
		return NULL;
	types->source.complete = complete;
	types->arena = arena_new();
	if (!types->arena) {
		free(types);
		return NULL;
	}
	return types;
}

void btf_types_free(struct btf_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; i < types->source_count; i++)
		source_free(types->sources[i]);
	free(types->sources);
	arena_free(types->arena);
	free(types);
}

static const struct {
	const char *prefix;
	uint32_t mask;
} tags[] = {
	{ "struct ", 1u << BTF_KIND_STRUCT },
	{ "union ", 1u << BTF_KIND_UNION },
	{ "enum ", ENUMS },
	{ "", 1u << BTF_KIND_TYPEDEF },
};

const struct type *btf_types_find(struct btf_types *types, const char *name, size_t len)
{
	struct btf_source *source;
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t prefix = strlen(tags[i].prefix);

		if (len <= prefix || strncmp(name, tags[i].prefix, prefix))
			continue;
		id = find(types, tags[i].mask, name + prefix, len - prefix, &source);
		return id ? make_type(types, source, id, 0) : NULL;
	}
	return NULL;
}

/* The enumerator of this name in one enumeration. */
static bool find_enumerator(const struct btf_source *source, const struct btf_type *raw,
			    const char *name, uint64_t *value)
{
	bool is_wide = BTF_INFO_KIND(raw->info) == BTF_FILE_ENUM64;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(raw->info); i++)
		if (!strcmp(enumerator_at(source, raw, is_wide, i, value), name))
			return true;
	return false;
}

const struct type *btf_types_constant(struct btf_types *types, const char *name, uint64_t *value)
{
	if (btf_types_status(types))
		return NULL;
	for (size_t i = 0; i < types->source_count; i++) {
		struct btf_source *source = types->sources[i];

		for (uint32_t id = 0; (id = btf_file_find(source->file, ENUMS, NULL, 0, id));)
			if (find_enumerator(source, btf_file_type(source->file, id), name, value))
				return make_type(types, source, id, 0);
	}
	return NULL;
}

int btf_types_function(struct btf_types *types, const char *name, struct btf_function *function)
{
	struct btf_source *source;
	const struct btf_type *proto;
	const struct btf_param *params;
	uint32_t id;
	int err = btf_types_status(types);

	*function = (struct btf_function){};
	if (err)
		return err;
	id = find(types, 1u << BTF_KIND_FUNC, name, strlen(name), &source);
	proto = id ? btf_file_type(source->file, btf_file_type(source->file, id)->type) : NULL;
	if (!proto || BTF_INFO_KIND(proto->info) != BTF_KIND_FUNC_PROTO)
		return -ENOENT;
	function->id = id;
	snprintf(function->module, sizeof(function->module), "%s", source->name);
	function->retval = make_type(types, source, proto->type, 0);
	params = (const void *)(proto + 1);
	for (uint32_t i = 0; i < BTF_INFO_VLEN(proto->info) && i < BTF_MAX_PARAMS; i++) {
		struct btf_function_param *param = &function->params[i];

		if (!params[i].type)
			break; /* ... */
		param->name = name_of(source, params[i].name_off);
		param->type = make_type(types, source, params[i].type, 0);
		if (!param->type)
			return -ENOMEM;
		function->param_count++;
	}
	return function->retval ? 0 : -ENOMEM;
}
