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
#include "probe/record/object_private.h"

#define MAX_VALUES 2000

void object_put(struct writer *w, const char *bytes)
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

void object_put_escaped(struct writer *w, const char *bytes)
{
	put_escaped(w, bytes, strlen(bytes));
}

/* ---- values --------------------------------------------------------------------------------- */

void object_write_rest(struct writer *w, const char *key)
{
	if (w->out)
		output_json_str(w->out, key, "...", 3);
	else
		object_put(w, "...");
}

/* In quotes; those that the text has are escaped, as all of it can't be told from what is behind it otherwise. */
static void put_quoted(struct writer *w, const char *text, size_t len)
{
	const char *quote;

	object_put(w, "\"");
	while ((quote = memchr(text, '"', len))) {
		put_escaped(w, text, quote - text);
		object_put(w, "\\\"");
		len -= quote + 1 - text;
		text = quote + 1;
	}
	put_escaped(w, text, len);
	object_put(w, "\"");
}

void object_write_unknown(struct writer *w, const char *key)
{
	if (w->out)
		output_json_null(w->out, key);
	else
		object_put(w, "?");
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
		object_put(w, "...");
}

static size_t encode_utf8(uint64_t rune, char *buf)
{
	if (rune < 0x80) {
		buf[0] = (char)rune;
		return 1;
	}
	if (rune < 0x800) {
		buf[0] = (char)(0xc0 | rune >> 6);
		buf[1] = (char)(0x80 | (rune & 0x3f));
		return 2;
	}
	if (rune < 0x10000) {
		buf[0] = (char)(0xe0 | rune >> 12);
		buf[1] = (char)(0x80 | (rune >> 6 & 0x3f));
		buf[2] = (char)(0x80 | (rune & 0x3f));
		return 3;
	}
	buf[0] = (char)(0xf0 | rune >> 18);
	buf[1] = (char)(0x80 | (rune >> 12 & 0x3f));
	buf[2] = (char)(0x80 | (rune >> 6 & 0x3f));
	buf[3] = (char)(0x80 | (rune & 0x3f));
	return 4;
}

/* A character as one: Rust's and C's wide ones; C's own if it can be seen, as it may be a small number, which JSON has. */
static bool write_character(struct writer *w, const char *key, const struct type *type,
			    uint64_t value)
{
	bool is_rune = type->is_rune && value < 0x110000 && (value < 0xd800 || value > 0xdfff);
	bool is_char = !w->out && type->is_char && !strcmp(type->name, "char") && value >= ' ' &&
		       value < 0x7f;
	char buf[4];

	if (!is_rune && !is_char)
		return false;
	if (w->out) {
		output_json_str(w->out, key, buf, encode_utf8(value, buf));
		return true;
	}
	object_put(w, value == '\'' || value == '\\' ? "'\\" : "'");
	put_escaped(w, buf, encode_utf8(value, buf));
	object_put(w, "'");
	return true;
}

void object_write_number(struct writer *w, const char *key, const struct type *type, uint64_t value)
{
	char buf[32];

	if (write_character(w, key, type, value))
		return;
	if (type->is_bool && w->out) {
		output_json_bool(w->out, key, value);
	} else if (w->out && type->is_signed) {
		output_json_s64(w->out, key, (int64_t)value);
	} else if (w->out) {
		output_json_u64(w->out, key, value);
	} else if (type->is_bool) {
		object_put(w, value ? "true" : "false");
	} else {
		snprintf(buf, sizeof(buf),
			 type->kind == TYPE_POINTER ? "0x%llx"
			 : type->is_signed	    ? "%lld"
						    : "%llu",
			 (unsigned long long)value);
		object_put(w, buf);
	}
}

static void write_word(struct writer *w, const char *key, const char *text)
{
	if (w->out)
		output_json_str(w->out, key, text, strlen(text));
	else
		put_escaped(w, text, strlen(text));
}

/* One of a kind with the value; NULL: there is none. */
static const char *find_enumerator(const struct type *type, uint64_t value)
{
	uint32_t count;
	const struct type_enumerator *enumerators = type_enumerators(type, &count);

	for (uint32_t i = 0; i < count; i++)
		if (enumerators[i].value == value)
			return enumerators[i].name;
	return NULL;
}

/* Are all enumerators single bits (or none), so that values may be several of them? */
static bool has_flags(const struct type *type)
{
	uint32_t count;
	const struct type_enumerator *enumerators = type_enumerators(type, &count);
	unsigned int bits = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (enumerators[i].value & (enumerators[i].value - 1))
			return false;
		bits += enumerators[i].value != 0;
	}
	return bits > 1;
}

/* A | C, if the names have all of the value's bits. */
static bool write_flags(struct writer *w, const char *key, const struct type *type, uint64_t value)
{
	char text[256] = "";
	size_t len = 0;

	if (!value || !has_flags(type))
		return false;
	for (uint64_t bit = 1; bit; bit <<= 1) {
		const char *name = value & bit ? find_enumerator(type, bit) : NULL;

		if (!(value & bit))
			continue;
		if (!name || strlen(name) + len + 2 > sizeof(text))
			return false;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "|" : "",
					name);
	}
	write_word(w, key, text);
	return true;
}

