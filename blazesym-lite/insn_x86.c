/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * x86_64 instructions: prefixes, opcode map, ModRM, displacement, immediate (Intel's manual, volume 2, chapter 2 and
 * appendix A), and what the kernel's uprobes do with them (arch/x86/kernel/uprobes.c).
 */
#include <errno.h>
#include <string.h>

#include "insn.h"

/* In the instructions' encoding. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/*
 * What follows an opcode: a row of 16 each. '-' is not an instruction in 64-bit mode, '.' has nothing more, M has ModRM;
 * immediates: B 8 bits, W 16, E 16 and 8 (enter), Z 32 bits or 16 with the prefix 66, V the same but 64 with REX.W, O 64
 * bits or 32 with the prefix 67, J a branch's 32 bits; b and z: ModRM and then B or Z. The tests of f6 and f7 are
 * dealt with apart.
 */
static const char map1[] = "MMMMBZ--MMMMBZ--"
			   "MMMMBZ--MMMMBZ--"
			   "MMMMBZ--MMMMBZ--"
			   "MMMMBZ--MMMMBZ--"
			   "----------------"
			   "................"
			   "---M----ZzBb...."
			   "BBBBBBBBBBBBBBBB"
			   "bz-bMMMMMMMMMMMM"
			   "..........-....."
			   "OOOO....BZ......"
			   "BBBBBBBBVVVVVVVV"
			   "bbW.--bzE.W..B-."
			   "MMMM---.MMMMMMMM"
			   "BBBBBBBBJJ-B...."
			   "-.--..MM......MM";

/* Behind 0f, and map 1 of VEX and EVEX. */
static const char map2[] = "MMMM-.....-.-M.b"
			   "MMMMMMMMMMMMMMMM"
			   "MMMM----MMMMMMMM"
			   "......-.--------"
			   "MMMMMMMMMMMMMMMM"
			   "MMMMMMMMMMMMMMMM"
			   "MMMMMMMMMMMMMMMM"
			   "bbbbMMM.MM--MMMM"
			   "JJJJJJJJJJJJJJJJ"
			   "MMMMMMMMMMMMMMMM"
			   "...MbM--...MbMMM"
			   "MMMMMMMMMMbMMMMM"
			   "MMbMbbbM........"
			   "MMMMMMMMMMMMMMMM"
			   "MMMMMMMMMMMMMMMM"
			   "MMMMMMMMMMMMMMMM";

/*
 * good_insns_64 of the kernel, indexed by the opcode: 0f has all of its map, and the byte behind VEX or EVEX is looked up
 * as if it were an opcode of map 1.
 */
static const char kernel_takes[] = "yyyyyy--yyyyyy-y"
				   "yyyyyy--yyyyyy--"
				   "yyyyyyy-yyyyyyy-"
				   "yyyyyyy-yyyyyyy-"
				   "yyyyyyyyyyyyyyyy"
				   "yyyyyyyyyyyyyyyy"
				   "---yyyyyyyyyy---"
				   "yyyyyyyyyyyyyyyy"
				   "yy-yyyyyyyyyyyyy"
				   "yyyyyyyyyy-yyyyy"
				   "yyyyyyyyyyyyyyyy"
				   "yyyyyyyyyyyyyyyy"
				   "yyyyyyyyyyyy----"
				   "yyyy---yyyyyyyyy"
				   "yyyy----yy-y----"
				   "y-yy-yyyyy--yyyy";

enum encoding { LEGACY, VEX, EVEX, XOP };

/* An instruction being read. */
struct x86 {
	const uint8_t *code;
	size_t size;
	size_t at; /* what has been read */
	uint8_t rex;
	uint8_t repeat; /* f2 or f3, the last one */
	bool has_66, has_67, has_segment, has_bad_prefix;
	enum encoding encoding;
	uint8_t map; /* 1, 2 (behind 0f), and those of 0f 38, 0f 3a and VEX: 3 */
	uint8_t opcode;
	bool has_modrm;
	uint8_t modrm;
	size_t imm_at; /* where the immediate begins */
};

