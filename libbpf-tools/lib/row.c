/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows from tables of columns; see row.h.
 */
#include "lib/row.h"

#include <array_size.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_USUAL_TERMINAL 80
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

/* A value to be put: its column, and where. */
struct row_cell {
	const struct row_printer *printer;
	const struct row_column *column;
	const struct row_value *value;
	int width;
};

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

static void row_load(const struct row_column *column, const void *row, struct row_value *value)
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

static void row_put_text(const struct row_cell *cell)
{
	static const char *const words[] = { [ROW_IS_NONE] = "-", [ROW_IS_UNKNOWN] = "?" };

	if (cell->value->state == ROW_IS_THERE)
		row_kinds[cell->column->kind].text(cell);
	else
		row_put_word(cell, words[cell->value->state]);
}

static void row_put_json(const struct row_cell *cell)
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

/* ---- rows ----------------------------------------------------------------------------------- */

static void row_put_columns(const struct row_printer *printer, const void *row)
{
	const struct row_choice *choice = printer->choice;
	struct row_value value;
	struct row_cell cell = { .printer = printer, .value = &value };
	size_t i;

	for (i = 0; i < choice->count; i++) {
		cell.column = choice->columns[i];
		cell.width = printer->widths[i];
		if (i)
			output_put(printer->out, " ", 1);
		if (cell.column->put) {
			cell.column->put(row, printer->out);
			continue;
		}
		row_load(cell.column, row, &value);
		row_put_text(&cell);
	}
}

static void row_put_member(const struct row_printer *printer, const struct row_column *column,
			   const void *row)
{
	struct row_value value;
	const struct row_cell cell = { .printer = printer, .column = column, .value = &value };

	if (column->put) {
		column->put(row, printer->out);
		return;
	}
	row_load(column, row, &value);
	row_put_json(&cell);
}

void row_put_members(const struct row_table *table, const void *row, struct output *out)
{
	const struct row_printer printer = { .out = out };
	size_t i;

	for (i = 0; i < table->count; i++)
		row_put_member(&printer, &table->columns[i], row);
}

void row_put(const struct row_printer *printer, const void *row)
{
	size_t i;

	if (!output_is_json(printer->out)) {
		row_put_columns(printer, row);
		return;
	}
	output_json_begin(printer->out);
	for (i = 0; i < printer->choice->member_count; i++)
		row_put_member(printer, printer->choice->members[i], row);
}

int row_print(const struct row_printer *printer, const void *row)
{
	row_put(printer, row);
	return output_end(printer->out);
}

/* Text of any length: the rest of the line is its room. */
static bool row_is_free(const struct row_column *column)
{
	return !column->width &&
	       (column->put || column->kind == ROW_CHARS || column->kind == ROW_STRING);
}

static void row_widen(int *width, int by)
{
	*width += *width < 0 ? -by : by;
}

/* On a terminal that is too narrow for all, what can do with less gives way, the last ones first. */
static void row_narrow(struct row_printer *printer, int excess)
{
	const struct row_choice *choice = printer->choice;
	size_t i = choice->count;
	int spare;

	while (i-- && excess > 0) {
		if (!choice->columns[i]->least)
			continue;
		spare = abs(printer->widths[i]) - choice->columns[i]->least;
		spare = spare < excess ? spare : excess;
		row_widen(&printer->widths[i], -spare);
		excess -= spare;
	}
}

/* Widths as the table has them, but for what a terminal has room for. */
static void row_fit(struct row_printer *printer)
{
	const struct row_choice *choice = printer->choice;
	int used = 0, terminal = output_terminal_width(printer->out);
	size_t i, wide = choice->count;

	for (i = 0; i < choice->count; i++) {
		printer->widths[i] = choice->columns[i]->width;
		if (choice->columns[i]->is_wide || row_is_free(choice->columns[i]))
			wide = i;
		used += abs(printer->widths[i]) ?: (int)strlen(choice->columns[i]->title);
		used += i > 0;
	}
	if (terminal && used > terminal)
		row_narrow(printer, used - terminal);
	else if (terminal > ROW_USUAL_TERMINAL && wide < choice->count && printer->widths[wide])
		row_widen(&printer->widths[wide], terminal - used);
}

void row_printer_init(struct row_printer *printer, const struct row_choice *choice,
		      struct output *out, struct timestamp *start)
{
	*printer = (struct row_printer){ .choice = choice, .out = out, .start = start };
	row_fit(printer);
}

