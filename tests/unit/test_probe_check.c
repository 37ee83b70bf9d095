/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From names to meanings: the typed trees that C's rules give at each kind of probe, and every error.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"
#include "probe/check/check.h"
#include "probe/spec/parse.h"
#include "probe_print.h"

/* The places that the specs below are checked at. */
enum place {
	USER,	/* p: and r: on x86_64 */
	ARM,	/* p: and r: on arm64 */
	KERNEL, /* p: and r: of the kernel on x86_64 */
	USDT,
	EVENT,	 /* t:, pointers to kernel memory */
	SYSCALL, /* t:, pointers to user memory */
	TYPED,	 /* t: with structures, arrays and bit-fields as BTF will give them */
};

static const char usdt_text[] = "8@%rdi -4@%eax -8@8(%rsp) 1@$5 8f@%xmm0 2@%ax";

static const char event_text[] =
	"name: example\n"
	"ID: 315\n"
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
	"\n"
	"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
	"\tfield:int __syscall_nr;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:int dfd;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\tfield:const char * filename;\toffset:40;\tsize:8;\tsigned:0;\n"
	"\tfield:__data_loc char[] path;\toffset:48;\tsize:4;\tsigned:0;\n"
	"\tfield:__rel_loc char[] rel;\toffset:52;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned long args[6];\toffset:56;\tsize:48;\tsigned:0;\n"
	"\tfield:dev_t dev;\toffset:104;\tsize:4;\tsigned:0;\n"
	"\tfield:struct sock * sk;\toffset:112;\tsize:8;\tsigned:0;\n"
	"\tfield:u8 mac[6];\toffset:120;\tsize:6;\tsigned:0;\n"
	"\tfield:bool flag;\toffset:126;\tsize:1;\tsigned:0;\n"
	"\tfield:enum tcp_state state;\toffset:128;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned int * uptr;\toffset:136;\tsize:8;\tsigned:0;\n"
	"\tfield:struct in6_addr addr;\toffset:144;\tsize:16;\tsigned:0;\n";

/* struct node { int id; unsigned char tag; struct { short x, y; }; struct node *next; int v[2][3];
 *		 unsigned f3:3; int s5:5; unsigned f32:32; unsigned long l40:40; float f; } */
static struct type node = { .kind = TYPE_STRUCT, .name = "struct node", .size = 64 };
static struct type_member point_members[2], node_members[10], typed_members[4];
static struct type point = {
	.kind = TYPE_STRUCT, .name = "struct {}", .size = 4, .count = 2, .members = point_members
};
static struct type typed = { .kind = TYPE_STRUCT,
			     .name = "struct typed",
			     .size = 96,
			     .count = 4,
			     .members = typed_members };

static const struct type function = { .kind = TYPE_FUNC, .name = "function" };

static struct type_member member(const char *name, const struct type *type, uint32_t offset,
				 uint8_t bit_offset, uint8_t bit_size)
{
	return (struct type_member){ name, type, offset, bit_offset, bit_size };
}

static const struct type *typed_record(struct arena *arena)
{
	const struct type *next = type_pointer(arena, &node, SPACE_KERNEL);
	const struct type *row = type_array(arena, type_int(4, true), 3);

	point_members[0] = member("x", type_int(2, true), 0, 0, 0);
	point_members[1] = member("y", type_int(2, true), 2, 0, 0);
	node_members[0] = member("id", type_int(4, true), 0, 0, 0);
	node_members[1] = member("tag", type_int(1, false), 4, 0, 0);
	node_members[2] = member("", &point, 6, 0, 0);
	node_members[3] = member("next", next, 16, 0, 0);
	node_members[4] = member("v", type_array(arena, row, 2), 24, 0, 0);
	node_members[5] = member("f3", type_int(4, false), 48, 0, 3);
	node_members[6] = member("s5", type_int(4, true), 48, 3, 5);
	node_members[7] = member("f32", type_int(4, false), 52, 0, 32);
	node_members[8] = member("l40", type_int(8, false), 56, 0, 40);
	node_members[9] = member("f", type_basic("float", 5), 60, 0, 0);
	node.members = node_members;
	node.count = 10;
	typed_members[0] = member("n", type_pointer(arena, &node, SPACE_KERNEL), 0, 0, 0);
	typed_members[1] = member("whole", &node, 8, 0, 0);
	typed_members[2] = member("str", type_pointer(arena, type_char(), SPACE_USER), 72, 0, 0);
	typed_members[3] = member("fn", type_pointer(arena, &function, SPACE_KERNEL), 80, 0, 0);
	return &typed;
}

static void make_context(struct arena *arena, enum place place, const struct spec *spec,
			 struct bsl_usdt *usdt, struct probe_context *context)
{
	struct tracefs_format format;

	*context = (struct probe_context){ .kind = spec->kind,
					   .machine = EM_X86_64,
					   .string_size = 80 };
	if (place == ARM)
		context->machine = EM_AARCH64;
	context->is_kernel = place == KERNEL;
	if (place == USDT) {
		bsl_usdt_parse_args(usdt_text, EM_X86_64, usdt);
		usdt->addr = 0x1234;
		context->usdt = usdt;
	}
	if (place == EVENT || place == SYSCALL) {
		assert_int_equal(tracefs_format_parse(event_text, strlen(event_text), &format), 0);
		context->pointers_are_user = place == SYSCALL;
		context->record = type_tracepoint(arena, &format, place == SYSCALL, NULL);
		tracefs_format_free(&format);
	}
	if (place == TYPED)
		context->record = typed_record(arena);
}

/* What generate() relies on: see "Shape of checked trees" in check.h. */
static void expect_checked_shape(const struct expr *e)
{
	bool shifts = e->op == OP_SHL || e->op == OP_SHR;

	assert_non_null(e->type);
	assert_true(e->kind != EXPR_MEMBER && e->kind != EXPR_INDEX && e->kind != EXPR_SIZEOF &&
		    e->kind != EXPR_ADDRESS);
	if (e->a && e->kind != EXPR_STRCMP && e->kind != EXPR_STRNCMP)
		expect_checked_shape(e->a);
	if (e->b)
		expect_checked_shape(e->b);
	if (e->c)
		expect_checked_shape(e->c);
	if (e->kind == EXPR_NAME)
		assert_non_null(e->var);
	if (e->kind == EXPR_DEREF)
		assert_int_equal(e->a->type->kind, TYPE_POINTER);
	if (e->kind == EXPR_BINARY) {
		assert_true(type_is_scalar(e->a->type) && e->a->type->kind != TYPE_POINTER);
		assert_false(e->a->kind == EXPR_INT && e->b->kind == EXPR_INT);
		if (!shifts) {
			assert_int_equal(e->a->type->size, e->b->type->size);
			assert_int_equal(e->a->type->is_signed, e->b->type->is_signed);
		}
	}
	if (e->kind == EXPR_COND)
		assert_int_equal(e->b->type->size, e->c->type->size);
}

