/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows: BCC's columns, or JSON.
 */
#include "probe/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/output.h"
#include "lib/stack.h"
#include "lib/timestamp.h"
#include "probe/record/aggregate.h"
#include "probe/record/record_format.h"
#include "probe/record/totals.h"

struct print {
	struct print_opts opts;
	struct stack_names *names;
	struct record_text message;
	struct timestamp clock;
	struct totals *totals; /* of hits added up, or read from maps; NULL: neither */
	bool has_format, is_json;
	uint32_t place_count;
	struct probe **place_probe; /* by place number */
	uint32_t *same_place;	    /* the first place that it is to be one with, by place number */
	uint64_t hits, bad_records;
};

/* A record with what is known of it. */
struct hit {
	struct record_view view;
	const struct probe *probe;
	const struct target_place *place;
};

/* ---- places --------------------------------------------------------------------------------- */

static const struct target_place *place_of(const struct probe *probe, uint32_t number)
{
	return &probe->target.places[number - probe->first_place];
}

/* A USDT probe's sites are one to the user, if their operands are alike. */
static bool is_same_place(const struct probe *probe, const struct target_place *a,
			  const struct target_place *b)
{
	return probe->spec->kind == SPEC_USDT && !strcmp(a->name, b->name) &&
	       record_is_alike(&probe->records[a->context], &probe->records[b->context]);
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
			uint32_t same = probe->spec->kind == SPEC_USDT ? first : p;

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

void print_update(struct print *print)
{
	stack_names_update(print->names);
}

struct print *print_new(const struct print_opts *opts)
{
	struct print *print = calloc(1, sizeof(*print));

	if (!print)
		return NULL;
	print->opts = *opts;
	print->is_json = output_is_json(opts->out);
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
			print->has_format |= opts->probes[i].checked[c]->spec->has_format;
	if (wants_processes(opts))
		stack_names_watch(print->names);
	timestamp_start(&print->clock);
	return print;
}

void print_free(struct print *print)
{
	if (!print)
		return;
	stack_names_free(print->names);
	record_text_free(&print->message);
	totals_free(print->totals);
	free(print->place_probe);
	free(print->same_place);
	free(print);
}

/* ---- a hit ---------------------------------------------------------------------------------- */

void print_header(struct print *print)
{
	struct output *out = print->opts.out;

	if (print->is_json)
		return;
	if (print->opts.aggregate == AGGREGATE_HIST)
		return;
	if (print->opts.aggregate == AGGREGATE_SUM)
		output_printf(out, "%-12s ", "SUM");
	if (print->opts.aggregate) {
		output_printf(out, "%-10s ", "COUNT");
	} else {
		if (print->opts.time || print->opts.offset)
			output_printf(out, print->opts.unix_time ? "%-17s " : "%-8s ", "TIME");
		if (print->opts.cpu)
			output_printf(out, "%-3s ", "CPU");
		output_printf(out, "%-7s %-7s %-15s ", "PID", "TID", "COMM");
	}
	output_printf(out, "%-16s %s", "FUNC", print->has_format ? "-" : "");
	output_end_line(out);
}

static void print_time(struct print *print, const struct record_view *view)
{
	struct output *out = print->opts.out;
	char buf[9];

	if (print->opts.time)
		output_printf(out, "%-8s ", timestamp_hms(&print->clock, view->time, buf));
	else if (print->opts.unix_time)
		output_printf(out, "%-17.6f ", timestamp_wall_ns(&print->clock, view->time) / 1e9);
	else if (print->opts.offset)
		output_printf(out, "%-8.6f ", timestamp_offset(&print->clock, view->time));
}

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
			stack_json(print->names, &stack, keys[i], print->opts.out);
		else
			stack_print(print->names, &stack, print->opts.addresses, print->opts.out);
	}
	return any;
}

static void print_func(struct print *print, const struct hit *hit)
{
	const char *name = hit->place->title ?: hit->place->name;

	output_put_escaped(print->opts.out, name, strlen(name), -16);
	output_puts(print->opts.out, " ");
	output_put(print->opts.out, print->message.text, print->message.len);
}

static void print_row(struct print *print, const struct hit *hit)
{
	struct output *out = print->opts.out;

	print_time(print, &hit->view);
	if (print->opts.cpu)
		output_printf(out, "%-3u ", hit->view.cpu);
	output_put_u64(out, hit->view.tgid, -7);
	output_puts(out, " ");
	output_put_u64(out, hit->view.pid, -7);
	output_puts(out, " ");
	output_put_cstr(out, hit->view.comm, sizeof(hit->view.comm), -15);
	output_puts(out, " ");
	print_func(print, hit);
}

static int print_text(struct print *print, const struct hit *hit)
{
	int end;

	print_row(print, hit);
	end = output_end(print->opts.out);
	if (end >= 0 && print_stacks(print, hit))
		output_end_line(print->opts.out);
	return end;
}

static void json_task(struct print *print, const struct hit *hit)
{
	struct output *out = print->opts.out;

	output_json_u64(out, "pid", hit->view.tgid);
	output_json_u64(out, "tid", hit->view.pid);
	output_json_cstr(out, "comm", hit->view.comm, sizeof(hit->view.comm));
}

