/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From text to trees: targets, signatures, expressions, formats, and every error with its column.
 */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "types/arena.h"
#include "probe/spec/parse.h"
#include "probe_print.h"

struct row {
	const char *spec, *expected;
};

static void expect_spec(const char *text, const char *expected)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct spec *spec;
	struct text t;

	if (parse_spec(arena, text, &spec, &diag))
		fail_msg("%s: column %d: %s", text, diag.column, diag.text);
	if (strcmp(text_of_spec(&t, spec), expected) != 0)
		fail_msg("%s\n  gives    %s\n  expected %s", text, t.bytes, expected);
	arena_free(arena);
}

static void expect_specs(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_spec(rows[i].spec, rows[i].expected);
}

static void test_targets(void **state)
{
	static const struct row rows[] = {
		{ "do_sys_open", "p lib= func=do_sys_open" },
		{ "c:open", "p lib=c func=open" },
		{ ":c:open", "p lib=c func=open" },
		{ "p::do_sys_open", "p lib= func=do_sys_open" },
		{ "p:c:open", "p lib=c func=open" },
		{ "r:bash:readline", "r lib=bash func=readline" },
		{ "r::vfs_read", "r lib= func=vfs_read" },
		{ "  p:c:open  ", "p lib=c func=open" },
		{ "p:/usr/lib/x.so:f+0x10", "p lib=/usr/lib/x.so func=f+0x10" },
		{ "p:c:f+16", "p lib=c func=f+0x10" },
		{ "f+4", "p lib= func=f+0x4" },
		{ "p:./test:AddNum", "p lib=./test func=AddNum" },
		{ "p:bin:0x401000", "p lib=bin addr=0x401000" },
		{ "p:bin:0x401000+4", "p lib=bin addr=0x401000+0x4" },
		{ "p::0xffffffff81000000", "p lib= addr=0xffffffff81000000" },
		{ "p:/usr/bin/python3:*", "p lib=/usr/bin/python3 func=* pattern" },
		{ "p:c:mem[cs]?t*", "p lib=c func=mem[cs]?t* pattern" },
		{ "p:c:a\\*b", "p lib=c func=a*b" },
		{ "p:c:a\\*b*", "p lib=c func=a\\*b* pattern" },
		{ "p:/a\\:b\\ c\\(d\\\\:f", "p lib=/a:b c(d\\ func=f" },
		{ "p:\"/a b:(c)\":f", "p lib=/a b:(c) func=f" },
		{ "\"/a b\":f", "p lib=/a b func=f" },
		{ "r:/s:\"net/http.(*Client).Get\"", "r lib=/s func=net/http.(*Client).Get" },
		{ "p:\"/a b\":\"f \\\"g\\\"\"", "p lib=/a b func=f \"g\"" },
		{ "p:/s:\"a b.c\":42", "p lib=/s file=a b.c line=42" },
		{ "p:bin:file.c:42", "p lib=bin file=file.c line=42" },
		{ "p:bin:src/file.c:042", "p lib=bin file=src/file.c line=42" },
		{ "bin:file.c:42", "p lib=bin file=file.c line=42" },
		{ "p:bin:ns::f", "p lib=bin func=ns::f" },
		{ "bin:ns::f", "p lib=bin func=ns::f" },
		{ "p:bin:a::b::c::d::e", "p lib=bin func=a::b::c::d::e" },
		{ "r:bin:std::f\\(int\\)", "r lib=bin func=std::f(int)" },
		{ "p:bin:ns::operator++", "p lib=bin func=ns::operator++" },
		{ "p:bin:operator+=", "p lib=bin func=operator+=" },
		{ "p:bin:ns::operator*", "p lib=bin func=ns::operator*" },
		{ "p:bin:operator()", "p lib=bin func=operator()" },
		{ "p:bin:A::operator bool", "p lib=bin func=A::operator bool" },
		{ "p:bin:ns::Ring<int, 4>::push", "p lib=bin func=ns::Ring<int, 4>::push" },
		{ "bin:<a::T as a::Shape>::area", "p lib=bin func=<a::T as a::Shape>::area" },
		{ "p:bin:(anonymous namespace)::f", "p lib=bin func=(anonymous namespace)::f" },
		{ "p:bin:main::{lambda(int, char)#1}::operator()",
		  "p lib=bin func=main::{lambda(int, char)#1}::operator()" },
		{ "r:/s:net/http.(*Client).Get", "r lib=/s func=net/http.(*Client).Get" },
		{ "/s:main.(*T).*", "p lib=/s func=main.(*T).* pattern" },
		{ "p:bin:f@GLIBC_2.2.5", "p lib=bin func=f@GLIBC_2.2.5" },
		{ "t:sched:sched_switch", "t lib= category=sched func=sched_switch" },
		{ "t:sched:*", "t lib= category=sched func=* pattern" },
		{ "t:*:sys_enter_open", "t lib= category=* func=sys_enter_open pattern" },
		{ "u:pthread:pthread_create", "u lib=pthread func=pthread_create" },
		{ "u:/lib/x.so:prov:probe__a", "u lib=/lib/x.so category=prov func=probe__a" },
		{ "u::prov:probe", "u lib= category=prov func=probe" },
		{ "u::probe", "u lib= func=probe" },
		{ "u:x:pr*:*", "u lib=x category=pr* func=* pattern" },
	};

	(void)state;
	expect_specs(rows, ARRAY_SIZE(rows));
}