/* What was written; a default format (test_probe_btf.c) is left out. */
static void text_of_checked(struct text *t, const struct checked *checked, bool has_format)
{
	t->len = 0;
	t->bytes[0] = '\0';
	if (checked->predicate) {
		text_add(t, "if ");
		text_add_expr(t, checked->predicate, true);
		expect_checked_shape(checked->predicate);
	}
	for (unsigned int i = 0; has_format && i < checked->field_count; i++) {
		const struct field *f = &checked->fields[i];

		text_add(t, "%s", t->len ? "; " : "");
		if (f->len_expr) {
			text_add_expr(t, f->len_expr, true);
			expect_checked_shape(f->len_expr);
			text_add(t, ", ");
		}
		if (!f->expr)
			continue;
		text_add(t, "[%s] ", f->expr->type->name);
		text_add_expr(t, f->expr, true);
		expect_checked_shape(f->expr);
	}
}

struct row {
	enum place place;
	const char *spec, *expected;
	int column; /* of the error that is expected; 0: none is */
};

/* Returns whether the row gives what it should. */
static bool check_row(const struct row *row)
{
	struct arena *arena = arena_new();
	struct probe_context context;
	struct checked *checked;
	struct bsl_usdt usdt = { 0 };
	struct diag diag;
	struct spec *spec;
	struct text t;
	bool good;
	int err;

	if (parse_spec(arena, row->spec, &spec, &diag))
		fail_msg("%s: column %d: %s", row->spec, diag.column, diag.text);
	make_context(arena, row->place, spec, &usdt, &context);
	err = check_spec(spec, &context, &checked, &diag);
	if (err)
		snprintf(t.bytes, sizeof(t.bytes), "%s", diag.text);
	else
		text_of_checked(&t, checked, spec->has_format);
	good = strcmp(t.bytes, row->expected) == 0 && !!err == !!row->column &&
	       diag.column == row->column;
	if (!good)
		print_error("%s\n  gives    %d %s\n  expected %d %s\n", row->spec, diag.column,
			    t.bytes, row->column, row->expected);
	arena_free(arena);
	return good;
}

static void expect_rows(const struct row *rows, size_t count)
{
	unsigned int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed += !check_row(&rows[i]);
	assert_int_equal(failed, 0);
}

