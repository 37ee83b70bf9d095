/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * opensnoop: files being opened, with their result. See man/opensnoop.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/tool.h"
#include "opensnoop.h"
#include "opensnoop.skel.h"

#define FLAG_FILTERS_MAX 16

static const struct flag {
	const char *name;
	uint64_t mask, value;
} flags[] = {
	{ "O_RDONLY", O_ACCMODE, O_RDONLY },
	{ "O_WRONLY", O_ACCMODE, O_WRONLY },
	{ "O_RDWR", O_ACCMODE, O_RDWR },
	{ "O_CREAT", O_CREAT, O_CREAT },
	{ "O_EXCL", O_EXCL, O_EXCL },
	{ "O_NOCTTY", O_NOCTTY, O_NOCTTY },
	{ "O_TRUNC", O_TRUNC, O_TRUNC },
	{ "O_APPEND", O_APPEND, O_APPEND },
	{ "O_NONBLOCK", O_NONBLOCK, O_NONBLOCK },
	{ "O_SYNC", O_SYNC, O_SYNC },
	{ "O_DSYNC", O_DSYNC, O_DSYNC },
	{ "O_DIRECT", O_DIRECT, O_DIRECT },
	{ "O_DIRECTORY", O_DIRECTORY, O_DIRECTORY },
	{ "O_NOFOLLOW", O_NOFOLLOW, O_NOFOLLOW },
	{ "O_NOATIME", O_NOATIME, O_NOATIME },
	{ "O_CLOEXEC", O_CLOEXEC, O_CLOEXEC },
	{ "O_PATH", O_PATH, O_PATH },
	{ "O_TMPFILE", O_TMPFILE, O_TMPFILE },
};

struct env {
	struct tool tool;
	bool timestamp, print_uid, failed_only, extended;
	pid_t tid;
	const char *name;
	const struct flag *flag_filters[FLAG_FILTERS_MAX];
	size_t flag_filter_count;
	struct opensnoop_bpf *skel;
};

static const struct argp_option arguments[] = {
	{ "timestamp", 'T', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "failed", 'x', NULL, 0, "Only those that failed", 0 },
	{ "tid", 't', "TID", 0, "Only thread TID (the PID column is then TID)", 0 },
	{ "name", 'n', "NAME", 0, "Only processes whose name contains NAME", 0 },
	{ "extended_fields", 'e', NULL, 0, "Print the flags", 0 },
	{ "flag_filter", 'f', "FLAG", 0, "Only with FLAG, or one of several", 0 },
	{},
};

