/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A few types out of the kernel's BTF; see core.h. Format: Documentation/bpf/btf.rst.
 */
#include "lib/core.h"

#include <array_size.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/timestamp.h"

#define CORE_KERNEL_BTF "/sys/kernel/btf/vmlinux"
#define CORE_BYTES_MAX (256u << 20)
/* Structures within structures; the kernel's deepest are a dozen. */
#define CORE_DEPTH_MAX 32
#define CORE_COMPOSITES (1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION)
/* A few names may each be that of two or three types. */
#define CORE_WANTED_MAX 64

/* An entry for each type would cost more, in page faults, than the walk from the last one. */
#define CORE_STRIDE 16

struct core {
	int fd;
	char path[32];
};

/* The kernel's BTF, and the one being made. */
struct core_copy {
	void *data;
	size_t size;
	bool is_mapped;
	const char *types, *strings;
	uint32_t types_len, strings_len;
	uint32_t *offsets; /* in types, of every CORE_STRIDE-th type from the first on */
	uint32_t count;	   /* of types; 0 is void */
	uint32_t kinds;	   /* 1 << BTF_KIND_..., ...: of which the wanted types are */
	uint32_t wanted[CORE_WANTED_MAX]; /* ids of the types to be copied */
	uint32_t wanted_count;
	int *copies; /* ids in made, by type id; 0: none yet */
	struct btf *made;
	int pointer; /* id of the one pointer, to void */
};

