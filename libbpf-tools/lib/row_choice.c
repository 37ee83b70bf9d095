/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the command line says of rows: which are printed, and which columns; and the list of fields in --help. See row.h.
 */
#include "lib/row.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