/* What is said of the place and its values. 0 or -EBADMSG. */
static int json_values(struct print *print, const struct hit *hit)
{
	struct output *out = print->opts.out;
	int err = 0;

	output_json_cstr(out, "func", hit->place->title ?: hit->place->name, SIZE_MAX);
	output_json_cstr(out, "spec", hit->probe->spec->text, SIZE_MAX);
	if (hit->view.record->checked->spec->has_format) {
		output_json_str(out, "message", print->message.text, print->message.len);
		err = record_json(&hit->view, print->names, out);
	}
	if (!err)
		print_stacks(print, hit);
	return err;
}

static int print_json(struct print *print, const struct hit *hit)
{
	struct output *out = print->opts.out;
	int err;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(&print->clock, hit->view.time));
	output_json_u64(out, "cpu", hit->view.cpu);
	json_task(print, hit);
	err = json_values(print, hit);
	if (!err)
		return output_end(out);
	output_cancel(out);
	return err;
}

/* 0, -EBADMSG, -ENOMEM; the message is then formatted. */
static int open_hit(struct print *print, const void *data, size_t size, struct hit *hit)
{
	uint32_t number;
	int err = record_view_place(data, size, &number);

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

static void fix_place(void *ctx, void *key)
{
	const struct print *print = ctx;
	uint32_t number;

	memcpy(&number, (char *)key + RECORD_PLACE, sizeof(number));
	if (number < print->place_count)
		memcpy((char *)key + RECORD_PLACE, &print->same_place[number], sizeof(number));
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

static int json_total(struct print *print, const struct hit *hit, const uint64_t *values)
{
	struct output *out = print->opts.out;
	bool is_signed = hit->view.record->checked->measure_is_signed;
	int err;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(&print->clock, timestamp_now()));
	if (print->opts.add_up)
		json_task(print, hit);
	err = json_values(print, hit);
	if (err) {
		output_cancel(out);
		return err;
	}
	output_json_u64(out, "count",
			(uint64_t)(print->opts.aggregate == AGGREGATE_HIST ? rank_hist(values)
									   : rank_count(values)));
	if (print->opts.aggregate == AGGREGATE_SUM && is_signed)
		output_json_s64(out, "sum", (int64_t)values[1]);
	else if (print->opts.aggregate == AGGREGATE_SUM)
		output_json_u64(out, "sum", values[1]);
	else if (print->opts.aggregate == AGGREGATE_HIST)
		aggregate_json_hist(values, out);
	return output_end(out);
}

/* As BCC's -A has it. */
static int text_added_up(struct print *print, const struct hit *hit, const uint64_t *values)
{
	struct output *out = print->opts.out;
	int end;

	print_row(print, hit);
	end = output_end(out);
	print_stacks(print, hit);
	output_printf(out, "-->COUNT %llu", (unsigned long long)values[0]);
	output_end_line(out);
	output_end_line(out);
	return end;
}

static int text_total(struct print *print, const struct hit *hit, const uint64_t *values)
{
	bool is_signed = hit->view.record->checked->measure_is_signed;
	bool is_hist = print->opts.aggregate == AGGREGATE_HIST;
	struct output *out = print->opts.out;
	int end;

	if (print->opts.aggregate == AGGREGATE_SUM && is_signed)
		output_put_s64(out, (int64_t)values[1], -12);
	else if (print->opts.aggregate == AGGREGATE_SUM)
		output_put_u64(out, values[1], -12);
	if (print->opts.aggregate == AGGREGATE_SUM)
		output_puts(out, " ");
	if (!is_hist) {
		output_put_u64(out, values[0], -10);
		output_puts(out, " ");
	}
	print_func(print, hit);
	end = output_end(out);
	if (print_stacks(print, hit) && !is_hist)
		output_end_line(out);
	if (is_hist) {
		aggregate_print_hist(values, out);
		output_end_line(out);
	}
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
	/* A key has no comm: what it was was seen to when the hit was taken. */
	if (print->opts.msg_filter && !strstr(print->message.text, print->opts.msg_filter))
		return 0;
	if (print->is_json)
		return json_total(print, &hit, row->values);
	return print->opts.add_up ? text_added_up(print, &hit, row->values)
				  : text_total(print, &hit, row->values);
}

int print_summary(struct print *print, const int *map_fds)
{
	const struct totals_row *rows;
	int err = 0, count;

	if (map_fds)
		totals_restart(print->totals);
	for (size_t i = 0; map_fds && i < print->opts.probe_count && !err; i++)
		err = aggregate_read(map_fds[i], print->totals, fix_place, print);
	count = err ? err : totals_changes(print->totals, ranks[print->opts.aggregate], &rows);
	if (count > 0 && print->opts.aggregate)
		print_header(print);
	for (int i = 0; i < count && !err; i++)
		err = print_total(print, &rows[i]);
	return count < 0 ? count : err;
}

/* ---- entry points --------------------------------------------------------------------------- */

int print_record(void *ctx, const void *data, size_t size)
{
	struct print *print = ctx;
	struct hit hit;
	int err = open_hit(print, data, size, &hit);

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
	return print->is_json ? print_json(print, &hit) : print_text(print, &hit);
}

void print_tell(const struct print *print)
{
	if (print->bad_records)
		log_warn("%llu malformed records", (unsigned long long)print->bad_records);
	stack_tell_unknown(print->names);
}