static bool byte_take(struct x86 *x86, uint8_t *byte)
{
	if (x86->at >= x86->size)
		return false;
	*byte = x86->code[x86->at++];
	return true;
}

/* A legacy prefix; any order will do. */
static bool prefix_note(struct x86 *x86, uint8_t byte)
{
	switch (byte) {
	case 0x66:
		x86->has_66 = true;
		break;
	case 0x67:
		x86->has_67 = true;
		break;
	case 0x64:
	case 0x65:
		x86->has_segment = true;
		break;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0xf0:
		x86->has_bad_prefix = true;
		break;
	case 0xf2:
	case 0xf3:
		x86->repeat = byte;
		break;
	default:
		return false;
	}
	return true;
}

/* Up to the first byte of the opcode. A REX counts only right before it. */
static bool prefixes_take(struct x86 *x86, uint8_t *opcode)
{
	while (byte_take(x86, opcode)) {
		if ((*opcode & 0xf0) == 0x40) {
			x86->rex = *opcode;
			continue;
		}
		if (!prefix_note(x86, *opcode))
			return true;
		x86->rex = 0;
	}
	return false;
}

/* What follows an opcode of a map of VEX, EVEX or XOP; '-': the map is unknown. */
static char vector_tail(const struct x86 *x86, uint8_t map)
{
	if (x86->encoding == XOP)
		return map == 8 ? 'b' : map == 9 ? 'M' : map == 10 ? 'z' : '-';
	switch (map) {
	case 1:
		return map2[x86->opcode] == 'J' ? '-' : map2[x86->opcode];
	case 2:
	case 5:
	case 6:
		return 'M';
	case 3:
		return 'b';
	default:
		return '-';
	}
}

/* Payload bytes, then an opcode of the map that their first one names. Their R, X, B and W as a REX. */
static int vector_take(struct x86 *x86, uint8_t first, char *tail)
{
	size_t payload = first == 0xc5 ? 1 : first == 0x62 ? 3 : 2;
	uint8_t bytes[3], map;

	x86->encoding = first == 0x62 ? EVEX : first == 0x8f ? XOP : VEX;
	x86->map = 3;
	for (size_t i = 0; i < payload; i++)
		if (!byte_take(x86, &bytes[i]))
			return -ENODATA;
	if (!byte_take(x86, &x86->opcode))
		return -ENODATA;
	map = first == 0xc5 ? 1 : bytes[0] & (first == 0x62 ? 7 : 0x1f);
	x86->rex = ~bytes[0] >> 5 & (first == 0xc5 ? 4 : 7);
	if (first != 0xc5)
		x86->rex |= bytes[1] >> 4 & 8;
	*tail = vector_tail(x86, map);
	return 0;
}

static int escape_take(struct x86 *x86, char *tail)
{
	if (!byte_take(x86, &x86->opcode))
		return -ENODATA;
	x86->map = 2;
	*tail = map2[x86->opcode];
	if (x86->opcode != 0x38 && x86->opcode != 0x3a)
		return 0;
	*tail = x86->opcode == 0x38 ? 'M' : 'b';
	x86->map = 3;
	return byte_take(x86, &x86->opcode) ? 0 : -ENODATA;
}

/* Reads the opcode; *tail is what follows it. */
static int opcode_take(struct x86 *x86, char *tail)
{
	uint8_t next;

	if (!prefixes_take(x86, &x86->opcode))
		return -ENODATA;
	next = x86->at < x86->size ? x86->code[x86->at] : 0;
	x86->map = 1;
	switch (x86->opcode) {
	case 0x0f:
		return escape_take(x86, tail);
	case 0x62:
	case 0xc4:
	case 0xc5:
		return vector_take(x86, x86->opcode, tail);
	case 0x8f:
		/* AMD's XOP where pop would have another register than its only one */
		if ((next & 0x1f) >= 8)
			return vector_take(x86, x86->opcode, tail);
		break;
	}
	*tail = map1[x86->opcode];
	/* test r/m, imm: /0 and /1 of a group without immediates */
	if ((x86->opcode == 0xf6 || x86->opcode == 0xf7) && !(next & 0x30))
		*tail = x86->opcode == 0xf6 ? 'b' : 'z';
	return 0;
}

