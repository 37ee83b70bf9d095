/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of a tool with a skeleton; see tool.h.
 */
#include "lib/tool.h"

#include <blazesym-lite.h>
#include <errno.h>
#include <front.h>
#include <string.h>
#include <unistd.h>

#include "lib/btf_file.h"
#include "lib/core.h"
#include "lib/log.h"
#include "lib/tracefs.h"
#include "lib/ways.h"

int tool_fail_open(void)
{
	int err = -errno;

	log_libbpf_failure(err, "cannot open the BPF object");
	return err;
}

static int tool_attach_classic(struct tool *tool, const struct tool_tracepoint *point,
			       int tracefs_fd, bool *is_found)
{
	int id = tracefs_event_id(tracefs_fd, point->category, point->name);

	*is_found = id >= 0;
	return id < 0 ? id
		      : attach_tracepoint(&tool->attached, bpf_program__fd(point->prog), id, false,
					  0);
}

static int tool_attach_one(struct tool *tool, const struct tool_tracepoint *point)
{
	const char *category = point->category ?: "raw";
	int tracefs_fd = -1, err;
	bool is_found = false;

	if (!bpf_program__autoload(point->prog))
		return 0;
	if (!point->category) {
		err = attach_raw_tracepoint(&tool->attached, bpf_program__fd(point->prog),
					    point->name);
	} else {
		tracefs_fd = tracefs_open();
		err = tracefs_fd < 0 ? tracefs_fd
				     : tool_attach_classic(tool, point, tracefs_fd, &is_found);
	}
	if (err == -ENOENT && point->is_optional && (!point->category || tracefs_fd >= 0)) {
		log_info("no tracepoint %s:%s", category, point->name);
		err = 0;
	} else if (err) {
		log_failure(err,
			    !point->category ? PERMISSION_BPF
			    : is_found	     ? PERMISSION_PERF
					     : PERMISSION_TRACEFS,
			    "cannot attach to tracepoint %s:%s", category, point->name);
	}
	if (tracefs_fd >= 0)
		close(tracefs_fd);
	return err;
}

static int tool_fail_attached(void)
{
	log_error(
		"this kernel has none of the tracepoints that are needed (CONFIG_FTRACE_SYSCALLS)");
	return -ENOENT;
}

int tool_attach_tracepoints(struct tool *tool, const struct tool_tracepoint *points, size_t count)
{
	size_t attached = tool->attached.count;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = tool_attach_one(tool, &points[i]);
	return err || tool->attached.count > attached ? err : tool_fail_attached();
}

/* Of a tool with a skeleton. */
void tool_choose_calls(const struct tool_call *calls, size_t count)
{
	struct ways ways = {};
	bool by_function;

	ways_ask(&ways);
	by_function = ways.preempts_calls && ways.follows_all_returns;
	for (size_t i = 0; i < count; i++) {
		bpf_program__set_autoload(calls[i].traced, !by_function);
		bpf_program__set_autoload(calls[i].probed, by_function);
	}
}

static int tool_attach_function(struct tool *tool, const struct tool_call *call)
{
	const struct bsl_machine *machine = bsl_machine_get(bsl_host_machine());
	char name[128];
	struct attach_function function = { .name = name };
	struct attach_kprobe_opts opts = {
		.functions = &function, .count = 1, .is_return = call->is_return, .use_multi = true
	};
	size_t attached;
	int err;

	snprintf(name, sizeof(name), "%s%s", machine->call_prefix, call->name);
	err = attach_kprobes(&tool->attached, bpf_program__fd(call->probed), &opts, &attached);
	if (err == -ESRCH || err == -ENOENT) {
		log_info("no function %s", name);
		return 0;
	}
	if (err)
		log_failure(err, PERMISSION_BPF, "cannot probe the kernel's %s", name);
	return err;
}

static int tool_attach_call(struct tool *tool, const struct tool_call *call)
{
	struct tool_tracepoint point = { call->traced, "syscalls", NULL, true };
	char name[128];

	snprintf(name, sizeof(name), "sys_%s_%s", call->is_return ? "exit" : "enter", call->name);
	point.name = name;
	return tool_attach_one(tool, &point);
}

int tool_attach_calls(struct tool *tool, const struct tool_call *calls, size_t count)
{
	size_t attached = tool->attached.count;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = bpf_program__autoload(calls[i].probed) ? tool_attach_function(tool, &calls[i])
							     : tool_attach_call(tool, &calls[i]);
	return err || tool->attached.count > attached ? err : tool_fail_attached();
}

