/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BTF, read with care: one walk finds where each type is and that it lies within the data; all else is
 * looked up through that index. Ids count through the kernel's file and on in the module's.
 */
#include "types/btf.h"

#include <array_size.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/timestamp.h"
#include "types/arena.h"

#define BTF_DIRECTORY "/sys/kernel/btf"
#define MAX_BYTES (256u << 20)
/* Modifiers and typedefs between a use and its type; the kernel's longest chains have six. */
#define MAX_CHAIN 32

/* Kinds newer than the oldest headers that this is built with. */
#define KIND_DECL_TAG 17
#define KIND_TYPE_TAG 18
#define KIND_ENUM64 19

/* One file. A module's ids and strings go on where the kernel's end. */
struct btf_file {
	char name[64]; /* "" for the kernel */
	void *data;
	size_t size;
	bool is_mapped;
	const char *types, *strings;
	uint32_t types_len, strings_len;
	uint32_t *offsets; /* in types, by id less first_id */
	uint32_t count, room;
	uint32_t first_id; /* of the first type; 0, void, is the kernel's */
	uint32_t first_string;
	struct btf_node **nodes; /* what was made so far, by id less first_id */
};

/* A type as made from BTF. */
struct btf_node {
	struct type type;
	const struct btf_file *file;
	uint32_t id;
	bool is_complete;
};

struct btf_types {
	struct type_source source;
	struct arena *arena;
	bool is_open;	  /* the kernel's was looked for */
	bool has_modules; /* the modules' too */
	int status;
	struct btf_file **files;
	size_t file_count;
};

/* ---- files ---------------------------------------------------------------------------------- */

static void file_free(struct btf_file *file)
{
	if (!file)
		return;
	if (file->is_mapped)
		munmap(file->data, file->size);
	else
		free(file->data);
	free(file->offsets);
	free(file->nodes);
	free(file);
}

/* Mapped where sysfs allows (6.16, a539e2a6d51d), else read. */
static int file_read(struct btf_file *file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	size_t done = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > MAX_BYTES) {
		err = -EBADMSG;
		goto cleanup;
	}
	file->size = (size_t)st.st_size;
	file->data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	file->is_mapped = file->data != MAP_FAILED;
	if (file->is_mapped)
		goto cleanup;
	file->data = malloc(file->size);
	if (!file->data)
		err = -ENOMEM;
	while (!err && done < file->size) {
		ssize_t n = read(fd, (char *)file->data + done, file->size - done);

		if (n <= 0)
			err = n ? -errno : -EBADMSG;
		else
			done += (size_t)n;
	}
cleanup:
	close(fd);
	return err;
}

static int file_sections(struct btf_file *file)
{
	const struct btf_header *header = file->data;
	uint64_t types, strings;

	if (file->size < sizeof(*header) || header->magic != BTF_MAGIC ||
	    header->version != BTF_VERSION || header->hdr_len < sizeof(*header))
		return -EBADMSG;
	types = (uint64_t)header->hdr_len + header->type_off;
	strings = (uint64_t)header->hdr_len + header->str_off;
	if (types % 4 || types + header->type_len > file->size || !header->str_len ||
	    strings + header->str_len > file->size)
		return -EBADMSG;
	file->types = (const char *)file->data + types;
	file->types_len = header->type_len;
	file->strings = (const char *)file->data + strings;
	file->strings_len = header->str_len;
	return file->strings[file->strings_len - 1] ? -EBADMSG : 0;
}