/* ---- operands ------------------------------------------------------------------------------- */

/* A register's number in DWARF by the one in an instruction. */
static int16_t dwarf_reg(unsigned int reg)
{
	static const uint8_t low[] = { 0, 2, 1, 3, 7, 6, 4, 5 };

	return reg < 8 ? low[reg] : reg & 15;
}

static int16_t modrm_reg(const struct x86 *x86)
{
	return dwarf_reg((x86->modrm >> 3 & 7) | (x86->rex & 4) << 1);
}

/* The register that r/m names; only if it names one. */
static int16_t modrm_rm(const struct x86 *x86)
{
	return dwarf_reg((x86->modrm & 7) | (x86->rex & 1) << 3);
}

static bool rm_is_register(const struct x86 *x86)
{
	return x86->has_modrm && x86->modrm >> 6 == 3;
}

static int64_t number_get(const uint8_t *bytes, unsigned int size)
{
	int64_t value = 0;

	memcpy(&value, bytes, size);
	return (int64_t)((uint64_t)value << (64 - 8 * size)) >> (64 - 8 * size);
}

/* base + index * scale, of a SIB byte. */
static void sib_note(const struct x86 *x86, uint8_t sib, struct bsl_insn *insn)
{
	unsigned int index = (sib >> 3 & 7) | (x86->rex & 2) << 2;

	insn->base = dwarf_reg((sib & 7) | (x86->rex & 1) << 3);
	if ((sib & 7) == RBP && x86->modrm >> 6 == 0)
		insn->base = BSL_REG_NONE;
	insn->index = index == RSP ? BSL_REG_NONE : dwarf_reg(index);
}

static int modrm_take(struct x86 *x86, struct bsl_insn *insn)
{
	unsigned int mod, disp_size;
	uint8_t sib = 0;

	if (!byte_take(x86, &x86->modrm))
		return -ENODATA;
	x86->has_modrm = true;
	mod = x86->modrm >> 6;
	if (mod == 3)
		return 0;
	insn->has_memory = true;
	insn->has_segment = x86->has_segment;
	disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	insn->has_disp = disp_size != 1 || x86->encoding != EVEX;
	if ((x86->modrm & 7) == RSP) {
		if (!byte_take(x86, &sib))
			return -ENODATA;
		sib_note(x86, sib, insn);
		if (mod == 0 && (sib & 7) == RBP)
			disp_size = 4;
	} else if (mod == 0 && (x86->modrm & 7) == RBP) {
		insn->is_relative = true;
		disp_size = 4;
	} else {
		insn->base = modrm_rm(x86);
	}
	if (disp_size > x86->size - x86->at)
		return -ENODATA;
	if (disp_size)
		insn->disp = number_get(x86->code + x86->at, disp_size);
	x86->at += disp_size;
	return 0;
}

static unsigned int imm_size(const struct x86 *x86, char tail)
{
	bool is_wide = x86->rex & 8;

	switch (tail) {
	case 'B':
	case 'b':
		return 1;
	case 'W':
		return 2;
	case 'E':
		return 3;
	case 'J':
		return 4;
	case 'Z':
	case 'z':
		return x86->has_66 && !is_wide && x86->encoding == LEGACY ? 2 : 4;
	case 'V':
		return is_wide ? 8 : x86->has_66 ? 2 : 4;
	case 'O':
		return x86->has_67 ? 4 : 8;
	default:
		return 0;
	}
}

/* ---- what it does --------------------------------------------------------------------------- */

static bool is_legacy(const struct x86 *x86, uint8_t map)
{
	return x86->encoding == LEGACY && x86->map == map;
}

static bool is_branch(const struct x86 *x86)
{
	if (is_legacy(x86, 2))
		return (x86->opcode & 0xf0) == 0x80;
	return is_legacy(x86, 1) && ((x86->opcode & 0xf0) == 0x70 || x86->opcode == 0xeb ||
				     (x86->opcode & 0xfe) == 0xe8 || (x86->opcode & 0xfc) == 0xe0);
}

