/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * CO-RE without the wait: libbpf reads and indexes all of the kernel's BTF (130,000 types, 10-30
 * ms) to relocate a handful of field accesses. This extracts the few types that a tool names, for
 * libbpf to read instead.
 */
#ifndef LIB_CORE_H
#define LIB_CORE_H

#include <stdbool.h>
#include <stddef.h>

struct core;

/*
 * Extract the structures and unions called names[0..count), with all they contain; what they only
 * point to is left out, and needs its own name. The path that core_path() returns goes to
 * bpf_object_open_opts.btf_custom_path. NULL and errno: -ENOENT (a kernel without BTF), -EBADMSG
 * (BTF that isn't understood); a tool then leaves the search for the kernel's types to libbpf.
 */
struct core *core_new(const char *const names[], size_t count);
/* Once the object is loaded. NULL is fine. */
void core_free(struct core *core);

/* NULL for a NULL core. */
const char *core_path(const struct core *core);

/* Where a structure of the kernel has a member. */
struct core_member {
	const char *structure, *member;
	int offset; /* in bytes; negative errno: -ENOENT, there is none; -EINVAL, a bit field */
};

/*
 * Find them all, for programs that are written without CO-RE. 0; or negative errno: that of the first that wasn't found, or
 * of all of them: -ENOENT, this kernel has no BTF; -EBADMSG, it isn't understood.
 */
int core_find_members(struct core_member *members, size_t count);

/* The number in the kernel's BTF of a function that programs attach to. Negative errno: -ENOENT; as above. */
int core_find_function(const char *name);

/* The value of one of the names of an enumeration. Negative errno: -ENOENT; as above. */
int core_find_enumerator(const char *enumeration, const char *name);

/* What the kernel's BTF says of a name of any kind: a structure, a typedef, a function. */
struct core_question {
	const char *name;
	const char *member; /* of the structure called so; NULL: the name itself is asked for */
	bool is_there;
	unsigned int params; /* of a function */
};

/*
 * Answer questions by one walk through all types: what differs between kernels shows in them, where a version number
 * tells nothing of what a distribution has taken back or left out. 0 or negative errno, as btf_file_open().
 */
int core_ask(struct core_question *questions, size_t count);

#endif /* LIB_CORE_H */