/* What follows the type itself: so many bytes, and so many for each of its members. */
static const struct {
	uint8_t fixed, each;
} kinds[] = {
	[BTF_KIND_INT] = { 4, 0 },
	[BTF_KIND_PTR] = { 0, 0 },
	[BTF_KIND_ARRAY] = { sizeof(struct btf_array), 0 },
	[BTF_KIND_STRUCT] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { 0, sizeof(struct btf_enum) },
	[BTF_KIND_FUNC_PROTO] = { 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { sizeof(struct btf_var), 0 },
	[BTF_KIND_DATASEC] = { 0, sizeof(struct btf_var_secinfo) },
	[KIND_DECL_TAG] = { 4, 0 },
	[KIND_TYPE_TAG] = { 0, 0 },
	[KIND_ENUM64] = { 0, 12 },
};

static int index_add(struct btf_file *file, uint32_t offset)
{
	if (file->count == file->room) {
		uint32_t room = file->room ? 2 * file->room : file->types_len / 32 + 64;
		uint32_t *grown = realloc(file->offsets, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		file->offsets = grown;
		file->room = room;
	}
	file->offsets[file->count++] = offset;
	return 0;
}

/* Where each type is. Afterwards none reaches beyond the section's end. */
static int file_index(struct btf_file *file)
{
	uint32_t offset = 0;
	int err = file->first_id ? 0 : index_add(file, 0); /* void has no bytes */

	while (!err && offset < file->types_len) {
		const struct btf_type *type = (const void *)(file->types + offset);
		uint64_t size = sizeof(*type);
		uint32_t kind;

		if (file->types_len - offset < sizeof(*type))
			return -EBADMSG;
		kind = BTF_INFO_KIND(type->info);
		if (!kind || kind >= ARRAY_SIZE(kinds))
			return -EBADMSG; /* of unknown size: nothing behind it can be found */
		size += kinds[kind].fixed + (uint64_t)kinds[kind].each * BTF_INFO_VLEN(type->info);
		if (size > file->types_len - offset)
			return -EBADMSG;
		err = index_add(file, offset);
		offset += (uint32_t)size;
	}
	if (err)
		return err;
	file->nodes = calloc(file->count + 1, sizeof(*file->nodes));
	return file->nodes ? 0 : -ENOMEM;
}

static int add_file(struct btf_types *types, struct btf_file *file)
{
	struct btf_file **grown;
	int err = file_sections(file);

	if (!err && types->file_count) {
		file->first_id = types->files[0]->count;
		file->first_string = types->files[0]->strings_len;
	}
	if (!err)
		err = file_index(file);
	if (err)
		return err;
	grown = realloc(types->files, (types->file_count + 1) * sizeof(struct btf_file *));
	if (!grown)
		return -ENOMEM;
	types->files = grown;
	types->files[types->file_count++] = file;
	return 0;
}

static int open_file(struct btf_types *types, const char *name)
{
	struct btf_file *file = calloc(1, sizeof(*file));
	char path[PATH_MAX];
	int err = file ? 0 : -ENOMEM;

	snprintf(path, sizeof(path), "%s/%s", BTF_DIRECTORY, name);
	if (!err && types->file_count)
		snprintf(file->name, sizeof(file->name), "%s", name);
	if (!err)
		err = file_read(file, path);
	if (!err)
		err = add_file(types, file);
	if (err)
		file_free(file);
	return err;
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
		if (open_file(types, entry->d_name))
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
	types->status = open_file(types, "vmlinux");
	if (!types->status)
		log_info("the kernel's BTF: %u types indexed in %.1f ms", types->files[0]->count,
			 (double)(timestamp_now() - start) / 1e6);
	return types->status;
}

int btf_types_parse(struct btf_types *types, const void *data, size_t size)
{
	struct btf_file *file = calloc(1, sizeof(*file));
	int err = -ENOMEM;

	types->is_open = types->has_modules = true;
	if (!file)
		return -ENOMEM;
	file->data = malloc(size + 1);
	file->size = size;
	if (types->file_count)
		snprintf(file->name, sizeof(file->name), "module");
	if (file->data) {
		memcpy(file->data, data, size);
		err = add_file(types, file);
	}
	if (err)
		file_free(file);
	if (!types->file_count)
		types->status = err;
	return err;
}

/* ---- looking up ----------------------------------------------------------------------------- */

/* The file that has an id, as seen from a file: its own, or the kernel's. NULL: nobody has it. */
static const struct btf_file *file_of(const struct btf_types *types, const struct btf_file *from,
				      uint32_t id)
{
	const struct btf_file *file = id < from->first_id ? types->files[0] : from;

	return id >= file->first_id && id - file->first_id < file->count ? file : NULL;
}

static const struct btf_type *raw_at(const struct btf_file *file, uint32_t id)
{
	return (const void *)(file->types + file->offsets[id - file->first_id]);
}

/* NULL for void and for what isn't there. */
static const struct btf_type *raw_type(const struct btf_types *types, const struct btf_file *from,
				       uint32_t id)
{
	const struct btf_file *file = id ? file_of(types, from, id) : NULL;

	return file ? raw_at(file, id) : NULL;
}

static const char *name_at(const struct btf_types *types, const struct btf_file *from,
			   uint32_t offset)
{
	const struct btf_file *file = offset < from->first_string ? types->files[0] : from;

	offset -= file->first_string;
	return offset < file->strings_len ? file->strings + offset : "";
}

/* The first id in a file of a kind in `mask` with this name, or 0. */
static uint32_t find_in_file(const struct btf_types *types, const struct btf_file *file,
			     uint32_t mask, const char *name, size_t len)
{
	for (uint32_t i = file->first_id ? 0 : 1; i < file->count; i++) {
		const struct btf_type *raw = (const void *)(file->types + file->offsets[i]);
		const char *found;

		if (!(mask >> BTF_INFO_KIND(raw->info) & 1))
			continue;
		found = name_at(types, file, raw->name_off);
		if (found[0] == name[0] && !strncmp(found, name, len) && !found[len])
			return file->first_id + i;
	}
	return 0;
}

static uint32_t find(struct btf_types *types, uint32_t mask, const char *name, size_t len,
		     const struct btf_file **file)
{
	if (!len || btf_types_status(types))
		return 0;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = pass ? 1 : 0; i < (pass ? types->file_count : 1); i++) {
			uint32_t id = find_in_file(types, types->files[i], mask, name, len);

			*file = types->files[i];
			if (id)
				return id;
		}
		open_modules(types);
	}
	return 0;
}