/* The group of ff: /2 call, /3 far call, /4 jmp, /5 far jmp. */
static enum bsl_insn_kind group_kind(const struct x86 *x86)
{
	switch (x86->modrm >> 3 & 7) {
	case 2:
	case 3:
		return BSL_INSN_CALL_INDIRECT;
	case 4:
	case 5:
		return BSL_INSN_JUMP_INDIRECT;
	default:
		return BSL_INSN_PLAIN;
	}
}

static enum bsl_insn_kind map1_kind(const struct x86 *x86)
{
	switch (x86->opcode) {
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
		return BSL_INSN_RETURN;
	case 0xcc:
	case 0xf1:
	case 0xf4:
		return BSL_INSN_STOP;
	case 0xcd:
		return BSL_INSN_SYSCALL;
	case 0xe8:
		return BSL_INSN_CALL;
	case 0xe9:
	case 0xeb:
		return BSL_INSN_JUMP;
	case 0xc7:
		/* xbegin: to its target when the transaction fails */
		return x86->modrm == 0xf8 ? BSL_INSN_BRANCH : BSL_INSN_PLAIN;
	case 0xff:
		return group_kind(x86);
	default:
		return is_branch(x86) ? BSL_INSN_BRANCH : BSL_INSN_PLAIN;
	}
}

static enum bsl_insn_kind map2_kind(const struct x86 *x86)
{
	switch (x86->opcode) {
	case 0x05:
	case 0x34:
		return BSL_INSN_SYSCALL;
	case 0x07:
	case 0x35:
		return BSL_INSN_RETURN;
	case 0x0b:
	case 0xb9:
	case 0xff:
		return BSL_INSN_STOP;
	default:
		return is_branch(x86) ? BSL_INSN_BRANCH : BSL_INSN_PLAIN;
	}
}

/* Opcodes whose operands are told: of map 1, or of map 2 with 0x100 added. */
static const struct operation {
	enum {
		UNTOLD,
		REG_FROM_RM,
		RM_FROM_REG,
		CHANGES_REG,
		CHANGES_RM,
		SETS_LOW,
		CHANGES_A,
		PUSHES,
		POPS
	} what;
	enum bsl_insn_op op;
	bool is_byte;
} operations[0x200] = {
	[0x00] = { CHANGES_RM, BSL_OP_OTHER, true },
	[0x01] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x02] = { CHANGES_REG, BSL_OP_OTHER, true },
	[0x03] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x04] = { CHANGES_A, BSL_OP_OTHER, true },
	[0x05] = { CHANGES_A, BSL_OP_OTHER, false },
	[0x09] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x0b] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x11] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x13] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x19] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x1b] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x21] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x23] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x24] = { CHANGES_A, BSL_OP_OTHER, true },
	[0x25] = { CHANGES_A, BSL_OP_OTHER, false },
	[0x29] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x2b] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x31] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0x33] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x50 ... 0x57] = { PUSHES, BSL_OP_PUSH, false },
	[0x58 ... 0x5f] = { POPS, BSL_OP_POP, false },
	[0x63] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x69] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x6b] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x88] = { RM_FROM_REG, BSL_OP_STORE, true },
	[0x89] = { RM_FROM_REG, BSL_OP_STORE, false },
	[0x8a] = { REG_FROM_RM, BSL_OP_LOAD, true },
	[0x8b] = { REG_FROM_RM, BSL_OP_LOAD, false },
	[0x8d] = { CHANGES_REG, BSL_OP_LEA, false },
	[0xb0 ... 0xb7] = { SETS_LOW, BSL_OP_OTHER, true },
	[0xb8 ... 0xbf] = { SETS_LOW, BSL_OP_OTHER, false },
	[0xc1] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0xc7] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0xd1] = { CHANGES_RM, BSL_OP_OTHER, false },
	[0xd3] = { CHANGES_RM, BSL_OP_OTHER, false },
	/* cmovcc, imul, movzx, movsx */
	[0x140 ... 0x14f] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x1af] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x1b6 ... 0x1b7] = { CHANGES_REG, BSL_OP_OTHER, false },
	[0x1be ... 0x1bf] = { CHANGES_REG, BSL_OP_OTHER, false },
};

