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

/* What a member of the object leads to: text, other bytes, or a number. */
struct object_inner {
	struct inner at;
	const char *text;
	size_t len;
	uint64_t number;
	bool is_cut, is_unreadable;
};

struct object {
	const struct type *type;
	const unsigned char *bytes;
	size_t size;		   /* of the bytes: less than the type's if the object was cut */
	const struct expr *pieces; /* those that are known; NULL: all are */
	struct object_inner inner[CHECKED_MAX_INNER];
	unsigned int inner_count;
};

/* Appended to text. 0 or -ENOMEM. */
int object_format(const struct object *object, struct record_text *text);

/* Text in quotes, with "..." behind it if it was cut. 0 or -ENOMEM. */
int object_format_string(const char *bytes, size_t len, bool is_cut, struct record_text *text);

/* As the next element of a JSON array (key: NULL) or object. */
void object_json(const struct object *object, const char *key, struct output *out);

#define OBJECT_MAX_KEY 64
/* Names come from the traced program's file: as a key only what needs no escaping. Returns buf. */
const char *object_key(const char *name, char buf[OBJECT_MAX_KEY]);

#endif /* PROBE_RECORD_OBJECT_H */
