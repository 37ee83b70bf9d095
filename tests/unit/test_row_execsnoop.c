/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of execsnoop from recorded events.
 */
#include "replay.h"

#include "execsnoop.c"
#undef main

#include <fcntl.h>

void replay_open(struct tool *tool, void *ctx)
{
	struct env *env = ctx;

	env->print.rows = &tool->rows;
	env->print.env = env->env_names;
}

/* The next part of the text: they come in the order of their lengths in the event. */
static void replay_text(struct execsnoop_event *event, int32_t *len, const char *text, size_t size)
{
	size_t at = 0;

	for (const int32_t *part = &event->file_len; part < len; part++)
		at += *part > 0 ? *part : 0;
	memcpy(event->text + at, text, size);
	*len = size;
}

static void replay_events(struct tool *tool, void *ctx)
{
	static struct execsnoop_event event;
	struct env *env = ctx;

	(void)tool;
	event = (struct execsnoop_event){
		.ktime = REPLAY_START + 61234567890ull,
		.cgroup_id = 4711,
		.pid = 4242,
		.tid = 4242,
		.ppid = 1,
		.uid = 1000,
		.gid = 100,
		.egid = 100,
		.loginuid = 1000,
		.sessionid = 7,
		.mntns = 4026531832,
		.cpu = 3,
		.argc = 4,
		.dirfd = AT_FDCWD,
		.flags = EXECSNOOP_HAS_ARGC | EXECSNOOP_HAS_OLD_COMM | EXECSNOOP_IS_SET_ID |
			 EXECSNOOP_HAS_AUDIT_IDS,
		.comm = "script.sh",
		.old_comm = "bash",
		.parent_comm = "login",
	};
	replay_text(&event, &event.file_len, "./script.sh", 12);
	replay_text(&event, &event.interpreter_len, "/bin/sh", 8);
	replay_text(&event, &event.exe_len, "dash\0bin\0usr", 13);
	replay_text(&event, &event.cgroup_len, "user.slice", 11);
	replay_text(&event, &event.cwd_len, "me\0home", 8);
	replay_text(&event, &event.args_len, "sh\0it's\0a b\0new\nline\\", 22);
	replay_text(&event, &event.env_len, "A=it's\0LANG=C\0X=", 17);
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.flags &= ~EXECSNOOP_IS_SET_ID;
	event.loginuid = event.sessionid = UINT32_MAX;
	event.exe_flags = PATH_PSEUDO;
	replay_text(&event, &event.exe_len, "memfd:a\tb", 10);
	replay_text(&event, &event.cgroup_len, "user.slice", 11);
	replay_text(&event, &event.cwd_len, "me\0home", 8);
	/* Bytes that are no text, an argument that could not be read, and more than are shown. */
	replay_text(&event, &event.args_len, "x\0caf\xc3\xa9\0\xff\xfe\0\0last", 17);
	replay_text(&event, &event.env_len, "B=cut", 5);
	event.unread[0] = 1 << 3;
	event.args_error = -EFAULT;
	event.flags |= EXECSNOOP_ARGS_CUT | EXECSNOOP_ENV_CUT;
	event.cwd_flags = PATH_CUT | PATH_DELETED;
	event.argc = 1000;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	/* Failed, and little is known. */
	event.unread[0] = 0;
	event.result = -ENOENT;
	event.flags = 0;
	event.pid = event.tid = 4194304;
	event.uid = 0;
	event.dirfd = 5;
	replay_text(&event, &event.file_len, "a\tb", 4);
	event.interpreter_len = 0;
	event.exe_len = 0;
	event.env_len = 0;
	event.cgroup_len = -ENAMETOOLONG;
	event.cwd_len = -EFAULT;
	event.args_len = -EFAULT;
	memcpy(event.comm, "fifteen bytes!!", 16);
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.result = -512;
	event.file_len = -EFAULT;
	event.args_error = 0;
	event.args_len = 0;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.result = -9999;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	if (env->count)
		assert_int_equal(exec_count_print(&env->programs, &tool->rows), 0);
	tally_clear(&env->programs);
}

REPLAY("execsnoop", "execsnoop", "execsnoop -T -t -U -x --cwd --cgroup-name --old-comm",
       "execsnoop -q", "execsnoop -x --max-args 2", "execsnoop --json",
       "execsnoop --json --cwd --max-args 2", "execsnoop --count", "execsnoop --count -x",
       "execsnoop --count -x --json", "execsnoop -M -C --exe --cwd --env A,B,LANG",
       "execsnoop --env A,B --env X --json",
       "execsnoop --columns pid,euid,gid,egid,setid,loginuid,session,mntns")
