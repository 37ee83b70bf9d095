/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Generated programs, run by an interpreter: values against the C compiler's, records, errors.
 */
#include <array_size.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf_vm.h"
#include "lib/output.h"
#include "lib/stack.h"
#include "probe/check/check.h"
#include "probe/record/aggregate.h"
#include "probe/record/record_format.h"
#include "types/arena.h"
#include "probe/generate/generate.h"
#include "probe/spec/parse.h"

/* struct pt_regs of x86_64, by name, as the probe finds them. */
struct regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
		flags, sp, ss;
};

/* A compiled spec and where it runs. */
struct fixture {
	struct arena *arena;
	struct checked *checked;
	struct record record;
	struct code_program program;
	struct record_text text;
	struct regs regs;
	struct vm vm;
	bool is_binary; /* as with -B */
};

static void compile_measure(struct fixture *f, const char *text, const struct choice *choice,
			    const struct record_opts *record_opts, enum aggregate aggregate,
			    const char *measure)
{
	static const struct probe_context context = { .kind = SPEC_ENTRY,
						      .machine = EM_X86_64,
						      .string_size = 80 };
	static const struct choice everybody = { .uid = CHOICE_ANY_UID };
	struct filter filter = FILTER_CLOSED;
	struct generate_opts opts = { .filter = &filter };
	struct diag diag = {};
	struct spec *spec;
	int err;

	opts.ring_fd = VM_RING_FD;
	opts.ctl_fd = VM_CTL_FD;
	opts.lost_fd = VM_LOST_FD;
	opts.unreadable_fd = VM_UNREADABLE_FD;
	opts.scratch_fd = VM_SCRATCH_FD;
	opts.overflow_fd = VM_OVERFLOW_FD;
	opts.aggregate_fd = VM_AGGREGATE_FD;
	filter_fill_config(&filter.config, choice ?: &everybody);
	opts.probe = 2;
	opts.place = 77;
	f->arena = arena_new();
	assert_non_null(f->arena);
	err = parse_spec(f->arena, text, &spec, &diag);
	if (!err) {
		spec->aggregate = aggregate;
		spec->adds_up = aggregate != AGGREGATE_NONE;
	}
	if (!err && f->is_binary)
		err = parse_binary_literals(spec, &diag);
	if (!err && measure)
		err = parse_expr(f->arena, measure, &spec->measure, &diag);
	if (!err)
		err = check_spec(spec, &context, &f->checked, &diag);
	if (!err)
		err = record_layout(f->checked, record_opts, &f->record);
	f->vm.key_size = f->record.key_size = (f->record.max_size + 7) & ~7u;
	if (!err)
		err = generate_program(&f->record, &opts, &f->program, &diag);
	if (err)
		fail_msg("%s: %s", text, diag.text);
}

static void compile_record(struct fixture *f, const char *text, const struct choice *choice,
			   const struct record_opts *record_opts)
{
	compile_measure(f, text, choice, record_opts, AGGREGATE_NONE, NULL);
}

static void compile_with(struct fixture *f, const char *text, const struct choice *choice,
			 uint32_t string_size)
{
	compile_record(f, text, choice, &(struct record_opts){ .string_size = string_size });
}

static void compile(struct fixture *f, const char *text)
{
	compile_with(f, text, NULL, 80);
}

static void run(struct fixture *f)
{
	f->vm.comm = f->vm.comm ? f->vm.comm : "victim";
	f->vm.pid_tgid = 4711ull << 32 | 4712;
	vm_run(&f->vm, f->program.insns, f->program.len, &f->regs);
	if (f->vm.error) {
		code_program_print(&f->program, stderr);
		fail_msg("%s", f->vm.error);
	}
}

static const char *message(struct fixture *f)
{
	struct record_view view;

	assert_int_equal(f->vm.submitted, 1);
	assert_int_equal(record_view_open(&f->record, f->vm.record, f->vm.record_size, &view), 0);
	assert_int_equal(view.place, 77);
	assert_int_equal(view.tgid, 4711);
	assert_int_equal(view.pid, 4712);
	assert_string_equal(view.comm, f->vm.comm);
	assert_int_equal(record_format(&view, NULL, &f->text), 0);
	return f->text.text;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return !*state;
}

static void release(struct fixture *f)
{
	code_program_free(&f->program);
	arena_free(f->arena);
	f->arena = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	release(f);
	record_text_free(&f->text);
	free(f);
	return 0;
}

/* ---- values --------------------------------------------------------------------------------- */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define SIGNATURE "(int a, unsigned int b, long c, unsigned long d, short e, unsigned char f) "

