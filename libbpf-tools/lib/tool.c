/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of a tool with a skeleton; see tool.h.
 */
#include "lib/tool.h"

#include <bpf/btf.h>
#include <errno.h>
#include <front.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/btf_file.h"
#include "lib/core.h"
#include "lib/log.h"

int tool_fail_open(void)
{
	int err = -errno;

	log_libbpf_failure(err, "cannot open the BPF object");
	return err;
}

struct tool_skeleton *tool_own_skeleton(struct tool *tool, struct tool_skeleton *skel)
{
	int err = skel ? 0 : -tool_fail_open();

	tool->skeleton = skel;
	tool->object = skel ? skel->obj : NULL;
	errno = err;
	return skel;
}

/* As NAME_bpf__destroy(). */
static void tool_free_skeleton(struct tool_skeleton *skel)
{
	if (skel)
		bpf_object__destroy_skeleton(skel->skeleton);
	free(skel);
}

void *tool_variable(const struct tool *tool, const char *section, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(tool->object, section);
	const struct btf *btf = bpf_object__btf(tool->object);
	char *memory = map ? bpf_map__initial_value((struct bpf_map *)map, &(size_t){ 0 }) : NULL;
	const struct btf_type *data =
		btf__type_by_id(btf, btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC));
	const struct btf_var_secinfo *vars = btf_var_secinfos(data);
	const struct btf_type *var;

	for (int i = 0; memory && data && i < btf_vlen(data); i++) {
		var = btf__type_by_id(btf, vars[i].type);
		if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
			return memory + vars[i].offset;
	}
	return NULL;
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
	bool *use_perf = tool_variable(tool, ".rodata", "events_use_perf");
	bool *has_registers = tool_variable(tool, ".rodata", "returning_has_registers");
	struct filter_config *filter = tool_variable(tool, ".rodata", "filter_config");
	int err = 0;

	blind_choose(&tool->spec->blind_spots, tool->object);
	if (filter)
		err = filter_prepare_object(&tool->filter, tool->object, filter,
					    tool_variable(tool, ".rodata", "pidns_config"));

	if (err)
		return err;
	if (use_perf)
		err = events_maps_prepare(&tool->maps, tool->object, use_perf,
					  tool_variable(tool, ".rodata", "events_scratch_slots"),
					  options->transport, bytes ?: tool->buffer_bytes);
	if (has_registers)
		*has_registers = libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT,
							 BPF_FUNC_task_pt_regs, NULL) > 0;
	err = err ?: bpf_object__load_skeleton(tool->skeleton->skeleton);
	/* libbpf's word for a kernel without BTF, whose programs need it. */
	if (err == -ESRCH && access(BTF_FILE_KERNEL, F_OK))
		log_error(
			"cannot load the BPF programs: this kernel doesn't describe its types, which they need (no " BTF_FILE_KERNEL
			": CONFIG_DEBUG_INFO_BTF)");
	else if (tool->permission && permission_is_refusal(err))
		log_failure(err, tool->permission, "cannot load the BPF programs");
	else if (err)
		log_libbpf_failure(err, "cannot load the BPF programs");
	err = err ?: tool_check_mapped(tool->skeleton->skeleton);
	if (err || !use_perf)
		return err;
	err = events_maps_complete(&tool->maps, tool->object,
				   tool_variable(tool, ".bss", "events_ctl"));
	if (err)
		log_libbpf_failure(err, "cannot set up the event buffer");
	return err;
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

static void tool_attach_blind(struct tool *tool)
{
	struct blind_seen *seen = tool_variable(tool, ".bss", "blind_seen");

	if (!seen)
		return;
	blind_attach(&tool->blind, &tool->spec->blind_spots, seen, tool->object, &tool->attached);
	for (unsigned int i = 0; i < tool->choice.pid_count; i++)
		blind_look_at(&tool->blind, tool->choice.pids[i]);
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
		tool_choose_programs(tool, tool_variable(tool, ".rodata", "points_by_event"));
	if (!err && tool->object)
		err = tool_load(tool);
	core_free(core);
	if (!err && spec->handle)
		err = tool_open_events(tool);
	if (!err && spec->calls && !tool->skips_calls)
		err = tool_attach_calls(tool);
	if (!err && spec->points)
		err = tool_attach_points(tool);
	if (!err && spec->attach)
		err = spec->attach(tool->env);
	if (!err && tool->object)
		tool_attach_blind(tool);
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
		if (tool->events && prog != tool->waker && !blind_is_program(prog) &&
		    bpf_program__fd(prog) >= 0)
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
	blind_tell(&tool->blind);
	filter_tell_missed(&tool->filter);
}

static bool tool_is_over(void *ctx)
{
	struct tool *tool = ctx;

	/* At each turn, too. */
	blind_tell(&tool->blind);
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
	tool_free_skeleton(tool->skeleton);
	filter_close(&tool->filter);
	run_free(tool->run);
	return status;
}
