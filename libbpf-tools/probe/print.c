/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows: BCC's columns, or JSON.
 */
#include "probe/print.h"

#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/stack.h"
#include "lib/timestamp.h"
#include "lib/unwind.h"
#include "probe/record/aggregate.h"
#include "probe/record/record_format.h"
#include "probe/record/totals.h"

struct print {
	struct print_opts opts;
	struct stack_names *names;
	struct record_text message;
	struct output *out;
	struct totals *totals; /* of hits added up, or read from maps; NULL: neither */
	bool is_json;
	uint32_t place_count;
	struct probe **place_probe; /* by place number */
	uint32_t *same_place;	    /* the first place that it is to be one with, by place number */
	uint64_t hits, bad_records;
	unsigned char *finished; /* room for a record whose stack is finished here; NULL: none is */
};

/* A record with what is known of it: a row. */
struct hit {
	struct print *print;
	struct record_view view;
	const struct probe *probe;
	const struct target_place *place;
	const uint64_t *values; /* in summaries */
	uint64_t now;		/* the same */
	int err;		/* of the values in JSON */
};

/* ---- places --------------------------------------------------------------------------------- */

static const struct target_place *place_of(const struct probe *probe, uint32_t number)
{
	return &probe->target.places[number - probe->first_place];
}

static const char *shown_name(const struct target_place *place)
{
	return place->title ?: place->name;
}

/* A USDT probe's sites are one to the user, and so are a function's copies, if what is known there is alike. */
static bool is_same_place(const struct probe *probe, const struct target_place *a,
			  const struct target_place *b)
{
	return !strcmp(shown_name(a), shown_name(b)) &&
	       record_is_alike(&probe->records[a->context], &probe->records[b->context]);
}

/* Of a function pattern's thousands of places each has its own name. */
static bool has_same_places(const struct probe *probe)
{
	return probe->spec->kind == SPEC_USDT ||
	       (probe->target.how == TARGET_FILE && !probe->spec->is_pattern);
}

static int number_places(struct print *print)
{
	for (size_t i = 0; i < print->opts.probe_count; i++)
		print->place_count += print->opts.probes[i].target.place_count;
	print->place_probe = calloc(print->place_count + 1, sizeof(*print->place_probe));
	print->same_place = calloc(print->place_count + 1, sizeof(*print->same_place));
	if (!print->place_probe || !print->same_place)
		return -ENOMEM;
	for (size_t i = 0; i < print->opts.probe_count; i++) {
		struct probe *probe = &print->opts.probes[i];
		uint32_t first = probe->first_place, end = first + probe->target.place_count;

		for (uint32_t p = first; p < end; p++) {
			uint32_t same = has_same_places(probe) ? first : p;

			while (same < p &&
			       !is_same_place(probe, place_of(probe, same), place_of(probe, p)))
				same++;
			print->place_probe[p] = probe;
			print->same_place[p] = same;
		}
	}
	return 0;
}

/* Does any record have addresses in a process? */
static bool wants_processes(const struct print_opts *opts)
{
	for (size_t i = 0; i < opts->probe_count; i++)
		for (unsigned int c = 0; c < opts->probes[i].target.context_count; c++)
			if (record_is_of_process(&opts->probes[i].records[c]))
				return true;
	return false;
}

static size_t largest_record(const struct print_opts *opts)
{
	size_t size = 1;

	for (size_t i = 0; i < opts->probe_count; i++)
		for (unsigned int c = 0; c < opts->probes[i].target.context_count; c++)
			if (opts->probes[i].records[c].max_size > size)
				size = opts->probes[i].records[c].max_size;
	return size;
}

void print_update(struct print *print)
{
	stack_names_update(print->names);
}

struct print *print_new(const struct print_opts *opts)
{
	struct print *print = calloc(1, sizeof(*print));
	bool has_format = false;

	if (!print)
		return NULL;
	print->opts = *opts;
	print->out = opts->rows->out;
	print->is_json = output_is_json(print->out);
	print->names = stack_names_new();
	if (opts->aggregate || opts->add_up)
		print->totals = totals_new(aggregate_values(opts->aggregate));
	if (!print->names || ((opts->aggregate || opts->add_up) && !print->totals) ||
	    number_places(print)) {
		print_free(print);
		return NULL;
	}
	for (size_t i = 0; i < opts->probe_count; i++)
		for (unsigned int c = 0; c < opts->probes[i].target.context_count; c++)
			has_format |= opts->probes[i].checked[c]->spec->has_format;
	opts->rows->untitled = has_format ? NULL : row_column(&print_hits, "message");
	if (wants_processes(opts))
		stack_names_watch(print->names);
	if (opts->unwind)
		print->finished = malloc(largest_record(opts));
	if (opts->unwind)
		unwind_set_names(opts->unwind, print->names);
	return print;
}

