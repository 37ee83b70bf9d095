/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows, trees and folded stacks of calls. See flow_print.h.
 */
#include <array_size.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_print.h"

#define INDENT_MAX 100 /* a deeper row is indented no more, and says its depth */

static void put_indent(struct output *out, uint32_t depth)
{
	if (depth > INDENT_MAX)
		output_printf(out, "%*s[%u] ", 2 * INDENT_MAX, "", depth);
	else
		output_printf(out, "%*s", depth ? 2 * (int)(depth - 1) : 0, "");
}

static void put_text(struct output *out, const struct flow_text *text)
{
	if (!text->text)
		output_puts(out, "?");
	else
		output_put_escaped(out, text->text, text->len, 0);
	if (text->is_cut)
		output_puts(out, "...");
}

static void put_name(struct output *out, const struct flow_function *function)
{
	if (function->class_name.text || function->class_name.error) {
		put_text(out, &function->class_name);
		output_puts(out, ".");
	}
	put_text(out, &function->method);
}

/* The last part of the file's name, and the line. */
static void put_place(struct output *out, const struct flow_function *function)
{
	const struct flow_text *file = &function->file;
	const char *slash = file->text ? memrchr(file->text, '/', file->len) : NULL;
	size_t skip = slash ? slash + 1 - file->text : 0;

	if (!file->text || !file->len)
		return;
	output_puts(out, "  ");
	output_put_escaped(out, file->text + skip, file->len - skip, 0);
	if (function->line)
		output_printf(out, ":%u", function->line);
}

void flow_print_get(const void *row, struct row_value *value)
{
	const struct flow_function *function = *(const struct flow_function *const *)row;
	const struct flow_text *text;

	if (!function) {
		row_set_none(value, NULL);
		return;
	}
	value->number = function->line;
	if (value->arg == FLOW_LINE) {
		if (!function->line)
			row_set_none(value, NULL);
		return;
	}
	text = value->arg == FLOW_CLASS	   ? &function->class_name
	       : value->arg == FLOW_METHOD ? &function->method
					   : &function->file;
	if (text->text || text->error)
		row_set_text(value, text->text, text->error ?: (int64_t)text->len);
	else
		row_set_none(value, NULL);
	value->is_cut = text->is_cut;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* 1,234,567 */
static void put_grouped(struct output *out, uint64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			output_put(out, ",", 1);
		output_put(out, &digits[i], 1);
	}
}

static void get_event(const void *data, struct row_value *value)
{
	static const char *const names[] = {
		[FLOW_ROW_ENTER] = "enter",
		[FLOW_ROW_LEAVE] = "leave",
		[FLOW_ROW_UNWOUND] = "unwound",
		[FLOW_ROW_LOST] = "lost",
	};
	const struct flow_row *row = data;

	row_set_text(value, names[row->event], strlen(names[row->event]));
}

static void get_comm(const void *data, struct row_value *value)
{
	const struct flow_row *row = data;

	row_set_text(value, row->comm, strnlen(row->comm, 16));
}

/* What only some events have. */
static void get_depth(const void *data, struct row_value *value)
{
	const struct flow_row *row = data;

	value->number = row->depth;
	if (row->event == FLOW_ROW_LOST)
		row_set_none(value, NULL);
}

static void get_latency(const void *data, struct row_value *value)
{
	const struct flow_row *row = data;

	value->number = row->latency_ns;
	if (!row->latency_ns)
		row_set_none(value, NULL);
}

static void get_lost(const void *data, struct row_value *value)
{
	const struct flow_row *row = data;

	value->number = row->lost;
	if (row->event != FLOW_ROW_LOST)
		row_set_none(value, NULL);
}

static void put_call(const void *data, struct output *out)
{
	const struct flow_row *row = data;

	if (row->event == FLOW_ROW_LOST) {
		output_puts(out, "... ");
		put_grouped(out, row->lost);
		output_puts(out, row->lost == 1 ? " event lost" : " events lost");
		return;
	}
	put_indent(out, row->depth);
	output_puts(out, row->event == FLOW_ROW_ENTER ? "-> " : "<- ");
	put_name(out, row->function);
	if (row->event == FLOW_ROW_ENTER)
		put_place(out, row->function);
	if (row->shows_latency && row->latency_ns)
		output_printf(out, "  %.3f us", row->latency_ns / 1e3);
	if (row->event == FLOW_ROW_UNWOUND)
		output_puts(out, "  (unwound)");
}

#define AT(member) ROW_AT(struct flow_row, member)

static const struct row_column columns[] = {
	{ "TIME(us)", "time", ROW_ELAPSED_US, -12, AT(time), .decimals = 3,
	  .help = "when, in text in microseconds since the start" },
	{ "EVENT", "event", ROW_STRING, -7, .get = get_event, .when = { ROW_CHOSEN },
	  .help = "enter, leave, unwound or lost" },
	{ "CPU", "cpu", ROW_UNSIGNED, -3, AT(cpu), .help = "the processor" },
	{ "PID", "pid", ROW_SIGNED, -6, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_SIGNED, -6, AT(tid), .help = "the thread" },
	{ "THREAD", "comm", ROW_STRING, -15, .get = get_comm, .when = { 'T' }, .help = "its name" },
	{ NULL, "events", ROW_UNSIGNED, .get = get_lost, .help = "of lost: so many records" },
	{ "DEPTH", "depth", ROW_UNSIGNED, 5, .get = get_depth, .when = { ROW_CHOSEN },
	  .help = "how deep it is nested, from 1" },
	FLOW_PRINT_COLUMNS,
	{ "LATENCY(us)", "latency_us", ROW_US, 12, .get = get_latency, .decimals = 3,
	  .when = { ROW_CHOSEN }, .help = "of a return, time in the call" },
	{ "METHOD", NULL, .put = put_call, .help = "the call, indented by its depth" },
};

