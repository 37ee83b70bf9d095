/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* USDT notes and the operands of their arguments. */
#include <array_size.h>
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

#include <blazesym-lite.h>

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include "test_bsl_image.h"

__extension__ unsigned short bsl_test_with_semaphore_semaphore __attribute__((unused))
__attribute__((section(".probes")));
__extension__ unsigned short bsl_test_plain_semaphore __attribute__((unused))
__attribute__((section(".probes")));

static int probed_global = 7;

__attribute__((noinline)) static void fire(int number, const char *string)
{
	STAP_PROBE2(bsl_test, with_semaphore, number, string);
	STAP_PROBE1(bsl_test, plain, probed_global);
	STAP_PROBE(bsl_test, plain);
}

/* ---- operands ---- */

static char arg_text[256];

/* Writes what an operand was understood as, in one line that can be compared. */
static const char *describe(int machine, const char *text)
{
	struct bsl_usdt usdt;
	const struct bsl_usdt_arg *arg = &usdt.args[0];
	const struct bsl_reg *reg, *index;
	int len;

	assert_int_equal(bsl_usdt_parse_args(text, machine, &usdt), 1);
	reg = bsl_reg_get(machine, arg->reg);
	index = bsl_reg_get(machine, arg->index);
	len = snprintf(arg_text, sizeof(arg_text), "%s%u%s ", arg->is_signed ? "s" : "u",
		       arg->size * 8, arg->is_float ? "f" : "");
	switch (arg->kind) {
	case BSL_ARG_UNSUPPORTED:
		snprintf(arg_text, sizeof(arg_text), "?%s", arg->why);
		break;
	case BSL_ARG_CONST:
		snprintf(arg_text + len, sizeof(arg_text) - len, "%lld", (long long)arg->disp);
		break;
	case BSL_ARG_REG:
		snprintf(arg_text + len, sizeof(arg_text) - len, "%s>>%d", reg->name,
			 arg->reg_shift);
		break;
	case BSL_ARG_DEREF:
		snprintf(arg_text + len, sizeof(arg_text) - len, "*(%s + %s%s * %d + %lld)",
			 reg ? reg->name : "0", index ? index->name : "0",
			 arg->index_is_w ? arg->index_is_signed ? ".sw" : ".w" : "", arg->scale,
			 (long long)arg->disp);
		break;
	case BSL_ARG_ADDR:
		snprintf(arg_text + len, sizeof(arg_text) - len, "*(%.*s + %lld)", arg->sym_len,
			 arg->sym, (long long)arg->addr);
		break;
	}
	return arg_text;
}

struct operand {
	const char *text, *meaning;
};

static void test_x86_64_operands(void **state)
{
	static const struct operand rows[] = {
		{ "8@%rdi", "u64 rdi>>0" },
		{ "-4@%eax", "s32 rax>>0" },
		{ "-2@%bp", "s16 rbp>>0" },
		{ "1@%r10b", "u8 r10>>0" },
		{ "1@%ah", "u8 rax>>8" },
		{ "8@%ebx", "u32 rbx>>0" }, /* no more than the register has */
		{ "%rsi", "u64 rsi>>0" },   /* as written before sizes were */
		{ "-4@$-1", "s32 -1" },
		{ "4@$-1", "u32 4294967295" },
		{ "8@$-1", "u64 -1" }, /* the same 64 bits */
		{ "-1@$255", "s8 -1" },
		{ "8@$0xdeadbeef", "u64 3735928559" },
		{ "8@(%rsp)", "u64 *(rsp + 0 * 1 + 0)" },
		{ "-4@-80(%rbx)", "s32 *(rbx + 0 * 1 + -80)" },
		{ "8@0x10(%r15)", "u64 *(r15 + 0 * 1 + 16)" },
		{ "8@(%rax,%rbx,8)", "u64 *(rax + rbx * 8 + 0)" },
		{ "8@-8(%rax,%rbx)", "u64 *(rax + rbx * 1 + -8)" },
		{ "4@4(,%rcx,4)", "u32 *(0 + rcx * 4 + 4)" },
		{ "4@(%rax, %rcx, 2)", "u32 *(rax + rcx * 2 + 0)" },
		{ "-4@NBuffers(%rip)", "s32 *(NBuffers + 0)" },
		{ "-4@52+CheckpointStats(%rip)", "s32 *(CheckpointStats + 52)" },
		{ "8@_ZL5table+16(%rip)", "u64 *(_ZL5table + 16)" },
		{ "8@table.1-8(%rip)", "u64 *(table.1 + -8)" },
		{ "8@8+table+8(%rip)", "u64 *(table + 16)" },
		{ "8@fixed", "u64 *(fixed + 0)" },
		{ "8@4096", "u64 *(0 + 0 * 1 + 4096)" },
		{ "8f@-16(%rbp)", "u64f *(rbp + 0 * 1 + -16)" },
		{ "8@%xmm0", "?in a floating-point register" },
		{ "-8f@%xmm11", "?in a floating-point register" },
		{ "8@%fs:-8", "?thread-local memory" },
		{ "8@$table", "?the address of a symbol" },
		{ "8@table@GOTPCREL(%rip)", "?its address is in the global offset table" },
		{ "8@8(%rip)", "?relative to an instruction that isn't named" },
		{ "8@table(,%rax,8)", "?a symbol's address with a register added" },
		{ "8@(%eax)", "?a 32-bit address in a 64-bit program" },
		{ "16@(%rax)", "?not of 1, 2, 4 or 8 bytes" },
		{ "8@", "?no operand" },
		{ "8@%r16", "?an unknown register" },
		{ "8@%", "?an unknown register" },
		{ "8@$", "?not an operand of this machine" },
		{ "8@(%rax", "?not an operand of this machine" },
		{ "8@(%rax,%rbx,3)", "?not an operand of this machine" },
		{ "8@(%rax)x", "?not an operand of this machine" },
		{ "8@a+b(%rip)", "?not an operand of this machine" },
		{ "8@-a(%rip)", "?not an operand of this machine" },
		{ "8@)", "?not an operand of this machine" },
		{ "8@x0", "u64 *(x0 + 0)" }, /* a symbol, on this machine */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(describe(EM_X86_64, rows[i].text), rows[i].meaning))
			fail_msg("'%s' is '%s', expected '%s'", rows[i].text, arg_text,
				 rows[i].meaning);
}