void print_free(struct print *print)
{
	if (!print)
		return;
	stack_names_free(print->names);
	record_text_free(&print->message);
	totals_free(print->totals);
	free(print->finished);
	free(print->place_probe);
	free(print->same_place);
	free(print);
}

/* ---- a hit ---------------------------------------------------------------------------------- */

/* True if there was one to print. */
static bool print_stacks(struct print *print, const struct hit *hit)
{
	static const char *const keys[] = { "kernel_stack", "user_stack" };
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	struct stack stack;
	bool any = false;

	for (enum record_stack i = 0; i < RECORD_STACKS; i++) {
		if (record_view_stack(&hit->view, i, addrs, &stack))
			continue;
		any = true;
		stack.function = hit->place->name;
		if (print->is_json)
			stack_json(print->names, &stack, keys[i], print->out);
		else
			stack_print(print->names, &stack, print->opts.addresses, print->out);
	}
	return any;
}

static int64_t rank_count(const uint64_t *values)
{
	return (int64_t)values[0];
}

static int64_t rank_sum(const uint64_t *values)
{
	return (int64_t)values[1];
}

static int64_t rank_hist(const uint64_t *values)
{
	uint64_t count = 0;

	for (unsigned int b = 0; b < AGGREGATE_BUCKETS; b++)
		count += values[b];
	return (int64_t)count;
}

static int64_t (*const ranks[])(const uint64_t *values) = {
	[AGGREGATE_NONE] = rank_count,
	[AGGREGATE_COUNT] = rank_count,
	[AGGREGATE_SUM] = rank_sum,
	[AGGREGATE_HIST] = rank_hist,
};

/* Text that is escaped already. */
static void put_message(const void *row, struct output *out)
{
	const struct hit *hit = row;
	const struct record_text *message = &hit->print->message;

	if (!output_is_json(out))
		output_put(out, message->text, message->len);
	else if (hit->view.record->checked->spec->has_format)
		output_json_str(out, "message", message->text, message->len);
}

static void put_args(const void *row, struct output *out)
{
	struct hit *hit = (struct hit *)row;

	if (hit->view.record->checked->spec->has_format)
		hit->err = record_json(&hit->view, hit->print->names, out);
}

static void put_stacks(const void *row, struct output *out)
{
	const struct hit *hit = row;

	(void)out;
	print_stacks(hit->print, hit);
}

static void get_func(const void *row, struct row_value *value)
{
	const struct hit *hit = row;
	const char *name = shown_name(hit->place);

	row_set_text(value, name, strlen(name));
}

static void get_spec(const void *row, struct row_value *value)
{
	const struct hit *hit = row;

	row_set_text(value, hit->probe->spec->text, strlen(hit->probe->spec->text));
}

/* Of what is added up, the time of printing. */
static void get_time(const void *row, struct row_value *value)
{
	const struct hit *hit = row;

	value->number = hit->values ? hit->now : hit->view.time;
}

static void get_cpu(const void *row, struct row_value *value)
{
	const struct hit *hit = row;

	value->number = hit->view.cpu;
	if (hit->print->opts.aggregate || (hit->values && hit->print->is_json))
		row_set_none(value, NULL);
}

enum task { PID, TID, COMM };

/* What programs add up is of no task. */
static void get_task(const void *row, struct row_value *value)
{
	const struct hit *hit = row;
	const struct record_view *view = &hit->view;

	if (hit->print->opts.aggregate)
		row_set_none(value, NULL);
	else if (value->arg == COMM)
		row_set_text(value, view->comm, strnlen(view->comm, sizeof(view->comm)));
	else
		value->number = value->arg == PID ? view->tgid : view->pid;
}

static void get_count(const void *row, struct row_value *value)
{
	const struct hit *hit = row;

	if (hit->values)
		value->number = (uint64_t)
			ranks[hit->print->opts.aggregate == AGGREGATE_HIST ? AGGREGATE_HIST
									   : AGGREGATE_COUNT](
				hit->values);
	else
		row_set_none(value, NULL);
}

/* As its expression is, signed or not. */
static void put_sum(const void *row, struct output *out)
{
	const struct hit *hit = row;
	bool is_signed = hit->view.record->checked->measure_is_signed;

	if (hit->print->opts.aggregate != AGGREGATE_SUM)
		return;
	if (!output_is_json(out) && is_signed)
		output_put_s64(out, (int64_t)hit->values[1], -12);
	else if (!output_is_json(out))
		output_put_u64(out, hit->values[1], -12);
	else if (is_signed)
		output_json_s64(out, "sum", (int64_t)hit->values[1]);
	else
		output_json_u64(out, "sum", hit->values[1]);
}

static void put_hist(const void *row, struct output *out)
{
	const struct hit *hit = row;

	if (hit->print->opts.aggregate == AGGREGATE_HIST)
		aggregate_json_hist(hit->values, out);
}

