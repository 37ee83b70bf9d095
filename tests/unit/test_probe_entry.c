/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Returns that know their entry: both generated programs, run by an interpreter as the calls of a thread would
 * run them.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bpf_vm.h"
#include "types/arena.h"
#include "probe/check/check.h"
#include "probe/generate/generate.h"
#include "probe/record/record_format.h"
#include "probe/spec/parse.h"

/* struct pt_regs of x86_64, as the probe finds them. */
struct regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
		flags, sp, ss;
};

struct fixture {
	struct arena *arena;
	struct record record;
	struct code_program entry, leave;
	struct record_text text;
	struct vm vm;
	bool counts_calls, is_guarded;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return 1;
	f->arena = arena_new();
	f->vm.comm = "victim";
	f->vm.pid_tgid = 4711ull << 32 | 4712;
	*state = f;
	return !f->arena;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	code_program_free(&f->entry);
	code_program_free(&f->leave);
	record_text_free(&f->text);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void compile(struct fixture *f, const char *text, enum generate_frame frame)
{
	struct probe_context *context = arena_alloc(f->arena, sizeof(*context));
	const struct filter filter = { .config = { .uid = FILTER_ANY_UID } };
	struct generate_opts opts = {
		.frame = frame,
		.ring_fd = VM_RING_FD,
		.ctl_fd = VM_CTL_FD,
		.lost_fd = VM_LOST_FD,
		.unreadable_fd = VM_UNREADABLE_FD,
		.scratch_fd = VM_SCRATCH_FD,
		.entry_fd = VM_ENTRY_FD,
		.entry_missed_fd = VM_ENTRY_MISSED_FD,
		.counts_calls = f->counts_calls,
		.calls_fd = VM_CALLS_FD,
		.is_guarded = f->is_guarded,
		.busy_fd = VM_BUSY_FD,
		.filter = &filter,
		.probe = 3,
		.place = 77,
	};
	struct checked *checked;
	struct diag diag = {};
	struct spec *spec;
	int err = parse_spec(f->arena, text, &spec, &diag);

	*context = (struct probe_context){ .kind = SPEC_RETURN,
					   .machine = EM_X86_64,
					   .is_go = frame == GENERATE_FRAME_GO,
					   .string_size = 80 };
	if (!err)
		err = check_spec(spec, context, &checked, &diag);
	if (!err)
		err = record_layout(checked, &(struct record_opts){ .string_size = 80 },
				    &f->record);
	if (!err)
		err = generate_program(&f->record, &opts, &f->leave, &diag);
	opts.is_entry = true;
	if (!err)
		err = generate_program(&f->record, &opts, &f->entry, &diag);
	if (err)
		fail_msg("%s: %s", text, diag.text);
	f->vm.kept_size = generate_entry_size(checked->entry_count);
}

static void run(struct fixture *f, const struct code_program *program, struct regs *regs)
{
	f->vm.submitted = 0;
	vm_run(&f->vm, program->insns, program->len, regs);
	if (f->vm.error) {
		code_program_print(program, stderr);
		fail_msg("%s", f->vm.error);
	}
}

/* A function is entered with its return address at sp ... */
static void enter(struct fixture *f, uint64_t sp, uint64_t arg1)
{
	run(f, &f->entry, &(struct regs){ .sp = sp, .di = arg1 });
	assert_int_equal(f->vm.submitted, 0);
}

/* ... and a return probe fires when that has been popped. Its message; NULL: none. */
static const char *leave(struct fixture *f, uint64_t sp, uint64_t retval)
{
	struct record_view view;

	run(f, &f->leave, &(struct regs){ .sp = sp + 8, .ax = retval, .di = 0xbad });
	if (!f->vm.submitted)
		return NULL;
	assert_int_equal(record_view_open(&f->record, f->vm.record, f->vm.record_size, &view), 0);
	assert_int_equal(record_format(&view, NULL, &f->text), 0);
	return f->text.text;
}

static unsigned int count_kept(const struct fixture *f)
{
	unsigned int count = 0;

	for (int i = 0; i < 16; i++)
		count += f->vm.kept[i].used;
	return count;
}

static void test_recursive_calls_return_with_their_own_values(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	enter(f, 0x7000, 1);
	enter(f, 0x6000, 2);
	enter(f, 0x5000, 3);
	assert_string_equal(leave(f, 0x5000, 30), "3 = 30");
	assert_string_equal(leave(f, 0x6000, 20), "2 = 20");
	enter(f, 0x6000, 4);
	assert_string_equal(leave(f, 0x6000, 40), "4 = 40");
	assert_string_equal(leave(f, 0x7000, 10), "1 = 10");
	assert_int_equal(count_kept(f), 0);
	assert_int_equal(f->vm.entry_missed[3], 0);
}

static void test_threads_on_the_same_addresses_are_told_apart(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	enter(f, 0x7000, 1);
	f->vm.pid_tgid++;
	enter(f, 0x7000, 2);
	assert_string_equal(leave(f, 0x7000, 20), "2 = 20");
	f->vm.pid_tgid--;
	assert_string_equal(leave(f, 0x7000, 10), "1 = 10");
}

static void test_call_left_by_a_jump_does_not_poison_the_next(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	enter(f, 0x7000, 1);
	enter(f, 0x6000, 2);
	/* longjmp() to the first one, which calls again. */
	enter(f, 0x6000, 3);
	assert_string_equal(leave(f, 0x6000, 30), "3 = 30");
	assert_string_equal(leave(f, 0x7000, 10), "1 = 10");
}

static void test_return_without_an_entry_is_marked_and_counted(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	assert_string_equal(leave(f, 0x7000, 10), "? = 10");
	assert_int_equal(f->vm.entry_missed[3], 1);
	enter(f, 0x7000, 1);
	assert_string_equal(leave(f, 0x7008, 10), "? = 10");
	assert_string_equal(leave(f, 0x7000, 10), "1 = 10");
	assert_string_equal(leave(f, 0x7000, 10), "? = 10");
	assert_int_equal(f->vm.entry_missed[3], 3);
}

static void test_map_that_is_busy_never_gives_values_of_another_call(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	enter(f, 0x7000, 1);
	f->vm.kept_busy = 1;
	assert_string_equal(leave(f, 0x7000, 10), "1 = 10");
	/* It is still there. */
	assert_int_equal(count_kept(f), 1);
	assert_string_equal(leave(f, 0x7000, 10), "? = 10");
	enter(f, 0x7000, 2);
	assert_string_equal(leave(f, 0x7000, 20), "2 = 20");
	enter(f, 0x6000, 3);
	assert_string_equal(leave(f, 0x6000, 30), "? = 30");
	assert_int_equal(f->vm.entry_missed[3], 2);
}

static void test_predicate_and_latency_take_what_was_kept(void **state)
{
	struct fixture *f = *state;

	compile(f,
		"r:c:f(int n) (n > 5 && (int)retval < 0) \"%d %d %T %d\", n, retval, $latency, $latency",
		GENERATE_FRAME_STACK);
	f->vm.now = 1000;
	enter(f, 0x7000, 6);
	f->vm.now = 3500;
	assert_string_equal(leave(f, 0x7000, (uint64_t)-1), "6 -1 2.500 us 2500");
	enter(f, 0x7000, 5);
	assert_null(leave(f, 0x7000, (uint64_t)-1));
	enter(f, 0x7000, 6);
	assert_null(leave(f, 0x7000, 1));
	assert_null(leave(f, 0x7000, (uint64_t)-1));
	/* The last call has been forgotten: that isn't the predicate's fault. */
	assert_int_equal(f->vm.unreadable[3], 0);
	assert_int_equal(f->vm.entry_missed[3], 1);
}

static void test_calls_are_counted_before_all_filters(void **state)
{
	struct fixture *f = *state;

	f->counts_calls = true;
	compile(f, "r:c:f (retval > 100) \"%d\", retval", GENERATE_FRAME_STACK);
	for (uint64_t i = 0; i < 3; i++)
		enter(f, 0x7000, i);
	assert_null(leave(f, 0x7000, 1));
	assert_string_equal(leave(f, 0x7000, 101), "101");
	assert_int_equal(f->vm.calls[6], 3);
	assert_int_equal(f->vm.calls[7], 2);
}

static void test_no_program_runs_within_another_by_fentry(void **state)
{
	struct fixture *f = *state;

	f->is_guarded = true;
	compile(f, "r:c:f \"%d %T\", retval, $latency", GENERATE_FRAME_CONTEXT);
	f->vm.busy[0] = 1;
	enter(f, 0x7000, 1);
	assert_null(leave(f, 0x7000, 1));
	assert_int_equal(f->vm.busy[4], 2);
	assert_int_equal(f->vm.busy[0], 1);
	assert_int_equal(count_kept(f), 0);
	f->vm.busy[0] = 0;
	enter(f, 0x7000, 1);
	assert_int_equal(f->vm.busy[0], 0);
	assert_int_equal(count_kept(f), 1);
}

static void test_other_programs_only_say_that_they_run(void **state)
{
	struct fixture *f = *state;

	f->is_guarded = true;
	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_STACK);
	f->vm.busy[0] = 1;
	enter(f, 0x7000, 1);
	assert_string_equal(leave(f, 0x7000, 2), "1 = 2");
	assert_int_equal(f->vm.busy[0], 1);
	assert_int_equal(f->vm.busy[4], 0);
}

