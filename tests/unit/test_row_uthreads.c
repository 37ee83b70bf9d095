/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of uthreads from recorded events.
 */
#include "replay.h"

#include "uthreads.c"
#undef main

static struct runtime_image replay_image = { .lang = RUNTIME_JAVA };
static struct runtime_place replay_places[] = { { .spec.event = RUNTIME_THREAD_START },
						{ .spec.event = RUNTIME_THREAD_STOP } };
static struct runtime_session_place replay_attached[] = { { &replay_image, &replay_places[0] },
							  { &replay_image, &replay_places[1] } };

void replay_open(struct tool *tool, void *ctx)
{
	struct env *env = ctx;

	(void)tool;
	env->session.attached = replay_attached;
	env->session.attached_count = 2;
}

static void replay_events(struct tool *tool, void *env)
{
	struct uthreads_event event = { .ktime = REPLAY_START + 1234567890,
					.pid = 4242,
					.tid = 4243,
					.place = 0,
					.name_size = 5,
					.name = "main" };

	(void)tool;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.place = 1;
	memcpy(event.name, "a\nb\xff", 5);
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.name_size = -EFAULT;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.name_size = 0;
	event.place = UTHREADS_BY_KERNEL;
	event.pid = event.tid = 4194304;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
}

REPLAY("uthreads", "uthreads", "uthreads --json")