static void test_signatures(void **state)
{
	static const struct row rows[] = {
		{ "p:c:f()", "p lib=c func=f ()" },
		{ "p:c:f(void)", "p lib=c func=f ()" },
		{ "p:c:write(int fd, const void *buf, size_t count)",
		  "p lib=c func=write (int fd, void *buf, size_t count)" },
		{ "p:c:f(unsigned long long x)", "p lib=c func=f (unsigned long long x)" },
		{ "p:c:f(long unsigned)", "p lib=c func=f (long unsigned)" },
		{ "p:c:f(int, char const *const s)", "p lib=c func=f (int, char *s)" },
		{ "p::f(const char __user *s)", "p lib= func=f (char __user *s)" },
		{ "p::SyS_nanosleep(struct timespec *ts)",
		  "p lib= func=SyS_nanosleep (struct timespec *ts)" },
		{ "p:x:f(client *c, int flags)", "p lib=x func=f (client *c, int flags)" },
		{ "p:x:f(robj *)", "p lib=x func=f (robj *)" },
		{ "p:x:f(my_t v)", "p lib=x func=f (my_t v)" },
		{ "p:c:main(int argc, char *argv[])", "p lib=c func=main (int argc, char **argv)" },
		{ "p:c:f(char buf[16], int n)", "p lib=c func=f (char *buf, int n)" },
		{ "p:c:printf(const char *fmt, ...)", "p lib=c func=printf (char *fmt)" },
		{ "p:c:qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))",
		  "p lib=c func=qsort (void *base, size_t n, size_t size, void *cmp)" },
		{ "p:c:f(int a) (a > 3)", "p lib=c func=f (int a) if a > 3" },
		{ "p:c:f(int a)(a > 3) \"%d\", a", "p lib=c func=f (int a) if a > 3 \"%d\", a" },
		/* what can't be a signature is the predicate */
		{ "p:c:f(arg1 == 2)", "p lib=c func=f if arg1 == 2" },
		{ "p:c:f(arg1)", "p lib=c func=f if arg1" },
		{ "p:c:f(arg1 * arg2)", "p lib=c func=f if arg1 * arg2" },
		{ "p:c:f(x)", "p lib=c func=f if x" },
		{ "p:c:f(!x)", "p lib=c func=f if !x" },
		{ "r:c:f((int)retval < 0)", "r lib=c func=f if (int)retval < 0" },
		{ "t:a:b(args->x == 1)", "t lib= category=a func=b if args->x == 1" },
		{ "u:a:b(arg1 == 1)", "u lib=a func=b if arg1 == 1" },
	};

	(void)state;
	expect_specs(rows, ARRAY_SIZE(rows));
}

