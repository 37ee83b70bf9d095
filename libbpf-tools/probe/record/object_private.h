/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What object.c and object_shape.c share: one walk over a value for text and JSON.
 */
#ifndef PROBE_RECORD_OBJECT_PRIVATE_H
#define PROBE_RECORD_OBJECT_PRIVATE_H

#include "probe/record/object.h"

/* Deeper structures, further elements and more values than these are left out, with "...". */
#define OBJECT_MAX_DEPTH 8
#define OBJECT_MAX_ELEMENTS 64

struct writer {
	const struct object *object;
	struct record_text *text;
	struct output *out; /* JSON; else NULL */
	unsigned int left;  /* values that may still be written */
	int err;
};

/* Text as it is, and escaped; not in JSON. */
void object_put(struct writer *w, const char *bytes);
void object_put_escaped(struct writer *w, const char *bytes);

/* A value in the writer's object. key: in JSON, NULL in an array. bits: of a bit-field. */
void object_write(struct writer *w, const char *key, const struct type *type, uint64_t offset,
		  const struct type_member *bits, unsigned int depth);
/* A structure's members in brackets. */
void object_write_members(struct writer *w, const char *key, const struct type *type,
			  uint64_t offset, unsigned int depth);
void object_write_number(struct writer *w, const char *key, const struct type *type,
			 uint64_t value);
/* What can't be known. */
void object_write_unknown(struct writer *w, const char *key);
/* What was left out, for want of bytes or of room. */
void object_write_rest(struct writer *w, const char *key);
void object_begin(struct writer *w, const char *key, bool is_array);
void object_end(struct writer *w, bool is_array);

/* The integer at an offset. False: it isn't known. */
bool object_number(const struct writer *w, const struct type *type, uint64_t offset,
		   uint64_t *value);
/* What a member at an offset leads to, or NULL. */
const struct object_inner *object_find_inner(const struct writer *w, enum inner_kind kind,
					     uint64_t offset);
/* Do all members have numbers for names, as those of a tuple? */
bool object_is_tuple(const struct type *type);

/* ---- object_shape.c ---- */

/* What people see as something else than its members. False: it has no such shape, and nothing was written. */
bool object_write_shape(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			unsigned int depth);

#endif /* PROBE_RECORD_OBJECT_PRIVATE_H */
