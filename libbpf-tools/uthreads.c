/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * uthreads: threads that language runtimes start and end. See man/uthreads.8.
 */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "lib/log.h"
#include "lib/tool.h"
#include "runtime/runtime_session.h"
#include "uthreads.h"
#include "uthreads.skel.h"

struct env {
	struct tool tool;
	struct uthreads_bpf *skel;
	struct runtime_session session;
};

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0, "Only java, node, perl, python, ruby or tcl; may be repeated",
	  0 },
	{},
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	return runtime_session_parse(&env->session, key, arg, state);
}

/* A row. */
struct thread {
	const struct uthreads_event *event;
	const char *lang, *type;
};

static void get_name(const void *row, struct row_value *value)
{
	const struct uthreads_event *event = ((const struct thread *)row)->event;

	if (event->name_size)
		row_set_text(value, event->name,
			     event->name_size < 0
				     ? event->name_size
				     : (int64_t)strnlen(event->name, sizeof(event->name)));
	else
		row_set_none(value, NULL);
}

#define AT(member) ROW_VIA(struct thread, event, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_ELAPSED, -9, AT(ktime), .decimals = 3,
	  .help = "when, in text in seconds since the start" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, AT(tid),
	  .help = "the thread; of most languages that which starts it" },
	{ "LANGUAGE", "language", ROW_STRING, -8, ROW_AT(struct thread, lang),
	  .help = "whose runtime it is" },
	{ "TYPE", "type", ROW_STRING, -8, ROW_AT(struct thread, type),
	  .help = "start, stop or kernel" },
	{ "DESCRIPTION", "name", ROW_STRING, 0, .get = get_name, .help = "the thread's name" },
};

static const struct row_table rows = { .columns = columns, .count = ARRAY_SIZE(columns) };

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct uthreads_event *event = data;
	const struct runtime_session_place *place;
	struct thread thread = { event, "ruby", "kernel" };
	struct env *env = ctx;

	if (size < sizeof(*event))
		return -EINVAL;
	place = runtime_session_place(&env->session, event->place);
	if (place) {
		thread.lang = runtime_lang_name(place->image->lang);
		thread.type = place->place->spec.event == RUNTIME_THREAD_STOP ? "stop" : "start";
	} else if (event->place != UTHREADS_BY_KERNEL) {
		return -EINVAL;
	}
	return row_print(&env->tool.rows, &thread);
}

/* A process whose runtime has no place for its threads. */
static void found_process(void *ctx, const struct runtime_process *process)
{
	struct env *env = ctx;
	uint32_t pid = process->pid;
	uint8_t yes = 1;

	for (int i = 0; i < process->uses_count; i++)
		if (process->uses[i].image->routes[RUNTIME_THREAD_START].kind ==
		    RUNTIME_ROUTE_KERNEL)
			bpf_map_update_elem(bpf_map__fd(env->skel->maps.kernel_told), &pid, &yes,
					    BPF_ANY);
}

static int tick(void *ctx)
{
	struct env *env = ctx;

	return runtime_session_tick(&env->session);
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct uthreads_bpf *skel = env->skel = TOOL_OPEN(&env->tool, uthreads, opts);

	if (!skel)
		return -errno;
	/* A runtime's threads start soon after its library is there. */
	env->tool.interval_ns = 200000000;
	env->session.found_process = found_process;
	env->session.ctx = env;
	RUNTIME_SESSION_USES_ARGS(&env->session, skel);
	return runtime_session_open(&env->session, skel->obj);
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	struct runtime_attach *attach = &env->session.attach;

	attach->events = 1u << RUNTIME_THREAD_START | 1u << RUNTIME_THREAD_STOP;
	attach->prog_fds[RUNTIME_THREAD_START] = bpf_program__fd(env->skel->progs.thread_event);
	attach->prog_fds[RUNTIME_THREAD_STOP] = bpf_program__fd(env->skel->progs.thread_event);
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
	.doc = "Show threads that language runtimes start and, in Java, end: of all processes, one, or a command.\v"
	       "Examples:\n"
	       "  uthreads -l java 1234     threads of a Java process, with their names\n"
	       "  uthreads -- ruby app.rb   a program from its start to its end\n\n"
	       "Type 'kernel' is a thread of a runtime that doesn't report them, as the kernel starts it: the runtime's own "
	       "helpers too.",
};

static const char *const types[] = { "pt_regs", "user_pt_regs", "task_struct",
				     "bpf_raw_tracepoint_args" };

static const struct tool_point points[] = {
	{ "task_created", "task", "task_newtask", "probe_created", { "wake_up_new_task" } },
	{},
};

static const struct tool_spec spec = {
	.options = { .argp = &argp, .common = OPTIONS_EVENTS, .rows = { &rows } },
	.types = types,
	.type_count = ARRAY_SIZE(types),
	.has_uprobes = true,
	.open = open_skeleton,
	.points = points,
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