/* The last one of text has no title where no spec has a format. */
static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, .get = get_time, .when = { 'T' },
	  .help = "when it was hit; of totals when printed" },
	{ "TIME", NULL, ROW_ELAPSED, -8, .get = get_time, .decimals = 6, .when = { 't', -'u' },
	  .help = "the same, in seconds since the start" },
	{ "TIME", NULL, ROW_EPOCH, -17, .get = get_time, .decimals = 6, .when = { 't', 'u' },
	  .help = "the same, in seconds since 1970" },
	{ "CPU", "cpu", ROW_UNSIGNED, -3, .get = get_cpu, .when = { 'C' },
	  .help = "the processor" },
	{ "PID", "pid", ROW_UNSIGNED, -7, .get = get_task, .arg = PID, .when = { -PRINT_KEY_TOTAL },
	  .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, .get = get_task, .arg = TID, .when = { -PRINT_KEY_TOTAL },
	  .help = "the thread" },
	{ "COMM", "comm", ROW_STRING, -15, .get = get_task, .arg = COMM,
	  .when = { -PRINT_KEY_TOTAL }, .help = "the thread's name" },
	{ "SUM", NULL, .width = -12, .put = put_sum, .when = { PRINT_KEY_SUM },
	  .help = "the expression's sum" },
	{ "COUNT", NULL, ROW_UNSIGNED, -10, .get = get_count,
	  .when = { PRINT_KEY_TOTAL, -PRINT_KEY_HIST }, .help = "hits" },
	{ "FUNC", "func", ROW_STRING, -16, .get = get_func,
	  .help = "function, probe or event that was hit" },
	{ NULL, "spec", ROW_STRING, .get = get_spec, .help = "the spec, as given" },
	{ "-", "message", .put = put_message, .help = "the formatted message" },
	{ NULL, "args", .put = put_args, .help = "the format's values, see JSON" },
	{ NULL, "kernel_stack", .put = put_stacks, .when = { 'K' },
	  .help = "frames, innermost first" },
	{ NULL, "user_stack", ROW_APART, .when = { 'U' }, .help = "frames, innermost first" },
	{ NULL, "count", ROW_UNSIGNED, .get = get_count, .help = "of totals, hits" },
	{ NULL, "sum", .put = put_sum, .when = { PRINT_KEY_SUM }, .is_extra = true,
	  .help = "the expression's sum" },
	{ NULL, "hist", .put = put_hist, .when = { PRINT_KEY_HIST }, .is_extra = true,
	  .help = "its powers of two" },
};

const struct row_table print_hits = { .columns = columns, .count = ARRAY_SIZE(columns) };
const struct row_table print_totals = { .columns = columns,
					.count = ARRAY_SIZE(columns),
					.when = { PRINT_KEY_TOTAL },
					.is_summary = true };

static int print_hit(struct print *print, struct hit *hit)
{
	int end;

	row_put(print->opts.rows, hit);
	if (hit->err) {
		output_cancel(print->out);
		return hit->err;
	}
	end = output_end(print->out);
	if (end >= 0 && !print->is_json && print_stacks(print, hit))
		output_end_line(print->out);
	return end;
}

/* 0, -EBADMSG, -ENOMEM; the message is then formatted. */
static int open_hit(struct print *print, const void *data, size_t size, struct hit *hit)
{
	uint32_t number;
	int err = record_view_place(data, size, &number);

	hit->print = print;
	hit->values = NULL;
	hit->err = 0;
	if (err || number >= print->place_count)
		return -EBADMSG;
	hit->probe = print->place_probe[number];
	hit->place = place_of(hit->probe, number);
	err = record_view_open(&hit->probe->records[hit->place->context], data, size, &hit->view);
	return err ? err : record_format(&hit->view, print->names, &print->message);
}

static bool is_wanted(const struct print *print)
{
	return !print->opts.msg_filter || strstr(print->message.text, print->opts.msg_filter);
}

/* With the rest of its stack, if the kernel couldn't finish that. Returns the record. */
static const void *finish_record(struct print *print, const void *data, size_t *size)
{
	struct record_view view;
	const struct record *record;
	uint32_t number;

	if (!print->finished || record_view_place(data, *size, &number) ||
	    number >= print->place_count)
		return data;
	record = &print->place_probe[number]
			  ->records[place_of(print->place_probe[number], number)->context];
	if (*size > record->max_size)
		return data;
	memcpy(print->finished, data, *size);
	if (record_view_open(record, print->finished, *size, &view))
		return data;
	*size += record_view_finish(&view, print->opts.unwind, print->finished);
	return print->finished;
}

/* ---- summaries ------------------------------------------------------------------------------ */

