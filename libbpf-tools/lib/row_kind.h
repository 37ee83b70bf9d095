/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kinds of values: how each is loaded from a row, and put as text and as JSON. For row.c.
 */
#ifndef LIB_ROW_KIND_H
#define LIB_ROW_KIND_H

#include "lib/row.h"

/* A value to be put: its column, and where. */
struct row_cell {
	const struct row_printer *printer;
	const struct row_column *column;
	const struct row_value *value;
	int width;
};

/* A column's value in a row: from where it is, or by .get. */
void row_kind_load(const struct row_column *column, const void *row, struct row_value *value);
/* As text: "-" and "?" if it isn't there. */
void row_kind_put_text(const struct row_cell *cell);
/* As a member of a JSON object, or as two if there is something to be said of it. */
void row_kind_put_json(const struct row_cell *cell);

#endif /* LIB_ROW_KIND_H */
