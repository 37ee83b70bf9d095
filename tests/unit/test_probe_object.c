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
	static const struct type quad = { .kind = TYPE_FLOAT, .name = "_Float128", .size = 16 };
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
	expect(&(struct object){ .type = &quad, .bytes = (const void *)words, .size = 16 },
	       "0x00000000000000020000000000000001");
}

static void test_characters_flags_and_numbers_of_two_words(void **state)
{
	static const struct type rune = {
		.kind = TYPE_INT, .name = "char", .size = 4, .is_rune = true
	};
	static const struct type character = {
		.kind = TYPE_INT, .name = "char", .size = 1, .is_signed = true, .is_char = true
	};
	static const struct type_enumerator bits[] = { { "NONE", 0 },
						       { "READ", 1 },
						       { "WRITE", 4 } };
	static const struct type flags = {
		.kind = TYPE_ENUM, .name = "enum flags", .size = 4, .enumerators = bits, .count = 3
	};
	static const struct type wide = { .kind = TYPE_FLOAT,
					  .name = "__int128",
					  .size = 16,
					  .is_wide = true,
					  .is_signed = true };
	static const struct type complex = {
		.kind = TYPE_FLOAT, .name = "complex double", .size = 16, .is_complex = true
	};
	const uint32_t letter = 0xe9, none = 0, both = 5, other = 7, tab = '\t';
	const int64_t minus_two[2] = { -2, -1 }, large[2] = { 0, 1 };
	const double i[2] = { 1.5, -2 };

	(void)state;
	expect(&(struct object){ .type = &rune, .bytes = (const void *)&letter, .size = 4 },
	       "'\xc3\xa9'");
	expect(&(struct object){ .type = &character, .bytes = (const void *)"z", .size = 1 },
	       "'z'");
	expect(&(struct object){ .type = &character, .bytes = (const void *)&tab, .size = 1 }, "9");
	expect(&(struct object){ .type = &flags, .bytes = (const void *)&both, .size = 4 },
	       "READ|WRITE");
	expect(&(struct object){ .type = &flags, .bytes = (const void *)&none, .size = 4 }, "NONE");
	expect(&(struct object){ .type = &flags, .bytes = (const void *)&other, .size = 4 }, "7");
	expect(&(struct object){ .type = &wide, .bytes = (const void *)minus_two, .size = 16 },
	       "-2");
	expect(&(struct object){ .type = &wide, .bytes = (const void *)large, .size = 16 },
	       "18446744073709551616");
	expect(&(struct object){ .type = &complex, .bytes = (const void *)i, .size = 16 },
	       "1.5-2i");
}

/* As Rust's compiler has them: a number in front, or a value that the one with members can't have. */
static void test_the_variant_that_it_is(void **state)
{
	static struct type_member pair_rows[2], some_rows[1];
	static const struct type unit = { .kind = TYPE_STRUCT, .name = "None", .size = 8 };
	static struct type some = {
		.kind = TYPE_STRUCT, .name = "Some", .size = 8, .count = 1, .members = some_rows
	};
	static struct type pair = {
		.kind = TYPE_STRUCT, .name = "Pair", .size = 8, .count = 2, .members = pair_rows
	};
	static struct type_variant rows[3];
	static struct type_variants variants = { .variants = rows, .count = 3 };
	static struct type type = {
		.kind = TYPE_STRUCT, .name = "Form", .size = 8, .variants = &variants
	};
	const uint8_t none[8] = { 1 }, pairs[8] = { 2, 0, 3, 0, 4 }, somes[8] = { 9, 0, 0, 0, 5 };

	(void)state;
	variants.discriminant = number(1, false);
	some_rows[0] = (struct type_member){ .name = "__0", .type = number(4, true), .offset = 4 };
	pair_rows[0] = (struct type_member){ .name = "x", .type = number(2, true), .offset = 2 };
	pair_rows[1] = (struct type_member){ .name = "y", .type = number(4, true), .offset = 4 };
	rows[0] = (struct type_variant){ .name = "None", .type = &unit, .value = 1 };
	rows[1] = (struct type_variant){ .name = "Pair", .type = &pair, .value = 2 };
	rows[2] = (struct type_variant){ .name = "Some", .type = &some, .is_default = true };
	expect(&(struct object){ .type = &type, .bytes = none, .size = 8 }, "None");
	expect(&(struct object){ .type = &type, .bytes = pairs, .size = 8 }, "Pair{.x=3, .y=4}");
	expect(&(struct object){ .type = &type, .bytes = somes, .size = 8 }, "Some(5)");
	rows[2].is_default = false;
	rows[2].value = 3;
	expect(&(struct object){ .type = &type, .bytes = somes, .size = 8 }, "?");
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
				 .inner_count = 2,
				 .inner = { { .at = { .kind = INNER_STRING },
					      .text = "a\"b",
					      .len = 3,
					      .is_cut = true },
					    { .at = { .kind = INNER_STRING, .offset = 8 },
					      .is_unreadable = true } } };

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
	static struct type flexible = { .kind = TYPE_ARRAY, .name = "int[]" };
	static uint32_t numbers[1000];
	struct record_text text = {};
	struct object object = { .type = &many,
				 .bytes = (const void *)numbers,
				 .size = sizeof(numbers) };

	(void)state;
	rows[0] = (struct type_member){ .name = "in", .type = &endless };
	expect(&(struct object){ .type = &endless, .bytes = (const uint8_t *)"", .size = 1 },
	       "{.in={.in={.in={.in={.in={.in={.in={.in={.in=...}}}}}}}}}");
	many.target = flexible.target = number(4, true);
	expect(&(struct object){ .type = &flexible, .bytes = (const uint8_t *)"", .size = 0 },
	       "[...]");
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
		cmocka_unit_test(test_characters_flags_and_numbers_of_two_words),
		cmocka_unit_test(test_the_variant_that_it_is),
		cmocka_unit_test(test_members_anonymous_ones_and_bits),
		cmocka_unit_test(test_strings_that_members_point_to),
		cmocka_unit_test(test_long_and_deep_types_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
