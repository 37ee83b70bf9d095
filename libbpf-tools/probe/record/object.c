/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Objects by their types; see object.h. One walk for both forms: the writer has either text or JSON.
 */
#include "probe/record/object.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/output.h"

/* Deeper structures, further elements and more values than these are left out, with "...". */
#define MAX_DEPTH 8
#define MAX_ELEMENTS 64
#define MAX_VALUES 2000

struct writer {
	const struct object *object;
	struct record_text *text;
	struct output *out; /* JSON; else NULL */
	unsigned int left;  /* values that may still be written */
	int err;
};

static void put(struct writer *w, const char *bytes)
{
	if (!w->err)
		w->err = record_text_put(w->text, bytes, strlen(bytes));
}

static void put_escaped(struct writer *w, const char *bytes, size_t len)
{
	char buf[256];

	/* Piece by piece: an escaped byte has four at most. A character of several is not to be cut in two. */
	while (len && !w->err) {
		size_t part = len < 60 ? len : 60;

		while (part > 1 && part < len && ((unsigned char)bytes[part] & 0xc0) == 0x80)
			part--;
		w->err =
			record_text_put(w->text, buf, output_escape(buf, sizeof(buf), bytes, part));
		bytes += part;
		len -= part;
	}
}

/* ---- values --------------------------------------------------------------------------------- */

/* What was left out, for want of bytes or of room. */
static void write_rest(struct writer *w, const char *key)
{
	if (w->out)
		output_json_str(w->out, key, "...", 3);
	else
		put(w, "...");
}

/* In quotes; those that the text has are escaped, as all of it can't be told from what is behind it otherwise. */
static void put_quoted(struct writer *w, const char *text, size_t len)
{
	const char *quote;

	put(w, "\"");
	while ((quote = memchr(text, '"', len))) {
		put_escaped(w, text, quote - text);
		put(w, "\\\"");
		len -= quote + 1 - text;
		text = quote + 1;
	}
	put_escaped(w, text, len);
	put(w, "\"");
}

/* What the program doesn't keep at that place. */
static void write_unknown(struct writer *w, const char *key)
{
	if (w->out)
		output_json_null(w->out, key);
	else
		put(w, "?");
}

static void write_string(struct writer *w, const char *key, const char *text, size_t len,
			 bool is_cut)
{
	if (w->out) {
		output_json_str(w->out, key, text, len);
		return;
	}
	put_quoted(w, text, len);
	if (is_cut)
		put(w, "...");
}

static void write_number(struct writer *w, const char *key, const struct type *type, uint64_t value)
{
	char buf[32];

	if (type->is_bool && w->out) {
		output_json_bool(w->out, key, value);
	} else if (w->out && type->is_signed) {
		output_json_s64(w->out, key, (int64_t)value);
	} else if (w->out) {
		output_json_u64(w->out, key, value);
	} else if (type->is_bool) {
		put(w, value ? "true" : "false");
	} else {
		snprintf(buf, sizeof(buf),
			 type->kind == TYPE_POINTER ? "0x%llx"
			 : type->is_signed	    ? "%lld"
						    : "%llu",
			 (unsigned long long)value);
		put(w, buf);
	}
}

static void write_enum(struct writer *w, const char *key, const struct type *type, uint64_t value)
{
	uint32_t count;
	const struct type_enumerator *enumerators = type_enumerators(type, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (enumerators[i].value != value)
			continue;
		if (w->out)
			output_json_str(w->out, key, enumerators[i].name,
					strlen(enumerators[i].name));
		else
			put_escaped(w, enumerators[i].name, strlen(enumerators[i].name));
		return;
	}
	write_number(w, key, type, value);
}

/* The shortest of the usual forms that reads back equal. */
static void write_double(struct writer *w, const char *key, double value, bool is_float)
{
	char buf[40];

	if (w->out && !is_float) {
		output_json_double(w->out, key, value);
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		double back;

		snprintf(buf, sizeof(buf), "%.*g", digits, value);
		if (sscanf(buf, "%lf", &back) == 1 &&
		    (is_float ? (float)back == (float)value : back == value))
			break;
	}
	if (!w->out)
		put(w, buf);
	else if (sscanf(buf, "%lf", &value) == 1)
		output_json_double(w->out, key, value);
	else
		output_json_null(w->out, key);
}

