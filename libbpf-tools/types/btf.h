/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's types and functions out of its BTF (Documentation/bpf/btf.rst), made into the type graph
 * bit by bit: only what an expression touches is ever looked at.
 */
#ifndef TYPES_BTF_H
#define TYPES_BTF_H

#include <stddef.h>
#include <stdint.h>

#include "types/type.h"

/* The BTF of the kernel, and of its modules. Nothing is read before the first question. */
struct btf_types;

/* NULL when out of memory. Types live as long as the handle. */
struct btf_types *btf_types_new(void);
void btf_types_free(struct btf_types *types);

/*
 * The same from bytes, for tests: data is copied. A second one is a module's, split from the first.
 * 0 or negative errno: -EBADMSG for what isn't BTF or contradicts itself.
 */
int btf_types_parse(struct btf_types *types, const void *data, size_t size);

/* Can anything be asked? 0, -ENOENT: this kernel has no BTF; -EBADMSG; errors of open(2) and read(2). */
int btf_types_status(struct btf_types *types);

/*
 * By C's name without stars: "struct sock", "union x", "enum pid_type", or a typedef's name. Looks into
 * the modules if the kernel itself has none. NULL: there is no such type.
 */
const struct type *btf_types_find(struct btf_types *types, const char *name, size_t len);

/* An enumerator of any enumeration. NULL, or its enumeration with *value set, as wide as that. */
const struct type *btf_types_constant(struct btf_types *types, const char *name, uint64_t *value);

struct btf_function_param {
	const char *name; /* "" if it has none */
	const struct type *type;
};

#define BTF_MAX_PARAMS 32

struct btf_function {
	uint32_t id;	 /* of the FUNC, what attach_btf_id is */
	char module[64]; /* whose BTF it is in, "" for the kernel itself */
	struct btf_function_param params[BTF_MAX_PARAMS];
	unsigned int param_count;
	const struct type *retval; /* TYPE_VOID: none */
};

/* A function by its exact name. 0, -ENOENT, -ENOMEM, or what btf_types_status() says. */
int btf_types_function(struct btf_types *types, const char *name, struct btf_function *function);

#endif /* TYPES_BTF_H */
