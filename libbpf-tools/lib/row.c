/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows from tables of columns; see row.h.
 */
#include "lib/row.h"

#include <stdlib.h>
#include <string.h>

#include "lib/row_kind.h"
#include "lib/row_list.h"

#define ROW_USUAL_TERMINAL 80

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
		} else if (cell.column->kind == ROW_LIST) {
			row_list_put_text(cell.column->list, row, printer->out);
		} else {
			row_kind_load(cell.column, row, &value);
			row_kind_put_text(&cell);
		}
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
	if (column->kind == ROW_LIST) {
		row_list_put_json(column->list, column->key, row, printer->out);
		return;
	}
	row_kind_load(column, row, &value);
	row_kind_put_json(&cell);
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
	return !column->width && (column->put || column->kind == ROW_CHARS ||
				  column->kind == ROW_STRING || column->kind == ROW_LIST);
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
