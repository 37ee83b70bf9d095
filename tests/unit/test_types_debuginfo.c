/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * DWARF as a provider of types and names: this program's own.
 */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <blazesym-lite.h>

#include "types/arena.h"
#include "probe/check/check.h"
#include "types/debuginfo_scope.h"
#include "probe/spec/parse.h"

enum sample_state { SAMPLE_OPEN = 3, SAMPLE_SHUT = -2 };

struct sample_incomplete;

typedef struct {
	short x, y;
} sample_point;

struct sample {
	const char *name;
	unsigned int low : 3, high : 9;
	sample_point points[2][3];
	union {
		uint32_t word;
		unsigned char bytes[4];
	};
	struct sample *next;
	struct sample_incomplete *other;
	int (*call)(int);
	enum sample_state state;
	_Bool set;
	float weight;
};

int sample_global = 1;

int sample_function(struct sample *sample, sample_point at, uint8_t small, ...);

__attribute__((noipa)) int sample_function(struct sample *sample, sample_point at, uint8_t small,
					   ...)
{
	int local = at.x * small;

	__asm__ volatile("" : "+r"(local) : "r"(sample) : "memory");
	return local + sample_global;
}

static struct bsl_elf *elf;
static struct debuginfo_types *types;
static struct debuginfo_scope *scope;

static int take_address(const struct bsl_symbol *symbol, void *ctx)
{
	*(uint64_t *)ctx = symbol->addr;
	return 1;
}

static int open_own(void **state)
{
	uint64_t addr = 0;

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "sample_function", 0, take_address, &addr), 1);
	assert_int_equal(debuginfo_types_new(elf, &types), 0);
	return debuginfo_scope_new(types, addr, false, &scope);
}

static int close_own(void **state)
{
	(void)state;
	debuginfo_types_free(types);
	bsl_elf_close(elf);
	return 0;
}

static const struct type *member(const char *name, uint32_t *offset,
				 const struct type_member **found)
{
	const struct type *sample =
		debuginfo_types_find(types, scope, "struct sample", strlen("struct sample"));

	*found = type_find_member(sample, name, strlen(name), offset);
	assert_non_null(*found);
	return (*found)->type;
}

static void test_function_and_its_parameters(void **state)
{
	static const char *const wanted[] = { "struct sample *sample", "sample_point at",
					      "uint8_t small" };
	const struct debuginfo_variable *param = scope->params;
	char text[80];

	(void)state;
	assert_string_equal(debuginfo_scope_name(scope), "sample_function");
	for (unsigned int i = 0; i < 3; i++, param = param->next) {
		assert_non_null(param);
		type_declare(param->type, param->name, text, sizeof(text));
		assert_string_equal(text, wanted[i]);
	}
	assert_null(param);
	assert_string_equal(scope->retval->name, "int");
	assert_non_null(debuginfo_scope_find(scope, "local"));
	assert_non_null(debuginfo_scope_find(scope, "sample_global"));
	assert_null(debuginfo_scope_find(scope, "nothing_of_that_name"));
}

static void test_members_are_where_the_compiler_put_them(void **state)
{
	const struct type_member *found;
	const struct type *type;
	uint32_t offset;

	(void)state;
	type = member("name", &offset, &found);
	assert_true(type_is_string(type) && type->space == SPACE_USER && !offset);
	member("high", &offset, &found);
	assert_int_equal(found->bit_size, 9);
	assert_int_equal(8 * offset + found->bit_offset, 8 * sizeof(char *) + 3);
	type = member("points", &offset, &found);
	assert_int_equal(offset, offsetof(struct sample, points));
	assert_int_equal(type->size, sizeof(((struct sample *)0)->points));
	assert_int_equal(type->count, 2);
	assert_int_equal(type->target->count, 3);
	assert_string_equal(type->target->target->name, "sample_point");
	type = member("bytes", &offset, &found);
	assert_int_equal(offset, offsetof(struct sample, bytes));
	assert_int_equal(member("call", &offset, &found)->target->kind, TYPE_FUNC);
	assert_true(member("set", &offset, &found)->is_bool);
	assert_int_equal(member("weight", &offset, &found)->kind, TYPE_FLOAT);
	type = member("next", &offset, &found);
	assert_int_equal(type->target->size, sizeof(struct sample));
	type = member("other", &offset, &found);
	assert_int_equal(type->target->size, 0);
	assert_null(type_find_member(type->target, "x", 1, &offset));
}

