/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * opensnoop: files being opened, with their result. See man/opensnoop.8.
 */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>

#include "lib/path.h"
#include "lib/tool.h"
#include "opensnoop.h"
#include "opensnoop.skel.h"

#define FLAG_FILTERS_MAX 16
#define GLOBS_MAX 16
/* The kernel's, which programs of 64 bits can't see: include/uapi/asm-generic/fcntl.h */
#define KERNEL_O_LARGEFILE 0100000

/* Those that contain others come first. */
static const struct flag {
	const char *name;
	uint64_t bits;
} flags[] = { { "O_RDONLY", O_RDONLY },
	      { "O_WRONLY", O_WRONLY },
	      { "O_RDWR", O_RDWR },
	      { "O_CREAT", O_CREAT },
	      { "O_EXCL", O_EXCL },
	      { "O_NOCTTY", O_NOCTTY },
	      { "O_TRUNC", O_TRUNC },
	      { "O_APPEND", O_APPEND },
	      { "O_NONBLOCK", O_NONBLOCK },
	      { "O_SYNC", O_SYNC },
	      { "O_DSYNC", O_DSYNC },
	      { "O_DIRECT", O_DIRECT },
	      { "O_TMPFILE", O_TMPFILE },
	      { "O_DIRECTORY", O_DIRECTORY },
	      { "O_NOFOLLOW", O_NOFOLLOW },
	      { "O_NOATIME", O_NOATIME },
	      { "O_CLOEXEC", O_CLOEXEC },
	      { "O_PATH", O_PATH },
	      { "O_LARGEFILE", KERNEL_O_LARGEFILE } };

struct env {
	struct tool tool;
	bool failed_only;
	uint64_t flag_filters[FLAG_FILTERS_MAX];
	size_t flag_filter_count;
	const char *globs[GLOBS_MAX];
	size_t glob_count;
};

/* A row. */
struct opening {
	const struct opensnoop_event *event;
	const char *path;      /* NULL: it could not be read */
	const char *full_path; /* NULL: not asked for, or not known */
	char *text;	       /* room for a value that is made when it is shown */
};

#define TEXT_SIZE 256

enum { KEY_PATH = 256 };

static void set_text(struct row_value *value, const char *text)
{
	row_set_text(value, text, (int64_t)strlen(text));
}

static void get_flags(const void *row, struct row_value *value)
{
	const struct opensnoop_event *event = ((const struct opening *)row)->event;

	value->number = event->flags;
	if (event->flags_error)
		row_set_unknown(value, row_error_name(-event->flags_error));
}

/* O_WRONLY|O_CREAT|0x80000000: the access mode first, bits without a name last. */
static void name_flags(uint64_t bits, char *text, size_t size)
{
	uint64_t access = bits & O_ACCMODE;
	int used = snprintf(text, size, "%s", access <= O_RDWR ? flags[access].name : "O_ACCMODE");

	bits &= ~(uint64_t)O_ACCMODE;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].bits <= O_RDWR || (bits & flags[i].bits) != flags[i].bits)
			continue;
		used += snprintf(text + used, size - used, "|%s", flags[i].name);
		bits &= ~flags[i].bits;
	}
	if (bits)
		snprintf(text + used, size - used, "|%#llx", (unsigned long long)bits);
}

static void get_flag_names(const void *row, struct row_value *value)
{
	const struct opening *opening = row;

	name_flags(opening->event->flags, opening->text, TEXT_SIZE);
	set_text(value, opening->text);
	if (opening->event->flags_error)
		row_set_unknown(value, row_error_name(-opening->event->flags_error));
}

/* Of a call that may make a file. */
static void get_mode(const void *row, struct row_value *value)
{
	const struct opensnoop_event *event = ((const struct opening *)row)->event;

	value->number = event->mode & 07777;
	if (event->flags_error)
		row_set_unknown(value, row_error_name(-event->flags_error));
	else if (!(event->flags & O_CREAT) && (event->flags & O_TMPFILE) != O_TMPFILE)
		row_set_none(value, NULL);
}