static void test_arm64_operands(void **state)
{
	static const struct operand rows[] = {
		{ "8@x0", "u64 x0>>0" },
		{ "-4@w19", "s32 x19>>0" },
		{ "8@sp", "u64 sp>>0" },
		{ "8@x29", "u64 x29>>0" },
		{ "4@wzr", "u32 0" },
		{ "8@xzr", "u64 0" },
		{ "-4@5", "s32 5" },
		{ "-4@-5", "s32 -5" },
		{ "-4@#7", "s32 7" },
		{ "8@[x0]", "u64 *(x0 + 0 * 1 + 0)" },
		{ "8@[sp, 8]", "u64 *(sp + 0 * 1 + 8)" },
		{ "8@[sp, #-16]", "u64 *(sp + 0 * 1 + -16)" },
		{ "8@[x0,8]", "u64 *(x0 + 0 * 1 + 8)" },
		{ "8@[x0, x1]", "u64 *(x0 + x1 * 1 + 0)" },
		{ "8@[x0, x1, lsl 3]", "u64 *(x0 + x1 * 8 + 0)" },
		{ "8@[x0, x1, lsl #3]", "u64 *(x0 + x1 * 8 + 0)" },
		{ "-4@[x0, w1, sxtw 2]", "s32 *(x0 + x1.sw * 4 + 0)" },
		{ "-4@[x0, w1, uxtw]", "s32 *(x0 + x1.w * 1 + 0)" },
		{ "8@d0", "?in a floating-point register" },
		{ "8f@s31", "?in a floating-point register" },
		{ "8@[x0, :lo12:table]", "?a symbol's address with a register added" },
		{ "8@[w0]", "?not an operand of this machine" },
		{ "8@[x0, x1, lsl 64]", "?not an operand of this machine" },
		{ "8@[x0, 8", "?not an operand of this machine" },
		{ "8@[x0, 8]!", "?not an operand of this machine" },
		{ "8@x31", "?not an operand of this machine" },
		{ "8@[", "?not an operand of this machine" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(describe(EM_AARCH64, rows[i].text), rows[i].meaning))
			fail_msg("'%s' is '%s', expected '%s'", rows[i].text, arg_text,
				 rows[i].meaning);
}

static void test_argument_lists_split_at_blanks_outside_of_brackets(void **state)
{
	struct bsl_usdt usdt;

	(void)state;
	assert_int_equal(bsl_usdt_parse_args("", EM_X86_64, &usdt), 0);
	assert_int_equal(bsl_usdt_parse_args("  ", EM_X86_64, &usdt), 0);
	assert_int_equal(bsl_usdt_parse_args("8@%rdi  -4@$1\t1@(%rax, %rbx,1) ", EM_X86_64, &usdt),
			 3);
	assert_int_equal(usdt.args[1].kind, BSL_ARG_CONST);
	assert_int_equal(usdt.args[2].kind, BSL_ARG_DEREF);
	assert_int_equal(bsl_usdt_parse_args("8@[sp, 8] 8@x1", EM_AARCH64, &usdt), 2);
	assert_int_equal(usdt.args[1].kind, BSL_ARG_REG);
	/* one that isn't readable does not hide its neighbours */
	assert_int_equal(bsl_usdt_parse_args("8@%xmm1 8@%rdi", EM_X86_64, &usdt), 2);
	assert_int_equal(usdt.args[0].kind, BSL_ARG_UNSUPPORTED);
	assert_int_equal(usdt.args[1].kind, BSL_ARG_REG);
	assert_int_equal(bsl_usdt_parse_args("1 2 3 4 5 6 7 8 9 10 11 12 13 14", EM_AARCH64, &usdt),
			 14);
	assert_int_equal(bsl_usdt_parse_args("8@r3", EM_PPC64, &usdt), 1);
	assert_int_equal(usdt.args[0].kind, BSL_ARG_UNSUPPORTED);
}

static void test_register_tables(void **state)
{
	(void)state;
	assert_int_equal(bsl_reg_get(EM_X86_64, bsl_reg_find(EM_X86_64, "rdi"))->pt_regs_offset,
			 112);
	assert_int_equal(bsl_reg_get(EM_X86_64, bsl_reg_find(EM_X86_64, "ax"))->pt_regs_offset, 80);
	assert_int_equal(bsl_reg_get(EM_AARCH64, bsl_reg_find(EM_AARCH64, "w5"))->pt_regs_offset,
			 40);
	assert_int_equal(bsl_reg_find(EM_X86_64, "x0"), -ENOENT);
	assert_int_equal(bsl_reg_find(EM_X86_64, "xmm0"), -ENOENT);
	assert_null(bsl_reg_get(EM_X86_64, -1));
	assert_null(bsl_reg_get(EM_X86_64, 17));
	assert_null(bsl_reg_get(EM_AARCH64, 33));
	assert_null(bsl_reg_get(EM_S390, 0));
}

/* ---- notes ---- */

struct seen {
	struct bsl_usdt probes[8];
	char names[8][32];
	int nr;
};

static int collect(const struct bsl_usdt *usdt, void *ctx)
{
	struct seen *seen = ctx;

	if (seen->nr < 8) {
		seen->probes[seen->nr] = *usdt;
		snprintf(seen->names[seen->nr], 32, "%s:%s", usdt->provider, usdt->name);
	}
	seen->nr++;
	return 0;
}

static int semaphore_place(const struct bsl_symbol *sym, void *ctx)
{
	*(uint64_t *)ctx = sym->addr;
	return 0;
}

static void test_own_probes_are_found_with_their_semaphores(void **state)
{
	uint64_t semaphore = 0, offset;
	struct seen seen = { .nr = 0 };
	struct bsl_elf *elf;
	const struct bsl_usdt *probe = &seen.probes[0];

	(void)state;
	fire(1, "x");
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(bsl_elf_usdt_each(elf, collect, &seen), 3);
	assert_string_equal(seen.names[0], "bsl_test:with_semaphore");
	assert_string_equal(seen.names[1], "bsl_test:plain");
	assert_string_equal(seen.names[2], "bsl_test:plain");
	assert_int_equal(probe->nargs, 2);
	assert_int_equal(seen.probes[2].nargs, 0);
	for (int i = 0; i < 3; i++) {
		const uint8_t *insn = bsl_elf_data(elf, seen.probes[i].addr, 4);

		assert_non_null(insn);
#if defined(__x86_64__)
		assert_int_equal(insn[0], 0x90); /* the nop that the probe replaces */
#elif defined(__aarch64__)
		assert_memory_equal(insn, "\x1f\x20\x03\xd5", 4);
#endif
		assert_int_equal(bsl_elf_addr_to_offset(elf, seen.probes[i].addr, &offset), 0);
		assert_int_equal(offset, seen.probes[i].offset);
	}
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_with_semaphore_semaphore",
					      BSL_FIND_ONLY_OBJECTS, semaphore_place, &semaphore),
			 1);
	assert_int_equal(probe->sema_addr, semaphore);
	assert_int_equal(bsl_elf_addr_to_offset(elf, semaphore, &offset), 0);
	assert_int_equal(probe->sema_offset, offset);
	bsl_elf_close(elf);
}

