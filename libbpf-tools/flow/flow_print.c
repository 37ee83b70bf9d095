/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows, trees and folded stacks of calls. See flow_print.h.
 */
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

static void json_text(struct output *out, const char *key, const struct flow_text *text)
{
	char cut_key[32];

	snprintf(cut_key, sizeof(cut_key), "%s_truncated", key);
	if (text->text)
		output_json_str(out, key, text->text, text->len);
	else if (text->error)
		output_json_error(out, key, strerrorname_np(-text->error) ?: "unknown error");
	if (text->is_cut)
		output_json_bool(out, cut_key, true);
}

void flow_print_json_function(struct output *out, const struct flow_function *function)
{
	json_text(out, "class", &function->class_name);
	json_text(out, "method", &function->method);
	json_text(out, "file", &function->file);
	if (function->line)
		output_json_u64(out, "line", function->line);
}

/* ---- rows ----------------------------------------------------------------------------------- */

void flow_print_header(const struct flow_print *print)
{
	struct output *out = print->output;

	if (output_is_json(out))
		return;
	output_printf(out, "%-3s %-6s %-6s ", "CPU", "PID", "TID");
	if (print->threads)
		output_printf(out, "%-15s ", "THREAD");
	output_printf(out, "%-12s %s", "TIME(us)", "METHOD");
	output_end_line(out);
}

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

static int print_text(const struct flow_print *print, const struct flow_row *row)
{
	struct output *out = print->output;

	output_printf(out, "%-3u %-6d %-6d ", row->cpu, row->pid, row->tid);
	if (print->threads) {
		output_put_cstr(out, row->comm, 16, -15);
		output_puts(out, " ");
	}
	output_printf(out, "%-12.3f ", timestamp_offset(print->start, row->time) * 1e6);
	if (row->event == FLOW_ROW_LOST) {
		output_puts(out, "... ");
		put_grouped(out, row->lost);
		output_puts(out, row->lost == 1 ? " event lost" : " events lost");
		return output_end(out);
	}
	put_indent(out, row->depth);
	output_puts(out, row->event == FLOW_ROW_ENTER ? "-> " : "<- ");
	put_name(out, row->function);
	if (row->event == FLOW_ROW_ENTER)
		put_place(out, row->function);
	if (print->latency && row->latency_ns)
		output_printf(out, "  %.3f us", row->latency_ns / 1e3);
	if (row->event == FLOW_ROW_UNWOUND)
		output_puts(out, "  (unwound)");
	return output_end(out);
}

static int print_json(const struct flow_print *print, const struct flow_row *row)
{
	static const char *const names[] = {
		[FLOW_ROW_ENTER] = "enter",
		[FLOW_ROW_LEAVE] = "leave",
		[FLOW_ROW_UNWOUND] = "unwound",
		[FLOW_ROW_LOST] = "lost",
	};
	struct output *out = print->output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(print->start, row->time));
	output_json_cstr(out, "event", names[row->event], 16);
	output_json_u64(out, "cpu", row->cpu);
	output_json_s64(out, "pid", row->pid);
	output_json_s64(out, "tid", row->tid);
	output_json_cstr(out, "comm", row->comm, 16);
	if (row->event == FLOW_ROW_LOST) {
		output_json_u64(out, "events", row->lost);
		return output_end(out);
	}
	output_json_u64(out, "depth", row->depth);
	flow_print_json_function(out, row->function);
	if (row->latency_ns)
		output_json_double(out, "latency_us", row->latency_ns / 1e3);
	return output_end(out);
}

int flow_print_row(const struct flow_print *print, const struct flow_row *row)
{
	return output_is_json(print->output) ? print_json(print, row) : print_text(print, row);
}

/* ---- all calls ------------------------------------------------------------------------------ */

static int print_node_text(struct output *out, const struct flow_node *node, uint32_t depth)
{
	output_put_u64(out, node->calls, -8);
	output_printf(out, " %-14.3f %-14.3f ", node->total_ns / 1e3, node->self_ns / 1e3);
	put_indent(out, depth);
	put_name(out, &node->function);
	put_place(out, &node->function);
	if (node->unwound)
		output_printf(out, "  (%" PRIu64 " unwound)", node->unwound);
	if (node->unknown)
		output_printf(out, "  (time of %" PRIu64 " lost)", node->unknown);
	return output_end(out);
}

static void json_path(struct output *out, const struct flow_tree *tree, const uint32_t *path,
		      uint32_t depth)
{
	output_json_array_begin(out, "callers");
	for (uint32_t i = 0; i + 1 < depth; i++) {
		const struct flow_function *function = &flow_tree_node(tree, path[i])->function;

		output_json_object_begin(out, NULL);
		flow_print_json_function(out, function);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}

static int print_node_json(struct output *out, const struct flow_tree *tree, const uint32_t *path,
			   uint32_t depth)
{
	const struct flow_node *node = flow_tree_node(tree, path[depth - 1]);

	output_json_begin(out);
	output_json_u64(out, "depth", depth);
	flow_print_json_function(out, &node->function);
	output_json_u64(out, "calls", node->calls);
	output_json_u64(out, "unwound", node->unwound);
	output_json_u64(out, "unknown", node->unknown);
	output_json_double(out, "total_us", node->total_ns / 1e3);
	output_json_double(out, "self_us", node->self_ns / 1e3);
	json_path(out, tree, path, depth);
	return output_end(out);
}

static int print_node_folded(struct output *out, const struct flow_tree *tree, const uint32_t *path,
			     uint32_t depth)
{
	const struct flow_node *node = flow_tree_node(tree, path[depth - 1]);

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

typedef int (*node_fn)(struct output *out, const struct flow_tree *tree, const uint32_t *path,
		       uint32_t depth);

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
		ret = fn(print->output, tree, path, depth);
	}
	free(path);
	return ret;
}

int flow_print_tree(const struct flow_print *print, const struct flow_tree *tree)
{
	uint32_t depth = 0, node = FLOW_ROOT;
	int ret = 0;

	if (output_is_json(print->output))
		return walk(print, tree, print_node_json);
	output_printf(print->output, "%-8s %-14s %-14s %s", "CALLS", "TOTAL(us)", "SELF(us)",
		      "METHOD");
	output_end_line(print->output);
	while (!ret && (node = flow_tree_next(tree, node, &depth)) != FLOW_NONE)
		ret = print_node_text(print->output, flow_tree_node(tree, node), depth);
	return ret;
}

int flow_print_folded(const struct flow_print *print, const struct flow_tree *tree)
{
	return walk(print, tree, print_node_folded);
}
