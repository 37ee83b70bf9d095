/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of execsnoop; see exec_print.h.
 */
#include "exec/exec_print.h"

#include <array_size.h>
#include <stdio.h>
#include <string.h>

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

static const char *error_name(int number)
{
	const char *name = strerrorname_np(number);
	size_t i;

	for (i = 0; !name && i < ARRAY_SIZE(kernel_errors); i++) {
		if (kernel_errors[i].number == number)
			name = kernel_errors[i].name;
	}
	return name ?: "unknown error";
}

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

static void put_arg(const struct exec_print *print, const char *text, size_t len)
{
	if (print->quote)
		put_quoted(print->output, text, len);
	else
		output_put_escaped(print->output, text, len, 0);
}

/* The program instead of its argument 0, as the latter may be anything. */
static void put_line(const struct exec_print *print, const struct exec_record *record)
{
	char program[EXEC_PROGRAM_SIZE];
	struct exec_arg arg = {};
	bool more;

	exec_record_program(record, program);
	put_arg(print, program, strlen(program));
	exec_record_next_arg(record, &arg);
	while ((more = exec_record_next_arg(record, &arg)) && arg.count <= print->max_args) {
		output_puts(print->output, " ");
		if (arg.text)
			put_arg(print, arg.text, arg.len);
		else
			output_puts(print->output, "?");
	}
	if (more || record->event->flags & EXECSNOOP_ARGS_CUT)
		output_puts(print->output, "...");
	if (record->event->args_error && !record->event->args_len)
		output_puts(print->output, " ?");
}

void exec_print_header(const struct exec_print *print)
{
	struct output *out = print->output;

	if (output_is_json(out))
		return;
	if (print->time)
		output_printf(out, "%-8s ", "TIME");
	if (print->timestamp)
		output_printf(out, "%-8s ", "TIME(s)");
	if (print->uid)
		output_printf(out, "%-6s ", "UID");
	if (print->cgroup)
		output_printf(out, "%-16s ", "CGROUP");
	if (print->old_comm)
		output_printf(out, "%-16s ", "OLDCOMM");
	output_printf(out, "%-16s %-6s %-6s %3s ", "PCOMM", "PID", "PPID", "RET");
	if (print->fails)
		output_printf(out, "%-8s ", "ERROR");
	if (print->cwd)
		output_printf(out, "%-24s ", "CWD");
	output_puts(out, "ARGS");
	output_end_line(out);
}

/* The columns that are there only when asked for, before the usual ones. */
static void put_optional(const struct exec_print *print, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	struct output *out = print->output;
	char hms[9];

	if (print->time)
		output_printf(out, "%-8s ", timestamp_hms(print->start, event->ktime, hms));
	if (print->timestamp)
		output_printf(out, "%-8.3f ", timestamp_offset(print->start, event->ktime));
	if (print->uid) {
		output_put_u64(out, event->uid, -6);
		output_puts(out, " ");
	}
	if (print->cgroup) {
		if (event->cgroup_len > 0)
			output_put_cstr(out, record->cgroup, event->cgroup_len, -16);
		else
			output_printf(out, "%-16s", "?");
		output_puts(out, " ");
	}
	if (print->old_comm) {
		if (event->flags & EXECSNOOP_HAS_OLD_COMM)
			output_put_cstr(out, event->old_comm, sizeof(event->old_comm), -16);
		else
			output_printf(out, "%-16s", "?");
		output_puts(out, " ");
	}
}

static int print_text(const struct exec_print *print, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	char cwd[EXEC_CWD_SIZE];
	struct output *out = print->output;
	const char *path;

	put_optional(print, record);
	output_put_cstr(out, event->comm, sizeof(event->comm), -16);
	output_puts(out, " ");
	output_put_u64(out, event->pid, -6);
	output_puts(out, " ");
	output_put_u64(out, event->ppid, -6);
	output_puts(out, " ");
	output_put_s64(out, event->result, 3);
	output_puts(out, " ");
	if (print->fails)
		output_printf(out, "%-8s ", event->result ? error_name(-event->result) : "-");
	if (print->cwd) {
		path = exec_record_cwd(record, cwd) ?: "?";
		output_put_escaped(out, path, strlen(path), -24);
		output_puts(out, " ");
	}
	put_line(print, record);
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
static void print_json_hex_args(const struct exec_print *print, const struct exec_record *record)
{
	struct output *out = print->output;
	char hex[2 * EXECSNOOP_ARGS_SIZE + 1];
	struct exec_arg arg = {};
	size_t i;

	output_json_array_begin(out, "argv_hex");
	while (exec_record_next_arg(record, &arg) && arg.count <= print->max_args) {
		for (i = 0; arg.text && i < arg.len; i++)
			sprintf(hex + 2 * i, "%02x", (unsigned char)arg.text[i]);
		if (arg.text)
			output_json_str(out, NULL, hex, 2 * arg.len);
		else
			output_json_null(out, NULL);
	}
	output_json_array_end(out);
}

static void print_json_args(const struct exec_print *print, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	struct output *out = print->output;
	bool is_text = true, more;
	struct exec_arg arg = {};

	output_json_array_begin(out, "argv");
	while ((more = exec_record_next_arg(record, &arg)) && arg.count <= print->max_args) {
		if (arg.text)
			output_json_str(out, NULL, arg.text, arg.len);
		else
			output_json_null(out, NULL);
		is_text = is_text && (!arg.text || is_utf8(arg.text, arg.len));
	}
	output_json_array_end(out);
	if (!is_text)
		print_json_hex_args(print, record);
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

static void print_json_places(const struct exec_print *print, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	char cwd[EXEC_CWD_SIZE];
	struct output *out = print->output;

	print_json_part(out, "file", record->file, event->file_len);
	if (exec_record_has_dirfd(record))
		output_json_s64(out, "dirfd", event->dirfd);
	if (event->result == 0)
		print_json_part(out, "interpreter", record->interpreter, event->interpreter_len);
	output_json_u64(out, "cgroup_id", event->cgroup_id);
	print_json_part(out, "cgroup", record->cgroup, event->cgroup_len);
	if (!print->cwd)
		return;
	if (event->cwd_len < 0)
		output_json_error(out, "cwd", error_name(-event->cwd_len));
	else
		output_json_cstr(out, "cwd", exec_record_cwd(record, cwd), SIZE_MAX);
}

static int print_json(const struct exec_print *print, const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;
	struct output *out = print->output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(print->start, event->ktime));
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
	print_json_places(print, record);
	print_json_args(print, record);
	return output_end(out);
}

int exec_print_record(const struct exec_print *print, const struct exec_record *record)
{
	return output_is_json(print->output) ? print_json(print, record)
					     : print_text(print, record);
}
