/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * execsnoop: programs being executed. See man/execsnoop.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/follow.h"
#include "lib/log.h"
#include "lib/subtree.h"
#include "lib/tool.h"
#include "execsnoop.h"
#include "execsnoop.skel.h"

/*
 * Errors that the kernel keeps to itself: include/linux/errno.h. A call that was killed, or will
 * start over, has one.
 */
static const struct {
	int number;
	const char *name;
} kernel_errors[] = {
	{ 512, "ERESTARTSYS" },
	{ 513, "ERESTARTNOINTR" },
	{ 514, "ERESTARTNOHAND" },
	{ 516, "ERESTART_RESTARTBLOCK" },
};

/* The parts of an event's text. */
struct view {
	const struct execsnoop_event *event;
	const char *file, *interpreter, *cgroup, *cwd, *args;
};

/* A row of --count. */
struct program {
	uint64_t succeeded, failed;
	char comm[16];
	char path[];
};

struct env {
	struct tool tool;
	bool time, timestamp, print_uid, fails, quote, count;
	bool print_cwd, print_cgroup, print_old_comm;
	uint64_t max_args;
	pid_t ancestor;
	regex_t name, line;
	bool has_name, has_line;
	char *joined;		/* a command line, or the digits of an argument */
	struct execsnoop_bpf *skel;
	struct follow *subtree;
	void *programs;		/* tsearch()'s tree of struct program */
	const struct program **rows;
	size_t program_count;
};

enum { KEY_CWD = 256, KEY_CGROUP_NAME, KEY_OLD_COMM, KEY_MAX_ARGS, KEY_COUNT };

static const struct argp_option arguments[] = {
	{ "time", 'T', NULL, 0, "Print the time of day", 0 },
	{ "timestamp", 't', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "fails", 'x', NULL, 0, "Show failed calls, too", 0 },
	{ "quote", 'q', NULL, 0, "Quote the arguments, for a shell to read", 0 },
	{ "name", 'n', "REGEX", 0, "Only commands whose name matches REGEX", 0 },
	{ "line", 'l', "REGEX", 0, "Only commands whose whole line matches REGEX", 0 },
	{ "ppid", 'P', "PID", 0, "Only descendants of process PID, of any degree", 0 },
	{ "max-args", KEY_MAX_ARGS, "N", 0, "Show at most N arguments (512)", 0 },
	{ "cwd", KEY_CWD, NULL, 0, "Print the current directory", 0 },
	{ "cgroup-name", KEY_CGROUP_NAME, NULL, 0, "Print the control group's name (a container's id)", 0 },
	{ "old-comm", KEY_OLD_COMM, NULL, 0, "Print the name that the process had before", 0 },
	{ "count", KEY_COUNT, NULL, 0, "Print only how often each program was executed, at the end", 0 },
	{},
};