const struct row_table flow_print_rows = {
	.columns = columns,
	.count = ARRAY_SIZE(columns),
	.order = "event,cpu,pid,tid,comm,time,depth,class,file,line,latency_us,method",
	.when = { -FLOW_KEY_CALL_TREE, -FLOW_KEY_FOLDED },
};

int flow_print_row(const struct flow_print *print, struct flow_row *row)
{
	row->shows_latency = print->latency;
	return row_print(print->rows, row);
}

/* ---- all calls ------------------------------------------------------------------------------ */

/* A row of the tree. */
struct node_row {
	const struct flow_function *function;
	const struct flow_node *node;
	const struct flow_tree *tree;
	const uint32_t *path; /* the nodes from below the root down to it */
	uint32_t depth;
	uint64_t now;
};

static void put_node(const void *data, struct output *out)
{
	const struct node_row *row = data;

	put_indent(out, row->depth);
	put_name(out, row->function);
	put_place(out, row->function);
	if (row->node->unwound)
		output_printf(out, "  (%" PRIu64 " unwound)", row->node->unwound);
	if (row->node->unknown)
		output_printf(out, "  (time of %" PRIu64 " lost)", row->node->unknown);
}

static void put_callers(const void *data, struct output *out)
{
	static const struct row_column parts[] = { FLOW_PRINT_COLUMNS };
	static const struct row_table table = { .columns = parts, .count = ARRAY_SIZE(parts) };
	const struct node_row *row = data;

	output_json_array_begin(out, "callers");
	for (uint32_t i = 0; i + 1 < row->depth; i++) {
		const struct flow_function *function =
			&flow_tree_node(row->tree, row->path[i])->function;

		output_json_object_begin(out, NULL);
		row_put_members(&table, &function, out);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}

#define AT_NODE(member) ROW_VIA(struct node_row, node, member)

static const struct row_column node_columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_AT(struct node_row, now), .when = { ROW_CHOSEN },
	  .help = "when this was printed" },
	{ "DEPTH", "depth", ROW_UNSIGNED, 5, ROW_AT(struct node_row, depth), .when = { ROW_CHOSEN },
	  .help = "how deep it is nested, from 1" },
	FLOW_PRINT_COLUMNS,
	{ "CALLS", "calls", ROW_UNSIGNED, -8, AT_NODE(calls),
	  .help = "how often it was called so" },
	{ "UNWOUND", "unwound", ROW_UNSIGNED, 7, AT_NODE(unwound), .when = { ROW_CHOSEN },
	  .help = "of these left by an exception" },
	{ "UNKNOWN", "unknown", ROW_UNSIGNED, 7, AT_NODE(unknown), .when = { ROW_CHOSEN },
	  .help = "of these whose end was lost" },
	{ "TOTAL(us)", "total_us", ROW_US, -14, AT_NODE(total_ns), .decimals = 3,
	  .help = "time in it and in what it called" },
	{ "SELF(us)", "self_us", ROW_US, -14, AT_NODE(self_ns), .decimals = 3,
	  .help = "time in itself" },
	{ NULL, "callers", .put = put_callers, .help = "the functions above, outermost first" },
	{ "METHOD", NULL, .put = put_node, .help = "the call, indented by its depth" },
};

const struct row_table flow_print_nodes = { .columns = node_columns,
					    .count = ARRAY_SIZE(node_columns),
					    .when = { FLOW_KEY_CALL_TREE },
					    .is_summary = true,
					    .title = "With --call-tree" };

static int print_node(const struct flow_print *print, const struct flow_tree *tree,
		      const uint32_t *path, uint32_t depth)
{
	const struct flow_node *node = flow_tree_node(tree, path[depth - 1]);
	const struct node_row row = { .function = &node->function,
				      .node = node,
				      .tree = tree,
				      .path = path,
				      .depth = depth,
				      .now = timestamp_now() };

	return row_print(print->rows, &row);
}

static int print_node_folded(const struct flow_print *print, const struct flow_tree *tree,
			     const uint32_t *path, uint32_t depth)
{
	const struct flow_node *node = flow_tree_node(tree, path[depth - 1]);
	struct output *out = print->rows->out;

	if (!node->self_ns)
		return 0;
	for (uint32_t i = 0; i < depth; i++) {
		if (i)
			output_puts(out, ";");
		put_name(out, &flow_tree_node(tree, path[i])->function);
	}
	output_printf(out, " %" PRIu64, node->self_ns);
	return output_end(out);
}

typedef int (*node_fn)(const struct flow_print *print, const struct flow_tree *tree,
		       const uint32_t *path, uint32_t depth);

/* Give fn each node with its path: the nodes from below the root down to it. */
static int walk(const struct flow_print *print, const struct flow_tree *tree, node_fn fn)
{
	uint32_t depth = 0, node = FLOW_ROOT, size = 0, *path = NULL;
	int ret = 0;

	while (!ret && (node = flow_tree_next(tree, node, &depth)) != FLOW_NONE) {
		if (depth > size) {
			uint32_t *longer = reallocarray(path, depth * 2, sizeof(*path));

			if (!longer) {
				free(path);
				return -ENOMEM;
			}
			path = longer;
			size = depth * 2;
		}
		path[depth - 1] = node;
		ret = fn(print, tree, path, depth);
	}
	free(path);
	return ret;
}

int flow_print_tree(const struct flow_print *print, const struct flow_tree *tree)
{
	row_print_header(print->rows);
	return walk(print, tree, print_node);
}

int flow_print_folded(const struct flow_print *print, const struct flow_tree *tree)
{
	return walk(print, tree, print_node_folded);
}