static void test_without_a_format_result_and_time_are_printed(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f(int a, char *name)", GENERATE_FRAME_STACK);
	f->vm.now = 5000000000;
	run(f, &f->entry,
	    &(struct regs){ .sp = 0x7000, .di = (uint64_t)-7, .si = (uint64_t) "x\ny" });
	f->vm.now = 8250000000;
	assert_string_equal(leave(f, 0x7000, 255), "(a=-7, name=\"x\\ny\") = 0xff <3.250 s>");
	assert_string_equal(leave(f, 0x7000, 255), "(a=?, name=?) = 0xff <?>");
}

static void test_context_or_nothing_can_be_the_frame(void **state)
{
	struct fixture *f = *state;
	struct regs one = { .di = 1 }, other = { .di = 2 };

	compile(f, "r:c:f \"%d\", arg1", GENERATE_FRAME_CONTEXT);
	run(f, &f->entry, &one);
	run(f, &f->entry, &other);
	run(f, &f->leave, &one);
	assert_int_equal(*(uint64_t *)(f->vm.record + f->record.fields[0].offset), 1);
	run(f, &f->leave, &other);
	assert_int_equal(*(uint64_t *)(f->vm.record + f->record.fields[0].offset), 2);
	code_program_free(&f->entry);
	code_program_free(&f->leave);
	compile(f, "r:c:f \"%d\", arg1", GENERATE_FRAME_NONE);
	enter(f, 0x7000, 5);
	assert_string_equal(leave(f, 0x1000, 0), "5");
}