static uint8_t operand_size(const struct x86 *x86, bool is_byte)
{
	return is_byte ? 1 : x86->rex & 8 ? 8 : x86->has_66 ? 2 : 4;
}

/* A byte register of an instruction without REX: 4 to 7 are %ah to %bh. */
static int16_t byte_owner(const struct x86 *x86, unsigned int reg)
{
	return dwarf_reg(!x86->rex && reg >= RSP ? reg - RSP : reg);
}

static void move_note(const struct x86 *x86, const struct operation *row, struct bsl_insn *insn)
{
	bool from_reg = row->what == RM_FROM_REG;
	int16_t reg = modrm_reg(x86), rm = modrm_rm(x86);

	if (row->is_byte) {
		reg = byte_owner(x86, (x86->modrm >> 3 & 7) | (x86->rex & 4) << 1);
		rm = byte_owner(x86, (x86->modrm & 7) | (x86->rex & 1) << 3);
	}
	insn->op = row->op;
	insn->reg = reg;
	insn->size = operand_size(x86, row->is_byte);
	if (rm_is_register(x86)) {
		insn->op = BSL_OP_MOVE;
		insn->reg = from_reg ? rm : reg;
		insn->from = from_reg ? reg : rm;
		/* ah to al is no move of a register */
		if (row->is_byte)
			insn->op = BSL_OP_OTHER;
	}
	if (insn->op != BSL_OP_STORE)
		insn->writes = insn->reg;
}

static void operation_note(const struct x86 *x86, const struct operation *row,
			   struct bsl_insn *insn)
{
	int16_t low = dwarf_reg((x86->opcode & 7) | (x86->rex & 1) << 3);

	switch (row->what) {
	case UNTOLD:
		break;
	case REG_FROM_RM:
	case RM_FROM_REG:
		move_note(x86, row, insn);
		break;
	case CHANGES_REG:
		insn->writes =
			row->is_byte ? byte_owner(x86, (x86->modrm >> 3 & 7) | (x86->rex & 4) << 1)
				     : modrm_reg(x86);
		insn->op = row->op;
		if (row->op == BSL_OP_LEA)
			insn->reg = insn->writes;
		break;
	case CHANGES_RM:
		if (rm_is_register(x86))
			insn->writes = row->is_byte ? byte_owner(x86, (x86->modrm & 7) |
									      (x86->rex & 1) << 3)
						    : modrm_rm(x86);
		break;
	case SETS_LOW:
		insn->writes = row->is_byte
				       ? byte_owner(x86, (x86->opcode & 7) | (x86->rex & 1) << 3)
				       : low;
		insn->is_constant = true;
		break;
	case CHANGES_A:
		insn->writes = dwarf_reg(RAX);
		break;
	case PUSHES:
	case POPS:
		insn->op = row->op;
		insn->size = x86->has_66 ? 2 : 8;
		insn->reg = low;
		if (row->op == BSL_OP_POP)
			insn->writes = low;
		break;
	}
}

/* The groups of immediates (80, 81, 83: /0 add, /4 and, /5 sub, /7 cmp), of pop (8f) and push (ff /6). */
static void group_note(const struct x86 *x86, struct bsl_insn *insn)
{
	unsigned int which = x86->modrm >> 3 & 7;

	if (x86->opcode == 0x8f || (x86->opcode == 0xff && which == 6)) {
		insn->op = x86->opcode == 0x8f ? BSL_OP_POP : BSL_OP_PUSH;
		insn->size = x86->has_66 ? 2 : 8;
		return;
	}
	if (x86->opcode != 0x80 && x86->opcode != 0x81 && x86->opcode != 0x83)
		return;
	insn->size = operand_size(x86, x86->opcode == 0x80);
	if (rm_is_register(x86)) {
		insn->reg = modrm_rm(x86);
		if (x86->opcode == 0x80)
			insn->reg = byte_owner(x86, (x86->modrm & 7) | (x86->rex & 1) << 3);
	}
	if (which == 7) {
		insn->op = BSL_OP_COMPARE;
		return;
	}
	insn->writes = insn->reg;
	if (which != 0 && which != 5)
		return;
	insn->op = BSL_OP_ADD;
	if (which == 5)
		insn->imm = -insn->imm;
}

