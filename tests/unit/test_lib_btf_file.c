/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Files of BTF as libbpf, which reads them its own way, sees them; and what is wrong with others.
 */
#include <array_size.h>
#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/btf_file.h"
#include "lib/core.h"

/* Every type is the same by both, and there are as many. */
static void assert_same(const struct btf_file *file, const struct btf *btf)
{
	assert_int_equal(file->end_id, btf__type_cnt(btf));
	for (uint32_t id = file->first_id; id < file->end_id; id++) {
		const struct btf_type *type = btf_file_type(file, id);
		const struct btf_type *wanted = btf__type_by_id(btf, id);

		if (memcmp(type, wanted, sizeof(*type)))
			fail_msg("type %u differs", id);
		if (strcmp(btf_file_string(file, type->name_off),
			   btf__name_by_offset(btf, wanted->name_off)))
			fail_msg("type %u has another name", id);
	}
	assert_null(btf_file_type(file, file->end_id));
	assert_null(btf_file_type(file, 0));
}

/* One type of each kind, so that a wrong size of any would show behind it. */
static struct btf *make_all_kinds(void)
{
	struct btf *btf = btf__new_empty();
	int integer = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), function;

	btf__add_ptr(btf, integer);
	btf__add_array(btf, integer, integer, 3);
	btf__add_struct(btf, "pair", 8);
	btf__add_field(btf, "first", integer, 0, 0);
	btf__add_field(btf, "second", integer, 32, 0);
	btf__add_union(btf, "either", 4);
	btf__add_field(btf, "one", integer, 0, 0);
	btf__add_enum(btf, "state", 4);
	btf__add_enum_value(btf, "IDLE", 0);
	btf__add_enum_value(btf, "BUSY", 1);
	btf__add_fwd(btf, "later", BTF_FWD_STRUCT);
	btf__add_typedef(btf, "number", integer);
	btf__add_volatile(btf, integer);
	btf__add_const(btf, integer);
	btf__add_restrict(btf, integer);
	function = btf__add_func_proto(btf, integer);
	btf__add_func_param(btf, "a", integer);
	function = btf__add_func(btf, "visit", BTF_FUNC_STATIC, function);
	btf__add_var(btf, "global", BTF_VAR_STATIC, integer);
	btf__add_datasec(btf, ".data", 4);
	btf__add_datasec_var_info(btf, btf__type_cnt(btf) - 2, 0, 4);
	btf__add_float(btf, "double", 8);
	btf__add_decl_tag(btf, "tag", function, -1);
	btf__add_type_tag(btf, "user", integer);
	btf__add_enum64(btf, "wide", 8, false);
	btf__add_enum64_value(btf, "HUGE", 1ull << 40);
	btf__add_struct(btf, "pair", 16);
	return btf;
}

static struct btf_file *parse(const struct btf *btf, const struct btf_file *base)
{
	struct btf_file *file;
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	assert_int_equal(btf_file_parse(data, size, base, NULL, &file), 0);
	return file;
}

static void test_every_kind_as_libbpf_sees_it(void **state)
{
	struct btf *btf = make_all_kinds(), *split = btf__new_empty_split(btf);
	struct btf_file *file, *module;

	(void)state;
	btf__add_struct(split, "in_module", 4);
	btf__add_field(split, "first", 1, 0, 0);
	file = parse(btf, NULL);
	module = parse(split, file);
	assert_same(file, btf);
	assert_same(module, split);
	/* Through the module what is the kernel's can be seen, too. */
	assert_ptr_equal(btf_file_type(module, 1), btf_file_type(file, 1));
	btf_file_free(module);
	btf_file_free(file);
	btf__free(split);
	btf__free(btf);
}

static void test_names_are_found_by_kind(void **state)
{
	struct btf *btf = make_all_kinds();
	struct btf_file *file = parse(btf, NULL);
	uint32_t structs = 1u << BTF_KIND_STRUCT;
	uint32_t first = btf_file_find(file, structs, "pairs", 4, 0);

	(void)state;
	assert_int_equal(first, btf__find_by_name_kind(btf, "pair", BTF_KIND_STRUCT));
	assert_int_equal(btf_file_find(file, structs, "pair", 4, first), file->end_id - 1);
	assert_int_equal(btf_file_find(file, structs, "pair", 4, file->end_id - 1), 0);
	assert_int_equal(btf_file_find(file, structs, "pai", 3, 0), 0);
	assert_int_equal(btf_file_find(file, 1u << BTF_KIND_UNION, "pair", 4, 0), 0);
	assert_int_equal(btf_file_find(file, 1u << BTF_KIND_ENUM, NULL, 0, 0),
			 btf__find_by_name_kind(btf, "state", BTF_KIND_ENUM));
	btf_file_free(file);
	btf__free(btf);
}

