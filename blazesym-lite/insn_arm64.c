/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * arm64 instructions (ARM DDI 0487, C4.1), and what the kernel's uprobes do with them
 * (arch/arm64/kernel/probes/decode-insn.c).
 */
#include <array_size.h>
#include <errno.h>
#include <string.h>

#include "insn.h"

#define REG_SP 31
#define REG_ZERO 31

/* `bits` bits of a word from `low` on, with their sign. */
static int64_t field_get(uint32_t word, unsigned int low, unsigned int bits)
{
	return (int64_t)((uint64_t)word << (64 - low - bits)) >> (64 - bits);
}

static int16_t general_reg(unsigned int reg)
{
	return reg == REG_ZERO ? BSL_REG_NONE : (int16_t)reg;
}

static const struct row {
	uint32_t mask, value;
	enum bsl_insn_kind kind;
	uint8_t low, bits; /* of the target's distance, in words */
	enum bsl_insn_probe probe;
	const char *why;
} rows[] = {
#define EMULATED BSL_PROBE_EMULATED, NULL
#define REFUSED BSL_PROBE_REFUSED, "the kernel refuses this instruction"
#define HARMFUL(why) BSL_PROBE_HARMFUL, why
	/* b.cond; bc.cond is the same with bit 4 */
	{ 0xff000010, 0x54000000, BSL_INSN_BRANCH, 5, 19, EMULATED },
	{ 0xff000010, 0x54000010, BSL_INSN_BRANCH, 5, 19,
	  HARMFUL("the kernel steps this branch at another address") },
	/* b, bl */
	{ 0xfc000000, 0x14000000, BSL_INSN_JUMP, 0, 26, EMULATED },
	{ 0xfc000000, 0x94000000, BSL_INSN_CALL, 0, 26, EMULATED },
	/* cbz, cbnz; tbz, tbnz */
	{ 0x7e000000, 0x34000000, BSL_INSN_BRANCH, 5, 19, EMULATED },
	{ 0x7e000000, 0x36000000, BSL_INSN_BRANCH, 5, 14, EMULATED },
	/* cb<cc>, a compare with a register or an immediate and a branch */
	{ 0x7c000000, 0x74000000, BSL_INSN_BRANCH, 5, 9,
	  HARMFUL("the kernel steps this branch at another address") },
	/* br, blr, ret; with authentication: braa, blraa, retaa and so on */
	{ 0xfffffc1f, 0xd61f0000, BSL_INSN_JUMP_INDIRECT, 0, 0, EMULATED },
	{ 0xfffffc1f, 0xd63f0000, BSL_INSN_CALL_INDIRECT, 0, 0, EMULATED },
	{ 0xfffffc1f, 0xd65f0000, BSL_INSN_RETURN, 0, 0, EMULATED },
	{ 0xfefff800, 0xd61f0800, BSL_INSN_JUMP_INDIRECT, 0, 0, REFUSED },
	{ 0xfefff800, 0xd63f0800, BSL_INSN_CALL_INDIRECT, 0, 0, REFUSED },
	{ 0xfffffbff, 0xd65f0bff, BSL_INSN_RETURN, 0, 0, REFUSED },
	/* eret, eretaa, drps */
	{ 0xff9ff000, 0xd69f0000, BSL_INSN_RETURN, 0, 0, REFUSED },
	/* svc; hvc, smc, brk, hlt, dcps */
	{ 0xffe0001f, 0xd4000001, BSL_INSN_SYSCALL, 0, 0, REFUSED },
	{ 0xff000000, 0xd4000000, BSL_INSN_STOP, 0, 0, REFUSED },
	/* msr of an immediate and of a register; mrs of daif */
	{ 0xfff8f01f, 0xd500401f, BSL_INSN_PLAIN, 0, 0, REFUSED },
	{ 0xfff00000, 0xd5100000, BSL_INSN_PLAIN, 0, 0, REFUSED },
	{ 0xffffffe0, 0xd53b4220, BSL_INSN_PLAIN, 0, 0, REFUSED },
	/* hints: nop; bti, bti c, j, jc; xpaclri; pacia1716, pacib1716; paciaz, paciasp, pacibz, pacibsp; all others */
	{ 0xffffffff, 0xd503201f, BSL_INSN_PLAIN, 0, 0, BSL_PROBE_STEPPED, NULL },
	{ 0xffffff3f, 0xd503241f, BSL_INSN_PLAIN, 0, 0, BSL_PROBE_STEPPED, NULL },
	{ 0xffffffff, 0xd50320ff, BSL_INSN_PLAIN, 0, 0, BSL_PROBE_STEPPED, NULL },
	{ 0xffffffbf, 0xd503211f, BSL_INSN_PLAIN, 0, 0, BSL_PROBE_STEPPED, NULL },
	{ 0xffffff9f, 0xd503231f, BSL_INSN_PLAIN, 0, 0, BSL_PROBE_STEPPED, NULL },
	{ 0xfffff01f, 0xd503201f, BSL_INSN_PLAIN, 0, 0, REFUSED },
	/* exclusive loads and stores, casp among them, as the kernel's mask has it */
	{ 0x3f800000, 0x08000000, BSL_INSN_PLAIN, 0, 0, REFUSED },
	/* ldr and ldrsw of a literal, which kernels before 6.12 read with their own rights; prfm; of vector registers */
	{ 0xbf000000, 0x18000000, BSL_INSN_PLAIN, 0, 0,
	  HARMFUL("older kernels read this literal with their own rights, others refuse") },
	{ 0xff000000, 0x98000000, BSL_INSN_PLAIN, 0, 0,
	  HARMFUL("older kernels read this literal with their own rights, others refuse") },
	{ 0xff000000, 0xd8000000, BSL_INSN_PLAIN, 0, 0, REFUSED },
	{ 0x3f000000, 0x1c000000, BSL_INSN_PLAIN, 0, 0,
	  HARMFUL("the kernel loads this literal from another address") },
	/* adr, adrp */
	{ 0x1f000000, 0x10000000, BSL_INSN_PLAIN, 0, 0, EMULATED },
	/* cpy, set: three of them are one operation, which can begin again at the first */
	{ 0x3b200c00, 0x19000400, BSL_INSN_PLAIN, 0, 0,
	  HARMFUL("the kernel can't step a part of a memory copy") },
	/* udf */
	{ 0xffff0000, 0x00000000, BSL_INSN_STOP, 0, 0, BSL_PROBE_STEPPED, NULL },
#undef EMULATED
#undef REFUSED
#undef HARMFUL
};

