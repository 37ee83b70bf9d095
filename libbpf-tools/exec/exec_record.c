/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is in a record; see exec_record.h.
 */
#include "exec/exec_record.h"

#include <array_size.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

bool exec_record_open(struct exec_record *record, const void *data, size_t size)
{
	const size_t header = offsetof(struct execsnoop_event, text);
	const struct execsnoop_event *event = data;
	size_t i, at = 0;

	if (size < header)
		return false;
	const struct {
		int32_t len, max;
		const char **part;
	} parts[] = {
		{ event->file_len, EXECSNOOP_PATH_SIZE, &record->file },
		{ event->interpreter_len, EXECSNOOP_PATH_SIZE, &record->interpreter },
		{ event->exe_len, PATH_WALKED_SIZE, &record->exe },
		{ event->cgroup_len, EXECSNOOP_NAME_SIZE, &record->cgroup },
		{ event->cwd_len, PATH_WALKED_SIZE, &record->cwd },
		{ event->args_len, EXECSNOOP_ARGS_SIZE, &record->args },
		{ event->env_len, EXECSNOOP_ENV_SIZE, &record->env },
	};

	record->event = event;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i].len > parts[i].max)
			return false;
		*parts[i].part = event->text + at;
		if (parts[i].len > 0)
			at += parts[i].len;
		if (at > size - header)
			return false;
	}
	return true;
}

/* Only the last one may lack a NUL, when it has been cut. */
bool exec_record_next_arg(const struct exec_record *record, struct exec_arg *arg)
{
	const struct execsnoop_event *event = record->event;
	size_t end = event->args_len > 0 ? event->args_len : 0;
	uint32_t i = arg->count;

	if (arg->at >= end)
		return false;
	arg->text = record->args + arg->at;
	arg->len = strnlen(arg->text, end - arg->at);
	arg->is_cut = event->flags & EXECSNOOP_ARGS_CUT && arg->at + arg->len == end;
	arg->at += arg->len + 1;
	if (i < EXECSNOOP_ARGS_MAX && event->unread[i / 64] >> i % 64 & 1) {
		arg->text = NULL;
		arg->len = 0;
	}
	arg->count++;
	return true;
}

bool exec_record_has_dirfd(const struct exec_record *record)
{
	const struct execsnoop_event *event = record->event;

	return event->dirfd != AT_FDCWD && event->file_len >= 0 &&
	       !(event->file_len > 0 && record->file[0] == '/');
}

void exec_record_file(const struct exec_record *record, char path[EXEC_PROGRAM_SIZE])
{
	const struct execsnoop_event *event = record->event;
	const size_t size = EXEC_PROGRAM_SIZE;

	if (event->file_len < 0)
		snprintf(path, size, "?");
	else if (!exec_record_has_dirfd(record))
		snprintf(path, size, "%.*s", event->file_len, record->file);
	else
		snprintf(path, size, "/dev/fd/%d%s%.*s", event->dirfd,
			 event->file_len > 1 ? "/" : "", event->file_len, record->file);
}

void exec_record_program(const struct exec_record *record, char path[EXEC_PROGRAM_SIZE])
{
	if (record->event->interpreter_len > 0)
		snprintf(path, EXEC_PROGRAM_SIZE, "%.*s", record->event->interpreter_len,
			 record->interpreter);
	else
		exec_record_file(record, path);
}

const char *exec_record_line(const struct exec_record *record, char line[EXEC_LINE_SIZE])
{
	struct exec_arg arg = {};
	size_t used;

	exec_record_program(record, line);
	used = strlen(line);
	exec_record_next_arg(record, &arg);
	while (exec_record_next_arg(record, &arg)) {
		line[used++] = ' ';
		memcpy(line + used, arg.text ?: "", arg.len);
		used += arg.len;
	}
	line[used] = '\0';
	return line;
}

/* The last variable of an environment that was cut is too. */
bool exec_record_env(const struct exec_record *record, const char *name, struct exec_env *env)
{
	const struct execsnoop_event *event = record->event;
	size_t end = event->env_len > 0 ? event->env_len : 0, name_len = strlen(name), at, len;
	bool is_cut = event->flags & EXECSNOOP_ENV_CUT;

	for (at = 0; at < end; at += len + 1) {
		const char *text = record->env + at;

		len = strnlen(text, end - at);
		if (len <= name_len || memcmp(text, name, name_len) || text[name_len] != '=')
			continue;
		env->text = text + name_len + 1;
		env->len = len - name_len - 1;
		env->is_cut = at + len == end && is_cut;
		return true;
	}
	env->text = NULL;
	env->is_cut = is_cut;
	return is_cut || event->env_len < 0;
}