/* Bytes that a vector register's store has; 0: it is none. */
static uint8_t vector_store_size(const struct x86 *x86)
{
	switch (x86->opcode) {
	case 0x11: /* movss, movsd, movups */
		return x86->repeat == 0xf3 ? 4 : x86->repeat == 0xf2 ? 8 : 16;
	case 0x7e: /* movd, movq */
		return x86->repeat == 0xf3 ? 0 : x86->rex & 8 ? 8 : 4;
	case 0x13: /* movlps */
	case 0x17: /* movhps */
	case 0xd6: /* movq */
		return 8;
	case 0x29: /* movaps */
	case 0x2b: /* movntps */
	case 0x7f: /* movdqa, movdqu */
	case 0xe7: /* movntdq */
		return 16;
	default:
		return 0;
	}
}

/* Of a constant (c6, c7) and of the floating-point stack's top (d9, dd, db: fst, fstp of 4, 8 and 10 bytes). */
static uint8_t other_store_size(const struct x86 *x86)
{
	unsigned int which = x86->modrm >> 3 & 7;

	switch (x86->opcode) {
	case 0xc6:
	case 0xc7:
		return which ? 0 : operand_size(x86, x86->opcode == 0xc6);
	case 0xd9:
	case 0xdd:
		return which != 2 && which != 3 ? 0 : x86->opcode == 0xd9 ? 4 : 8;
	case 0xdb:
		return which == 7 ? 10 : 0;
	default:
		return 0;
	}
}

/* Stores of what is in no general register. */
static void store_note(const struct x86 *x86, struct bsl_insn *insn)
{
	uint8_t size = 0;

	if (!x86->has_modrm || rm_is_register(x86))
		return;
	if (is_legacy(x86, 2))
		size = vector_store_size(x86);
	else if (is_legacy(x86, 1))
		size = other_store_size(x86);
	if (!size)
		return;
	insn->op = BSL_OP_STORE;
	insn->size = size;
	insn->is_constant = x86->map == 1 && (x86->opcode == 0xc6 || x86->opcode == 0xc7);
}

static void note_what_it_does(const struct x86 *x86, struct bsl_insn *insn)
{
	uint16_t opcode = x86->opcode | (x86->map == 2) << 8;

	store_note(x86, insn);
	if (x86->encoding != LEGACY || x86->map > 2)
		return;
	operation_note(x86, &operations[opcode], insn);
	if (x86->map == 2)
		return;
	if (x86->has_modrm)
		group_note(x86, insn);
	if (x86->opcode == 0x68 || x86->opcode == 0x6a || x86->opcode == 0x9c)
		insn->op = BSL_OP_PUSH;
	else if (x86->opcode == 0xc9)
		insn->op = BSL_OP_LEAVE;
	else if (x86->opcode == 0x9d)
		insn->op = BSL_OP_POP;
}

/* ---- uprobes -------------------------------------------------------------------------------- */

/*
 * The byte behind VEX or EVEX, taken for an opcode of map 1: a jump, call or nop is emulated in the place of the
 * instruction; behind others the instruction pointer or the flags are "repaired".
 */
static bool is_mistaken(uint8_t opcode)
{
	return (opcode & 0xf0) == 0x70 ||
	       memchr("\x90\x9d\xc2\xc3\xca\xcb\xe8\xe9\xeb\xff", opcode, 10);
}