/* Names of stacks are looked up while the process lives; that keeps what they come from. */
static void note_stacks(struct print *print, const struct record_view *view)
{
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	struct stack stack;

	if (!record_view_stack(view, RECORD_USER_STACK, addrs, &stack))
		stack_note(print->names, &stack);
}

/* The same values at another time, or on another CPU if that isn't shown, are the same. */
static int add_hit(struct print *print, const struct hit *hit, const void *data, size_t size)
{
	const struct record *record = hit->view.record;
	uint64_t *values;
	char *key = malloc(size);

	if (!key)
		return -ENOMEM;
	memcpy(key, data, size);
	if (record->time_offset)
		memset(key + record->time_offset, 0, 8);
	if (record->cpu_offset && !print->opts.cpu)
		memset(key + record->cpu_offset, 0, 8);
	values = totals_values(print->totals, key, size);
	free(key);
	if (!values)
		return -ENOMEM;
	if (!values[0]++)
		note_stacks(print, &hit->view);
	return print->opts.max_hits && ++print->hits >= print->opts.max_hits;
}

/* Keys are as long as the longest record, cleared behind their own. */
static void finish_key(struct print *print, const struct target_place *place,
		       const struct probe *probe, void *key)
{
	const struct record *record = &probe->records[place->context];
	struct record_view view;

	if (print->opts.unwind && !record_view_open(record, key, record->key_size, &view))
		record_view_finish(&view, print->opts.unwind, key);
}

static void fix_key(void *ctx, void *key)
{
	struct print *print = ctx;
	struct probe *probe;
	uint32_t number;

	memcpy(&number, (char *)key + RECORD_PLACE, sizeof(number));
	if (number >= print->place_count)
		return;
	probe = print->place_probe[number];
	finish_key(print, place_of(probe, number), probe, key);
	memcpy((char *)key + RECORD_PLACE, &print->same_place[number], sizeof(number));
}

/* As BCC's -A has it. */
static int text_added_up(struct print *print, const struct hit *hit)
{
	struct output *out = print->out;
	int end;

	row_put(print->opts.rows, hit);
	end = output_end(out);
	print_stacks(print, hit);
	output_printf(out, "-->COUNT %llu", (unsigned long long)hit->values[0]);
	output_end_line(out);
	output_end_line(out);
	return end;
}

static int text_hist(struct print *print, const struct hit *hit)
{
	int end;

	row_put(print->opts.rows, hit);
	end = output_end(print->out);
	print_stacks(print, hit);
	aggregate_print_hist(hit->values, print->out);
	output_end_line(print->out);
	return end;
}

static int print_total(struct print *print, const struct totals_row *row)
{
	struct hit hit;
	int err = open_hit(print, row->key, row->size, &hit);

	if (err == -EBADMSG)
		print->bad_records++;
	if (err)
		return err == -EBADMSG ? 0 : err;
	/* Keys carry no comm: the filter by name ran in the kernel already. */
	if (print->opts.msg_filter && !strstr(print->message.text, print->opts.msg_filter))
		return 0;
	hit.values = row->values;
	hit.now = timestamp_now();
	if (!print->is_json && print->opts.add_up)
		return text_added_up(print, &hit);
	if (!print->is_json && print->opts.aggregate == AGGREGATE_HIST)
		return text_hist(print, &hit);
	return print_hit(print, &hit);
}

int print_summary(struct print *print, const int *map_fds)
{
	const struct totals_row *rows;
	int err = 0, count;

	if (map_fds)
		totals_restart(print->totals);
	for (size_t i = 0; map_fds && i < print->opts.probe_count && !err; i++)
		err = aggregate_read(map_fds[i], print->totals, fix_key, print);
	count = err ? err : totals_changes(print->totals, ranks[print->opts.aggregate], &rows);
	if (count > 0 && print->opts.aggregate && print->opts.aggregate != AGGREGATE_HIST)
		row_print_header(print->opts.rows);
	for (int i = 0; i < count && !err; i++)
		err = print_total(print, &rows[i]);
	return count < 0 ? count : err;
}

/* ---- entry points --------------------------------------------------------------------------- */

int print_record(void *ctx, const void *data, size_t size)
{
	struct print *print = ctx;
	struct hit hit;
	int err;

	data = finish_record(print, data, &size);
	err = open_hit(print, data, size, &hit);
	if (err == -EBADMSG) {
		print->bad_records++;
		return 0;
	}
	if (err)
		return err;
	if (print->opts.aggregate) {
		note_stacks(print, &hit.view);
		return 0;
	}
	if (!is_wanted(print))
		return 0;
	if (print->opts.add_up)
		return add_hit(print, &hit, data, size);
	return print_hit(print, &hit);
}

void print_tell(const struct print *print)
{
	if (print->bad_records)
		log_warn("%llu malformed records", (unsigned long long)print->bad_records);
	stack_tell_unknown(print->names);
}