/* BCC's own examples (man page and trace_example.txt). */
static void test_bcc_examples(void **state)
{
	static const struct row rows[] = {
		{ "p:c:write(int fd, const void *buf, size_t count) (count > 1024) \"%d\", fd",
		  "p lib=c func=write (int fd, void *buf, size_t count) if count > 1024 \"%d\", fd" },
		{ "do_sys_open \"%s\", arg2@user", "p lib= func=do_sys_open \"%s\", arg2@user" },
		{ "do_sys_open \"%s\", arg2", "p lib= func=do_sys_open \"%s\", arg2" },
		{ "r:bash:readline \"%s\", retval", "r lib=bash func=readline \"%s\", retval" },
		{ "c:open (arg2 == 42) \"%s %d\", arg1, arg2",
		  "p lib=c func=open if arg2 == 42 \"%s %d\", arg1, arg2" },
		{ "t:block:block_rq_complete \"sectors=%d\", args->nr_sector",
		  "t lib= category=block func=block_rq_complete \"sectors=%d\", args->nr_sector" },
		{ "u:pthread:pthread_create (arg4 != 0)",
		  "u lib=pthread func=pthread_create if arg4 != 0" },
		{ "p::SyS_nanosleep(struct timespec *ts) \"sleep for %lld ns\", ts->tv_nsec",
		  "p lib= func=SyS_nanosleep (struct timespec *ts) \"sleep for %lld ns\", ts->tv_nsec" },
		{ "sys_read (arg3 > 20000) \"read %d bytes\", arg3",
		  "p lib= func=sys_read if arg3 > 20000 \"read %d bytes\", arg3" },
		{ "c:malloc \"size = %d\", arg1", "p lib=c func=malloc \"size = %d\", arg1" },
		{ "p:c:write (arg1 == 1) \"writing %d bytes to STDOUT\", arg3",
		  "p lib=c func=write if arg1 == 1 \"writing %d bytes to STDOUT\", arg3" },
		{ "r::__kmalloc (retval == 0) \"kmalloc failed!\"",
		  "r lib= func=__kmalloc if retval == 0 \"kmalloc failed!\"" },
		{ "r:c:malloc (retval) \"allocated = %x\", retval",
		  "r lib=c func=malloc if retval \"allocated = %x\", retval" },
		{ "::do_nanosleep \"%d %K %U\", arg2",
		  "p lib= func=do_nanosleep \"%d %K %U\", arg2" },
		{ "p::kernel_read(struct file *file) \"%s\", file->f_path.dentry->d_name.name",
		  "p lib= func=kernel_read (struct file *file) \"%s\", file->f_path.dentry->d_name.name" },
		{ "p:c:open (STRCMP(\"test.txt\", arg1)) \"opening %s\", arg1",
		  "p lib=c func=open if STRCMP(\"test.txt\", arg1) \"opening %s\", arg1" },
		{ "sys_write (arg1 == 1 && arg3 > 5) \"%d\" $cpu",
		  "p lib= func=sys_write if (arg1 == 1) && (arg3 > 5) \"%d\", $cpu" },
		{ "p::ip_rcv(struct sk_buff *skb, struct net_device *dev) \"%s\" dev->name",
		  "p lib= func=ip_rcv (struct sk_buff *skb, struct net_device *dev) \"%s\", dev->name" },
		{ "/usr/bin/redis-server:createStringObject \"%s\" arg1",
		  "p lib=/usr/bin/redis-server func=createStringObject \"%s\", arg1" },
		{ "c:f \"just text\"", "p lib=c func=f \"just text\"" },
	};

	(void)state;
	expect_specs(rows, ARRAY_SIZE(rows));
}

static void expect_expr(const char *text, const char *expected)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct expr *e;
	char buf[512];

	if (parse_expr(arena, text, &e, &diag))
		fail_msg("%s: column %d: %s", text, diag.column, diag.text);
	if (strcmp(ast_print_expr(e, false, buf, sizeof(buf)), expected) != 0)
		fail_msg("%s\n  gives    %s\n  expected %s", text, buf, expected);
	/* What is printed means the same. */
	if (parse_expr(arena, expected, &e, &diag))
		fail_msg("%s: column %d: %s", expected, diag.column, diag.text);
	assert_string_equal(ast_print_expr(e, false, buf, sizeof(buf)), expected);
	arena_free(arena);
}