/* The same text, compiled by us and by the C compiler. */
/* clang-format off */
#define EXPRESSIONS(X) \
	X(a) X(b) X(c) X(d) X(e) X(f) X(-a) X(~b) X(!c) X(!!d) X(-e) X(~f) \
	X(a + b) X(a + c) X(a - b) X(b - a) X(a * b) X(a * c) X(c * d) X(e * f) X(a + 1) X(b - 1) \
	X(a & 0xff) X(a | b) X(a ^ c) X(b & ~f) X(c >> 3) X(d >> 3) X(a >> 2) X(b >> 2) X(e >> 1) \
	X(a << 3) X(b << 5) X(c << 7) X(f << 24) X(e << 2) \
	X(a < b) X(a < c) X(c < d) X(e < f) X(a > -1) X(b > -1) X(d > -1) X(c > -1) X(a <= e) X(b >= f) \
	X(a == b) X(a != c) X(a == -1) X(b == -1) X(b == 0xffffffff) X(d == 0xffffffffffffffff) \
	X(a && b) X(a || b) X(!a && c) X((a > 0) + (b > 0) + (c > 0)) \
	X(a ? b : c) X(a > 0 ? a : -a) X(e ? e : f) X(a < 0 ? 1 : 2) \
	X((s8)a) X((u8)a) X((s16)b) X((u16)c) X((s32)c) X((u32)c) X((u64)a) X((s64)b) X((u64)e) X((u32)e) \
	X((s8)a + (u8)b) X((u8)(a + b)) X((s16)(a * e)) \
	X(a / 7) X(b / 7) X(c / 7) X(d / 7) X(a % 7) X(b % 7) X(c % -7) X(d % 7) X(a / -3) X(c / -3) \
	X(e / 3) X(f % 3) X(a / (f | 1)) X(c % (e | 1)) X(d / (b | 1)) X(-a / (e | 1)) \
	X(((a + b) * (c - d) ^ (e << 3)) + ((a - e) * (b + f) | (c & d)) - ((a ^ b) * (c ^ d))) \
	X((a+(b+(c+(d+(e+(f+(a*(b+(c*(d+(e*(f+1))))))))))))) \
	X(((a*b+c*d)*(e*f+a*c)+(b*d+e*a)*(f*b+c*e))*((a+b)*(c+d)+(e+f)*(a+d))) \
	X(((((a+1)*(b+2)+(c+3)*(d+4))*((e+5)*(f+6)+(a+7)*(b+8))+((c+9)*(d+10)+(e+11)*(f+12))*((a+13)*(b+14)+(c+15)*(d+16)))*((((e+17)*(f+18)+(a+19)*(b+20))*((c+21)*(d+22)+(e+23)*(f+24))+((a+25)*(b+26)+(c+27)*(d+28))*((e+29)*(f+30)+(a+31)*(b+32)))))) \
	X((a > 0 && b > 1) || (c < 0 && (d || e)) || !f) X(a > 0 && (b > 10 || c > 10) && !(d & 1)) \
	X(sizeof(int) + a) X(-1 < 0u) X(a < 0u) X((u8)200 + (u8)100 + f) X(~0ull >> 60) X(c > 0 ? d : (u64)e)
/* clang-format on */

struct sample {
	int a;
	unsigned int b;
	long c;
	unsigned long d;
	short e;
	unsigned char f;
};

#define NAME(expr) #expr,
#define VALUE(expr)               \
	case __COUNTER__ - FIRST: \
		return (u64)(expr);
static const char *const expressions[] = { EXPRESSIONS(NAME) };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wparentheses"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wbool-operation"
#pragma GCC diagnostic ignored "-Wextra"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wtautological-compare"
#pragma GCC diagnostic ignored "-Wconstant-logical-operand"
#endif
enum { FIRST = __COUNTER__ + 1 };
/* Signed overflow is the expressions' own: the tests are compiled with -fwrapv in effect by this attribute. */
__attribute__((no_sanitize("undefined"), optimize("wrapv"))) static u64
value_by_compiler(int which, const struct sample *s)
{
	int a = s->a;
	unsigned int b = s->b;
	long c = s->c;
	unsigned long d = s->d;
	short e = s->e;
	unsigned char f = s->f;

	switch (which) {
		EXPRESSIONS(VALUE)
	}
	return 0;
}
#pragma GCC diagnostic pop

static void test_expressions_have_the_values_that_c_gives_them(void **state)
{
	static const struct sample samples[] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 1, 2, 3, 4, 5, 6 },
		{ -1, 0xffffffff, -1, -1ul, -1, 255 },
		{ -5, 7, -9, 11, -13, 15 },
		{ 2147483647, 2147483648u, 9223372036854775807l, 9223372036854775808ul, 32767,
		  128 },
		{ -2147483647, 1, -9223372036854775807l, 1, -32768, 1 },
		{ 123456789, 3987654321u, -1234567890123l, 9876543210987654321ul, -12345, 200 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		char spec[2048];

		snprintf(spec, sizeof(spec), "x:f" SIGNATURE "\"%%lld\", (long long)(%s)",
			 expressions[i]);
		compile(f, spec);
		for (size_t n = 0; n < ARRAY_SIZE(samples); n++) {
			const struct sample *s = &samples[n];
			char expected[32];

			/* Whatever is above an argument's width in its register is not its value. */
			f->regs = (struct regs){ .di = 0xabcd000000000000 | (u32)s->a,
						 .si = 0x1234567800000000 | s->b,
						 .dx = s->c,
						 .cx = s->d,
						 .r8 = 0x7777777777770000 | (u16)s->e,
						 .r9 = 0x6666666666666600 | s->f };
			run(f);
			snprintf(expected, sizeof(expected), "%lld", value_by_compiler((int)i, s));
			if (strcmp(message(f), expected))
				fail_msg("%s, sample %zu: %s, C says %s", expressions[i], n,
					 f->text.text, expected);
		}
		release(f);
	}
}