void row_print_header(struct row_printer *printer)
{
	const struct row_choice *choice = printer->choice;
	const char *title;
	size_t i;

	if (output_is_json(printer->out))
		return;
	row_fit(printer);
	for (i = 0; i < choice->count; i++) {
		title = choice->columns[i] == printer->untitled ? "" : choice->columns[i]->title;
		if (i)
			output_put(printer->out, " ", 1);
		output_put_escaped(printer->out, title, strlen(title), printer->widths[i]);
	}
	output_end_line(printer->out);
}

/* ---- the command line ----------------------------------------------------------------------- */

static bool row_depends(const int when[2], int key)
{
	return key && (abs(when[0]) == key || abs(when[1]) == key);
}

static bool row_holds(const struct row_choice *choice, const int when[2])
{
	bool is_given;
	size_t i, k;

	for (k = 0; k < 2 && when[k]; k++) {
		for (i = 0; i < choice->given_count && choice->given[i] != abs(when[k]); i++)
			;
		is_given = i < choice->given_count;
		if (is_given != (when[k] > 0))
			return false;
	}
	return true;
}

bool row_note_option(struct row_choice *choice, const struct row_table *const *tables, int key)
{
	const int when[2] = { key };
	bool depends = false;
	size_t i;

	for (; *tables; tables++) {
		depends |= row_depends((*tables)->when, key);
		for (i = 0; i < (*tables)->count; i++)
			depends |= row_depends((*tables)->columns[i].when, key);
	}
	if (depends && !row_holds(choice, when) && choice->given_count < ROW_COLUMNS_MAX)
		choice->given[choice->given_count++] = key;
	return depends;
}

/* By letters and digits alone: time_s is TIME(s). */
static bool row_is_named(const char *full, const char *name, size_t len)
{
	const char *end = name + len;

	for (;; full++, name++) {
		while (*full && !isalnum((unsigned char)*full))
			full++;
		while (name < end && !isalnum((unsigned char)*name))
			name++;
		if (!*full || name == end)
			return !*full && name == end;
		if (tolower((unsigned char)*full) != tolower((unsigned char)*name))
			return false;
	}
}

/* A column of text by its key or title. */
static const struct row_column *row_find(const struct row_table *table, const char *name,
					 size_t len)
{
	const struct row_column *column;

	for (column = table->columns; column < table->columns + table->count; column++) {
		if (column->title && ((column->key && row_is_named(column->key, name, len)) ||
				      row_is_named(column->title, name, len)))
			return column;
	}
	return NULL;
}

const struct row_column *row_column(const struct row_table *table, const char *name)
{
	return row_find(table, name, strlen(name));
}

static void row_remove(struct row_choice *choice, const struct row_column *column)
{
	size_t i, kept = 0;

	for (i = 0; i < choice->count; i++) {
		if (choice->columns[i] != column)
			choice->columns[kept++] = choice->columns[i];
	}
	choice->count = kept;
}

/* Where it is in text; behind the last one: nowhere. */
static size_t row_place(const struct row_choice *choice, const struct row_column *column)
{
	size_t i;

	for (i = 0; i < choice->count && choice->columns[i] != column; i++)
		;
	return i;
}

/* Before the first one that comes later in the usual order. */
static void row_insert(struct row_choice *choice, const struct row_choice *all,
		       const struct row_column *column)
{
	size_t at = 0, place = row_place(all, column);

	while (at < choice->count && row_place(all, choice->columns[at]) < place)
		at++;
	memmove(&choice->columns[at + 1], &choice->columns[at],
		(choice->count - at) * sizeof(choice->columns[0]));
	choice->columns[at] = column;
	choice->count++;
}

/* All columns of text in their usual order. */
static void row_list_all(struct row_choice *all, const struct row_table *table)
{
	const char *name = table->order;
	size_t i, len;

	all->count = 0;
	for (; name && *name; name += len + (name[len] == ',')) {
		len = strcspn(name, ",");
		all->columns[all->count++] = row_find(table, name, len);
	}
	for (i = 0; !table->order && i < table->count; i++) {
		if (table->columns[i].title)
			all->columns[all->count++] = &table->columns[i];
	}
}

static int row_say_names(const struct row_choice *all, const char *name, size_t len, char *why,
			 size_t size)
{
	const struct row_column *column;
	const char *separator = "";
	size_t i, at;

	at = snprintf(why, size, "no column '%.*s' for --columns: there are", (int)len, name);
	for (i = 0; i < all->count && at < size; i++) {
		column = all->columns[i];
		name = column->key ?: column->title;
		/* Unless another one has the name: the same in other units. */
		if (row_find(all->table, name, strlen(name)) != column)
			continue;
		at += snprintf(why + at, size - at, "%s %s", separator, name);
		separator = ",";
	}
	return -EINVAL;
}