static void test_expressions(void **state)
{
	static const struct row rows[] = {
		{ "1+2*3", "1 + (2 * 3)" },
		{ "(1+2)*3", "(1 + 2) * 3" },
		{ "1-2-3", "(1 - 2) - 3" },
		{ "a/b%c*d", "((a / b) % c) * d" },
		{ "a<<b+c", "a << (b + c)" },
		{ "a<b==c>d", "(a < b) == (c > d)" },
		{ "a==b&c^d|e", "(((a == b) & c) ^ d) | e" },
		{ "a|b&&c||d&&e", "((a | b) && c) || (d && e)" },
		{ "a?b:c?d:e", "a ? b : (c ? d : e)" },
		{ "a||b?c:d", "(a || b) ? c : d" },
		{ "a?b?1:2:3", "a ? (b ? 1 : 2) : 3" },
		{ "-~!a", "-(~(!a))" },
		{ "- -a", "-(-a)" },
		{ "+a", "a + 0" },
		{ "!a==b", "!a == b" },
		{ "*a.b", "*a.b" },
		{ "(*a).b", "(*a).b" },
		{ "&a->b[1].c", "&a->b[1].c" },
		{ "**a", "**a" },
		{ "-a.b", "-a.b" },
		{ "a[b+1][2]", "a[b + 1][2]" },
		{ "args->a.b->c", "args->a.b->c" },
		{ "(int)a", "(int)a" },
		{ "(unsigned int)-1", "(unsigned int)-1" },
		{ "(int)(long)a+b", "(int)(long)a + b" },
		{ "(struct sock *)arg1", "(struct sock *)arg1" },
		{ "((struct sock *)arg1)->a", "((struct sock *)arg1)->a" },
		{ "(robj *)arg1", "(robj *)arg1" },
		{ "(robj **)arg1", "(robj **)arg1" },
		{ "(const char *const *)arg1", "(char **)arg1" },
		{ "(const char __user *)arg1", "(char __user *)arg1" },
		{ "(robj)arg1", "(robj)arg1" },
		{ "(a)-b", "a - b" },
		{ "(a)*b", "a * b" },
		{ "(arg1)+1", "arg1 + 1" },
		{ "(u32)a", "(u32)a" },
		{ "sizeof(int)", "sizeof(int)" },
		{ "sizeof (struct x *)", "sizeof(struct x *)" },
		{ "sizeof a+1", "sizeof(a) + 1" },
		{ "sizeof(arg1)", "sizeof(arg1)" },
		{ "sizeof(int)*2", "sizeof(int) * 2" },
		{ "offsetof(struct x, a.b[1])+1", "(unsigned long)&((struct x *)0)->a.b[1] + 1" },
		{ "container_of(p->m, struct x, m)->n",
		  "((struct x *)((char *)p->m - (unsigned long)&((struct x *)0)->m))->n" },
		{ "arg2@user", "arg2@user" },
		{ "*arg2@user", "*arg2@user" },
		{ "a->b@user", "a->b@user" },
		{ "(a + b)@user", "(a + b)@user" },
		{ "STRCMP(\"a\\\"b\\n\", arg1)", "STRCMP(\"a\\\"b\\012\", arg1)" },
		{ "STRNCMP(\"abc\", $comm, 2) || 0", "STRNCMP(\"abc\", $comm, 2) || 0" },
		{ "0x1F", "31" },
		{ "017", "15" },
		{ "0", "0" },
		{ "0b101", "5" },
		{ "5u", "5u" },
		{ "5UL", "5uL" },
		{ "5llu", "5uL" },
		{ "18446744073709551615u", "18446744073709551615u" },
		{ "'A'", "65" },
		{ "'\\n'", "10" },
		{ "'\\0'", "0" },
		{ "'\\''", "39" },
		{ "'\"'", "34" },
		{ "$retval + $pid", "$retval + $pid" },
		{ "a\n+\t b ", "a + b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_expr(rows[i].spec, rows[i].expected);
}

/* Each field as the printer will see it. */
static const char *text_of_format(struct text *t, const struct spec_format *format)
{
	t->len = 0;
	t->bytes[0] = '\0';
	for (unsigned int i = 0; i < format->field_count; i++) {
		const struct field *f = &format->fields[i];

		text_add(t, "%s[%.*s]@%d %c%u%c", i ? " " : "", (int)(f->fmt_end - f->fmt_start),
			 format->text + f->fmt_start, f->pos, f->conv, f->int_size,
			 f->is_signed ? 's' : 'u');
		if (f->width >= 0)
			text_add(t, " w%d", f->width);
		if (f->precision >= 0)
			text_add(t, " p%d", f->precision);
		text_add(t, "%s%s%s%s%s", f->minus ? " -" : "", f->zero ? " 0" : "",
			 f->plus ? " +" : "", f->space ? " blank" : "", f->alt ? " #" : "");
		text_add(t, " k%d", f->kind);
	}
	return t->bytes;
}

static void test_formats(void **state)
{
	static const struct row rows[] = {
		{ "f \"%d\"", "[%d]@3 d4s k0" },
		{ "f \"%hhd%hi%d%li%lld\"",
		  "[%hhd]@3 d1s k0 [%hi]@7 i2s k0 [%d]@10 d4s k0 [%li]@12 i8s k0 [%lld]@15 d8s k0" },
		{ "f \"%zu %jx %tX %o\"",
		  "[%zu]@3 u8u k0 [%jx]@7 x8u k0 [%tX]@11 X8u k0 [%o]@15 o4u k0" },
		{ "f \"%c%p\"", "[%c]@3 c1s k0 [%p]@5 p8u k0" },
		{ "f \"%-10s|%.5s|%.s\"",
		  "[%-10s]@3 s0u w10 - k1 [%.5s]@9 s0u p5 k1 [%.s]@14 s0u p0 k1" },
		{ "f \"%.*s\"", "[%.*s]@3 s0u k2" },
		{ "f \"%-20.*s\"", "[%-20.*s]@3 s0u w20 - k2" },
		{ "f \"%#010x % +d\"", "[%#010x]@3 x4u w10 0 # k0 [% +d]@10 d4s + blank k0" },
		{ "f \"%08.3lu\"", "[%08.3lu]@3 u8u w8 p3 0 k0" },
		{ "f \"%K%U\"", "[%K]@3 K0u k3 [%U]@5 U0u k4" },
		{ "f \"100%% %d\"", "[%d]@9 d4s k0" },
		{ "f \"%%d\"", "" },
		/* escapes move what follows them */
		{ "f \"\\t\\x41\\\"%d\"", "[%d]@11 d4s k0" },
		{ "f \"\\x25d\"", "[%d]@3 d4s k0" },
	};
	struct text t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena *arena = arena_new();
		struct diag diag;
		struct spec *spec;

		if (parse_spec(arena, rows[i].spec, &spec, &diag))
			fail_msg("%s: column %d: %s", rows[i].spec, diag.column, diag.text);
		assert_string_equal(text_of_format(&t, &spec->format), rows[i].expected);
		arena_free(arena);
	}
}

static void test_format_text_is_unescaped(void **state)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct spec *spec;

	(void)state;
	assert_int_equal(parse_spec(arena, "f \"a\\tb\\n\\\\\\\"\\x41\\101\\e%%\"", &spec, &diag),
			 0);
	assert_string_equal(spec->format.text, "a\tb\n\\\"AA\033%%");
	assert_int_equal(spec->format.len, 11);
	assert_int_equal(spec->format.pos, 2);
	arena_free(arena);
}