/* ---- into the type graph -------------------------------------------------------------------- */

static const struct type *make_type(struct btf_types *types, const struct btf_file *from,
				    uint32_t id, unsigned int depth);

static struct btf_node *new_node(struct btf_types *types, const struct btf_file *file, uint32_t id,
				 struct type type)
{
	struct btf_node *node = arena_alloc(types->arena, sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct btf_node){ .type = type, .file = file, .id = id };
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

static struct btf_node *make_int(struct btf_types *types, const struct btf_file *file, uint32_t id,
				 const struct btf_type *raw)
{
	uint32_t info;
	struct type type = { .kind = TYPE_INT,
			     .name = name_at(types, file, raw->name_off),
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
	return new_node(types, file, id, type);
}

static struct btf_node *make_enum(struct btf_types *types, const struct btf_file *file, uint32_t id,
				  const struct btf_type *raw)
{
	struct type type = { .kind = TYPE_ENUM, .size = raw->size, .source = &types->source };

	if (!is_integer_size(raw->size))
		type.kind = TYPE_FLOAT;
	/* kind_flag: signed (6089fb325cf7, 6.0). Before, the values tell. */
	type.is_signed = BTF_INFO_KFLAG(raw->info);
	if (BTF_INFO_KIND(raw->info) == BTF_KIND_ENUM) {
		const struct btf_enum *values = (const void *)(raw + 1);

		for (uint32_t i = 0; i < BTF_INFO_VLEN(raw->info); i++)
			type.is_signed |= values[i].val < 0 && raw->size == 4;
	}
	type.name = tagged_name(types, "enum", name_at(types, file, raw->name_off));
	return type.name ? new_node(types, file, id, type) : NULL;
}

static struct btf_node *make_struct(struct btf_types *types, const struct btf_file *file,
				    uint32_t id, const struct btf_type *raw)
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

	type.name = tagged_name(types, is_union ? "union" : "struct",
				name_at(types, file, raw->name_off));
	return type.name ? new_node(types, file, id, type) : NULL;
}

/* A pointer; the tag of what it points to says where that is, if the compiler wrote one. */
static const struct type *make_pointer(struct btf_types *types, const struct btf_file *file,
				       const struct btf_type *raw, unsigned int depth)
{
	const struct btf_type *tag = raw_type(types, file, raw->type);
	enum type_space space = SPACE_ANY;
	const struct type *target;

	if (tag && BTF_INFO_KIND(tag->info) == KIND_TYPE_TAG &&
	    !strcmp(name_at(types, file, tag->name_off), "user"))
		space = SPACE_USER;
	target = make_type(types, file, raw->type, depth + 1);
	return target ? type_pointer(types->arena, target, space) : NULL;
}

static const struct type *make_array(struct btf_types *types, const struct btf_file *file,
				     const struct btf_type *raw, unsigned int depth)
{
	const struct btf_array *array = (const void *)(raw + 1);
	const struct type *element = make_type(types, file, array->type, depth + 1);

	return element ? type_array(types->arena, element, array->nelems) : NULL;
}

/* An integer by another name is still one; everything else keeps the name that it has. */
static const struct type *make_typedef(struct btf_types *types, const struct btf_file *file,
				       uint32_t id, const struct btf_type *raw, unsigned int depth)
{
	const struct type *target = make_type(types, file, raw->type, depth + 1);
	struct btf_node *node;
	struct type renamed;

	if (!target)
		return NULL;
	renamed = *target;
	renamed.name = name_at(types, file, raw->name_off);
	if (target->kind == TYPE_INT) {
		/* u8 is a number, though it is an unsigned char. */
		renamed.is_char = target->is_char && strcmp(target->name, "unsigned char");
	} else if (target->kind != TYPE_STRUCT || !strstr(target->name, "(unnamed)")) {
		return target;
	} else {
		/* typedef struct { ... } atomic_t: the typedef's name is the only one. */
		struct btf_node *unnamed = (struct btf_node *)target;

		node = new_node(types, unnamed->file, unnamed->id, renamed);
		return node ? &node->type : NULL;
	}
	node = new_node(types, file, id, renamed);
	return node ? &node->type : NULL;
}

/* Types without parts that could lead back to themselves are made whole. */
static const struct type *make_new(struct btf_types *types, const struct btf_file *file,
				   uint32_t id, unsigned int depth)
{
	static const struct type function = { .kind = TYPE_FUNC, .name = "void", .target = NULL };
	static const struct type floating = { .kind = TYPE_FLOAT, .name = "floating point" };
	const struct btf_type *raw = raw_at(file, id);
	struct btf_node *node = NULL;

	switch (BTF_INFO_KIND(raw->info)) {
	case BTF_KIND_INT:
		node = make_int(types, file, id, raw);
		break;
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		node = make_enum(types, file, id, raw);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FWD:
		node = make_struct(types, file, id, raw);
		break;
	case BTF_KIND_PTR:
		return make_pointer(types, file, raw, depth);
	case BTF_KIND_ARRAY:
		return make_array(types, file, raw, depth);
	case BTF_KIND_TYPEDEF:
		return make_typedef(types, file, id, raw, depth);
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case KIND_TYPE_TAG:
		return make_type(types, file, raw->type, depth + 1);
	case BTF_KIND_FUNC_PROTO:
		return &function;
	case BTF_KIND_FLOAT:
		return &floating;
	default:
		return type_void();
	}
	if (node)
		file->nodes[id - file->first_id] = node;
	return node ? &node->type : NULL;
}

static const struct type *make_type(struct btf_types *types, const struct btf_file *from,
				    uint32_t id, unsigned int depth)
{
	const struct btf_file *file = id ? file_of(types, from, id) : NULL;

	/* Broken BTF leads nowhere, or round in circles. */
	if (!file || depth > MAX_CHAIN)
		return type_void();
	if (file->nodes[id - file->first_id])
		return &file->nodes[id - file->first_id]->type;
	return make_new(types, file, id, depth);
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

/* Bits of an integer that a member has by its type, as BTF without kind_flag tells bit-fields. */
static uint32_t int_bits(const struct btf_types *types, const struct btf_file *file, uint32_t id,
			 uint32_t *bit_offset)
{
	const struct btf_type *raw = raw_type(types, file, id);
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

	member->name = name_at(types, node->file, raw->name_off);
	member->type = make_type(types, node->file, raw->type, 0);
	member->offset = bits / 8;
	if (!member->type)
		return -ENOMEM;
	if (!has_sizes)
		size = int_bits(types, node->file, raw->type, &extra);
	if (size && (member->type->kind == TYPE_INT || member->type->kind == TYPE_ENUM))
		place_bits(member, bits + extra, size);
	return 0;
}

/* The name of the i-th enumerator, and its value. */
static const char *enumerator_at(const struct btf_types *types, const struct btf_file *file,
				 const struct btf_type *raw, bool is_wide, uint32_t i,
				 uint64_t *value)
{
	/* Name, low half, and of wide ones the high half. */
	uint32_t words[3] = { 0 };

	memcpy(words, (const char *)(raw + 1) + i * (is_wide ? 12 : 8), is_wide ? 12 : 8);
	*value = is_wide ? (uint64_t)words[2] << 32 | words[1]
			 : (uint64_t)(int64_t)(int32_t)words[1];
	return name_at(types, file, words[0]);
}

static int complete_enum(struct btf_types *types, struct btf_node *node, const struct btf_type *raw)
{
	bool is_wide = BTF_INFO_KIND(raw->info) == KIND_ENUM64;
	uint32_t count = BTF_INFO_VLEN(raw->info);
	struct type_enumerator *made = arena_alloc(types->arena, (count + 1) * sizeof(*made));
	int shift = 64 - 8 * (int)node->type.size;

	if (!made)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t value;

		made[i].name = enumerator_at(types, node->file, raw, is_wide, i, &value);
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
	const struct btf_type *raw = raw_at(node->file, node->id);
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
	for (size_t i = 0; i < types->file_count; i++)
		file_free(types->files[i]);
	free(types->files);
	arena_free(types->arena);
	free(types);
}

static const struct {
	const char *prefix;
	uint32_t mask;
} tags[] = {
	{ "struct ", 1u << BTF_KIND_STRUCT },
	{ "union ", 1u << BTF_KIND_UNION },
	{ "enum ", 1u << BTF_KIND_ENUM | 1u << KIND_ENUM64 },
	{ "", 1u << BTF_KIND_TYPEDEF },
};

const struct type *btf_types_find(struct btf_types *types, const char *name, size_t len)
{
	const struct btf_file *file;
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t prefix = strlen(tags[i].prefix);

		if (len <= prefix || strncmp(name, tags[i].prefix, prefix))
			continue;
		id = find(types, tags[i].mask, name + prefix, len - prefix, &file);
		return id ? make_type(types, file, id, 0) : NULL;
	}
	return NULL;
}

/* The enumerator of this name in one enumeration. */
static bool find_enumerator(const struct btf_types *types, const struct btf_file *file,
			    const struct btf_type *raw, const char *name, uint64_t *value)
{
	bool is_wide = BTF_INFO_KIND(raw->info) == KIND_ENUM64;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(raw->info); i++)
		if (!strcmp(enumerator_at(types, file, raw, is_wide, i, value), name))
			return true;
	return false;
}

