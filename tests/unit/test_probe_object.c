/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Bytes by their types as text: every kind of type, what is cut, and types made to harm.
 */
#include <array_size.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "probe/record/object.h"

#define MEMBERS(rows) .members = rows, .count = ARRAY_SIZE(rows)

static const struct type *number(unsigned int size, bool is_signed)
{
	return type_int(size, is_signed);
}

static void expect(const struct object *object, const char *wanted)
{
	struct record_text text = {};

	assert_int_equal(object_format(object, &text), 0);
	assert_string_equal(text.text, wanted);
	record_text_free(&text);
}

static void test_scalars_by_their_types(void **state)
{
	static const struct type yes = {
		.kind = TYPE_INT, .name = "bool", .size = 1, .is_bool = true
	};
	static const struct type pointer = { .kind = TYPE_POINTER, .name = "void *", .size = 8 };
	static const struct type_enumerator names[] = { { "LOW", (uint64_t)-1 }, { "HIGH", 7 } };
	static const struct type level = { .kind = TYPE_ENUM,
					   .name = "enum level",
					   .size = 4,
					   .is_signed = true,
					   .enumerators = names,
					   .count = 2 };
	static const struct type real = { .kind = TYPE_FLOAT, .name = "double", .size = 8 };
	static const struct type narrow = { .kind = TYPE_FLOAT, .name = "float", .size = 4 };
	static const struct type wide = { .kind = TYPE_FLOAT, .name = "__int128", .size = 16 };
	const int32_t minus = -1, seven = 7, eight = 8;
	const double tenth = 0.1, half = 0.5;
	const float third = 0.1f;
	const uint64_t address = 0x7fff0000, words[2] = { 1, 2 };

	(void)state;
	expect(&(struct object){ .type = number(4, true), .bytes = (const void *)&minus, .size = 4 },
	       "-1");
	expect(&(struct object){ .type = number(4, false),
				 .bytes = (const void *)&minus,
				 .size = 4 },
	       "4294967295");
	expect(&(struct object){ .type = number(8, true), .bytes = (const void *)&minus, .size = 4 },
	       "...");
	expect(&(struct object){ .type = &yes, .bytes = (const void *)&seven, .size = 1 }, "true");
	expect(&(struct object){ .type = &pointer, .bytes = (const void *)&address, .size = 8 },
	       "0x7fff0000");
	expect(&(struct object){ .type = &level, .bytes = (const void *)&seven, .size = 4 },
	       "HIGH");
	expect(&(struct object){ .type = &level, .bytes = (const void *)&minus, .size = 4 }, "LOW");
	expect(&(struct object){ .type = &level, .bytes = (const void *)&eight, .size = 4 }, "8");
	expect(&(struct object){ .type = &real, .bytes = (const void *)&tenth, .size = 8 }, "0.1");
	expect(&(struct object){ .type = &real, .bytes = (const void *)&half, .size = 8 }, "0.5");
	expect(&(struct object){ .type = &narrow, .bytes = (const void *)&third, .size = 4 },
	       "0.1");
	expect(&(struct object){ .type = &wide, .bytes = (const void *)words, .size = 16 },
	       "0x00000000000000020000000000000001");
}

static void test_members_anonymous_ones_and_bits(void **state)
{
	static struct type_member inner_rows[2], rows[4];
	static struct type inner = {
		.kind = TYPE_STRUCT, .name = "struct (unnamed)", .size = 4, MEMBERS(inner_rows)
	};
	static struct type outer = {
		.kind = TYPE_STRUCT, .name = "struct outer", .size = 12, MEMBERS(rows)
	};
	const uint8_t bytes[12] = { 1, 0, 2, 0, 0xed, 0, 0, 0, 'a', '\n', '\0', 'z' };
	static struct type text = { .kind = TYPE_ARRAY, .name = "char[4]", .size = 4, .count = 4 };

	(void)state;
	text.target = type_char();
	inner_rows[0] = (struct type_member){ .name = "x", .type = number(2, true) };
	inner_rows[1] = (struct type_member){ .name = "y", .type = number(2, true), .offset = 2 };
	rows[0] = (struct type_member){ .name = "", .type = &inner };
	rows[1] = (struct type_member){
		.name = "low", .type = number(4, false), .offset = 4, .bit_size = 4
	};
	rows[2] = (struct type_member){
		.name = "high", .type = number(4, true), .offset = 4, .bit_offset = 4, .bit_size = 4
	};
	rows[3] = (struct type_member){ .name = "text", .type = &text, .offset = 8 };
	expect(&(struct object){ .type = &outer, .bytes = bytes, .size = 12 },
	       "{.x=1, .y=2, .low=13, .high=-2, .text=\"a\\n\"}");
	/* What isn't there is told. */
	expect(&(struct object){ .type = &outer, .bytes = bytes, .size = 9 },
	       "{.x=1, .y=2, .low=13, .high=-2, .text=\"a\"...}");
	expect(&(struct object){ .type = &outer, .bytes = bytes, .size = 3 },
	       "{.x=1, .y=..., .low=..., .high=..., .text=...}");
}

static void test_strings_that_members_point_to(void **state)
{
	static struct type_member rows[2];
	static struct type pointer = { .kind = TYPE_POINTER, .name = "char *", .size = 8 };
	static struct type names = {
		.kind = TYPE_STRUCT, .name = "struct names", .size = 16, MEMBERS(rows)
	};
	const uint64_t words[2] = { 0x10, 0x20 };
	struct object object = { .type = &names,
				 .bytes = (const void *)words,
				 .size = 16,
				 .string_count = 2,
				 .strings = { { 0, "a\"b", 3, true, false },
					      { 8, NULL, 0, false, true } } };

	(void)state;
	pointer.target = type_char();
	rows[0] = (struct type_member){ .name = "a", .type = &pointer };
	rows[1] = (struct type_member){ .name = "b", .type = &pointer, .offset = 8 };
	expect(&object, "{.a=\"a\\\"b\"..., .b=0x20}");
}

static void test_long_and_deep_types_end(void **state)
{
	static struct type_member rows[1];
	static struct type endless = {
		.kind = TYPE_STRUCT, .name = "struct endless", .size = 1, MEMBERS(rows)
	};
	static struct type many = {
		.kind = TYPE_ARRAY, .name = "int[1000]", .size = 4000, .count = 1000
	};
	static struct type matrix = {
		.kind = TYPE_ARRAY, .name = "int[1000][1000]", .size = 4000000, .count = 1000
	};
	static uint32_t numbers[1000];
	struct record_text text = {};
	struct object object = { .type = &many,
				 .bytes = (const void *)numbers,
				 .size = sizeof(numbers) };

	(void)state;
	rows[0] = (struct type_member){ .name = "in", .type = &endless };
	expect(&(struct object){ .type = &endless, .bytes = (const uint8_t *)"", .size = 1 },
	       "{.in={.in={.in={.in={.in={.in={.in={.in={.in=...}}}}}}}}}");
	many.target = number(4, true);
	matrix.target = &many;
	assert_int_equal(object_format(&object, &text), 0);
	assert_int_equal(text.len, strlen("[]") + 64 * strlen("0, ") + strlen("..."));
	object.type = &matrix;
	assert_int_equal(object_format(&object, &text), 0);
	assert_true(text.len < 20000);
	record_text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars_by_their_types),
		cmocka_unit_test(test_members_anonymous_ones_and_bits),
		cmocka_unit_test(test_strings_that_members_point_to),
		cmocka_unit_test(test_long_and_deep_types_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