static void test_predicates_agree_with_c(void **state)
{
	struct fixture *f = *state;
	const struct sample s = { -3, 4000000000u, -77, 99, -5, 250 };

	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		char spec[2048];

		snprintf(spec, sizeof(spec), "x:f" SIGNATURE "(%s)", expressions[i]);
		compile(f, spec);
		f->regs = (struct regs){
			.di = (u64)s.a, .si = s.b, .dx = s.c, .cx = s.d, .r8 = s.e, .r9 = s.f
		};
		run(f);
		if (f->vm.submitted != !!value_by_compiler((int)i, &s))
			fail_msg("predicate %s", expressions[i]);
		release(f);
	}
}

static void test_expression_of_many_values_spills_and_is_right(void **state)
{
	struct fixture *f = *state;
	char spec[8192] = "x:f(long a, long b, long c) \"%ld\", ", *at = spec + strlen(spec);
	int depth = 40;

	/* Each level waits with a value that a read, which is a call, must not destroy. */
	for (int i = 0; i < depth; i++)
		at += sprintf(at, "(*(long *)b ^ (a + %d)) - (", i);
	at += sprintf(at, "c");
	for (int i = 0; i < depth; i++)
		at += sprintf(at, ")");
	compile(f, spec);
	assert_true(f->program.stack_size <= 512);

	long pointed = 0x1234567, c = 3, expected = c;

	for (int i = depth - 1; i >= 0; i--)
		expected = (pointed ^ (1000 + i)) - expected;
	f->regs = (struct regs){ .di = 1000, .si = (u64)&pointed, .dx = c };
	run(f);
	assert_int_equal(atol(message(f)), expected);
}

static void test_balanced_tree_of_reads_spills_and_is_right(void **state)
{
	struct fixture *f = *state;
	static const char leaf[] = "*(long *)(b + 8 * (a & 1))";
	long pointed[2] = { 5, 7 }, expected = 7 << 6;
	char spec[20000], *at = spec;

	/* 64 leaves: an opening parenthesis for each subtree that begins at one, a closing one where it ends. */
	at += sprintf(at, "x:f(long a, long b) \"%%ld\", ");
	for (int i = 0; i < 64; i++) {
		for (int half = 1; half < 64 && !(i & half); half *= 2)
			*at++ = '(';
		at += sprintf(at, "%s", leaf);
		for (int half = 1; half < 64 && i & half; half *= 2)
			*at++ = ')';
		*at++ = '+';
	}
	at[-1] = '\0';
	compile(f, spec);
	assert_true(f->program.spills > 0);
	f->regs = (struct regs){ .di = 1, .si = (u64)pointed };
	run(f);
	assert_int_equal(atol(message(f)), expected);
}

static void assemble_with_stack(struct fixture *f, unsigned int bytes)
{
	struct code *code = code_new();

	code_new_buffer(code, bytes);
	code_mov_imm(code, BPF_REG_0, 7);
	code_exit(code);
	code_program_free(&f->program);
	assert_int_equal(code_assemble(code, &f->program), 0);
	code_free(code);
}

static void test_program_with_much_stack_keeps_to_its_tasks_own(void **state)
{
	struct fixture *f = *state;
	unsigned int len;

	assemble_with_stack(f, 56);
	len = f->program.len;
	assert_int_equal(code_program_keep_task_stack(&f->program), 0);
	assert_int_equal(f->program.len, len);
	assemble_with_stack(f, 64);
	assert_int_equal(code_program_keep_task_stack(&f->program), 0);
	/* A tail call that is jumped over, then the program. */
	assert_int_equal(f->program.len, len + 3);
	assert_int_equal(f->program.insns[1].off, 1);
	assert_int_equal(f->program.insns[2].imm, BPF_FUNC_tail_call);
	assert_int_equal(f->program.insns[3].imm, 7);
}

/* ---- errors --------------------------------------------------------------------------------- */

static void test_unreadable_value_is_marked_not_zero(void **state)
{
	struct fixture *f = *state;
	long good = 42;

	compile(f, "x:f(long *p, long *q, char *s) \"%ld %ld %s|\", *p, *q, s");
	f->regs = (struct regs){ .di = 0, .si = (u64)&good, .dx = (u64) "text" };
	run(f);
	assert_string_equal(message(f), "? 42 text|");
	f->regs = (struct regs){ .di = (u64)&good, .si = 16, .dx = 8 };
	run(f);
	assert_string_equal(message(f), "42 ? ?|");
	/* The address of the first string is itself unreadable; the second one is there. */
	release(f);
	compile(f, "x:f \"%s %s|\", *(char **)arg1, arg2");
	f->regs = (struct regs){ .di = 16, .si = (u64) "text" };
	run(f);
	assert_string_equal(message(f), "? text|");
}

