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
	bool milliseconds;
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
	case 'm':
		env->milliseconds = true;
		return 0;
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

/* What a collection's number says. */
static void describe(const struct ugc_event *event, const struct runtime_session_place *place,
		     char *text, size_t size)
{
	enum runtime_lang lang = place->image->lang;

	if (lang == RUNTIME_RUBY)
		snprintf(text, size, "ruby %s",
			 strstr(place->place->probe, "sweep") ? "sweep" : "mark");
	else if (lang == RUNTIME_JAVA && event->has_number)
		snprintf(text, size, "java %s", event->number ? "full" : "partial");
	else if (lang == RUNTIME_PYTHON && event->has_number)
		snprintf(text, size, "python generation %lld", (long long)event->number);
	else
		snprintf(text, size, "%s", runtime_lang_name(lang));
}

static void print_header(void *ctx)
{
	struct env *env = ctx;

	if (output_is_json(env->tool.output))
		return;
	output_printf(env->tool.output, "%-9s %-7s %-16s %-10s %s", "START", "PID", "COMM",
		      env->milliseconds ? "TIME (ms)" : "TIME (us)", "DESCRIPTION");
	output_end_line(env->tool.output);
}

static int print_text(struct env *env, const struct ugc_event *event, const char *description)
{
	struct output *out = env->tool.output;

	output_printf(out, "%-9.3f %-7u ", timestamp_offset(&env->tool.start, event->begin_ns),
		      event->pid);
	output_put_cstr(out, event->comm, sizeof(event->comm), -16);
	output_printf(out, " %-10.2f %s", event->ns / (env->milliseconds ? 1e6 : 1e3), description);
	return output_end(out);
}

static int print_json(struct env *env, const struct ugc_event *event,
		      const struct runtime_session_place *place, const char *description)
{
	struct output *out = env->tool.output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(&env->tool.start, event->begin_ns));
	output_json_u64(out, "pid", event->pid);
	output_json_u64(out, "tid", event->tid);
	output_json_cstr(out, "comm", event->comm, sizeof(event->comm));
	output_json_cstr(out, "language", runtime_lang_name(place->image->lang), SIZE_MAX);
	output_json_u64(out, "duration_ns", event->ns);
	output_json_cstr(out, "description", description, SIZE_MAX);
	if (event->has_number)
		output_json_s64(out, "number", event->number);
	return output_end(out);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct runtime_session_place *place;
	const struct ugc_event *event = data;
	struct env *env = ctx;
	char description[64];

	if (size < sizeof(*event))
		return -EINVAL;
	place = runtime_session_place(&env->session, event->place);
	if (!place)
		return -EINVAL;
	describe(event, place, description, sizeof(description));
	if (env->filter && !strstr(description, env->filter))
		return 0;
	return output_is_json(env->tool.output) ? print_json(env, event, place, description)
						: print_text(env, event, description);
}

static int tick(void *ctx)
{
	struct env *env = ctx;

	return runtime_session_tick(&env->session);
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct ugc_bpf *skel = ugc_bpf__open_opts(opts);

	env->skel = skel;
	if (!skel)
		return tool_fail_open();
	TOOL_OPENED(&env->tool, skel);
	TOOL_USES_EVENTS(&env->tool, skel);
	TOOL_USES_FILTER(&env->tool, skel);
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
	ugc_bpf__destroy(env->skel);
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
	.options = { .argp = &argp,
		     .common = OPTIONS_EVENTS | OPTIONS_PROCESS,
		     .letters = { [OPTIONS_PID] = 'p' } },
	.types = types,
	.type_count = ARRAY_SIZE(types),
	.has_uprobes = true,
	.open = open_skeleton,
	.attach = attach,
	.header = print_header,
	.handle = handle_event,
	.tick = tick,
	.close = close_all,
};

int main(int argc, char **argv)
{
	struct env env = { .session.tool = &env.tool };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
