/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The table of runtimes against a program that looks like Python: this one. Its sites and semaphores are real.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SDT_USE_VARIADIC
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include <blazesym-lite.h>

#include "runtime/runtime_front.h"
#include "runtime/runtime_private.h"

#define SEMAPHORE(name)                                        \
	__extension__ unsigned short python_##name##_semaphore \
		__attribute__((unused, section(".probes")))

SEMAPHORE(function__entry);
SEMAPHORE(line);
SEMAPHORE(gc__start);

/* What makes it a Python. */
void PyEval_EvalCode(void);
void Py_FrozenMain(void);
void PyType_GenericAlloc(void *type);

__attribute__((noinline)) void PyEval_EvalCode(void)
{
	if (__builtin_expect(python_function__entry_semaphore, 0))
		STAP_PROBE3(python, function__entry, "file.py", "name", 7);
	if (__builtin_expect(python_line_semaphore, 0))
		STAP_PROBE(python, line);
	if (__builtin_expect(python_gc__start_semaphore, 0))
		STAP_PROBE1(python, gc__start, 2);
}

__attribute__((noinline)) void Py_FrozenMain(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void PyType_GenericAlloc(void *type)
{
	__asm__ volatile("" : : "r"(type));
}

static const struct runtime_place *find_place(const struct runtime_image *image, unsigned int event)
{
	for (size_t i = 0; i < image->count; i++)
		if (image->places[i].spec.event == event)
			return &image->places[i];
	fail_msg("no place of event %u", event);
	abort();
}

static struct runtime_images *open_self(struct runtime_image **image)
{
	struct runtime_images *images = runtime_images_new(RUNTIME_ANY);

	PyEval_EvalCode();
	Py_FrozenMain();
	PyType_GenericAlloc(NULL);
	assert_non_null(images);
	assert_int_equal(runtime_images_open(images, "/proc/self/exe", "exe", image), 0);
	return images;
}

static void test_a_program_is_recognised_by_what_it_defines(void **state)
{
	struct runtime_image *image, *again;
	struct runtime_images *images = open_self(&image);

	(void)state;
	assert_int_equal(image->lang, RUNTIME_PYTHON);
	assert_int_equal(runtime_images_open(images, "/proc/self/exe", "exe", &again), 0);
	assert_ptr_equal(image, again);
	assert_int_equal(runtime_images_open(images, "/proc/self/maps", "maps", &again), -ENOEXEC);
	runtime_images_free(images);
}

static void test_languages_that_are_not_wanted_are_not_found(void **state)
{
	struct runtime_images *images = runtime_images_new(RUNTIME_ANY & ~(1u << RUNTIME_PYTHON));
	struct runtime_image *image;

	(void)state;
	assert_int_equal(runtime_images_open(images, "/proc/self/exe", "exe", &image), -ENOENT);
	runtime_images_free(images);
}

static void test_probes_come_with_semaphore_and_values(void **state)
{
	struct runtime_image *image;
	struct runtime_images *images = open_self(&image);
	const struct runtime_place *place = find_place(image, RUNTIME_METHOD_ENTRY);

	(void)state;
	assert_int_equal(image->routes[RUNTIME_METHOD_ENTRY].kind, RUNTIME_ROUTE_USDT);
	assert_string_equal(place->probe, "python:function__entry");
	assert_true(place->ref_ctr_offset && place->offset && !place->is_return);
	assert_int_not_equal(place->spec.args[RUNTIME_FILE_NAME].kind, USDT_ARG_NONE);
	assert_int_not_equal(place->spec.args[RUNTIME_METHOD_NAME].kind, USDT_ARG_NONE);
	assert_int_equal(place->spec.args[RUNTIME_CLASS_NAME].kind, USDT_ARG_NONE);
	assert_int_equal(place->spec.args[RUNTIME_LINE].kind, USDT_ARG_CONST);
	assert_int_equal(place->spec.args[RUNTIME_LINE].disp, 7);
	runtime_images_free(images);
}

static void test_lines_semaphore_is_raised_where_nothing_runs(void **state)
{
	struct runtime_image *image;
	struct runtime_images *images = open_self(&image);
	const struct runtime_place *enabler = find_place(image, RUNTIME_ENABLER);

	(void)state;
	assert_string_equal(enabler->probe, "Py_FrozenMain");
	assert_true(enabler->ref_ctr_offset != 0);
	assert_int_not_equal(enabler->ref_ctr_offset,
			     find_place(image, RUNTIME_METHOD_ENTRY)->ref_ctr_offset);
	runtime_images_free(images);
}

static void test_functions_stand_in_and_what_is_missing_is_told(void **state)
{
	struct runtime_image *image;
	struct runtime_images *images = open_self(&image);
	const struct runtime_place *place = find_place(image, RUNTIME_OBJECT);

	(void)state;
	assert_int_equal(image->routes[RUNTIME_OBJECT].kind, RUNTIME_ROUTE_UPROBE);
	assert_int_equal(place->spec.args[RUNTIME_CLASS_NAME].kind, USDT_ARG_REG);
	assert_int_equal(place->spec.args[RUNTIME_CLASS_NAME].nr_steps, 1);
	assert_int_equal(place->spec.args[RUNTIME_CLASS_NAME].steps[0], 24);
	assert_int_equal(image->routes[RUNTIME_EXCEPTION].kind, RUNTIME_ROUTE_NONE);
	assert_non_null(strstr(image->routes[RUNTIME_EXCEPTION].note, "neither a USDT probe nor"));
	runtime_images_free(images);
}

static void test_a_process_has_the_runtimes_that_it_maps(void **state)
{
	struct runtime_use uses[RUNTIME_USES_MAX];
	struct runtime_image *image;
	struct runtime_images *images = open_self(&image);

	(void)state;
	assert_int_equal(runtime_images_find(images, getpid(), uses), 1);
	assert_ptr_equal(uses[0].image, image);
	assert_true(find_place(image, RUNTIME_OBJECT)->addr + uses[0].bias -
			    (uintptr_t)PyType_GenericAlloc <=
		    4);
	assert_int_equal(runtime_images_find(images, 0x7ffffff0, uses), -ESRCH);
	runtime_images_free(images);
}

static int take_entry_site(const struct bsl_usdt *usdt, void *ctx)
{
	struct bsl_usdt *found = ctx;

	if (!strcmp(usdt->name, "function__entry"))
		*found = *usdt;
	return 0;
}

static void test_guard_is_the_branch_on_the_semaphore(void **state)
{
	struct bsl_usdt site = {};
	struct bsl_elf *elf;
	uint64_t guard = 0;
	const uint8_t *code;
	int count;

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	bsl_elf_usdt_each(elf, take_entry_site, &site);
	assert_true(site.addr != 0);
	count = runtime_find_guards(elf, site.sema_addr, &site.addr, 1, &guard);
	if (bsl_host_machine() == EM_X86_64 && count == 1) {
		code = bsl_elf_data(elf, guard, 2);
		assert_true((code[0] & 0xfe) == 0x74 ||
			    (code[0] == 0x0f && (code[1] & 0xfe) == 0x84));
	} else {
		/* Built without optimization, the semaphore is loaded into a register. */
		assert_true(count == 0 || count == -ENOTSUP);
	}
	bsl_elf_close(elf);
}

static void test_tools_are_called_after_languages(void **state)
{
	(void)state;
	assert_int_equal(runtime_front_lang_of_tool("ustat"), RUNTIME_ANY);
	assert_int_equal(runtime_front_lang_of_tool("javastat"), 1u << RUNTIME_JAVA);
	assert_int_equal(runtime_front_lang_of_tool("/usr/sbin/phpstat-bpfcc"), 1u << RUNTIME_PHP);
	assert_int_equal(runtime_lang_find("ruby"), RUNTIME_RUBY);
	assert_int_equal(runtime_lang_find("rubyx"), -1);
}

/* Perl_dounwind of Debian 12's Perl 5.36: "if (PL_curstackinfo) go on elsewhere". */
static void test_the_second_part_of_a_split_function_is_found(void **state)
{
	static const uint8_t x86[] = { 0x48, 0x83, 0xbf, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x74,
				       0x06, 0xe9, 0x31, 0x5b, 0xff, 0xff, 0x90, 0xc3 };
	static const uint8_t arm64[] = { 0x02, 0x70, 0x40, 0xf9, 0x42, 0x00, 0x00, 0xb4,
					 0x8e, 0xd9, 0xff, 0x17, 0xc0, 0x03, 0x5f, 0xd6 };
	/* b to the ret after it: goes nowhere else. */
	static const uint8_t within[] = { 0x01, 0x00, 0x00, 0x14, 0xc0, 0x03, 0x5f, 0xd6 };
	/* b 64 MiB further */
	static const uint8_t far[] = { 0xff, 0xff, 0xff, 0x15 };

	(void)state;
	assert_int_equal(runtime_follow_jump(EM_X86_64, x86, 0x16bd70, sizeof(x86)), 0x1618b0);
	assert_int_equal(runtime_follow_jump(EM_AARCH64, arm64, 0x159850, sizeof(arm64)), 0x14fe90);
	assert_int_equal(runtime_follow_jump(EM_AARCH64, within, 0x1000, sizeof(within)), 0x1000);
	assert_int_equal(runtime_follow_jump(EM_AARCH64, far, 0x1000, sizeof(far)),
			 0x1000 + 0x7fffffc);
	/* The end of the code is the end, and other machines are left alone. */
	for (size_t size = 0; size < 15; size++)
		assert_int_equal(runtime_follow_jump(EM_X86_64, x86, 0x16bd70, size), 0x16bd70);
	for (size_t size = 0; size < 12; size++)
		assert_int_equal(runtime_follow_jump(EM_AARCH64, arm64, 0x159850, size), 0x159850);
	assert_int_equal(runtime_follow_jump(EM_RISCV, arm64, 0x159850, sizeof(arm64)), 0x159850);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_program_is_recognised_by_what_it_defines),
		cmocka_unit_test(test_languages_that_are_not_wanted_are_not_found),
		cmocka_unit_test(test_probes_come_with_semaphore_and_values),
		cmocka_unit_test(test_lines_semaphore_is_raised_where_nothing_runs),
		cmocka_unit_test(test_functions_stand_in_and_what_is_missing_is_told),
		cmocka_unit_test(test_a_process_has_the_runtimes_that_it_maps),
		cmocka_unit_test(test_guard_is_the_branch_on_the_semaphore),
		cmocka_unit_test(test_tools_are_called_after_languages),
		cmocka_unit_test(test_the_second_part_of_a_split_function_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
