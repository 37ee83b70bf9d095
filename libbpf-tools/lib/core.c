/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A few types out of the kernel's BTF; see core.h.
 */
#include "lib/core.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/btf_file.h"
#include "lib/log.h"
#include "lib/timestamp.h"

/* Structures within structures; the kernel's deepest are a dozen. */
#define CORE_DEPTH_MAX 32

struct core {
	int fd;
	char path[32];
};

/* The kernel's BTF, and the one being made. */
struct core_copy {
	struct btf_file *file;
	struct btf_file_search wanted; /* the types to be copied */
	int *copies;		       /* ids in made, by type id; 0: none yet */
	struct btf *made;
	int pointer; /* id of the one pointer, to void */
};

static const char *core_name(const struct core_copy *copy, uint32_t offset)
{
	return btf_file_string(copy->file, offset);
}

static int core_open(struct core_copy *copy, const char *const names[], size_t count)
{
	copy->wanted.kinds = 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION;
	copy->wanted.names = names;
	copy->wanted.count = count;
	return btf_file_open(BTF_FILE_KERNEL, NULL, &copy->wanted, &copy->file);
}

static int core_copy_type(struct core_copy *copy, uint32_t id, int depth);

static int core_copy_array(struct core_copy *copy, const struct btf_type *type, int depth)
{
	const struct btf_array *array = btf_array(type);
	int element = core_copy_type(copy, array->type, depth);
	int index = element < 0 ? element : core_copy_type(copy, array->index_type, depth);

	return index < 0 ? index : btf__add_array(copy->made, index, element, array->nelems);
}

/* Members first: libbpf adds fields to the type made last. */
static int core_copy_composite(struct core_copy *copy, const struct btf_type *type, int depth)
{
	const struct btf_member *members = btf_members(type);
	const char *name = core_name(copy, type->name_off);
	uint32_t i, count = btf_vlen(type);
	int made, err, member;

	for (i = 0; i < count; i++) {
		member = core_copy_type(copy, members[i].type, depth);
		if (member < 0)
			return member;
	}
	made = btf_is_union(type) ? btf__add_union(copy->made, name, type->size)
				  : btf__add_struct(copy->made, name, type->size);
	for (i = 0; i < count && made > 0; i++) {
		err = btf__add_field(copy->made, core_name(copy, members[i].name_off),
				     core_copy_type(copy, members[i].type, depth),
				     btf_member_bit_offset(type, i),
				     btf_member_bitfield_size(type, i));
		if (err)
			return err;
	}
	return made;
}

static int core_make_type(struct core_copy *copy, const struct btf_type *type, int depth)
{
	const char *name = core_name(copy, type->name_off);

	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		return btf__add_int(copy->made, name, type->size, btf_int_encoding(type));
	case BTF_KIND_FLOAT:
		return btf__add_float(copy->made, name, type->size);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		/* Without its values: an integer to CO-RE. */
		return btf__add_enum(copy->made, name, type->size);
	case BTF_KIND_PTR:
		return copy->pointer;
	case BTF_KIND_ARRAY:
		return core_copy_array(copy, type, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return core_copy_composite(copy, type, depth);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return core_copy_type(copy, type->type, depth);
	default:
		return -EINVAL;
	}
}

/* Returns the id in made, of a type once copied always the same; void is 0. */
static int core_copy_type(struct core_copy *copy, uint32_t id, int depth)
{
	const struct btf_type *type = btf_file_type(copy->file, id);
	int made;

	if (!id)
		return 0;
	if (!type || depth == CORE_DEPTH_MAX)
		return -EINVAL;
	if (copy->copies[id])
		return copy->copies[id];
	made = core_make_type(copy, type, depth + 1);
	if (made > 0)
		copy->copies[id] = made;
	return made;
}

static int core_copy_wanted(struct core_copy *copy)
{
	size_t i;
	int made;

	copy->made = btf__new_empty();
	copy->copies = calloc(copy->file->end_id, sizeof(*copy->copies));
	if (!copy->made || !copy->copies)
		return -ENOMEM;
	copy->pointer = btf__add_ptr(copy->made, 0);
	if (copy->pointer < 0)
		return copy->pointer;
	for (i = 0; i < copy->wanted.found; i++) {
		made = core_copy_type(copy, copy->wanted.ids[i], 0);
		if (made < 0)
			return made;
	}
	return 0;
}

/* libbpf wants a path: that of a file in memory. */
static int core_write(struct core *core, const struct btf *btf)
{
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	if (!data)
		return -ENOMEM;
	core->fd = memfd_create("core-btf", MFD_CLOEXEC);
	if (core->fd < 0)
		return -errno;
	if (write(core->fd, data, size) != (ssize_t)size)
		return -EIO;
	snprintf(core->path, sizeof(core->path), "/proc/self/fd/%d", core->fd);
	return 0;
}

static void core_copy_close(struct core_copy *copy)
{
	btf_file_free(copy->file);
	free(copy->copies);
	btf__free(copy->made);
}

struct core *core_new(const char *const names[], size_t count)
{
	struct core *core = calloc(1, sizeof(*core));
	uint64_t start = timestamp_now();
	struct core_copy copy = {};
	int err;

