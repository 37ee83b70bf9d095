/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_layout: instructions, as compilers wrote them into Redis, Redict and Valkey.
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>
#include <cmocka.h>

#include "redis/redis_layout.h"

struct expected {
	int machine;
	uint8_t code[16];
	unsigned int length;
	int base, reg, disp, size;
	char what; /* l: load, s: store, m: move, c: call, .: anything else */
};

static const struct expected instructions[] = {
	/* mov 0x48(%rdi),%eax */
	{ EM_X86_64, { 0x8b, 0x47, 0x48 }, 3, 7, 0, 0x48, 4, 'l' },
	/* mov 0x50(%rdi),%rax */
	{ EM_X86_64, { 0x48, 0x8b, 0x47, 0x50 }, 4, 7, 0, 0x50, 8, 'l' },
	/* mov 0x88(%rdi),%rdi */
	{ EM_X86_64, { 0x48, 0x8b, 0xbf, 0x88, 0, 0, 0 }, 7, 7, 7, 0x88, 8, 'l' },
	/* mov 0x28(%r12),%rdi: a SIB byte without index */
	{ EM_X86_64, { 0x49, 0x8b, 0x7c, 0x24, 0x28 }, 5, 12, 7, 0x28, 8, 'l' },
	/* mov %rax,0x20(%rdi) */
	{ EM_X86_64, { 0x48, 0x89, 0x47, 0x20 }, 4, 7, 0, 0x20, 8, 's' },
	/* mov %rdi,%rbx */
	{ EM_X86_64, { 0x48, 0x89, 0xfb }, 3, -1, 7, 0, 8, 'm' },
	/* call */
	{ EM_X86_64, { 0xe8, 0, 0, 0, 0 }, 5, -1, -1, 0, 0, 'c' },
	/* mov (%rax,%rcx,8),%rdx: an index, not a member */
	{ EM_X86_64, { 0x48, 0x8b, 0x14, 0xc8 }, 4, -1, 2, 0, 8, 'l' },
	/* mov %fs:0x28,%rdi: the stack protector's, not a member */
	{ EM_X86_64, { 0x64, 0x48, 0x8b, 0x3c, 0x25, 0x28, 0, 0, 0 }, 9, -1, -1, 0, 0, '.' },
	/* endbr64 */
	{ EM_X86_64, { 0xf3, 0x0f, 0x1e, 0xfa }, 4, -1, -1, 0, 0, '.' },
	/* ldr w1, [x0, #72]; ldr x2, [x19, #80]; str x1, [x0, #32]; mov x19, x0; bl */
	{ EM_AARCH64, { 0x01, 0x48, 0x40, 0xb9 }, 4, 0, 1, 72, 4, 'l' },
	{ EM_AARCH64, { 0x62, 0x2a, 0x40, 0xf9 }, 4, 19, 2, 80, 8, 'l' },
	{ EM_AARCH64, { 0x01, 0x10, 0x00, 0xf9 }, 4, 0, 1, 32, 8, 's' },
	{ EM_AARCH64, { 0xf3, 0x03, 0x00, 0xaa }, 4, -1, 19, 0, 0, 'm' },
	{ EM_AARCH64, { 0x00, 0x00, 0x00, 0x94 }, 4, -1, 0, 0, 0, 'c' },
};

static void test_instructions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		const struct expected *row = &instructions[i];
		struct redis_access access;

		assert_int_equal(redis_layout_access(row->machine, row->code, sizeof(row->code),
						     &access),
				 0);
		assert_int_equal(access.length, row->length);
		assert_int_equal(access.is_load, row->what == 'l');
		assert_int_equal(access.is_store, row->what == 's');
		assert_int_equal(access.is_call, row->what == 'c');
		assert_int_equal(access.copies_from >= 0, row->what == 'm');
		if (row->what != 'l' && row->what != 's')
			continue;
		assert_int_equal(access.base, row->base);
		assert_int_equal(access.size, row->size);
		if (row->base < 0)
			continue;
		assert_int_equal(access.reg, row->reg);
		assert_int_equal(access.disp, row->disp);
	}
}

static void test_any_bytes_are_decoded_or_refused(void **state)
{
	struct redis_access access;
	uint8_t code[16];

	(void)state;
	srand(1);
	for (unsigned int i = 0; i < 200000; i++) {
		size_t size = 1 + rand() % sizeof(code);

		for (size_t j = 0; j < sizeof(code); j++)
			code[j] = rand() >> 7;
		if (!redis_layout_access(EM_X86_64, code, size, &access)) {
			assert_in_range(access.length, 1, size);
			assert_true(access.writes >= -1 && access.writes <= 15);
			assert_true(access.copies_from >= -1 && access.copies_from <= 15);
		}
		if (!redis_layout_access(EM_AARCH64, code, size, &access))
			assert_true(access.writes >= -1 && access.writes <= 31);
	}
	assert_int_equal(redis_layout_access(EM_386, code, sizeof(code), &access), -ENOTSUP);
}

static void test_other_programs_are_no_servers(void **state)
{
	struct redis_layout layout;
	struct redis_places places;
	struct bsl_elf *elf;
	char why[200] = "";

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(redis_layout_decode(elf, NULL, &layout, &places, why, sizeof(why)),
			 -ENOENT);
	assert_non_null(strstr(why, "no function call"));
	bsl_elf_close(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_any_bytes_are_decoded_or_refused),
		cmocka_unit_test(test_other_programs_are_no_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