const struct type *btf_types_constant(struct btf_types *types, const char *name, uint64_t *value)
{
	if (btf_types_status(types))
		return NULL;
	for (size_t f = 0; f < types->file_count; f++) {
		const struct btf_file *file = types->files[f];

		for (uint32_t i = file->first_id ? 0 : 1; i < file->count; i++) {
			const struct btf_type *raw = (const void *)(file->types + file->offsets[i]);
			uint32_t kind = BTF_INFO_KIND(raw->info);

			if ((kind == BTF_KIND_ENUM || kind == KIND_ENUM64) &&
			    find_enumerator(types, file, raw, name, value))
				return make_type(types, file, file->first_id + i, 0);
		}
	}
	return NULL;
}

int btf_types_function(struct btf_types *types, const char *name, struct btf_function *function)
{
	const struct btf_file *file;
	const struct btf_type *proto;
	const struct btf_param *params;
	uint32_t id;
	int err = btf_types_status(types);

	*function = (struct btf_function){};
	if (err)
		return err;
	id = find(types, 1u << BTF_KIND_FUNC, name, strlen(name), &file);
	proto = id ? raw_type(types, file, raw_at(file, id)->type) : NULL;
	if (!proto || BTF_INFO_KIND(proto->info) != BTF_KIND_FUNC_PROTO)
		return -ENOENT;
	function->id = id;
	snprintf(function->module, sizeof(function->module), "%s", file->name);
	function->retval = make_type(types, file, proto->type, 0);
	params = (const void *)(proto + 1);
	for (uint32_t i = 0; i < BTF_INFO_VLEN(proto->info) && i < BTF_MAX_PARAMS; i++) {
		struct btf_function_param *param = &function->params[i];

		if (!params[i].type)
			break; /* ... */
		param->name = name_at(types, file, params[i].name_off);
		param->type = make_type(types, file, params[i].type, 0);
		if (!param->type)
			return -ENOMEM;
		function->param_count++;
	}
	return function->retval ? 0 : -ENOMEM;
}