static void get_dirfd(const void *row, struct row_value *value)
{
	const struct opening *opening = row;

	value->number = (uint64_t)(int64_t)opening->event->dirfd;
	if (opening->event->dirfd == AT_FDCWD || (opening->path && opening->path[0] == '/' &&
						  !(opening->event->resolve & RESOLVE_IN_ROOT)))
		row_set_none(value, NULL);
}

static void get_mntns(const void *row, struct row_value *value)
{
	const struct opensnoop_event *event = ((const struct opening *)row)->event;

	value->number = event->mntns;
	if (!event->mntns)
		row_set_unknown(value, "this kernel doesn't show how it keeps namespaces");
}

static void get_path(const void *row, struct row_value *value)
{
	const struct opening *opening = row;
	const struct opensnoop_event *event = opening->event;

	row_set_text(value, opening->path,
		     opening->path ? (int64_t)strlen(opening->path) : event->path_len);
	value->is_cut = event->path_len == OPENSNOOP_PATH_SIZE;
}

static void get_full_path(const void *row, struct row_value *value)
{
	const struct opening *opening = row;
	const struct opensnoop_event *event = opening->event;
	int32_t err = event->path_len < 0 ? event->path_len : event->base_len;

	row_set_text(value, opening->full_path,
		     opening->full_path ? (int64_t)strlen(opening->full_path) : err);
	value->is_cut = event->path_len == OPENSNOOP_PATH_SIZE;
	if (opening->path && !*opening->path)
		row_set_none(value, NULL);
	else if (err == -EAGAIN)
		row_set_unknown(value, "its directory has changed during the call");
}

static void get_dir_state(const void *row, struct row_value *value)
{
	const struct opening *opening = row;
	uint32_t state = opening->event->base_flags;

	set_text(value, state & PATH_PSEUDO	? "pseudo"
			: state & PATH_DELETED	? "deleted"
			: state & PATH_DETACHED ? "detached"
						: "there");
	if (!opening->full_path)
		row_set_none(value, NULL);
}

#define AT(member) ROW_VIA(struct opening, event, member)

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
	{ "FLAGS", "flags", ROW_OCTAL, -8, .get = get_flags, .when = { 'e' },
	  .help = "flags of open(2), in octal" },
	{ "MODE", "mode", ROW_OCTAL, -4, .get = get_mode, .when = { 'e' },
	  .help = "of a file that it may make, in octal" },
	{ "FLAGNAMES", "flag_names", ROW_STRING, -24, .get = get_flag_names, .when = { ROW_CHOSEN },
	  .help = "the flags by their names" },
	{ "GID", "gid", ROW_UNSIGNED, -5, AT(gid), .when = { ROW_CHOSEN },
	  .help = "the group's number" },
	{ "MNTNS", "mntns", ROW_UNSIGNED, -10, .get = get_mntns, .when = { ROW_CHOSEN },
	  .help = "the mount namespace's number" },
	{ "CGROUP_ID", "cgroup_id", ROW_UNSIGNED, -9, AT(cgroup_id), .when = { ROW_CHOSEN },
	  .help = "the control group's number" },
	{ "DIRFD", "dirfd", ROW_SIGNED, 5, .get = get_dirfd, .when = { ROW_CHOSEN },
	  .help = "where a path begins that isn't absolute" },
	{ "DIR-IS", "dir_state", ROW_STRING, -8, .get = get_dir_state, .when = { 'F' },
	  .is_extra = true, .help = "that is there, deleted or detached" },
	{ "FULLPATH", "full_path", ROW_STRING, 0, .get = get_full_path, .when = { 'F' },
	  .is_extra = true, .help = "from the root of the mount namespace" },
	{ "PATH", "path", ROW_STRING, 0, .get = get_path, .when = { -'F' },
	  .help = "as the program gave it" },
};

static const struct row_table rows = { .columns = columns, .count = ARRAY_SIZE(columns) };

