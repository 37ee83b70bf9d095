/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * execsnoop: programs being executed. See man/execsnoop.8.
 */
#include <array_size.h>
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "exec/exec_count.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/tool.h"
#include "execsnoop.skel.h"

#define ENV_MAX 64 /* variables that are shown */

struct env {
	struct tool tool;
	struct exec_print print;
	bool fails, count;
	regex_t name, line;
	bool has_name, has_line;
	struct tally programs;
	const char *env_names[ENV_MAX];
	struct execsnoop_bpf *skel;
};

enum { KEY_MAX_ARGS = EXEC_KEY_OTHER };

static const struct argp_option arguments[] = {
	{ "time", 'T', NULL, 0, "Print the time of day", 0 },
	{ "timestamp", 't', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "fails", 'x', NULL, 0, "Show failed calls, too", 0 },
	{ "quote", 'q', NULL, 0, "Quote the arguments, for a shell to read", 0 },
	{ "name", 'n', "REGEX", 0, "Only commands whose name matches REGEX", 0 },
	{ "line", 'l', "REGEX", 0, "Only commands whose whole line matches REGEX", 0 },
	{ "max-args", KEY_MAX_ARGS, "N", 0, "Show at most N arguments (512)", 0 },
	{ "cwd", EXEC_KEY_CWD, NULL, 0, "Print the current directory", 0 },
	{ "cgroup-name", EXEC_KEY_CGROUP_NAME, NULL, 0,
	  "Print the control group's name (a container's id)", 0 },
	{ "old-comm", EXEC_KEY_OLD_COMM, NULL, 0, "Print the name that the process had before", 0 },
	{ "parent-comm", 'M', NULL, 0, "Print the parent's name", 0 },
	{ "cpu", 'C', NULL, 0, "Print the processor", 0 },
	{ "exe", EXEC_KEY_EXE, NULL, 0, "Print the executable's path, without symbolic links", 0 },
	{ "env", EXEC_KEY_ENV, "NAME[,...]", 0, "Print these environment variables", 0 },
	{ "count", EXEC_KEY_COUNT, NULL, 0,
	  "Print only how often each program was executed, at the end", 0 },
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

static void add_env_names(struct env *env, char *list, const struct argp_state *state)
{
	char *name;

	while ((name = strsep(&list, ","))) {
		if (!*name || strchr(name, '='))
			argp_error(state, "invalid --env '%s': expected names of variables", name);
		if (env->print.env_count == ENV_MAX)
			argp_error(state, "too many variables for --env: at most %d", ENV_MAX);
		env->env_names[env->print.env_count++] = name;
	}
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = {
		{ 'x', &env->fails },
		{ 'q', &env->print.quote },
		{ EXEC_KEY_COUNT, &env->count },
	};

	if (options_switch_on(switches, ARRAY_SIZE(switches), key))
		return 0;
	switch (key) {
	case 'n':
		compile_regex(state, "--name", arg, &env->name, &env->has_name);
		return 0;
	case 'l':
		compile_regex(state, "--line", arg, &env->line, &env->has_line);
		return 0;
	case EXEC_KEY_ENV:
		add_env_names(env, arg, state);
		return 0;
	case KEY_MAX_ARGS:
		env->print.max_args = options_u64(state, "--max-args", arg, 1, EXECSNOOP_ARGS_SIZE);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_wanted(const struct env *env, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	char comm[sizeof(event->comm) + 1] = {}, line[EXEC_LINE_SIZE];

	memcpy(comm, event->comm, sizeof(event->comm));
	if (env->has_name && regexec(&env->name, comm, 0, NULL, 0))
		return false;
	return !env->has_line || !regexec(&env->line, exec_record_line(record, line), 0, NULL, 0);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	struct exec_record record;
	struct env *env = ctx;

	if (!exec_record_open(&record, data, size))
		return -EINVAL;
	if (!is_wanted(env, &record))
		return 0;
	return env->count ? exec_count_add(&env->programs, &record)
			  : exec_print_record(&env->print, &record);
}

static void finish(void *ctx)
{
	struct env *env = ctx;

	if (env->count && exec_count_print(&env->programs, &env->tool.rows) == -ENOMEM)
		log_error("cannot print the summary: out of memory");
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct execsnoop_bpf *skel = env->skel = TOOL_OPEN(&env->tool, execsnoop, opts);
	const struct row_choice *shown = &env->tool.options.rows;
	bool json = env->tool.options.json;

	if (!skel)
		return -errno;
	env->tool.waker = skel->progs.exec_wakes;
	/* Successful calls are seen without the system calls. */
	env->tool.skips_calls = !env->fails && !row_wants(shown, EXEC_KEY_OLD_COMM) &&
				(!json || env->count);
	skel->rodata->with_fails = env->fails;
	skel->rodata->with_cwd = row_wants(shown, EXEC_KEY_CWD);
	skel->rodata->with_exe = row_wants(shown, EXEC_KEY_EXE) || json;
	skel->rodata->with_env = env->print.env_count;
	skel->rodata->with_cgroup = row_wants(shown, EXEC_KEY_CGROUP_NAME) || json;
	bpf_program__set_autoload(skel->progs.blind_program, env->fails);
	env->print.rows = &env->tool.rows;
	env->print.env = env->env_names;
	return skel->rodata->with_exe || skel->rodata->with_cwd
		       ? path_find_config((struct path_config *)&skel->rodata->path_config)
		       : 0;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	if (env->has_name)
		regfree(&env->name);
	if (env->has_line)
		regfree(&env->line);
	tally_clear(&env->programs);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.doc = "Show programs being executed, with their arguments."
	};
	static const char *const types[] = { "task_struct", "mm_struct", "linux_binprm",
					     "css_set",	    "cgroup",	 "kernfs_node",
					     "cred",	    "nsproxy",	 "mnt_namespace",
					     "file",	    "inode" };
	static const char *const calls[] = { "execve", "execveat", NULL };
	static const struct tool_point points[] = {
		{ "exec_succeeded",
		  "sched",
		  "sched_process_exec",
		  "probe_succeeded",
		  { "finalize_exec" } },
		{ "exec_wakes", "sched", "sched_process_exec", NULL, {} },
		{ NULL, NULL, NULL, "probe_begin", { "security_bprm_creds_for_exec" } },
		{},
	};
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &exec_print_rows, &exec_count_rows },
			     .letters = { [OPTIONS_DURATION] = 'd' } },
		/* -n REGEX is its own. */
		.choice = { .without = CHOICE_BIT(CHOICE_NAME),
			    .letters = { [CHOICE_PPID] = 'P' } },
		.types = types,
		.type_count = ARRAY_SIZE(types),
		/* With -x. */
		.blind_spots = { .by_program = "those of its calls that fail aren't shown" },
		.open = open_object,
		.calls = calls,
		.points = points,
		.handle = handle_event,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .print = { .max_args = EXECSNOOP_ARGS_MAX },
			   .programs = EXEC_COUNT_EMPTY };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
