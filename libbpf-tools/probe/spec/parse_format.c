/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Formats: printf's conversions for integers and strings, and BCC's %K and %U for addresses' names.
 */
#include <array_size.h>
#include <errno.h>
#include <string.h>

#include "probe/spec/parse_private.h"

/* Wider output is of no use, and a typing error would fill the terminal. */
#define MAX_WIDTH 1024
#define MAX_FIELDS 256

struct conversion {
	char conv;
	enum field_kind kind;
	bool is_signed;
	unsigned int int_size; /* without a length modifier; 0: none is possible */
	bool has_precision;
};

static const struct conversion conversions[] = {
	{ 'd', FIELD_INT, true, 4, true },	{ 'i', FIELD_INT, true, 4, true },
	{ 'u', FIELD_INT, false, 4, true },	{ 'x', FIELD_INT, false, 4, true },
	{ 'X', FIELD_INT, false, 4, true },	{ 'o', FIELD_INT, false, 4, true },
	{ 'c', FIELD_INT, true, 0, false },	{ 'p', FIELD_INT, false, 0, false },
	{ 'T', FIELD_INT, false, 0, false },	{ 's', FIELD_STR, false, 0, true },
	{ 'K', FIELD_KSYM, false, 0, false },	{ 'U', FIELD_USYM, false, 0, false },
	{ 'O', FIELD_OBJECT, false, 0, false },
};

static const struct {
	const char *text;
	unsigned int int_size;
} modifiers[] = {
	{ "hh", 1 }, { "h", 2 }, { "ll", 8 }, { "l", 8 }, { "z", 8 }, { "j", 8 }, { "t", 8 },
};

/* The format being read: its bytes, and where in the spec each is written. */
struct format_reader {
	struct diag *diag;
	const char *text;
	const int *positions;
	size_t len, at;
};

static bool format_accept(struct format_reader *r, char c)
{
	if (r->at == r->len || r->text[r->at] != c)
		return false;
	r->at++;
	return true;
}

static void read_flags(struct format_reader *r, struct field *field)
{
	for (;;) {
		if (format_accept(r, '-'))
			field->minus = true;
		else if (format_accept(r, '0'))
			field->zero = true;
		else if (format_accept(r, '+'))
			field->plus = true;
		else if (format_accept(r, ' '))
			field->space = true;
		else if (format_accept(r, '#'))
			field->alt = true;
		else
			return;
	}
}

/* Digits, if there are any, into *number. */
static int read_number(struct format_reader *r, const char *what, int *number)
{
	int pos = r->positions[r->at], value = 0;
	bool any = false;

	while (r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9') {
		value = value * 10 + (r->text[r->at++] - '0');
		any = true;
		if (value > MAX_WIDTH)
			return diag_error(r->diag, pos, "a %s is at most %d", what, MAX_WIDTH);
	}
	if (any)
		*number = value;
	return 0;
}

static int read_width_and_precision(struct format_reader *r, struct field *field)
{
	field->width = field->precision = -1;
	if (format_accept(r, '*'))
		return diag_error(
			r->diag, r->positions[r->at - 1],
			"a width can't be given by an argument; only the length in %%.*s can");
	if (read_number(r, "width", &field->width))
		return -EINVAL;
	if (!format_accept(r, '.'))
		return 0;
	if (format_accept(r, '*')) {
		field->kind = FIELD_STR_LEN;
		return 0;
	}
	field->precision = 0;
	return read_number(r, "precision", &field->precision);
}

static unsigned int read_modifier(struct format_reader *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
		size_t len = strlen(modifiers[i].text);

		if (r->len - r->at < len || memcmp(r->text + r->at, modifiers[i].text, len) != 0)
			continue;
		r->at += len;
		return modifiers[i].int_size;
	}
	return 0;
}

static int unknown_conversion(struct format_reader *r, struct field *field)
{
	const char *text = r->text + field->fmt_start;
	int len = (int)(r->at - field->fmt_start);

	if (r->at == r->len)
		return diag_error(r->diag, field->pos,
				  "'%.*s' is not complete (write %%%% for a percent sign)", len,
				  text);
	if (strchr("eEfFgGaA", r->text[r->at]))
		return diag_error(r->diag, field->pos,
				  "'%.*s': floating-point values are printed with %%O; there are "
				  "d i u x X o c p s T K U O",
				  len + 1, text);
	return diag_error(r->diag, field->pos,
			  "'%.*s' is not a conversion; there are "
			  "d i u x X o c p s T K U O, and %%%% for a percent sign",
			  len + 1, text);
}