/* ldr, str of 1 to 8 bytes at a register and a displacement, scaled; ldur, stur, post- and pre-indexed ones. */
static void note_access(uint32_t word, struct bsl_insn *insn)
{
	bool is_scaled = (word & 0x3f000000) == 0x39000000;
	unsigned int opc = word >> 22 & 3;

	if (!is_scaled && (word & 0x3f200000) != 0x38000000)
		return;
	insn->size = 1 << (word >> 30);
	insn->has_memory = insn->has_disp = true;
	insn->base = word >> 5 & 31;
	insn->disp = is_scaled ? (int32_t)(word >> 10 & 0xfff) * insn->size
			       : (int32_t)field_get(word, 12, 9);
	/* post-indexed: the register is changed only afterwards */
	if (!is_scaled && (word >> 10 & 3) == 1)
		insn->disp = 0;
	insn->reg = general_reg(word & 31);
	insn->op = opc == 0 ? BSL_OP_STORE : opc == 1 ? BSL_OP_LOAD : BSL_OP_OTHER;
	insn->is_constant = insn->op == BSL_OP_STORE && insn->reg == BSL_REG_NONE;
	if (opc)
		insn->writes = insn->reg;
	/* prfm has the encoding of a signed load of 8 bytes */
	if (opc > 1 && insn->size == 8)
		insn->writes = insn->reg = BSL_REG_NONE;
}