/* Mapped where sysfs allows (6.16, a539e2a6d51d), else read. */
static int core_read(struct core_copy *copy)
{
	int fd = open(CORE_KERNEL_BTF, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t n = 1;
	size_t done;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > CORE_BYTES_MAX) {
		err = -EINVAL;
		goto cleanup;
	}
	copy->size = st.st_size;
	copy->data = mmap(NULL, copy->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	copy->is_mapped = copy->data != MAP_FAILED;
	if (copy->is_mapped)
		goto cleanup;
	copy->data = malloc(copy->size);
	err = copy->data ? 0 : -ENOMEM;
	for (done = 0; !err && done < copy->size && n > 0; done += n) {
		n = read(fd, (char *)copy->data + done, copy->size - done);
		if (n <= 0)
			err = n ? -errno : -EINVAL;
	}
cleanup:
	close(fd);
	return err;
}

/* Find the two sections, which must lie within the data. */
static int core_open_sections(struct core_copy *copy)
{
	const struct btf_header *header = copy->data;
	uint64_t types, strings;

	if (copy->size < sizeof(*header) || header->magic != BTF_MAGIC ||
	    header->version != BTF_VERSION || header->hdr_len < sizeof(*header))
		return -EINVAL;
	types = (uint64_t)header->hdr_len + header->type_off;
	strings = (uint64_t)header->hdr_len + header->str_off;
	if (types % 4 || types + header->type_len > copy->size || !header->str_len ||
	    strings + header->str_len > copy->size)
		return -EINVAL;
	copy->types = (const char *)copy->data + types;
	copy->types_len = header->type_len;
	copy->strings = (const char *)copy->data + strings;
	copy->strings_len = header->str_len;
	return copy->strings[copy->strings_len - 1] ? -EINVAL : 0;
}

/*
 * What follows the type itself: a size and, for some kinds, that many times one for each of its
 * members.
 */
static const struct {
	uint8_t fixed, each;
} core_kinds[] = {
	[BTF_KIND_INT] = { 4, 0 },
	[BTF_KIND_PTR] = {},
	[BTF_KIND_ARRAY] = { sizeof(struct btf_array), 0 },
	[BTF_KIND_STRUCT] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { 0, sizeof(struct btf_enum) },
	[BTF_KIND_FWD] = {},
	[BTF_KIND_TYPEDEF] = {},
	[BTF_KIND_VOLATILE] = {},
	[BTF_KIND_CONST] = {},
	[BTF_KIND_RESTRICT] = {},
	[BTF_KIND_FUNC] = {},
	[BTF_KIND_FUNC_PROTO] = { 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { sizeof(struct btf_var), 0 },
	[BTF_KIND_DATASEC] = { 0, sizeof(struct btf_var_secinfo) },
	[BTF_KIND_FLOAT] = {},
	[BTF_KIND_DECL_TAG] = { sizeof(struct btf_decl_tag), 0 },
	[BTF_KIND_TYPE_TAG] = {},
	[BTF_KIND_ENUM64] = { 0, sizeof(struct btf_enum64) },
};

/* 0: of an unknown kind. */
static uint64_t core_type_size(const struct btf_type *type)
{
	uint32_t kind = btf_kind(type);

	if (!kind || kind >= ARRAY_SIZE(core_kinds))
		return 0;
	return sizeof(*type) + core_kinds[kind].fixed +
	       (uint64_t)core_kinds[kind].each * btf_vlen(type);
}

static const struct btf_type *core_type(const struct core_copy *copy, uint32_t id)
{
	const char *type;
	uint32_t i;

	if (!id || id >= copy->count)
		return NULL;
	type = copy->types + copy->offsets[(id - 1) / CORE_STRIDE];
	for (i = (id - 1) % CORE_STRIDE; i; i--)
		type += core_type_size((const void *)type);
	return (const void *)type;
}

static const char *core_name(const struct core_copy *copy, uint32_t offset)
{
	return copy->strings + (offset < copy->strings_len ? offset : copy->strings_len - 1);
}

static bool core_is_wanted(const struct core_copy *copy, const struct btf_type *type,
			   const char *const names[], size_t count)
{
	const char *name;
	size_t i;

	if (!(copy->kinds & 1u << btf_kind(type)) || !type->name_off)
		return false;
	name = core_name(copy, type->name_off);
	for (i = 0; i < count && (*name != *names[i] || strcmp(name, names[i])); i++)
		;
	return i < count;
}

/*
 * Where each type is, and which of them are wanted; the same walk checks that all of them lie
 * within their section.
 */
static int core_index(struct core_copy *copy, const char *const names[], size_t count)
{
	const struct btf_type *type;
	uint32_t offset;
	uint64_t len;

	/* Room for as many as there can be: what isn't used takes no memory. */
	copy->offsets = malloc((copy->types_len / sizeof(*type) / CORE_STRIDE + 1) *
			       sizeof(*copy->offsets));
	if (!copy->offsets)
		return -ENOMEM;
	copy->count = 1;
	for (offset = 0; copy->types_len - offset >= sizeof(*type); offset += len) {
		type = (const void *)(copy->types + offset);
		len = core_type_size(type);
		if (!len || len > copy->types_len - offset)
			return -EINVAL;
		if (core_is_wanted(copy, type, names, count)) {
			if (copy->wanted_count == CORE_WANTED_MAX)
				return -E2BIG;
			copy->wanted[copy->wanted_count++] = copy->count;
		}
		if ((copy->count - 1) % CORE_STRIDE == 0)
			copy->offsets[(copy->count - 1) / CORE_STRIDE] = offset;
		copy->count++;
	}
	return offset == copy->types_len ? 0 : -EINVAL;
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
	const struct btf_type *type = core_type(copy, id);
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
	uint32_t i;
	int made;

	copy->made = btf__new_empty();
	copy->copies = calloc(copy->count, sizeof(*copy->copies));
	if (!copy->made || !copy->copies)
		return -ENOMEM;
	copy->pointer = btf__add_ptr(copy->made, 0);
	if (copy->pointer < 0)
		return copy->pointer;
	for (i = 0; i < copy->wanted_count; i++) {
		made = core_copy_type(copy, copy->wanted[i], 0);
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
	if (copy->is_mapped)
		munmap(copy->data, copy->size);
	else
		free(copy->data);
	free(copy->offsets);
	free(copy->copies);
	btf__free(copy->made);
}

struct core *core_new(const char *const names[], size_t count)
{
	struct core *core = calloc(1, sizeof(*core));
	uint64_t start = timestamp_now();
	struct core_copy copy = { .kinds = CORE_COMPOSITES };
	int err;

	if (!core)
		return NULL;
	core->fd = -1;
	err = core_read(&copy);
	err = err ?: core_open_sections(&copy);
	err = err ?: core_index(&copy, names, count);
	err = err ?: core_copy_wanted(&copy);
	err = err ?: core_write(core, copy.made);
	core_copy_close(&copy);
	if (err) {
		log_info("cannot extract types from " CORE_KERNEL_BTF ": %s", strerror(-err));
		core_free(core);
		errno = -err;
		return NULL;
	}
	log_debug("kernel types extracted in %.1f ms", (timestamp_now() - start) / 1e6);
	return core;
}

static int core_find_member(const struct core_copy *copy, const struct btf_type *type,
			    const char *name)
{
	const struct btf_member *members = btf_members(type);
	uint32_t i, bits;

	for (i = 0; btf_is_struct(type) && i < btf_vlen(type); i++) {
		if (strcmp(core_name(copy, members[i].name_off), name))
			continue;
		bits = btf_member_bit_offset(type, i);
		return bits % 8 ? -EINVAL : (int)(bits / 8);
	}
	return -ENOENT;
}

/* A name may be that of several structures: the first that has the member. */
static int core_find_offset(const struct core_copy *copy, const struct core_member *member)
{
	const struct btf_type *type;
	int offset = -ENOENT;
	uint32_t i;

	for (i = 0; i < copy->wanted_count && offset < 0; i++) {
		type = core_type(copy, copy->wanted[i]);
		if (type && !strcmp(core_name(copy, type->name_off), member->structure))
			offset = core_find_member(copy, type, member->member);
	}
	return offset;
}

int core_find_members(struct core_member *members, size_t count)
{
	struct core_copy copy = { .kinds = CORE_COMPOSITES };
	const char **names = calloc(count, sizeof(*names));
	int err = names ? core_read(&copy) : -ENOMEM;
	size_t i;

	for (i = 0; !err && i < count; i++)
		names[i] = members[i].structure;
	err = err ?: core_open_sections(&copy);
	err = err ?: core_index(&copy, names, count);
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
	struct core_copy copy = { .kinds = 1u << BTF_KIND_FUNC };
	int err = core_read(&copy);

	err = err ?: core_open_sections(&copy);
	err = err ?: core_index(&copy, &name, 1);
	core_copy_close(&copy);
	return err ?: copy.wanted_count ? (int)copy.wanted[0] : -ENOENT;
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