/* One word of --columns. */
static int row_apply(struct row_choice *choice, const struct row_choice *all, const char *word,
		     size_t len, char *why, size_t why_size)
{
	char sign = *word == '+' || *word == '-' ? *word : '\0';
	const struct row_column *column = row_find(choice->table, word + !!sign, len - !!sign);

	if (!column)
		return row_say_names(all, word + !!sign, len - !!sign, why, why_size);
	row_remove(choice, column);
	if (sign == '+')
		row_insert(choice, all, column);
	else if (!sign)
		choice->columns[choice->count++] = column;
	return 0;
}

static void row_choose_members(struct row_choice *choice)
{
	const struct row_table *table = choice->table;
	const struct row_column *column;

	choice->member_count = 0;
	for (column = table->columns; column < table->columns + table->count; column++) {
		if (column->key && column->kind != ROW_APART &&
		    (!column->is_extra || row_holds(choice, column->when)))
			choice->members[choice->member_count++] = column;
	}
}

int row_choose(struct row_choice *choice, const struct row_table *const *tables, const char *list,
	       char *why, size_t why_size)
{
	struct row_choice all = {};
	size_t i, len;
	int err = 0;

	for (; *tables; tables++) {
		if (row_holds(choice, (*tables)->when))
			choice->table = *tables;
	}
	if (!choice->table) {
		snprintf(why, why_size, "--columns is for rows, and these are none");
		return list ? -EINVAL : 0;
	}
	all.table = choice->table;
	row_list_all(&all, choice->table);
	for (i = 0; i < all.count; i++) {
		if (row_holds(choice, all.columns[i]->when))
			choice->columns[choice->count++] = all.columns[i];
	}
	row_choose_members(choice);
	if (!list)
		return 0;
	if (*list != '+' && *list != '-')
		choice->count = 0;
	for (; *list && !err; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		err = row_apply(choice, &all, list, len, why, why_size);
	}
	if (err || choice->count)
		return err;
	snprintf(why, why_size, "--columns leaves no column");
	return -EINVAL;
}

bool row_wants(const struct row_choice *choice, int key)
{
	const int given[2] = { key };
	size_t i;

	for (i = 0; i < choice->count && choice->columns[i]->when[0] != key; i++)
		;
	return i < choice->count || row_holds(choice, given);
}

/* ---- help ----------------------------------------------------------------------------------- */

/* "-U" or "--cwd"; "": a key that is no option's. */
static void row_name_option(int key, const struct argp_option *options, char *text, size_t size)
{
	text[0] = '\0';
	if (key == ROW_CHOSEN)
		snprintf(text, size, "--columns");
	else if (key > 0 && key < 0x7f)
		snprintf(text, size, "-%c", key);
	for (; key >= 0x7f && options && (options->name || options->key); options++) {
		if (options->key == key && !(options->flags & OPTION_ALIAS))
			snprintf(text, size, "--%s", options->name);
	}
}

/* " (-L -m)", or nothing for what is always shown. */
static void row_tell_when(FILE *file, const struct row_column *column,
			  const struct argp_option *options)
{
	char names[2][32];
	size_t k;

	if (!column->title && column->when[0] == ROW_CHOSEN)
		return;
	for (k = 0; k < 2; k++)
		row_name_option(column->when[k], options, names[k], sizeof(names[k]));
	if (names[0][0] || names[1][0])
		fprintf(file, " (%s%s%s)", names[0], names[0][0] && names[1][0] ? " " : "",
			names[1]);
}

static void row_help_table(FILE *file, const struct row_table *table,
			   const struct argp_option *options)
{
	const struct row_column *column, *end = table->columns + table->count;
	int titles = 1, keys = 1;

	for (column = table->columns; column < end; column++) {
		titles = column->title && (int)strlen(column->title) > titles
				 ? (int)strlen(column->title)
				 : titles;
		keys = column->key && (int)strlen(column->key) > keys ? (int)strlen(column->key)
								      : keys;
	}
	for (column = table->columns; column < end; column++) {
		fprintf(file, "  %-*s  %-*s  %s", titles, column->title ?: "-", keys,
			column->key ?: "-", column->help);
		row_tell_when(file, column, options);
		fprintf(file, "\n");
	}
}

char *row_help(const struct row_table *const *tables, const struct argp_option *options)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fprintf(file, "Fields: column, key in JSON, meaning (what shows the column)\n");
	for (size_t i = 0; tables[i]; i++) {
		/* Rows of the same columns by another option. */
		if (i && tables[i]->columns == tables[i - 1]->columns)
			continue;
		if (tables[i]->title)
			fprintf(file, "\n%s:\n", tables[i]->title);
		row_help_table(file, tables[i], options);
	}
	fclose(file);
	return text;
}