static void test_division_by_zero_has_no_value(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f(int a, int b) \"%d %d\", a / b, a % b");
	f->regs = (struct regs){ .di = 7, .si = 0 };
	run(f);
	assert_string_equal(message(f), "? ?");
	f->regs = (struct regs){ .di = (u64)-7, .si = 2 };
	run(f);
	assert_string_equal(message(f), "-3 -1");
}

static void test_predicate_that_cannot_be_read_is_counted(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f(int *p) (*p > 3)");
	f->regs = (struct regs){ .di = 8 };
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	assert_int_equal(f->vm.unreadable[2], 1);
	assert_int_equal(f->vm.lost[2], 0);
}

static void test_short_circuit_protects_the_right_side(void **state)
{
	struct fixture *f = *state;
	int four = 4;

	compile(f, "x:f(int *p) (p && *p == 4)");
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	assert_int_equal(f->vm.unreadable[2], 0);
	f->regs.di = (u64)&four;
	run(f);
	assert_int_equal(f->vm.submitted, 1);
}

static void test_full_buffer_is_counted_for_the_probe(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f \"%d\", arg1");
	f->vm.ring_full = 1;
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	assert_int_equal(f->vm.lost[2], 1);
	release(f);
	compile(f, "x:f \"%s\", arg1");
	f->regs.di = (u64) "text";
	run(f);
	assert_int_equal(f->vm.lost[2], 2);
	/* The scratch slot was given back. */
	assert_int_equal(*(u64 *)f->vm.scratch[0], 0);
}

static void test_scratch_slot_in_use_is_left_alone(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f \"%s\", arg1");
	f->regs.di = (u64) "text";
	*(u64 *)f->vm.scratch[0] = 1;
	run(f);
	assert_string_equal(message(f), "text");
	assert_int_equal(*(u64 *)f->vm.scratch[0], 1);
	assert_int_equal(*(u64 *)f->vm.scratch[1], 0);
	assert_memory_equal(f->vm.scratch[0] + 8, ((unsigned char[64]){}), 64);
	*(u64 *)f->vm.scratch[1] = *(u64 *)f->vm.scratch[2] = 1;
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	assert_int_equal(f->vm.lost[2], 1);
}

static void test_sleeping_consumer_is_woken_once(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f \"%d\", arg1");
	f->vm.waiting = 1;
	run(f);
	assert_int_equal(f->vm.wakeups, 1);
	assert_int_equal(f->vm.waiting, 0);
	run(f);
	assert_int_equal(f->vm.wakeups, 1);
}

/* ---- strings -------------------------------------------------------------------------------- */

static void test_strings_are_as_long_as_they_are(void **state)
{
	struct fixture *f = *state;
	size_t empty;

	compile(f, "x:f \"[%s] [%s] %d\", arg1, arg2, arg3");
	f->regs = (struct regs){ .di = (u64) "", .si = (u64) "", .dx = 5 };
	run(f);
	assert_string_equal(message(f), "[] [] 5");
	empty = f->vm.record_size;
	f->regs = (struct regs){ .di = (u64) "one\r\n", .si = (u64) "two\\", .dx = (u64)-5 };
	run(f);
	assert_string_equal(message(f), "[one\\r\\n] [two\\\\] -5");
	assert_int_equal(f->vm.record_size, empty + strlen("one\r\n") + strlen("two\\"));
}

static void test_string_that_just_fits_is_not_marked_as_cut(void **state)
{
	struct fixture *f = *state;

	compile_with(f, "x:f \"%s\", arg1", NULL, 5);
	f->regs.di = (u64) "12345";
	run(f);
	assert_string_equal(message(f), "12345");
	f->regs.di = (u64) "123456";
	run(f);
	assert_string_equal(message(f), "12345...");
	f->regs.di = (u64) "123456789012345";
	run(f);
	assert_string_equal(message(f), "12345...");
}

static void test_counted_string_takes_two_arguments(void **state)
{
	struct fixture *f = *state;

	compile_with(f, "x:f \"%.*s|\", arg1, arg2", NULL, 6);
	f->regs = (struct regs){ .di = 3, .si = (u64) "abcdef" };
	run(f);
	assert_string_equal(message(f), "abc|");
	f->regs = (struct regs){ .di = 3, .si = (u64) "a\0b" };
	run(f);
	assert_string_equal(message(f), "a\\x00b|");
	f->regs = (struct regs){ .di = 100, .si = (u64) "abcdefghijklmnop" };
	run(f);
	assert_string_equal(message(f), "abcdef...|");
	f->regs = (struct regs){ .di = (u32)-1, .si = (u64) "abc" };
	run(f);
	assert_string_equal(message(f), "|");
	f->regs = (struct regs){ .di = 2, .si = 1 };
	run(f);
	assert_string_equal(message(f), "?|");
}