static void test_enumerations(void **state)
{
	const struct type *type;
	uint32_t count;
	uint64_t value;

	(void)state;
	type = debuginfo_types_constant(types, scope, "SAMPLE_SHUT", &value);
	assert_non_null(type);
	assert_true(type->is_signed && value == (uint64_t)-2);
	assert_string_equal(type_enumerators(type, &count)[0].name, "SAMPLE_OPEN");
	assert_int_equal(count, 2);
	assert_null(debuginfo_types_constant(types, scope, "SAMPLE_NONE", &value));
}

static void test_types_by_name(void **state)
{
	(void)state;
	assert_int_equal(debuginfo_types_find(types, scope, "sample_point", 12)->size, 4);
	assert_int_equal(debuginfo_types_find(types, scope, "enum sample_state", 17)->kind,
			 TYPE_ENUM);
	/* A tag isn't a type's name in C, and one of another kind isn't it. */
	assert_null(debuginfo_types_find(types, scope, "sample", 6));
	assert_null(debuginfo_types_find(types, scope, "union sample", 12));
	assert_null(debuginfo_types_find(types, scope, "struct sample_incomplete", 24));
	assert_null(debuginfo_types_find(types, scope, "struct ", 7));
	assert_ptr_equal(debuginfo_types_find(types, NULL, "struct sample", 13),
			 debuginfo_types_find(types, scope, "struct sample", 13));
	assert_null(debuginfo_types_find(types, NULL, "struct sample_none", 18));
	/* Twice the same one. */
	assert_ptr_equal(debuginfo_types_find(types, scope, "struct sample", 13),
			 debuginfo_types_find(types, scope, "struct sample", 13));
}

/* "" or the error of printing an expression at the function's entry. */
static void check(const char *expression, char *text, size_t size)
{
	const struct probe_context context = {
		.kind = SPEC_ENTRY,
		.machine = bsl_host_machine(),
		.scope = scope,
		.is_relocatable = bsl_elf_type(elf) != BSL_ELF_EXEC,
		.has_params = true,
		.retval_type = scope->retval,
		.string_size = 80,
	};
	struct arena *arena = arena_new();
	struct checked *checked;
	struct diag diag = {};
	struct spec *spec;

	snprintf(text, size, "p:x:sample_function \"%%O\", %s", expression);
	assert_int_equal(parse_spec(arena, text, &spec, &diag), 0);
	check_spec(spec, &context, &checked, &diag);
	snprintf(text, size, "%s", diag.text);
	arena_free(arena);
}

static void test_expressions_with_the_names_of_the_program(void **state)
{
	static const char *const good[] = {
		"sample->name",
		"*sample",
		"sample",
		"sample->points[1][2].y",
		"&sample->points[1]",
		"small",
		"sample_global",
		"SAMPLE_OPEN == sample->state",
		"sizeof(struct sample)",
		"sizeof(*sample->next)",
		"((struct sample *)arg1)->high",
		"(enum sample_state)3",
		"sample->next->next->bytes[2]",
		"arg1 + 1",
	};
	static const char *const bad[][2] = {
		{ "sample->nam", "'nam' is not a field of struct sample (did you mean 'name'?)" },
		{ "sample.name", "sample is a pointer (did you mean 'sample->name'?)" },
		{ "sampel", "'sampel' is not a parameter of sample_function" },
		{ "sample->other->x",
		  "struct sample_incomplete is not known: there is no type information to find its field 'x'" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		check(good[i], text, sizeof(text));
		assert_string_equal(text, "");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check(bad[i][0], text, sizeof(text));
		assert_string_equal(text, bad[i][1]);
	}
}

static void test_places_without_a_function(void **state)
{
	struct debuginfo_scope *nowhere;

	(void)state;
	assert_int_equal(debuginfo_scope_new(types, 0, false, &nowhere), -ENOENT);
	assert_int_equal(debuginfo_scope_new(types, UINT64_MAX, true, &nowhere), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_and_its_parameters),
		cmocka_unit_test(test_members_are_where_the_compiler_put_them),
		cmocka_unit_test(test_enumerations),
		cmocka_unit_test(test_types_by_name),
		cmocka_unit_test(test_expressions_with_the_names_of_the_program),
		cmocka_unit_test(test_places_without_a_function),
	};

	return cmocka_run_group_tests(tests, open_own, close_own);
}
