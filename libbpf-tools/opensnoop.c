/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * opensnoop: files being opened, with their result. See man/opensnoop.8.
 */
#include <array_size.h>
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
	uint64_t bits;
} flags[] = {
	{ "O_RDONLY", O_RDONLY },	{ "O_WRONLY", O_WRONLY },     { "O_RDWR", O_RDWR },
	{ "O_CREAT", O_CREAT },		{ "O_EXCL", O_EXCL },	      { "O_NOCTTY", O_NOCTTY },
	{ "O_TRUNC", O_TRUNC },		{ "O_APPEND", O_APPEND },     { "O_NONBLOCK", O_NONBLOCK },
	{ "O_SYNC", O_SYNC },		{ "O_DSYNC", O_DSYNC },	      { "O_DIRECT", O_DIRECT },
	{ "O_DIRECTORY", O_DIRECTORY }, { "O_NOFOLLOW", O_NOFOLLOW }, { "O_NOATIME", O_NOATIME },
	{ "O_CLOEXEC", O_CLOEXEC },	{ "O_PATH", O_PATH },	      { "O_TMPFILE", O_TMPFILE }
};

struct env {
	struct tool tool;
	bool failed_only;
	uint64_t flag_filters[FLAG_FILTERS_MAX];
	size_t flag_filter_count;
};

#define AT(member) ROW_AT(struct opensnoop_event, member)
#define STATUS(member) ROW_STATUS(struct opensnoop_event, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(ktime), .when = { ROW_CHOSEN },
	  .help = "when the call returned" },
	{ "TIME(s)", NULL, ROW_ELAPSED, -13, AT(ktime), .decimals = 9, .when = { 'T' },
	  .help = "the same, in seconds since the start" },
	{ "UID", "uid", ROW_UNSIGNED, -5, AT(uid), .when = { 'U' }, .help = "the user's number" },
	{ "PID", "pid", ROW_UNSIGNED, -6, AT(pid), .when = { -'t' }, .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -6, AT(tid), .when = { 't' }, .help = "the thread" },
	{ "COMM", "comm", ROW_CHARS, -16, AT(comm), .help = "its name" },
	{ "FD", "fd", ROW_FD, 4, AT(result), .help = "the new file descriptor" },
	{ "ERR", "errno", ROW_ERRNO, 3, AT(result), .help = "the error's number, or 0" },
	{ "ERROR", "error", ROW_ERROR, -12, AT(result), .when = { ROW_CHOSEN },
	  .help = "the error's name" },
	{ "FLAGS", "flags", ROW_OCTAL, -8, AT(flags), STATUS(flags_error), .when = { 'e' },
	  .help = "flags of open(2), in octal" },
	{ "PATH", "path", ROW_CHARS, 0, AT(path), STATUS(path_len),
	  .help = "as the program gave it" },
};

static const struct row_table rows = { .columns = columns, .count = ARRAY_SIZE(columns) };

static const struct argp_option arguments[] = {
	{ "timestamp", 'T', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "failed", 'x', NULL, 0, "Only those that failed", 0 },
	{ "extended_fields", 'e', NULL, 0, "Print the flags", 0 },
	{ "flag_filter", 'f', "FLAG", 0, "Only with FLAG, or one of several", 0 },
	{},
};

static void add_flag_filter(struct env *env, const char *name, const struct argp_state *state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags) && strcmp(flags[i].name, name); i++)
		;
	if (i == ARRAY_SIZE(flags))
		argp_error(state,
			   "invalid --flag_filter '%s': expected one of open(2), such as O_CREAT",
			   name);
	else if (env->flag_filter_count == FLAG_FILTERS_MAX)
		argp_error(state, "too many --flag_filter");
	else
		env->flag_filters[env->flag_filter_count++] = flags[i].bits;
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	if (key == 'x')
		env->failed_only = true;
	else if (key == 'f')
		add_flag_filter(env, arg, state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static bool is_wanted(const struct env *env, const struct opensnoop_event *event)
{
	size_t i;

	for (i = 0; i < env->flag_filter_count; i++) {
		uint64_t bits = env->flag_filters[i], mask = bits <= O_RDWR ? O_ACCMODE : bits;

		if ((event->flags & mask) == bits)
			return true;
	}
	return !env->flag_filter_count;
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct opensnoop_event *event = data;
	size_t header = offsetof(struct opensnoop_event, path);
	struct env *env = ctx;

	if (size < header || (event->path_len > 0 && size - header < (size_t)event->path_len))
		return -EINVAL;
	return is_wanted(env, event) ? row_print(&env->tool.rows, event) : 0;
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct opensnoop_bpf *skel = TOOL_OPEN(&env->tool, opensnoop, opts);

	if (!skel)
		return -errno;
	skel->rodata->failed_only = env->failed_only;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		arguments, parse_argument,
		.doc = "Show files being opened, and whether that worked."
	};
	/* arm64 has no open and creat, and openat2 came with 5.6. */
	static const char *const calls[] = { "open", "creat", "openat", "openat2", NULL };
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &rows },
			     .letters = { [OPTIONS_DURATION] = 'd', [OPTIONS_BUFFER_PAGES] = 'b' } },
		.choice = { .letters = { [CHOICE_TID] = 't' } },
		.open = open_object,
		.calls = calls,
		.handle = handle_event,
	};
	struct env env = {};

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
