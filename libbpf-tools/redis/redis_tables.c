/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tables of statistics, of keys, and of the slowest commands.
 */
#include "redis/redis_tables.h"

#include <array_size.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/map_rows.h"
#include "redis/redis_command.h"

/* Home, and erase what is below: a table in place of the last one. */
#define CLEAR_SCREEN "\x1b[H\x1b[J"

void redis_tables_begin(const struct redis_tables_opts *opts)
{
	struct output *out = opts->printer->out;
	char hms[9];

	if (output_is_json(out))
		return;
	if (isatty(STDOUT_FILENO))
		output_puts(out, CLEAR_SCREEN);
	output_printf(out, "%s", timestamp_hms(opts->printer->start, opts->now, hms));
	output_end_line(out);
}

static double per_second(uint64_t count, const struct redis_tables_opts *opts)
{
	return opts->elapsed_ns ? count * 1e9 / opts->elapsed_ns : 0;
}

/* What a count that was sampled stands for. */
static __u64 scaled(__u64 count, const struct redis_tables_opts *opts)
{
	return opts->sample > 1 ? count * opts->sample : count;
}

/* ---- statistics ----------------------------------------------------------------------------- */

/* A row. */
struct stat_row {
	const struct redis_stat *stat;
	const struct redis_tables_opts *opts;
	double seconds;
};

static void get_calls(const void *data, struct row_value *value)
{
	const struct stat_row *row = data;

	value->real = per_second(row->stat->calls, row->opts);
}

static void get_kib(const void *data, struct row_value *value)
{
	const struct stat_row *row = data;

	value->real = per_second(row->stat->bytes, row->opts) / 1024;
}

enum { MEAN, P50, P99, MAX };

/* Times of calls; there are none if all were rejected. */
static void get_time(const void *data, struct row_value *value)
{
	const struct redis_stat *stat = ((const struct stat_row *)data)->stat;

	if (!stat->calls)
		row_set_none(value, NULL);
	else if (value->arg == MEAN)
		value->real = stat->total_ns / 1e3 / stat->calls;
	else if (value->arg == MAX)
		value->real = stat->max_ns[0] / 1e3;
	else
		value->real = redis_stat_percentile(stat, value->arg == P50 ? 0.5 : 0.99) / 1e3;
}

#define AT_STAT(member) ROW_VIA(struct stat_row, stat, member)

static const struct row_column stat_columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_VIA(struct stat_row, opts, now),
	  .when = { ROW_CHOSEN }, .help = "the end of the interval" },
	{ NULL, "interval_s", ROW_DOUBLE, ROW_AT(struct stat_row, seconds), .help = "its length" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT_STAT(key.pid), .help = "the server's process" },
	{ "COMMAND", "command", ROW_CHARS, -16, .least = 12, AT_STAT(key.name), .is_wide = true,
	  .help = "the command" },
	{ NULL, "calls", ROW_UNSIGNED, AT_STAT(calls), .help = "calls in the interval" },
	{ "CALLS/s", NULL, ROW_RATE, 10, .least = 8, .get = get_calls,
	  .help = "the same per second" },
	{ "ERRORS", "errors", ROW_UNSIGNED, 7, .least = 6, AT_STAT(errors),
	  .help = "of these failed or rejected" },
	{ "MEAN(us)", "mean_us", ROW_DOUBLE, 9, .least = 8, .get = get_time, .arg = MEAN,
	  .decimals = 1, .help = "mean latency" },
	{ "P50(us)", "p50_us", ROW_DOUBLE, 9, .least = 7, .get = get_time, .arg = P50,
	  .decimals = 1, .help = "latency that half of the calls don't exceed" },
	{ "P99(us)", "p99_us", ROW_DOUBLE, 9, .least = 7, .get = get_time, .arg = P99,
	  .decimals = 1, .help = "latency that 99% don't exceed" },
	{ "MAX(us)", "max_us", ROW_DOUBLE, 11, .least = 9, .get = get_time, .arg = MAX,
	  .decimals = 1, .help = "the longest" },
	{ NULL, "bytes", ROW_UNSIGNED, AT_STAT(bytes),
	  .help = "of the commands with their arguments" },
	{ "KiB/s", NULL, ROW_DOUBLE, 10, .least = 8, .get = get_kib, .decimals = 1,
	  .help = "the same per second" },
};

