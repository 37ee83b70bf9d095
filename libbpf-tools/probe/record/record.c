/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records: where each value is, and from their bytes to text and JSON.
 */
#include "probe/record/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/output.h"
#include "lib/stack.h"
#include "types/arena.h"
#include "probe/record/object.h"

/* ---- layout --------------------------------------------------------------------------------- */

/* False: it is a string. */
static bool layout_object(const struct type *type, struct record_field *out)
{
	out->size = type->size;
	out->is_signed = type->is_signed;
	if (type_is_scalar(type) && !type_is_string(type)) {
		out->mode = RECORD_VALUE;
		return true;
	}
	out->mode = RECORD_OBJECT;
	out->max = type->size < CHECKED_MAX_OBJECT ? type->size : CHECKED_MAX_OBJECT;
	return type->kind != TYPE_POINTER && !type->is_data_loc;
}

static void layout_field(const struct field *field, uint32_t string_size, struct record_field *out)
{
	const struct type *type = field->expr->type;

	out->field = field;
	if (field->kind == FIELD_KSYM || field->kind == FIELD_USYM) {
		out->mode = RECORD_VALUE;
		out->size = 8;
		return;
	}
	if (field->kind == FIELD_INT) {
		out->mode = RECORD_VALUE;
		out->size = type->size;
		out->is_signed = field->is_signed;
		/* A type of unknown width is as wide as the format says, a declared one at least its own. */
		if (type->is_unknown || out->size < field->int_size)
			out->size = field->int_size;
		return;
	}
	if (field->kind == FIELD_OBJECT && layout_object(type, out))
		return;
	out->mode = field->kind == FIELD_STR_LEN ? RECORD_BYTES : RECORD_CSTR;
	/* One for the NUL, one to tell a string that was cut from one that just fits. */
	out->max = string_size + 2;
	if (out->mode == RECORD_CSTR && type->kind == TYPE_ARRAY && !type->is_data_loc &&
	    type->size < out->max)
		out->max = type->size;
}

static uint32_t layout_slot(struct record *record)
{
	record->fixed_size += 8;
	return record->fixed_size - 8;
}

/*
 * A user stack is walked by frame pointers, and at a function's first instruction that pointer is still its caller's: the
 * kernel then finds the caller's caller next, and leaves the caller itself out (on x86 it looks for a push at the probe from
 * Linux 6.11 on, cfa7f3d2c526). So the return address is recorded too, and added if it isn't there. (Of a function that
 * called itself it is there either way: such a stack may lack a level.)
 */
static bool leaves_caller_out(const struct checked *checked)
{
	const struct spec *spec = checked->spec;

	return spec->kind == SPEC_ENTRY && !checked->context->is_kernel && !spec->offset &&
	       !spec->has_addr && !spec->file;
}

static void layout_stacks(const struct record_opts *opts, struct record *record)
{
	record->stack_size = 8 * opts->stack_depth;
	if (opts->stacks[RECORD_USER_STACK] && leaves_caller_out(record->checked))
		record->caller_offset = layout_slot(record);
	for (unsigned int i = 0; i < RECORD_STACKS; i++)
		if (opts->stacks[i])
			record->stack_offset[i] = layout_slot(record);
}

bool record_is_of_process(const struct record *record)
{
	for (unsigned int i = 0; i < record->field_count; i++)
		if (record->fields[i].field->kind == FIELD_USYM)
			return true;
	return record->stack_offset[RECORD_USER_STACK] != 0;
}

int record_layout(const struct checked *checked, const struct record_opts *opts,
		  struct record *record)
{
	*record = (struct record){ .checked = checked,
				   .string_size = opts->string_size,
				   .fixed_size = RECORD_MIN_SIZE };
	if (checked->field_count > CHECKED_MAX_FIELDS)
		return -E2BIG;
	record->fields = arena_alloc(checked->spec->arena,
				     (checked->field_count + 1) * sizeof(*record->fields));
	if (!record->fields)
		return -ENOMEM;
	if (opts->time)
		record->time_offset = layout_slot(record);
	if (opts->cpu)
		record->cpu_offset = layout_slot(record);
	record->field_count = checked->field_count;
	for (unsigned int i = 0; i < record->field_count; i++) {
		layout_field(&checked->fields[i], opts->string_size, &record->fields[i]);
		record->fields[i].offset = layout_slot(record);
	}
	layout_stacks(opts, record);
	record->max_size = record->fixed_size;
	for (unsigned int i = 0; i < record->field_count; i++)
		record->max_size += record->fields[i].max;
	for (unsigned int i = 0; i < RECORD_STACKS; i++)
		if (record->stack_offset[i])
			record->max_size += record->stack_size;
	return 0;
}

