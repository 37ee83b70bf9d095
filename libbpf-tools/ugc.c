/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ugc: garbage collections of language runtimes, each with its duration. See man/ugc.8.
 */
#include <array_size.h>
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/tool.h"
#include "runtime/runtime_session.h"
#include "ugc.h"
#include "ugc.skel.h"

struct env {
	struct tool tool;
	uint64_t min_ns;
	const char *filter;
	struct ugc_bpf *skel;
	struct runtime_session session;
};

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0, "Only java, node, php, python or ruby; may be repeated", 0 },
	{ "milliseconds", 'm', NULL, 0, "Durations in milliseconds, not microseconds", 0 },
	{ "minimum", 'M', "MS", 0,
	  "Only collections of at least that many milliseconds; decimals allowed", 0 },
	{ "filter", 'F', "TEXT", 0, "Only collections whose description contains TEXT", 0 },
	{},
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'M':
		env->min_ns = options_seconds(state, "-M", arg) / 1000;
		return 0;
	case 'F':
		env->filter = arg;
		return 0;
	default:
		return runtime_session_parse(&env->session, key, arg, state);
	}
}

/* A row. */
struct collection {
	const struct ugc_event *event;
	const char *language;
	char description[64];
};

/* What a collection's number says. */
static void describe(struct collection *row, const struct runtime_session_place *place)
{
	const struct ugc_event *event = row->event;
	enum runtime_lang lang = place->image->lang;
	size_t size = sizeof(row->description);

	row->language = runtime_lang_name(lang);
	if (lang == RUNTIME_RUBY)
		snprintf(row->description, size, "ruby %s",
			 strstr(place->place->probe, "sweep") ? "sweep" : "mark");
	else if (lang == RUNTIME_JAVA && event->has_number)
		snprintf(row->description, size, "java %s", event->number ? "full" : "partial");
	else if (lang == RUNTIME_PYTHON && event->has_number)
		snprintf(row->description, size, "python generation %lld",
			 (long long)event->number);
	else
		snprintf(row->description, size, "%s", row->language);
}

static void get_number(const void *row, struct row_value *value)
{
	const struct ugc_event *event = ((const struct collection *)row)->event;

	value->number = event->number;
	if (!event->has_number)
		row_set_none(value, NULL);
}

#define AT(member) ROW_VIA(struct collection, event, member)

static const struct row_column columns[] = {
	{ "START", "time", ROW_ELAPSED, -9, AT(begin_ns), .decimals = 3,
	  .help = "its begin, in text in seconds since the start" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, AT(tid), .when = { ROW_CHOSEN }, .help = "the thread" },
	{ "COMM", "comm", ROW_CHARS, -16, AT(comm), .help = "its name" },
	{ "LANGUAGE", "language", ROW_STRING, -8, ROW_AT(struct collection, language),
	  .when = { ROW_CHOSEN }, .help = "whose runtime it is" },
	{ "TIME (us)", NULL, ROW_US, -10, AT(ns), .decimals = 2, .when = { -'m' },
	  .help = "how long it took" },
	{ "TIME (ms)", NULL, ROW_MS, -10, AT(ns), .decimals = 2, .when = { 'm' },
	  .help = "how long it took" },
	{ NULL, "duration_ns", ROW_UNSIGNED, AT(ns), .help = "how long it took" },
	{ "DESCRIPTION", "description", ROW_CHARS, 0, ROW_AT(struct collection, description),
	  .help = "the language, and what kind of collection" },
	{ "NUMBER", "number", ROW_SIGNED, 6, .get = get_number, .when = { ROW_CHOSEN },
	  .help = "1 if full, or the generation" },
};

static const struct row_table rows = { .columns = columns, .count = ARRAY_SIZE(columns) };

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct runtime_session_place *place;
	const struct ugc_event *event = data;
	struct env *env = ctx;
	struct collection row = { .event = event };

	if (size < sizeof(*event))
		return -EINVAL;
	place = runtime_session_place(&env->session, event->place);
	if (!place)
		return -EINVAL;
	describe(&row, place);
	if (env->filter && !strstr(row.description, env->filter))
		return 0;
	return row_print(&env->tool.rows, &row);
}

static int tick(void *ctx)
{
	struct env *env = ctx;

	return runtime_session_tick(&env->session);
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct ugc_bpf *skel = env->skel = TOOL_OPEN(&env->tool, ugc, opts);

	if (!skel)
		return -errno;
	env->tool.interval_ns = 1000000000;
	skel->rodata->min_ns = env->min_ns;
	RUNTIME_SESSION_USES_ARGS(&env->session, skel);
	return runtime_session_open(&env->session, skel->obj);
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	struct runtime_attach *attach = &env->session.attach;

	attach->events = 1u << RUNTIME_GC_BEGIN | 1u << RUNTIME_GC_END;
	attach->prog_fds[RUNTIME_GC_BEGIN] = bpf_program__fd(env->skel->progs.gc_begin);
	attach->prog_fds[RUNTIME_GC_END] = bpf_program__fd(env->skel->progs.gc_end);
	attach->part_fd = bpf_program__fd(env->skel->progs.gc_resume);
	return runtime_session_attach(&env->session);
}

static void close_all(void *ctx)
{
	struct env *env = ctx;

	runtime_session_close(&env->session);
}

static const struct argp argp = {
	.options = arguments,
	.parser = parse_argument,
	.args_doc = "[PID] [-- COMMAND [ARG...]]",
	.doc = "Show garbage collections of language runtimes, each with its duration: of all processes, one, or a "
	       "command.\v"
	       "Examples:\n"
	       "  ugc -M 10                 everything that pauses for 10 ms or more\n"
	       "  ugc -m -F full 1234       full collections of process 1234, in ms\n"
	       "  ugc -- python3 app.py     a program from its start to its end",
};

static const char *const types[] = { "pt_regs", "user_pt_regs" };

static const struct tool_spec spec = {
	.options = { .argp = &argp, .common = OPTIONS_EVENTS, .rows = { &rows } },
	.types = types,
	.type_count = ARRAY_SIZE(types),
	.has_uprobes = true,
	.open = open_skeleton,
	.attach = attach,
	.handle = handle_event,
	.tick = tick,
	.close = close_all,
};

int main(int argc, char **argv)
{
	struct env env = { .session.tool = &env.tool };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
