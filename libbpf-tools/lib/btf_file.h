/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A file of BTF (Documentation/bpf/btf.rst), read without libbpf, which would index and check all of the kernel's 130,000 types
 * in 10 to 30 ms. One walk finds where types are and that they lie within the file; all else is looked up.
 */
#ifndef LIB_BTF_FILE_H
#define LIB_BTF_FILE_H

#include <linux/btf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BTF_FILE_KERNEL "/sys/kernel/btf/vmlinux"

/* Kinds newer than the oldest headers that this is built with. */
#define BTF_FILE_DECL_TAG 17
#define BTF_FILE_TYPE_TAG 18
#define BTF_FILE_ENUM64 19

/* A module's ids and strings go on where those of its base, the kernel, end. */
struct btf_file {
	const struct btf_file *base; /* NULL: the kernel's */
	void *data;
	size_t size;
	bool is_mapped;
	const char *types, *strings;
	uint32_t types_len, strings_len;
	uint32_t *offsets; /* in types, of every 16th type from the first on */
	uint32_t first_id; /* of the first type; 0 is void, which has no bytes */
	uint32_t end_id;   /* behind the last one */
	uint32_t first_string;
};

/* Types that are looked for while a file is read: a walk of their own costs half as much again. */
struct btf_file_search {
	uint32_t kinds; /* 1 << BTF_KIND_..., ... */
	const char *const *names;
	size_t count;
	uint32_t ids[64]; /* of those that have one of the names; a few may be that of two or three types */
	size_t found;
};

/*
 * Read a file. The base is borrowed and must outlive it. search: NULL, or what to look for. 0, or negative errno and
 * *file NULL: those of open(2) and read(2); -EBADMSG for what isn't BTF or contradicts itself, or has a kind of type
 * whose size nobody knows; -E2BIG: more was found than search has room for; -ENOMEM.
 */
int btf_file_open(const char *path, const struct btf_file *base, struct btf_file_search *search,
		  struct btf_file **file);
/* The same from bytes, which are copied. */
int btf_file_parse(const void *data, size_t size, const struct btf_file *base,
		   struct btf_file_search *search, struct btf_file **file);
/* NULL is fine. */
void btf_file_free(struct btf_file *file);

/* A type of the file or of its base, with all that follows it: members, values, ... NULL for void and what isn't there. */
const struct btf_type *btf_file_type(const struct btf_file *file, uint32_t id);
/* BTF_KIND_..., BTF_FILE_... */
static inline uint32_t btf_file_kind(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info);
}
/* "" for what isn't there. */
const char *btf_file_string(const struct btf_file *file, uint32_t offset);

/*
 * The first of the file's own types behind id `after` (0: from the start) that is of the kinds (1 << BTF_KIND_..., ...) and has
 * the name of len bytes (NULL: any). 0: there is none.
 */
uint32_t btf_file_find(const struct btf_file *file, uint32_t kinds, const char *name, size_t len,
		       uint32_t after);

#endif /* LIB_BTF_FILE_H */
