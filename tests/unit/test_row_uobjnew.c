/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of uobjnew from recorded counts.
 */
#include "replay.h"

#include "uobjnew.c"
#undef main

static const struct row replay_rows[] = {
	{ { .error = -EFAULT }, { 1, 16 } },
	{ { .name = "a\nb\xff" }, { 20, 320 } },
	{ { .name = "a/very/long/name/of/a/class/which/is/longer/than/the/column" }, { 300, 0 } },
	{ { .name = "java/lang/String" }, { 12345678901ull, 1234567890123ull } },
};

static void replay_events(struct tool *tool, void *env)
{
	(void)tool;
	assert_int_equal(print_rows(env, replay_rows, 4), 0);
}

REPLAY("uobjnew", "uobjnew", "uobjnew -C 2", "uobjnew --json")
