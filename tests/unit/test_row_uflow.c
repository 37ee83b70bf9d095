/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows and trees of uflow from recorded events.
 */
#include "replay.h"

#include "uflow.c"
#undef main

void replay_open(struct tool *tool, void *ctx)
{
	struct flow_threads_opts opts = { .ended = frame_ended, .ctx = ctx };
	struct env *env = ctx;

	env->print.rows = &tool->rows;
	env->threads = flow_threads_new(&opts);
	env->tree = flow_tree_new();
	assert_non_null(env->threads);
	assert_non_null(env->tree);
}

static void replay_call(struct env *env, struct uflow_event event, const char *class_name,
			const char *method, const char *file)
{
	const char *strings[UFLOW_STRINGS] = { class_name, method, file };
	static uint64_t number;
	size_t size = offsetof(struct uflow_event, data);
	char bytes[2048] __attribute__((aligned(8)));

	event.number = number++;
	/* A case's first event begins the count anew. */
	if (!event.time)
		event.number = number = 0;
	for (int i = 0; i < UFLOW_STRINGS; i++) {
		event.lens[i] = event.lens[i] ?: strings[i] ? (int)strlen(strings[i]) : -ENOENT;
		if (event.lens[i] > 0) {
			memcpy(bytes + size, strings[i], event.lens[i]);
			size += event.lens[i];
		}
	}
	event.time += REPLAY_START;
	event.frame += event.frame ? REPLAY_START : 0;
	memcpy(bytes, &event, offsetof(struct uflow_event, data));
	size = size < sizeof(event) ? sizeof(event) : size;
	assert_int_equal(handle_event(env, bytes, size), 0);
}

static void replay_events(struct tool *tool, void *ctx)
{
	struct uflow_event event = { .pid = 4242, .tid = 4243, .cpu = 1, .comm = "java" };
	struct env *env = ctx;
	char cut[UFLOW_NAME_SIZE] = "";

	(void)tool;
	memset(cut, 'c', sizeof(cut) - 1);
	event.depth = 1;
	event.line = 17;
	replay_call(env, event, NULL, "main", "/srv/app/main.py");
	event.time = 1234567;
	event.depth = 2;
	event.line = 0;
	replay_call(env, event, "com/example/A", "run\n\xff", NULL);
	event.time += 1000;
	event.depth = 3;
	event.lens[UFLOW_METHOD] = -EFAULT;
	replay_call(env, event, cut, NULL, NULL);
	event.lens[UFLOW_METHOD] = 0;
	event.time += 98765;
	event.kind = UFLOW_LEAVE;
	event.frame = 1235567;
	replay_call(env, event, NULL, NULL, NULL);
	event.time += 1;
	event.depth = 1;
	event.kind = UFLOW_UNWIND;
	replay_call(env, event, NULL, NULL, NULL);
	/* The return of a call that began before. */
	event.kind = UFLOW_LEAVE;
	event.depth = 0;
	event.frame = 0;
	event.tid = 4194304;
	memcpy(event.comm, "fifteen\tbytes!!", 16);
	replay_call(env, event, "Old", "call", NULL);
	event.frame = 1000;
	replay_call(env, event, "Old", "call", NULL);
	/* Deep, and after some that were lost. */
	event.kind = UFLOW_ENTER;
	event.frame = 0;
	for (event.depth = 1; event.depth < 200; event.depth *= 5)
		replay_call(env, event, NULL, "recurse", NULL);
	if (env->mode == MODE_ROWS) {
		event.kind = UFLOW_LEAVE;
		replay_call(env, event, NULL, "lossless", NULL);
		event.tid = 4243;
		replay_call(env, event, NULL, "lossy", NULL);
	}
	flow_threads_end_all(env->threads, REPLAY_START + 2000000000);
	if (env->mode == MODE_TREE)
		assert_int_equal(flow_print_tree(&env->print, env->tree), 0);
	else if (env->mode == MODE_FOLDED)
		assert_int_equal(flow_print_folded(&env->print, env->tree), 0);
	flow_threads_free(env->threads);
	flow_tree_free(env->tree);
}

REPLAY("uflow", "uflow 1", "uflow -T --latency 1", "uflow --json 1", "uflow --latency --json 1",
       "uflow --call-tree 1", "uflow --call-tree -T 1", "uflow --call-tree --json 1",
       "uflow --folded 1")
