/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Attaching a skeleton's programs to tracepoints and system calls; see tool.h.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tool.h"
#include "lib/tracefs.h"
#include "lib/ways.h"

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

/* The program of a call, or of all: "enter_open", "leave_call". */
static struct bpf_program *tool_call_program(const struct tool *tool, const char *verb,
					     const char *call)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", verb, call);
	return bpf_object__find_program_by_name(tool->object, name);
}

void tool_choose_calls(const struct tool *tool)
{
	const char *const *call = tool->spec->calls;
	struct ways ways = {};
	bool by_function;

	ways_ask(&ways);
	by_function = ways.preempts_calls && ways.follows_all_returns;
	bpf_program__set_autoload(tool_call_program(tool, "leave", "call"), !by_function);
	bpf_program__set_autoload(tool_call_program(tool, "leave", "probe"), by_function);
	for (; *call; call++) {
		bpf_program__set_autoload(tool_call_program(tool, "enter", *call), !by_function);
		bpf_program__set_autoload(tool_call_program(tool, "probe", *call), by_function);
	}
}

/* At the call's function in the kernel. */
static int tool_attach_function(struct tool *tool, const struct bpf_program *prog, const char *call,
				bool is_return)
{
	const struct bsl_machine *machine = bsl_machine_get(bsl_host_machine());
	char name[128];
	struct attach_function function = { .name = name };
	struct attach_kprobe_opts opts = {
		.functions = &function, .count = 1, .is_return = is_return, .use_multi = true
	};
	size_t attached;
	int err;

	snprintf(name, sizeof(name), "%s%s", machine->call_prefix, call);
	err = attach_kprobes(&tool->attached, bpf_program__fd(prog), &opts, &attached);
	if (err == -ESRCH || err == -ENOENT) {
		log_info("no function %s", name);
		return 0;
	}
	if (err)
		log_failure(err, PERMISSION_BPF, "cannot probe the kernel's %s", name);
	return err;
}

static int tool_attach_call(struct tool *tool, const char *call, bool is_return)
{
	const struct bpf_program *traced = is_return ? tool_call_program(tool, "leave", "call")
						     : tool_call_program(tool, "enter", call);
	const struct bpf_program *probed = is_return ? tool_call_program(tool, "leave", "probe")
						     : tool_call_program(tool, "probe", call);
	char name[128];
	struct tool_tracepoint point = { traced, "syscalls", name, true };

	if (bpf_program__autoload(probed))
		return tool_attach_function(tool, probed, call, is_return);
	snprintf(name, sizeof(name), "sys_%s_%s", is_return ? "exit" : "enter", call);
	return tool_attach_one(tool, &point);
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
	return err || tool->attached.count > attached ? err : tool_fail_attached();
}
