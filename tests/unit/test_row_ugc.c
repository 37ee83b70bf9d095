/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of ugc from recorded events.
 */
#include "replay.h"

#include "ugc.c"
#undef main

static struct runtime_image replay_images[] = { { .lang = RUNTIME_JAVA },
						{ .lang = RUNTIME_RUBY },
						{ .lang = RUNTIME_PHP } };
static struct runtime_place replay_place = { .probe = "ruby:gc__sweep__begin" };
static struct runtime_session_place replay_attached[] = { { &replay_images[0], &replay_place },
							  { &replay_images[1], &replay_place },
							  { &replay_images[2], &replay_place } };

void replay_open(struct tool *tool, void *ctx)
{
	struct env *env = ctx;

	(void)tool;
	env->session.attached = replay_attached;
	env->session.attached_count = 3;
}

static void replay_events(struct tool *tool, void *env)
{
	struct ugc_event event = { .begin_ns = REPLAY_START + 1234567890,
				   .ns = 1234560,
				   .pid = 4242,
				   .tid = 4243,
				   .place = 0,
				   .comm = "java" };

	(void)tool;
	event.number = event.has_number = 1;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.number = event.has_number = 0;
	event.place = 1;
	event.ns = 98765432109ull;
	event.pid = event.tid = 4194304;
	memcpy(event.comm, "fifteen\tbytes!!", 16);
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.place = 2;
	event.ns = 0;
	event.begin_ns = 5;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
}

REPLAY("ugc", "ugc", "ugc -m", "ugc --json")