static void write_enum(struct writer *w, const char *key, const struct type *type, uint64_t value)
{
	const char *name = find_enumerator(type, value);

	if (name)
		write_word(w, key, name);
	else if (!write_flags(w, key, type, value))
		object_write_number(w, key, type, value);
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
		object_put(w, buf);
	else if (sscanf(buf, "%lf", &value) == 1)
		output_json_double(w->out, key, value);
	else
		output_json_null(w->out, key);
}

/* 39 digits at most; in JSON text, as readers of numbers would round it. */
static void write_wide(struct writer *w, const char *key, const struct type *type,
		       const unsigned char *at)
{
	char buf[48], *digit = buf + sizeof(buf) - 1;
	unsigned __int128 value;
	bool is_negative;

	memcpy(&value, at, sizeof(value));
	is_negative = type->is_signed && value >> 127;
	value = is_negative ? -value : value;
	*digit = '\0';
	do
		*--digit = (char)('0' + (unsigned int)(value % 10));
	while (value /= 10);
	if (is_negative)
		*--digit = '-';
	write_word(w, key, digit);
}

static void write_complex(struct writer *w, const char *key, const struct type *type,
			  const unsigned char *at)
{
	double parts[2];
	float narrow[2];
	char buf[80];

	if (type->size == sizeof(parts)) {
		memcpy(parts, at, sizeof(parts));
	} else {
		memcpy(narrow, at, sizeof(narrow));
		parts[0] = (double)narrow[0];
		parts[1] = (double)narrow[1];
	}
	snprintf(buf, sizeof(buf), "%.9g%+.9gi", parts[0], parts[1]);
	write_word(w, key, buf);
}

/* float, double and long double; of others the bytes are shown. */
static void write_float(struct writer *w, const char *key, const struct type *type,
			const unsigned char *at)
{
	char buf[2 * 32 + 3] = "0x";
	long double wide = 0;
	double value;
	float narrow;

	if (type->is_wide) {
		write_wide(w, key, type, at);
	} else if (type->is_complex && (type->size == 8 || type->size == 16)) {
		write_complex(w, key, type, at);
	} else if (type->size == 4) {
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
		object_write_rest(w, key);
	} else {
		for (uint32_t i = 0; i < type->size; i++)
			snprintf(buf + 2 + 2 * i, 3, "%02x", at[type->size - 1 - i]);
		if (w->out)
			output_json_str(w->out, key, buf, strlen(buf));
		else
			object_put(w, buf);
	}
}

/* ---- types ---------------------------------------------------------------------------------- */

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

const struct object_inner *object_find_inner(const struct writer *w, enum inner_kind kind,
					     uint64_t offset)
{
	for (unsigned int i = 0; i < w->object->inner_count; i++) {
		const struct object_inner *inner = &w->object->inner[i];

		if (inner->at.kind == kind && inner->at.offset == offset && !inner->at.is_nested)
			return inner;
	}
	return NULL;
}

/* The string that what is at an offset stands for; false: there is none. */
static bool write_pointed(struct writer *w, const char *key, uint64_t offset)
{
	const struct object_inner *string = object_find_inner(w, INNER_STRING, offset);

	if (!string || string->is_unreadable)
		return false;
	write_string(w, key, string->text, string->len, string->is_cut);
	return true;
}

void object_begin(struct writer *w, const char *key, bool is_array)
{
	if (!w->out)
		object_put(w, is_array ? "[" : "{");
	else if (is_array)
		output_json_array_begin(w->out, key);
	else
		output_json_object_begin(w->out, key);
}

void object_end(struct writer *w, bool is_array)
{
	if (!w->out)
		object_put(w, is_array ? "]" : "}");
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

bool object_is_tuple(const struct type *type)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);

	for (uint32_t i = 0; i < count; i++)
		if (strncmp(members[i].name, "__", 2) || !members[i].name[2] ||
		    strspn(members[i].name + 2, "0123456789") != strlen(members[i].name + 2))
			return false;
	return count;
}

/* The members of anonymous structures and unions are those of the one around. True: there were some. */
static bool write_members(struct writer *w, const struct type *type, uint64_t offset, bool has_some,
			  unsigned int depth)
{
	uint32_t count;
	const struct type_member *members = type_members(type, &count);
	bool has_names = w->out || !object_is_tuple(type);
	char key[OBJECT_MAX_KEY];

	for (uint32_t i = 0; i < count && !w->err; i++) {
		const struct type_member *member = &members[i];

		if (!member->name[0] && member->type->kind == TYPE_STRUCT &&
		    depth < OBJECT_MAX_DEPTH) {
			has_some = write_members(w, member->type, offset + member->offset, has_some,
						 depth + 1);
			continue;
		}
		if (!w->left) {
			if (!w->out)
				object_put(w, has_some ? ", ..." : "...");
			return true;
		}
		if (!has_names && has_some)
			object_put(w, ", ");
		if (!w->out && has_names) {
			object_put(w, has_some ? ", ." : ".");
			put_escaped(w, member->name, strlen(member->name));
			object_put(w, "=");
		}
		object_write(w, object_key(member->name, key), member->type,
			     offset + member->offset, member->bit_size ? member : NULL, depth + 1);
		has_some = true;
	}
	return has_some;
}