/* float, double and long double; of others (__int128, complex numbers) the bytes are shown. */
static void write_float(struct writer *w, const char *key, const struct type *type,
			const unsigned char *at)
{
	char buf[2 * 32 + 3] = "0x";
	long double wide = 0;
	double value;
	float narrow;

	if (type->size == 4) {
		memcpy(&narrow, at, 4);
		write_double(w, key, (double)narrow, true);
	} else if (type->size == 8) {
		memcpy(&value, at, 8);
		write_double(w, key, value, false);
	} else if (type->size == sizeof(wide) && strstr(type->name, "double") &&
		   !strstr(type->name, "complex")) {
		memcpy(&wide, at, sizeof(wide));
		write_double(w, key, (double)wide, false);
	} else if (type->size > 32) {
		write_rest(w, key);
	} else {
		for (uint32_t i = 0; i < type->size; i++)
			snprintf(buf + 2 + 2 * i, 3, "%02x", at[type->size - 1 - i]);
		if (w->out)
			output_json_str(w->out, key, buf, strlen(buf));
		else
			put(w, buf);
	}
}

/* ---- types ---------------------------------------------------------------------------------- */

static void write_value(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			const struct type_member *bits, unsigned int depth);

/* The bytes that a value has: of a bit-field as many as it touches, the structure may end behind them. */
static uint32_t value_size(const struct type *type, const struct type_member *bits)
{
	uint32_t size = bits ? (bits->bit_offset + bits->bit_size + 7u) / 8 : type->size;

	return size < 8 || !bits ? size : 8;
}

static uint64_t integer_at(const unsigned char *at, const struct type *type,
			   const struct type_member *bits)
{
	unsigned int width = bits ? bits->bit_size : 8 * type->size;
	uint32_t size = value_size(type, bits);
	uint64_t value = 0;

	memcpy(&value, at, size < 8 ? size : 8);
	if (bits)
		value >>= bits->bit_offset;
	if (!width || width >= 64)
		return value;
	value <<= 64 - width;
	return type->is_signed ? (uint64_t)((int64_t)value >> (64 - width)) : value >> (64 - width);
}

/* The string that what is at an offset stands for; false: there is none. */
static bool write_pointed(struct writer *w, const char *key, uint64_t offset)
{
	for (unsigned int i = 0; i < w->object->string_count; i++) {
		const struct object_string *string = &w->object->strings[i];

		if (string->offset != offset || string->is_unreadable)
			continue;
		write_string(w, key, string->text, string->len, string->is_cut);
		return true;
	}
	return false;
}

static void begin(struct writer *w, const char *key, bool is_array)
{
	if (!w->out)
		put(w, is_array ? "[" : "{");
	else if (is_array)
		output_json_array_begin(w->out, key);
	else
		output_json_object_begin(w->out, key);
}

static void end(struct writer *w, bool is_array)
{
	if (!w->out)
		put(w, is_array ? "]" : "}");
	else if (is_array)
		output_json_array_end(w->out);
	else
		output_json_object_end(w->out);
}

const char *object_key(const char *name, char buf[OBJECT_MAX_KEY])
{
	size_t len = 0;

	for (; name[len] && len < OBJECT_MAX_KEY - 1; len++)
		buf[len] = isalnum((unsigned char)name[len]) || strchr("_$.", name[len]) ? name[len]
											 : '_';
	buf[len] = '\0';
	return buf;
}

