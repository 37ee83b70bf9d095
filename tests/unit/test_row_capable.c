/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of capable from recorded events.
 */
#include "replay.h"

#include "capable.c"
#undef main

#include <asm/unistd.h>

void replay_open(struct tool *tool, void *ctx)
{
	struct env *env = ctx;

	(void)tool;
	env->names = stack_names_new();
	assert_non_null(env->names);
}

static void replay_events(struct tool *tool, void *ctx)
{
	struct capable_event event = { .ktime = REPLAY_START + 1500000000,
				       .cgroup_id = 77,
				       .pid = 4242,
				       .tid = 4243,
				       .uid = 1000,
				       .effective = 0x1fffeffffff,
				       .target_ns = INITIAL_USER_NS,
				       .user_ns = INITIAL_USER_NS,
				       .call = CAPABLE_CALL,
				       .syscall = __NR_mount,
				       .cap = 21,
				       .options = 0,
				       .kernel_size = -EFAULT,
				       .user_size = -EFAULT,
				       .comm = "mount" };
	struct env *env = ctx;

	(void)tool;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.result = -EPERM;
	event.options = CAPABLE_NOAUDIT | CAPABLE_INSETID;
	event.cap = 40;
	event.call = CAPABLE_NO_CALL;
	event.target_ns = event.user_ns = 4026532412;
	event.effective = 0;
	memcpy(event.comm, "a\tname of all 16", 16);
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	event.options = -1;
	event.cap = 63;
	event.call = CAPABLE_CALL_UNKNOWN;
	event.uid = 4294967294u;
	event.pid = event.tid = 4194304;
	assert_int_equal(handle_event(env, &event, sizeof(event)), 0);
	stack_names_free(env->names);
}

REPLAY("capable", "capable", "capable -x", "capable --json", "capable -x --json", "capable -KU",
       "capable -K --json", "capable --columns cap,verdict,syscall,targetns,userns,effective")