const struct row_table redis_tables_stats = { .columns = stat_columns,
					      .count = ARRAY_SIZE(stat_columns),
					      .when = { REDIS_KEY_STATS },
					      .is_summary = true,
					      .title = "With --stats" };

static int print_stats(const struct redis_tables_opts *opts, const struct redis_stat *list,
		       size_t count)
{
	struct stat_row row = { .opts = opts, .seconds = opts->elapsed_ns / 1e9 };
	struct redis_stat stat;
	int err = 0;

	redis_tables_begin(opts);
	if (count)
		row_print_header(opts->printer);
	for (size_t i = 0; i < count && i < opts->rows && !err; i++) {
		stat = list[i];
		stat.calls = scaled(stat.calls, opts);
		stat.errors = scaled(stat.errors, opts);
		stat.total_ns = scaled(stat.total_ns, opts);
		stat.bytes = scaled(stat.bytes, opts);
		row.stat = &stat;
		err = row_print(opts->printer, &row);
	}
	return err ?: output_flush(opts->printer->out);
}

int redis_tables_print_stats(struct redis_stats *stats, const struct redis_tables_opts *opts)
{
	const struct redis_stat *list;
	size_t count = redis_stats_take(stats, &list);

	return print_stats(opts, list, count);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* What the map has of a key. */
struct top_entry {
	struct redis_top_key key;
	struct redis_top top;
};

static int by_calls(const void *a, const void *b)
{
	const struct redis_top *left = &((const struct top_entry *)a)->top;
	const struct redis_top *right = &((const struct top_entry *)b)->top;

	return left->calls < right->calls ? 1 : left->calls > right->calls ? -1 : 0;
}

static int by_max_bytes(const void *a, const void *b)
{
	const struct redis_top *left = &((const struct top_entry *)a)->top;
	const struct redis_top *right = &((const struct top_entry *)b)->top;

	return left->max_bytes < right->max_bytes ? 1 : left->max_bytes > right->max_bytes ? -1 : 0;
}

/* A row. */
struct top_row {
	const struct redis_top_key *key;
	const struct redis_top *top;
	const struct redis_tables_opts *opts;
	double seconds;
};

static void get_db(const void *data, struct row_value *value)
{
	const struct top_row *row = data;

	value->number = (uint64_t)(int64_t)row->key->db;
	if (row->key->db < 0)
		row_set_unknown(value, "unreadable");
}

static void get_top_calls(const void *data, struct row_value *value)
{
	const struct top_row *row = data;

	value->real = per_second(row->top->calls, row->opts);
}

static void get_top_mean(const void *data, struct row_value *value)
{
	const struct redis_top *top = ((const struct top_row *)data)->top;

	value->real = top->calls ? top->total_ns / 1e3 / top->calls : 0;
}

static uint32_t key_kept(const struct redis_top_key *key)
{
	return key->len < REDIS_KEY_SIZE ? key->len : REDIS_KEY_SIZE;
}

/* A number as its digits, which is what it was. */
static void set_number(struct redis_top_key *key)
{
	long long number;

	if (key->len != UINT32_MAX)
		return;
	memcpy(&number, key->key, sizeof(number));
	key->len = snprintf(key->key, sizeof(key->key), "%lld", number);
}

static void put_key(const void *data, struct output *out)
{
	const struct redis_top_key *key = ((const struct top_row *)data)->key;
	char quoted[REDIS_QUOTED_SIZE(REDIS_KEY_SIZE)];

	output_put(out, quoted, redis_quote(quoted, key->key, key_kept(key)));
	if (key_kept(key) < key->len)
		output_printf(out, "...(%u)", key->len);
}

static void get_key(const void *data, struct row_value *value)
{
	const struct redis_top_key *key = ((const struct top_row *)data)->key;

	row_set_text(value, key->key, key_kept(key));
}

static void get_key_bytes(const void *data, struct row_value *value)
{
	const struct redis_top_key *key = ((const struct top_row *)data)->key;

	value->number = key->len;
	if (key_kept(key) == key->len)
		row_set_none(value, NULL);
}

#define AT_KEY(member) ROW_VIA(struct top_row, key, member)
#define AT_TOP(member) ROW_VIA(struct top_row, top, member)

static const struct row_column top_columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_VIA(struct top_row, opts, now), .when = { ROW_CHOSEN },
	  .help = "the end of the interval" },
	{ NULL, "interval_s", ROW_DOUBLE, ROW_AT(struct top_row, seconds), .help = "its length" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT_KEY(pid), .help = "the server's process" },
	{ "DB", "db", ROW_SIGNED, -3, .get = get_db, .help = "the database" },
	{ NULL, "key", ROW_STRING, .get = get_key, .help = "the key" },
	{ NULL, "key_bytes", ROW_UNSIGNED, .get = get_key_bytes,
	  .help = "its length, if it was cut" },
	{ NULL, "calls", ROW_UNSIGNED, AT_TOP(calls), .help = "commands with it" },
	{ "CALLS/s", NULL, ROW_RATE, 10, .get = get_top_calls, .help = "the same per second" },
	{ "MEAN(us)", "mean_us", ROW_DOUBLE, 9, .get = get_top_mean, .decimals = 1,
	  .help = "their mean latency" },
	{ NULL, "bytes", ROW_UNSIGNED, AT_TOP(bytes),
	  .help = "of the commands with their arguments" },
	{ "MAX(bytes)", "max_bytes", ROW_UNSIGNED, 10, AT_TOP(max_bytes),
	  .help = "of the largest command" },
	{ "KEY", NULL, .put = put_key, .help = "the key" },
};

