/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Type names in all of C's spellings, declarations, members; and the arena that types live in.
 */
#include <array_size.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <cmocka.h>

#include "types/arena.h"
#include "types/type.h"

/* The compiler tells the size and sign. */
#define T(...)                                                                      \
	{                                                                           \
#__VA_ARGS__, sizeof(__VA_ARGS__), (__VA_ARGS__)-1 < (__VA_ARGS__)1 \
	}

static const struct {
	const char *name;
	size_t size;
	bool is_signed;
} basics[] = {
	T(char),
	T(signed char),
	T(unsigned char),
	T(char unsigned),
	T(short),
	T(short int),
	T(signed short),
	T(short signed int),
	T(unsigned short),
	T(int short unsigned),
	T(int),
	T(signed),
	T(signed int),
	T(int signed),
	T(unsigned),
	T(unsigned int),
	T(int unsigned),
	T(long),
	T(long int),
	T(int long signed),
	T(unsigned long),
	T(long unsigned int),
	T(unsigned long int),
	T(long long),
	T(long long int),
	T(long int long),
	T(signed long long),
	T(unsigned long long),
	T(long unsigned long),
	T(long long unsigned int),
	T(const int),
	T(int const),
	T(volatile long),
	T(size_t),
	T(ssize_t),
	T(ptrdiff_t),
	T(uintptr_t),
	T(intptr_t),
	T(uint8_t),
	T(int8_t),
	T(uint16_t),
	T(int16_t),
	T(uint32_t),
	T(int32_t),
	T(uint64_t),
	T(int64_t),
	T(uintmax_t),
	T(intmax_t),
	T(pid_t),
	T(uid_t),
	T(gid_t),
	T(id_t),
	T(key_t),
	T(mode_t),
	T(dev_t),
	T(ino_t),
	T(off_t),
	T(loff_t),
	T(time_t),
	T(clock_t),
	T(clockid_t),
	T(suseconds_t),
	T(wchar_t),
	T(blkcnt_t),
	T(ulong),
	T(uint),
	T(ushort),
};

static void test_basic_types_are_the_compilers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(basics); i++) {
		const struct type *type = type_basic(basics[i].name, strlen(basics[i].name));

		if (!type || type->kind != TYPE_INT || type->size != basics[i].size ||
		    type->is_signed != basics[i].is_signed)
			fail_msg("%s", basics[i].name);
	}
}

static void test_other_types(void **state)
{
	(void)state;
	assert_int_equal(type_basic("void", 4)->kind, TYPE_VOID);
	assert_int_equal(type_basic("double", 6)->kind, TYPE_FLOAT);
	assert_int_equal(type_basic("long double", 11)->size, 16);
	assert_true(type_basic("bool", 4)->is_bool);
	assert_true(type_basic("_Bool", 5)->is_bool);
	assert_true(type_basic("char", 4)->is_char);
	assert_false(type_basic("u8", 2)->is_char);
	assert_int_equal(type_basic("umode_t", 7)->size, 2);
	assert_string_equal(type_basic("size_t", 6)->name, "size_t");
	assert_true(type_unknown()->is_unknown);
}

