/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tables of statistics, of keys, and of the slowest commands.
 */
#include "redis/redis_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/output.h"
#include "lib/timestamp.h"
#include "redis/redis_command.h"

/* Home, and erase what is below: a table in place of the last one. */
#define CLEAR_SCREEN "\x1b[H\x1b[J"

/* ---- maps ----------------------------------------------------------------------------------- */

/* Before an element's value: room for the key, and for the value's alignment. */
#define KEY_ROOM 80
#define TOP_MAX 16384 /* as many as the map has */

_Static_assert(sizeof(struct redis_top_key) <= KEY_ROOM, "KEY_ROOM has room for the key");

struct table {
	char *entries; /* key, then value */
	size_t count, size;
};

/* Take all elements out of a map. One being counted at this very moment may be lost. */
static int table_take(struct table *table, int map_fd, size_t value_size, size_t max)
{
	char *entry;

	*table = (struct table){ .size = KEY_ROOM + value_size };
	table->entries = calloc(max, table->size);
	if (!table->entries)
		return -ENOMEM;
	while (table->count < max) {
		entry = table->entries + table->count * table->size;
		if (bpf_map_get_next_key(map_fd, NULL, entry))
			break;
		/* In one step where the kernel can (5.14). */
		if (bpf_map_lookup_and_delete_elem(map_fd, entry, entry + KEY_ROOM) &&
		    (bpf_map_lookup_elem(map_fd, entry, entry + KEY_ROOM) ||
		     bpf_map_delete_elem(map_fd, entry)))
			continue;
		table->count++;
	}
	return 0;
}

static void begin_table(const struct redis_tables_opts *opts)
{
	char hms[9];

	if (output_is_json(opts->output))
		return;
	if (isatty(STDOUT_FILENO))
		output_puts(opts->output, CLEAR_SCREEN);
	output_printf(opts->output, "%s", timestamp_hms(opts->start, opts->now, hms));
	output_end_line(opts->output);
}

static double per_second(uint64_t count, const struct redis_tables_opts *opts)
{
	return opts->elapsed_ns ? count * 1e9 / opts->elapsed_ns : 0;
}

/* ---- statistics ----------------------------------------------------------------------------- */

/* Times of calls; there are none if all were rejected. */
static void put_times(struct output *out, const struct redis_stat *stat)
{
	if (!stat->calls) {
		output_printf(out, " %9s %9s %9s %11s", "-", "-", "-", "-");
		return;
	}
	output_printf(out, " %9.1f %9.1f %9.1f %11.1f", stat->total_ns / 1e3 / stat->calls,
		      redis_stat_percentile(stat, 0.5) / 1e3,
		      redis_stat_percentile(stat, 0.99) / 1e3, stat->max_ns[0] / 1e3);
}

static int print_stat(const struct redis_tables_opts *opts, const struct redis_stat *stat)
{
	const struct redis_stat_key *key = &stat->key;
	struct output *out = opts->output;

	if (!output_is_json(out)) {
		output_printf(out, "%-7llu ", (unsigned long long)key->pid);
		output_put_cstr(out, key->name, sizeof(key->name), -16);
		output_printf(out, " %10.0f %7llu", per_second(stat->calls, opts),
			      (unsigned long long)stat->errors);
		put_times(out, stat);
		output_printf(out, " %10.1f", per_second(stat->bytes, opts) / 1024);
		return output_end(out);
	}
	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(opts->start, opts->now));
	output_json_double(out, "seconds", opts->elapsed_ns / 1e9);
	output_json_u64(out, "pid", key->pid);
	output_json_cstr(out, "command", key->name, sizeof(key->name));
	output_json_u64(out, "calls", stat->calls);
	output_json_u64(out, "errors", stat->errors);
	if (stat->calls) {
		output_json_double(out, "mean_us", stat->total_ns / 1e3 / stat->calls);
		output_json_double(out, "p50_us", redis_stat_percentile(stat, 0.5) / 1e3);
		output_json_double(out, "p99_us", redis_stat_percentile(stat, 0.99) / 1e3);
		output_json_double(out, "max_us", stat->max_ns[0] / 1e3);
	}
	output_json_u64(out, "bytes", stat->bytes);
	return output_end(out);
}

static int print_stats(const struct redis_tables_opts *opts, const struct redis_stat *list,
		       size_t count)
{
	struct output *out = opts->output;
	int err = 0;

	begin_table(opts);
	if (count && !output_is_json(out)) {
		output_printf(out, "%-7s %-16s %10s %7s %9s %9s %9s %11s %10s", "PID", "COMMAND",
			      "CALLS/s", "ERRORS", "MEAN(us)", "P50(us)", "P99(us)", "MAX(us)",
			      "KiB/s");
		output_end_line(out);
	}
	for (size_t i = 0; i < count && i < opts->rows && !err; i++)
		err = print_stat(opts, &list[i]);
	return err ?: output_flush(out);
}

