/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The bytes of a value of any type as text, {.a=1, .b="x"}, or as JSON.
 */
#ifndef PROBE_RECORD_OBJECT_H
#define PROBE_RECORD_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/record/record_text.h"
#include "probe/spec/checked.h"

struct output;

/* What a pointer to char in the object points to. */
struct object_string {
	uint32_t offset; /* of the pointer, in the object */
	const char *text;
	size_t len;
	bool is_cut, is_unreadable;
};

struct object {
	const struct type *type;
	const unsigned char *bytes;
	size_t size; /* of the bytes: less than the type's if the object was cut */
	struct object_string strings[CHECKED_MAX_INNER];
	unsigned int string_count;
};

/* Appended to text. 0 or -ENOMEM. */
int object_format(const struct object *object, struct record_text *text);

/* As the next element of a JSON array. */
void object_json(const struct object *object, struct output *out);

#endif /* PROBE_RECORD_OBJECT_H */