static void compile_regex(const struct argp_state *state, const char *name, const char *text,
			  regex_t *regex, bool *is_set)
{
	char why[128];
	int err;

	if (*is_set)
		regfree(regex);
	err = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	*is_set = !err;
	if (!err)
		return;
	regerror(err, regex, why, sizeof(why));
	argp_error(state, "invalid %s '%s': %s", name, text, why);
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = {
		{ 'T', &env->time }, { 't', &env->timestamp }, { 'U', &env->print_uid },
		{ 'x', &env->fails }, { 'q', &env->quote }, { KEY_COUNT, &env->count },
		{ KEY_CWD, &env->print_cwd }, { KEY_CGROUP_NAME, &env->print_cgroup },
		{ KEY_OLD_COMM, &env->print_old_comm },
	};

	if (options_switch_on(switches, sizeof(switches) / sizeof(switches[0]), key))
		return 0;
	switch (key) {
	case 'n':
		compile_regex(state, "--name", arg, &env->name, &env->has_name);
		return 0;
	case 'l':
		compile_regex(state, "--line", arg, &env->line, &env->has_line);
		return 0;
	case 'P':
		env->ancestor = options_pid(state, "--ppid", arg);
		return 0;
	case KEY_MAX_ARGS:
		env->max_args = options_u64(state, "--max-args", arg, 1, EXECSNOOP_ARGS_SIZE);
		return 0;
	case ARGP_KEY_END:
		if (env->ancestor && env->tool.options.command)
			argp_error(state, "--ppid and a COMMAND exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *error_name(int number)
{
	const char *name = strerrorname_np(number);
	size_t i;

	for (i = 0; !name && i < sizeof(kernel_errors) / sizeof(kernel_errors[0]); i++) {
		if (kernel_errors[i].number == number)
			name = kernel_errors[i].name;
	}
	return name ?: "unknown error";
}

/* Find the parts; false if they don't fit into the record. */
static bool view_open(struct view *view, const struct execsnoop_event *event, size_t size)
{
	const size_t header = offsetof(struct execsnoop_event, text);
	const struct {
		int32_t len;
		const char **part;
	} parts[] = {
		{ event->file_len, &view->file },
		{ event->interpreter_len, &view->interpreter },
		{ event->cgroup_len, &view->cgroup },
		{ event->cwd_len, &view->cwd },
		{ event->args_len, &view->args },
	};
	size_t i, at = 0;

	view->event = event;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		*parts[i].part = event->text + at;
		if (parts[i].len > 0)
			at += parts[i].len;
		if (at > size - header)
			return false;
	}
	return true;
}

/* One by one; text is NULL for an argument that could not be read. */
struct arg {
	const char *text;
	size_t len;
	uint32_t count;		/* of those seen */
	size_t at;		/* where the next one is */
};

/*
 * The next argument; false after the last one. Only the last one may lack a NUL, when it has been
 * cut.
 */
static bool next_arg(const struct view *view, struct arg *arg)
{
	const struct execsnoop_event *event = view->event;
	size_t end = event->args_len > 0 ? event->args_len : 0;
	uint32_t i = arg->count;

	if (arg->at >= end)
		return false;
	arg->text = view->args + arg->at;
	arg->len = strnlen(arg->text, end - arg->at);
	arg->at += arg->len + 1;
	if (i < EXECSNOOP_ARGS_MAX && event->unread[i / 64] >> i % 64 & 1)
		arg->text = NULL;
	arg->count++;
	return true;
}

/* Has execveat been given a descriptor to start from? */
static bool has_dirfd(const struct execsnoop_event *event)
{
	return event->dirfd != AT_FDCWD && event->file_len >= 0 &&
	       !(event->file_len > 0 && event->text[0] == '/');
}

/* The path as the kernel would call it: fs/exec.c, alloc_bprm(). */
static void format_file(const struct view *view, char *path, size_t size)
{
	const struct execsnoop_event *event = view->event;

	if (event->file_len < 0)
		snprintf(path, size, "?");
	else if (!has_dirfd(event))
		snprintf(path, size, "%.*s", event->file_len, view->file);
	else
		snprintf(path, size, "/dev/fd/%d%s%.*s", event->dirfd,
			 event->file_len > 1 ? "/" : "", event->file_len, view->file);
}

/* The program that got the arguments: of a script its interpreter. */
static void format_program(const struct view *view, char *path, size_t size)
{
	if (view->event->interpreter_len > 0)
		snprintf(path, size, "%.*s", view->event->interpreter_len, view->interpreter);
	else
		format_file(view, path, size);
}

#define PROGRAM_SIZE (EXECSNOOP_PATH_SIZE + sizeof("/dev/fd/-2147483648/"))

/* The command line with blanks between the arguments, as it is: what --line looks at. */
static const char *join_line(struct env *env, const struct view *view)
{
	struct arg arg = {};
	size_t used;

	format_program(view, env->joined, PROGRAM_SIZE);
	used = strlen(env->joined);
	next_arg(view, &arg);
	while (next_arg(view, &arg)) {
		env->joined[used++] = ' ';
		memcpy(env->joined + used, arg.text ?: "", arg.len);
		used += arg.len;
	}
	env->joined[used] = '\0';
	return env->joined;
}

static bool is_wanted(struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	char comm[sizeof(event->comm) + 1] = {};

	if (env->ancestor && (pid_t)event->pid == env->ancestor)
		return false;
	memcpy(comm, event->comm, sizeof(event->comm));
	if (env->has_name && regexec(&env->name, comm, 0, NULL, 0))
		return false;
	return !env->has_line || !regexec(&env->line, join_line(env, view), 0, NULL, 0);
}

/* In quotes that sh(1) undoes: '...', or $'...' (POSIX 2024) where something must be escaped. */
static void put_quoted(struct output *out, const char *text, size_t len)
{
	size_t i, start = 0;

	for (i = 0; i < len && (unsigned char)text[i] >= ' ' && (unsigned char)text[i] < 0x7f &&
		    text[i] != '\'' && text[i] != '\\'; i++)
		;
	output_puts(out, i == len ? "'" : "$'");
	for (; i < len; i++) {
		if (text[i] != '\'')
			continue;
		output_put_escaped(out, text + start, i - start, 0);
		output_puts(out, "\\'");
		start = i + 1;
	}
	output_put_escaped(out, text + start, len - start, 0);
	output_puts(out, "'");
}

static void put_arg(const struct env *env, const char *text, size_t len)
{
	if (env->quote)
		put_quoted(env->tool.output, text, len);
	else
		output_put_escaped(env->tool.output, text, len, 0);
}

/* The program instead of its argument 0, as the latter may be anything. */
static void put_line(const struct env *env, const struct view *view)
{
	char program[PROGRAM_SIZE];
	struct arg arg = {};
	bool more;

	format_program(view, program, sizeof(program));
	put_arg(env, program, strlen(program));
	next_arg(view, &arg);
	while ((more = next_arg(view, &arg)) && arg.count <= env->max_args) {
		output_puts(env->tool.output, " ");
		if (arg.text)
			put_arg(env, arg.text, arg.len);
		else
			output_puts(env->tool.output, "?");
	}
	if (more || view->event->flags & EXECSNOOP_ARGS_CUT)
		output_puts(env->tool.output, "...");
	if (view->event->args_error && !view->event->args_len)
		output_puts(env->tool.output, " ?");
}

/* The components come last one first. Returns path, or NULL if they could not be read. */
static const char *format_cwd(const struct view *view, char path[EXECSNOOP_PATH_SIZE + 8])
{
	int32_t at = 0, len = view->event->cwd_len;
	char *p = path + EXECSNOOP_PATH_SIZE + 7;
	size_t part;

	if (len < 0)
		return NULL;
	*p = '\0';
	for (; at < len; at += part + 1) {
		part = strnlen(view->cwd + at, len - at);
		p -= part;
		memcpy(p, view->cwd + at, part);
		*--p = '/';
	}
	if (view->event->flags & EXECSNOOP_CWD_CUT)
		p = memcpy(p - 3, "...", 3);
	return *p ? p : "/";
}

static void print_header(void *ctx)
{
	const struct env *env = ctx;
	struct output *out = env->tool.output;

	if (output_is_json(out) || env->count)
		return;
	if (env->time)
		output_printf(out, "%-8s ", "TIME");
	if (env->timestamp)
		output_printf(out, "%-8s ", "TIME(s)");
	if (env->print_uid)
		output_printf(out, "%-6s ", "UID");
	if (env->print_cgroup)
		output_printf(out, "%-16s ", "CGROUP");
	if (env->print_old_comm)
		output_printf(out, "%-16s ", "OLDCOMM");
	output_printf(out, "%-16s %-6s %-6s %3s ", "PCOMM", "PID", "PPID", "RET");
	if (env->fails)
		output_printf(out, "%-8s ", "ERROR");
	if (env->print_cwd)
		output_printf(out, "%-24s ", "CWD");
	output_puts(out, "ARGS");
	output_end_line(out);
}

/* The columns that are there only when asked for, before the usual ones. */
static void put_optional(struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	struct output *out = env->tool.output;
	char hms[9];

	if (env->time)
		output_printf(out, "%-8s ", timestamp_hms(&env->tool.start, event->ktime, hms));
	if (env->timestamp)
		output_printf(out, "%-8.3f ", timestamp_offset(&env->tool.start, event->ktime));
	if (env->print_uid) {
		output_put_u64(out, event->uid, -6);
		output_puts(out, " ");
	}
	if (env->print_cgroup) {
		if (event->cgroup_len > 0)
			output_put_cstr(out, view->cgroup, event->cgroup_len, -16);
		else
			output_printf(out, "%-16s", "?");
		output_puts(out, " ");
	}
	if (env->print_old_comm) {
		if (event->flags & EXECSNOOP_HAS_OLD_COMM)
			output_put_cstr(out, event->old_comm, sizeof(event->old_comm), -16);
		else
			output_printf(out, "%-16s", "?");
		output_puts(out, " ");
	}
}

static int print_text(struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	char cwd[EXECSNOOP_PATH_SIZE + 8];
	struct output *out = env->tool.output;
	const char *path;

	put_optional(env, view);
	output_put_cstr(out, event->comm, sizeof(event->comm), -16);
	output_puts(out, " ");
	output_put_u64(out, event->pid, -6);
	output_puts(out, " ");
	output_put_u64(out, event->ppid, -6);
	output_puts(out, " ");
	output_put_s64(out, event->result, 3);
	output_puts(out, " ");
	if (env->fails)
		output_printf(out, "%-8s ", event->result ? error_name(-event->result) : "-");
	if (env->print_cwd) {
		path = format_cwd(view, cwd) ?: "?";
		output_put_escaped(out, path, strlen(path), -24);
		output_puts(out, " ");
	}
	put_line(env, view);
	return output_end(out);
}

static bool is_utf8(const char *text, size_t len)
{
	size_t at, char_len;
	uint32_t code;

	for (at = 0; at < len; at += char_len) {
		char_len = output_utf8_char(text + at, len - at, &code);
		if (!char_len)
			return false;
	}
	return true;
}

/* All of the arguments' bytes, where there are some that JSON's strings can't carry. */
static void print_json_hex_args(const struct env *env, const struct view *view)
{
	struct output *out = env->tool.output;
	struct arg arg = {};
	size_t i;

	output_json_array_begin(out, "argv_hex");
	while (next_arg(view, &arg) && arg.count <= env->max_args) {
		for (i = 0; arg.text && i < arg.len; i++)
			sprintf(env->joined + 2 * i, "%02x", (unsigned char)arg.text[i]);
		if (arg.text)
			output_json_str(out, NULL, env->joined, 2 * arg.len);
		else
			output_json_null(out, NULL);
	}
	output_json_array_end(out);
}

static void print_json_args(const struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	struct output *out = env->tool.output;
	bool is_text = true, more;
	struct arg arg = {};

	output_json_array_begin(out, "argv");
	while ((more = next_arg(view, &arg)) && arg.count <= env->max_args) {
		if (arg.text)
			output_json_str(out, NULL, arg.text, arg.len);
		else
			output_json_null(out, NULL);
		is_text = is_text && (!arg.text || is_utf8(arg.text, arg.len));
	}
	output_json_array_end(out);
	if (!is_text)
		print_json_hex_args(env, view);
	if (event->flags & EXECSNOOP_HAS_ARGC)
		output_json_u64(out, "argc", event->argc);
	if (event->args_error)
		output_json_cstr(out, "argv_error", error_name(-event->args_error), SIZE_MAX);
	if (more || event->flags & EXECSNOOP_ARGS_CUT)
		output_json_bool(out, "argv_truncated", true);
}

/* A string of the record, or why there is none. */
static void print_json_part(struct output *out, const char *key, const char *text, int32_t len)
{
	if (len < 0)
		output_json_error(out, key, error_name(-len));
	else
		output_json_cstr(out, key, text, len);
}

static void print_json_places(const struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	char cwd[EXECSNOOP_PATH_SIZE + 8];
	struct output *out = env->tool.output;

	print_json_part(out, "file", view->file, event->file_len);
	if (has_dirfd(event))
		output_json_s64(out, "dirfd", event->dirfd);
	if (event->result == 0)
		print_json_part(out, "interpreter", view->interpreter, event->interpreter_len);
	output_json_u64(out, "cgroup_id", event->cgroup_id);
	print_json_part(out, "cgroup", view->cgroup, event->cgroup_len);
	if (!env->print_cwd)
		return;
	if (event->cwd_len < 0)
		output_json_error(out, "cwd", error_name(-event->cwd_len));
	else
		output_json_cstr(out, "cwd", format_cwd(view, cwd), SIZE_MAX);
}

static int print_json(const struct env *env, const struct view *view)
{
	const struct execsnoop_event *event = view->event;
	struct output *out = env->tool.output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(event->ktime));
	output_json_u64(out, "uid", event->uid);
	output_json_u64(out, "pid", event->pid);
	output_json_u64(out, "tid", event->tid);
	output_json_u64(out, "ppid", event->ppid);
	output_json_cstr(out, "comm", event->comm, sizeof(event->comm));
	if (event->flags & EXECSNOOP_HAS_OLD_COMM)
		output_json_cstr(out, "old_comm", event->old_comm, sizeof(event->old_comm));
	else
		output_json_error(out, "old_comm", "not by a system call that was seen");
	output_json_s64(out, "ret", event->result);
	if (event->result)
		output_json_cstr(out, "error", error_name(-event->result), SIZE_MAX);
	print_json_places(env, view);
	print_json_args(env, view);
	return output_end(out);
}

static int compare_programs(const void *left, const void *right)
{
	const struct program *a = left, *b = right;

	return memcmp(a->comm, b->comm, sizeof(a->comm)) ?: strcmp(a->path, b->path);
}

static int count_program(struct env *env, const struct view *view)
{
	struct program **found, *program = calloc(1, sizeof(*program) + PROGRAM_SIZE);

	if (!program)
		return -ENOMEM;
	memcpy(program->comm, view->event->comm, sizeof(program->comm));
	format_file(view, program->path, PROGRAM_SIZE);
	found = tsearch(program, &env->programs, compare_programs);
	if (!found) {
		free(program);
		return -ENOMEM;
	}
	if (*found != program) {
		free(program);
	} else {
		/* Most names are short. */
		program = realloc(program, sizeof(*program) + strlen(program->path) + 1);
		*found = program ?: *found;
		env->program_count++;
	}
	(*found)->succeeded += !view->event->result;
	(*found)->failed += view->event->result != 0;
	return 0;
}

static void collect_program(const void *node, VISIT visit, void *ctx)
{
	struct env *env = ctx;

	if (visit == postorder || visit == leaf)
		env->rows[env->program_count++] = *(const struct program *const *)node;
}

static int compare_rows(const void *left, const void *right)
{
	const struct program *a = *(const struct program *const *)left;
	const struct program *b = *(const struct program *const *)right;
	uint64_t of_a = a->succeeded + a->failed, of_b = b->succeeded + b->failed;

	return of_a != of_b ? (of_a < of_b ? 1 : -1) : compare_programs(a, b);
}

static void print_count(const struct env *env, const struct program *program)
{
	struct output *out = env->tool.output;

	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_u64(out, "count", program->succeeded);
		output_json_u64(out, "failed", program->failed);
		output_json_cstr(out, "comm", program->comm, sizeof(program->comm));
		output_json_cstr(out, "file", program->path, SIZE_MAX);
	} else {
		output_put_u64(out, program->succeeded, 8);
		output_puts(out, " ");
		if (env->fails) {
			output_put_u64(out, program->failed, 8);
			output_puts(out, " ");
		}
		output_put_cstr(out, program->comm, sizeof(program->comm), -16);
		output_puts(out, " ");
		output_put_cstr(out, program->path, SIZE_MAX, 0);
	}
	output_end(out);
}