struct bad_row {
	const char *spec;
	int column;
	const char *text;
};

static const struct bad_row bad_specs[] = {
	{ "p:\"/a", 3, "a closing '\"' is missing" },
	{ "", 1,
	  "a probe is missing, as in p:c:malloc, r:c:malloc, t:sched:sched_switch, "
	  "u:pthread:pthread_create" },
	{ "  \"%d\"", 3, NULL },
	{ "(arg1)", 1, NULL },
	{ "p:malloc", 3,
	  "a library is missing: write p:LIB:malloc, or p::malloc for the kernel's" },
	{ "r:malloc", 3,
	  "a library is missing: write r:LIB:malloc, or r::malloc for the kernel's" },
	{ "p:c:", 5, "the function's name is missing" },
	{ "c:", 3, "the function's name is missing" },
	{ "q:c:malloc", 1, "'q' is not a kind of probe: there are p, r, t and u" },
	{ "kprobe:vfs_read", 1, "kprobe:vfs_read is written p::vfs_read" },
	{ "uretprobe:/bin/bash:main", 1, "uretprobe:/bin/bash:main is written r:/bin/bash:main" },
	{ "tracepoint:sched:sched_switch", 1,
	  "tracepoint:sched:sched_switch is written t:sched:sched_switch" },
	{ "std::f", 1, "'std' is not a kind of probe: there are p, r, t and u" },
	{ "p:c:+4", 5, "there is no function before '+'" },
	{ "p:c:f+g", 7, "'g' is not an offset: a number of bytes is" },
	{ "p:c:f+0x", 7, "'0x' is not an offset: a number of bytes is" },
	{ "r:c:f+4", 5, "a function's return has no offset" },
	{ "p:c:0x12g", 5, "'0x12g' is not an address" },
	{ "p:c:0x11112222333344445", 5, "'0x11112222333344445' is not an address" },
	{ "r:b:file.c:42", 5, "a line has no return: use p: instead of r:" },
	{ "p:b:file.c:0", 12, "'0' is not a line's number" },
	{ "p:b:file.c:99999999999999999999", 12, "'99999999999999999999' is not a line's number" },
	{ "t:sched", 1, "a tracepoint is written t:CATEGORY:EVENT, as in t:sched:sched_switch" },
	{ "t::x", 1, "a tracepoint is written t:CATEGORY:EVENT, as in t:sched:sched_switch" },
	{ "t:a:b:c", 1, "a tracepoint is written t:CATEGORY:EVENT, as in t:sched:sched_switch" },
	{ "u:x", 1, "a USDT probe is written u:LIB:PROBE or u:LIB:PROVIDER:PROBE" },
	{ "u:x:", 1, "a USDT probe is written u:LIB:PROBE or u:LIB:PROVIDER:PROBE" },
	{ "u:a:b:c:d", 1, "a USDT probe is written u:LIB:PROBE or u:LIB:PROVIDER:PROBE" },

	/* signatures */
	{ "p:c:write(int fd, size_t 3)", 26, "expected ',' or ')' in the signature, not '3'" },
	{ "p:c:f(int a", 12, "expected ',' or ')' in the signature, not the end" },
	{ "p:c:f(int a,)", 13, "expected a type, not ')'" },
	{ "p:c:f(struct)", 13, "expected a name after 'struct', not ')'" },
	{ "p:c:f(int $x)", 11, "'$x' can't be a parameter's name" },
	{ "p:c:f(int m[2][2])", 15,
	  "a parameter can't be an array of arrays here; write a pointer" },
	{ "p:c:f(int (cmp)(int))", 12, "expected '*', as in void (*function)(int)" },
	{ "p:c:f(int (*cmp)(int)", 22, "expected ',' or ')' in the signature, not the end" },
	{ "p:c:f(int (*cmp)(int", 21, "a ')' is missing" },
	{ "p:c:f(int *********p)", 19, "a type has at most 8 '*'" },

	/* predicates */
	{ "p:c:f ()", 7, "the predicate is empty" },
	{ "p:c:f (arg1", 12, "expected ')' at the end of the predicate, not the end" },
	{ "p:c:f (arg1 = 5)", 13,
	  "'=' would assign, which no expression here does (did you mean '=='?)" },
	{ "p:c:f ((arg1 = 5))", 14,
	  "'=' would assign, which no expression here does (did you mean '=='?)" },
	{ "p:c:f arg1 > 5", 7,
	  "expected a (predicate) in parentheses or a \"format\" in double quotes here, not 'arg1'" },
	{ "p:c:f (arg1 > 5) && (arg2 < 3)", 18,
	  "the predicate has ended here: write parentheses around the whole of it" },
	{ "p:c:f (arg1) arg2", 14,
	  "expected a \"format\" in double quotes after the predicate, not 'arg2'" },
	{ "p:c:f (arg1 arg2)", 13, "expected ')' at the end of the predicate, not 'arg2'" },
	{ "p:c:f (arg1 >)", 14, "expected a value, not ')'" },
	{ "p:c:f (int > 1)", 8,
	  "expected a value, not 'int'; a type is written in parentheses, as in (int)arg1" },
	{ "p:c:f (&& arg1)", 8, "expected a value, not '&&'" },
	{ "p:c:f (arg1++)", 12, "'++' would change a variable, which no expression here does" },
	{ "p:c:f (--arg1)", 8, "'--' would change a variable, which no expression here does" },
	{ "p:c:f (arg1 ? 1)", 16, "expected ':' and another value after the one for '?', not ')'" },
	{ "p:c:f (arg1[1)", 14, "expected ']' after the index, not ')'" },
	{ "p:c:f (arg1->3)", 14, "expected a field's name after '->', not '3'" },
	{ "p:c:f (arg1@kernel)", 13, "expected 'user' after '@', not 'kernel'" },
	{ "p:c:f ((int *arg1)", 14, "expected ')' after the type, not 'arg1'" },
	{ "p:c:f (1.5 > arg1)", 8,
	  "'1.5' is a floating-point constant: only integers are supported" },
	{ "p:c:f (1e5 > arg1)", 8,
	  "'1e5' is a floating-point constant: only integers are supported" },
	{ "p:c:f (12ab)", 8, "'12ab' is not a number" },
	{ "p:c:f (5lul)", 8, "'5lul' is not a number" },
	{ "p:c:f (089)", 8, "'089' is not an octal number" },
	{ "p:c:f (99999999999999999999)", 8, "'99999999999999999999' does not fit into 64 bits" },
	{ "p:c:f (0x)", 8, "'0x' is not a number" },
	{ "p:c:f ('ab')", 8, "'ab' is not one character; text is written in double quotes" },
	{ "p:c:f ('')", 8, "'' is not one character; text is written in double quotes" },
	{ "p:c:f ('a", 8, "the closing ' is missing" },
	{ "p:c:f (#)", 8, "'#' has no meaning here" },
	{ "p:c:f (\x01)", 8, "byte 0x01 has no meaning here" },
	{ "p:c:f (foo(1))", 8,
	  "there is no function 'foo': only STRCMP, STRNCMP, offsetof and container_of can be called" },
	{ "p:c:f (strcmp(\"a\", arg1))", 8,
	  "there is no function 'strcmp' (did you mean 'STRCMP'?)" },
	{ "p:c:f (STRCMP(arg1, \"a\"))", 15,
	  "STRCMP's first argument is a text in double quotes, as in "
	  "STRCMP(\"text\", arg1)" },
	{ "p:c:f (STRNCMP(\"a\", arg1))", 25,
	  "expected ',' and a length after STRNCMP's second argument, not ')'" },
	{ "p:c:f (STRCMP(\"a\" arg1))", 19, "expected ',' after STRCMP's text, not 'arg1'" },
	{ "p:c:f (STRCMP(\"a\", arg1, 1))", 24, "expected ')' after STRCMP's arguments, not ','" },

	/* formats */
	{ "p:c:f \"%d", 7, "the closing \" is missing" },
	{ "p:c:f \"%d\\\"", 7, "the closing \" is missing" },
	{ "p:c:f '%d'", 7, "'%d' is not one character; text is written in double quotes" },
	{ "p:c:f \"a%\"", 9, "'%' is not complete (write %% for a percent sign)" },
	{ "p:c:f \"a%-5l\"", 9, "'%-5l' is not complete (write %% for a percent sign)" },
	{ "p:c:f \"%f\"", 8,
	  "'%f': floating-point values are printed with %O; there are d i u x X o c p s T K U O" },
	{ "p:c:f \"%q\"", 8,
	  "'%q' is not a conversion; there are d i u x X o c p s T K U O, and %% for a "
	  "percent sign" },
	{ "p:c:f \"%*d\"", 9,
	  "a width can't be given by an argument; only the length in %.*s can" },
	{ "p:c:f \"%.*d\"", 8, "'%.*d': a precision given by an argument is for %.*s only" },
	{ "p:c:f \"%ls\"", 8, "'%ls': %s takes no length modifier" },
	{ "p:c:f \"%lc\"", 8, "'%lc': %c takes no length modifier" },
	{ "p:c:f \"%5K\"", 8, "'%5K': %K takes no flags, width or precision" },
	{ "p:c:f \"%.2c\"", 8, "'%.2c': %c takes no precision" },
	{ "p:c:f \"%1025d\"", 9, "a width is at most 1024" },
	{ "p:c:f \"%.99999999999999d\"", 10, "a precision is at most 1024" },
	{ "p:c:f \"\\q\"", 8,
	  "'\\q' is not an escape sequence: there are \\n \\t \\r \\a \\b \\f \\v \\e \\\\ "
	  "\\\" \\' \\xHH and octal \\NNN" },
	{ "p:c:f \"\\xz\"", 8, "'\\x' needs hexadecimal digits after it" },
	{ "p:c:f \"\\777\"", 8, "'\\777' does not fit into a byte" },
	{ "p:c:f \"a\\0b\"", 9, "a NUL byte would end the text here" },
	{ "p:c:f \"%d\",", 12, "expected a value, not the end" },
	{ "p:c:f \"%d\", arg1,", 18, "expected a value, not the end" },
	{ "p:c:f \"%d\", arg1 arg2", 18,
	  "expected ',' or the end after the expression, not 'arg2'" },
	{ "p:c:f \"%d\", arg1)", 17, "expected ',' or the end after the expression, not ')'" },
	{ "p:c:f \"%d\", arg1 = 1", 18,
	  "'=' would assign, which no expression here does (did you mean '=='?)" },
};

