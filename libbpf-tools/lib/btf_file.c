/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BTF, read with care: after the first walk no type reaches beyond the section's end.
 */
#include "lib/btf_file.h"

#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES (256u << 20)

/* An entry for each type would cost more, in page faults, than the walk from the last one. */
#define STRIDE 16

/* What follows the type itself: so many bytes, and so many for each of its members. */
static const struct {
	uint8_t fixed, each;
} kinds_size[] = {
	[BTF_KIND_INT] = { 4, 0 },
	[BTF_KIND_PTR] = { 0, 0 },
	[BTF_KIND_ARRAY] = { sizeof(struct btf_array), 0 },
	[BTF_KIND_STRUCT] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { 0, sizeof(struct btf_enum) },
	[BTF_KIND_FUNC_PROTO] = { 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { sizeof(struct btf_var), 0 },
	[BTF_KIND_DATASEC] = { 0, sizeof(struct btf_var_secinfo) },
	[BTF_FILE_DECL_TAG] = { 4, 0 },
	[BTF_FILE_TYPE_TAG] = { 0, 0 },
	[BTF_FILE_ENUM64] = { 0, 12 },
};

/* 0: of an unknown kind, behind which nothing can be found. */
static uint64_t type_size(const struct btf_type *type)
{
	uint32_t kind = btf_file_kind(type);

	if (!kind || kind >= ARRAY_SIZE(kinds_size))
		return 0;
	return sizeof(*type) + kinds_size[kind].fixed +
	       (uint64_t)kinds_size[kind].each * BTF_INFO_VLEN(type->info);
}

static const struct btf_type *type_next(const struct btf_type *type)
{
	return (const void *)((const char *)type + type_size(type));
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

/* The two sections must lie within the data, and the last string must end. */
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

static bool is_one_of(const char *name, const struct btf_file_search *search)
{
	for (size_t i = 0; *name && i < search->count; i++)
		if (*name == *search->names[i] && !strcmp(name, search->names[i]))
			return true;
	return false;
}

static int search_add(struct btf_file_search *search, const struct btf_file *file,
		      const struct btf_type *type, uint32_t id)
{
	if (!(search->kinds >> btf_file_kind(type) & 1) ||
	    !is_one_of(btf_file_string(file, type->name_off), search))
		return 0;
	if (search->found == ARRAY_SIZE(search->ids))
		return -E2BIG;
	search->ids[search->found++] = id;
	return 0;
}

static int file_index(struct btf_file *file, struct btf_file_search *search)
{
	uint32_t offset = 0, nr = 0;
	int err = 0;

	file->first_id = file->base ? file->base->end_id : 1;
	file->first_string = file->base ? file->base->strings_len : 0;
	/* Room for as many as there can be: what isn't used takes no memory. */
	file->offsets = malloc((file->types_len / sizeof(struct btf_type) / STRIDE + 1) *
			       sizeof(*file->offsets));
	if (!file->offsets)
		return -ENOMEM;
	for (; !err && file->types_len - offset >= sizeof(struct btf_type); nr++) {
		const struct btf_type *type = (const void *)(file->types + offset);
		uint64_t size = type_size(type);

		if (!size || size > file->types_len - offset)
			return -EBADMSG;
		if (nr % STRIDE == 0)
			file->offsets[nr / STRIDE] = offset;
		if (search)
			err = search_add(search, file, type, file->first_id + nr);
		offset += (uint32_t)size;
	}
	file->end_id = file->first_id + nr;
	return err ? err : offset == file->types_len ? 0 : -EBADMSG;
}

/* Takes over what the file has so far. */
static int file_finish(struct btf_file *made, const struct btf_file *base, int err,
		       struct btf_file_search *search, struct btf_file **file)
{
	made->base = base;
	err = err ?: file_sections(made);
	err = err ?: file_index(made, search);
	if (err)
		btf_file_free(made);
	else
		*file = made;
	return err;
}

int btf_file_open(const char *path, const struct btf_file *base, struct btf_file_search *search,
		  struct btf_file **file)
{
	struct btf_file *made = calloc(1, sizeof(*made));

	*file = NULL;
	return made ? file_finish(made, base, file_read(made, path), search, file) : -ENOMEM;
}

int btf_file_parse(const void *data, size_t size, const struct btf_file *base,
		   struct btf_file_search *search, struct btf_file **file)
{
	struct btf_file *made = calloc(1, sizeof(*made));

	*file = NULL;
	if (!made)
		return -ENOMEM;
	made->size = size;
	made->data = malloc(size + 1);
	if (made->data)
		memcpy(made->data, data, size);
	return file_finish(made, base, made->data ? 0 : -ENOMEM, search, file);
}

void btf_file_free(struct btf_file *file)
{
	if (!file)
		return;
	if (file->is_mapped)
		munmap(file->data, file->size);
	else
		free(file->data);
	free(file->offsets);
	free(file);
}

const struct btf_type *btf_file_type(const struct btf_file *file, uint32_t id)
{
	const struct btf_type *type;

	if (file->base && id < file->first_id)
		file = file->base;
	if (id < file->first_id || id >= file->end_id)
		return NULL;
	id -= file->first_id;
	type = (const void *)(file->types + file->offsets[id / STRIDE]);
	for (id %= STRIDE; id; id--)
		type = type_next(type);
	return type;
}

const char *btf_file_string(const struct btf_file *file, uint32_t offset)
{
	if (file->base && offset < file->first_string)
		file = file->base;
	offset -= file->first_string;
	return offset < file->strings_len ? file->strings + offset : "";
}

uint32_t btf_file_find(const struct btf_file *file, uint32_t kinds, const char *name, size_t len,
		       uint32_t after)
{
	uint32_t id = after ? after + 1 : file->first_id;
	const struct btf_type *type = btf_file_type(file, id);

	for (; id < file->end_id; id++, type = type_next(type)) {
		const char *found;

		if (!(kinds >> btf_file_kind(type) & 1))
			continue;
		if (!name)
			return id;
		found = btf_file_string(file, type->name_off);
		if (found[0] == name[0] && !strncmp(found, name, len) && !found[len])
			return id;
	}
	return 0;
}
