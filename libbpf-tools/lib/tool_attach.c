/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Attaching a skeleton's programs to tracepoints and system calls; see tool.h.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/core.h"
#include "lib/log.h"
#include "lib/tool.h"
#include "lib/tracefs.h"

static struct bpf_program *tool_program(const struct tool *tool, const char *name)
{
	return name ? bpf_object__find_program_by_name(tool->object, name) : NULL;
}

static bool tool_is_raw(const struct bpf_program *prog)
{
	return prog && bpf_program__type(prog) == BPF_PROG_TYPE_RAW_TRACEPOINT;
}

/* ---- attaching ------------------------------------------------------------------------------ */

/* -ENOENT: there is none, which isn't reported. */
static int tool_attach_classic(struct tool *tool, const struct bpf_program *prog,
			       const char *category, const char *event)
{
	int tracefs_fd = tracefs_open(), id = tracefs_fd, err;

	if (tracefs_fd >= 0) {
		id = tracefs_event_id(tracefs_fd, category, event);
		close(tracefs_fd);
		if (id == -ENOENT)
			return id;
	}
	err = id < 0 ? id : attach_tracepoint(&tool->attached, bpf_program__fd(prog), id, false, 0);
	if (err)
		log_failure(err, id < 0 ? PERMISSION_TRACEFS : PERMISSION_PERF,
			    "cannot attach to tracepoint %s:%s", category, event);
	return err;
}

/* At a function of the kernel by a kprobe multi link. -ENOENT: there is none, which isn't reported. */
static int tool_attach_function(struct tool *tool, const struct bpf_program *prog, const char *name,
				bool is_return)
{
	const struct attach_function function = { .name = name };
	const struct attach_kprobe_opts opts = {
		.functions = &function, .count = 1, .is_return = is_return, .use_multi = true
	};
	size_t attached;
	int err = attach_kprobes(&tool->attached, bpf_program__fd(prog), &opts, &attached);

	if (err == -ESRCH || err == -ENOENT)
		return -ENOENT;
	if (err)
		log_failure(err, PERMISSION_BPF, "cannot probe the kernel's %s", name);
	return err;
}

int tool_attach_point(struct tool *tool, const struct tool_point *point)
{
	const struct bpf_program *prog = tool_program(tool, point->program);
	const struct bpf_program *probe = tool_program(tool, point->probe);
	int err = 0;

	if (probe && bpf_program__autoload(probe)) {
		for (size_t i = 0; i < 2 && point->functions[i] && !err; i++)
			err = tool_attach_function(tool, probe, point->functions[i], false);
		if (err == -ENOENT)
			log_error("this kernel has no function %s", point->functions[0]);
		return err;
	}
	if (!prog || !bpf_program__autoload(prog))
		return 0;
	if (!tool_is_raw(prog)) {
		err = tool_attach_classic(tool, prog, point->category, point->event);
		if (err != -ENOENT)
			return err;
	} else {
		err = attach_raw_tracepoint(&tool->attached, bpf_program__fd(prog), point->event);
	}
	if (err)
		log_failure(err, PERMISSION_BPF, "cannot attach to tracepoint %s:%s",
			    point->category, point->event);
	return err;
}

int tool_attach_points(struct tool *tool)
{
	const struct tool_point *point = tool->spec->points;
	int err = 0;

	for (; (point->program || point->probe) && !err; point++)
		err = tool_attach_point(tool, point);
	return err;
}

/* The program of a call, or of all: "enter_open", "leave_call". */
static struct bpf_program *tool_call_program(const struct tool *tool, const char *verb,
					     const char *call)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", verb, call);
	return bpf_object__find_program_by_name(tool->object, name);
}

static int tool_attach_call(struct tool *tool, const char *call, bool is_return)
{
	const struct bsl_machine *machine = bsl_machine_get(bsl_host_machine());
	const struct bpf_program *traced = is_return ? tool_call_program(tool, "leave", "call")
						     : tool_call_program(tool, "enter", call);
	const struct bpf_program *probed = is_return ? tool_call_program(tool, "leave", "probe")
						     : tool_call_program(tool, "probe", call);
	char name[128];
	int err;

	if (bpf_program__autoload(probed)) {
		snprintf(name, sizeof(name), "%s%s", machine->call_prefix, call);
		err = tool_attach_function(tool, probed, name, is_return);
	} else {
		snprintf(name, sizeof(name), "sys_%s_%s", is_return ? "exit" : "enter", call);
		err = tool_attach_classic(tool, traced, "syscalls", name);
	}
	if (err == -ENOENT)
		log_info("no %s", name);
	return err == -ENOENT ? 0 : err;
}

int tool_attach_calls(struct tool *tool)
{
	const char *const *calls = tool->spec->calls;
	size_t attached = tool->attached.count;
	int err = 0;

	/* What ends a call before what begins one. */
	for (size_t i = 0; calls[i] && !err; i++)
		err = tool_attach_call(tool, calls[i], true);
	for (size_t i = 0; calls[i] && !err; i++)
		err = tool_attach_call(tool, calls[i], false);
	if (err || tool->attached.count > attached)
		return err;
	log_error(
		"this kernel has none of the tracepoints that are needed (CONFIG_FTRACE_SYSCALLS)");
	return -ENOENT;
}

/* ---- choosing ------------------------------------------------------------------------------- */

static void tool_choose_calls(struct tool *tool)
{
	bool by_function = tool->ways.preempts_calls && tool->ways.follows_all_returns;
	bool traced = !by_function && !tool->skips_calls;
	bool probed = by_function && !tool->skips_calls;

	bpf_program__set_autoload(tool_call_program(tool, "leave", "call"), traced);
	bpf_program__set_autoload(tool_call_program(tool, "leave", "probe"), probed);
	for (const char *const *call = tool->spec->calls; *call; call++) {
		bpf_program__set_autoload(tool_call_program(tool, "enter", *call), traced);
		bpf_program__set_autoload(tool_call_program(tool, "probe", *call), probed);
	}
}

/* Functions may be compiled into their callers. */
static bool tool_has_functions(const struct tool_point *points)
{
	for (; points->program || points->probe; points++)
		for (size_t i = 0; i < 2 && points->functions[i]; i++)
			if (core_find_function(points->functions[i]) < 0)
				return false;
	return true;
}

static bool tool_has_tracefs(void)
{
	int fd = tracefs_open();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void tool_choose_points(struct tool *tool, bool *points_by_event)
{
	const struct tool_point *point = tool->spec->points;
	bool by_function = tool->ways.preempts_raw && tool->ways.has_multi &&
			   tool_has_functions(point);
	bool by_event = tool->ways.preempts_raw && tool_has_tracefs();

	for (; point->program || point->probe; point++) {
		struct bpf_program *prog = tool_program(tool, point->program);
		struct bpf_program *probe = tool_program(tool, point->probe);

		if (probe)
			bpf_program__set_autoload(probe, by_function);
		if (probe && prog)
			bpf_program__set_autoload(prog, !by_function);
		else if (by_event && tool_is_raw(prog))
			bpf_program__set_type(prog, BPF_PROG_TYPE_TRACEPOINT);
	}
	if (points_by_event)
		*points_by_event = by_event;
}

void tool_choose_programs(struct tool *tool, bool *points_by_event)
{
	/* Where the kernel doesn't preempt itself, nothing is lost. */
	if ((tool->spec->calls || tool->spec->points) && ways_preempts())
		ways_ask(&tool->ways);
	if (tool->spec->calls)
		tool_choose_calls(tool);
	if (tool->spec->points)
		tool_choose_points(tool, points_by_event);
}
