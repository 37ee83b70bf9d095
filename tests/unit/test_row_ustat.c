/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of ustat from recorded counts.
 */
#include "replay.h"

/* The machine's load, which ustat reads. */
static char replay_load[] = "0.10 0.20 0.30 1/234 5678\n";
#define fopen(path, mode) fmemopen(replay_load, strlen(replay_load), "r")

#include "ustat.c"
#undef main

static struct runtime_image replay_java = { .lang = RUNTIME_JAVA };
static struct runtime_image replay_php = { .lang = RUNTIME_PHP };

void replay_open(struct tool *tool, void *env)
{
	(void)tool;
	(void)env;
	for (int i = 0; i < RUNTIME_EVENTS; i++)
		replay_java.routes[i].kind = RUNTIME_ROUTE_USDT;
	replay_php.routes[RUNTIME_METHOD_ENTRY].note = "this build tells of none";
}

static void replay_events(struct tool *tool, void *ctx)
{
	static const struct runtime_process process = { .pid = 4242,
							.cmdline = "java -jar a\tb.jar and more" };
	const struct row rows[] = {
		{ .key = { .pid = 4242, .tid = 4243 },
		  .process = &process,
		  .images = { &replay_java, &replay_php },
		  .image_count = 2,
		  .counts = { 12345678901ull, 1, 19, 20, 3, 0 },
		  .gc_ns = 123456789,
		  .gc_max_ns = 98765432 },
		{ .key = { .pid = 4194304, .tid = 4194304 },
		  .images = { &replay_php },
		  .image_count = 1,
		  .comm = "fifteen bytes!!" },
		{ .key = { .pid = 1 }, .comm = "init" },
	};
	struct env *env = ctx;

	env->last_ns = REPLAY_START - 2000000000;
	(void)tool;
	assert_int_equal(print_table(env, rows, 3, REPLAY_START), 0);
}

REPLAY("ustat", "ustat -C", "ustat -C -T --gc-time", "ustat -C -e gc,excp", "ustat --json",
       "ustat -T --gc-time --json", "ustat -e gc --json", "ustat -C -r 1")
