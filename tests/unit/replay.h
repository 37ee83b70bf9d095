/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A tool's rows from recorded events, with no kernel: the test includes the tool's own source after
 * this header, and gives events to its functions.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <arpa/inet.h>
#include <linux/types.h>

#include "lib/tool.h"
#include "transcript.h"

/* The test's: what open() does for printing, without the skeleton, if anything. Then its events. */
void replay_open(struct tool *tool, void *env) __attribute__((weak));
static void replay_events(struct tool *tool, void *env);

/* In place of tool_main(). */
static int replay_main(const struct tool_spec *spec, struct tool *tool, void *env, int argc,
		       char **argv)
{
	struct output_opts output = { .fd = replay_fd };

	tool_parse(spec, tool, env, argc, argv);
	output.json = tool->options.json;
	tool->output = output_new(&output);
	assert_non_null(tool->output);
	timestamp_start(&tool->start);
	row_printer_init(&tool->rows, &tool->options.rows, tool->output, &tool->start);
	if (replay_open)
		replay_open(tool, env);
	if (spec->header)
		spec->header(env);
	else if (tool->options.rows.table && !tool->options.rows.table->is_summary)
		row_print_header(&tool->rows);
	replay_events(tool, env);
	assert_int_equal(output_flush(tool->output), 0);
	output_free(tool->output);
	return 0;
}

#define main replay_tool
#define tool_main replay_main

#endif /* REPLAY_H */