static void test_strcmp_is_exact(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *text;
		int equal;
	} cases[] = { { "redis-server", 1 },  { "redis-serve", 0 },
		      { "redis-server2", 0 }, { "", 0 },
		      { "redis-servex", 0 },  { "Redis-server", 0 } };

	compile(f, "x:f (STRCMP(\"redis-server\", arg1)) \"%s\", arg1");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->regs.di = (u64)cases[i].text;
		run(f);
		assert_int_equal(f->vm.submitted, cases[i].equal);
	}
	release(f);
	compile(f, "x:f (!STRCMP(\"\", arg1) && STRCMP(\"victim\", $comm))");
	f->regs.di = (u64) "";
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	f->regs.di = (u64) "x";
	run(f);
	assert_int_equal(f->vm.submitted, 1);
}

static void test_strcmp_with_literals_of_different_length(void **state)
{
	struct fixture *f = *state;

	compile(f,
		"x:f (STRCMP(\"ab\", arg1) || STRCMP(\"a much longer literal than the first\", arg1)) "
		"\"%d\", STRCMP(\"an even longer literal than all of those in the predicate\", arg2)");
	f->regs = (struct regs){
		.di = (u64) "a much longer literal than the first",
		.si = (u64) "an even longer literal than all of those in the predicate"
	};
	run(f);
	assert_string_equal(message(f), "1");
	f->regs.si = (u64) "an even longer literal than all of those in the predicatE";
	run(f);
	assert_string_equal(message(f), "0");
	f->regs.di = (u64) "ab ";
	run(f);
	assert_int_equal(f->vm.submitted, 0);
}

/* ---- formats -------------------------------------------------------------------------------- */

static void test_binary_literals_compare_all_their_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool equal;
	} rows[] = {
		{ "l\0\0\xff", 4, true },
		{ "l\0\0\xff"
		  "more",
		  8, true },
		{ "l\0\0\0", 4, false },
		{ "l\0\1\xff", 4, false },
		{ "m\0\0\xff", 4, false },
	};
	struct fixture *f = *state;

	f->is_binary = true;
	compile(f, "x:f (STRCMP(\"{ 0x6C,0 , 0x00, -1}\", arg1))");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char bytes[8];

		memcpy(bytes, rows[i].bytes, rows[i].len);
		f->regs.di = (uint64_t)bytes;
		run(f);
		assert_int_equal(f->vm.submitted, rows[i].equal);
	}
}

static void test_binary_literal_that_is_none_is_refused(void **state)
{
	static const char *const literals[] = { "text",	  "{}",	   "{1",    "{1,}", "{256}",
						"{-129}", "{1} 2", "{1 2}", "",	    "{x}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
		struct arena *arena = arena_new();
		struct diag diag = {};
		struct spec *spec;
		char text[64];

		snprintf(text, sizeof(text), "x:f (!STRCMP(\"%s\", arg1))", literals[i]);
		assert_int_equal(parse_spec(arena, text, &spec, &diag), 0);
		assert_int_equal(parse_binary_literals(spec, &diag), -EINVAL);
		assert_int_equal(diag.column, 14);
		arena_free(arena);
	}
}

static void test_formats_have_width_and_flags(void **state)
{
	struct fixture *f = *state;

	compile(f,
		"x:f \"[%5d] [%-5d] [%05d] [%+d] [%x] [%#x] [%8s] [%-8s] [%.2s] [%c] %%\", arg1, arg1, "
		"arg1, arg1, arg1, arg1, arg2, arg2, arg2, arg3");
	f->regs = (struct regs){ .di = 42, .si = (u64) "text", .dx = 'Q' };
	run(f);
	assert_string_equal(
		message(f),
		"[   42] [42   ] [00042] [+42] [2a] [0x2a] [    text] [text    ] [te] [Q] %");
}

static void test_untyped_argument_is_as_wide_as_its_format(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f \"%d %u %hd %hhu %ld %lx\", arg1, arg1, arg1, arg1, arg1, arg1");
	f->regs.di = 0xfffffffffffffffeull;
	run(f);
	assert_string_equal(message(f), "-2 4294967294 -2 254 -2 fffffffffffffffe");
}

static void test_declared_type_is_printed_whole(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f(size_t n, long m) \"%d %d\", n, m");
	f->regs = (struct regs){ .di = 3000000000ull, .si = (u64)-3000000000ll };
	run(f);
	assert_string_equal(message(f), "3000000000 -3000000000");
}

/* ---- filters -------------------------------------------------------------------------------- */

static int passes(struct fixture *f, const struct choice *choice)
{
	compile_with(f, "x:f", choice, 80);
	run(f);
	release(f);
	return f->vm.submitted;
}

