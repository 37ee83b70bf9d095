/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of opensnoop from recorded events.
 */
#include "replay.h"

#include "opensnoop.c"
#undef main

static void replay_path(void *env, struct opensnoop_event event, const char *path, size_t len)
{
	struct opensnoop_event *copy = calloc(1, sizeof(*copy));

	assert_non_null(copy);
	*copy = event;
	copy->path_len = len;
	memcpy(copy->path, path, len);
	assert_int_equal(handle_event(env, copy, offsetof(struct opensnoop_event, path) + len), 0);
	free(copy);
}

static void replay_events(struct tool *tool, void *env)
{
	struct opensnoop_event event = { .ktime = REPLAY_START + 1234567,
					 .flags = O_RDWR | O_CREAT | O_CLOEXEC,
					 .pid = 4242,
					 .tid = 4243,
					 .uid = 1000,
					 .result = 3,
					 .comm = "cat" };
	static char cut[OPENSNOOP_PATH_SIZE];

	(void)tool;
	replay_path(env, event, "/etc/hosts", sizeof("/etc/hosts"));
	replay_path(env, event, "", 1);
	event.ktime += 98765432101ull;
	event.pid = event.tid = 4194304;
	event.uid = 0;
	event.result = -ENOENT;
	memcpy(event.comm, "fifteen bytes!!", 16);
	replay_path(env, event, "new\nline \x1b[2J back\\slash \xff caf\xc3\xa9", 33);
	event.result = -EACCES;
	event.flags_error = -EFAULT;
	event.flags = 0;
	event.comm[3] = '\n';
	event.path_len = -EFAULT;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.result = 12345;
	event.flags_error = 0;
	event.flags = O_PATH;
	memset(cut, 'p', sizeof(cut));
	replay_path(env, event, cut, sizeof(cut));
}

REPLAY("opensnoop", "opensnoop", "opensnoop -T -U -e", "opensnoop -t 4243", "opensnoop --json",
       "opensnoop -T -U -e -t 1 --json", "opensnoop -x -f O_CREAT",
       "opensnoop --columns time,error,path,tid", "opensnoop --columns +flags,-comm,+TIME_s")
