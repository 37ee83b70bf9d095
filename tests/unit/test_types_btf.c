/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BTF made by libbpf, read by ours: types, bit-fields, enumerators, functions, a module's, and damage.
 */
#include <array_size.h>
#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "types/arena.h"
#include "types/btf.h"
#include "probe/check/check.h"
#include "probe/spec/parse.h"

struct fixture {
	struct btf *base, *module;
	struct btf_types *types;
};

/*
 * struct node { struct node *next; int id : 5; unsigned int flags : 27; struct { u8 mac[6]; }; char name[16];
 *               void __user *data; atomic_t count; }; enum state { IDLE, BUSY = 7, GONE = -1 };
 * enum wide { HUGE = 1 << 40 }; int visit(struct node *node, const char *why, pid_t pid)
 */
static struct btf *make_base(void)
{
	struct btf *btf = btf__new_empty();
	int i32, u32, u8, ch, node, ptr, tag, user, anonymous, atomic, proto, cchar;

	i32 = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	u32 = btf__add_int(btf, "unsigned int", 4, 0);
	u8 = btf__add_typedef(btf, "u8", btf__add_int(btf, "unsigned char", 1, 0));
	ch = btf__add_int(btf, "char", 1, 0);
	node = btf__add_ptr(btf, 0) + 1;
	btf__add_struct(btf, "node", 56);
	/* The structure is just behind the pointer to void. */
	assert_int_equal(btf__type_cnt(btf) - 1, node);
	btf__add_field(btf, "next", node + 1, 0, 0);
	btf__add_field(btf, "id", i32, 64, 5);
	btf__add_field(btf, "flags", u32, 69, 27);
	btf__add_field(btf, "", node + 2, 96, 0);
	btf__add_field(btf, "name", node + 4, 144, 0);
	btf__add_field(btf, "data", node + 6, 320, 0);
	btf__add_field(btf, "count", node + 8, 384, 0);
	ptr = btf__add_ptr(btf, node);
	anonymous = btf__add_struct(btf, "", 6);
	btf__add_field(btf, "mac", anonymous + 1, 0, 0);
	btf__add_array(btf, i32, u8, 6);
	btf__add_array(btf, i32, ch, 16);
	tag = btf__add_type_tag(btf, "user", 0);
	user = btf__add_ptr(btf, tag);
	btf__add_struct(btf, "", 4);
	btf__add_field(btf, "counter", i32, 0, 0);
	atomic = btf__add_typedef(btf, "atomic_t", user + 1);
	assert_int_equal(atomic, node + 8);
	btf__add_enum(btf, "state", 4);
	btf__add_enum_value(btf, "IDLE", 0);
	btf__add_enum_value(btf, "BUSY", 7);
	btf__add_enum_value(btf, "GONE", -1);
	btf__add_enum64(btf, "wide", 8, false);
	btf__add_enum64_value(btf, "HUGE", 1ull << 40);
	cchar = btf__add_ptr(btf, btf__add_const(btf, ch));
	proto = btf__add_func_proto(btf, i32);
	btf__add_func_param(btf, "node", ptr);
	btf__add_func_param(btf, "why", cchar);
	btf__add_func_param(btf, "pid", btf__type_cnt(btf) + 1);
	btf__add_func(btf, "visit", BTF_FUNC_STATIC, proto);
	btf__add_typedef(btf, "pid_t", i32);
	return btf;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const void *data;
	uint32_t size;

