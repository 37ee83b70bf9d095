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

/* How a command came to its end. */
enum redis_end {
	REDIS_END_RETURNED, /* without having blocked its client */
	REDIS_END_UNKNOWN, /* those that blocked it: there was neither a second run nor a sign of anything else */
	REDIS_END_SERVED,
	REDIS_END_TIMED_OUT,
	REDIS_END_FAILED, /* by an error that its client got instead */
	REDIS_END_CLIENT_LEFT,
	REDIS_END_RUN,	  /* not yet, when the run ended */
	REDIS_END_SERVER, /* nor when its server did */
};

struct redis_row {
	const struct redis_event *event; /* with its items behind it */
	size_t size;
	uint64_t run_ns;
	uint64_t wait_ns; /* blocked */
	bool has_blocked; /* wait_ns counts */
	bool is_blocked;  /* still, at the end of the run, or its server's */
	enum redis_end end;
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
/* At the end of the run, REDIS_END_RUN, or of a server, REDIS_END_SERVER: all that is left of it. pid 0: of all. */
int redis_rows_flush(struct redis_rows *rows, uint64_t now, uint32_t pid, enum redis_end end);
/* What blocks a client now, as rows, by the callback; they stay. */
int redis_rows_show_blocked(struct redis_rows *rows, uint64_t now);

#endif /* REDIS_ROWS_H */