static const struct argp_option arguments[] = {
	{ "timestamp", 'T', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "failed", 'x', NULL, 0, "Only those that failed", 0 },
	{ "extended_fields", 'e', NULL, 0, "Print the flags and the mode", 0 },
	{ "full-path", 'F', NULL, 0, "Print full paths", 0 },
	{ "path", KEY_PATH, "GLOB", 0, "Only paths that match GLOB, or one of several", 0 },
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
	else if (key == KEY_PATH && env->glob_count == GLOBS_MAX)
		argp_error(state, "too many --path");
	else if (key == KEY_PATH)
		env->globs[env->glob_count++] = arg;
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static bool has_wanted_flag(const struct env *env, const struct opensnoop_event *event)
{
	size_t i;

	for (i = 0; i < env->flag_filter_count; i++) {
		uint64_t bits = env->flag_filters[i], mask = bits <= O_RDWR ? O_ACCMODE : bits;

		if ((event->flags & mask) == bits)
			return true;
	}
	return !env->flag_filter_count;
}

/* One that isn't known may match. */
static bool has_wanted_path(const struct env *env, const char *path)
{
	bool wanted = !env->glob_count || !path;

	for (size_t i = 0; i < env->glob_count && !wanted; i++)
		wanted = !fnmatch(env->globs[i], path, 0);
	return wanted;
}

/* buffer has room for both. */
static const char *join_paths(const struct opensnoop_event *event, char *buffer)
{
	const char *path = event->path, *base;
	char joined[PATH_JOINED_SIZE];

	base = path_join(path + event->path_len, event->base_len, event->base_flags, joined);

	if (!base || !*path)
		return NULL;
	if (!strcmp(base, "/"))
		base = "";
	sprintf(buffer, "%s%s%s", base, *path == '/' ? "" : "/", path);
	return buffer;
}

static bool is_record(const struct opensnoop_event *event, size_t size)
{
	const size_t header = offsetof(struct opensnoop_event, path);
	size_t path = event->path_len > 0 ? event->path_len : 0;

	if (size < header || path > OPENSNOOP_PATH_SIZE || size - header < path ||
	    (path && event->path[path - 1]) || event->base_len > PATH_WALKED_SIZE)
		return false;
	return event->base_len <= 0 || (path && size - header - path >= (size_t)event->base_len);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	char full_path[PATH_JOINED_SIZE + OPENSNOOP_PATH_SIZE], text[TEXT_SIZE];
	const struct opensnoop_event *event = data;
	struct opening opening = { .event = event, .text = text };
	struct env *env = ctx;
	bool full = row_wants(&env->tool.options.rows, 'F');

	if (size < offsetof(struct opensnoop_event, path) || !is_record(event, size))
		return -EINVAL;
	if (!has_wanted_flag(env, event))
		return 0;
	if (event->path_len > 0) {
		opening.path = event->path;
		opening.full_path = full ? join_paths(event, full_path) : NULL;
	}
	if (!has_wanted_path(env, full ? opening.full_path : opening.path))
		return 0;
	return row_print(&env->tool.rows, &opening);
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct opensnoop_bpf *skel = TOOL_OPEN(&env->tool, opensnoop, opts);
	const struct row_choice *shown = &env->tool.options.rows;
	int err;

	if (!skel)
		return -errno;
	skel->rodata->failed_only = env->failed_only;
	skel->rodata->with_full_path = row_wants(shown, 'F');
	if (!row_wants(shown, 'F') && !row_wants(shown, ROW_CHOSEN) && !env->tool.options.json)
		return 0;
	/* Kernels without BTF can do all the rest. */
	err = path_find_config((struct path_config *)&skel->rodata->path_config);
	skel->rodata->with_mntns = !err;
	return row_wants(shown, 'F') ? err : 0;
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
		.blind_spots = { "what it opens by that isn't shown", "what it opens isn't shown" },
		.handle = handle_event,
	};
	struct env env = {};

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