static void add_flag_filter(struct env *env, const char *name, const struct argp_state *state)
{
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]) && strcmp(flags[i].name, name); i++)
		;
	if (i == sizeof(flags) / sizeof(flags[0]))
		argp_error(state,
			   "invalid --flag_filter '%s': expected one of open(2), such as O_CREAT",
			   name);
	else if (env->flag_filter_count == FLAG_FILTERS_MAX)
		argp_error(state, "too many --flag_filter");
	else
		env->flag_filters[env->flag_filter_count++] = &flags[i];
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = { { 'T', &env->timestamp },
						   { 'U', &env->print_uid },
						   { 'x', &env->failed_only },
						   { 'e', &env->extended } };

	if (options_switch_on(switches, sizeof(switches) / sizeof(switches[0]), key))
		return 0;
	switch (key) {
	case 't':
		env->tid = options_pid(state, "--tid", arg);
		return 0;
	case 'n':
		env->name = arg;
		return 0;
	case 'f':
		add_flag_filter(env, arg, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_wanted(const struct env *env, const struct opensnoop_event *event)
{
	size_t i;

	if (env->name && !memmem(event->comm, strnlen(event->comm, sizeof(event->comm)), env->name,
				 strlen(env->name)))
		return false;
	for (i = 0; i < env->flag_filter_count; i++) {
		if ((event->flags & env->flag_filters[i]->mask) == env->flag_filters[i]->value)
			return true;
	}
	return !env->flag_filter_count;
}

static void print_header(void *ctx)
{
	const struct env *env = ctx;
	struct output *out = env->tool.output;

	if (output_is_json(out))
		return;
	if (env->timestamp)
		output_printf(out, "%-14s", "TIME(s)");
	if (env->print_uid)
		output_printf(out, "%-6s", "UID");
	output_printf(out, "%-6s %-16s %4s %3s ", env->tid ? "TID" : "PID", "COMM", "FD", "ERR");
	if (env->extended)
		output_printf(out, "%-9s", "FLAGS");
	output_puts(out, "PATH");
	output_end_line(out);
}

static int print_text(struct env *env, const struct opensnoop_event *event)
{
	bool failed = event->result < 0;
	struct output *out = env->tool.output;

	if (env->timestamp)
		output_printf(out, "%-14.9f", timestamp_offset(&env->tool.start, event->ktime));
	if (env->print_uid)
		output_put_u64(out, event->uid, -6);
	output_put_u64(out, env->tid ? event->tid : event->pid, -6);
	output_puts(out, " ");
	output_put_cstr(out, event->comm, sizeof(event->comm), -16);
	output_printf(out, " %4d %3d ", failed ? -1 : event->result, failed ? -event->result : 0);
	if (env->extended && event->flags_error)
		output_printf(out, "%-8s ", "?");
	else if (env->extended)
		output_printf(out, "%08llo ", (unsigned long long)event->flags);
	if (event->path_len < 0)
		output_puts(out, "?");
	else
		output_put_cstr(out, event->path, event->path_len, 0);
	if (event->path_len == OPENSNOOP_PATH_SIZE)
		output_puts(out, "...");
	return output_end(out);
}

static int print_json(struct env *env, const struct opensnoop_event *event)
{
	struct output *out = env->tool.output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(&env->tool.start, event->ktime));
	output_json_u64(out, "uid", event->uid);
	output_json_u64(out, "pid", event->pid);
	output_json_u64(out, "tid", event->tid);
	output_json_cstr(out, "comm", event->comm, sizeof(event->comm));
	if (event->result < 0)
		output_json_error(out, "fd", strerrorname_np(-event->result) ?: "unknown error");
	else
		output_json_s64(out, "fd", event->result);
	output_json_s64(out, "errno", event->result < 0 ? -event->result : 0);
	if (event->flags_error)
		output_json_error(out, "flags", strerrorname_np(-event->flags_error));
	else
		output_json_u64(out, "flags", event->flags);
	if (event->path_len < 0)
		output_json_error(out, "path", strerrorname_np(-event->path_len));
	else
		output_json_cstr(out, "path", event->path, event->path_len);
	if (event->path_len == OPENSNOOP_PATH_SIZE)
		output_json_bool(out, "path_truncated", true);
	return output_end(out);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct opensnoop_event *event = data;
	size_t header = offsetof(struct opensnoop_event, path);
	struct env *env = ctx;

	if (size < header || (event->path_len > 0 && size - header < (size_t)event->path_len))
		return -EINVAL;
	if (!is_wanted(env, event))
		return 0;
	return output_is_json(env->tool.output) ? print_json(env, event) : print_text(env, event);
}

/* A call without tracepoints isn't there: arm64 has no open and creat, and openat2 came with 5.6. */
static int attach_calls(void *ctx)
{
	struct env *env = ctx;
	const struct opensnoop_bpf *skel = env->skel;
	const struct tool_tracepoint calls[] = {
		{ skel->progs.leave_call, "syscalls", "sys_exit_open", true },
		{ skel->progs.leave_call, "syscalls", "sys_exit_creat", true },
		{ skel->progs.leave_call, "syscalls", "sys_exit_openat", true },
		{ skel->progs.leave_call, "syscalls", "sys_exit_openat2", true },
		{ skel->progs.enter_open, "syscalls", "sys_enter_open", true },
		{ skel->progs.enter_creat, "syscalls", "sys_enter_creat", true },
		{ skel->progs.enter_openat, "syscalls", "sys_enter_openat", true },
		{ skel->progs.enter_openat2, "syscalls", "sys_enter_openat2", true },
	};

	return tool_attach_tracepoints(&env->tool, calls, sizeof(calls) / sizeof(calls[0]));
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct opensnoop_bpf *skel = env->skel = opensnoop_bpf__open_opts(opts);

	if (!skel)
		return tool_fail_open();
	TOOL_OPENED(&env->tool, skel);
	TOOL_USES_EVENTS(&env->tool, skel);
	TOOL_USES_FILTER(&env->tool, skel);
	env->tool.has_registers = &skel->rodata->returning_has_registers;
	env->tool.scratch_slots = &skel->rodata->events_scratch_slots;
	skel->rodata->filter_config.tid = env->tid;
	skel->rodata->failed_only = env->failed_only;
	return 0;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	opensnoop_bpf__destroy(env->skel);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.args_doc = "[-- COMMAND [ARG...]]",
		.doc = "Show files being opened, and whether that worked."
	};
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS | OPTIONS_FILTER,
			     .letters = { [OPTIONS_PID] = 'p',
					  [OPTIONS_UID] = 'u',
					  [OPTIONS_CGROUP] = 'c',
					  [OPTIONS_DURATION] = 'd',
					  [OPTIONS_BUFFER_PAGES] = 'b' } },
		.open = open_object,
		.attach = attach_calls,
		.header = print_header,
		.handle = handle_event,
		.close = close_object,
	};
	struct env env = {};

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