static void test_filters_let_through_what_they_should(void **state)
{
	struct fixture *f = *state;

	f->vm.uid_gid = 7ull << 32 | 3000000000u;
	assert_int_equal(passes(f, &(struct choice){ .uid = -1 }), 1);
	assert_int_equal(passes(f, &(struct choice){ .uid = -1, .pids = { 4711 }, .pid_count = 1 }),
			 1);
	assert_int_equal(passes(f, &(struct choice){ .uid = -1, .pids = { 4712 }, .pid_count = 1 }),
			 0);
	assert_int_equal(
		passes(f, &(struct choice){ .uid = -1, .pids = { 1, 4711, 5 }, .pid_count = 3 }),
		1);
	assert_int_equal(
		passes(f, &(struct choice){ .uid = -1, .pids = { 1, 2, 4711 }, .pid_count = 3 }),
		1);
	assert_int_equal(
		passes(f, &(struct choice){ .uid = -1, .pids = { 1, 2, 3 }, .pid_count = 3 }), 0);
	assert_int_equal(passes(f, &(struct choice){ .uid = -1, .tid = 4712 }), 1);
	assert_int_equal(passes(f, &(struct choice){ .uid = -1, .tid = 4711 }), 0);
	assert_int_equal(passes(f, &(struct choice){ .uid = 3000000000u }), 1);
	assert_int_equal(passes(f, &(struct choice){ .uid = 7 }), 0);
	assert_int_equal(passes(f, &(struct choice){ .uid = 0 }), 0);
}

static void test_the_tool_itself_is_not_traced(void **state)
{
	static const struct choice everybody = { .uid = CHOICE_ANY_UID };
	struct fixture *f = *state;

	f->vm.pid_tgid = (uint64_t)getpid() << 32 | 1;
	f->vm.comm = "tool";
	compile_with(f, "x:f", &everybody, 80);
	vm_run(&f->vm, f->program.insns, f->program.len, &f->regs);
	assert_int_equal(f->vm.submitted, 0);
	release(f);
}

/* Every part of every name, and what is none. */
static void test_name_filter_finds_the_text_anywhere(void **state)
{
	static const char *const names[] = { "a", "redis-server", "kworker/u8:3-ev",
					     "0123456789abcde", "aaaaaaaaaaaaaab" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		f->vm.comm = names[i];
		for (size_t start = 0; start < len; start++) {
			for (size_t count = 1; start + count <= len; count++) {
				char part[16] = "";

				memcpy(part, names[i] + start, count);
				assert_int_equal(passes(f, &(struct choice){ .uid = -1,
									     .names = { part },
									     .name_count = 1 }),
						 1);
				part[count - 1] ^= 0x80;
				assert_int_equal(passes(f, &(struct choice){ .uid = -1,
									     .names = { part },
									     .name_count = 1 }),
						 0);
			}
		}
	}
	f->vm.comm = "second";
	assert_int_equal(
		passes(f,
		       &(struct choice){ .uid = -1, .names = { "first", "eco" }, .name_count = 2 }),
		1);
	f->vm.comm = "ab";
	assert_int_equal(
		passes(f, &(struct choice){ .uid = -1, .names = { "abc" }, .name_count = 1 }), 0);
	assert_int_equal(passes(f, &(struct choice){ .uid = -1,
						     .names = { "abcdefghijklmno" },
						     .name_count = 1 }),
			 0);
}

static void test_builtins_have_their_values(void **state)
{
	struct fixture *f = *state;

	compile(f, "x:f \"%d %d %d %d %d %s %lld\", $pid, $tgid, $uid, $gid, $cpu, $comm, $nsecs");
	f->vm.uid_gid = 7ull << 32 | 9;
	f->vm.cpu = 3;
	run(f);
	assert_string_equal(message(f), "4712 4711 9 7 3 victim 1234567890123456789");
}

/* Random bytes as a record: refused or printed, never read past the end. */
static void open_record(struct fixture *f, struct record_view *view)
{
	assert_int_equal(f->vm.submitted, 1);
	assert_int_equal(record_view_open(&f->record, f->vm.record, f->vm.record_size, view), 0);
}

static const struct record_opts with_stacks = { .string_size = 80,
						.stacks = { true, true },
						.stack_depth = 4 };

static void test_stacks_follow_the_strings_as_long_as_they_are(void **state)
{
	struct fixture *f = *state;
	uint64_t addrs[STACK_MAX_DEPTH + 1], sp[] = { 0x66 };
	struct record_view view;
	struct stack stack;

	compile_record(f, "p:a:f \"%s %d\", arg1, arg2", NULL, &with_stacks);
	f->regs.di = (uint64_t) "text";
	f->regs.sp = (uint64_t)sp;
	memcpy(f->vm.stack[0], (uint64_t[]){ 0xa1, 0xa2, 0xa3, 0 }, 32);
	memcpy(f->vm.stack[1], (uint64_t[]){ 0x55, 0x77, 0 }, 24);
	run(f);
	assert_string_equal(message(f), "text 0");
	open_record(f, &view);
	assert_int_equal(view.size, f->record.fixed_size + 5 + 24 + 16);
	assert_int_equal(record_view_stack(&view, RECORD_KERNEL_STACK, addrs, &stack), 0);
	assert_int_equal(stack.tgid, 0);
	assert_int_equal(stack.count, 3);
	assert_int_equal(addrs[2], 0xa3);
	assert_false(stack.is_cut);
	/* The caller, which frame pointers don't tell at a function's entry. */
	assert_int_equal(record_view_stack(&view, RECORD_USER_STACK, addrs, &stack), 0);
	assert_int_equal(stack.tgid, 4711);
	assert_int_equal(stack.count, 3);
	assert_memory_equal(addrs, ((uint64_t[]){ 0x55, 0x66, 0x77 }), 24);
	assert_true(stack.first_is_exact);
}