/* The summary, most frequent first. */
static void print_counts(struct env *env)
{
	struct output *out = env->tool.output;
	size_t i, count = env->program_count;

	env->rows = calloc(count + 1, sizeof(*env->rows));
	if (!env->rows) {
		log_error("cannot print the summary: out of memory");
		return;
	}
	env->program_count = 0;
	twalk_r(env->programs, collect_program, env);
	qsort(env->rows, count, sizeof(*env->rows), compare_rows);
	if (!output_is_json(out)) {
		output_printf(out, "%8s ", "COUNT");
		if (env->fails)
			output_printf(out, "%8s ", "FAILED");
		output_printf(out, "%-16s %s", "PCOMM", "FILE");
		output_end_line(out);
	}
	for (i = 0; i < count; i++)
		print_count(env, env->rows[i]);
	free(env->rows);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	struct env *env = ctx;
	struct view view;

	if (size < offsetof(struct execsnoop_event, text) || !view_open(&view, data, size))
		return -EINVAL;
	if (!is_wanted(env, &view))
		return 0;
	if (env->count)
		return count_program(env, &view);
	return output_is_json(env->tool.output) ? print_json(env, &view) : print_text(env, &view);
}

/* What ends a call before what begins one; only what the options need is loaded. */
static int attach(void *ctx)
{
	struct env *env = ctx;
	const struct execsnoop_bpf *skel = env->skel;
	const struct tool_tracepoint points[] = {
		{ skel->progs.exec_succeeded, NULL, "sched_process_exec", false },
		{ skel->progs.leave_exec, "syscalls", "sys_exit_execve", false },
		{ skel->progs.leave_exec, "syscalls", "sys_exit_execveat", false },
		{ skel->progs.enter_execve, "syscalls", "sys_enter_execve", false },
		{ skel->progs.enter_execveat, "syscalls", "sys_enter_execveat", false },
	};

	return tool_attach_tracepoints(&env->tool, points, sizeof(points) / sizeof(points[0]));
}

