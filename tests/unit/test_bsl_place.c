/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Places for uprobes: where an instruction begins, and what the kernel does with it. */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <blazesym-lite.h>

#include "test_bsl_image.h"

#define FUNC (IMAGE_BASE + 0x20)

/* A file with this code at FUNC, as one function `f`. */
static struct bsl_elf *elf_of(struct image *image, int machine, const void *code, size_t size,
			      int type)
{
	const struct image_symbol sym = { "f", FUNC, size, type, STB_GLOBAL, SECTION_TEXT };
	struct bsl_elf *elf;

	image_build(image, &sym, 1);
	((Elf64_Ehdr *)image->data)->e_machine = machine;
	memcpy(image->data + IMAGE_TEXT + 0x20, code, size);
	assert_int_equal(bsl_elf_open_mem(image->data, image->size, &elf), 0);
	return elf;
}

struct row {
	const char *code;
	size_t size;
	uint64_t at;	 /* from FUNC */
	const char *why; /* a part of it; NULL: a probe may be put there */
};

static void check_rows(int machine, const struct row *rows, size_t nr)
{
	static struct image image;
	struct bsl_elf *elf;
	char why[300];
	int err;

	for (size_t i = 0; i < nr; i++) {
		why[0] = '\0';
		elf = elf_of(&image, machine, rows[i].code, rows[i].size, STT_FUNC);
		err = bsl_elf_check_place(elf, FUNC + rows[i].at, 0, why, sizeof(why));
		if (err != (rows[i].why ? -EPERM : 0) || (rows[i].why && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %d %s", i, err, why);
		bsl_elf_close(elf);
	}
}

static void test_x86_places(void **state)
{
	/* mov $1,%eax; jmp +2; xchg %r8,%rax; ret */
	static const char plain[] = "\xb8\x01\x00\x00\x00\xeb\x02\x49\x90\xc3";
	/* jmp over a byte that begins no instruction; ret: what follows is reached */
	static const char data[] = "\xeb\x01\x06\x90\xc3";
	/* jmp over bytes that look like the start of a longer instruction */
	static const char astray[] = "\xeb\x02\x48\xb8\x90\xc3\x90\x90\x90\x90\x90\x90\x90";
	/* push %rbp; nop5; ret, without and with a call */
	static const char leaf[] = "\x55\x0f\x1f\x44\x00\x00\xc3";
	static const char calls[] = "\x55\x0f\x1f\x44\x00\x00\xe8\x00\x00\x00\x00\xc3";
	const struct row rows[] = {
		{ plain, 10, 0, NULL },
		{ plain, 10, 5, NULL },
		{ plain, 10, 9, NULL },
		{ plain, 10, 1, "these begin at 0x400020 (+0x0) and 0x400025 (+0x5)" },
		{ plain, 10, 6, "these begin at 0x400025 (+0x5) and 0x400027 (+0x7)" },
		{ plain, 10, 7, "for a nop" },
		{ plain, 10, 8, "in the middle of an instruction of f" },
		{ data, 5, 0, NULL },
		{ data, 5, 3, NULL },
		{ data, 5, 2, "holds data" },
		{ astray, 13, 4, NULL },
		{ astray, 13, 2, "holds data" },
		{ astray, 13, 12, "holds data" },
		{ leaf, 7, 1, "below its stack pointer" },
		{ leaf, 7, 2, "in the middle of an instruction" },
		{ leaf, 7, 6, NULL },
		{ calls, 12, 1, NULL },
		/* nop5 as the first instruction: nothing is below the stack pointer yet */
		{ leaf + 1, 6, 0, NULL },
		{ "\x90\xc5\xf8\x77\xc3", 5, 1, "takes this vector instruction for another" },
		{ "\xf0\xff\x00\xc3", 4, 0, "lock or segment prefix" },
		{ "\x06", 1, 0, "there is no instruction" },
	};

	(void)state;
	check_rows(EM_X86_64, rows, ARRAY_SIZE(rows));
}

static void test_arm64_places(void **state)
{
	/* ldaxr w1, [x0]; add w1, w1, #1; stlxr w2, w1, [x0]; cbnz w2, -12; ret */
	static const char exclusive[] = "\x01\xfc\x5f\x88\x21\x04\x00\x11\x01\xfc\x02\x88"
					"\xa2\xff\xff\x35\xc0\x03\x5f\xd6";
	/* casal is whole in itself: add w1, w1, #1; casal w1, w2, [x0]; add; ret */
	static const char swap[] =
		"\x21\x04\x00\x11\x02\xfc\xe1\x88\x21\x04\x00\x11\xc0\x03\x5f\xd6";
	const struct row rows[] = {
		{ exclusive, 20, 0, "the kernel refuses" },
		{ exclusive, 20, 4, "exclusive sequence" },
		{ exclusive, 20, 8, "the kernel refuses" },
		{ exclusive, 20, 12, NULL },
		{ exclusive, 20, 16, NULL },
		{ exclusive, 20, 6, "in the middle of an instruction" },
		{ swap, 16, 4, NULL },
		{ swap, 16, 8, NULL },
	};

	(void)state;
	check_rows(EM_AARCH64, rows, ARRAY_SIZE(rows));
}

static void test_what_is_no_code_is_refused(void **state)
{
	static struct image image;
	struct bsl_elf *elf = elf_of(&image, EM_X86_64, "\x90\xc3", 2, STT_FUNC);
	char why[300];

	(void)state;
	assert_int_equal(bsl_elf_check_place(elf, IMAGE_DATA_ADDR, 0, why, sizeof(why)), -EPERM);
	assert_string_equal(why, "0x602000 is not in its code");
	assert_int_equal(bsl_elf_check_place(elf, 0, BSL_PLACE_FORCE, why, sizeof(why)), -EPERM);
	assert_int_equal(bsl_elf_check_place(elf, UINT64_MAX, 0, why, sizeof(why)), -EPERM);
	bsl_elf_close(elf);
	((Elf64_Ehdr *)image.data)->e_type = ET_REL;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(bsl_elf_check_place(elf, IMAGE_TEXT + 0x20, BSL_PLACE_FORCE, why,
					     sizeof(why)),
			 -EPERM);
	assert_non_null(strstr(why, "relocatable"));
	bsl_elf_close(elf);
}

static void test_flags_excuse_what_is_not_proved_alone(void **state)
{
	/* call +0; xchg %r8,%rax; mov $0x9090,%eax; ret */
	static const char code[] = "\xe8\x00\x00\x00\x00\x49\x90\xb8\x90\x90\x00\x00\xc3";
	static struct image image;
	struct bsl_elf *elf = elf_of(&image, EM_X86_64, code, 13, STT_FUNC);
	const uint64_t unknown = FUNC + 0x100;
	char why[300];

	(void)state;
	memset(image.data + IMAGE_TEXT + 0x120, 0x90, 16);
	image.data[IMAGE_TEXT + 0x130] = 0xc3;
	assert_int_equal(bsl_elf_check_place(elf, unknown, 0, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "no function is known at 0x400120"));
	assert_int_equal(bsl_elf_check_place(elf, unknown, BSL_PLACE_FORCE, why, sizeof(why)), 0);
	/* a nop as a USDT probe's, and another instruction */
	assert_int_equal(bsl_elf_check_place(elf, unknown, BSL_PLACE_VOUCHED, why, sizeof(why)), 0);
	assert_int_equal(
		bsl_elf_check_place(elf, unknown + 16, BSL_PLACE_VOUCHED, why, sizeof(why)), 0);
	/* forced into the middle of an instruction; but not onto a harmful one */
	assert_int_equal(bsl_elf_check_place(elf, FUNC + 8, BSL_PLACE_FORCE, why, sizeof(why)), 0);
	assert_int_equal(bsl_elf_check_place(elf, FUNC + 10, BSL_PLACE_VOUCHED, why, sizeof(why)),
			 -EPERM);
	assert_int_equal(bsl_elf_check_place(elf, FUNC + 5, BSL_PLACE_FORCE, why, sizeof(why)),
			 -EPERM);
	assert_non_null(strstr(why, "for a nop"));
	bsl_elf_close(elf);
}

static int keep(const struct bsl_symbol *sym, void *ctx)
{
	*(struct bsl_symbol *)ctx = *sym;
	return 1;
}

static void test_labels_are_no_functions_unless_a_table_says_so(void **state)
{
	static struct image image;
	struct bsl_elf *elf = elf_of(&image, EM_X86_64, "\x90\xc3", 2, STT_NOTYPE);
	struct bsl_symbol sym;
	char why[300];

	(void)state;
	assert_int_equal(bsl_elf_find_symbols(elf, "f", 0, keep, &sym), 1);
	assert_int_equal(bsl_elf_check_entry(elf, &sym, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "label"));
	assert_int_equal(bsl_elf_check_place(elf, FUNC, 0, why, sizeof(why)), -EPERM);
	assert_int_equal(bsl_elf_check_place(elf, FUNC, BSL_PLACE_FORCE, why, sizeof(why)), 0);
	bsl_elf_close(elf);
	elf = elf_of(&image, EM_X86_64, "\x90\xc3", 2, STT_FUNC);
	assert_int_equal(bsl_elf_find_symbols(elf, "f", 0, keep, &sym), 1);
	assert_int_equal(bsl_elf_check_entry(elf, &sym, why, sizeof(why)), 0);
	bsl_elf_close(elf);
}

/* This program's own functions: each instruction of a large one is a place or refused for what it is. */
static void test_functions_of_a_program(void **state)
{
	struct bsl_function function;
	struct bsl_symbol sym = {};
	unsigned int good = 0, middle = 0;
	struct bsl_elf *elf;
	char why[300];

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_elf_check_place", 0, keep, &sym), 1);
	for (uint64_t addr = sym.addr; addr < sym.addr + sym.size; addr++) {
		assert_int_equal(bsl_elf_function_at(elf, addr, &function), 0);
		assert_string_equal(function.name, "bsl_elf_check_place");
		assert_int_equal(function.addr, sym.addr);
		if (!bsl_elf_check_place(elf, addr, 0, why, sizeof(why)))
			good++;
		else
			middle += strstr(why, "in the middle") != NULL;
	}
	assert_true(good > 50 && middle > good && good + middle <= sym.size);
	bsl_elf_close(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_places),
		cmocka_unit_test(test_arm64_places),
		cmocka_unit_test(test_what_is_no_code_is_refused),
		cmocka_unit_test(test_flags_excuse_what_is_not_proved_alone),
		cmocka_unit_test(test_labels_are_no_functions_unless_a_table_says_so),
		cmocka_unit_test(test_functions_of_a_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