static void test_caller_that_the_kernel_found_is_not_doubled(void **state)
{
	struct fixture *f = *state;
	uint64_t addrs[STACK_MAX_DEPTH + 1], sp[] = { 0x66 };
	struct record_view view;
	struct stack stack;

	compile_record(f, "p:a:f", NULL, &with_stacks);
	f->regs.sp = (uint64_t)sp;
	memcpy(f->vm.stack[1], (uint64_t[]){ 0x55, 0x66, 0x77, 0x88, 0x99, 0 }, 48);
	run(f);
	open_record(f, &view);
	assert_int_equal(record_view_stack(&view, RECORD_USER_STACK, addrs, &stack), 0);
	assert_memory_equal(addrs, ((uint64_t[]){ 0x55, 0x66, 0x77, 0x88 }), 32);
	assert_int_equal(stack.count, 4);
	assert_true(stack.is_cut);
}

static void test_stack_that_could_not_be_walked_says_why(void **state)
{
	struct fixture *f = *state;
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	struct record_view view;
	struct stack stack;

	compile_record(f, "r:a:f \"%d\", retval", NULL, &with_stacks);
	f->vm.stack_error = -EFAULT;
	run(f);
	open_record(f, &view);
	for (enum record_stack i = 0; i < RECORD_STACKS; i++) {
		assert_int_equal(record_view_stack(&view, i, addrs, &stack), 0);
		assert_int_equal(stack.err, EFAULT);
		assert_int_equal(stack.count, 0);
		assert_false(stack.first_is_exact);
	}
}

/* What the values of the map's i-th key are, as a message would say them. */
static const char *key_text(struct fixture *f, uint32_t i)
{
	struct record_view view;

	assert_in_range(i, 0, f->vm.key_count - 1);
	assert_int_equal(record_view_open(&f->record, f->vm.keys[i], f->vm.key_size, &view), 0);
	assert_string_equal(view.comm, "");
	assert_int_equal(record_format(&view, NULL, &f->text), 0);
	return f->text.text;
}

static void test_hits_are_counted_by_their_values(void **state)
{
	static const char *const names[] = { "pear", "a", "pear", "pearl", "a" };
	struct fixture *f = *state;

	compile_measure(f, "x:f \"%s %d\", arg1, arg2", NULL,
			&(struct record_opts){ .string_size = 80 }, AGGREGATE_COUNT, NULL);
	f->vm.max_keys = VM_MAX_KEYS;
	for (int i = 0; i < 5; i++) {
		f->regs.di = (uint64_t)names[i];
		f->regs.si = i == 4;
		f->vm.comm = i % 2 ? "one" : "two";
		run(f);
		assert_int_equal(f->vm.submitted, 0);
	}
	assert_int_equal(f->vm.key_count, 4);
	assert_string_equal(key_text(f, 0), "pear 0");
	assert_int_equal(f->vm.values[0][0], 2);
	assert_string_equal(key_text(f, 3), "a 1");
	assert_int_equal(f->vm.values[3][0], 1);
}

static void test_sums_have_their_counts(void **state)
{
	struct fixture *f = *state;

	compile_measure(f, "x:f(int a)", NULL, &(struct record_opts){ .string_size = 80 },
			AGGREGATE_SUM, "a * 2");
	f->vm.max_keys = VM_MAX_KEYS;
	for (int i = 0; i < 3; i++) {
		f->regs.di = (uint32_t)(i - 10);
		run(f);
	}
	assert_int_equal(f->vm.key_count, 1);
	assert_int_equal(f->vm.values[0][0], 3);
	assert_int_equal(f->vm.values[0][1], (uint64_t)-54);
}

static void test_powers_of_two_have_their_buckets(void **state)
{
	struct fixture *f = *state;
	uint64_t expected[AGGREGATE_BUCKETS] = {};

	compile_measure(f, "x:f(long a)", NULL, &(struct record_opts){ .string_size = 80 },
			AGGREGATE_HIST, "a");
	f->vm.max_keys = VM_MAX_KEYS;
	for (int bit = 0; bit < 64; bit++) {
		/* The first and the last number of a bucket; the highest is negative. */
		for (int last = 0; last < 2; last++) {
			f->regs.di = last ? (1ull << bit) - 1 + (1ull << bit) : 1ull << bit;
			run(f);
			expected[bit == 63 ? 0 : bit + 2]++;
		}
	}
	f->regs.di = 0;
	run(f);
	expected[1]++;
	assert_memory_equal(f->vm.values[0], expected, sizeof(expected));
}