static void test_errors(void **state)
{
	unsigned int failed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_specs); i++) {
		const struct bad_row *row = &bad_specs[i];
		struct arena *arena = arena_new();
		struct diag diag;
		struct spec *spec;

		if (parse_spec(arena, row->spec, &spec, &diag) != -EINVAL ||
		    diag.column != row->column ||
		    (row->text && strcmp(diag.text, row->text) != 0)) {
			failed++;
			print_error("%s\n  gives    %d: %s\n  expected %d: %s\n", row->spec,
				    diag.column, diag.text, row->column,
				    row->text ? row->text : "");
		}
		arena_free(arena);
	}
	assert_int_equal(failed, 0);
}

static void test_list_patterns(void **state)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct spec *spec;
	struct text t;

	(void)state;
	assert_int_equal(parse_target(arena, " u:/usr/bin/python3.11:* ", &spec, &diag), 0);
	assert_string_equal(text_of_spec(&t, spec), "u lib=/usr/bin/python3.11 func=* pattern");
	assert_int_equal(parse_target(arena, "t:sched:* \"x\"", &spec, &diag), -EINVAL);
	assert_int_equal(diag.column, 11);
	assert_string_equal(diag.text, "a pattern to list ends before \"x\"");
	arena_free(arena);
}

/* "((((1))))" and relatives, of a size that would overflow a stack if each level took one frame. */
static void expect_too_deep(const char *open, const char *inner, const char *close, size_t levels)
{
	size_t open_len = strlen(open), close_len = strlen(close);
	char *text = malloc(levels * (open_len + close_len) + strlen(inner) + 1), *to = text;
	struct arena *arena = arena_new();
	struct diag diag;
	struct expr *e;

	for (size_t i = 0; i < levels; i++, to += open_len)
		memcpy(to, open, open_len);
	memcpy(to, inner, strlen(inner));
	to += strlen(inner);
	for (size_t i = 0; i < levels; i++, to += close_len)
		memcpy(to, close, close_len);
	*to = '\0';
	assert_int_equal(parse_expr(arena, text, &e, &diag), -EINVAL);
	assert_string_equal(diag.text, "the expression is nested more than 200 levels deep");
	arena_free(arena);
	free(text);
}

