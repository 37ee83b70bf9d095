/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Instruction lengths and return sites. */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <blazesym-lite.h>

#include "test_bsl_image.h"

static void test_x86_lengths(void **state)
{
	static const struct {
		const char *bytes;
		int length;
		const char *text;
	} rows[] = {
		{ "\x90", 1, "nop" },
		{ "\xc3", 1, "ret" },
		{ "\xf3\xc3", 2, "rep ret" },
		{ "\xc2\x08\x00", 3, "ret $8" },
		{ "\xf3\x0f\x1e\xfa", 4, "endbr64" },
		{ "\x48\x89\xe5", 3, "mov %rsp,%rbp" },
		{ "\x48\x83\xec\x10", 4, "sub $16,%rsp" },
		{ "\x48\x81\xec\x00\x01\x00\x00", 7, "sub $256,%rsp" },
		{ "\x66\x81\x3a\x00\x01", 5, "cmpw $256,(%rdx)" },
		{ "\x48\x8b\x05\x01\x02\x03\x04", 7, "mov x(%rip),%rax" },
		{ "\x8b\x44\x24\x08", 4, "mov 8(%rsp),%eax" },
		{ "\x8b\x04\x25\x00\x10\x00\x00", 7, "mov 0x1000,%eax" },
		{ "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 10, "movabs $imm64,%rax" },
		{ "\xb8\xc3\xc3\xc3\xc3", 5, "mov $0xc3c3c3c3,%eax" },
		{ "\xa1\x01\x02\x03\x04\x05\x06\x07\x08", 9, "movabs moffs,%eax" },
		{ "\xe8\x01\x02\x03\x04", 5, "call" },
		{ "\x66\x66\x48\xe8\x01\x02\x03\x04", 8, "data16 rex.W call" },
		{ "\x0f\x84\x01\x02\x03\x04", 6, "je" },
		{ "\xf6\x05\x01\x02\x03\x04\x80", 7, "testb $imm,x(%rip)" },
		{ "\xf7\xd8", 2, "neg %eax" },
		{ "\xf7\xc0\x01\x02\x03\x04", 6, "test $imm,%eax" },
		{ "\x66\x0f\x3a\x0f\xc1\x08", 6, "palignr" },
		{ "\x66\x0f\x38\x00\xc1", 5, "pshufb" },
		{ "\xc5\xf8\x77", 3, "vzeroupper" },
		{ "\xc5\xfd\x6f\x07", 4, "vmovdqa (%rdi),%ymm0" },
		{ "\xc4\xe3\x7d\x39\xc0\x01", 6, "vextracti128" },
		{ "\x62\xf1\xfe\x48\x6f\x07", 6, "vmovdqu64 (%rdi),%zmm0" },
		{ "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00", 10, "nopw" },
		{ "\x06", -EINVAL, "push %es" },
		{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", -EINVAL,
		  "too long" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *code = (const uint8_t *)rows[i].bytes;
		int length = bsl_x86_insn_length(code, 16);

		if (length != rows[i].length)
			fail_msg("%s: %d", rows[i].text, length);
		/* and cut short, it never claims more than is there */
		for (int size = 0; size < rows[i].length; size++)
			assert_int_equal(bsl_x86_insn_length(code, size), -ENODATA);
	}
}

/* A file with this code alone, at IMAGE_BASE + 0x20. */
static struct bsl_elf *elf_of(int machine, const void *code, size_t size)
{
	static struct image image;
	struct bsl_elf *elf;

	image_build(&image, NULL, 0);
	((Elf64_Ehdr *)image.data)->e_machine = machine;
	memcpy(image.data + IMAGE_TEXT + 0x20, code, size);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	return elf;
}

static int asked_of(int (*ask)(const struct bsl_elf *elf, uint64_t addr, uint64_t size),
		    int machine, const void *code, size_t size)
{
	struct bsl_elf *elf = elf_of(machine, code, size);
	int answer = ask(elf, IMAGE_BASE + 0x20, size);

	bsl_elf_close(elf);
	return answer;
}

static void test_endbr64_is_skipped_unless_something_jumps_behind_it(void **state)
{
#define ENDBR "\xf3\x0f\x1e\xfa"
	static const struct {
		const char *bytes;
		size_t size;
		int skip;
	} rows[] = {
		{ ENDBR "\x55\xc3", 6, 4 },
		{ "\x55\xc3", 2, 0 },
		{ ENDBR, 4, 0 },
		/* jmp, jne, loop, jrcxz, far ones: back behind it, or elsewhere */
		{ ENDBR "\x90\xeb\xfd", 7, 0 },
		{ ENDBR "\x90\xeb\xfc", 7, 4 },
		{ ENDBR "\x90\x75\xfd\xc3", 8, 0 },
		{ ENDBR "\xe2\xfe\xc3", 7, 0 },
		{ ENDBR "\xe3\xfe\xc3", 7, 0 },
		{ ENDBR "\x90\xe9\xfa\xff\xff\xff", 10, 0 },
		{ ENDBR "\x90\x0f\x84\xf9\xff\xff\xff\xc3", 12, 0 },
		{ ENDBR "\x90\x0f\x84\x00\x00\x00\x00\xc3", 12, 4 },
		/* a call to it would be a call of the function */
		{ ENDBR "\x90\xe8\xfa\xff\xff\xff\xc3", 11, 4 },
		/* not to be decoded to the end */
		{ ENDBR "\x90\x06", 6, 0 },
		{ ENDBR "\xe9\xfa", 6, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (asked_of(bsl_elf_entry_skip, EM_X86_64, rows[i].bytes, rows[i].size) !=
		    rows[i].skip)
			fail_msg("row %zu", i);
	assert_int_equal(asked_of(bsl_elf_entry_skip, EM_AARCH64, rows[0].bytes, rows[0].size), 0);
}

static void test_tail_jumps_are_those_that_leave_for_good(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int nr;
	} rows[] = {
		{ "\x90\xc3", 2, 0 },
		/* jmp within, behind the end, before the start; jne behind the end; call */
		{ "\xeb\xfe\xc3", 3, 0 },
		{ "\xeb\x01\xc3", 3, 1 },
		{ "\xe9\xf0\xff\xff\xff", 5, 1 },
		{ "\x75\x10\xc3", 3, 0 },
		{ "\x0f\x85\x00\x01\x00\x00\xc3", 7, 0 },
		{ "\xe8\x00\x01\x00\x00\xc3", 6, 0 },
		/* jmp *%rax, notrack jmp *%rax, jmp *8(%rip), call *%rax, push (%rax) */
		{ "\xff\xe0", 2, 1 },
		{ "\x3e\xff\xe0", 3, 1 },
		{ "\xff\x25\x08\x00\x00\x00", 6, 1 },
		{ "\xff\xd0\xc3", 3, 0 },
		{ "\xff\x30\xc3", 3, 0 },
		{ "\x06", 1, -EINVAL },
	};
	static const uint32_t within[] = { 0x14000001, 0xd65f03c0 },
			      behind[] = { 0x14000002, 0xd65f03c0 }, before[] = { 0x17ffffff },
			      indirect[] = { 0xd61f0200 },
			      call[] = { 0x94000010, 0xd63f0200, 0xd65f03c0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (asked_of(bsl_elf_tail_jumps, EM_X86_64, rows[i].bytes, rows[i].size) !=
		    rows[i].nr)
			fail_msg("row %zu", i);
	assert_int_equal(asked_of(bsl_elf_tail_jumps, EM_AARCH64, within, sizeof(within)), 0);
	assert_int_equal(asked_of(bsl_elf_tail_jumps, EM_AARCH64, behind, sizeof(behind)), 1);
	assert_int_equal(asked_of(bsl_elf_tail_jumps, EM_AARCH64, before, sizeof(before)), 1);
	assert_int_equal(asked_of(bsl_elf_tail_jumps, EM_AARCH64, indirect, sizeof(indirect)), 1);
	assert_int_equal(asked_of(bsl_elf_tail_jumps, EM_AARCH64, call, sizeof(call)), 0);
}

struct sites {
	uint64_t offsets[4];
	int nr;
};

static int take(uint64_t offset, void *ctx)
{
	struct sites *sites = ctx;

	sites->offsets[sites->nr++ & 3] = offset;
	return 0;
}

static int sites_of(int machine, const void *code, size_t size, struct sites *sites)
{
	struct bsl_elf *elf = elf_of(machine, code, size);
	int ret;

	memset(sites, 0, sizeof(*sites));
	ret = bsl_elf_ret_sites(elf, IMAGE_BASE + 0x20, size, take, sites);
	bsl_elf_close(elf);
	return ret;
}

static void test_x86_returns_are_instructions_not_bytes(void **state)
{
	/* mov $0xc3,%eax; je +1; ret; rep ret; ret $8; int3 */
	static const uint8_t code[] = "\xb8\xc3\x00\x00\x00\x74\x01\xc3\xf3\xc3\xc2\x08\x00\xcc";
	/* jmp over a byte that no instruction starts with */
	static const uint8_t data[] = "\xeb\x01\x06\xc3";
	struct sites sites;

	(void)state;
	assert_int_equal(sites_of(EM_X86_64, code, 14, &sites), 3);
	assert_int_equal(sites.offsets[0], IMAGE_TEXT + 0x20 + 7);
	assert_int_equal(sites.offsets[1], IMAGE_TEXT + 0x20 + 8);
	assert_int_equal(sites.offsets[2], IMAGE_TEXT + 0x20 + 10);
	assert_int_equal(sites_of(EM_X86_64, data, 4, &sites), -EINVAL);
	assert_int_equal(sites.nr, 0); /* all or nothing */
	assert_int_equal(sites_of(EM_X86_64, code, 12, &sites), -EINVAL);
	assert_int_equal(sites_of(EM_X86_64, code, 0, &sites), -ENOENT);
	assert_int_equal(sites_of(EM_S390, code, 14, &sites), -ENOTSUP);
}

static void test_arm64_returns(void **state)
{
	static const uint32_t code[] = {
		0xd503233f /* paciasp */, 0xd65f03c0 /* ret */,	   0xd65f0bff /* retaa */,
		0xd61f03c0 /* br x30 */,  0xd65f0020 /* ret x1 */,
	};
	struct sites sites;

	(void)state;
	assert_int_equal(sites_of(EM_AARCH64, code, sizeof(code), &sites), 3);
	assert_int_equal(sites.offsets[0], IMAGE_TEXT + 0x24);
	assert_int_equal(sites.offsets[1], IMAGE_TEXT + 0x28);
	assert_int_equal(sites.offsets[2], IMAGE_TEXT + 0x30);
	assert_int_equal(sites_of(EM_AARCH64, code, 6, &sites), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_lengths),
		cmocka_unit_test(test_tail_jumps_are_those_that_leave_for_good),
		cmocka_unit_test(test_endbr64_is_skipped_unless_something_jumps_behind_it),
		cmocka_unit_test(test_x86_returns_are_instructions_not_bytes),
		cmocka_unit_test(test_arm64_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
