/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Constant expressions against the C compiler that builds this test: it gives the values and types.
 */
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wparentheses"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Woverflow"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wconstant-conversion"
#pragma GCC diagnostic ignored "-Wtautological-compare"
#pragma GCC diagnostic ignored "-Wconstant-logical-operand"
#else
#pragma GCC diagnostic ignored "-Wbool-compare"
#pragma GCC diagnostic ignored "-Wint-in-bool-context"
#endif

#include <array_size.h>
#include <elf.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "types/arena.h"
#include "probe/check/check.h"
#include "probe/check/fold.h"
#include "probe/spec/parse.h"

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;

/* An expression's text, value, size and sign, all from one writing of it. */
#define X(...)                                                                               \
	{                                                                                    \
#__VA_ARGS__, (uint64_t)(__VA_ARGS__), sizeof(__VA_ARGS__),                  \
			(__typeof__((__VA_ARGS__) + 0))-1 < (__typeof__((__VA_ARGS__) + 0))0 \
	}

static const struct {
	const char *text;
	uint64_t value;
	size_t size;
	bool is_signed;
} rows[] = {
	/* constants */
	X(0),
	X(1),
	X(2147483647),
	X(2147483648),
	X(4294967295),
	X(4294967296),
	X(0x7fffffff),
	X(0x80000000),
	X(0xffffffff),
	X(0x100000000),
	X(0x7fffffffffffffff),
	X(0x8000000000000000),
	X(0xffffffffffffffff),
	X(037777777777),
	X(0b1010),
	X(1u),
	X(1l),
	X(1ul),
	X(1ll),
	X(1LLU),
	X(4294967296u),
	X(9223372036854775807),
	X(0x80000000l),
	X('a'),
	X('\n'),
	X('\xff'),
	X('\0'),
	X('\\'),
	X('\''),
	X('\377'),
	/* signs and wrapping */
	X(-1),
	X(-1u),
	X(-2147483648),
	X(-2147483647 - 1),
	X(~0),
	X(~0u),
	X(~0l),
	X(~0ul),
	X(-0x80000000),
	X(0u - 1),
	X(0xffffffff + 1),
	X(4294967295u + 1u),
	X(4294967295u * 4294967295u),
	X(65536u * 65536u),
	X(0xffffffffu + 1l),
	X(1 - 2u),
	X(1 - 2ul),
	X(1u - 2l),
	X(2147483647 + 1l),
	X(2147483647u + 1),
	X(0xffffffffffffffffu + 2),
	X(-5 + 3u),
	X(-5 * 3u),
	X(0x123456789l * 16),
	X(0xdeadbeefu * 0xcafebabeul),
	/* division and remainder */
	X(7 / 2),
	X(-7 / 2),
	X(7 / -2),
	X(-7 / -2),
	X(7 % 3),
	X(-7 % 3),
	X(7 % -3),
	X(-7 % -3),
	X(-7 / 2u),
	X(-7 % 2u),
	X(7u / 2),
	X(-7l / 2u),
	X(-7l % 3u),
	X(-1 / 2ul),
	X(-1l / 1000u),
	X(0x8000000000000000u / 3),
	X(0xffffffffffffffffu % 10),
	/* shifts: the type is the promoted left operand's */
	X(1 << 30),
	X(1u << 31),
	X(1l << 63),
	X(1 << 4l),
	X(1l << 4),
	X(-8 >> 1),
	X(-8u >> 1),
	X(-8l >> 1),
	X(-8ul >> 1),
	X(0x80000000 >> 31),
	X(-2147483647 - 1 >> 31),
	X((char)-8 >> 1),
	X((u8)0xff << 4),
	X((u8)0x80 << 24 >> 31),
	X((u16)0xffff << 8),
	X(1ull << 40 >> 8),
	X(3 << 2 + 1),
	X(5 << 0),
	X(5 >> 0),
	X((s64)-1 >> 63),
	X((u64)-1 >> 63),
	/* bits */
	X(0xf0 & 0x3c),
	X(0xf0 | 0x0f),
	X(0xf0 ^ 0x3c),
	X(-1 & 0xff),
	X(-1 & 0xffu),
	X(-1 & 0xfful),
	X(-1 | 1u),
	X(-1l ^ 1u),
	X(~5 & 7),
	X((char)-1 & 0xff),
	X((u8)~0),
	X(~(u8)0),
	X(~(u16)0u),
	X(5 & 3 ^ 6 | 8),
	/* comparisons across signs and widths */
	X(-1 < 0),
	X(-1 < 0u),
	X(-1 < 0ul),
	X(-1 < 0l),
	X(-1l < 0u),
	X(-1 < 1u),
	X(-1l < 1u),
	X(-1 == -1u),
	X(-1 == 4294967295u),
	X(-1l == 4294967295u),
	X(-1 == 0xffffffffffffffffu),
	X(-1 > 1),
	X(1 > -1u),
	X(2147483648 > 0),
	X(0x80000000 > 0),
	X(-0x80000000 > 0),
	X(-2147483648 < 0),
	X(1 <= 1),
	X(1 >= 2),
	X(1 != 1),
	X((u8)255 == -1),
	X((s8)255 == -1),
	X((char)'\xff' < 0),
	X((u8)200 > (s8)-100),
	X((u16)65535 > -1),
	X((u32)-1 > -1),
	X((u64)-1 > (s64)-1),
	X((s64)-1 < (u32)1),
	X((u32)-1 == (s64)-1),
	X((u32)-1 == (u64)-1),
	X(3 > 2 > 1),
	X(1 < 2 == 1),
	/* casts */
	X((char)300),
	X((signed char)200),
	X((unsigned char)300),
	X((unsigned char)-1),
	X((short)70000),
	X((unsigned short)-1),
	X((short)-32769),
	X((int)0x1ffffffff),
	X((int)0x80000000),
	X((unsigned int)-1),
	X((unsigned)-1l),
	X((long)-1),
	X((long)-1u),
	X((long)(int)-1u),
	X((unsigned long)-1),
	X((unsigned long)-1u),
	X((unsigned long)(char)-1),
	X((unsigned int)(char)-1),
	X((unsigned long)(unsigned char)-1),
	X((u64)(u32)(s16)(u8)-1),
	X((s64)(s32)(u16)(s8)-1),
	X((long long)(short)0x8000),
	X((unsigned long long)(short)0x8000),
	X((bool)5),
	X((bool)0),
	X((bool)0x100),
	X((_Bool)-1),
	X((u8)(bool)256),
	X((bool)(u8)256),
	X((size_t)-1),
	X((ssize_t)-1),
	X((int8_t)128),
	X((uint16_t)65536),
	X((const int)5),
	X((char)(1 + 2) * 3),
	X((char)65 + 'A'),
	X((u8)200 + (u8)100),
	X((u8)(200 + 100)),
	X((s8)127 + 1),
	X((u16)65535 * (u16)1),
	X(-(u8)1),
	X(-(u32)1),
	X(+(char)-1),
	X(+(u8)255),
	X(~(s8)0),
	X(-(char)-128),
	X((s8) - (s8)-128),
	/* logic and choice */
	X(!0),
	X(!5),
	X(!!5),
	X(!-1l),
	X(!0x100000000),
	X(1 && 2),
	X(0 && 1),
	X(0 || 0),
	X(0 || 3),
	X(1 && 0 || 1),
	X(1 || 0 && 0),
	X(0x100000000 && 1),
	X(!(bool)2),
	X(1 ? 2 : 3),
	X(0 ? 2 : 3),
	X(1 ? -1 : 0u),
	X(0 ? 0u : -1),
	X(1 ? -1 : 0l),
	X(1 ? -1 : 0ul),
	X((1 ? -1 : 0u) < 0),
	X(1 ? (char)-1 : (char)1),
	X(0   ? 1
	  : 0 ? 2
	      : 3),
	X(1 ? 0 ? 5 : 6 : 7),
	X((1 ? (u8)1 : (s8)1)),
	X(1 ? 1 : 1u << 31),
	X((2 > 1) + (3 > 2)),
	X((1 == 1) << 3),
	X(-(1 == 1)),
	X(0 == 0 ? 0x80000000 : 0),
	/* sizes */
	X(sizeof(char)),
	X(sizeof(int)),
	X(sizeof(long)),
	X(sizeof(long long)),
	X(sizeof(void *)),
	X(sizeof(struct anything *)),
	X(sizeof(short)),
	X(sizeof(bool)),
	X(sizeof 1),
	X(sizeof 1l),
	X(sizeof(u8)),
	X(sizeof((u8)1)),
	X(sizeof((u8)1 + (u8)1)),
	X(sizeof - 1),
	X(sizeof(1u + 1l)),
	X(sizeof 'a'),
	X(sizeof(int) - 5),
	X(sizeof(int) > -1),
	X(-sizeof(int) < 0),
	X(sizeof(1 == 1)),
	X(sizeof(1 ? (char)1 : (char)2)),
	X(sizeof(float)),
	X(sizeof(double)),
	X(sizeof !1ul),
	X(sizeof(int) * 3 % 5),
	X(sizeof(char) == 1 && sizeof(uint64_t) == 8),
	/* precedence */
	X(1 + 2 * 3 - 4 / 2 % 2),
	X(1 + 2 << 3 - 1),
	X(1 | 2 == 2),
	X(6 & 3 == 3),
	X(1 < 2 & 3 > 2),
	X(-2 * -3 + -4),
	X(~1 + 1),
	X(!1 + 1),
	X(2 - -2),
	X(10 - 3 - 2),
	X(100 / 10 / 5),
	X(1 ? 2 : 3 + 4),
};