/* What can't go together. */
static int check_conversion(struct format_reader *r, const struct field *field,
			    const struct conversion *conversion, unsigned int modifier)
{
	const char *text = r->text + field->fmt_start;
	int len = (int)(r->at - field->fmt_start);
	bool is_symbol = conversion->kind == FIELD_KSYM || conversion->kind == FIELD_USYM;

	if (modifier && !conversion->int_size)
		return diag_error(r->diag, field->pos, "'%.*s': %%%c takes no length modifier", len,
				  text, conversion->conv);
	if (field->kind == FIELD_STR_LEN && conversion->kind != FIELD_STR)
		return diag_error(r->diag, field->pos,
				  "'%.*s': a precision given by an argument is for %%.*s only", len,
				  text);
	if (conversion->kind == FIELD_OBJECT && (r->at - field->fmt_start != 2))
		return diag_error(r->diag, field->pos,
				  "'%.*s': %%O takes no flags, width or precision", len, text);
	if (is_symbol && (field->width >= 0 || field->precision >= 0 || field->minus ||
			  field->zero || field->plus || field->space || field->alt))
		return diag_error(r->diag, field->pos,
				  "'%.*s': %%%c takes no flags, width or precision", len, text,
				  conversion->conv);
	if (field->precision >= 0 && !conversion->has_precision)
		return diag_error(r->diag, field->pos, "'%.*s': %%%c takes no precision", len, text,
				  conversion->conv);
	return 0;
}

/* A `%` has been read. */
static int read_field(struct format_reader *r, struct field *field)
{
	const struct conversion *conversion = NULL;
	unsigned int modifier;
	int err;

	*field = (struct field){ .pos = r->positions[r->at - 1], .fmt_start = r->at - 1 };
	read_flags(r, field);
	err = read_width_and_precision(r, field);
	if (err)
		return err;
	modifier = read_modifier(r);
	for (size_t i = 0; i < ARRAY_SIZE(conversions) && r->at < r->len; i++)
		if (conversions[i].conv == r->text[r->at])
			conversion = &conversions[i];
	if (!conversion)
		return unknown_conversion(r, field);
	field->fmt_end = ++r->at;
	err = check_conversion(r, field, conversion, modifier);
	if (err)
		return err;
	if (field->kind != FIELD_STR_LEN)
		field->kind = conversion->kind;
	field->conv = conversion->conv;
	field->is_signed = conversion->is_signed;
	if (field->kind == FIELD_INT) {
		field->int_size = modifier ? modifier : conversion->int_size;
		if (conversion->conv == 'c')
			field->int_size = 1;
		else if (conversion->conv == 'p' || conversion->conv == 'T')
			field->int_size = 8;
	}
	return 0;
}

int parse_format(struct parser *p, struct spec_format *format)
{
	struct format_reader r = { .diag = p->diag };
	size_t most = 0;
	int *positions, err;

	format->pos = p->token.pos;
	format->text = r.text = parse_string(p, &r.len, &positions);
	if (!r.text)
		return p->diag->text[0] ? -EINVAL : -ENOMEM;
	r.positions = positions;
	format->len = r.len;
	for (size_t i = 0; i < r.len; i++)
		most += r.text[i] == '%';
	format->fields = arena_alloc(p->arena, (most + 1) * sizeof(*format->fields));
	if (!format->fields)
		return -ENOMEM;
	while (r.at < r.len) {
		if (r.text[r.at++] != '%' || format_accept(&r, '%'))
			continue;
		if (format->field_count == MAX_FIELDS)
			return diag_error(p->diag, r.positions[r.at - 1],
					  "a format has at most %d conversions", MAX_FIELDS);
		err = read_field(&r, &format->fields[format->field_count]);
		if (err)
			return err;
		format->field_count++;
	}
	parser_next(p);
	return 0;
}
