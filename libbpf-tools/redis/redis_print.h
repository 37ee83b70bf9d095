/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A command's row, as columns or as JSON: man/redis-cmd.8, OUTPUT.
 */
#ifndef REDIS_PRINT_H
#define REDIS_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/row.h"
#include "redis/redis_command.h"
#include "redis/redis_rows.h"

struct redis_client;
struct redis_key_rules;
struct redis_named;

/* How rows are printed. */
struct redis_print {
	struct row_printer *rows;
	uint32_t args, arg_bytes; /* show so many, the name included, and so much of each */
	bool show_secrets;
	char *quoted; /* room for an argument */
	size_t quoted_size;
};

/* A row, and what has been found out about it. */
struct redis_shown {
	const struct redis_row *row;
	struct redis_command command;
	const struct redis_client *client;
	const struct redis_key_rules *keys; /* NULL: not known */
	char error[REDIS_ERROR_SIZE + 8];   /* "" : none */
	struct redis_print *print;	    /* set by redis_print_row() */
};

extern const struct row_table redis_print_rows;

/* All but the client, from a row, which is borrowed. named: what the server has for the command, or NULL. 0 or -EINVAL. */
int redis_shown_set(struct redis_shown *shown, const struct redis_row *row,
		    const struct redis_named *named, bool show_secrets);

/* 0, 1 or negative errno: output_end(). */
int redis_print_row(struct redis_print *print, struct redis_shown *shown);
/* Free what was needed meanwhile. */
void redis_print_end(struct redis_print *print);

#endif /* REDIS_PRINT_H */
