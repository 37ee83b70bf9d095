/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records as text by the spec's format.
 */
#include "probe/record/record_format.h"

#include <array_size.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/output.h"
#include "lib/stack.h"
#include "probe/record/object.h"

static bool is_object(const struct record_field *field)
{
	return field->field->kind == FIELD_OBJECT;
}

static size_t put_decimal(char *end, uint64_t value)
{
	char *at = end;

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	return end - at;
}

static int format_plain(struct record_text *text, const struct record_field *field, uint64_t value)
{
	char buf[24], *end = buf + sizeof(buf);
	bool negative = field->is_signed && (int64_t)value < 0;
	size_t len = put_decimal(end, negative ? -value : value);

	if (negative)
		end[-(int)++len] = '-';
	return record_text_put(text, end - len, len);
}

static int format_char(struct record_text *text, const struct field *field, uint64_t value)
{
	char byte = (char)value, escaped[8];
	size_t len = output_escape(escaped, sizeof(escaped), &byte, 1);
	size_t pad = field->width > (int)len ? (size_t)field->width - len : 0;
	int err = 0;

	if (!field->minus)
		err = record_text_pad(text, pad);
	if (!err)
		err = record_text_put(text, escaped, len);
	if (!err && field->minus)
		err = record_text_pad(text, pad);
	return err;
}

/* With flags, width or precision: printf's own rules for a 64-bit number. */
static int format_number(struct record_text *text, const struct record_field *field, uint64_t value)
{
	const struct field *f = field->field;
	char conv = f->conv == 'p' ? 'x' : f->conv == 'i' ? 'd' : f->conv;
	bool alt = f->alt || f->conv == 'p';
	char fmt[16], *at = fmt;
	int err, len;

	if (f->width < 0 && f->precision < 0 && !f->plus && !f->space &&
	    (conv == 'd' || conv == 'u'))
		return format_plain(text, field, value);
	*at++ = '%';
	for (size_t i = 0; i < 5; i++)
		if ((const bool[]){ f->minus, f->zero, f->plus, f->space, alt }[i])
			*at++ = "-0+ #"[i];
	/* A width or precision of -1 counts as none given. */
	memcpy(at, "*.*ll", 5);
	at[5] = conv;
	at[6] = '\0';
	err = record_text_reserve(text, 64 + (f->width > 0 ? f->width : 0) +
						(f->precision > 0 ? f->precision : 0));
	if (err)
		return err;
	len = snprintf(text->text + text->len, text->size - text->len, fmt,
		       f->width < 0 ? 0 : f->width, f->precision, value);
	if (len < 0)
		return -EINVAL;
	text->len += len;
	return 0;
}

static size_t count_columns(const char *text, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

static int format_string(struct record_text *text, const struct field *field,
			 const struct record_string *string)
{
	size_t start = text->len, columns, pad;
	int err = record_text_reserve(text,
				      4 * string->len + 4 + (field->width > 0 ? field->width : 0));

	if (err)
		return err;
	text->len += output_escape(text->text + text->len, text->size - text->len, string->text,
				   string->len);
	if (string->cut)
		err = record_text_put(text, "...", 3);
	columns = count_columns(text->text + start, text->len - start);
	pad = field->width > (int)columns ? (size_t)field->width - columns : 0;
	if (!pad || err)
		return err;
	err = record_text_pad(text, pad);
	if (err || field->minus)
		return err;
	memmove(text->text + start + pad, text->text + start, text->len - pad - start);
	memset(text->text + start, ' ', pad);
	return 0;
}

/* ns as people read them: 812 ns, 1.234 us, 12.345 ms, 3.000 s. */
static int format_duration(struct record_text *text, const struct field *field, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	uint64_t value = ns, thousandths = 0;
	size_t unit = 0;
	char buf[48];
	int len;

	for (; value >= 1000 && unit + 1 < ARRAY_SIZE(units); unit++) {
		thousandths = value % 1000;
		value /= 1000;
	}
	len = unit ? snprintf(buf, sizeof(buf), "%llu.%03llu %s", (unsigned long long)value,
			      (unsigned long long)thousandths, units[unit])
		   : snprintf(buf, sizeof(buf), "%llu ns", (unsigned long long)value);
	return format_string(text, field,
			     &(struct record_string){ .text = buf, .len = (size_t)len });
}

bool record_is_symbol(const struct record_field *field)
{
	return field->field->kind == FIELD_KSYM || field->field->kind == FIELD_USYM;
}

void record_symbol(const struct record_view *view, struct stack_names *names,
		   const struct record_field *field, uint64_t addr, char buf[RECORD_MAX_SYMBOL])
{
	pid_t tgid = field->field->kind == FIELD_USYM ? record_view_process(view) : 0;

	stack_symbol(names, tgid, addr, buf, RECORD_MAX_SYMBOL);
}

static int format_value(const struct record_view *view, struct stack_names *names,
			struct record_text *text, const struct record_field *field,
			const struct record_value *value)
{
	char buf[RECORD_MAX_SYMBOL];
	static const struct record_string unreadable = { .text = "?", .len = 1 };

	if (value->err)
		return format_string(text, field->field, &unreadable);
	if (field->field->is_quoted)
		return object_format_string(value->string.text, value->string.len,
					    value->string.cut, text);
	if (field->mode != RECORD_VALUE)
		return format_string(text, field->field, &value->string);
	if (record_is_symbol(field)) {
		record_symbol(view, names, field, value->number, buf);
		return format_string(text, field->field,
				     &(struct record_string){ .text = buf, .len = strlen(buf) });
	}
	if (field->field->conv == 'c')
		return format_char(text, field->field, value->number);
	if (field->field->conv == 'T')
		return format_duration(text, field->field, value->number);
	return format_number(text, field, value->number);
}

/* The format's text between two conversions: %% is all that is left to do. */
static int format_literal(struct record_text *text, const char *from, const char *to)
{
	int err = 0;

	while (from < to && !err) {
		const char *percent = memchr(from, '%', to - from);

		if (!percent || percent + 1 >= to)
			return record_text_put(text, from, to - from);
		err = record_text_put(text, from, percent + 1 - from);
		from = percent + 2;
	}
	return err;
}

int record_format(const struct record_view *view, struct stack_names *names,
		  struct record_text *text)
{
	const struct spec_format *format = &view->record->checked->spec->format;
	size_t at = view->record->fixed_size, done = 0;
	struct record_value value;
	struct object object;
	unsigned int next;
	int err = 0;

	text->len = 0;
	if (!view->record->checked->spec->has_format)
		return record_text_put(text, "", 0);
	for (unsigned int i = 0; i < view->record->field_count && !err; i = next) {
		const struct record_field *field = &view->record->fields[i];

		next = i + 1;
		err = record_view_value(view, i, &at, &value);
		if (!err && is_object(field))
			err = record_view_object(view, i, &at, &value, &object, &next);
		if (!err)
			err = format_literal(text, format->text + done,
					     format->text + field->field->fmt_start);
		if (!err && is_object(field) && !value.err)
			err = object_format(&object, text);
		else if (!err)
			err = format_value(view, names, text, field, &value);
		done = field->field->fmt_end;
	}
	if (!err)
		err = format_literal(text, format->text + done, format->text + format->len);
	return err;
}
