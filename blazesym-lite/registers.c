/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Machine registers: names, DWARF numbers (System V psABI AMD64 figure 3.36; AADWARF64 section
 * 4.1) and places in struct pt_regs (arch/x86/include/asm/ptrace.h) or user_pt_regs
 * (arch/arm64/include/uapi/asm/ptrace.h). One block a machine.
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "registers.h"

struct x86_row {
	struct bsl_reg reg;
	const char *dword, *word, *byte, *high;
};

static const struct x86_row x86_rows[] = {
	{ { "rax", 80 }, "eax", "ax", "al", "ah" },
	{ { "rdx", 96 }, "edx", "dx", "dl", "dh" },
	{ { "rcx", 88 }, "ecx", "cx", "cl", "ch" },
	{ { "rbx", 40 }, "ebx", "bx", "bl", "bh" },
	{ { "rsi", 104 }, "esi", "si", "sil", NULL },
	{ { "rdi", 112 }, "edi", "di", "dil", NULL },
	{ { "rbp", 32 }, "ebp", "bp", "bpl", NULL },
	{ { "rsp", 152 }, "esp", "sp", "spl", NULL },
	{ { "r8", 72 }, "r8d", "r8w", "r8b", NULL },
	{ { "r9", 64 }, "r9d", "r9w", "r9b", NULL },
	{ { "r10", 56 }, "r10d", "r10w", "r10b", NULL },
	{ { "r11", 48 }, "r11d", "r11w", "r11b", NULL },
	{ { "r12", 24 }, "r12d", "r12w", "r12b", NULL },
	{ { "r13", 16 }, "r13d", "r13w", "r13b", NULL },
	{ { "r14", 8 }, "r14d", "r14w", "r14b", NULL },
	{ { "r15", 0 }, "r15d", "r15w", "r15b", NULL },
	{ { "rip", 128 }, "eip", "ip", NULL, NULL },
};

#define ARM64_X(n)            \
	{                     \
		"x" #n, (n)*8 \
	}

static const struct bsl_reg arm64_rows[] = {
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

static bool x86_find(const char *name, size_t len, struct register_name *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(x86_rows); i++) {
		const struct x86_row *row = &x86_rows[i];
		const struct {
			const char *name;
			uint8_t size, shift;
		} names[] = {
			{ row->reg.name, 8, 0 }, { row->dword, 4, 0 }, { row->word, 2, 0 },
			{ row->byte, 1, 0 },	 { row->high, 1, 8 },
		};

		for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
			if (!name_is(name, len, names[j].name))
				continue;
			*out = (struct register_name){ i, names[j].size, names[j].shift, false };
			return true;
		}
	}
	if (name_is(name, len, "riz") || name_is(name, len, "eiz")) {
		*out = (struct register_name){ .reg = BSL_REG_NONE, .size = 8 };
		return true;
	}
	if (len > 3 && memchr("xyz", name[0], 3) && !memcmp(name + 1, "mm", 2)) {
		*out = (struct register_name){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	if ((len > 2 && !memcmp(name, "mm", 2)) || (len >= 2 && !memcmp(name, "st", 2))) {
		*out = (struct register_name){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	return false;
}

static bool arm64_find(const char *name, size_t len, struct register_name *out)
{
	char x[4] = "x";

	for (size_t i = 0; i < ARRAY_SIZE(arm64_rows); i++) {
		if (!name_is(name, len, arm64_rows[i].name))
			continue;
		*out = (struct register_name){ .reg = i, .size = 8 };
		return true;
	}
	if (name_is(name, len, "fp") || name_is(name, len, "lr")) {
		*out = (struct register_name){ .reg = name[0] == 'f' ? 29 : 30, .size = 8 };
		return true;
	}
	if (name_is(name, len, "xzr") || name_is(name, len, "wzr")) {
		*out = (struct register_name){ .reg = BSL_REG_NONE, .size = 8 };
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
		*out = (struct register_name){ .reg = BSL_REG_NONE, .is_float = true };
		return true;
	}
	return false;
}

bool register_find(int machine, const char *name, size_t len, struct register_name *out)
{
	switch (machine) {
	case EM_X86_64:
	case EM_386:
		return x86_find(name, len, out);
	case EM_AARCH64:
		return arm64_find(name, len, out);
	default:
		return false;
	}
}

const struct bsl_reg *bsl_reg_get(int machine, int reg)
{
	if (reg < 0)
		return NULL;
	/* a 32-bit process is seen through the 64-bit kernel's registers */
	if ((machine == EM_X86_64 || machine == EM_386) && (size_t)reg < ARRAY_SIZE(x86_rows))
		return &x86_rows[reg].reg;
	if (machine == EM_AARCH64 && (size_t)reg < ARRAY_SIZE(arm64_rows))
		return &arm64_rows[reg];
	return NULL;
}

int bsl_reg_find(int machine, const char *name)
{
	struct register_name found;

	if (!register_find(machine, name, strlen(name), &found) || found.reg == BSL_REG_NONE)
		return -ENOENT;
	return found.reg;
}