/* The value, promoted as a predicate's operand would be. */
static const struct expr *fold(struct arena *arena, const char *text)
{
	static const struct probe_context context = { .kind = SPEC_ENTRY, .machine = EM_X86_64 };
	struct checked *checked;
	struct spec *spec;
	struct diag diag;
	char buf[256];

	snprintf(buf, sizeof(buf), "p:c:f (%s)", text);
	if (parse_spec(arena, buf, &spec, &diag) || check_spec(spec, &context, &checked, &diag)) {
		print_error("%s: column %d: %s\n", text, diag.column, diag.text);
		return NULL;
	}
	return checked->predicate;
}

static void test_constants_are_what_the_compiler_says(void **state)
{
	unsigned int failed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena *arena = arena_new();
		const struct expr *e = fold(arena, rows[i].text);
		/* is_signed was asked of the promoted type. */
		bool is_signed = e && (e->type->is_signed || e->type->size < 4);

		if (!e || e->kind != EXPR_INT || e->value != rows[i].value ||
		    e->type->size != rows[i].size || is_signed != rows[i].is_signed) {
			failed++;
			print_error("%s: %" PRId64 " of %zu bytes, %ssigned; expected %" PRId64
				    " of %zu bytes, %ssigned\n",
				    rows[i].text, e ? (int64_t)e->value : 0,
				    e ? (size_t)e->type->size : 0, is_signed ? "" : "un",
				    (int64_t)rows[i].value, rows[i].size,
				    rows[i].is_signed ? "" : "un");
		}
		arena_free(arena);
	}
	assert_int_equal(failed, 0);
}