/* ldp, stp of general and vector registers. */
static void note_pair(uint32_t word, struct bsl_insn *insn)
{
	unsigned int scale = word & 1u << 26 ? 2 + (word >> 30) : word >> 31 ? 3 : 2;

	if ((word & 0x3a000000) != 0x28000000)
		return;
	insn->has_memory = insn->has_disp = true;
	insn->base = word >> 5 & 31;
	insn->disp = (int32_t)(field_get(word, 15, 7) * (1 << scale));
	if ((word >> 23 & 3) == 1)
		insn->disp = 0;
	if (!(word & 1u << 22)) {
		insn->op = BSL_OP_STORE;
		insn->size = (uint8_t)(2 << scale);
	}
}

/* str of a vector register at a register and a displacement, scaled. */
static void note_vector_store(uint32_t word, struct bsl_insn *insn)
{
	unsigned int scale = word & 1u << 23 ? 4 : word >> 30;

	if ((word & 0x3f400000) != 0x3d000000)
		return;
	insn->op = BSL_OP_STORE;
	insn->size = (uint8_t)(1 << scale);
	insn->has_memory = insn->has_disp = true;
	insn->base = word >> 5 & 31;
	insn->disp = (int32_t)(word >> 10 & 0xfff) << scale;
}

static void note_data(uint32_t word, struct bsl_insn *insn)
{
	unsigned int shift = word & 1u << 22 ? 12 : 0;

	if ((word & 0xffe0ffe0) == 0xaa0003e0) {
		insn->op = BSL_OP_MOVE;
		insn->size = 8;
		insn->reg = insn->writes = general_reg(word & 31);
		insn->from = general_reg(word >> 16 & 31);
	} else if ((word & 0x1f000000) == 0x10000000) {
		insn->op = BSL_OP_LEA;
		insn->reg = insn->writes = general_reg(word & 31);
	} else if ((word & 0xff800000) == 0x91000000 || (word & 0xff800000) == 0xd1000000) {
		/* add, sub of an immediate, sp among the registers */
		insn->writes = word & 31;
		insn->imm = (int64_t)(word >> 10 & 0xfff) << shift;
		if (word & 1u << 30)
			insn->imm = -insn->imm;
		if ((word & 31) != (word >> 5 & 31))
			return;
		insn->op = BSL_OP_ADD;
		insn->size = 8;
		insn->reg = insn->writes;
	} else if ((word & 0x1c000000) == 0x10000000 || (word & 0x0e000000) == 0x0a000000) {
		/* data processing, of immediates and of registers */
		insn->writes = general_reg(word & 31);
	}
}

static void note_address(uint32_t word, uint64_t addr, struct bsl_insn *insn)
{
	int64_t distance = field_get(word, 5, 19) * 4;

	if ((word & 0x3b000000) == 0x18000000) {
		insn->has_memory = insn->has_disp = insn->is_relative = true;
		insn->address = addr + distance;
	} else if ((word & 0x1f000000) == 0x10000000) {
		insn->has_memory = insn->has_disp = insn->is_relative = true;
		distance = distance | (word >> 29 & 3);
		insn->address = word >> 31 ? (addr & ~0xfffull) + distance * 4096 : addr + distance;
	}
}

bool insn_arm64_is_exclusive(const uint8_t *code, bool *is_load)
{
	uint32_t word;

	memcpy(&word, code, sizeof(word));
	*is_load = word >> 22 & 1;
	/* of one register or a pair; casp has an encoding among the latter */
	return (word & 0x3f800000) == 0x08000000 && (word & 0xbfa00000) != 0x08200000;
}

int insn_arm64_decode(const uint8_t *code, size_t size, uint64_t addr, struct bsl_insn *insn)
{
	const struct row *row = NULL;
	uint32_t word;

	if (size < sizeof(word))
		return -ENODATA;
	memcpy(&word, code, sizeof(word));
	insn->length = sizeof(word);
	note_data(word, insn);
	note_access(word, insn);
	note_pair(word, insn);
	note_vector_store(word, insn);
	note_address(word, addr, insn);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !row; i++)
		if ((word & rows[i].mask) == rows[i].value)
			row = &rows[i];
	if (!row)
		return insn->length;
	insn->kind = row->kind;
	insn->probe = row->probe;
	insn->why = row->why;
	if (row->bits)
		insn->target = addr + field_get(word, row->low, row->bits) * 4;
	return insn->length;
}
