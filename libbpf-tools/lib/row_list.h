/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists of strings in rows: struct row_list of row.h. For row.c.
 */
#ifndef LIB_ROW_LIST_H
#define LIB_ROW_LIST_H

#include "lib/row.h"

/* Elements with a blank before each. */
void row_list_put_text(const struct row_list *list, const void *row, struct output *out);
/* The arrays, as members of a JSON object. */
void row_list_put_json(const struct row_list *list, const char *key, const void *row,
		       struct output *out);

#endif /* LIB_ROW_LIST_H */
