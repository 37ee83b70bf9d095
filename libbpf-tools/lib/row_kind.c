/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kinds of values; see row_kind.h.
 */
#include "lib/row_kind.h"

#include <array_size.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_NSEC_PER_SEC 1000000000ull

/* ---- names of errors ------------------------------------------------------------------------ */

/*
 * Errors that the kernel keeps to itself: include/linux/errno.h. A call that was killed, or will
 * start over, has one.
 */
static const struct {
	int number;
	const char *name;
} row_kernel_errors[] = {
	{ 512, "ERESTARTSYS" },
	{ 513, "ERESTARTNOINTR" },
	{ 514, "ERESTARTNOHAND" },
	{ 516, "ERESTART_RESTARTBLOCK" },
};

const char *row_error_name(int number)
{
	const char *name = strerrorname_np(number);
	size_t i;

	for (i = 0; !name && i < ARRAY_SIZE(row_kernel_errors); i++) {
		if (row_kernel_errors[i].number == number)
			name = row_kernel_errors[i].name;
	}
	return name ?: "unknown error";
}

/* ---- values --------------------------------------------------------------------------------- */

void row_set_text(struct row_value *value, const char *text, int64_t len)
{
	if (len < 0) {
		row_set_unknown(value, row_error_name(-len));
		return;
	}
	value->text = text;
	value->len = len;
}

static void row_load_unsigned(const struct row_column *column, const void *at,
			      struct row_value *value)
{
	switch (column->size) {
	case 1:
		value->number = *(const uint8_t *)at;
		break;
	case 2:
		value->number = *(const uint16_t *)at;
		break;
	case 4:
		value->number = *(const uint32_t *)at;
		break;
	default:
		value->number = *(const uint64_t *)at;
	}
}

static void row_load_signed(const struct row_column *column, const void *at,
			    struct row_value *value)
{
	unsigned int shift = 64 - 8 * column->size;

	row_load_unsigned(column, at, value);
	value->number = (uint64_t)((int64_t)(value->number << shift) >> shift);
}

static void row_load_double(const struct row_column *column, const void *at,
			    struct row_value *value)
{
	(void)column;
	value->real = *(const double *)at;
}

static void row_load_chars(const struct row_column *column, const void *at, struct row_value *value)
{
	row_set_text(value, at, strnlen(at, column->size));
}

static void row_load_string(const struct row_column *column, const void *at,
			    struct row_value *value)
{
	const char *text = *(const char *const *)at;

	(void)column;
	if (text)
		row_set_text(value, text, strlen(text));
	else
		row_set_none(value, NULL);
}

static void row_load_fd(const struct row_column *column, const void *at, struct row_value *value)
{
	row_load_signed(column, at, value);
	if ((int64_t)value->number < 0)
		row_set_none(value, row_error_name(-(int)value->number));
}

static void row_load_errno(const struct row_column *column, const void *at, struct row_value *value)
{
	row_load_signed(column, at, value);
	value->number = (int64_t)value->number < 0 ? -value->number : 0;
}

static void row_load_error(const struct row_column *column, const void *at, struct row_value *value)
{
	const char *name;

	row_load_errno(column, at, value);
	name = value->number ? row_error_name(value->number) : NULL;
	row_load_string(column, &name, value);
}

static void row_load_ip(const struct row_column *column, const void *at, struct row_value *value)
{
	(void)column;
	(void)at;
	row_set_none(value, NULL);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void row_text_unsigned(const struct row_cell *cell)
{
	output_put_u64(cell->printer->out, cell->value->number, cell->width);
}

static void row_text_signed(const struct row_cell *cell)
{
	output_put_s64(cell->printer->out, (int64_t)cell->value->number, cell->width);
}

static void row_put_word(const struct row_cell *cell, const char *word)
{
	output_put_escaped(cell->printer->out, word, strlen(word), cell->width);
}

static void row_text_octal(const struct row_cell *cell)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", abs(cell->column->width),
		 (unsigned long long)cell->value->number);
	row_put_word(cell, text);
}

static void row_text_bool(const struct row_cell *cell)
{
	static const char *const digits[] = { "0", "1" };
	bool is_true = cell->value->number;

	row_put_word(cell, cell->column->words[is_true] ?: digits[is_true]);
}