static const char *why_harmful(const struct x86 *x86)
{
	bool is_string = (x86->opcode & 0xfc) == 0xa4 ||
			 (x86->opcode >= 0xaa && x86->opcode <= 0xaf);

	if (x86->encoding == XOP || (x86->encoding != LEGACY && is_mistaken(x86->opcode)))
		return "the kernel takes this vector instruction for another one";
	/* With F3 in front, too, which AMD's processors don't take for a pause then. */
	if (is_legacy(x86, 1) && x86->opcode == 0x90 && (x86->rex & 1))
		return "the kernel takes this exchange of registers for a nop";
	if (is_legacy(x86, 1) && x86->opcode == 0x9c)
		return "single-stepping leaks into the flags that it saves";
	if (is_legacy(x86, 2) && (x86->opcode == 0x05 || x86->opcode == 0x34))
		return "a system call can't be single-stepped";
	if (is_legacy(x86, 1) && x86->repeat && is_string)
		return "the kernel steps a repeated instruction one round at a time, each of them a hit";
	return NULL;
}

static const char *why_refused(const struct x86 *x86)
{
	uint8_t opcode = is_legacy(x86, 1) || x86->encoding != LEGACY ? x86->opcode : 0x0f;

	if (x86->has_bad_prefix)
		return "the kernel refuses instructions with a lock or segment prefix";
	if (is_branch(x86) && x86->has_66 && (x86->opcode & 0xfc) != 0xe0)
		return "the kernel refuses branches with the prefix 66";
	if (is_legacy(x86, 1) && x86->opcode == 0x8e && (x86->modrm >> 3 & 7) == 2)
		return "the kernel refuses to step what loads the stack segment";
	if (kernel_takes[opcode] != 'y' || (is_legacy(x86, 1) && opcode == 0xcc))
		return "the kernel refuses this instruction";
	return NULL;
}

static void judge(const struct x86 *x86, struct bsl_insn *insn)
{
	static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	bool is_push = is_legacy(x86, 1) && (x86->opcode & 0xf8) == 0x50 &&
		       (insn->length == 1 || (insn->length == 2 && x86->rex == 0x41));
	bool is_nop = is_legacy(x86, 1) && x86->opcode == 0x90;

	insn->why = why_refused(x86);
	if (insn->why) {
		insn->probe = BSL_PROBE_REFUSED;
		return;
	}
	insn->why = why_harmful(x86);
	if (insn->why)
		insn->probe = BSL_PROBE_HARMFUL;
	else if (is_push || is_nop || (is_branch(x86) && (x86->opcode & 0xfc) != 0xe0))
		insn->probe = BSL_PROBE_EMULATED;
	else if (insn->length == sizeof(nop5) && !memcmp(x86->code, nop5, sizeof(nop5)))
		insn->probe = BSL_PROBE_CALL;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int length_take(struct x86 *x86, struct bsl_insn *insn)
{
	unsigned int imm;
	char tail;
	int err = opcode_take(x86, &tail);

	if (!err && tail == '-')
		err = -EINVAL;
	if (!err && (tail == 'M' || tail == 'b' || tail == 'z'))
		err = modrm_take(x86, insn);
	if (err)
		return err;
	imm = imm_size(x86, tail);
	x86->imm_at = x86->at;
	x86->at += imm;
	if (x86->at > BSL_INSN_MAX)
		return -EINVAL;
	if (x86->at > x86->size)
		return -ENODATA;
	if (imm == 1 || imm == 2 || imm == 4)
		insn->imm = number_get(x86->code + x86->imm_at, imm);
	insn->length = x86->at;
	return 0;
}

int insn_x86_decode(const uint8_t *code, size_t size, uint64_t addr, struct bsl_insn *insn)
{
	struct x86 x86 = { .code = code, .size = size };
	int err = length_take(&x86, insn);

	if (err)
		return err;
	if (insn->is_relative)
		insn->address = addr + insn->length + (int64_t)insn->disp;
	if (x86.encoding == LEGACY && x86.map <= 2)
		insn->kind = x86.map == 1 ? map1_kind(&x86) : map2_kind(&x86);
	if (insn->kind == BSL_INSN_JUMP || insn->kind == BSL_INSN_BRANCH ||
	    insn->kind == BSL_INSN_CALL)
		insn->target = addr + insn->length + insn->imm;
	if (insn->kind == BSL_INSN_BRANCH && (x86.opcode & 0xf0) == (x86.map == 1 ? 0x70 : 0x80))
		insn->condition = x86.opcode & 15;
	note_what_it_does(&x86, insn);
	judge(&x86, insn);
	return insn->length;
}
