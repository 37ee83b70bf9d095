/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of execsnoop; see exec_print.h.
 */
#include "exec/exec_print.h"

#include <array_size.h>
#include <stdio.h>
#include <string.h>

#include "lib/path.h"

/* In quotes that sh(1) undoes: '...', or $'...' (POSIX 2024) where something must be escaped. */
static void put_quoted(struct output *out, const char *text, size_t len)
{
	size_t i, start = 0;

	for (i = 0; i < len && (unsigned char)text[i] >= ' ' && (unsigned char)text[i] < 0x7f &&
		    text[i] != '\'' && text[i] != '\\';
	     i++)
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

/* A row. */
struct exec_row {
	const struct exec_print *print;
	const struct exec_record *record;
	const struct execsnoop_event *event;
	const char *cwd, *exe; /* if they are shown and known */
};

static void quote_arg(const void *row, struct output *out, const char *text, size_t len)
{
	if (((const struct exec_row *)row)->print->quote)
		put_quoted(out, text, len);
	else
		output_put_escaped(out, text, len, 0);
}

static bool next_arg(const void *data, size_t number, struct row_item *item)
{
	const struct exec_row *row = data;
	struct exec_arg arg = { .count = number, .at = item->at };

	if (!exec_record_next_arg(row->record, &arg) || arg.count > row->print->max_args)
		return false;
	item->at = arg.at;
	item->text = arg.text;
	item->len = item->whole = arg.len;
	return true;
}

/* The program instead of its argument 0, as the latter may be anything. */
static void put_program(const void *row, struct output *out)
{
	char program[EXEC_PROGRAM_SIZE];

	exec_record_program(((const struct exec_row *)row)->record, program);
	quote_arg(row, out, program, strlen(program));
}

/* Is something left out? *more: whole arguments; else the end of the last one may be, which *arg then is. */
static bool are_cut(const struct exec_row *row, struct exec_arg *arg, bool *more)
{
	*arg = (struct exec_arg){};
	while ((*more = exec_record_next_arg(row->record, arg)) &&
	       arg->count <= row->print->max_args)
		;
	return *more || row->event->flags & EXECSNOOP_ARGS_CUT;
}

static void put_end(const void *data, struct output *out)
{
	const struct exec_row *row = data;
	struct exec_arg arg;
	bool more;

	if (are_cut(row, &arg, &more))
		output_puts(out, !more && arg.is_cut ? EXEC_MARK_CUT : " " EXEC_MARK_CUT);
	if (row->event->args_error && !row->event->args_len)
		output_puts(out, " " EXEC_MARK_UNKNOWN);
}

static const struct row_list args_list = { .next = next_arg,
					   .from = 1,
					   .unknown = EXEC_MARK_UNKNOWN,
					   .before = put_program,
					   .quote = quote_arg,
					   .after = put_end };

/* NAME='value' NAME2=$'value\n' */
static void put_env_text(const struct exec_row *row, struct output *out)
{
	const char *blank = "";
	struct exec_env env;

	for (size_t i = 0; i < row->print->env_count; i++) {
		if (!exec_record_env(row->record, row->print->env[i], &env))
			continue;
		output_puts(out, blank);
		output_puts(out, row->print->env[i]);
		output_puts(out, "=");
		if (env.text)
			put_quoted(out, env.text, env.len);
		if (!env.text || env.is_cut)
			output_puts(out, env.text ? EXEC_MARK_CUT : EXEC_MARK_UNKNOWN);
		blank = " ";
	}
	if (!*blank)
		output_puts(out, row->event->result ? "?" : "-");
}

static void put_env(const void *data, struct output *out)
{
	const struct exec_row *row = data;
	struct exec_env env;

	if (!output_is_json(out)) {
		put_env_text(row, out);
		return;
	}
	if (row->event->result) {
		output_json_error(out, "env", "not read of a failed call");
		return;
	}
	output_json_object_begin(out, "env");
	for (size_t i = 0; i < row->print->env_count; i++) {
		if (!exec_record_env(row->record, row->print->env[i], &env))
			continue;
		if (env.text)
			output_json_str(out, row->print->env[i], env.text, env.len);
		else
			output_json_null(out, row->print->env[i]);
	}
	output_json_object_end(out);
}

/* Only if some of what is shown is missing. */
static void get_env_truncated(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;
	struct exec_env env;

	value->number = 0;
	for (size_t i = 0; i < row->print->env_count; i++)
		value->number |= exec_record_env(row->record, row->print->env[i], &env) &&
				 env.is_cut;
	if (!value->number)
		row_set_none(value, NULL);
}

/* Only if it was. */
static void get_args_truncated(const void *data, struct row_value *value)
{
	struct exec_arg arg;
	bool more;

	value->number = are_cut(data, &arg, &more);
	if (!value->number)
		row_set_none(value, NULL);
}

static void get_argc(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	value->number = row->event->argc;
	if (!(row->event->flags & EXECSNOOP_HAS_ARGC))
		row_set_none(value, NULL);
}

static void get_old_comm(const void *data, struct row_value *value)
{
	const struct execsnoop_event *event = ((const struct exec_row *)data)->event;

	if (event->flags & EXECSNOOP_HAS_OLD_COMM)
		row_set_text(value, event->old_comm,
			     strnlen(event->old_comm, sizeof(event->old_comm)));
	else
		row_set_unknown(value, "not by a system call that was seen");
}

/* A string of the record, with its NUL, or the negative errno of reading it. */
static void set_part(struct row_value *value, const char *text, int32_t len)
{
	row_set_text(value, text, len > 0 ? (int64_t)strnlen(text, len) : len);
}

static void get_file(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	set_part(value, row->record->file, row->event->file_len);
}

static void get_interpreter(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	set_part(value, row->record->interpreter, row->event->interpreter_len);
	if (row->event->result)
		row_set_none(value, NULL);
}

static void get_cgroup(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	set_part(value, row->record->cgroup, row->event->cgroup_len);
}

static void get_cwd(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	row_set_text(value, row->cwd, row->cwd ? (int64_t)strlen(row->cwd) : row->event->cwd_len);
}

/* Of a successful call only. */
static void get_exe(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	row_set_text(value, row->exe, row->exe ? (int64_t)strlen(row->exe) : row->event->exe_len);
	if (row->event->result)
		row_set_none(value, NULL);
}

/* What a path's walk has found; NULL: nothing, as the path isn't known. */
static void set_state(struct row_value *value, const char *path, uint32_t flags)
{
	const char *state = flags & PATH_PSEUDO	    ? "memfd"
			    : flags & PATH_DELETED  ? "deleted"
			    : flags & PATH_DETACHED ? "detached"
						    : "there";

	row_set_text(value, state, (int64_t)strlen(state));
	if (!path)
		row_set_none(value, NULL);
}

static void get_exe_state(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	set_state(value, row->exe, row->event->exe_flags);
}

static void get_cwd_state(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	set_state(value, row->cwd, row->event->cwd_flags);
}

static void get_set_id(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	value->number = !!(row->event->flags & EXECSNOOP_IS_SET_ID);
	if (row->event->result)
		row_set_none(value, NULL);
}

enum audit_id { LOGINUID, SESSION };

static void get_audit_id(const void *data, struct row_value *value)
{
	const struct execsnoop_event *event = ((const struct exec_row *)data)->event;
	uint32_t id = value->arg == LOGINUID ? event->loginuid : event->sessionid;

	value->number = id;
	if (!(event->flags & EXECSNOOP_HAS_AUDIT_IDS))
		row_set_unknown(value, "this kernel has no audit (CONFIG_AUDIT)");
	else if (id == UINT32_MAX)
		row_set_none(value, NULL);
}

static void get_dirfd(const void *data, struct row_value *value)
{
	const struct exec_row *row = data;

	value->number = (uint64_t)(int64_t)row->event->dirfd;
	if (!exec_record_has_dirfd(row->record))
		row_set_none(value, NULL);
}

#define AT(member) ROW_VIA(struct exec_row, event, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(ktime), .when = { 'T' },
	  .help = "when it was executed" },
	{ "TIME(s)", NULL, ROW_ELAPSED, -8, AT(ktime), .decimals = 3, .when = { 't' },
	  .help = "the same, in seconds since the start" },
	{ "UID", "uid", ROW_UNSIGNED, -6, AT(uid), .when = { 'U' }, .help = "the user's number" },
	{ "EUID", "euid", ROW_UNSIGNED, -6, AT(euid), .when = { ROW_CHOSEN },
	  .help = "the effective user's, after it" },
	{ "GID", "gid", ROW_UNSIGNED, -6, AT(gid), .when = { ROW_CHOSEN },
	  .help = "the group's number" },
	{ "EGID", "egid", ROW_UNSIGNED, -6, AT(egid), .when = { ROW_CHOSEN },
	  .help = "the effective group's" },
	{ "SETID", "set_id", ROW_BOOL, -5, .get = get_set_id, .when = { ROW_CHOSEN },
	  .help = "set-id: it has the file's owner" },
	{ "LOGINUID", "loginuid", ROW_UNSIGNED, -8, .get = get_audit_id, .arg = LOGINUID,
	  .when = { ROW_CHOSEN }, .help = "the user who logged in" },
	{ "SESSION", "session", ROW_UNSIGNED, -7, .get = get_audit_id, .arg = SESSION,
	  .when = { ROW_CHOSEN }, .help = "and the session's number (audit)" },
	{ "CPU", "cpu", ROW_UNSIGNED, -3, AT(cpu), .when = { 'C' }, .help = "the processor" },
	{ "PID", "pid", ROW_UNSIGNED, -6, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -6, AT(tid), .when = { ROW_CHOSEN },
	  .help = "the thread that called" },
	{ "PPID", "ppid", ROW_UNSIGNED, -6, AT(ppid), .help = "the process's parent" },
	{ "PARENT", "parent_comm", ROW_CHARS, -16, AT(parent_comm), .when = { 'M' },
	  .help = "its name" },
	{ "PCOMM", "comm", ROW_CHARS, -16, AT(comm), .help = "the process's name after the call" },
	{ "OLDCOMM", "old_comm", ROW_STRING, -16, .get = get_old_comm,
	  .when = { EXEC_KEY_OLD_COMM }, .help = "its name before" },
	{ "RET", "ret", ROW_SIGNED, 3, AT(result), .help = "0, or the error's negative number" },
	{ "ERROR", "error", ROW_ERROR, -8, AT(result), .when = { 'x' },
	  .help = "the error's name" },
	{ "FILE", "file", ROW_STRING, -24, .get = get_file, .when = { ROW_CHOSEN },
	  .help = "the program, as the caller named it" },
	{ NULL, "dirfd", ROW_SIGNED, .get = get_dirfd,
	  .help = "of a failed execveat, if it matters" },
	{ "INTERPRETER", "interpreter", ROW_STRING, -24, .get = get_interpreter,
	  .when = { ROW_CHOSEN }, .help = "what was executed in the end" },
	{ "EXE", "exe", ROW_STRING, -24, .get = get_exe, .when = { EXEC_KEY_EXE },
	  .help = "that file's path" },
	{ "EXE-IS", "exe_state", ROW_STRING, -8, .get = get_exe_state, .when = { EXEC_KEY_EXE },
	  .help = "there, deleted, detached or memfd" },
	{ "MNTNS", "mntns", ROW_UNSIGNED, -10, AT(mntns), .when = { ROW_CHOSEN },
	  .help = "the mount namespace's number" },
	{ "CGROUP_ID", "cgroup_id", ROW_UNSIGNED, -9, AT(cgroup_id), .when = { ROW_CHOSEN },
	  .help = "the control group's number" },
	{ "CGROUP", "cgroup", ROW_STRING, -16, .get = get_cgroup, .when = { EXEC_KEY_CGROUP_NAME },
	  .help = "the control group's name" },
	{ "CWD", "cwd", ROW_STRING, -24, .get = get_cwd, .when = { EXEC_KEY_CWD }, .is_extra = true,
	  .help = "the current directory" },
	{ "CWD-IS", "cwd_state", ROW_STRING, -8, .get = get_cwd_state, .when = { EXEC_KEY_CWD },
	  .is_extra = true, .help = "there, deleted or detached" },
	{ "ENV", "env", .put = put_env, .when = { EXEC_KEY_ENV }, .is_extra = true,
	  .help = "those of these variables that are set" },
	{ NULL, "env_truncated", ROW_BOOL, .get = get_env_truncated, .when = { EXEC_KEY_ENV },
	  .is_extra = true, .help = "true if a value may be missing" },
	{ "ARGS", "argv", ROW_LIST, .list = &args_list,
	  .help = "text: program, arguments from the second on" },
	{ NULL, "argc", ROW_UNSIGNED, .get = get_argc,
	  .help = "number of arguments, if it succeeded" },
	{ NULL, "argv_error", ROW_ERROR, AT(args_error), .help = "why one could not be read" },
	{ NULL, "argv_truncated", ROW_BOOL, .get = get_args_truncated,
	  .help = "true if some are left out" },
};

const struct row_table exec_print_rows = {
	.columns = columns,
	.count = ARRAY_SIZE(columns),
	.order = "time,time_s,cpu,uid,euid,gid,egid,set_id,loginuid,session,cgroup_id,cgroup,mntns,"
		 "old_comm,comm,pid,tid,ppid,parent_comm,ret,error,file,interpreter,exe,exe_state,"
		 "cwd,cwd_state,env,argv",
};

int exec_print_record(const struct exec_print *print, const struct exec_record *record)
{
	struct exec_row row = { .print = print, .record = record, .event = record->event };
	const struct execsnoop_event *event = record->event;
	char cwd[PATH_JOINED_SIZE], exe[PATH_JOINED_SIZE];

	if (row_wants(print->rows->choice, EXEC_KEY_CWD))
		row.cwd = path_join(record->cwd, event->cwd_len, event->cwd_flags, cwd);
	if (!event->result)
		row.exe = path_join(record->exe, event->exe_len, event->exe_flags, exe);
	return row_print(print->rows, &row);
}