static void test_return_instructions_have_the_frame_of_the_entry(void **state)
{
	struct fixture *f = *state;

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_SITE);
	enter(f, 0x7000, 1);
	enter(f, 0x6000, 2);
	/* Nothing has been popped yet. */
	assert_string_equal(leave(f, 0x6000 - 8, 20), "2 = 20");
	assert_string_equal(leave(f, 0x7000 - 8, 10), "1 = 10");
}

/* The goroutine goes on in another thread, and its stack has moved in between. */
static void test_goroutines_are_followed_when_they_move(void **state)
{
	struct fixture *f = *state;
	uint64_t g[4] = { 0x10000, 0x20000 }, other[4] = { 0x10000, 0x20000 };

	compile(f, "r:c:f \"%d = %d\", arg1, retval", GENERATE_FRAME_GO);
	run(f, &f->entry, &(struct regs){ .sp = 0x20000 - 0x80, .ax = 3, .r14 = (uint64_t)g });
	run(f, &f->entry, &(struct regs){ .sp = 0x20000 - 0x80, .ax = 4, .r14 = (uint64_t)other });
	f->vm.pid_tgid++;
	g[0] = 0x50000;
	g[1] = 0x70000;
	run(f, &f->leave, &(struct regs){ .sp = 0x70000 - 0x80, .ax = 30, .r14 = (uint64_t)g });
	assert_int_equal(*(uint64_t *)(f->vm.record + f->record.fields[0].offset), 3);
	assert_int_equal(f->vm.entry_missed[3], 0);
	/* No goroutine at all: nothing is kept, nothing found. */
	run(f, &f->entry, &(struct regs){ .sp = 0x20000, .ax = 3, .r14 = 8 });
	assert_int_equal(count_kept(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recursive_calls_return_with_their_own_values,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_on_the_same_addresses_are_told_apart,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_call_left_by_a_jump_does_not_poison_the_next,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_return_without_an_entry_is_marked_and_counted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_map_that_is_busy_never_gives_values_of_another_call, setup, teardown),
		cmocka_unit_test_setup_teardown(test_predicate_and_latency_take_what_was_kept,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls_are_counted_before_all_filters, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_program_runs_within_another_by_fentry,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_programs_only_say_that_they_run, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_without_a_format_result_and_time_are_printed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_context_or_nothing_can_be_the_frame, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_return_instructions_have_the_frame_of_the_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goroutines_are_followed_when_they_move, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