int redis_tables_print_stats(struct redis_stats *stats, const struct redis_tables_opts *opts)
{
	const struct redis_stat *list;
	size_t count = redis_stats_take(stats, &list);

	return print_stats(opts, list, count);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int by_calls(const void *a, const void *b)
{
	const struct redis_top *left = (const void *)((const char *)a + KEY_ROOM);
	const struct redis_top *right = (const void *)((const char *)b + KEY_ROOM);

	return left->calls < right->calls ? 1 : left->calls > right->calls ? -1 : 0;
}

static int by_max_bytes(const void *a, const void *b)
{
	const struct redis_top *left = (const void *)((const char *)a + KEY_ROOM);
	const struct redis_top *right = (const void *)((const char *)b + KEY_ROOM);

	return left->max_bytes < right->max_bytes ? 1 : left->max_bytes > right->max_bytes ? -1 : 0;
}

static int print_top(const struct redis_tables_opts *opts, const struct redis_top_key *key,
		     const struct redis_top *top)
{
	uint32_t kept = key->len < REDIS_KEY_SIZE ? key->len : REDIS_KEY_SIZE;
	char quoted[REDIS_QUOTED_SIZE(REDIS_KEY_SIZE)];
	struct output *out = opts->output;

	if (!output_is_json(out)) {
		output_printf(out, "%-7u %-3d %10.0f %9.1f %10llu ", key->pid, key->db,
			      per_second(top->calls, opts),
			      top->calls ? top->total_ns / 1e3 / top->calls : 0,
			      (unsigned long long)top->max_bytes);
		output_put(out, quoted, redis_quote(quoted, key->key, kept));
		if (kept < key->len)
			output_printf(out, "...(%u)", key->len);
		return output_end(out);
	}
	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(opts->start, opts->now));
	output_json_double(out, "seconds", opts->elapsed_ns / 1e9);
	output_json_u64(out, "pid", key->pid);
	output_json_s64(out, "db", key->db);
	output_json_str(out, "key", key->key, kept);
	if (kept < key->len)
		output_json_u64(out, "key_bytes", key->len);
	output_json_u64(out, "calls", top->calls);
	output_json_double(out, "mean_us", top->calls ? top->total_ns / 1e3 / top->calls : 0);
	output_json_u64(out, "bytes", top->bytes);
	output_json_u64(out, "max_bytes", top->max_bytes);
	return output_end(out);
}

static int print_tops(const struct redis_tables_opts *opts, struct table *table)
{
	struct output *out = opts->output;
	int err = 0;

	begin_table(opts);
	if (table->count && !output_is_json(out)) {
		output_printf(out, "%-7s %-3s %10s %9s %10s %s", "PID", "DB", "CALLS/s", "MEAN(us)",
			      "MAX(bytes)", "KEY");
		output_end_line(out);
	}
	qsort(table->entries, table->count, table->size, opts->by_size ? by_max_bytes : by_calls);
	for (size_t i = 0; i < table->count && i < opts->rows && !err; i++) {
		const char *entry = table->entries + i * table->size;

		err = print_top(opts, (const void *)entry, (const void *)(entry + KEY_ROOM));
	}
	return err ?: output_flush(out);
}

int redis_tables_print_top(int map_fd, const struct redis_tables_opts *opts)
{
	struct table table;
	int err = table_take(&table, map_fd, sizeof(struct redis_top), TOP_MAX);

	if (err)
		return err;
	err = print_tops(opts, &table);
	free(table.entries);
	return err;
}

/* ---- the slowest ---------------------------------------------------------------------------- */

struct redis_slow {
	size_t max, count;
	struct redis_row *rows; /* slowest first; each owns its copies */
};

struct redis_slow *redis_slow_new(size_t n)
{
	struct redis_slow *slow = calloc(1, sizeof(*slow));

	if (!slow)
		return NULL;
	slow->rows = calloc(n + 1, sizeof(*slow->rows));
	slow->max = n;
	if (!slow->rows) {
		free(slow);
		return NULL;
	}
	return slow;
}

static void row_clear(struct redis_row *row)
{
	free((void *)row->event);
	free((void *)row->error_event);
	*row = (struct redis_row){};
}

void redis_slow_free(struct redis_slow *slow)
{
	if (!slow)
		return;
	for (size_t i = 0; i < slow->count; i++)
		row_clear(&slow->rows[i]);
	free(slow->rows);
	free(slow);
}

static void *duplicate(const void *data, size_t size)
{
	void *copy = data ? malloc(size) : NULL;

	return copy ? memcpy(copy, data, size) : NULL;
}

uint64_t redis_slow_add(struct redis_slow *slow, const struct redis_row *row)
{
	size_t at = slow->count;
	struct redis_row copy = *row;

	while (at && slow->rows[at - 1].run_ns < row->run_ns)
		at--;
	if (at < slow->max) {
		copy.event = duplicate(row->event, row->size);
		copy.error_event = duplicate(row->error_event, row->error_size);
		if (!copy.event) {
			row_clear(&copy);
			return 0;
		}
		memmove(&slow->rows[at + 1], &slow->rows[at],
			(slow->count - at) * sizeof(slow->rows[0]));
		slow->rows[at] = copy;
		if (slow->count == slow->max)
			row_clear(&slow->rows[slow->max]);
		else
			slow->count++;
	}
	return slow->count == slow->max && slow->max ? slow->rows[slow->max - 1].run_ns : 0;
}

size_t redis_slow_count(const struct redis_slow *slow)
{
	return slow->count;
}

const struct redis_row *redis_slow_row(const struct redis_slow *slow, size_t i)
{
	return &slow->rows[i];
}