	if (!core)
		return NULL;
	core->fd = -1;
	err = core_open(&copy, names, count);
	err = err ?: core_copy_wanted(&copy);
	err = err ?: core_write(core, copy.made);
	core_copy_close(&copy);
	if (err) {
		log_info("cannot extract types from " BTF_FILE_KERNEL ": %s", strerror(-err));
		core_free(core);
		errno = -err;
		return NULL;
	}
	log_debug("kernel types extracted in %.1f ms", (timestamp_now() - start) / 1e6);
	return core;
}

/* Also in structures and unions without a name, as many as those are nested. */
static int core_find_member(const struct core_copy *copy, const struct btf_type *type,
			    const char *name, int depth)
{
	const struct btf_member *members = btf_members(type);
	const struct btf_type *within;
	const char *member;
	int bits, inner;

	for (uint32_t i = 0; btf_is_composite(type) && i < btf_vlen(type); i++) {
		member = core_name(copy, members[i].name_off);
		bits = (int)btf_member_bit_offset(type, i);
		if (!strcmp(member, name))
			return bits % 8 ? -EINVAL : bits / 8;
		if (*member || depth == CORE_DEPTH_MAX)
			continue;
		within = btf_file_type(copy->file, members[i].type);
		inner = within ? core_find_member(copy, within, name, depth + 1) : -ENOENT;
		if (inner >= 0)
			return bits / 8 + inner;
	}
	return -ENOENT;
}

/* A name may be that of several structures: the first that has the member. */
static int core_find_offset(const struct core_copy *copy, const struct core_member *member)
{
	const struct btf_type *type;
	int offset = -ENOENT;
	size_t i;

	for (i = 0; i < copy->wanted.found && offset < 0; i++) {
		type = btf_file_type(copy->file, copy->wanted.ids[i]);
		if (type && !strcmp(core_name(copy, type->name_off), member->structure))
			offset = core_find_member(copy, type, member->member, 0);
	}
	return offset;
}

int core_find_members(struct core_member *members, size_t count)
{
	const char **names = calloc(count, sizeof(*names));
	int err = names ? 0 : -ENOMEM;
	struct core_copy copy = {};
	size_t i;

	for (i = 0; !err && i < count; i++)
		names[i] = members[i].structure;
	err = err ?: core_open(&copy, names, count);
	for (i = 0; i < count; i++)
		members[i].offset = err ?: core_find_offset(&copy, &members[i]);
	for (i = 0; !err && i < count; i++)
		err = members[i].offset < 0 ? members[i].offset : 0;
	core_copy_close(&copy);
	free(names);
	return err;
}

int core_find_function(const char *name)
{
	struct btf_file_search search = { .kinds = 1u << BTF_KIND_FUNC,
					  .names = &name,
					  .count = 1 };
	struct btf_file *file;
	int err = btf_file_open(BTF_FILE_KERNEL, NULL, &search, &file);

	btf_file_free(file);
	return err ?: search.found ? (int)search.ids[0] : -ENOENT;
}

int core_find_enumerator(const char *enumeration, const char *name)
{
	struct btf_file_search search = { .kinds = 1u << BTF_KIND_ENUM,
					  .names = &enumeration,
					  .count = 1 };
	const struct btf_type *type;
	struct btf_file *file;
	int err = btf_file_open(BTF_FILE_KERNEL, NULL, &search, &file), value = -ENOENT;
	size_t i, k;

	for (i = 0; !err && i < search.found; i++) {
		type = btf_file_type(file, search.ids[i]);
		for (k = 0; type && k < btf_vlen(type); k++)
			if (!strcmp(btf_file_string(file, btf_enum(type)[k].name_off), name))
				value = btf_enum(type)[k].val;
	}
	btf_file_free(file);
	return err ?: value;
}

static void core_answer(const struct core_copy *copy, const struct btf_type *type,
			struct core_question *question)
{
	const struct btf_type *proto = btf_is_func(type) ? btf_file_type(copy->file, type->type)
							 : NULL;

	if (strcmp(core_name(copy, type->name_off), question->name) ||
	    (question->member && core_find_member(copy, type, question->member, 0) < 0))
		return;
	question->is_there = true;
	question->params = proto ? btf_vlen(proto) : 0;
}

int core_ask(struct core_question *questions, size_t count)
{
	const char **names = calloc(count, sizeof(*names));
	struct core_copy copy = { .wanted = { .kinds = 1u << BTF_KIND_STRUCT |
						       1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_FUNC,
					      .names = names,
					      .count = count } };
	int err = names ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < count; i++)
		names[i] = questions[i].name;
	err = err ?: btf_file_open(BTF_FILE_KERNEL, NULL, &copy.wanted, &copy.file);
	for (size_t i = 0; !err && i < copy.wanted.found; i++) {
		const struct btf_type *type = btf_file_type(copy.file, copy.wanted.ids[i]);

		for (size_t q = 0; type && q < count; q++)
			core_answer(&copy, type, &questions[q]);
	}
	core_copy_close(&copy);
	free(names);
	return err;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	if (core->fd >= 0)
		close(core->fd);
	free(core);
}

const char *core_path(const struct core *core)
{
	return core ? core->path : NULL;
}
