/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From records, which come as calls return, to rows: a command before those within it, and one row
 * for a command that blocked, when it is over.
 */
#ifndef REDIS_ROWS_H
#define REDIS_ROWS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/redis_event.h"

struct redis_rows;

struct redis_row {
	const struct redis_event *event; /* with its items behind it */
	size_t size;
	uint64_t run_ns;
	uint64_t wait_ns;		       /* blocked */
	bool has_blocked;		       /* wait_ns counts */
	bool is_blocked;		       /* still, at the end of the run */
	const struct redis_event *error_event; /* NULL, or the record that has its error */
	size_t error_size;
};

/* 0: go on; anything else is what redis_rows_add() and friends return at once. */
typedef int (*redis_row_fn)(void *ctx, const struct redis_row *row);

/* NULL and errno. */
struct redis_rows *redis_rows_new(redis_row_fn fn, void *ctx);
void redis_rows_free(struct redis_rows *rows);

/*
 * A record, checked by redis_command_parse(). reexecutes: its server runs a command again when the
 * client is unblocked (struct redis_places). 0, what the callback returned, or -ENOMEM.
 */
int redis_rows_add(struct redis_rows *rows, const struct redis_event *event, size_t size,
		   bool reexecutes);
/* Now and then: rows that wait for nothing any more. now: ktime. */
int redis_rows_tick(struct redis_rows *rows, uint64_t now);
/* At the end of the run: all that is left. */
int redis_rows_flush(struct redis_rows *rows, uint64_t now);

#endif /* REDIS_ROWS_H */
