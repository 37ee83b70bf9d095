/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Instructions: lengths, what they do, what uprobes do with them; return sites. */
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
		struct bsl_insn insn;
		int length = bsl_insn_decode(EM_X86_64, code, 16, 0, &insn);

		if (length != rows[i].length)
			fail_msg("%s: %d", rows[i].text, length);
		/* and cut short, it never claims more than is there */
		for (int size = 0; size < rows[i].length; size++)
			assert_int_equal(bsl_insn_decode(EM_X86_64, code, size, 0, &insn),
					 -ENODATA);
	}
}

/* An instruction as a line: kind, op, size, registers, memory, and what the kernel does at a uprobe. */
static void put_insn(int machine, const struct bsl_insn *insn, char *text, size_t size)
{
	static const char *const kinds[] = { "",      "jump", "branch",	 "call", "jump*",
					     "call*", "ret",  "syscall", "stop" };
	static const char *const ops[] = { "",	  "load", "store", "move", "lea",
					   "cmp", "add",  "push",  "pop",  "leave" };
	static const char *const probes[] = { "step", "emulate", "call", "refuse", "harm" };
	int len = snprintf(text, size, "%s%s", kinds[insn->kind], ops[insn->op]);

#define ADD(...) len += snprintf(text + len, size - len, __VA_ARGS__)
#define REG(reg) ((reg) < 0 ? "none" : bsl_reg_get(machine, reg)->name)
	if (insn->target)
		ADD(" to %#llx", (unsigned long long)insn->target);
	if (insn->condition >= 0)
		ADD(" cc %d", insn->condition);
	if (insn->size)
		ADD(" %d", insn->size * 8);
	if (insn->reg >= 0)
		ADD(" %s", REG(insn->reg));
	if (insn->is_constant)
		ADD(" constant");
	if (insn->from >= 0)
		ADD(" from %s", REG(insn->from));
	if (insn->is_relative)
		ADD(" at %#llx", (unsigned long long)insn->address);
	else if (insn->has_memory)
		ADD(" %s%d(%s,%s)", insn->has_segment ? "seg:" : "", insn->disp, REG(insn->base),
		    REG(insn->index));
	if (insn->op == BSL_OP_COMPARE || insn->op == BSL_OP_ADD)
		ADD(" imm %lld", (long long)insn->imm);
	if (insn->writes >= 0)
		ADD(" writes %s", REG(insn->writes));
	ADD("%s%s", *text ? " " : "", probes[insn->probe]);
#undef ADD
#undef REG
}

