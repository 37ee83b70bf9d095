/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow_stack.h"

/* What has been told, as text: "node end time;" each. */
struct log {
	char text[512];
};

static void note_end(void *ctx, struct flow_thread *thread, const struct flow_frame *frame,
		     enum flow_end end, uint64_t time)
{
	static const char *const names[] = { [FLOW_RETURNED] = "returned",
					     [FLOW_UNWOUND] = "unwound",
					     [FLOW_LOST] = "lost",
					     [FLOW_OPEN] = "open" };
	struct log *log = ctx;
	size_t len = strlen(log->text);

	assert_non_null(thread);
	snprintf(log->text + len, sizeof(log->text) - len, "%u %s %llu;", frame->node, names[end],
		 (unsigned long long)time);
}

static struct flow_threads *new_threads(struct log *log)
{
	const struct flow_threads_opts opts = { .ended = note_end, .ctx = log };
	struct flow_threads *threads = flow_threads_new(&opts);

	assert_non_null(threads);
	return threads;
}

/* A call at a time that is also its node's number, by the frame entered at the time caller. */
static void enter(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
		  uint64_t caller, uint64_t time)
{
	flow_thread_call(threads, thread, depth, caller, time);
	assert_int_equal(flow_thread_enter(thread, depth, time, time), 0);
}

static void test_returns_end_their_frames(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	enter(threads, thread, 1, 0, 10);
	enter(threads, thread, 2, 10, 20);
	assert_true(flow_thread_leave(threads, thread, 2, 20, 25));
	enter(threads, thread, 2, 10, 30);
	assert_true(flow_thread_leave(threads, thread, 2, 30, 31));
	assert_int_equal(thread->frames[0].inner_ns, 5 + 1);
	assert_true(flow_thread_leave(threads, thread, 1, 10, 40));
	assert_string_equal(log.text, "20 returned 25;30 returned 31;10 returned 40;");
	flow_threads_free(threads);
}

static void test_an_exception_ends_all_frames_up_to_its_handler(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	enter(threads, thread, 1, 0, 10);
	enter(threads, thread, 2, 10, 20);
	enter(threads, thread, 3, 20, 30);
	flow_thread_unwind(threads, thread, 1, 40);
	assert_string_equal(log.text, "30 unwound 40;20 unwound 40;");
	assert_int_equal(thread->frames[0].inner_ns, 20);

	/* Seen only by what comes after it. */
	log.text[0] = 0;
	enter(threads, thread, 2, 10, 50);
	enter(threads, thread, 3, 50, 60);
	enter(threads, thread, 2, 10, 70);
	assert_true(flow_thread_leave(threads, thread, 1, 10, 80));
	assert_string_equal(log.text, "60 unwound 70;50 unwound 70;70 unwound 80;10 returned 80;");
	flow_threads_free(threads);
}

static void test_filtered_frames_leave_gaps(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	enter(threads, thread, 2, 5, 10);
	enter(threads, thread, 9, 8, 20);
	assert_int_equal(thread->count, 2);
	assert_true(flow_thread_leave(threads, thread, 9, 20, 30));
	assert_true(flow_thread_leave(threads, thread, 2, 10, 40));
	assert_string_equal(log.text, "20 returned 30;10 returned 40;");
	flow_threads_free(threads);
}

static void test_a_return_without_its_call_ends_nothing_above(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	assert_false(flow_thread_leave(threads, thread, 0, 0, 5));
	enter(threads, thread, 1, 0, 10);
	assert_false(flow_thread_leave(threads, thread, 3, 7, 20));
	assert_int_equal(thread->count, 1);
	assert_string_equal(log.text, "");
	flow_threads_free(threads);
}

static void test_after_a_loss_frames_are_only_what_they_prove_to_be(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	assert_int_equal(flow_thread_note(thread, 0), 0);
	enter(threads, thread, 1, 0, 10);
	assert_int_equal(flow_thread_note(thread, 1), 0);
	enter(threads, thread, 2, 10, 20);
	assert_int_equal(flow_thread_note(thread, 7), 5);
	/* Another frame at depth 2 makes a call: the one that we know has ended. */
	enter(threads, thread, 3, 28, 30);
	assert_string_equal(log.text, "20 lost 30;");
	/* Another frame at depth 1 returns. */
	assert_false(flow_thread_leave(threads, thread, 1, 29, 40));
	assert_string_equal(log.text, "20 lost 30;30 unwound 40;10 lost 40;");
	/* One that came late is no loss. */
	assert_int_equal(flow_thread_note(thread, 3), 0);
	assert_int_equal(flow_thread_note(thread, 8), 0);
	flow_threads_free(threads);
}

static void test_a_frame_that_survives_a_loss_returns(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);
	struct flow_thread *thread = flow_threads_get(threads, 7);

	(void)state;
	enter(threads, thread, 1, 0, 10);
	assert_int_equal(flow_thread_note(thread, 3), 3);
	assert_true(flow_thread_leave(threads, thread, 1, 10, 40));
	assert_string_equal(log.text, "10 returned 40;");
	flow_threads_free(threads);
}

static void test_threads_are_apart(void **state)
{
	struct log log = {};
	struct flow_threads *threads = new_threads(&log);

	(void)state;
	for (pid_t tid = 100; tid > 0; tid--)
		enter(threads, flow_threads_get(threads, tid), 1, 0, tid);
	for (pid_t tid = 1; tid <= 98; tid++)
		assert_true(flow_thread_leave(threads, flow_threads_get(threads, tid), 1, tid, tid));
	log.text[0] = 0;
	flow_threads_end(threads, 99, 500);
	flow_threads_end(threads, 99, 501);
	flow_threads_end_all(threads, 600);
	assert_string_equal(log.text, "99 open 500;100 open 600;");
	assert_int_equal(flow_threads_get(threads, 99)->count, 0);
	flow_threads_free(threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returns_end_their_frames),
		cmocka_unit_test(test_an_exception_ends_all_frames_up_to_its_handler),
		cmocka_unit_test(test_filtered_frames_leave_gaps),
		cmocka_unit_test(test_a_return_without_its_call_ends_nothing_above),
		cmocka_unit_test(test_after_a_loss_frames_are_only_what_they_prove_to_be),
		cmocka_unit_test(test_a_frame_that_survives_a_loss_returns),
		cmocka_unit_test(test_threads_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