/* libbpf loads the programs also where it could not map their variables. */
static int tool_check_mapped(const struct bpf_object_skeleton *skeleton)
{
	for (int i = 0; i < skeleton->map_cnt; i++) {
		if (!skeleton->maps[i].mmaped || *skeleton->maps[i].mmaped)
			continue;
		log_error(
			"cannot map the variables of the BPF programs (the kernel can since 5.5)");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int tool_load(struct tool *tool)
{
	const struct options *options = &tool->options;
	size_t bytes = (size_t)options->buffer_pages * getpagesize();
	int err = 0;

	if (tool->filter_config)
		err = filter_prepare_object(&tool->filter, tool->object, tool->filter_config,
					    tool->pidns_config);

	if (err)
		return err;
	if (tool->use_perf)
		err = events_maps_prepare(&tool->maps, tool->object, tool->use_perf,
					  tool->scratch_slots, options->transport,
					  bytes ?: tool->buffer_bytes);
	if (!err && tool->has_registers)
		*tool->has_registers = libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT,
							       BPF_FUNC_task_pt_regs, NULL) > 0;
	err = err ?: bpf_object__load_skeleton(tool->skeleton);
	if (!err && tool->use_perf)
		err = events_maps_complete(&tool->maps, tool->object, tool->ctl);
	/* libbpf's word for a kernel without BTF, whose programs need it. */
	if (err == -ESRCH && access(BTF_FILE_KERNEL, F_OK))
		log_error(
			"cannot load the BPF programs: this kernel tells nothing of its types, which they "
			"need (no " BTF_FILE_KERNEL ": CONFIG_DEBUG_INFO_BTF)");
	else if (tool->permission && permission_is_refusal(err))
		log_failure(err, tool->permission, "cannot load the BPF programs");
	else if (err)
		log_libbpf_failure(err, "cannot load the BPF programs");
	return err ?: tool_check_mapped(tool->skeleton);
}

static int tool_open_events(struct tool *tool)
{
	const struct events_opts opts = { .maps = &tool->maps,
					  .handle = tool->spec->handle,
					  .ctx = tool->env };

	tool->events = events_new(&opts);
	if (tool->events)
		return 0;
	log_libbpf_failure(-errno, "cannot open the event buffer");
	return -errno;
}

/* Everything until the first event can come. */
static int tool_start(struct tool *tool)
{
	const struct tool_spec *spec = tool->spec;
	struct core *core = spec->type_count ? core_new(spec->types, spec->type_count) : NULL;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = core_path(core));
	int err;

	if (spec->has_uprobes)
		attach_set_warm(&tool->attached);
	tool->output = run_output(tool->run);
	row_printer_init(&tool->rows, &tool->options.rows, tool->output, &tool->start);
	err = filter_start(&tool->filter, run_follow_map_fd(tool->run));
	err = err ?: spec->open(tool->env, &opts);
	if (!err && tool->object)
		err = tool_load(tool);
	core_free(core);
	if (!err && spec->handle)
		err = tool_open_events(tool);
	if (!err && spec->attach)
		err = spec->attach(tool->env);
	return err ?: filter_attached(&tool->filter);
}

static void tool_detach(void *ctx)
{
	struct bpf_program *prog;
	struct tool *tool = ctx;

	if (tool->spec->detach)
		tool->spec->detach(tool->env);
	attach_set_close(&tool->attached);
	if (!tool->object)
		return;
	bpf_object__for_each_program(prog, tool->object) {
		if (tool->events && prog != tool->waker && bpf_program__fd(prog) >= 0)
			events_add_skipped(tool->events, bpf_program__fd(prog));
	}
}

static int tool_tick(void *ctx)
{
	struct tool *tool = ctx;

	return tool->spec->tick(tool->env);
}

static int tool_reload(void *ctx)
{
	struct tool *tool = ctx;

	return tool->spec->reload(tool->env);
}

static void tool_finish(void *ctx)
{
	struct tool *tool = ctx;

	if (tool->spec->finish)
		tool->spec->finish(tool->env);
	filter_tell_missed(&tool->filter);
}

static bool tool_is_over(void *ctx)
{
	const struct tool *tool = ctx;

	return filter_has_ended(&tool->filter);
}

static const char *tool_probe_name(void *ctx, uint32_t probe)
{
	struct tool *tool = ctx;

	return tool->spec->probe_name(tool->env, probe);
}

static int tool_run(struct tool *tool)
{
	const struct run_loop_opts loop = {
		.events = tool->events,
		.interval_ns = tool->interval_ns,
		.tick = tool_tick,
		.reload = tool->spec->reload ? tool_reload : NULL,
		.detach = tool_detach,
		.finish = tool_finish,
		.is_over = tool_is_over,
		.probe_name = tool->spec->probe_name ? tool_probe_name : NULL,
		.ctx = tool,
	};

	timestamp_start(&tool->start);
	if (tool->spec->header)
		tool->spec->header(tool->env);
	else if (tool->options.rows.table && !tool->options.rows.table->is_summary)
		row_print_header(&tool->rows);
	return run_loop(tool->run, &loop);
}

static bool tool_has_letter(const void *ctx, int letter)
{
	return options_has_letter(ctx, letter);
}

void tool_parse(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv)
{
	struct options_spec options = spec->options;
	struct choice_parser parser;

	tool->spec = spec;
	tool->env = env;
	tool->filter = (struct filter)FILTER_CLOSED;
	choice_parser_init(&parser, &spec->choice, &tool->choice, tool_has_letter, &options);
	options.input = env;
	if (spec->choice.without != CHOICE_ALL) {
		options.group = &parser.argp;
		options.group_input = &parser;
		options.group_heading = "Filters:";
	}
	options_parse(&options, &tool->options, argc, argv);
}

/* What the command line asks for, before anything is set up for it: TOOL_GO_ON, or an exit status. */
static int tool_prepare(struct tool *tool)
{
	if (tool->options.command && tool->choice.pid_count) {
		log_error("-p and -- COMMAND exclude each other");
		return RUN_USAGE;
	}
	if (filter_open(&tool->filter, &tool->choice))
		return RUN_USAGE;
	return tool->spec->prepare ? tool->spec->prepare(tool->env) : TOOL_GO_ON;
}

int tool_main(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv)
{
	int status;

	front_start();
	tool_parse(spec, tool, env, argc, argv);
	status = tool_prepare(tool);
	if (status == TOOL_GO_ON) {
		tool->run = run_new(&tool->options);
		status = tool->run && !tool_start(tool) ? tool_run(tool) : RUN_FAILED;
	}
	attach_set_close(&tool->attached);
	events_free(tool->events);
	if (spec->close)
		spec->close(env);
	filter_close(&tool->filter);
	run_free(tool->run);
	return status;
}