static void test_what_is_no_basic_type(void **state)
{
	static const char *const names[] = {
		"",
		" ",
		"const",
		"foo",
		"int int",
		"short long",
		"long long long",
		"long long long long",
		"unsigned signed",
		"unsigned void",
		"char int",
		"unsigned float",
		"long float",
		"u32 u32",
		"unsigned u32",
		"u32 int",
		"struct x",
		"unsigned bool",
		"in",
		"intt",
		"long double int",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (type_basic(names[i], strlen(names[i])))
			fail_msg("'%s'", names[i]);
}

static void test_every_suggested_name_is_a_word(void **state)
{
	size_t n;

	(void)state;
	for (n = 0; type_basic_name(n); n++)
		assert_true(type_basic_name(n)[0]);
	assert_true(n > 50);
}

static void test_declarations(void **state)
{
	struct arena *arena = arena_new();
	const struct type *character = type_char(), *pointer, *row, *matrix;
	static const struct type function = { .kind = TYPE_FUNC };
	char buf[64];

	(void)state;
	pointer = type_pointer(arena, character, SPACE_USER);
	row = type_array(arena, type_int(4, true), 3);
	matrix = type_array(arena, row, 2);
	assert_string_equal(pointer->name, "char *");
	assert_string_equal(type_pointer(arena, pointer, SPACE_USER)->name, "char **");
	assert_string_equal(type_declare(pointer, "s", buf, sizeof(buf)), "char *s");
	assert_string_equal(type_declare(character, "c", buf, sizeof(buf)), "char c");
	assert_string_equal(type_declare(matrix, "m", buf, sizeof(buf)), "int m[2][3]");
	assert_int_equal(matrix->size, 24);
	assert_string_equal(type_declare(type_array(arena, pointer, 4), "v", buf, sizeof(buf)),
			    "char *v[4]");
	assert_string_equal(type_declare(type_pointer(arena, row, SPACE_USER), "p", buf,
					 sizeof(buf)),
			    "int (*p)[3]");
	assert_string_equal(type_declare(type_pointer(arena, &function, SPACE_USER), "f", buf,
					 sizeof(buf)),
			    "void (*f)()");
	assert_string_equal(type_declare(type_array(arena, character, 0), "x", buf, sizeof(buf)),
			    "char x[]");
	assert_string_equal(type_declare(pointer, "name", buf, 8), "char *n");
	arena_free(arena);
}

static void test_an_array_too_large_for_its_size_has_none(void **state)
{
	struct arena *arena = arena_new();
	const struct type *type = type_array(arena, type_int(8, true), 0x40000000);

	(void)state;
	assert_int_equal(type->size, 0);
	assert_int_equal(type->count, 0);
	arena_free(arena);
}

static void test_members_of_anonymous_structures(void **state)
{
	struct type inner = { .kind = TYPE_STRUCT, .name = "struct {}", .count = 1 };
	struct type outer = { .kind = TYPE_STRUCT, .name = "struct outer", .count = 2 };
	struct type_member inner_members[] = { { .name = "deep", .offset = 4 } };
	struct type_member outer_members[] = { { .name = "", .type = &inner, .offset = 8 },
					       { .name = "flat", .offset = 32 } };
	uint32_t offset;

	(void)state;
	inner_members[0].type = outer_members[1].type = type_char();
	inner.members = inner_members;
	outer.members = outer_members;
	assert_ptr_equal(type_find_member(&outer, "deep", 4, &offset), &inner_members[0]);
	assert_int_equal(offset, 12);
	assert_ptr_equal(type_find_member(&outer, "flat", 4, &offset), &outer_members[1]);
	assert_int_equal(offset, 32);
	assert_null(type_find_member(&outer, "fla", 3, &offset));
	assert_null(type_find_member(&outer, "", 0, &offset));
	assert_null(type_find_member(type_char(), "x", 1, &offset));
	/* Broken type information must not lead around in a circle. */
	inner_members[0] = (struct type_member){ .name = "", .type = &inner };
	assert_null(type_find_member(&outer, "deep", 4, &offset));
}

static void test_kinds(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_true(type_is_string(type_pointer(arena, type_char(), SPACE_USER)));
	assert_true(type_is_string(type_array(arena, type_char(), 16)));
	assert_false(type_is_string(type_array(arena, type_basic("u8", 2), 16)));
	assert_false(type_is_string(type_char()));
	assert_true(type_is_scalar(type_char()));
	assert_false(type_is_scalar(type_void()));
	assert_false(type_is_scalar(type_array(arena, type_char(), 1)));
	arena_free(arena);
}

static void test_arena_gives_zeroed_aligned_separate_blocks(void **state)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 100, 8191, 8192, 8193, 100000, 3 };
	struct arena *arena = arena_new();
	char *blocks[ARRAY_SIZE(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		blocks[i] = arena_alloc(arena, sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], 0);
		memset(blocks[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], i + 1);
	assert_string_equal(arena_strndup(arena, "hello", 3), "hel");
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 8));
	arena_free(arena);
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic_types_are_the_compilers),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_what_is_no_basic_type),
		cmocka_unit_test(test_every_suggested_name_is_a_word),
		cmocka_unit_test(test_declarations),
		cmocka_unit_test(test_an_array_too_large_for_its_size_has_none),
		cmocka_unit_test(test_members_of_anonymous_structures),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_arena_gives_zeroed_aligned_separate_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
