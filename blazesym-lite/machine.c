/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What depends on the machine: a row for each. Registers have DWARF's numbers (System V psABI for AMD64, figure 3.36;
 * AADWARF64, 4.1) and places in struct pt_regs (arch/x86/include/asm/ptrace.h) or user_pt_regs
 * (arch/arm64/include/uapi/asm/ptrace.h).
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "machine.h"

static const struct bsl_reg x86_regs[] = {
	{ "rax", 80 }, { "rdx", 96 },  { "rcx", 88 }, { "rbx", 40 }, { "rsi", 104 }, { "rdi", 112 },
	{ "rbp", 32 }, { "rsp", 152 }, { "r8", 72 },  { "r9", 64 },  { "r10", 56 },  { "r11", 48 },
	{ "r12", 24 }, { "r13", 16 },  { "r14", 8 },  { "r15", 0 },  { "rip", 128 },
};

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, RIP = 16 };

/* Of each the lower 4, 2 and 1 bytes, and bits 8 to 15. */
static const char *const x86_parts[][4] = {
	{ "eax", "ax", "al", "ah" },	  { "edx", "dx", "dl", "dh" },
	{ "ecx", "cx", "cl", "ch" },	  { "ebx", "bx", "bl", "bh" },
	{ "esi", "si", "sil", NULL },	  { "edi", "di", "dil", NULL },
	{ "ebp", "bp", "bpl", NULL },	  { "esp", "sp", "spl", NULL },
	{ "r8d", "r8w", "r8b", NULL },	  { "r9d", "r9w", "r9b", NULL },
	{ "r10d", "r10w", "r10b", NULL }, { "r11d", "r11w", "r11b", NULL },
	{ "r12d", "r12w", "r12b", NULL }, { "r13d", "r13w", "r13b", NULL },
	{ "r14d", "r14w", "r14b", NULL }, { "r15d", "r15w", "r15b", NULL },
	{ "eip", "ip", NULL, NULL },
};

#define ARM64_X(n)            \
	{                     \
		"x" #n, (n)*8 \
	}

static const struct bsl_reg arm64_regs[] = {
	ARM64_X(0),  ARM64_X(1),    ARM64_X(2),	   ARM64_X(3),	ARM64_X(4),  ARM64_X(5),
	ARM64_X(6),  ARM64_X(7),    ARM64_X(8),	   ARM64_X(9),	ARM64_X(10), ARM64_X(11),
	ARM64_X(12), ARM64_X(13),   ARM64_X(14),   ARM64_X(15), ARM64_X(16), ARM64_X(17),
	ARM64_X(18), ARM64_X(19),   ARM64_X(20),   ARM64_X(21), ARM64_X(22), ARM64_X(23),
	ARM64_X(24), ARM64_X(25),   ARM64_X(26),   ARM64_X(27), ARM64_X(28), ARM64_X(29),
	ARM64_X(30), { "sp", 248 }, { "pc", 256 },
};

static bool name_is(const char *name, size_t len, const char *row)
{
	return row && strlen(row) == len && !memcmp(row, name, len);
}

/* `name` is one of the letters followed by a number of at most two digits. */
static bool name_numbered(const char *name, size_t len, const char *letters)
{
	if (len < 2 || len > 3 || !memchr(letters, name[0], strlen(letters)))
		return false;
	for (size_t i = 1; i < len; i++)
		if (name[i] < '0' || name[i] > '9')
			return false;
	return true;
}