static void test_names_are_found_while_a_file_is_read(void **state)
{
	static const char *const names[] = { "either", "pair", "state" };
	struct btf_file_search search = { .kinds = 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION,
					  .names = names,
					  .count = ARRAY_SIZE(names) };
	struct btf *btf = make_all_kinds();
	struct btf_file *file;
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	(void)state;
	assert_int_equal(btf_file_parse(data, size, NULL, &search, &file), 0);
	assert_int_equal(search.found, 3);
	assert_int_equal(search.ids[0], btf__find_by_name_kind(btf, "pair", BTF_KIND_STRUCT));
	assert_int_equal(search.ids[1], btf__find_by_name_kind(btf, "either", BTF_KIND_UNION));
	assert_int_equal(search.ids[2], file->end_id - 1);
	btf_file_free(file);
	search.found = ARRAY_SIZE(search.ids) - 2;
	assert_int_equal(btf_file_parse(data, size, NULL, &search, &file), -E2BIG);
	btf__free(btf);
}

static void test_what_is_cut_or_broken_is_refused(void **state)
{
	struct btf *btf = make_all_kinds();
	struct btf_file *file;
	struct btf_header *header;
	uint32_t size, accepted = 0;
	const void *data = btf__raw_data(btf, &size);
	uint8_t *copy = malloc(size);

	(void)state;
	for (uint32_t cut = 0; cut < size; cut++) {
		int err = btf_file_parse(data, cut, NULL, NULL, &file);

		accepted += !err;
		btf_file_free(file);
	}
	assert_int_equal(accepted, 0);
	/* A kind that nobody knows. */
	memcpy(copy, data, size);
	header = (void *)copy;
	((struct btf_type *)(copy + header->hdr_len + header->type_off))->info = 25u << 24;
	assert_int_equal(btf_file_parse(copy, size, NULL, NULL, &file), -EBADMSG);
	/* Strings without an end. */
	memcpy(copy, data, size);
	copy[size - 1] = 'x';
	assert_int_equal(btf_file_parse(copy, size, NULL, NULL, &file), -EBADMSG);
	assert_int_equal(btf_file_open("/proc/self/nothing", NULL, NULL, &file), -ENOENT);
	free(copy);
	btf__free(btf);
}

/* ---- the running kernel ---- */

static struct btf *kernel_btf(void)
{
	if (access(BTF_FILE_KERNEL, R_OK))
		skip();
	return btf__parse(BTF_FILE_KERNEL, NULL);
}

static void test_the_kernel_as_libbpf_sees_it(void **state)
{
	struct btf *btf = kernel_btf();
	struct btf_file *file;

	(void)state;
	assert_int_equal(btf_file_open(BTF_FILE_KERNEL, NULL, NULL, &file), 0);
	assert_same(file, btf);
	btf_file_free(file);
	btf__free(btf);
}

static int offset_of(const struct btf *btf, const char *structure, const char *member)
{
	int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (uint32_t i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), member))
			return (int)btf_member_bit_offset(type, i) / 8;
	return -ENOENT;
}

static void test_members_and_functions_of_the_kernel(void **state)
{
	struct core_member members[] = { { "task_struct", "pid", 0 }, { "file", "f_inode", 0 } };
	struct core_member none = { "task_struct", "no_such_member", 0 };
	struct btf *btf = kernel_btf();

	(void)state;
	assert_int_equal(core_find_members(members, ARRAY_SIZE(members)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		assert_int_equal(members[i].offset,
				 offset_of(btf, members[i].structure, members[i].member));
	assert_int_equal(core_find_members(&none, 1), -ENOENT);
	assert_int_equal(core_find_function("bpf_iter_task"),
			 btf__find_by_name_kind(btf, "bpf_iter_task", BTF_KIND_FUNC));
	assert_int_equal(core_find_function("no_such_function"), -ENOENT);
	btf__free(btf);
}

/* A structure with all that it contains, of the same sizes and at the same places. */
static void test_the_extract_for_libbpf(void **state)
{
	static const char *const names[] = { "task_struct", "sock" };
	struct btf *btf = kernel_btf(), *extract;
	struct core *core = core_new(names, ARRAY_SIZE(names));

	(void)state;
	assert_non_null(core);
	extract = btf__parse(core_path(core), NULL);
	assert_non_null(extract);
	assert_true(btf__type_cnt(extract) < btf__type_cnt(btf) / 20);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int id = btf__find_by_name_kind(btf, names[i], BTF_KIND_STRUCT);
		int copy = btf__find_by_name_kind(extract, names[i], BTF_KIND_STRUCT);

		assert_true(copy > 0);
		assert_int_equal(btf__resolve_size(extract, copy), btf__resolve_size(btf, id));
	}
	assert_int_equal(offset_of(extract, "task_struct", "tgid"),
			 offset_of(btf, "task_struct", "tgid"));
	assert_int_equal(offset_of(extract, "sock", "sk_protocol"),
			 offset_of(btf, "sock", "sk_protocol"));
	btf__free(extract);
	core_free(core);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_as_libbpf_sees_it),
		cmocka_unit_test(test_names_are_found_by_kind),
		cmocka_unit_test(test_names_are_found_while_a_file_is_read),
		cmocka_unit_test(test_what_is_cut_or_broken_is_refused),
		cmocka_unit_test(test_the_kernel_as_libbpf_sees_it),
		cmocka_unit_test(test_members_and_functions_of_the_kernel),
		cmocka_unit_test(test_the_extract_for_libbpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