static const int64_t edges[] = {
	0,
	1,
	2,
	3,
	7,
	8,
	31,
	32,
	63,
	64,
	100,
	127,
	128,
	255,
	256,
	32767,
	32768,
	65535,
	65536,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	INT64_MAX,
	INT64_MIN,
	-1,
	-2,
	-7,
	-8,
	-128,
	-129,
	-32768,
	-0x80000000l,
	-0x80000001l,
};

/* Every operator on every pair of edge values of one C type; overflow wraps in this copy of it. */
#define EDGE_TEST(ctype, utype)                                                                 \
	static void test_folding_##ctype(void **state)                                          \
	{                                                                                       \
		const struct type *type = type_int(sizeof(ctype), (ctype)-1 < 0);               \
                                                                                                \
		(void)state;                                                                    \
		for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {                                \
			for (size_t j = 0; j < ARRAY_SIZE(edges); j++) {                        \
				ctype a = (ctype)edges[i], b = (ctype)edges[j];                 \
				unsigned int n = (unsigned int)b % (8 * sizeof(ctype));         \
				uint64_t ra = (uint64_t)a, rb = (uint64_t)b;                    \
                                                                                                \
				CHECK(OP_ADD, (ctype)((utype)a + (utype)b));                    \
				CHECK(OP_SUB, (ctype)((utype)a - (utype)b));                    \
				CHECK(OP_MUL, (ctype)((utype)a * (utype)b));                    \
				CHECK(OP_AND, a &b);                                            \
				CHECK(OP_OR, a | b);                                            \
				CHECK(OP_XOR, a ^ b);                                           \
				CHECK(OP_EQ, a == b);                                           \
				CHECK(OP_NE, a != b);                                           \
				CHECK(OP_LT, a < b);                                            \
				CHECK(OP_LE, a <= b);                                           \
				CHECK(OP_GT, a > b);                                            \
				CHECK(OP_GE, a >= b);                                           \
				if (b && !((ctype)-1 < 0 && b == (ctype)-1)) {                  \
					CHECK(OP_DIV, a / b);                                   \
					CHECK(OP_MOD, a % b);                                   \
				}                                                               \
				rb = n;                                                         \
				CHECK(OP_SHL, (ctype)((utype)a << n));                          \
				CHECK(OP_SHR, a >> n);                                          \
			}                                                                       \
			assert_int_equal(fold_unary(OP_NEG, type, (uint64_t)(ctype)edges[i]),   \
					 (uint64_t)(ctype)(0 - (utype)edges[i]));               \
			assert_int_equal(fold_unary(OP_COMPL, type, (uint64_t)(ctype)edges[i]), \
					 (uint64_t)(ctype) ~(ctype)edges[i]);                   \
		}                                                                               \
	}
#define CHECK(op, value) assert_int_equal(fold_binary(op, type, ra, rb), (uint64_t)(value))

typedef unsigned int uint;
typedef unsigned long ulong;
EDGE_TEST(int, uint)
EDGE_TEST(uint, uint)
EDGE_TEST(long, ulong)
EDGE_TEST(ulong, ulong)

static void test_the_overflowing_division_wraps(void **state)
{
	const struct type *type = type_int(8, true);

	(void)state;
	assert_int_equal(fold_binary(OP_DIV, type, (uint64_t)INT64_MIN, (uint64_t)-1), INT64_MIN);
	assert_int_equal(fold_binary(OP_MOD, type, (uint64_t)INT64_MIN, (uint64_t)-1), 0);
	type = type_int(4, true);
	assert_int_equal(fold_binary(OP_DIV, type, (uint64_t)INT32_MIN, (uint64_t)-1),
			 (uint64_t)INT32_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constants_are_what_the_compiler_says),
		cmocka_unit_test(test_folding_int),
		cmocka_unit_test(test_folding_uint),
		cmocka_unit_test(test_folding_long),
		cmocka_unit_test(test_folding_ulong),
		cmocka_unit_test(test_the_overflowing_division_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