static void row_text_string(const struct row_cell *cell)
{
	size_t width = abs(cell->width), len = cell->value->len;
	struct output *out = cell->printer->out;

	/* Not within a character. */
	if (cell->column->is_clipped && len > width) {
		for (len = width; len && (cell->value->text[len] & 0xc0) == 0x80;)
			len--;
	}
	output_put_escaped(out, cell->value->text, len, cell->width);
	if (cell->value->is_cut)
		output_puts(out, "...");
}

static void row_text_ip(const struct row_cell *cell)
{
	char text[INET6_ADDRSTRLEN];

	row_put_word(cell, inet_ntop(cell->value->family, cell->value->address, text, sizeof(text))
				   ?: "?");
}

static void row_text_clock(const struct row_cell *cell)
{
	char hms[9];

	row_put_word(cell, timestamp_hms(cell->printer->start, cell->value->number, hms));
}

/* Nanoseconds in units of so many, rounded: printf() takes as long as half of the rest of a row. */
static void row_put_ns(const struct row_cell *cell, uint64_t ns, uint64_t unit)
{
	char text[40], *p = text + sizeof(text);
	uint64_t step = unit, scaled;
	unsigned int i;

	for (i = 0; i < cell->column->decimals; i++)
		step /= 10;
	scaled = ns / step + (ns % step >= step - ns % step);
	for (i = 0; i < cell->column->decimals; i++, scaled /= 10)
		*--p = '0' + scaled % 10;
	if (i)
		*--p = '.';
	do {
		*--p = '0' + scaled % 10;
		scaled /= 10;
	} while (scaled);
	output_put_escaped(cell->printer->out, p, text + sizeof(text) - p, cell->width);
}

static void row_put_elapsed(const struct row_cell *cell, uint64_t unit)
{
	uint64_t start = cell->printer->start->start_ns, ktime = cell->value->number;

	row_put_ns(cell, ktime > start ? ktime - start : 0, unit);
}

static void row_text_elapsed(const struct row_cell *cell)
{
	row_put_elapsed(cell, ROW_NSEC_PER_SEC);
}

static void row_text_elapsed_us(const struct row_cell *cell)
{
	row_put_elapsed(cell, 1000);
}

static void row_text_epoch(const struct row_cell *cell)
{
	row_put_ns(cell, timestamp_wall_ns(cell->printer->start, cell->value->number),
		   ROW_NSEC_PER_SEC);
}

static void row_text_us(const struct row_cell *cell)
{
	row_put_ns(cell, cell->value->number, 1000);
}

static void row_text_ms(const struct row_cell *cell)
{
	row_put_ns(cell, cell->value->number, 1000000);
}

static void row_put_double(const struct row_cell *cell, int decimals)
{
	output_printf(cell->printer->out, "%*.*f", cell->width, decimals, cell->value->real);
}

static void row_text_double(const struct row_cell *cell)
{
	row_put_double(cell, cell->column->decimals);
}

/* One collection in two seconds isn't none. */
static void row_text_rate(const struct row_cell *cell)
{
	double rate = cell->value->real;

	row_put_double(cell, rate < 9.95 && rate - (uint64_t)rate > 0.05);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void row_json_unsigned(const struct row_cell *cell)
{
	output_json_u64(cell->printer->out, cell->column->key, cell->value->number);
}

static void row_json_signed(const struct row_cell *cell)
{
	output_json_s64(cell->printer->out, cell->column->key, (int64_t)cell->value->number);
}

static void row_json_bool(const struct row_cell *cell)
{
	output_json_bool(cell->printer->out, cell->column->key, cell->value->number);
}

static void row_json_string(const struct row_cell *cell)
{
	output_json_str(cell->printer->out, cell->column->key, cell->value->text, cell->value->len);
}

static void row_json_ip(const struct row_cell *cell)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(cell->value->family, cell->value->address, text, sizeof(text));
	output_json_cstr(cell->printer->out, cell->column->key, text, sizeof(text));
}

static void row_json_time(const struct row_cell *cell)
{
	output_json_seconds(cell->printer->out, cell->column->key,
			    timestamp_wall_ns(cell->printer->start, cell->value->number));
}