static void test_conversions(void **state)
{
#define F                                                                                            \
	"p:c:f(int i, unsigned int u, long l, unsigned long ul, char c, unsigned char uc, short s, " \
	"bool b, char *p, int *ip, void *v, struct sock *sk) "
	static const struct row rows[] = {
		{ USER, F "(i)", "if (int)i", 0 },
		{ USER, F "(i > 5)", "if (int)i > (int)5", 0 },
		{ USER, F "(u > 5)", "if (unsigned int)u > (unsigned int)5", 0 },
		{ USER, F "(u > -1)", "if (unsigned int)u > (unsigned int)4294967295", 0 },
		{ USER, F "(l > i)", "if (long)l > (long)(int)i", 0 },
		{ USER, F "(l > u)", "if (long)l > (long)(unsigned int)u", 0 },
		{ USER, F "(ul > i)", "if (unsigned long)ul > (unsigned long)(int)i", 0 },
		{ USER, F "(i + u)", "if (unsigned int)(int)i + (unsigned int)u", 0 },
		{ USER, F "(c + uc)", "if (int)(char)c + (int)(unsigned char)uc", 0 },
		{ USER, F "(c == 'x')", "if (int)(char)c == (int)120", 0 },
		{ USER, F "(-c)", "if -(int)(char)c", 0 },
		{ USER, F "(~u)", "if ~(unsigned int)u", 0 },
		{ USER, F "(!b)", "if !(bool)b", 0 },
		{ USER, F "(!!l)", "if !(!(long)l)", 0 },
		{ USER, F "(s << l)", "if (int)(short)s << (long)l", 0 },
		{ USER, F "(l >> c)", "if (long)l >> (int)(char)c", 0 },
		{ USER, F "(i && l || p)", "if ((int)i && (long)l) || (char *)p", 0 },
		{ USER, F "((i < l) + 1)", "if ((long)(int)i < (long)l) + (int)1", 0 },
		{ USER, F "(i ? l : u)", "if (int)i ? (long)l : (long)(unsigned int)u", 0 },
		{ USER, F "(i ? c : s)", "if (int)i ? (int)(char)c : (int)(short)s", 0 },
		{ USER, F "(i ? p : 0)", "if (int)i ? (char *)p : (char *)0", 0 },
		{ USER, F "(i ? p : v)", "if (int)i ? (void *)(char *)p : (void *)v", 0 },
		{ USER, F "((char)i)", "if (char)(int)i", 0 },
		{ USER, F "((int)i)", "if (int)i", 0 },
		{ USER, F "((unsigned)i)", "if (unsigned int)(int)i", 0 },
		{ USER, F "((long)p)", "if (long)(char *)p", 0 },
		{ USER, F "((int)p)", "if (int)(char *)p", 0 },
		{ USER, F "((bool)l)", "if (bool)((long)l != (long)0)", 0 },
		{ USER, F "((u8)l)", "if (u8)(long)l", 0 },
		{ USER, F "(i / 3 * 1)", "if ((int)i / (int)3) * (int)1", 0 },
		{ USER, F "(i + (2 + 3))", "if (int)i + (int)5", 0 },
		{ USER, F "(0 && i)", "if (int)0", 0 },
		{ USER, F "(1 || i)", "if (int)1", 0 },
		{ USER, F "(1 && l)", "if (long)l != (long)0", 0 },
		{ USER, F "(1 ? i : l)", "if (long)(int)i", 0 },
		{ USER, F "(sizeof(i) == sizeof *p * 4)", "if (int)1", 0 },
		{ USER, F "(sizeof ip[0] + sizeof(struct sock *))", "if (unsigned long)12", 0 },
		/* pointers */
		{ USER, F "(*ip)", "if *(int *)ip", 0 },
		{ USER, F "(ip[2])", "if *(int *)((unsigned long)(int *)ip + (unsigned long)8)",
		  0 },
		{ USER, F "(*(ip + 2))", "if *(int *)((unsigned long)(int *)ip + (unsigned long)8)",
		  0 },
		{ USER, F "(2[ip])", "if *(int *)((unsigned long)(int *)ip + (unsigned long)8)",
		  0 },
		{ USER, F "((ip + 2)[1])",
		  "if *(int *)((unsigned long)(int *)ip + (unsigned long)12)", 0 },
		{ USER, F "(ip[-1])",
		  "if *(int *)((unsigned long)(int *)ip + (unsigned long)18446744073709551612)",
		  0 },
		{ USER, F "(*(ip + 2 - 2))", "if *(int *)ip", 0 },
		{ USER, F "(ip[i])",
		  "if *(int *)((unsigned long)(int *)ip + ((unsigned long)(long)(int)i * "
		  "(unsigned long)4))",
		  0 },
		{ USER, F "(p[u])",
		  "if *(char *)((unsigned long)(char *)p + (unsigned long)(unsigned int)u)", 0 },
		{ USER, F "((ip + 1)[i])",
		  "if *(int *)(((unsigned long)(int *)ip + ((unsigned long)(long)(int)i * (unsigned long)4)) + "
		  "(unsigned long)4)",
		  0 },
		{ USER, F "(*(ip - i))",
		  "if *(int *)((unsigned long)(int *)ip + ((unsigned long)-(long)(int)i * (unsigned long)4))",
		  0 },
		{ USER, F "(&ip[1] == v)",
		  "if ((unsigned long)(int *)ip + (unsigned long)4) == (unsigned long)(void *)v",
		  0 },
		{ USER, F "(ip - (int *)v)", "if ((long)(int *)ip - (long)(void *)v) / (long)4",
		  0 },
		{ USER, F "(p - (char *)v > 3)", "if ((long)(char *)p - (long)(void *)v) > (long)3",
		  0 },
		{ USER, F "(p == 0)", "if (unsigned long)(char *)p == (unsigned long)0", 0 },
		{ USER, F "(v > sk)",
		  "if (unsigned long)(void *)v > (unsigned long)(struct sock *)sk", 0 },
		{ USER, F "(&*ip == ip)", "if (unsigned long)(int *)ip == (unsigned long)(int *)ip",
		  0 },
		{ USER, F "(**(char **)v)", "if **(char **)(void *)v", 0 },
		{ USER, F "(*(u16 *)(v + 3))",
		  "if *(u16 *)((unsigned long)(void *)v + (unsigned long)3)", 0 },
		{ USER, F "(*p == 'x')", "if (int)*(char *)p == (int)120", 0 },
		{ USER, F "((int)(long)(char *)v)", "if (int)(long)(void *)v", 0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

static void test_unknown_types_are_unsigned_words(void **state)
{
	static const struct row rows[] = {
		{ USER, "f (arg1 > 5)", "if arg1 > (unsigned long)5", 0 },
		{ USER, "f (arg1 == -1)", "if arg1 == (unsigned long)18446744073709551615", 0 },
		{ USER, "f ((int)arg1 == -1)", "if (int)arg1 == (int)-1", 0 },
		{ USER, "f (arg1 == arg2)", "if arg1 == arg2", 0 },
		{ USER, "f (*(int *)arg1)", "if *(int *)arg1", 0 },
		{ USER, "f (((int *)arg1)[1])",
		  "if *(int *)((unsigned long)arg1 + (unsigned long)4)", 0 },
		{ USER, "f (sizeof arg1)", "if (unsigned long)8", 0 },
		/* their upper half counts only where the format asks for it */
		{ USER, "f \"%d\", arg1", "[int] (int)arg1", 0 },
		{ USER, "f \"%d\", arg1 + 1", "[int] (int)(arg1 + (unsigned long)1)", 0 },
		{ USER, "f \"%u\", arg1 & 0xff",
		  "[unsigned int] (unsigned int)(arg1 & (unsigned long)255)", 0 },
		{ USER, "f \"%d\", -arg1", "[int] (int)-arg1", 0 },
		{ USER, "f \"%d\", 1 ? arg1 : 0", "[int] (int)arg1", 0 },
		{ USER, "f \"%lx\", arg1", "[unsigned long] (unsigned long)arg1", 0 },
		{ USER, "f \"%d\", (unsigned long)arg1", "[long] (long)arg1", 0 },
		{ USER, "f \"%d\", (long)arg1", "[long] (long)arg1", 0 },
		{ USER, "f \"%d\", (short)arg1", "[int] (int)(short)arg1", 0 },
		{ USER, "f \"%hhd\", arg1", "[signed char] (signed char)arg1", 0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

static void test_fields(void **state)
{
	static const struct row rows[] = {
		{ USER,
		  "c:f(int i, size_t n, char *s, unsigned char c) \"%d %d %u %c\", i, n, c, i",
		  "[int] (int)i; [long] (long)(size_t)n; [unsigned int] (unsigned int)(int)(unsigned char)c; "
		  "[signed char] (signed char)(int)i",
		  0 },
		{ USER, "c:f(int i, unsigned u) \"%ld %lx %x %hd %hhx\", i, i, i, i, u",
		  "[long] (long)(int)i; [unsigned long] (unsigned long)(int)i; [unsigned int] "
		  "(unsigned int)(int)i; [short] (short)(int)i; [unsigned char] "
		  "(unsigned char)(unsigned int)u",
		  0 },
		{ USER, "c:f(char c, bool b) \"%x %d\", c, b",
		  "[unsigned int] (unsigned int)(int)(char)c; [int] (int)(bool)b", 0 },
		{ USER, "c:f(char *s, void *p) \"%p %x %d\", s, p, 5",
		  "[unsigned long] (unsigned long)(char *)s; [unsigned long] (unsigned long)(void *)p; "
		  "[int] (int)5",
		  0 },
		{ USER, "c:f(char *s, u8 *u, char b[16], void *p) \"%s %s %s %s\", s, u, b, p",
		  "[char *] (char *)s; [char *] (char *)(u8 *)u; [char *] (char *)b; [char *] "
		  "(char *)(void *)p",
		  0 },
		{ USER, "c:f \"%s %s\", arg1, arg2@user",
		  "[char *] (char *)arg1; [char *] (char *)arg2", 0 },
		{ USER, "c:f(long l) \"%s %s\", l, l + 8",
		  "[char *] (char *)(long)l; [char *] (char *)((long)l + (long)8)", 0 },
		{ USER, "c:f(char **v) \"%s\", v[1]",
		  "[char *] *(char **)((unsigned long)(char **)v + (unsigned long)8)", 0 },
		{ USER, "c:f \"%s\", $comm", "[char [16]] (char [16])$comm", 0 },
		{ USER, "c:f(char *s, int n) \"%.*s %.*s\", n, s, arg4, arg5",
		  "(long)(int)n, [char *] (char *)s; (long)(int)arg4, [char *] (char *)arg5", 0 },
		{ USER, "c:f(size_t z) \"%.*s\", z, arg2", "(long)(size_t)z, [char *] (char *)arg2",
		  0 },
		{ USER, "c:f(char *s) \"%K %d %U\", arg2, $cpu, s",
		  "[unsigned long] (unsigned long)arg2; [int] (int)(unsigned int)$cpu; "
		  "[unsigned long] (unsigned long)(char *)s",
		  0 },
		{ USER, "c:f \"no fields\"", "", 0 },
		{ USER, "c:f \"100%%\"", "", 0 },
		{ USER, "c:f \"%d %d %lu %p\", $pid, $tgid, $nsecs, $task",
		  "[int] (int)(unsigned int)$pid; [int] (int)(unsigned int)$tgid; [unsigned long] "
		  "(unsigned long)$nsecs; [unsigned long] (unsigned long)(struct task_struct *)$task",
		  0 },
		{ USER, "c:f \"%d %d\", $uid, $gid",
		  "[int] (int)(unsigned int)$uid; [int] (int)(unsigned int)$gid", 0 },
		{ USER, "c:f \"%lx\", ctx->di", "[unsigned long] (unsigned long)ctx->di", 0 },
		{ USER, "r:bash:readline \"%s %d\", retval, $retval",
		  "[char *] (char *)retval; [int] (int)$retval", 0 },
		{ USDT, "u:x:y \"%s %d %ld %d %d\", arg1, arg2, arg3, arg4, arg6",
		  "[char *] (char *)(unsigned long)arg1; [int] (int)arg2; [long] (long)arg3; [int] "
		  "(int)(unsigned char)arg4; [int] (int)(unsigned short)arg6",
		  0 },
		{ USER, "c:f (STRCMP(\"a\", arg1) && STRNCMP(\"abc\", arg2, 2))",
		  "if STRCMP(\"a\", (char *)arg1) && STRNCMP(\"abc\", (char *)arg2, (unsigned long)2)",
		  0 },
		{ USER, "c:f (STRNCMP(\"abc\", arg2, 4))", "if STRCMP(\"abc\", (char *)arg2)", 0 },
		{ USER, "c:f (STRCMP(\"\", $comm))", "if STRCMP(\"\", (char [16])$comm)", 0 },
		{ USER, "c:f \"%d\", STRCMP(\"bash\", $comm)",
		  "[int] STRCMP(\"bash\", (char [16])$comm)", 0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

static void test_tracepoints(void **state)
{
#define ARGS "(unsigned long)(event example *)args + (unsigned long)"
	static const struct row rows[] = {
		{ EVENT, "t:a:b (args->common_type)", "if *(unsigned short *)(event example *)args",
		  0 },
		{ EVENT, "t:a:b (args->common_pid > 3)", "if *(int *)(" ARGS "4) > (int)3", 0 },
		{ EVENT, "t:a:b (args->__syscall_nr == 1)", "if *(int *)(" ARGS "24) == (int)1",
		  0 },
		/* declared int, recorded in 8 bytes */
		{ SYSCALL, "t:a:b (args->dfd == -100)", "if *(int *)(" ARGS "32) == (int)-100", 0 },
		{ SYSCALL, "t:a:b \"%s\", args->filename", "[char *] *(char **)(" ARGS "40)", 0 },
		{ EVENT, "t:a:b \"%s\", args->comm", "[char [16]] *(char (*)[16])(" ARGS "8)", 0 },
		{ EVENT, "t:a:b \"%s %s\", args->path, args->rel",
		  "[char []] *(char (*)[])(" ARGS "48); [char []] *(char (*)[])(" ARGS "52)", 0 },
		{ EVENT, "t:a:b (STRCMP(\"x\", args->path))",
		  "if STRCMP(\"x\", *(char (*)[])(" ARGS "48))", 0 },
		{ EVENT, "t:a:b (STRCMP(\"x\", args->comm))",
		  "if STRCMP(\"x\", *(char (*)[16])(" ARGS "8))", 0 },
		{ EVENT, "t:a:b \"%.*s\", 3, args->comm",
		  "(long)3, [char [16]] *(char (*)[16])(" ARGS "8)", 0 },
		{ EVENT, "t:a:b (args->args[2])", "if *(unsigned long *)(" ARGS "72)", 0 },
		{ EVENT, "t:a:b (args->dev >> 20)", "if *(dev_t *)(" ARGS "104) >> (int)20", 0 },
		{ EVENT, "t:a:b (args->sk == 0)",
		  "if (unsigned long)*(struct sock **)(" ARGS "112) == (unsigned long)0", 0 },
		{ EVENT, "t:a:b (args->mac[1])", "if *(u8 *)(" ARGS "121)", 0 },
		{ EVENT, "t:a:b (args->comm[0] == 'a')", "if (int)*(char *)(" ARGS "8) == (int)97",
		  0 },
		{ EVENT, "t:a:b (!args->flag)", "if !*(bool *)(" ARGS "126)", 0 },
		{ EVENT, "t:a:b (args->state == 1)",
		  "if *(enum tcp_state *)(" ARGS "128) == (unsigned int)1", 0 },
		{ EVENT, "t:a:b (*args->uptr)", "if **(unsigned int **)(" ARGS "136)", 0 },
		{ EVENT, "t:a:b (((u32 *)&args->addr)[3])", "if *(u32 *)(" ARGS "156)", 0 },
		{ EVENT, "t:a:b (*(int *)((char *)args + 4))", "if *(int *)(" ARGS "4)", 0 },
		{ EVENT, "t:a:b (sizeof args->comm == 16 && sizeof *args > 16)", "if (int)1", 0 },
		{ EVENT, "t:a:b \"%s\", (char *)args->comm + 2", "[char *] (char *)(" ARGS "10)",
		  0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

static void test_structures(void **state)
{
#define T "(unsigned long)(struct typed *)args + (unsigned long)"
#define N "*(struct node **)(struct typed *)args"
	static const struct row rows[] = {
		{ TYPED, "t:a:b (args->n->id)", "if *(int *)" N, 0 },
		{ TYPED, "t:a:b ((*args->n).tag)",
		  "if *(unsigned char *)((unsigned long)" N " + (unsigned long)4)", 0 },
		{ TYPED, "t:a:b (args->n->y)",
		  "if *(short *)((unsigned long)" N " + (unsigned long)8)", 0 },
		{ TYPED, "t:a:b (args->whole.y)", "if *(short *)(" T "16)", 0 },
		{ TYPED, "t:a:b (args->n->next->id)",
		  "if *(int *)*(struct node **)((unsigned long)" N " + (unsigned long)16)", 0 },
		{ TYPED, "t:a:b (args->n->v[1][2])",
		  "if *(int *)((unsigned long)" N " + (unsigned long)44)", 0 },
		{ TYPED, "t:a:b (args->whole.v[1][2])", "if *(int *)(" T "52)", 0 },
		{ TYPED, "t:a:b (args->n[1].id)",
		  "if *(int *)((unsigned long)" N " + (unsigned long)64)", 0 },
		{ TYPED, "t:a:b (args->n->v[$cpu][1])",
		  "if *(int *)(((unsigned long)" N " + ((unsigned long)(unsigned int)$cpu * "
		  "(unsigned long)12)) + (unsigned long)28)",
		  0 },
		{ TYPED, "t:a:b (*args->n->v[1])",
		  "if *(int *)((unsigned long)" N " + (unsigned long)36)", 0 },
		{ TYPED, "t:a:b (&args->n->next == 0)",
		  "if ((unsigned long)" N " + (unsigned long)16) == (unsigned long)0", 0 },
		{ TYPED, "t:a:b (sizeof args->n->v == 24 && sizeof *args->n == 64)", "if (int)1",
		  0 },
		{ TYPED, "t:a:b \"%s\", args->str", "[char *] *(char **)(" T "72)", 0 },
		{ TYPED, "t:a:b \"%p\", args->fn",
		  "[unsigned long] (unsigned long)*(void (**)())(" T "80)", 0 },
		/* bit-fields are promoted by their width */
		{ TYPED, "t:a:b (args->whole.f3 > -1)",
		  "if (int)bits(*(unsigned int *)(" T "56), 0, 3) > (int)-1", 0 },
		{ TYPED, "t:a:b (args->whole.s5 > -1)",
		  "if bits(*(int *)(" T "56), 3, 5) > (int)-1", 0 },
		{ TYPED, "t:a:b (args->whole.f32 > -1)",
		  "if bits(*(unsigned int *)(" T "60), 0, 32) > (unsigned int)4294967295", 0 },
		{ TYPED, "t:a:b (args->whole.l40)", "if bits(*(unsigned long *)(" T "64), 0, 40)",
		  0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

static void test_errors(void **state)
{
	static const struct row rows[] = {
		/* names */
		{ USER, "p:c:f(int fo) (foo)", "'foo' is not a parameter of f (did you mean 'fo'?)",
		  16 },
		{ USER, "p:c:f(int fo) (xyz)", "'xyz' is not a parameter of f", 16 },
		{ USER, "p:c:f (fd)",
		  "'fd' is not known here: write the function's signature, as in "
		  "f(int fd), or use arg1, arg2, ...",
		  8 },
		{ USER, "p:c:_ZN1D3actEi (fd)",
		  "'fd' is not known here: write the function's signature, as in "
		  "_ZN1D3actEi(void *this, int fd), or use arg1, arg2, ...; a method has this, "
		  "another function not",
		  18 },
		{ USER, "p:c:f (pid)", "'pid' is not known here (did you mean '$pid'?)", 8 },
		{ USER, "p:c:f ($pdi)", "'$pdi' is not known here (did you mean '$pid'?)", 8 },
		{ USER, "p:c:f ($abcdef)",
		  "'$abcdef' is not known here; there are arg1 to arg8, $pid $tgid $uid "
		  "$gid $cpu $comm $nsecs $task",
		  8 },
		{ USER, "p:c:f (retval)", "'retval' is known at a function's return only (r:)", 8 },
		{ USER, "p:c:f (args->x)",
		  "'args' is known at tracepoints only (t:); here there is arg1, arg2, ...", 8 },
		{ USER, "p:c:f (arg0)", "'arg0' is not known: arguments are arg1 to arg8", 8 },
		{ USER, "p:c:f (arg9)", "'arg9' is not known: arguments are arg1 to arg8", 8 },
		{ USER, "p:c:f (arg99999999999)",
		  "'arg99999999999' is not known: arguments are arg1 to arg8", 8 },
		{ USER, "p:c:f+4 (arg7)",
		  "arg7 is on the stack, where it can be found only at the function's entry", 10 },
		{ USER, "p:c:f (ctx)",
		  "ctx stands for the registers: write ctx->REGISTER, as in ctx->rdi", 8 },
		{ ARM, "p:c:f (ctx)",
		  "ctx stands for the registers: write ctx->REGISTER, as in ctx->x0", 8 },
		{ USER, "p:c:f (ctx->foo)", "'foo' is not a register of this machine", 13 },
		{ USER, "r:c:f(int fd) (df)", "'df' is not a parameter of f (did you mean 'fd'?)",
		  16 },
		{ USER, "p:c:f ($latency)", "'$latency' is known at a function's return only (r:)",
		  8 },
		{ USER, "r:c:f (rteval)", "'rteval' is not known here (did you mean 'retval'?)",
		  8 },
		{ USDT, "u:x:y (arg7)",
		  "'arg7' is not known: the probe y has 6 arguments (8@%rdi -4@%eax "
		  "-8@8(%rsp) 1@$5 8f@%xmm0 2@%ax)",
		  8 },
		{ USER, "u:x:y (arg1)", "'arg1' is not known: the probe y has no arguments", 8 },
		{ EVENT, "t:a:b (filename)",
		  "'filename' is not known here (did you mean 'args->filename'?)", 8 },
		{ EVENT, "t:a:b (args->filname)",
		  "'filname' is not a field of event example (did you mean 'filename'?)", 14 },
		{ EVENT, "t:a:b (args->zzz)", "'zzz' is not a field of event example", 14 },
		{ EVENT, "t:a:b (arg1)", "'arg1' is not known at a tracepoint: write args->FIELD",
		  8 },
		{ EVENT, "t:a:b (ctx)",
		  "'ctx' is not known here; there are args->FIELD, $pid $tgid $uid $gid "
		  "$cpu $comm $nsecs $task",
		  8 },

		/* signatures */
		{ USER, "p:c:f(itn a, int b)", "'itn' is not a known type (did you mean 'int'?)",
		  7 },
		{ USER, "p:c:f(zzz_t a, int b)", "'zzz_t' is not a known type", 7 },
		{ USER, "p:c:f(struct foo s)",
		  "struct foo is not known: there is no type information for it, "
		  "only pointers to it can be used",
		  7 },
		{ USER, "p:c:f(void v)", "a parameter can't be void", 7 },
		{ USER, "p:c:f(int a, int a)", "there are two parameters of the name 'a'", 18 },
		{ USER, "p:c:f(double d) (d)",
		  "d is of type double: floating-point arguments can't be read", 18 },

		/* types */
		{ USER, "p::SyS_nanosleep(struct timespec *ts) \"%lld\", ts->tv_nsec",
		  "struct timespec is not known: there is no type information to find its field 'tv_nsec'",
		  51 },
		{ USER, "p:c:f (*arg1)",
		  "arg1 has no type: to use it with '*' cast it to a pointer, as in "
		  "(int *)arg1",
		  9 },
		{ USER, "p:c:f (arg1[0])",
		  "arg1 has no type: to use it with '[]' cast it to a pointer, as in "
		  "(int *)arg1",
		  8 },
		{ USER, "p:c:f (arg1->x)",
		  "arg1 has no type: to take a field cast it, as in ((struct name "
		  "*)arg1)->x",
		  8 },
		{ USER, "p:c:f(int a) (*a)", "a is of type int, not a pointer, which '*' needs",
		  16 },
		{ USER, "p:c:f(int a) (a.b)", "a is of type int, which has no fields", 15 },
		{ USER, "p:c:f(void *p) (*p)",
		  "a pointer of type 'void *' must be cast before it is followed, "
		  "as in *(int *)p",
		  17 },
		{ USER, "p:c:f(void *p) (p[1])",
		  "a pointer of type 'void *' must be cast before it is "
		  "followed, as in *(int *)p",
		  18 },
		{ USER, "p:c:f(struct s *p) (p + 1)",
		  "struct s is not known: there is no type information with its size", 23 },
		{ USER, "p:c:f(struct s *p) (*p)", "*p is a whole struct s: take one of its fields",
		  21 },
		{ USER, "p:c:f(int *p) (p * 2)", "'*' needs an integer, but p is of type int *",
		  16 },
		{ USER, "p:c:f(int *p) (-p)", "'-' needs an integer, but p is of type int *", 17 },
		{ USER, "p:c:f(int *p) (p << 1)", "'<<' needs an integer, but p is of type int *",
		  16 },
		{ USER, "p:c:f(int *p) (p + p)", "two pointers can't be added", 18 },
		{ USER, "p:c:f(int *p) (1 - p)", "a pointer can't be subtracted from an integer",
		  18 },
		{ USER, "p:c:f(int *p, char *q) (p - q)",
		  "pointers to different types can't be subtracted: int * and char *", 27 },
		{ USER, "p:c:f(int *p) (p[p])", "an index must be an integer, not of type int *",
		  17 },
		{ USER, "p:c:f (&arg1)", "arg1 has no address that '&' could give", 8 },
		{ USER, "p:c:f ((void)arg1)", "a value can't be cast to void", 9 },
		{ USER, "p:c:f ((double)arg1)", "a value can't be cast to double", 9 },
		{ USER, "p:c:f ((zzz)arg1)", "'zzz' is not a known type", 9 },
		{ USER, "p:c:f (sizeof(void))", "the size of void is not known", 8 },
		{ USER, "p:c:f(struct s *p) (sizeof *p)", "the size of *p is not known", 21 },
		{ USER, "p:c:f (\"a\")",
		  "a text has no value: it can be compared with STRCMP(\"text\", expression)", 8 },
		{ USER, "p:c:f (arg1 == \"a\")",
		  "a text has no value: it can be compared with STRCMP(\"text\", expression)", 16 },
		{ USER, "p:c:f ($comm == 1)",
		  "$comm is text, not a number: print it with %s or compare it with "
		  "STRCMP(\"text\", $comm)",
		  8 },
		{ USER, "p:c:f(int a) (a@user)",
		  "a is of type int, which is too small for an address", 16 },
		{ USER, "p:c:f (5 / 0)", "division by zero", 10 },
		{ USER, "p:c:f (arg1 % 0)", "division by zero", 13 },
		{ USER, "p:c:f (arg1 / (1 - 1))", "division by zero", 13 },
		{ USER, "p:c:f (0 && 1 / 0)", "division by zero", 15 },
		{ USER, "p:c:f (arg1 << 64)",
		  "a shift by 64: a value of 64 bits can be shifted by 0 to 63", 16 },
		{ USER, "p:c:f (1 << 32)",
		  "a shift by 32: a value of 32 bits can be shifted by 0 to 31", 13 },
		{ USER, "p:c:f (1 >> -1)",
		  "a shift by -1: a value of 32 bits can be shifted by 0 to 31", 13 },

		/* the event's record */
		{ EVENT, "t:a:b (args)",
		  "args is a place in the event's record, not a value: take a field of args", 8 },
		{ EVENT, "t:a:b (args == 0)",
		  "args is a place in the event's record, not a value: take a field of args", 8 },
		{ EVENT, "t:a:b ((long)args)",
		  "args is a place in the event's record, not a value: take a field of args", 14 },
		{ EVENT, "t:a:b (args->args[$cpu])",
		  "in the event's record only constant places can be read", 18 },
		{ EVENT, "t:a:b (args->args[20])",
		  "this is outside of the event's record of 160 bytes", 18 },
		{ EVENT, "t:a:b (args->args[-8])",
		  "this is outside of the event's record of 160 bytes", 18 },
		{ EVENT, "t:a:b (args->path)",
		  "args->path is of varying length: it can be printed with %s and "
		  "compared with STRCMP only",
		  14 },
		{ EVENT, "t:a:b (args->path[0])",
		  "args->path is of varying length: it can be printed with %s "
		  "and compared with STRCMP only",
		  14 },
		{ EVENT, "t:a:b (&args->path == 0)",
		  "args->path has no address that '&' could give", 8 },
		{ EVENT, "t:a:b (sizeof args->path)", "the size of args->path is not known", 8 },
		{ EVENT, "t:a:b (args->addr)",
		  "args->addr is a whole struct in6_addr: take one of its fields", 14 },
		{ EVENT, "t:a:b (args->addr.x)", "'x' is not a field of struct in6_addr", 19 },
		{ EVENT, "t:a:b (args.comm)", "args is a pointer (did you mean 'args->comm'?)",
		  13 },
		{ TYPED, "t:a:b (args->whole->id)",
		  "args->whole is a structure, not a pointer to one (did you mean 'args->whole.id'?)",
		  21 },
		{ TYPED, "t:a:b (args->whole.f)",
		  "args->whole.f is of type float: floating-point values can't be computed with, only printed with %O",
		  20 },
		{ TYPED, "t:a:b (&args->whole.f3)",
		  "args->whole.f3 is a bit-field, which has no address", 8 },
		{ TYPED, "t:a:b (sizeof args->whole.f3)", "a bit-field has no size in bytes", 8 },
		{ TYPED, "t:a:b (*args->fn)",
		  "a pointer of type 'void (*)()' must be cast before it is "
		  "followed, as in *(int *)p",
		  8 },
		{ TYPED, "t:a:b (args->n ? args->str : (char *)args->n)",
		  "one value points to user memory, the other to the kernel's", 16 },

		/* formats */
		{ USER, "p:c:f \"%d %d\", arg1", "the format takes 2 values, but 1 is given", 7 },
		{ USER, "p:c:f \"%d\"", "the format takes 1 value, but 0 are given", 7 },
		{ USER, "p:c:f \"%d\", arg1, arg2", "the format takes 1 value, but 2 are given",
		  19 },
		{ USER, "p:c:f \"%.*s\", arg1", "the format takes 2 values, but 1 is given", 7 },
		{ USER, "p:c:f \"%K\"", "the format takes 1 value, but 0 are given", 7 },
		{ USER, "p:c:f(int a) \"%s\", a",
		  "%s needs a string or an address, but a is of type int", 20 },
		{ USER, "p:c:f(char *s) \"%.*s\", s, 1",
		  "%.*s takes a length, then a string, but s is of type char *", 24 },
		{ USER, "p:c:f \"%d\", $comm", "$comm is text: print it with %s, not %d", 13 },
		{ EVENT, "t:a:b \"%x\", args->comm", "args->comm is text: print it with %s, not %x",
		  19 },
		{ EVENT, "t:a:b \"%x\", args->args",
		  "args->args is an array: print its elements, not all of it with %x", 19 },
		{ EVENT, "t:a:b \"%d\", args->path", "args->path is text: print it with %s, not %d",
		  19 },
		{ USER, "p:c:f \"%s\", \"x\"",
		  "a text has no value: it can be compared with STRCMP(\"text\", expression)", 13 },

		/* STRCMP */
		{ USER, "p:c:f (STRCMP(\"0123456789abcdef\", $comm))",
		  "$comm never has 16 characters: it has 15 at most", 15 },
		{ USER, "p:c:f(int a) (STRCMP(\"x\", a))",
		  "STRCMP needs a string or an address, but a is of type int", 27 },
		{ USER, "p:c:f (STRNCMP(\"x\", arg1, arg2))",
		  "STRNCMP's third argument must be a constant above 0", 27 },
		{ USER, "p:c:f (STRNCMP(\"x\", arg1, 0))",
		  "STRNCMP's third argument must be a constant above 0", 27 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
}

/* The var of the name in "p:c:f... (NAME)". */
static const struct var *var_of(struct arena *arena, enum place place, const char *text,
				struct bsl_usdt *usdt)
{
	struct probe_context *context = arena_alloc(arena, sizeof(*context));
	struct checked *checked;
	struct diag diag;
	struct spec *spec;

	assert_int_equal(parse_spec(arena, text, &spec, &diag), 0);
	make_context(arena, place, spec, usdt, context);
	if (check_spec(spec, context, &checked, &diag))
		fail_msg("%s: %s", text, diag.text);
	assert_int_equal(checked->predicate->kind, EXPR_NAME);
	return checked->predicate->var;
}

static void test_where_arguments_are(void **state)
{
	/* DWARF register numbers, -1: on the stack at `offset` */
	static const struct {
		enum place place;
		const char *spec;
		int reg, offset;
	} rows[] = {
		{ USER, "p:c:f (arg1)", 5, 0 },
		{ USER, "p:c:f (arg2)", 4, 0 },
		{ USER, "p:c:f (arg3)", 1, 0 },
		{ USER, "p:c:f (arg4)", 2, 0 },
		{ USER, "p:c:f (arg5)", 8, 0 },
		{ USER, "p:c:f (arg6)", 9, 0 },
		{ USER, "p:c:f (arg7)", -1, 8 },
		{ USER, "p:c:f (arg8)", -1, 16 },
		{ KERNEL, "p::f (arg1)", 5, 0 },
		{ KERNEL, "p::f (arg7)", -1, 8 },
		{ ARM, "p:c:f (arg1)", 0, 0 },
		{ ARM, "p:c:f (arg8)", 7, 0 },
		{ USER, "r:c:f (retval)", 0, 0 },
		{ ARM, "r:c:f (retval)", 0, 0 },
		{ USER, "p:c:f(int a, int b) (b)", 4, 0 },
		{ USER, "p:c:f(int a, int b) (arg2)", 4, 0 },
		/* floating-point ones take no integer register */
		{ USER, "p:c:f(double d, int b) (b)", 5, 0 },
		{ USER, "p:c:f(double d, int b) (arg2)", 5, 0 },
		{ USER, "p:c:f(double d, int b) (arg3)", 4, 0 },
		{ USER, "p:c:f(int a, int b, int c, int d, int e, int f, int g, int h, int i) (i)",
		  -1, 24 },
		{ ARM, "p:c:f(int a, int b, int c, int d, int e, int f, int g, int h, int i) (i)",
		  -1, 0 },
		{ USER, "p:c:f (ctx->sp)", 7, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena *arena = arena_new();
		int machine = rows[i].place == ARM ? EM_AARCH64 : EM_X86_64;
		const struct var *var = var_of(arena, rows[i].place, rows[i].spec, NULL);

		if (rows[i].reg < 0) {
			assert_int_equal(var->where, VAR_STACK);
			assert_int_equal(var->offset, rows[i].offset);
		} else {
			assert_int_equal(var->where, VAR_REG);
			assert_int_equal(var->offset,
					 bsl_reg_get(machine, rows[i].reg)->pt_regs_offset);
		}
		arena_free(arena);
	}
}

static void test_usdt_arguments_keep_their_operand(void **state)
{
	struct arena *arena = arena_new();
	struct bsl_usdt usdt = { 0 };
	const struct var *var = var_of(arena, USDT, "u:x:y (arg2)", &usdt);

	(void)state;
	assert_int_equal(var->where, VAR_USDT_ARG);
	assert_ptr_equal(var->usdt_arg, &usdt.args[1]);
	assert_int_equal(var->usdt_addr, 0x1234);
	assert_true(var->type->is_signed && var->type->size == 4);
	arena_free(arena);
}

/* Where the field's pointer, or its text, is read from. */
static enum type_space space_of(enum place place, const char *text)
{
	struct arena *arena = arena_new();
	struct probe_context context;
	struct checked *checked;
	struct bsl_usdt usdt = { 0 };
	enum type_space space;
	const struct expr *e;
	struct diag diag;
	struct spec *spec;

	assert_int_equal(parse_spec(arena, text, &spec, &diag), 0);
	make_context(arena, place, spec, &usdt, &context);
	if (check_spec(spec, &context, &checked, &diag))
		fail_msg("%s: %s", text, diag.text);
	e = checked->fields[0].expr;
	while (e->kind == EXPR_CAST && e->type->kind != TYPE_POINTER)
		e = e->a;
	space = e->kind == EXPR_DEREF && e->type->kind != TYPE_POINTER ? e->a->type->space
								       : e->type->space;
	arena_free(arena);
	return space;
}

static void test_memory_spaces(void **state)
{
	(void)state;
	assert_int_equal(space_of(USER, "p:c:f \"%s\", arg1"), SPACE_USER);
	assert_int_equal(space_of(USER, "p:c:f \"%d\", *(int *)arg1"), SPACE_USER);
	assert_int_equal(space_of(USER, "p:c:f(char **v) \"%s\", v[0]"), SPACE_USER);
	assert_int_equal(space_of(USDT, "u:x:y \"%s\", arg1"), SPACE_USER);
	assert_int_equal(space_of(KERNEL, "p::f \"%s\", arg1"), SPACE_ANY);
	assert_int_equal(space_of(KERNEL, "p::f \"%s\", arg1@user"), SPACE_USER);
	assert_int_equal(space_of(KERNEL, "p::f(const char __user *s) \"%s\", s"), SPACE_USER);
	assert_int_equal(space_of(KERNEL, "p::f(const char *s) \"%s\", s@user"), SPACE_USER);
	assert_int_equal(space_of(KERNEL, "p::f \"%d\", *(int __user *)arg1"), SPACE_USER);
	assert_int_equal(space_of(KERNEL, "p::f \"%d\", **(int **)arg1"), SPACE_ANY);
	assert_int_equal(space_of(KERNEL, "p::f(void __user *p) \"%s\", (char *)p + 1"),
			 SPACE_USER);
	assert_int_equal(space_of(EVENT, "t:a:b \"%s\", args->filename"), SPACE_KERNEL);
	assert_int_equal(space_of(SYSCALL, "t:a:b \"%s\", args->filename"), SPACE_USER);
	assert_int_equal(space_of(EVENT, "t:a:b \"%s\", args->comm"), SPACE_CTX);
	assert_int_equal(space_of(EVENT, "t:a:b \"%d\", args->dfd"), SPACE_CTX);
	assert_int_equal(space_of(SYSCALL, "t:a:b \"%d\", *args->uptr"), SPACE_USER);
	assert_int_equal(space_of(EVENT, "t:a:b \"%s\", args->args[0]"), SPACE_ANY);
	assert_int_equal(space_of(EVENT, "t:a:b \"%s\", args->args[0]@user"), SPACE_USER);
}

static void test_one_name_is_one_var(void **state)
{
	struct arena *arena = arena_new();
	struct probe_context context;
	struct checked *checked;
	struct diag diag;
	struct spec *spec;

	(void)state;
	assert_int_equal(parse_spec(arena, "p:c:f (arg1 == arg1)", &spec, &diag), 0);
	make_context(arena, USER, spec, NULL, &context);
	assert_int_equal(check_spec(spec, &context, &checked, &diag), 0);
	assert_ptr_equal(checked->predicate->a->var, checked->predicate->b->var);
	/* The spec itself is left as it was, for the next context. */
	assert_null(spec->predicate->type);
	assert_null(spec->predicate->a->var);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_unknown_types_are_unsigned_words),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_tracepoints),
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_where_arguments_are),
		cmocka_unit_test(test_usdt_arguments_keep_their_operand),
		cmocka_unit_test(test_memory_spaces),
		cmocka_unit_test(test_one_name_is_one_var),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