void object_write_members(struct writer *w, const char *key, const struct type *type,
			  uint64_t offset, unsigned int depth)
{
	bool is_tuple = !w->out && object_is_tuple(type);

	if (is_tuple)
		object_put(w, "(");
	else
		object_begin(w, key, false);
	write_members(w, type, offset, false, depth);
	if (is_tuple)
		object_put(w, ")");
	else
		object_end(w, false);
}

static void write_struct(struct writer *w, const char *key, const struct type *type,
			 uint64_t offset, unsigned int depth)
{
	struct type_text text;

	if (type_find_text(type, &text)) {
		if (!write_pointed(w, key, offset))
			object_write_unknown(w, key);
		return;
	}
	if (depth > OBJECT_MAX_DEPTH)
		object_write_rest(w, key);
	else if (!object_write_shape(w, key, type, offset, depth))
		object_write_members(w, key, type, offset, depth);
}

static bool is_known(const struct writer *w, uint64_t offset, uint32_t size)
{
	return !w->object->pieces || ast_has_piece(w->object->pieces, offset, size);
}

bool object_number(const struct writer *w, const struct type *type, uint64_t offset,
		   uint64_t *value)
{
	if (!type->size || offset > w->object->size || type->size > w->object->size - offset ||
	    !is_known(w, offset, type->size))
		return false;
	*value = integer_at(w->object->bytes + offset, type, NULL);
	return true;
}

static void write_array(struct writer *w, const char *key, const struct type *type, uint64_t offset,
			unsigned int depth)
{
	uint64_t size = w->object->size > offset ? w->object->size - offset : 0;
	const char *text = (const char *)w->object->bytes + offset;
	uint32_t step = type->target->size;

	/* A flexible one, which has more elements than its structure's type says. */
	if (!type->count && !type->is_data_loc) {
		object_begin(w, key, true);
		object_write_rest(w, NULL);
		object_end(w, true);
		return;
	}
	if (type_is_string(type)) {
		bool is_cut = size < type->size;

		size = is_cut ? size : type->size;
		if (!is_known(w, offset, type->size)) {
			object_write_unknown(w, key);
			return;
		}
		write_string(w, key, text, strnlen(text, size),
			     is_cut && !memchr(text, '\0', size));
		return;
	}
	if (depth > OBJECT_MAX_DEPTH) {
		object_write_rest(w, key);
		return;
	}
	object_begin(w, key, true);
	for (uint32_t i = 0; i < type->count && step && !w->err; i++) {
		if (i && !w->out)
			object_put(w, ", ");
		if (i == OBJECT_MAX_ELEMENTS || !w->left) {
			object_write_rest(w, NULL);
			break;
		}
		object_write(w, NULL, type->target, offset + (uint64_t)i * step, NULL, depth + 1);
	}
	object_end(w, true);
}

void object_write(struct writer *w, const char *key, const struct type *type, uint64_t offset,
		  const struct type_member *bits, unsigned int depth)
{
	const unsigned char *at = w->object->bytes + offset;
	uint32_t size = value_size(type, bits);

	if (w->left)
		w->left--;
	if (type->kind == TYPE_STRUCT || type->kind == TYPE_ARRAY) {
		if (offset >= w->object->size && type->size)
			object_write_rest(w, key);
		else if (type->kind == TYPE_STRUCT)
			write_struct(w, key, type, offset, depth);
		else
			write_array(w, key, type, offset, depth);
		return;
	}
	if (!size || offset > w->object->size || size > w->object->size - offset) {
		object_write_rest(w, key);
		return;
	}
	if (!is_known(w, offset, size)) {
		object_write_unknown(w, key);
		return;
	}
	switch (type->kind) {
	case TYPE_ENUM:
		write_enum(w, key, type, integer_at(at, type, bits));
		break;
	case TYPE_POINTER:
		if (!write_pointed(w, key, offset) &&
		    !object_write_shape(w, key, type, offset, depth))
			object_write_number(w, key, type, integer_at(at, type, NULL));
		break;
	case TYPE_FLOAT:
		write_float(w, key, type, at);
		break;
	default:
		object_write_number(w, key, type, integer_at(at, type, bits));
	}
}

int object_format(const struct object *object, struct record_text *text)
{
	struct writer w = { .object = object, .text = text, .left = MAX_VALUES };

	object_write(&w, NULL, object->type, 0, NULL, 0);
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

	object_write(&w, key, object->type, 0, NULL, 0);
}