static bool x86_find(const char *name, size_t len, struct machine_register *out)
{
	static const uint8_t sizes[] = { 4, 2, 1, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(x86_regs); i++) {
		if (name_is(name, len, x86_regs[i].name)) {
			*out = (struct machine_register){ .reg = i, .size = 8 };
			return true;
		}
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			if (!name_is(name, len, x86_parts[i][j]))
				continue;
			*out = (struct machine_register){ i, sizes[j], j == 3 ? 8 : 0, false };
			return true;
		}
	}
	if (name_is(name, len, "riz") || name_is(name, len, "eiz")) {
		*out = (struct machine_register){ .reg = BSL_REG_NONE, .size = 8 };
		return true;
	}
	if (len > 3 && memchr("xyz", name[0], 3) && !memcmp(name + 1, "mm", 2)) {
		*out = (struct machine_register){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	if ((len > 2 && !memcmp(name, "mm", 2)) || (len >= 2 && !memcmp(name, "st", 2))) {
		*out = (struct machine_register){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	return false;
}

static bool arm64_find(const char *name, size_t len, struct machine_register *out)
{
	char x[4] = "x";

	for (size_t i = 0; i < ARRAY_SIZE(arm64_regs); i++) {
		if (!name_is(name, len, arm64_regs[i].name))
			continue;
		*out = (struct machine_register){ .reg = i, .size = 8 };
		return true;
	}
	if (name_is(name, len, "fp") || name_is(name, len, "lr")) {
		*out = (struct machine_register){ .reg = name[0] == 'f' ? 29 : 30, .size = 8 };
		return true;
	}
	if (name_is(name, len, "xzr") || name_is(name, len, "wzr")) {
		*out = (struct machine_register){ .reg = BSL_REG_NONE, .size = 8 };
		return true;
	}
	if (name_numbered(name, len, "w")) {
		memcpy(x + 1, name + 1, len - 1);
		if (!arm64_find(x, len, out))
			return false;
		out->size = 4;
		return true;
	}
	if (name_numbered(name, len, "bhsdqv")) {
		*out = (struct machine_register){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	return false;
}

#define GO_X86_64                                      \
	{                                              \
		RAX, RBX, RCX, RDI, RSI, 8, 9, 10, 11, \
	}
#define GO_ARM64                                                      \
	{                                                             \
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, \
	}

/*
 * C: System V psABI for AMD64, 3.2.3; AAPCS64, 6.8.2. Go, since 1.17: src/cmd/compile/abi-internal.md. System calls:
 * syscall(2), and arch/.../include/asm/syscall_wrapper.h of the kernel. Libraries: Debian's
 * multiarch names; the flags of ldconfig's cache (sysdeps/generic/ldconfig.h of glibc).
 */
static const struct machine machines[] = {
	{
		.public = {
			.elf = EM_X86_64,
			.regs = x86_regs,
			.reg_count = ARRAY_SIZE(x86_regs),
			.sp = RSP,
			.fp = RBP,
			.pc = RIP,
			.link = BSL_REG_NONE,
			.return_size = 8,
			.go_g = 14,
			.c = {
				.args = { RDI, RSI, RDX, RCX, 8, 9 },
				.arg_count = 6,
				.float_count = 8,
				.results = { RAX, RDX },
				.result_count = 2,
				.callee_saved = 1u << RBX | 1u << RBP | 0xfu << 12,
				.stack_offset = 8,
				.gives_result_address = true,
			},
			.call = {
				.args = { RDI, RSI, RDX, 10, 8, 9 },
				.arg_count = 6,
				.results = { RAX },
				.result_count = 1,
				.stack_offset = -1,
			},
			.call_prefix = "__x64_sys_",
			.go = {
				.args = GO_X86_64,
				.arg_count = 9,
				.float_count = 15,
				.results = GO_X86_64,
				.result_count = 9,
				.stack_offset = -1,
			},
		},
		.find = x86_find,
		.triplet = "x86_64-linux-gnu",
		.ldcache_flags = 0x0303,
		.r_relative = R_X86_64_RELATIVE,
		.r_jump_slot = R_X86_64_JUMP_SLOT,
		.r_glob_dat = R_X86_64_GLOB_DAT,
	},
	{
		.public = {
			.elf = EM_AARCH64,
			.regs = arm64_regs,
			.reg_count = ARRAY_SIZE(arm64_regs),
			.sp = 31,
			.fp = 29,
			.pc = 32,
			.link = 30,
			.return_size = 0,
			.go_g = 28,
			.c = {
				.args = { 0, 1, 2, 3, 4, 5, 6, 7 },
				.arg_count = 8,
				.float_count = 8,
				.results = { 0, 1 },
				.result_count = 2,
				.callee_saved = 0x7ffu << 19,
				.stack_offset = 0,
				.passes_large_by_address = true,
				.stack_is_final = true,
			},
			.call = {
				.args = { 0, 1, 2, 3, 4, 5 },
				.arg_count = 6,
				.results = { 0 },
				.result_count = 1,
				.stack_offset = -1,
			},
			.call_prefix = "__arm64_sys_",
			.go = {
				.args = GO_ARM64,
				.arg_count = 16,
				.float_count = 16,
				.results = GO_ARM64,
				.result_count = 16,
				.stack_offset = -1,
			},
		},
		.find = arm64_find,
		.triplet = "aarch64-linux-gnu",
		.ldcache_flags = 0x0a03,
		.r_relative = R_AARCH64_RELATIVE,
		.r_jump_slot = R_AARCH64_JUMP_SLOT,
		.r_glob_dat = R_AARCH64_GLOB_DAT,
	},
	{
		/* A 32-bit process is seen through the 64-bit kernel's registers. */
		.public = { .elf = EM_386, .regs = x86_regs, .reg_count = ARRAY_SIZE(x86_regs) },
		.find = x86_find,
		.triplet = "i386-linux-gnu",
		.ldcache_flags = 0x0003,
	},
};

const struct machine *machine_get(int elf)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].public.elf == elf)
			return &machines[i];
	return NULL;
}

const struct bsl_machine *bsl_machine_get(int elf)
{
	const struct machine *machine = machine_get(elf);

	return machine && machine->public.c.arg_count ? &machine->public : NULL;
}

int bsl_host_machine(void)
{
#if defined(__x86_64__)
	return EM_X86_64;
#elif defined(__aarch64__)
	return EM_AARCH64;
#else
	return EM_NONE;
#endif
}

bool machine_find_register(int elf, const char *name, size_t len, struct machine_register *out)
{
	const struct machine *machine = machine_get(elf);

	return machine && machine->find(name, len, out);
}

const struct bsl_reg *bsl_reg_get(int elf, int reg)
{
	const struct machine *machine = machine_get(elf);

	return machine && reg >= 0 && (unsigned int)reg < machine->public.reg_count
		       ? &machine->public.regs[reg]
		       : NULL;
}

int bsl_reg_find(int elf, const char *name)
{
	struct machine_register found;

	if (!machine_find_register(elf, name, strlen(name), &found) || found.reg == BSL_REG_NONE)
		return -ENOENT;
	return found.reg;
}
