/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record of a tracepoint as a structure.
 */
#ifndef TYPES_TYPE_TRACEPOINT_H
#define TYPES_TYPE_TRACEPOINT_H

#include "types/type.h"

struct btf_types;
struct tracefs_format;

/*
 * The STRUCT type of a tracepoint's record from its format file, in the arena; NULL when out of memory.
 * pointers_are_user: its pointers point to user memory. types: the kernel's, for the names of enumerations' values and for pointers that
 * the format declares as void *; or NULL.
 */
const struct type *type_tracepoint(struct arena *arena, const struct tracefs_format *format,
				   bool pointers_are_user, struct btf_types *types);

#endif /* TYPES_TYPE_TRACEPOINT_H */