static void test_instructions_are_decoded(void **state)
{
	static const struct {
		int machine;
		const char *bytes;
		const char *text;
	} rows[] = {
#define X EM_X86_64
#define A EM_AARCH64
		/* mov 0x48(%rdi),%eax; mov 0x28(%r12),%rdi; mov %rax,0x20(%rdi); mov %rdi,%rbx */
		{ X, "\x8b\x47\x48", "load 32 rax 72(rdi,none) writes rax step" },
		{ X, "\x49\x8b\x7c\x24\x28", "load 64 rdi 40(r12,none) writes rdi step" },
		{ X, "\x48\x89\x47\x20", "store 64 rax 32(rdi,none) step" },
		{ X, "\x48\x89\xfb", "move 64 rbx from rdi writes rbx step" },
		/* mov (%rax,%rcx,8),%rdx; mov %fs:0x28,%rdi; mov (%rsi),%ah */
		{ X, "\x48\x8b\x14\xc8", "load 64 rdx 0(rax,rcx) writes rdx step" },
		{ X, "\x64\x48\x8b\x3c\x25\x28\x00\x00\x00",
		  "load 64 rdi seg:40(none,none) writes rdi step" },
		{ X, "\x8a\x26", "load 8 rax 0(rsi,none) writes rax step" },
		/* movss %xmm0,-0x14(%rbp); movsd; movaps %xmm0,0x10(%rsp); movq; movd */
		{ X, "\xf3\x0f\x11\x45\xec", "store 32 -20(rbp,none) step" },
		{ X, "\xf2\x0f\x11\x4d\xe0", "store 64 -32(rbp,none) step" },
		{ X, "\x0f\x29\x44\x24\x10", "store 128 16(rsp,none) step" },
		{ X, "\x66\x0f\xd6\x45\xf8", "store 64 -8(rbp,none) step" },
		{ X, "\x66\x0f\x7e\x54\x24\x04", "store 32 4(rsp,none) step" },
		/* movl $7,-0x10(%rbp); movq $-1,8(%rsp); fstpt -0x20(%rbp); fstps -4(%rbp) */
		{ X, "\xc7\x45\xf0\x07\x00\x00\x00", "store 32 constant -16(rbp,none) step" },
		{ X, "\x48\xc7\x44\x24\x08\xff\xff\xff\xff", "store 64 constant 8(rsp,none) step" },
		{ X, "\xdb\x7d\xe0", "store 80 -32(rbp,none) step" },
		{ X, "\xd9\x5d\xfc", "store 32 -4(rbp,none) step" },
		/* mov 0x10(%rip),%rax; lea 0x10(%rip),%r9; cmpw $0,0x10(%rip); cmpw $0,(%rax) */
		{ X, "\x48\x8b\x05\x10\x00\x00\x00", "load 64 rax at 0x1017 writes rax step" },
		{ X, "\x4c\x8d\x0d\x10\x00\x00\x00", "lea r9 at 0x1017 writes r9 step" },
		{ X, "\x66\x83\x3d\x10\x00\x00\x00\x00", "cmp 16 at 0x1018 imm 0 step" },
		{ X, "\x66\x83\x38\x00", "cmp 16 0(rax,none) imm 0 step" },
		/* sub $0x18,%rsp; add $0x100,%rsp; push %rbp, %r12, $1; pop %r12; leave */
		{ X, "\x48\x83\xec\x18", "add 64 rsp imm -24 writes rsp step" },
		{ X, "\x48\x81\xc4\x00\x01\x00\x00", "add 64 rsp imm 256 writes rsp step" },
		{ X, "\x55", "push 64 rbp emulate" },
		{ X, "\x41\x54", "push 64 r12 emulate" },
		{ X, "\x6a\x01", "push step" },
		{ X, "\x41\x5c", "pop 64 r12 writes r12 step" },
		{ X, "\xc9", "leave step" },
		/* call, jmp, jne, jmp *%rax, call *0x10(%rip), ret, ud2, loop */
		{ X, "\xe8\x00\x00\x00\x00", "call to 0x1005 emulate" },
		{ X, "\xeb\xfe", "jump to 0x1000 emulate" },
		{ X, "\x0f\x85\x00\x01\x00\x00", "branch to 0x1106 cc 5 emulate" },
		{ X, "\xff\xe0", "jump* step" },
		{ X, "\xff\x15\x10\x00\x00\x00", "call* at 0x1016 step" },
		{ X, "\xf3\xc3", "ret step" },
		{ X, "\x0f\x0b", "stop step" },
		{ X, "\xe2\x02", "branch to 0x1004 step" },
		/* nop, pause; xchg %r8,%rax, which kernels take for one */
		{ X, "\x90", "emulate" },
		{ X, "\xf3\x90", "emulate" },
		{ X, "\x49\x90", "harm" },
		{ X, "\x41\x90", "harm" },
		/* the nop that new kernels put a call into; another one */
		{ X, "\x0f\x1f\x44\x00\x00", "0(rax,rax) call" },
		{ X, "\x0f\x1f\x40\x00", "0(rax,none) step" },
		/* vpor, vpshufd, vzeroupper, vcmpps, vporq: behind VEX is eb, 70, 77, c2, eb; vpand */
		{ X, "\xc5\xf9\xeb\xd1", "harm" },
		{ X, "\xc5\xf9\x70\xd1\x1b", "harm" },
		{ X, "\xc5\xf8\x77", "harm" },
		{ X, "\xc5\xf8\xc2\xd1\x00", "harm" },
		{ X, "\x62\xf1\xfd\x08\xeb\xd1", "harm" },
		{ X, "\xc5\xf9\xdb\xd1", "step" },
		/* vpxor, vptest: opcodes that are none in map 1 */
		{ X, "\xc5\xf9\xef\xd1", "refuse" },
		{ X, "\xc4\xe2\x79\x17\xc1", "refuse" },
		/* vmovups 0x40(%rsp),%zmm0: the displacement's unit isn't known */
		{ X, "\x62\xf1\x7c\x48\x10\x44\x24\x01", "1(rsp,none) step" },
		/* pushf; popf; syscall; int $0x80; rep movsb; movsb; int3 */
		{ X, "\x9c", "push harm" },
		{ X, "\x9d", "pop step" },
		{ X, "\x0f\x05", "syscall harm" },
		{ X, "\xcd\x80", "syscall refuse" },
		{ X, "\xf3\xa4", "harm" },
		{ X, "\xa4", "step" },
		{ X, "\xcc", "stop refuse" },
		/* lock incl (%rax); notrack jmp *%rax; data16 call; mov %ecx,%ss */
		{ X, "\xf0\xff\x00", "0(rax,none) refuse" },
		{ X, "\x3e\xff\xe0", "jump* refuse" },
		{ X, "\x66\xe8\x00\x00\x00\x00", "call to 0x1006 refuse" },
		{ X, "\x8e\xd1", "refuse" },
		/* XOP's vprotb $1,%xmm0,%xmm0, which kernels take for pop */
		{ X, "\x8f\xe8\x78\xc0\xc0\x01", "harm" },
		/* stp x0,x1,[sp,#16]; str d0,[sp,#8]; str s1,[x29,#4]; str q2,[sp,#32]; stp w0,w1,[sp,#24] */
		{ A, "\xe0\x07\x01\xa9", "store 128 16(sp,none) step" },
		{ A, "\xe0\x07\x00\xfd", "store 64 8(sp,none) step" },
		{ A, "\xa1\x07\x00\xbd", "store 32 4(x29,none) step" },
		{ A, "\xe2\x0b\x80\x3d", "store 128 32(sp,none) step" },
		{ A, "\xe0\x07\x03\x29", "store 64 24(sp,none) step" },
		/* ldr w1, [x0, #72]; str x1, [x0, #32]; ldur x1, [x0, #-8]; mov x19, x0 */
		{ A, "\x01\x48\x40\xb9", "load 32 x1 72(x0,none) writes x1 step" },
		{ A, "\x01\x10\x00\xf9", "store 64 x1 32(x0,none) step" },
		{ A, "\x1f\x10\x00\xf9", "store 64 constant 32(x0,none) step" },
		{ A, "\x01\x80\x5f\xf8", "load 64 x1 -8(x0,none) writes x1 step" },
		{ A, "\xf3\x03\x00\xaa", "move 64 x19 from x0 writes x19 step" },
		/* stp x29, x30, [sp, #-16]!; sub sp, sp, #32; adrp x16, 0x3000; add x0, x0, #0x10 */
		{ A, "\xfd\x7b\xbf\xa9", "store 128 -16(sp,none) step" },
		{ A, "\xff\x83\x00\xd1", "add 64 sp imm -32 writes sp step" },
		{ A, "\x10\x00\x00\xd0", "lea x16 at 0x3000 writes x16 emulate" },
		/* b, bl, b.ne, cbz, tbz; br, blr, ret; retaa; brk */
		{ A, "\x02\x00\x00\x14", "jump to 0x1008 emulate" },
		{ A, "\xff\xff\xff\x97", "call to 0xffc emulate" },
		{ A, "\x41\x00\x00\x54", "branch to 0x1008 emulate" },
		{ A, "\x40\x00\x00\xb4", "branch to 0x1008 emulate" },
		{ A, "\x40\x00\x00\x36", "branch to 0x1008 emulate" },
		{ A, "\x00\x02\x1f\xd6", "jump* emulate" },
		{ A, "\x00\x02\x3f\xd6", "call* emulate" },
		{ A, "\xc0\x03\x5f\xd6", "ret emulate" },
		{ A, "\xff\x0b\x5f\xd6", "ret refuse" },
		{ A, "\x00\x00\x20\xd4", "stop refuse" },
		/* svc; nop; bti c; paciasp; autiasp; yield */
		{ A, "\x01\x00\x00\xd4", "syscall refuse" },
		{ A, "\x1f\x20\x03\xd5", "step" },
		{ A, "\x5f\x24\x03\xd5", "step" },
		{ A, "\x3f\x23\x03\xd5", "step" },
		{ A, "\xbf\x23\x03\xd5", "refuse" },
		{ A, "\x3f\x20\x03\xd5", "refuse" },
		/* ldxr w1, [x0]; casp; ldr x0, LITERAL; ldr q0, LITERAL; prfm LITERAL; mrs x0, tpidr_el0 */
		{ A, "\x01\x7c\x5f\x88", "refuse" },
		{ A, "\x82\x7c\x20\x48", "refuse" },
		{ A, "\x40\x00\x00\x58", "at 0x1008 harm" },
		{ A, "\x40\x00\x00\x9c", "at 0x1008 harm" },
		{ A, "\x40\x00\x00\xd8", "at 0x1008 refuse" },
		{ A, "\x40\xd0\x3b\xd5", "step" },
#undef X
#undef A
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *code = (const uint8_t *)rows[i].bytes;
		struct bsl_insn insn;

		assert_true(bsl_insn_decode(rows[i].machine, code, 16, 0x1000, &insn) > 0);
		put_insn(rows[i].machine, &insn, text, sizeof(text));
		if (strcmp(text + (*text == ' '), rows[i].text))
			fail_msg("row %zu: '%s' is not '%s'", i, text, rows[i].text);
	}
}

static void test_only_known_machines_are_decoded(void **state)
{
	struct bsl_insn insn;

	(void)state;
	assert_int_equal(bsl_insn_decode(EM_386, (const uint8_t *)"\x90", 1, 0, &insn), -ENOTSUP);
	assert_int_equal(bsl_insn_decode(EM_AARCH64, (const uint8_t *)"\x90", 1, 0, &insn),
			 -ENODATA);
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
		cmocka_unit_test(test_instructions_are_decoded),
		cmocka_unit_test(test_only_known_machines_are_decoded),
		cmocka_unit_test(test_endbr64_is_skipped_unless_something_jumps_behind_it),
		cmocka_unit_test(test_x86_returns_are_instructions_not_bytes),
		cmocka_unit_test(test_arm64_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