struct note {
	Elf64_Nhdr head;
	char owner[8];
	uint64_t addr, base, semaphore;
	char text[64];
} __attribute__((packed));

static void note_set(struct note *note, uint64_t base, const char *text, size_t text_size)
{
	memset(note, 0, sizeof(*note));
	note->head = (Elf64_Nhdr){ .n_namesz = 8, .n_descsz = 24 + text_size, .n_type = 3 };
	memcpy(note->owner, "stapsdt", 8);
	note->addr = IMAGE_BASE + 0x10 + base - 0x7000;
	note->base = base;
	note->semaphore = IMAGE_DATA_ADDR + 4 + base - 0x7000;
	memcpy(note->text, text, text_size);
}

static int image_probes(struct image *image, const struct note *note, size_t size,
			struct seen *seen)
{
	static const struct image_symbol symbols[] = {
		{ "counter", IMAGE_DATA_ADDR + 8, 4, STT_OBJECT, STB_LOCAL, SECTION_DATA },
		{ "twice", IMAGE_DATA_ADDR + 8, 4, STT_OBJECT, STB_LOCAL, SECTION_DATA },
		{ "twice", IMAGE_DATA_ADDR + 16, 4, STT_OBJECT, STB_LOCAL, SECTION_DATA },
	};
	struct bsl_elf *elf;
	int ret;

