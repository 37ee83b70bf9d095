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

struct fixture {
	struct log log;
	struct flow_threads *threads;
	struct flow_thread *thread;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	const struct flow_threads_opts opts = { .ended = note_end, .ctx = &fixture.log };

	fixture = (struct fixture){ .threads = flow_threads_new(&opts) };
	fixture.thread = fixture.threads ? flow_threads_get(fixture.threads, 7) : NULL;
	*state = &fixture;
	return fixture.thread ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	flow_threads_free(f->threads);
	return 0;
}

/* A call at a time that is also its node's number, by the frame entered at the time caller. */
static void enter(struct fixture *f, uint32_t depth, uint64_t caller, uint64_t time)
{
	flow_thread_call(f->threads, f->thread, depth, caller, time);
	assert_int_equal(flow_thread_enter(f->thread, depth, time, time), 0);
}

static bool leave(struct fixture *f, uint32_t depth, uint64_t entered, uint64_t time)
{
	return flow_thread_leave(f->threads, f->thread, depth, entered, time);
}

static void test_returns_end_their_frames(void **state)
{
	struct fixture *f = *state;

	enter(f, 1, 0, 10);
	enter(f, 2, 10, 20);
	assert_true(leave(f, 2, 20, 25));
	enter(f, 2, 10, 30);
	assert_true(leave(f, 2, 30, 31));
	assert_int_equal(f->thread->frames[0].inner_ns, 5 + 1);
	assert_true(leave(f, 1, 10, 40));
	assert_string_equal(f->log.text, "20 returned 25;30 returned 31;10 returned 40;");
}

static void test_an_exception_ends_all_frames_up_to_its_handler(void **state)
{
	struct fixture *f = *state;

	enter(f, 1, 0, 10);
	enter(f, 2, 10, 20);
	enter(f, 3, 20, 30);
	flow_thread_unwind(f->threads, f->thread, 1, 40);
	assert_string_equal(f->log.text, "30 unwound 40;20 unwound 40;");
	assert_int_equal(f->thread->frames[0].inner_ns, 20);

	/* Seen only by what comes after it. */
	f->log.text[0] = 0;
	enter(f, 2, 10, 50);
	enter(f, 3, 50, 60);
	enter(f, 2, 10, 70);
	assert_true(leave(f, 1, 10, 80));
	assert_string_equal(f->log.text,
			    "60 unwound 70;50 unwound 70;70 unwound 80;10 returned 80;");
}

static void test_filtered_frames_leave_gaps(void **state)
{
	struct fixture *f = *state;

	enter(f, 2, 5, 10);
	enter(f, 9, 8, 20);
	assert_int_equal(f->thread->count, 2);
	assert_true(leave(f, 9, 20, 30));
	assert_true(leave(f, 2, 10, 40));
	assert_string_equal(f->log.text, "20 returned 30;10 returned 40;");
}

static void test_a_return_without_its_call_ends_nothing_above(void **state)
{
	struct fixture *f = *state;

	assert_false(leave(f, 0, 0, 5));
	enter(f, 1, 0, 10);
	assert_false(leave(f, 3, 7, 20));
	assert_int_equal(f->thread->count, 1);
	assert_string_equal(f->log.text, "");
}

static void test_after_a_loss_frames_are_only_what_they_prove_to_be(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(flow_thread_note(f->thread, 0), 0);
	enter(f, 1, 0, 10);
	assert_int_equal(flow_thread_note(f->thread, 1), 0);
	enter(f, 2, 10, 20);
	assert_int_equal(flow_thread_note(f->thread, 7), 5);
	/* Another frame at depth 2 makes a call: the one that we know has ended. */
	enter(f, 3, 28, 30);
	assert_string_equal(f->log.text, "20 lost 30;");
	/* Another frame at depth 1 returns. */
	assert_false(leave(f, 1, 29, 40));
	assert_string_equal(f->log.text, "20 lost 30;30 unwound 40;10 lost 40;");
	/* One that came late is no loss. */
	assert_int_equal(flow_thread_note(f->thread, 3), 0);
	assert_int_equal(flow_thread_note(f->thread, 8), 0);
}

static void test_a_frame_that_survives_a_loss_returns(void **state)
{
	struct fixture *f = *state;

	enter(f, 1, 0, 10);
	assert_int_equal(flow_thread_note(f->thread, 3), 3);
	assert_true(leave(f, 1, 10, 40));
	assert_string_equal(f->log.text, "10 returned 40;");
}

static void test_threads_are_apart(void **state)
{
	struct fixture *f = *state;

	for (pid_t tid = 100; tid > 0; tid--) {
		f->thread = flow_threads_get(f->threads, tid);
		enter(f, 1, 0, tid);
	}
	for (pid_t tid = 1; tid <= 98; tid++) {
		f->thread = flow_threads_get(f->threads, tid);
		assert_true(leave(f, 1, tid, tid));
	}
	f->log.text[0] = 0;
	flow_threads_end(f->threads, 99, 500);
	flow_threads_end(f->threads, 99, 501);
	flow_threads_end_all(f->threads, 600);
	assert_string_equal(f->log.text, "99 open 500;100 open 600;");
	assert_int_equal(flow_threads_get(f->threads, 99)->count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_returns_end_their_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_exception_ends_all_frames_up_to_its_handler,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_filtered_frames_leave_gaps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_return_without_its_call_ends_nothing_above,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_after_a_loss_frames_are_only_what_they_prove_to_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_frame_that_survives_a_loss_returns, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_threads_are_apart, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