static void row_json_us(const struct row_cell *cell)
{
	output_json_double(cell->printer->out, cell->column->key, cell->value->number / 1e3);
}

static void row_json_ms(const struct row_cell *cell)
{
	output_json_double(cell->printer->out, cell->column->key, cell->value->number / 1e6);
}

static void row_json_double(const struct row_cell *cell)
{
	output_json_double(cell->printer->out, cell->column->key, cell->value->real);
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static const struct {
	void (*load)(const struct row_column *column, const void *at, struct row_value *value);
	void (*text)(const struct row_cell *cell);
	void (*json)(const struct row_cell *cell);
} row_kinds[ROW_KINDS] = {
	[ROW_UNSIGNED] = { row_load_unsigned, row_text_unsigned, row_json_unsigned },
	[ROW_SIGNED] = { row_load_signed, row_text_signed, row_json_signed },
	[ROW_OCTAL] = { row_load_unsigned, row_text_octal, row_json_unsigned },
	[ROW_BOOL] = { row_load_unsigned, row_text_bool, row_json_bool },
	[ROW_CHARS] = { row_load_chars, row_text_string, row_json_string },
	[ROW_STRING] = { row_load_string, row_text_string, row_json_string },
	[ROW_IP] = { row_load_ip, row_text_ip, row_json_ip },
	[ROW_CLOCK] = { row_load_unsigned, row_text_clock, row_json_time },
	[ROW_ELAPSED] = { row_load_unsigned, row_text_elapsed, row_json_time },
	[ROW_ELAPSED_US] = { row_load_unsigned, row_text_elapsed_us, row_json_time },
	[ROW_EPOCH] = { row_load_unsigned, row_text_epoch, row_json_time },
	[ROW_US] = { row_load_unsigned, row_text_us, row_json_us },
	[ROW_MS] = { row_load_unsigned, row_text_ms, row_json_ms },
	[ROW_DOUBLE] = { row_load_double, row_text_double, row_json_double },
	[ROW_RATE] = { row_load_double, row_text_rate, row_json_double },
	[ROW_FD] = { row_load_fd, row_text_signed, row_json_signed },
	[ROW_ERRNO] = { row_load_errno, row_text_unsigned, row_json_unsigned },
	[ROW_ERROR] = { row_load_error, row_text_string, row_json_string },
};

static void row_load_status(const struct row_column *column, int32_t status,
			    struct row_value *value)
{
	if (status < 0)
		row_set_unknown(value, row_error_name(-status));
	value->is_cut = column->kind == ROW_CHARS && status == (int64_t)column->size;
}

void row_kind_load(const struct row_column *column, const void *row, struct row_value *value)
{
	const char *at = row;

	value->arg = column->arg;
	value->state = ROW_IS_THERE;
	value->why = NULL;
	value->is_cut = false;
	if (column->get) {
		column->get(row, value);
		return;
	}
	if (column->via)
		at = *(const char *const *)(at + column->via - 1);
	row_kinds[column->kind].load(column, at + column->offset, value);
	if (column->status)
		row_load_status(column, *(const int32_t *)(at + column->status - 1), value);
}

void row_kind_put_text(const struct row_cell *cell)
{
	static const char *const words[] = { [ROW_IS_NONE] = "-", [ROW_IS_UNKNOWN] = "?" };

	if (cell->value->state == ROW_IS_THERE)
		row_kinds[cell->column->kind].text(cell);
	else
		row_put_word(cell, words[cell->value->state]);
}

void row_kind_put_json(const struct row_cell *cell)
{
	struct output *out = cell->printer->out;
	char truncated[64];

	if (cell->value->state == ROW_IS_THERE)
		row_kinds[cell->column->kind].json(cell);
	else if (cell->value->why)
		output_json_error(out, cell->column->key, cell->value->why);
	else if (cell->value->state == ROW_IS_UNKNOWN)
		output_json_null(out, cell->column->key);
	if (!cell->value->is_cut)
		return;
	snprintf(truncated, sizeof(truncated), "%s_truncated", cell->column->key);
	output_json_bool(out, truncated, true);
}
