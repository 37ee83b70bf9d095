/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tables instead of rows: what the kernel side has counted, and the slowest commands.
 */
#ifndef REDIS_TABLES_H
#define REDIS_TABLES_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/redis_event.h"
#include "lib/row.h"
#include "redis/redis_rows.h"
#include "redis/redis_server.h"
#include "redis/redis_stats.h"

/* redis-cmd's options that choose a table. */
enum {
	REDIS_KEY_STATS = 0x100,
	REDIS_KEY_TOP,
	REDIS_KEY_BIGKEYS,
	REDIS_KEY_OTHER,
};

struct redis_tables_opts {
	struct row_printer *printer;
	uint64_t now, elapsed_ns; /* ktime; since the last table */
	uint32_t rows;		  /* at most */
	bool by_size;		  /* keys by their largest command, not by calls */
	uint32_t sample;	  /* each that was counted stands for so many; 0: for itself */
};

extern const struct row_table redis_tables_stats, redis_tables_top, redis_tables_bigkeys;

/* Text: clear a terminal, and print the time. */
void redis_tables_begin(const struct redis_tables_opts *opts);
/* Print what has been counted since the last time, and start again. 0, 1 or negative errno: output_end(). */
int redis_tables_print_stats(struct redis_stats *stats, const struct redis_tables_opts *opts);
int redis_tables_print_top(int map_fd, const struct redis_tables_opts *opts);

/* The slowest of many rows, n at most (n 0: none). */
struct redis_slow;

/* NULL when out of memory. */
struct redis_slow *redis_slow_new(size_t n);
/* NULL is fine. */
void redis_slow_free(struct redis_slow *slow);

/* One of them, with what was known of it as it came: its client and server may be gone by now. */
struct redis_slow_row {
	struct redis_row row;
	struct redis_client client;
	struct redis_named named; /* cmd 0: not known */
};

/* Copies the row if it is among the slowest. named: NULL is fine. Returns the time in ns that others must exceed. */
uint64_t redis_slow_add(struct redis_slow *slow, const struct redis_row *row,
			const struct redis_client *client, const struct redis_named *named);
size_t redis_slow_count(const struct redis_slow *slow);
/* The slowest is 0. Borrowed. */
const struct redis_slow_row *redis_slow_row(const struct redis_slow *slow, size_t i);

#endif /* REDIS_TABLES_H */
