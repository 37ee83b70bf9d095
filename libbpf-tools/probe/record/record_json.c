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

/* Where a named value belongs: what the function returned and how long it took are no values of the program's. */
static const char *own_key(const struct field *field)
{
	return !strcmp(field->name, "retval")	  ? "retval"
	       : !strcmp(field->name, "$latency") ? "latency_ns"
						  : NULL;
}

enum json_part { JSON_ARGS, JSON_VALUES, JSON_OWN, JSON_UNKNOWN };

static bool is_of_part(const struct field *field, enum json_part part, int err)
{
	switch (part) {
	case JSON_ARGS:
		return true;
	case JSON_VALUES:
		return !own_key(field);
	case JSON_OWN:
		return own_key(field) != NULL;
	default:
		return err != 0;
	}
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
		const char *key = NULL;

		next = i + 1;
		err = record_view_value(view, i, &at, &value);
		if (!err && is_object(field))
			err = record_view_object(view, i, &at, &value, &object, &next);
		if (err || !is_of_part(field->field, part, value.err))
			continue;
		if (part != JSON_ARGS)
			key = own_key(field->field) ?: object_key(field->field->name, buf);
		if (part == JSON_UNKNOWN)
			output_json_cstr(out, key, error_reason(value.err), SIZE_MAX);
		else
			json_value(view, names, field, &value, &object, key, out);
	}
	return err;
}

static bool is_own(const struct missing *missing)
{
	return own_key(&(struct field){ .name = missing->name }) != NULL;
}

/* Without a written format: values by name, unknown ones null, and why these are. */
static int json_named(const struct record_view *view, struct stack_names *names, struct output *out)
{
	const struct spec_format *format = &view->record->checked->spec->format;
	char key[OBJECT_MAX_KEY];
	int err;

	output_json_object_begin(out, "values");
	err = json_fields(view, names, JSON_VALUES, out);
	for (unsigned int i = 0; i < format->missing_count; i++)
		if (!is_own(&format->missing[i]))
			output_json_null(out, object_key(format->missing[i].name, key));
	output_json_object_end(out);
	err = err ?: json_fields(view, names, JSON_OWN, out);
	for (unsigned int i = 0; i < format->missing_count; i++)
		if (is_own(&format->missing[i]))
			output_json_null(out, format->missing[i].name);
	if (err || (!format->missing_count && !view->errors))
		return err;
	output_json_object_begin(out, "unknown");
	err = json_fields(view, names, JSON_UNKNOWN, out);
	for (unsigned int i = 0; i < format->missing_count; i++)
		output_json_cstr(out, object_key(format->missing[i].name, key),
				 format->missing[i].why, SIZE_MAX);
	output_json_object_end(out);
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
