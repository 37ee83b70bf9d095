/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * opensnoop: files being opened, with their result. See man/opensnoop.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/attach.h"
#include "lib/events.h"
#include "lib/filter.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/run.h"
#include "lib/timestamp.h"
#include "lib/tracefs.h"
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
	struct options options;
	bool timestamp, print_uid, failed_only, extended;
	pid_t tid;
	uid_t uid;
	const char *name, *cgroup;
	const struct flag *flag_filters[FLAG_FILTERS_MAX];
	size_t flag_filter_count;
	struct output *output;
	struct timestamp start;
	struct attach_set attached;
};

static const struct argp_option arguments[] = {
	{ "timestamp", 'T', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "failed", 'x', NULL, 0, "Only those that failed", 0 },
	{ "tid", 't', "TID", 0, "Only thread TID (the PID column is then TID)", 0 },
	{ "uid", 'u', "USER", 0, "Only user USER, a name or a number", 0 },
	{ "name", 'n', "NAME", 0, "Only processes whose name contains NAME", 0 },
	{ "extended_fields", 'e', NULL, 0, "Print the flags", 0 },
	{ "flag_filter", 'f', "FLAG", 0, "Only with FLAG, or one of several", 0 },
	{ "cgroup", 'c', "PATH", 0, "Only cgroup (version 2) PATH and those below", 0 },
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

	switch (key) {
	case 'T':
		env->timestamp = true;
		return 0;
	case 'U':
		env->print_uid = true;
		return 0;
	case 'x':
		env->failed_only = true;
		return 0;
	case 't':
		env->tid = options_pid(state, "--tid", arg);
		return 0;
	case 'u':
		env->uid = options_uid(state, "--uid", arg);
		return 0;
	case 'n':
		env->name = arg;
		return 0;
	case 'e':
		env->extended = true;
		return 0;
	case 'f':
		add_flag_filter(env, arg, state);
		return 0;
	case 'c':
		env->cgroup = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
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

static void print_header(const struct env *env)
{
	struct output *out = env->output;

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
	struct output *out = env->output;

	if (env->timestamp)
		output_printf(out, "%-14.9f", timestamp_offset(&env->start, event->ktime));
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

static int print_json(const struct env *env, const struct opensnoop_event *event)
{
	struct output *out = env->output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(event->ktime));
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
	return output_is_json(env->output) ? print_json(env, event) : print_text(env, event);
}

/* A call without tracepoints isn't there: arm64 has no open, and openat2 came with 5.6. */
static int attach_calls(struct env *env, struct opensnoop_bpf *skel)
{
	const struct {
		const char *event;
		struct bpf_program *prog;
	} calls[] = {
		{ "sys_exit_open", skel->progs.leave_open },
		{ "sys_exit_openat", skel->progs.leave_openat },
		{ "sys_exit_openat2", skel->progs.leave_openat2 },
		{ "sys_enter_open", skel->progs.enter_open },
		{ "sys_enter_openat", skel->progs.enter_openat },
		{ "sys_enter_openat2", skel->progs.enter_openat2 },
	};
	size_t i, count = sizeof(calls) / sizeof(calls[0]);
	int tracefs_fd = tracefs_open(), err = 0, id;

	if (tracefs_fd < 0) {
		log_error("cannot open tracefs: %s", strerror(-tracefs_fd));
		return tracefs_fd;
	}
	for (i = 0; i < count && !err; i++) {
		id = tracefs_event_id(tracefs_fd, "syscalls", calls[i].event);
		if (id == -ENOENT) {
			log_info("no tracepoint syscalls:%s", calls[i].event);
			continue;
		}
		err = id < 0 ? id
			     : attach_tracepoint(&env->attached, bpf_program__fd(calls[i].prog), id,
						 false, 0);
		if (err)
			log_libbpf_failure(err, "cannot attach to syscalls:%s", calls[i].event);
	}
	close(tracefs_fd);
	if (!err && !env->attached.count) {
		log_error("this kernel has no syscall tracepoints (CONFIG_FTRACE_SYSCALLS)");
		err = -ENOENT;
	}
	return err;
}

static void detach(void *ctx)
{
	struct env *env = ctx;

	attach_set_close(&env->attached);
}

/* Configure and load the programs. */
static int load(struct env *env, struct run *run, struct opensnoop_bpf *skel,
		struct events_maps *maps)
{
	const struct filter_opts filter = { .pid = env->options.pid,
					    .tid = env->tid,
					    .uid = env->uid,
					    .cgroup = env->cgroup,
					    .follow_map_fd = run_follow_map_fd(run) };
	int err;

	skel->rodata->failed_only = env->failed_only;
	err = filter_prepare_object(skel->obj, &skel->rodata->filter_config, &filter);
	if (err)
		return err;
	err = events_maps_prepare(maps, skel->obj, &skel->rodata->events_use_perf,
				  env->options.transport,
				  (size_t)env->options.buffer_pages * getpagesize());
	err = err ?: opensnoop_bpf__load(skel);
	err = err ?: events_maps_complete(maps, skel->obj, &skel->bss->events_ctl);
	if (err)
		log_libbpf_failure(err, "cannot load the BPF programs");
	return err;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.args_doc = "[-- COMMAND [ARG...]]",
		.doc = "Show files being opened, and whether that worked."
	};
	struct env env = { .uid = FILTER_ANY_UID };
	const struct options_spec spec = {
		.argp = &argp,
		.input = &env,
		.common = OPTIONS_EVENTS | OPTIONS_PROCESS,
		.letters = { [OPTIONS_PID] = 'p',
			     [OPTIONS_DURATION] = 'd',
			     [OPTIONS_BUFFER_PAGES] = 'b' },
	};
	struct events_maps maps = {};
	struct events_opts events_opts = { .maps = &maps, .handle = handle_event, .ctx = &env };
	struct run_loop_opts loop = { .detach = detach, .ctx = &env };
	struct opensnoop_bpf *skel = NULL;
	int status = RUN_FAILED;
	struct run *run;

	options_parse(&spec, &env.options, argc, argv);
	run = run_new(&env.options);
	if (!run)
		return RUN_FAILED;
	skel = opensnoop_bpf__open();
	if (!skel) {
		log_libbpf_failure(-errno, "cannot open the BPF object");
		goto cleanup;
	}
	if (load(&env, run, skel, &maps))
		goto cleanup;
	loop.events = events_new(&events_opts);
	if (!loop.events) {
		log_libbpf_failure(-errno, "cannot open the event buffer");
		goto cleanup;
	}
	if (attach_calls(&env, skel))
		goto cleanup;
	env.output = run_output(run);
	timestamp_start(&env.start);
	print_header(&env);
	status = run_loop(run, &loop);
cleanup:
	attach_set_close(&env.attached);
	events_free(loop.events);
	opensnoop_bpf__destroy(skel);
	run_free(run);
	return status;
}