const struct row_table redis_tables_top = { .columns = top_columns,
					    .count = ARRAY_SIZE(top_columns),
					    .when = { REDIS_KEY_TOP },
					    .is_summary = true,
					    .title = "With --top, --bigkeys-seen" };
const struct row_table redis_tables_bigkeys = { .columns = top_columns,
						.count = ARRAY_SIZE(top_columns),
						.when = { REDIS_KEY_BIGKEYS },
						.is_summary = true };

static int print_tops(const struct redis_tables_opts *opts, struct top_entry *entries, size_t count)
{
	struct top_row row = { .opts = opts, .seconds = opts->elapsed_ns / 1e9 };
	struct redis_top top;
	int err = 0;

	redis_tables_begin(opts);
	if (count)
		row_print_header(opts->printer);
	qsort(entries, count, sizeof(*entries), opts->by_size ? by_max_bytes : by_calls);
	for (size_t i = 0; i < count && i < opts->rows && !err; i++) {
		row.key = &entries[i].key;
		top = entries[i].top;
		top.calls = scaled(top.calls, opts);
		top.total_ns = scaled(top.total_ns, opts);
		top.bytes = scaled(top.bytes, opts);
		row.top = &top;
		err = row_print(opts->printer, &row);
	}
	return err ?: output_flush(opts->printer->out);
}

int redis_tables_print_top(int map_fd, const struct redis_tables_opts *opts)
{
	struct map_rows taken;
	int err = map_rows_read(map_fd, true, &taken);
	struct top_entry *entries = err ? NULL : calloc(taken.count + 1, sizeof(*entries));

	if (err)
		return err;
	for (size_t i = 0; entries && i < taken.count; i++) {
		memcpy(&entries[i].key, map_rows_key(&taken, i), sizeof(entries[i].key));
		memcpy(&entries[i].top, map_rows_value(&taken, i), sizeof(entries[i].top));
		set_number(&entries[i].key);
	}
	err = entries ? print_tops(opts, entries, taken.count) : -ENOMEM;
	map_rows_free(&taken);
	free(entries);
	return err;
}

/* ---- the slowest ---------------------------------------------------------------------------- */

struct redis_slow {
	size_t max, count;
	struct redis_slow_row *rows; /* slowest first; each owns its copies */
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

static void row_clear(struct redis_slow_row *slow)
{
	free((void *)slow->row.event);
	free((void *)slow->row.error_event);
	*slow = (struct redis_slow_row){};
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

uint64_t redis_slow_add(struct redis_slow *slow, const struct redis_row *row,
			const struct redis_client *client, const struct redis_named *named)
{
	struct redis_slow_row copy = { .row = *row, .client = *client };
	size_t at = slow->count;

	if (named)
		copy.named = *named;
	while (at && slow->rows[at - 1].row.run_ns < row->run_ns)
		at--;
	if (at < slow->max) {
		copy.row.event = duplicate(row->event, row->size);
		copy.row.error_event = duplicate(row->error_event, row->error_size);
		if (!copy.row.event) {
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
	return slow->count == slow->max && slow->max ? slow->rows[slow->max - 1].row.run_ns : 0;
}

size_t redis_slow_count(const struct redis_slow *slow)
{
	return slow->count;
}

const struct redis_slow_row *redis_slow_row(const struct redis_slow *slow, size_t i)
{
	return &slow->rows[i];
}