static void finish(void *ctx)
{
	struct env *env = ctx;

	if (env->count)
		print_counts(env);
	if (env->subtree && follow_missed(env->subtree))
		log_warn("%llu processes or threads were not followed: too many at a time",
			 (unsigned long long)follow_missed(env->subtree));
}

static int follow_ancestor(struct env *env)
{
	int err;

	env->subtree = subtree_follow(env->ancestor);
	if (!env->subtree) {
		err = -errno;
		log_libbpf_failure(err, "cannot follow process %d", env->ancestor);
		return err;
	}
	env->tool.follow_map_fd = follow_map_fd(env->subtree);
	return 0;
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct execsnoop_bpf *skel = env->skel = execsnoop_bpf__open_opts(opts);
	bool json = env->tool.options.json;
	/* Successful calls are seen without the system calls' tracepoints. */
	bool calls = env->fails || env->print_old_comm || (json && !env->count);

	if (!skel)
		return tool_fail_open();
	TOOL_OPENED(&env->tool, skel);
	TOOL_USES_EVENTS_AND_FILTER(&env->tool, skel);
	env->tool.scratch_slots = &skel->rodata->events_scratch_slots;
	skel->rodata->with_fails = env->fails;
	skel->rodata->with_cwd = env->print_cwd;
	skel->rodata->with_cgroup = env->print_cgroup || json;
	bpf_program__set_autoload(skel->progs.leave_exec, calls);
	bpf_program__set_autoload(skel->progs.enter_execve, calls);
	bpf_program__set_autoload(skel->progs.enter_execveat, calls);
	env->joined = malloc(PROGRAM_SIZE + 2 * EXECSNOOP_ARGS_SIZE + 1);
	if (!env->joined) {
		log_error("out of memory");
		return -ENOMEM;
	}
	return env->ancestor ? follow_ancestor(env) : 0;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	execsnoop_bpf__destroy(env->skel);
	follow_free(env->subtree);
	if (env->has_name)
		regfree(&env->name);
	if (env->has_line)
		regfree(&env->line);
	tdestroy(env->programs, free);
	free(env->joined);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .options = arguments,
					  .parser = parse_argument,
					  .args_doc = "[-- COMMAND [ARG...]]",
					  .doc = "Show programs being executed, with their arguments." };
	static const char *const types[] = { "task_struct", "mm_struct", "linux_binprm", "css_set",
					     "cgroup", "kernfs_node", "fs_struct", "vfsmount",
					     "mount", "dentry" };
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS | OPTIONS_FILTER,
			     .letters = { [OPTIONS_PID] = 'p',
					  [OPTIONS_UID] = 'u',
					  [OPTIONS_CGROUP] = 'c',
					  [OPTIONS_DURATION] = 'd' } },
		.types = types,
		.type_count = sizeof(types) / sizeof(types[0]),
		.open = open_object,
		.attach = attach,
		.header = print_header,
		.handle = handle_event,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .max_args = EXECSNOOP_ARGS_MAX };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