	*state = f;
	f->base = make_base();
	f->module = btf__new_empty_split(f->base);
	btf__add_struct(f->module, "mod_node", 8);
	btf__add_field(f->module, "link",
		       btf__find_by_name_kind(f->base, "node", BTF_KIND_STRUCT) + 1, 0, 0);
	btf__add_func(f->module, "mod_visit", BTF_FUNC_STATIC, btf__add_func_proto(f->module, 0));
	f->types = btf_types_new();
	data = btf__raw_data(f->base, &size);
	assert_int_equal(btf_types_parse(f->types, data, size), 0);
	data = btf__raw_data(f->module, &size);
	assert_int_equal(btf_types_parse(f->types, data, size), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	btf_types_free(f->types);
	btf__free(f->module);
	btf__free(f->base);
	free(f);
	return 0;
}

static const struct type *find(struct fixture *f, const char *name)
{
	return btf_types_find(f->types, name, strlen(name));
}

static const struct type_member *member(const struct type *type, const char *name, uint32_t *offset)
{
	const struct type_member *found = type_find_member(type, name, strlen(name), offset);

	assert_non_null(found);
	return found;
}

static void test_members_are_made_when_asked_for(void **state)
{
	struct fixture *f = *state;
	const struct type *node = find(f, "struct node");
	const struct type_member *next;
	uint32_t offset;

	assert_non_null(node);
	assert_null(node->members);
	assert_int_equal(node->size, 56);
	next = member(node, "next", &offset);
	assert_int_equal(offset, 0);
	assert_int_equal(next->type->kind, TYPE_POINTER);
	assert_ptr_equal(next->type->target, node);
	assert_ptr_equal(find(f, "struct node"), node);
}

static void test_bit_fields_lie_in_values_of_their_type(void **state)
{
	const struct type *node = find(*state, "struct node");
	const struct type_member *bits;
	uint32_t offset;

	bits = member(node, "id", &offset);
	assert_int_equal(offset, 8);
	assert_int_equal(bits->bit_offset, 0);
	assert_int_equal(bits->bit_size, 5);
	assert_true(bits->type->is_signed);
	bits = member(node, "flags", &offset);
	assert_int_equal(offset, 8);
	assert_int_equal(bits->bit_offset, 5);
	assert_int_equal(bits->bit_size, 27);
}

static void test_anonymous_members_arrays_and_typedefs(void **state)
{
	const struct type *node = find(*state, "struct node");
	const struct type_member *found;
	uint32_t offset;

	found = member(node, "mac", &offset);
	assert_int_equal(offset, 12);
	assert_int_equal(found->type->count, 6);
	assert_string_equal(found->type->target->name, "u8");
	assert_false(type_is_string(found->type));
	found = member(node, "name", &offset);
	assert_int_equal(offset, 18);
	assert_true(type_is_string(found->type));
	found = member(node, "count", &offset);
	assert_string_equal(found->type->name, "atomic_t");
	member(found->type, "counter", &offset);
	assert_int_equal(offset, 0);
}

static void test_tagged_pointers_point_to_user_memory(void **state)
{
	const struct type *node = find(*state, "struct node");
	uint32_t offset;

	assert_int_equal(member(node, "data", &offset)->type->space, SPACE_USER);
	assert_int_equal(member(node, "next", &offset)->type->space, SPACE_ANY);
}

static void test_enumerators(void **state)
{
	struct fixture *f = *state;
	const struct type *type;
	uint64_t value;

	type = btf_types_constant(f->types, "BUSY", &value);
	assert_string_equal(type->name, "enum state");
	assert_true(type->is_signed);
	assert_int_equal(value, 7);
	assert_non_null(btf_types_constant(f->types, "GONE", &value));
	assert_int_equal(value, -1);
	type = btf_types_constant(f->types, "HUGE", &value);
	assert_int_equal(type->size, 8);
	assert_int_equal(value, 1ull << 40);
	assert_null(btf_types_constant(f->types, "NONE", &value));
}

static void test_functions_with_their_parameters(void **state)
{
	struct fixture *f = *state;
	struct btf_function function;

	assert_int_equal(btf_types_function(f->types, "visit", &function), 0);
	assert_int_equal(function.param_count, 3);
	assert_string_equal(function.params[0].name, "node");
	assert_string_equal(function.params[0].type->target->name, "struct node");
	assert_true(type_is_string(function.params[1].type));
	assert_string_equal(function.params[2].type->name, "pid_t");
	assert_int_equal(function.retval->size, 4);
	assert_string_equal(function.module, "");
	assert_int_equal(btf_types_function(f->types, "visi", &function), -ENOENT);
}

static void test_modules_go_on_where_the_kernel_ends(void **state)
{
	struct fixture *f = *state;
	struct btf_function function;
	uint32_t offset;

	assert_ptr_equal(member(find(f, "struct mod_node"), "link", &offset)->type->target,
			 find(f, "struct node"));
	assert_int_equal(btf_types_function(f->types, "mod_visit", &function), 0);
	assert_string_equal(function.module, "module");
	assert_int_equal(function.retval->kind, TYPE_VOID);
}

/* Whatever is cut or overwritten: an error, or types, but no access outside. */
static void test_damaged_data_is_refused_or_harmless(void **state)
{
	struct fixture *f = *state;
	uint32_t size;
	const void *data = btf__raw_data(f->base, &size);
	unsigned char *copy = malloc(size);

	assert_non_null(copy);
	for (uint32_t i = 0; i < size; i++) {
		struct btf_types *types = btf_types_new();
		const struct type *node;
		uint64_t value;
		uint32_t count;

		memcpy(copy, data, size);
		copy[i] ^= 0xff;
		if (!btf_types_parse(types, copy, size)) {
			node = btf_types_find(types, "struct node", 11);
			if (node)
				type_members(node, &count);
			btf_types_constant(types, "HUGE", &value);
		}
		btf_types_free(types);
		types = btf_types_new();
		assert_int_equal(btf_types_parse(types, data, i), -EBADMSG);
		btf_types_free(types);
	}
	free(copy);
}

/* ---- through check -------------------------------------------------------------------------- */

/* is_tracing: at a fentry or fexit program, whose context has the parameters. */
static const char *checked_at(struct fixture *f, const char *text, bool is_tracing, char *buf,
			      size_t size)
{
	struct btf_function function;
	struct context_param params[3];
	struct probe_context context = { .machine = EM_X86_64,
					 .is_kernel = true,
					 .types = f->types,
					 .has_params = true,
					 .params = params,
					 .param_count = 3,
					 .has_slots = is_tracing,
					 .keeps_params = is_tracing,
					 .retval_slot = 24,
					 .string_size = 80 };
	struct arena *arena = arena_new();
	struct checked *checked;
	struct diag diag = {};
	struct spec *spec;

	assert_int_equal(btf_types_function(f->types, "visit", &function), 0);
	for (int i = 0; i < 3; i++)
		params[i] = (struct context_param){ function.params[i].name,
						    function.params[i].type, 8 * i };
	context.retval_type = function.retval;
	assert_int_equal(parse_spec(arena, text, &spec, &diag), 0);
	context.kind = spec->kind;
	if (check_spec(spec, &context, &checked, &diag))
		snprintf(buf, size, "%s", diag.text);
	else if (checked->entry_count)
		snprintf(buf, size, "%u kept: %s", checked->entry_count,
			 checked->entry_values[0]->text);
	else
		ast_print_expr(checked->fields[0].expr, false, buf, size);
	arena_free(arena);
	return buf;
}

#define assert_checked(text, is_tracing, wanted) \
	assert_string_equal(checked_at(*state, text, is_tracing, buf, sizeof(buf)), wanted)

static void test_parameters_by_name_and_number(void **state)
{
	char buf[256];

	assert_checked("p::visit \"%d\", pid", false, "pid");
	assert_checked("p::visit \"%d\", arg3", false, "arg3");
	assert_checked("p::visit \"%d\", sizeof(struct node)", false, "56L");
	assert_checked("p::visit \"%d\", BUSY", false, "7");
	assert_checked("p::visit \"%d\", pod", false,
		       "'pod' is not a parameter of visit (did you mean 'pid'?)");
	assert_checked("p::visit \"%d\", node->nam", false,
		       "'nam' is not a field of struct node (did you mean 'name'?)");
}

static void test_returns_have_kept_what_their_context_does_not_know(void **state)
{
	char buf[256];

	assert_checked("r::visit \"%d\", pid", true, "pid");
	assert_checked("r::visit \"%d\", retval", true, "retval");
	assert_checked("r::visit \"%d\", pid", false, "1 kept: pid");
	assert_checked("r::visit \"%d %d\", pid + pid, arg1", false, "2 kept: pid");
	assert_checked("r::visit \"%d\", $latency", true, "1 kept: $latency");
	assert_checked("r::visit (retval > 0) \"%d\", retval", false, "retval");
	assert_checked("p::visit \"%d\", $latency", true,
		       "'$latency' is known at a function's return only (r:)");
	assert_checked("p::visit \"%d\", arg4", true,
		       "'arg4' is not known: visit has 3 parameters");
}

static void test_without_a_format_values_are_printed_by_type(void **state)
{
	struct fixture *f = *state;
	struct btf_function function;
	struct context_param params[3];
	struct probe_context context = { .machine = EM_X86_64,
					 .is_kernel = true,
					 .types = f->types,
					 .has_params = true,
					 .params = params,
					 .param_count = 3,
					 .retval_slot = -1,
					 .string_size = 80 };
	static const struct {
		const char *spec, *format;
	} rows[] = {
		{ "p::visit", "node=%O, why=%s, pid=%O" },
		{ "r::visit", "(node=%O, why=%s, pid=%O) = %O <%T>" },
		{ "r::visit()", "= %O <%T>" },
		{ "p::visit(int a, unsigned long b) (a > b)", "a=%O, b=%O" },
	};

	assert_int_equal(btf_types_function(f->types, "visit", &function), 0);
	for (int i = 0; i < 3; i++)
		params[i] = (struct context_param){ function.params[i].name,
						    function.params[i].type, -1 };
	context.retval_type = function.retval;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena *arena = arena_new();
		struct checked *checked;
		struct diag diag;
		struct spec *spec;

		assert_int_equal(parse_spec(arena, rows[i].spec, &spec, &diag), 0);
		context.kind = spec->kind;
		assert_int_equal(check_spec(spec, &context, &checked, &diag), 0);
		assert_false(spec->has_format);
		assert_string_equal(checked->spec->format.text, rows[i].format);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_members_are_made_when_asked_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_bit_fields_lie_in_values_of_their_type, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_anonymous_members_arrays_and_typedefs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_tagged_pointers_point_to_user_memory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_enumerators, setup, teardown),
		cmocka_unit_test_setup_teardown(test_functions_with_their_parameters, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_modules_go_on_where_the_kernel_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_damaged_data_is_refused_or_harmless, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_parameters_by_name_and_number, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_returns_have_kept_what_their_context_does_not_know, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_format_values_are_printed_by_type,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
