/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists of strings in rows; see row.h. Text and JSON come from the same elements.
 */
#include "lib/row_list.h"

#include <blazesym-lite.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static bool row_list_is_shown(const struct row_item *item)
{
	return item->text && !item->is_secret;
}

void row_list_put_text(const struct row_list *list, const void *row, struct output *out)
{
	struct row_item item = {};

	list->before(row, out);
	for (size_t i = 0; list->next(row, i, &item); i++) {
		if (i < list->from)
			continue;
		output_put(out, " ", 1);
		if (!row_list_is_shown(&item)) {
			output_puts(out, item.is_secret ? "(redacted)" : list->unknown ?: "?");
			continue;
		}
		list->quote(row, out, item.text, item.len);
		if (item.len < item.whole)
			output_printf(out, "...(%zu)", item.whole);
	}
	list->after(row, out);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void row_list_json_text(struct output *out, const struct row_item *item)
{
	if (row_list_is_shown(item))
		output_json_str(out, NULL, item->text, item->len);
	else
		output_json_null(out, NULL);
}

/* Bytes that a JSON string can't carry? */
static bool row_list_is_binary(const struct row_item *item)
{
	uint32_t code;
	size_t step;

	for (size_t at = 0; row_list_is_shown(item) && at < item->len; at += step) {
		step = bsl_utf8_char(item->text + at, item->len - at, &code);
		if (!step)
			return true;
	}
	return false;
}

static void row_list_json_hex(struct output *out, const struct row_item *item)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = row_list_is_binary(item) ? malloc(2 * item->len) : NULL;

	for (size_t i = 0; hex && i < item->len; i++) {
		hex[2 * i] = digits[(uint8_t)item->text[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)item->text[i] & 15];
	}
	if (hex)
		output_json_str(out, NULL, hex, 2 * item->len);
	else
		output_json_null(out, NULL);
	free(hex);
}

static void row_list_json_bytes(struct output *out, const struct row_item *item)
{
	if (item->is_secret)
		output_json_str(out, NULL, "redacted", 8);
	else if (!item->text)
		output_json_str(out, NULL, "unreadable", 10);
	else
		output_json_u64(out, NULL, item->whole);
}

static void row_list_json_array(const struct row_list *list, const void *row, struct output *out,
				const char *key, const char *suffix,
				void (*put)(struct output *out, const struct row_item *item))
{
	struct row_item item = {};
	char name[64];

	snprintf(name, sizeof(name), "%s%s", key, suffix);
	output_json_array_begin(out, name);
	for (size_t i = 0; list->next(row, i, &item); i++)
		put(out, &item);
	output_json_array_end(out);
}

void row_list_put_json(const struct row_list *list, const char *key, const void *row,
		       struct output *out)
{
	bool is_binary = false, is_cut = false;
	struct row_item item = {};

	for (size_t i = 0; list->next(row, i, &item); i++) {
		is_binary |= row_list_is_binary(&item);
		is_cut |= !row_list_is_shown(&item) || item.len < item.whole;
	}
	row_list_json_array(list, row, out, key, "", row_list_json_text);
	if (is_binary)
		row_list_json_array(list, row, out, key, "_hex", row_list_json_hex);
	if (is_cut && list->has_bytes)
		row_list_json_array(list, row, out, key, "_bytes", row_list_json_bytes);
}