/* The members of anonymous structures and unions are those of the one around. True: there were some. */
static bool write_members(struct writer *w, const struct type *type, uint64_t offset, bool has_some,
			  unsigned int depth)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);
	char key[OBJECT_MAX_KEY];

	for (uint32_t i = 0; i < count && !w->err; i++) {
		const struct type_member *member = &members[i];

		if (!member->name[0] && member->type->kind == TYPE_STRUCT && depth < MAX_DEPTH) {
			has_some = write_members(w, member->type, offset + member->offset, has_some,
						 depth + 1);
			continue;
		}
		if (!w->left) {
			if (!w->out)
				put(w, has_some ? ", ..." : "...");
			return true;
		}
		if (!w->out) {
			put(w, has_some ? ", ." : ".");
			put_escaped(w, member->name, strlen(member->name));
			put(w, "=");
		}
		write_value(w, object_key(member->name, key), member->type, offset + member->offset,
			    member->bit_size ? member : NULL, depth + 1);
		has_some = true;
	}
	return has_some;
}

static void write_struct(struct writer *w, const char *key, const struct type *type,
			 uint64_t offset, unsigned int depth)
{
	struct type_text text;

	if (type_find_text(type, &text)) {
		if (!write_pointed(w, key, offset))
			write_unknown(w, key);
		return;
	}
	if (depth > MAX_DEPTH) {
		write_rest(w, key);
		return;
	}
	begin(w, key, false);
	write_members(w, type, offset, false, depth);
	end(w, false);
}

static bool is_known(const struct writer *w, uint64_t offset, uint32_t size)
{
	return !w->object->pieces || ast_has_piece(w->object->pieces, offset, size);
}

static void write_array(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			unsigned int depth)
{
	uint64_t size = w->object->size > offset ? w->object->size - offset : 0;
	const char *text = (const char *)w->object->bytes + offset;
	uint32_t step = type->target->size;

	if (type_is_string(type)) {
		bool is_cut = size < type->size;

		size = is_cut ? size : type->size;
		if (!is_known(w, offset, type->size)) {
			write_unknown(w, key);
			return;
		}
		write_string(w, key, text, strnlen(text, size),
			     is_cut && !memchr(text, '\0', size));
		return;
	}
	if (depth > MAX_DEPTH) {
		write_rest(w, key);
		return;
	}
	begin(w, key, true);
	for (uint32_t i = 0; i < type->count && step && !w->err; i++) {
		if (i && !w->out)
			put(w, ", ");
		if (i == MAX_ELEMENTS || !w->left) {
			write_rest(w, NULL);
			break;
		}
		write_value(w, NULL, type->target, offset + (uint64_t)i * step, NULL, depth + 1);
	}
	end(w, true);
}

static void write_value(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			const struct type_member *bits, unsigned int depth)
{
	const unsigned char *at = w->object->bytes + offset;
	uint32_t size = value_size(type, bits);

	if (w->left)
		w->left--;
	if (type->kind == TYPE_STRUCT || type->kind == TYPE_ARRAY) {
		if (offset >= w->object->size && type->size)
			write_rest(w, key);
		else if (type->kind == TYPE_STRUCT)
			write_struct(w, key, type, offset, depth);
		else
			write_array(w, key, type, offset, depth);
		return;
	}
	if (!size || offset > w->object->size || size > w->object->size - offset) {
		write_rest(w, key);
		return;
	}
	if (!is_known(w, offset, size)) {
		write_unknown(w, key);
		return;
	}
	switch (type->kind) {
	case TYPE_ENUM:
		write_enum(w, key, type, integer_at(at, type, bits));
		break;
	case TYPE_POINTER:
		if (!write_pointed(w, key, offset))
			write_number(w, key, type, integer_at(at, type, NULL));
		break;
	case TYPE_FLOAT:
		write_float(w, key, type, at);
		break;
	default:
		write_number(w, key, type, integer_at(at, type, bits));
	}
}

int object_format(const struct object *object, struct record_text *text)
{
	struct writer w = { .object = object, .text = text, .left = MAX_VALUES };

	write_value(&w, NULL, object->type, 0, NULL, 0);
	return w.err;
}

int object_format_string(const char *bytes, size_t len, bool is_cut, struct record_text *text)
{
	struct writer w = { .text = text };

	write_string(&w, NULL, bytes, len, is_cut);
	return w.err;
}

void object_json(const struct object *object, const char *key, struct output *out)
{
	struct writer w = { .object = object, .out = out, .left = MAX_VALUES };

	write_value(&w, key, object->type, 0, NULL, 0);
}
