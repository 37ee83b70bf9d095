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
	if (copy->base_len > 0)
		memcpy(copy->path + len, "dir\0a\tb", copy->base_len);
	len += copy->base_len > 0 ? copy->base_len : 0;
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
					 .gid = 100,
					 .cgroup_id = 77,
					 .mode = 0640,
					 .mntns = 4026531832,
					 .dirfd = AT_FDCWD,
					 .result = 3,
					 .comm = "cat" };
	static char cut[OPENSNOOP_PATH_SIZE];

	(void)tool;
	replay_path(env, event, "/etc/hosts", sizeof("/etc/hosts"));
	event.base_len = 8;
	event.dirfd = 5;
	replay_path(env, event, "hosts", sizeof("hosts"));
	event.base_flags = PATH_CUT | PATH_DELETED;
	event.flags = O_TMPFILE | O_SYNC | 1ull << 40;
	replay_path(env, event, "hosts", sizeof("hosts"));
	event.base_flags = 0;
	event.flags = O_ACCMODE;
	event.base_len = -EAGAIN;
	replay_path(env, event, "hosts", sizeof("hosts"));
	event.base_len = 0;
	replay_path(env, event, "", 1);
	event.mntns = 0;
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
	memset(cut, 'p', sizeof(cut) - 1);
	replay_path(env, event, cut, sizeof(cut));
}

REPLAY("opensnoop", "opensnoop", "opensnoop -T -U -e", "opensnoop -t 4243", "opensnoop --json",
       "opensnoop -T -U -e -t 1 --json", "opensnoop -x -f O_CREAT",
       "opensnoop --columns time,error,path,tid", "opensnoop -F", "opensnoop -F --json",
       "opensnoop -e --columns +flagnames,+gid,+mntns,+dirfd", "opensnoop --path */host?",
       "opensnoop -F --path /a*/dir/*", "opensnoop --columns +flags,-comm,+TIME_s")