static void test_key_that_has_no_room_is_counted(void **state)
{
	struct fixture *f = *state;

	compile_measure(f, "x:f \"%d\", arg1", NULL, &(struct record_opts){ .string_size = 80 },
			AGGREGATE_COUNT, NULL);
	f->vm.max_keys = 2;
	for (int i = 0; i < 9; i++) {
		f->regs.di = i % 3;
		run(f);
	}
	assert_int_equal(f->vm.key_count, 2);
	assert_int_equal(f->vm.values[0][0] + f->vm.values[1][0], 6);
	assert_int_equal(f->vm.overflow[2], 3);
	assert_int_equal(*(uint64_t *)f->vm.scratch[0], 0);
}

static void test_measure_that_cannot_be_read_is_not_added(void **state)
{
	struct fixture *f = *state;

	compile_measure(f, "x:f", NULL, &(struct record_opts){ .string_size = 80 }, AGGREGATE_SUM,
			"*(int *)arg1");
	f->vm.max_keys = 2;
	f->regs.di = 16;
	run(f);
	assert_int_equal(f->vm.key_count, 0);
	assert_int_equal(f->vm.unreadable[2], 1);
}

static void test_new_key_with_a_user_stack_is_announced_once(void **state)
{
	struct fixture *f = *state;
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	struct record_view view;
	struct stack stack;

	compile_measure(f, "u:x:f", NULL, &with_stacks, AGGREGATE_COUNT, NULL);
	f->vm.max_keys = VM_MAX_KEYS;
	memcpy(f->vm.stack[1], (uint64_t[]){ 0x55, 0x66, 0x77, 0 }, 32);
	run(f);
	open_record(f, &view);
	assert_int_equal(view.tgid, 4711);
	assert_int_equal(record_view_stack(&view, RECORD_USER_STACK, addrs, &stack), 0);
	assert_int_equal(stack.count, 3);
	run(f);
	assert_int_equal(f->vm.submitted, 0);
	/* A shorter one leaves nothing of the longer one behind. */
	memcpy(f->vm.stack[1], (uint64_t[]){ 0x55, 0 }, 16);
	run(f);
	run(f);
	assert_int_equal(f->vm.key_count, 2);
	assert_int_equal(f->vm.values[0][0], 2);
	assert_int_equal(f->vm.values[1][0], 2);
}

static void test_any_bytes_are_taken_for_a_record_without_harm(void **state)
{
	struct fixture *f = *state;
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	unsigned char *bytes;
	struct record_view view;
	struct stack stack;

	compile_record(f, "x:f \"%s %d %.*s %c\", arg1, arg2, arg3, arg4, arg5", NULL,
		       &with_stacks);
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t size = rand() % 300;

		bytes = malloc(size + !size);
		for (size_t i = 0; i < size; i++)
			bytes[i] = rand() % 3 ? rand() : 0;
		if (!record_view_open(&f->record, bytes, size, &view)) {
			record_format(&view, NULL, &f->text);
			record_view_stack(&view, RECORD_KERNEL_STACK, addrs, &stack);
			record_view_stack(&view, RECORD_USER_STACK, addrs, &stack);
		}
		free(bytes);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_expressions_have_the_values_that_c_gives_them),
		TEST(test_predicates_agree_with_c),
		TEST(test_expression_of_many_values_spills_and_is_right),
		TEST(test_balanced_tree_of_reads_spills_and_is_right),
		TEST(test_program_with_much_stack_keeps_to_its_tasks_own),
		TEST(test_unreadable_value_is_marked_not_zero),
		TEST(test_division_by_zero_has_no_value),
		TEST(test_predicate_that_cannot_be_read_is_counted),
		TEST(test_short_circuit_protects_the_right_side),
		TEST(test_full_buffer_is_counted_for_the_probe),
		TEST(test_scratch_slot_in_use_is_left_alone),
		TEST(test_sleeping_consumer_is_woken_once),
		TEST(test_strings_are_as_long_as_they_are),
		TEST(test_string_that_just_fits_is_not_marked_as_cut),
		TEST(test_counted_string_takes_two_arguments),
		TEST(test_strcmp_is_exact),
		TEST(test_strcmp_with_literals_of_different_length),
		TEST(test_binary_literals_compare_all_their_bytes),
		TEST(test_binary_literal_that_is_none_is_refused),
		TEST(test_formats_have_width_and_flags),
		TEST(test_untyped_argument_is_as_wide_as_its_format),
		TEST(test_declared_type_is_printed_whole),
		TEST(test_filters_let_through_what_they_should),
		TEST(test_the_tool_itself_is_not_traced),
		TEST(test_name_filter_finds_the_text_anywhere),
		TEST(test_builtins_have_their_values),
		TEST(test_stacks_follow_the_strings_as_long_as_they_are),
		TEST(test_caller_that_the_kernel_found_is_not_doubled),
		TEST(test_stack_that_could_not_be_walked_says_why),
		TEST(test_hits_are_counted_by_their_values),
		TEST(test_sums_have_their_counts),
		TEST(test_powers_of_two_have_their_buckets),
		TEST(test_key_that_has_no_room_is_counted),
		TEST(test_measure_that_cannot_be_read_is_not_added),
		TEST(test_new_key_with_a_user_stack_is_announced_once),
		TEST(test_any_bytes_are_taken_for_a_record_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