bool record_is_alike(const struct record *a, const struct record *b)
{
	bool is_alike = a->max_size == b->max_size && a->field_count == b->field_count;

	for (unsigned int i = 0; i < a->field_count && is_alike; i++) {
		const struct record_field *x = &a->fields[i], *y = &b->fields[i];

		is_alike = x->mode == y->mode && x->offset == y->offset && x->max == y->max &&
			   x->size == y->size && x->is_signed == y->is_signed;
	}
	return is_alike;
}

/* ---- reading -------------------------------------------------------------------------------- */

static uint32_t get_u32(const unsigned char *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static uint64_t get_u64(const unsigned char *data)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

int record_place(const void *data, size_t size, uint32_t *place)
{
	if (size < RECORD_MIN_SIZE)
		return -EBADMSG;
	*place = get_u32((const unsigned char *)data + RECORD_PLACE);
	return 0;
}

int record_open(const struct record *record, const void *data, size_t size,
		struct record_view *view)
{
	uint64_t pid_tgid;

	if (size < record->fixed_size)
		return -EBADMSG;
	*view = (struct record_view){ .record = record, .data = data, .size = size };
	view->place = get_u32(view->data + RECORD_PLACE);
	view->errors = get_u32(view->data + RECORD_ERRORS);
	pid_tgid = get_u64(view->data + RECORD_PID_TGID);
	view->tgid = pid_tgid >> 32;
	view->pid = (uint32_t)pid_tgid;
	memcpy(view->comm, view->data + RECORD_COMM, RECORD_COMM_SIZE - 1);
	if (record->time_offset)
		view->time = get_u64(view->data + record->time_offset);
	if (record->cpu_offset)
		view->cpu = (uint32_t)get_u64(view->data + record->cpu_offset);
	return 0;
}

/* A string's bytes, as far as they are to be shown. */
struct string_view {
	const char *text;
	size_t len;
	bool cut;
};

/* A field's value; `at` walks over the strings' bytes from field to field. */
struct value_view {
	int err; /* errno if it could not be read */
	uint64_t number;
	struct string_view string;
};

static int view_string(const struct record_view *view, const struct record_field *field, size_t *at,
		       struct string_view *string)
{
	uint32_t stored = get_u32(view->data + field->offset);
	uint32_t full = get_u32(view->data + field->offset + 4);
	uint32_t limit = view->record->string_size;

	if (stored > field->max || stored > view->size - *at)
		return -EBADMSG;
	string->text = (const char *)view->data + *at;
	*at += stored;
	string->len = field->mode == RECORD_CSTR ? strnlen(string->text, stored) : stored;
	if (field->mode == RECORD_OBJECT) {
		string->cut = false;
		return 0;
	}
	/* Bytes were left out if none of those here ends the string and there were more. */
	string->cut = string->len > limit || (string->len == stored && full > stored);
	if (string->len > limit)
		string->len = limit;
	if (field->field->precision >= 0 && field->mode == RECORD_CSTR &&
	    string->len > (size_t)field->field->precision) {
		string->len = field->field->precision;
		string->cut = false; /* as asked */
	}
	return 0;
}

static int view_value(const struct record_view *view, unsigned int i, size_t *at,
		      struct value_view *value)
{
	const struct record_field *field = &view->record->fields[i];

	*value = (struct value_view){};
	if (view->errors & 1u << i) {
		value->err = (int)get_u32(view->data + field->offset);
		return 0;
	}
	if (field->mode != RECORD_VALUE)
		return view_string(view, field, at, &value->string);
	value->number = get_u64(view->data + field->offset);
	if (field->size < 8) {
		int shift = 64 - 8 * (int)field->size;

		value->number = field->is_signed
					? (uint64_t)((int64_t)(value->number << shift) >> shift)
					: value->number << shift >> shift;
	}
	return 0;
}

static bool is_object(const struct record_field *field)
{
	return field->field->kind == FIELD_OBJECT;
}

/* The object of field i with its strings, which the fields behind it are: *next is the one behind these. */
static int view_object(const struct record_view *view, unsigned int i, size_t *at,
		       const struct value_view *value, struct object *object, unsigned int *next)
{
	static const struct type string = { .kind = TYPE_POINTER, .name = "char *", .size = 8 };
	const struct record_field *field = &view->record->fields[i], *inner;
	struct value_view text;

	*object = (struct object){
		.type = field->field->expr->type,
		.bytes = (const unsigned char *)value->string.text,
		.size = value->string.len,
	};
	if (field->mode == RECORD_VALUE) {
		object->bytes = (const unsigned char *)&value->number;
		object->size = field->size;
	} else if (field->mode == RECORD_CSTR) {
		/* A string by itself: as the pointer to it would be printed. */
		object->type = &string;
		object->strings[object->string_count++] =
			(struct object_string){ 0, value->string.text, value->string.len,
						value->string.cut, false };
		object->bytes = (const unsigned char *)&value->number;
		object->size = sizeof(value->number);
	}
	for (*next = i + 1; *next < view->record->field_count; ++*next) {
		inner = &view->record->fields[*next];
		if (!inner->field->is_inner)
			break;
		if (view_value(view, *next, at, &text))
			return -EBADMSG;
		if (object->string_count < CHECKED_MAX_INNER)
			object->strings[object->string_count++] =
				(struct object_string){ inner->field->inner_offset,
							text.string.text, text.string.len,
							text.string.cut, text.err != 0 };
	}
	return 0;
}

/* Bytes of a stack's frames, or the negative errno of walking it; -EBADMSG if they aren't there. */
static int64_t stack_bytes(const struct record_view *view, enum record_stack which, size_t at)
{
	int64_t stored = (int64_t)get_u64(view->data + view->record->stack_offset[which]);

	if (stored > view->record->stack_size || stored % 8 ||
	    (stored > 0 && (size_t)stored > view->size - at))
		return stored < 0 && stored > -4096 ? stored : -EBADMSG;
	return stored;
}

int record_stack(const struct record_view *view, enum record_stack which, uint64_t *addrs,
		 struct stack *stack)
{
	const struct record *record = view->record;
	size_t at = record->fixed_size;
	uint64_t caller = 0;
	struct value_view value;
	int64_t bytes;

	if (!record->stack_offset[which])
		return -ENOENT;
	for (unsigned int i = 0; i < record->field_count; i++)
		if (view_value(view, i, &at, &value))
			return -EBADMSG;
	for (enum record_stack before = 0; before < which; before++) {
		bytes = record->stack_offset[before] ? stack_bytes(view, before, at) : 0;
		if (bytes == -EBADMSG)
			return -EBADMSG;
		at += bytes > 0 ? bytes : 0;
	}
	bytes = stack_bytes(view, which, at);
	if (bytes == -EBADMSG)
		return -EBADMSG;
	*stack = (struct stack){
		.tgid = which == RECORD_USER_STACK ? (pid_t)view->tgid : 0,
		.addrs = addrs,
		.count = bytes > 0 ? bytes / 8 : 0,
		.is_cut = bytes == record->stack_size,
		.first_is_exact = record->checked->spec->kind != SPEC_RETURN,
		.err = bytes < 0 ? (int)-bytes : 0,
	};
	memcpy(addrs, view->data + at, 8 * stack->count);
	/* Where the chain of frame pointers ends there often is a zero for an address. */
	while (stack->count && !addrs[stack->count - 1])
		stack->count--;
	if (which == RECORD_USER_STACK && record->caller_offset)
		caller = get_u64(view->data + record->caller_offset);
	if (caller && stack->count && (stack->count == 1 || addrs[1] != caller)) {
		memmove(addrs + 2, addrs + 1, 8 * (stack->count++ - 1));
		addrs[1] = caller;
	}
	return 0;
}

/* ---- text ----------------------------------------------------------------------------------- */

static int text_reserve(struct record_text *text, size_t more)
{
	size_t size = text->size ? text->size : 256;
	char *grown;

	if (text->size - text->len >= more)
		return 0;
	while (size - text->len < more)
		size *= 2;
	grown = realloc(text->text, size);
	if (!grown)
		return -ENOMEM;
	text->text = grown;
	text->size = size;
	return 0;
}

int record_text_put(struct record_text *text, const char *bytes, size_t len)
{
	int err = text_reserve(text, len + 1);

	if (err)
		return err;
	memcpy(text->text + text->len, bytes, len);
	text->len += len;
	text->text[text->len] = '\0';
	return 0;
}

static int text_pad(struct record_text *text, size_t n)
{
	int err = text_reserve(text, n + 1);

	if (err)
		return err;
	memset(text->text + text->len, ' ', n);
	text->len += n;
	text->text[text->len] = '\0';
	return 0;
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
		err = text_pad(text, pad);
	if (!err)
		err = record_text_put(text, escaped, len);
	if (!err && field->minus)
		err = text_pad(text, pad);
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
	err = text_reserve(text, 64 + (f->width > 0 ? f->width : 0) +
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
			 const struct string_view *string)
{
	size_t start = text->len, columns, pad;
	int err = text_reserve(text, 4 * string->len + 4 + (field->width > 0 ? field->width : 0));

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
	err = text_pad(text, pad);
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

	for (; value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++) {
		thousandths = value % 1000;
		value /= 1000;
	}
	len = unit ? snprintf(buf, sizeof(buf), "%llu.%03llu %s", (unsigned long long)value,
			      (unsigned long long)thousandths, units[unit])
		   : snprintf(buf, sizeof(buf), "%llu ns", (unsigned long long)value);
	return format_string(text, field, &(struct string_view){ .text = buf, .len = (size_t)len });
}

#define MAX_SYMBOL 1024

/* "symbol+0xoff [module]" of an address that is a value. */
static struct string_view name_address(const struct record_view *view, struct stack_names *names,
				       const struct record_field *field, uint64_t addr, char *buf)
{
	pid_t tgid = field->field->kind == FIELD_USYM ? (pid_t)view->tgid : 0;

	stack_symbol(names, tgid, addr, buf, MAX_SYMBOL);
	return (struct string_view){ .text = buf, .len = strlen(buf) };
}

static bool is_symbol(const struct record_field *field)
{
	return field->field->kind == FIELD_KSYM || field->field->kind == FIELD_USYM;
}

static int format_value(const struct record_view *view, struct stack_names *names,
			struct record_text *text, const struct record_field *field,
			const struct value_view *value)
{
	char buf[MAX_SYMBOL];
	struct string_view symbol;
	static const struct string_view unreadable = { .text = "?", .len = 1 };

	if (value->err)
		return format_string(text, field->field, &unreadable);
	if (field->mode != RECORD_VALUE)
		return format_string(text, field->field, &value->string);
	if (is_symbol(field)) {
		symbol = name_address(view, names, field, value->number, buf);
		return format_string(text, field->field, &symbol);
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
	struct value_view value;
	struct object object;
	unsigned int next;
	int err = 0;

	text->len = 0;
	if (!view->record->checked->spec->has_format)
		return record_text_put(text, "", 0);
	for (unsigned int i = 0; i < view->record->field_count && !err; i = next) {
		const struct record_field *field = &view->record->fields[i];

		next = i + 1;
		err = view_value(view, i, &at, &value);
		if (!err && is_object(field))
			err = view_object(view, i, &at, &value, &object, &next);
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

void record_text_free(struct record_text *text)
{
	free(text->text);
	*text = (struct record_text){};
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static const char *error_reason(int err)
{
	switch (err) {
	case EFAULT:
		return "EFAULT: bad address, or a page that is not in memory";
	case EDOM:
		return "EDOM: division by zero";
	case ENODATA:
		return "ENODATA: the entry of this call was not seen";
	default:
		return strerrorname_np(err) ? strerrorname_np(err) : "unknown error";
	}
}

int record_json(const struct record_view *view, struct stack_names *names, struct output *out)
{
	size_t at = view->record->fixed_size;
	struct value_view value;
	struct string_view symbol;
	struct object object;
	char buf[MAX_SYMBOL];
	unsigned int next;
	int err = 0;

	output_json_array_begin(out, "args");
	for (unsigned int i = 0; i < view->record->field_count && !err; i = next) {
		const struct record_field *field = &view->record->fields[i];

		next = i + 1;
		err = view_value(view, i, &at, &value);
		if (!err && is_object(field))
			err = view_object(view, i, &at, &value, &object, &next);
		if (err)
			break;
		if (value.err) {
			output_json_object_begin(out, NULL);
			output_json_str(out, "error", error_reason(value.err),
					strlen(error_reason(value.err)));
			output_json_object_end(out);
		} else if (is_object(field)) {
			object_json(&object, out);
		} else if (field->mode != RECORD_VALUE) {
			output_json_str(out, NULL, value.string.text, value.string.len);
		} else if (is_symbol(field)) {
			symbol = name_address(view, names, field, value.number, buf);
			output_json_str(out, NULL, symbol.text, symbol.len);
		} else if (field->is_signed) {
			output_json_s64(out, NULL, (int64_t)value.number);
		} else {
			output_json_u64(out, NULL, value.number);
		}
	}
	output_json_array_end(out);
	return err;
}