static void test_nesting_is_limited(void **state)
{
	(void)state;
	expect_too_deep("(", "1", ")", 20000);
	expect_too_deep("-(", "1", ")", 20000);
	expect_too_deep("- ", "1", "", 20000);
	expect_too_deep("(int)", "1", "", 20000);
	expect_too_deep("", "1", "+1", 20000);
	expect_too_deep("", "a", "[0]", 20000);
	expect_too_deep("", "a", "->b", 20000);
	expect_too_deep("1?2:", "3", "", 20000);
	expect_too_deep("1?", "2", ":3", 20000);
	expect_too_deep("sizeof ", "a", "", 20000);
	expect_too_deep("STRCMP(\"a\",", "b", ")", 5000);
}

static void test_150_levels_are_accepted(void **state)
{
	char text[512] = "";
	struct arena *arena = arena_new();
	struct diag diag;
	struct expr *e;

	(void)state;
	memset(text, '(', 150);
	text[150] = '1';
	memset(text + 151, ')', 150);
	assert_int_equal(parse_expr(arena, text, &e, &diag), 0);
	arena_free(arena);
}

static void test_a_huge_spec_is_refused(void **state)
{
	char *text = malloc(100001);
	struct arena *arena = arena_new();
	struct diag diag;
	struct spec *spec;

	(void)state;
	memset(text, 'a', 100000);
	text[100000] = '\0';
	assert_int_equal(parse_spec(arena, text, &spec, &diag), -EINVAL);
	assert_string_equal(diag.text, "the probe is longer than 65536 bytes");
	assert_int_equal(diag.column, 0);
	arena_free(arena);
	free(text);
}

static void test_printing_is_cut_at_the_buffer(void **state)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct expr *e;
	char buf[8];

	(void)state;
	assert_int_equal(parse_expr(arena, "alpha + beta", &e, &diag), 0);
	assert_string_equal(ast_print_expr(e, false, buf, sizeof(buf)), "alpha +");
	assert_string_equal(ast_print_expr(e, false, buf, 1), "");
	arena_free(arena);
}

static void test_control_characters_stay_out_of_messages(void **state)
{
	struct arena *arena = arena_new();
	struct diag diag;
	struct spec *spec;

	(void)state;
	assert_int_equal(parse_spec(arena, "q\033[2J:x:y", &spec, &diag), -EINVAL);
	assert_null(strchr(diag.text, '\033'));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_bcc_examples),
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_format_text_is_unescaped),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_list_patterns),
		cmocka_unit_test(test_nesting_is_limited),
		cmocka_unit_test(test_150_levels_are_accepted),
		cmocka_unit_test(test_a_huge_spec_is_refused),
		cmocka_unit_test(test_printing_is_cut_at_the_buffer),
		cmocka_unit_test(test_control_characters_stay_out_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
