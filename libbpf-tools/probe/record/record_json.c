/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records as JSON.
 */
#include <errno.h>
#include <string.h>

#include "lib/output.h"
#include "probe/record/object.h"
#include "probe/record/record_format.h"

static bool is_object(const struct record_field *field)
{
	return field->field->kind == FIELD_OBJECT;
}

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

/* A field's value, from what record_view_value() and record_view_object() have made of it. */
static void json_value(const struct record_view *view, struct stack_names *names,
		       const struct record_field *field, const struct record_value *value,
		       const struct object *object, const char *key, struct output *out)
{
	char buf[RECORD_MAX_SYMBOL];

	if (value->err && field->field->name) {
		output_json_null(out, key);
	} else if (value->err) {
		output_json_object_begin(out, key);
		output_json_str(out, "error", error_reason(value->err),
				strlen(error_reason(value->err)));
		output_json_object_end(out);
	} else if (is_object(field)) {
		object_json(object, key, out);
	} else if (field->mode != RECORD_VALUE) {
		output_json_str(out, key, value->string.text, value->string.len);
	} else if (record_is_symbol(field)) {
		record_symbol(view, names, field, value->number, buf);
		output_json_cstr(out, key, buf, sizeof(buf));
	} else if (field->is_signed) {
		output_json_s64(out, key, (int64_t)value->number);
	} else {
		output_json_u64(out, key, value->number);
	}
}

enum json_part {
	JSON_ARGS,
	JSON_VALUES,
	JSON_RESULTS, /* those of a function that has several */
	JSON_OWN,     /* its result, and how long it took: no values of the program's */
	JSON_UNKNOWN,
};

static const char *own_key(const char *name)
{
	return !strcmp(name, "retval") ? "retval" : !strcmp(name, "$latency") ? "latency_ns" : NULL;
}

static enum json_part part_of(const char *name, bool is_result)
{
	return is_result ? JSON_RESULTS : own_key(name) ? JSON_OWN : JSON_VALUES;
}

/* Go's ~r0 has no name. */
static const char *key_of(const char *name, char buf[OBJECT_MAX_KEY])
{
	return own_key(name) ?: object_key(name + (name[0] == '~'), buf);
}

static int json_fields(const struct record_view *view, struct stack_names *names,
		       enum json_part part, struct output *out)
{
	size_t at = view->record->fixed_size;
	char buf[OBJECT_MAX_KEY];
	struct record_value value;
	struct object object;
	unsigned int next;
	int err = 0;

	for (unsigned int i = 0; i < view->record->field_count && !err; i = next) {
		const struct record_field *field = &view->record->fields[i];
		const char *name = field->field->name, *key = NULL;

		next = i + 1;
		err = record_view_value(view, i, &at, &value);
		if (!err && is_object(field))
			err = record_view_object(view, i, &at, &value, &object, &next);
		if (part != JSON_ARGS)
			key = key_of(name, buf);
		if (err || (part == JSON_UNKNOWN && !value.err))
			continue;
		if (part == JSON_UNKNOWN)
			output_json_cstr(out, key, error_reason(value.err), SIZE_MAX);
		else if (part == JSON_ARGS || part == part_of(name, field->field->is_result))
			json_value(view, names, field, &value, &object, key, out);
	}
	return err;
}

/* What can't be read at that place is null, and unknown says why. */
static void json_missing(const struct spec_format *format, enum json_part part, struct output *out)
{
	char buf[OBJECT_MAX_KEY];

	for (unsigned int i = 0; i < format->missing_count; i++) {
		const struct missing *missing = &format->missing[i];
		const char *key = key_of(missing->name, buf);

		if (part == JSON_UNKNOWN)
			output_json_cstr(out, key, missing->why, SIZE_MAX);
		else if (part == part_of(missing->name, missing->is_result))
			output_json_null(out, key);
	}
}

static int json_part(const struct record_view *view, struct stack_names *names, enum json_part part,
		     const char *key, struct output *out)
{
	int err;

	if (key)
		output_json_object_begin(out, key);
	err = json_fields(view, names, part, out);
	json_missing(&view->record->checked->spec->format, part, out);
	if (key)
		output_json_object_end(out);
	return err;
}

static bool has_results(const struct spec_format *format)
{
	for (unsigned int i = 0; i < format->field_count; i++)
		if (format->fields[i].is_result)
			return true;
	for (unsigned int i = 0; i < format->missing_count; i++)
		if (format->missing[i].is_result)
			return true;
	return false;
}

/* Of values themselves, not of what they lead to. */
static bool has_errors(const struct record_view *view)
{
	for (unsigned int i = 0; i < view->record->field_count; i++)
		if (view->errors & 1u << i && !view->record->fields[i].field->inner.kind)
			return true;
	return false;
}

/* Without a written format: values by name. */
static int json_named(const struct record_view *view, struct stack_names *names, struct output *out)
{
	const struct spec_format *format = &view->record->checked->spec->format;
	int err = json_part(view, names, JSON_VALUES, "values", out);

	if (!err && has_results(format))
		err = json_part(view, names, JSON_RESULTS, "results", out);
	if (!err)
		err = json_part(view, names, JSON_OWN, NULL, out);
	if (!err && (format->missing_count || has_errors(view)))
		err = json_part(view, names, JSON_UNKNOWN, "unknown", out);
	return err;
}

int record_json(const struct record_view *view, struct stack_names *names, struct output *out)
{
	int err;

	if (view->record->checked->spec->format.is_default)
		return json_named(view, names, out);
	output_json_array_begin(out, "args");
	err = json_fields(view, names, JSON_ARGS, out);
	output_json_array_end(out);
	return err;
}