	image_build(image, symbols, 3);
	image_section_set(image, SECTION_NOTE, ".note.stapsdt", SHT_NOTE, note, size);
	assert_int_equal(bsl_elf_open_mem(image->data, image->size, &elf), 0);
	ret = bsl_elf_usdt_each(elf, collect, seen);
	bsl_elf_close(elf);
	return ret;
}

static void test_addresses_follow_prelink_and_symbols_are_resolved(void **state)
{
	static const char text[] =
		"prov\0name\0004@4+counter(%rip) 4@twice(%rip) 4@gone(%rip) 8@%rdi";
	static struct image image;
	struct seen seen = { .nr = 0 };
	const struct bsl_usdt *probe = &seen.probes[0];
	struct note note;

	(void)state;
	note_set(&note, 0x9000, text, sizeof(text)); /* the section says 0x7000 */
	assert_int_equal(image_probes(&image, &note, sizeof(note), &seen), 1);
	assert_int_equal(probe->addr, IMAGE_BASE + 0x10);
	assert_int_equal(probe->offset, IMAGE_TEXT + 0x10);
	assert_int_equal(probe->sema_offset, IMAGE_DATA + 4);
	assert_int_equal(probe->nargs, 4);
	assert_int_equal(probe->args[0].kind, BSL_ARG_ADDR);
	assert_int_equal(probe->args[0].addr, IMAGE_DATA_ADDR + 12);
	assert_int_equal(probe->args[1].kind, BSL_ARG_UNSUPPORTED);
	assert_non_null(strstr(probe->args[1].why, "several"));
	assert_non_null(strstr(probe->args[2].why, "isn't in the file"));
	assert_int_equal(probe->args[3].kind, BSL_ARG_REG);
}

static void test_broken_notes_are_told(void **state)
{
	static struct image image;
	struct seen seen = { .nr = 0 };
	struct note note;

	(void)state;
	note_set(&note, 0x7000, "prov\0name\0args", 14); /* the last string does not end */
	assert_int_equal(image_probes(&image, &note, sizeof(note), &seen), -EBADMSG);
	note_set(&note, 0x7000, "p\0n\0", 5);
	note.head.n_descsz = 20;
	assert_int_equal(image_probes(&image, &note, 12 + 8 + 20, &seen), -EBADMSG);
	note.head.n_descsz = UINT32_MAX;
	assert_int_equal(image_probes(&image, &note, sizeof(note), &seen), -EBADMSG);
	note_set(&note, 0x7000, "p\0n\0", 5);
	note.head.n_namesz = UINT32_MAX - 2;
	assert_int_equal(image_probes(&image, &note, sizeof(note), &seen), -EBADMSG);
	assert_int_equal(seen.nr, 0);
}

static void test_foreign_notes_are_passed_over(void **state)
{
	static struct image image;
	struct seen seen = { .nr = 0 };
	struct note notes[2];

	(void)state;
	note_set(&notes[0], 0x7000, "p\0n\0", 5);
	notes[0].head.n_descsz = 24 + sizeof(notes[0].text);
	notes[1] = notes[0];
	notes[0].head.n_type = 4;
	assert_int_equal(image_probes(&image, notes, sizeof(notes), &seen), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_64_operands),
		cmocka_unit_test(test_arm64_operands),
		cmocka_unit_test(test_argument_lists_split_at_blanks_outside_of_brackets),
		cmocka_unit_test(test_register_tables),
		cmocka_unit_test(test_own_probes_are_found_with_their_semaphores),
		cmocka_unit_test(test_addresses_follow_prelink_and_symbols_are_resolved),
		cmocka_unit_test(test_broken_notes_are_told),
		cmocka_unit_test(test_foreign_notes_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
