/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The table of machines, against the psABIs' names and the kernel's own structures.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/user.h>
#include <cmocka.h>

static void assert_names(const struct bsl_machine *machine, const int8_t *regs, unsigned int count,
			 const char *wanted)
{
	char names[128] = "";

	for (unsigned int i = 0; i < count; i++) {
		strcat(names, i ? " " : "");
		strcat(names, machine->regs[regs[i]].name);
	}
	assert_string_equal(names, wanted);
}

static void test_c_by_the_psabis(void **state)
{
	const struct bsl_machine *x86 = bsl_machine_get(EM_X86_64);
	const struct bsl_machine *arm64 = bsl_machine_get(EM_AARCH64);

	(void)state;
	assert_names(x86, x86->c.args, x86->c.arg_count, "rdi rsi rdx rcx r8 r9");
	assert_names(x86, x86->c.results, x86->c.result_count, "rax rdx");
	assert_names(arm64, arm64->c.args, arm64->c.arg_count, "x0 x1 x2 x3 x4 x5 x6 x7");
	assert_names(arm64, arm64->c.results, arm64->c.result_count, "x0 x1");
}

static void test_what_calls_leave_alone(void **state)
{
	const struct bsl_machine *x86 = bsl_machine_get(EM_X86_64);
	const struct bsl_machine *arm64 = bsl_machine_get(EM_AARCH64);
	int8_t regs[32];
	unsigned int count = 0;

	(void)state;
	for (int i = 0; i < 32; i++)
		if (x86->c.callee_saved >> i & 1)
			regs[count++] = (int8_t)i;
	assert_names(x86, regs, count, "rbx rbp r12 r13 r14 r15");
	count = 0;
	for (int i = 0; i < 32; i++)
		if (arm64->c.callee_saved >> i & 1)
			regs[count++] = (int8_t)i;
	assert_names(arm64, regs, count, "x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29");
}

static void test_go_by_its_abi(void **state)
{
	const struct bsl_machine *x86 = bsl_machine_get(EM_X86_64);
	const struct bsl_machine *arm64 = bsl_machine_get(EM_AARCH64);

	(void)state;
	assert_names(x86, x86->go.args, x86->go.arg_count, "rax rbx rcx rdi rsi r8 r9 r10 r11");
	assert_memory_equal(x86->go.args, x86->go.results, sizeof(x86->go.args));
	assert_names(arm64, arm64->go.args, arm64->go.arg_count,
		     "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15");
	assert_string_equal(x86->regs[x86->go_g].name, "r14");
	assert_string_equal(arm64->regs[arm64->go_g].name, "x28");
}

static void test_special_registers(void **state)
{
	const struct bsl_machine *x86 = bsl_machine_get(EM_X86_64);
	const struct bsl_machine *arm64 = bsl_machine_get(EM_AARCH64);
	const int8_t of_x86[] = { x86->sp, x86->fp, x86->pc };
	const int8_t of_arm64[] = { arm64->sp, arm64->fp, arm64->pc, arm64->link };

	(void)state;
	assert_names(x86, of_x86, 3, "rsp rbp rip");
	assert_names(arm64, of_arm64, 4, "sp x29 pc x30");
	assert_int_equal(x86->link, BSL_REG_NONE);
}

static void test_registers_are_where_the_kernel_has_them(void **state)
{
	const struct bsl_machine *machine = bsl_machine_get(bsl_host_machine());
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
#ifdef __x86_64__
#define ROW(name) { #name, offsetof(struct user_regs_struct, name) }
		ROW(rax), ROW(rbx), ROW(rcx), ROW(rdx), ROW(rsi), ROW(rdi),
		ROW(rbp), ROW(rsp), ROW(r8),  ROW(r9),	ROW(r10), ROW(r11),
		ROW(r12), ROW(r13), ROW(r14), ROW(r15), ROW(rip),
#else
		{ "x0", offsetof(struct user_regs_struct, regs[0]) },
		{ "x15", offsetof(struct user_regs_struct, regs[15]) },
		{ "x30", offsetof(struct user_regs_struct, regs[30]) },
		{ "sp", offsetof(struct user_regs_struct, sp) },
		{ "pc", offsetof(struct user_regs_struct, pc) },
#endif
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int reg = bsl_reg_find(machine->elf, rows[i].name);

		assert_in_range(reg, 0, machine->reg_count - 1);
		assert_int_equal(machine->regs[reg].pt_regs_offset, rows[i].offset);
	}
}

static void test_other_machines_are_not_traced(void **state)
{
	(void)state;
	assert_null(bsl_machine_get(EM_386));
	assert_null(bsl_machine_get(EM_S390));
	assert_null(bsl_machine_get(EM_NONE));
	/* A 32-bit program's registers have names all the same. */
	assert_int_equal(bsl_reg_find(EM_386, "eax"), bsl_reg_find(EM_X86_64, "rax"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c_by_the_psabis),
		cmocka_unit_test(test_what_calls_leave_alone),
		cmocka_unit_test(test_go_by_its_abi),
		cmocka_unit_test(test_special_registers),
		cmocka_unit_test(test_registers_are_where_the_kernel_has_them),
		cmocka_unit_test(test_other_machines_are_not_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
