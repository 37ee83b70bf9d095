/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Instructions: how long they are (x86_64) and which of them return. The length needs no more of
 * an instruction than prefixes, opcode map, ModRM and immediate: Intel's manual, volume 2,
 * chapter 2 and appendix A. Decoding a function from its start is what keeps a 0xc3 in the middle
 * of an instruction from being taken for a `ret`.
 */
#include <errno.h>
#include <string.h>

#include "elf_file.h"

#define X86_MAX_LENGTH 15

/* What follows an opcode. */
enum {
	BAD = 0, /* not an instruction in 64-bit mode */
	NONE = 1,
	M = 2,	 /* ModRM */
	B = 4,	 /* 8-bit immediate */
	Z = 8,	 /* 32 bits, 16 with the prefix 66 */
	W = 16,	 /* 16 bits */
	V = 32,	 /* mov r, imm: as Z, but 64 bits with REX.W */
	O = 64,	 /* moffs: 64 bits, 32 with the prefix 67 */
	J = 128, /* branch: 32 bits whatever the prefixes say */
};

#define R4(x) x, x, x, x
#define R8(x) R4(x), R4(x)
#define R16(x) R8(x), R8(x)

/* One-byte opcodes. Prefixes, 0f, and the test forms of f6 and f7 are dealt with before. */
static const uint8_t x86_map1[256] = {
	/* 00 */ R4(M),
	B,
	Z,
	BAD,
	BAD,
	R4(M),
	B,
	Z,
	BAD,
	BAD,
	/* 10 */ R4(M),
	B,
	Z,
	BAD,
	BAD,
	R4(M),
	B,
	Z,
	BAD,
	BAD,
	/* 20 */ R4(M),
	B,
	Z,
	BAD,
	BAD,
	R4(M),
	B,
	Z,
	BAD,
	BAD,
	/* 30 */ R4(M),
	B,
	Z,
	BAD,
	BAD,
	R4(M),
	B,
	Z,
	BAD,
	BAD,
	/* 40 */ R16(BAD),
	/* 50 */ R16(NONE),
	/* 60 */ BAD,
	BAD,
	BAD,
	M,
	R4(BAD),
	Z,
	M | Z,
	B,
	M | B,
	R4(NONE),
	/* 70 */ R16(B),
	/* 80 */ M | B,
	M | Z,
	BAD,
	M | B,
	R4(M),
	R8(M),
	/* 90 */ R8(NONE),
	NONE,
	NONE,
	BAD,
	NONE,
	R4(NONE),
	/* a0 */ R4(O),
	R4(NONE),
	B,
	Z,
	NONE,
	NONE,
	R4(NONE),
	/* b0 */ R8(B),
	R8(V),
	/* c0 */ M | B,
	M | B,
	W,
	NONE,
	BAD,
	BAD,
	M | B,
	M | Z,
	/* c8 */ W | B,
	NONE,
	W,
	NONE,
	NONE,
	B,
	BAD,
	NONE,
	/* d0 */ R4(M),
	BAD,
	BAD,
	BAD,
	NONE,
	R8(M),
	/* e0 */ R8(B),
	J,
	J,
	BAD,
	B,
	R4(NONE),
	/* f0 */ BAD,
	NONE,
	BAD,
	BAD,
	NONE,
	NONE,
	M,
	M,
	R4(NONE),
	NONE,
	NONE,
	M,
	M,
};

/* Opcodes behind 0f. 38 and 3a are maps of their own; 0f 0f is 3DNow!, its opcode an immediate. */
static const uint8_t x86_map2[256] = {
	/* 00 */ M,
	M,
	M,
	M,
	BAD,
	NONE,
	NONE,
	NONE,
	NONE,
	NONE,
	BAD,
	NONE,
	BAD,
	M,
	NONE,
	M | B,
	/* 10 */ R16(M),
	/* 20 */ R4(M),
	R4(BAD),
	R8(M),
	/* 30 */ R4(NONE),
	NONE,
	NONE,
	BAD,
	NONE,
	R8(BAD),
	/* 40 */ R16(M),
	/* 50 */ R16(M),
	/* 60 */ R16(M),
	/* 70 */ R4(M | B),
	M,
	M,
	M,
	NONE,
	M,
	M,
	BAD,
	BAD,
	R4(M),
	/* 80 */ R16(J),
	/* 90 */ R16(M),
	/* a0 */ NONE,
	NONE,
	NONE,
	M,
	M | B,
	M,
	BAD,
	BAD,
	NONE,
	NONE,
	NONE,
	M,
	M | B,
	M,
	M,
	M,
	/* b0 */ R8(M),
	M,
	M,
	M | B,
	M,
	R4(M),
	/* c0 */ M,
	M,
	M | B,
	M,
	M | B,
	M | B,
	M | B,
	M,
	R8(NONE),
	/* d0 */ R16(M),
	/* e0 */ R16(M),
	/* f0 */ R16(M),
};

/* An instruction being read. */
struct insn {
	const uint8_t *code;
	size_t size;
	size_t at; /* what has been read */
	bool prefix66, prefix67, rex_w;
	bool is_ret;
	uint8_t jump;	  /* bytes of the displacement that ends it; 0: it is no direct jump */
	bool is_always;	  /* the jump */
	bool is_indirect; /* a jump by register or memory */
};

static bool byte_take(struct insn *insn, uint8_t *byte)
{
	if (insn->at >= insn->size)
		return false;
	*byte = insn->code[insn->at++];
	return true;
}

/* Legacy prefixes in any order; a REX counts only right before the opcode. */
static bool prefixes_take(struct insn *insn, uint8_t *opcode)
{
	while (byte_take(insn, opcode)) {
		switch (*opcode) {
		case 0x66:
			insn->prefix66 = true;
			break;
		case 0x67:
			insn->prefix67 = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0xf0:
		case 0xf2:
		case 0xf3:
			break;
		case 0x40 ... 0x4f:
			insn->rex_w = *opcode & 8;
			continue;
		default:
			return true;
		}
		insn->rex_w = false;
	}
	return false;
}

/* VEX and EVEX: payload bytes, then an opcode of the map that their first one names. */
static int vector_take(struct insn *insn, uint8_t first)
{
	size_t payload = first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3;
	uint8_t map = 1, opcode, byte;

	for (size_t i = 0; i < payload; i++) {
		if (!byte_take(insn, &byte))
			return -ENODATA;
		if (!i && first != 0xc5)
			map = byte & (first == 0xc4 ? 0x1f : 7);
	}
	if (!byte_take(insn, &opcode))
		return -ENODATA;
	switch (map) {
	case 1:
		return x86_map2[opcode] & J ? -EINVAL : x86_map2[opcode];
	case 2:
	case 5:
	case 6:
		return M;
	case 3:
		return M | B;
	default:
		return -EINVAL;
	}
}

static int escape_take(struct insn *insn)
{
	uint8_t opcode;

	if (!byte_take(insn, &opcode))
		return -ENODATA;
	if (opcode >= 0x80 && opcode <= 0x8f)
		insn->jump = 4;
	if (opcode != 0x38 && opcode != 0x3a)
		return x86_map2[opcode];
	insn->at++;
	return opcode == 0x38 ? M : M | B;
}

/* Reads the opcode; returns what follows it, or a negative errno. */
static int opcode_take(struct insn *insn)
{
	uint8_t opcode;

	if (!prefixes_take(insn, &opcode))
		return -ENODATA;
	switch (opcode) {
	case 0x0f:
		return escape_take(insn);
	case 0x62:
	case 0xc4:
	case 0xc5:
		return vector_take(insn, opcode);
	case 0xf6:
	case 0xf7:
		/* test r/m, imm: /0 and /1 of a group without immediates */
		if (insn->at < insn->size && !(insn->code[insn->at] & 0x30))
			return opcode == 0xf6 ? M | B : M | Z;
		break;
	case 0xc2:
	case 0xc3:
		insn->is_ret = true;
		break;
	case 0x70 ... 0x7f:
	case 0xe0 ... 0xe3:
	case 0xeb:
		insn->jump = 1;
		insn->is_always = opcode == 0xeb;
		break;
	case 0xe9:
		insn->jump = 4;
		insn->is_always = true;
		break;
	case 0xff:
		/* /4 and /5 of the group */
		insn->is_indirect = insn->at < insn->size && (insn->code[insn->at] & 0x30) == 0x20;
		break;
	}
	return x86_map1[opcode];
}

static bool modrm_take(struct insn *insn)
{
	uint8_t modrm, sib = 0, mod;

	if (!byte_take(insn, &modrm))
		return false;
	mod = modrm >> 6;
	if (mod == 3)
		return true;
	if ((modrm & 7) == 4 && !byte_take(insn, &sib))
		return false;
	if (mod == 1)
		insn->at += 1;
	else if (mod == 2 || (modrm & 7) == 5 || ((modrm & 7) == 4 && (sib & 7) == 5))
		insn->at += 4;
	return true;
}

static int x86_decode(struct insn *insn)
{
	int what = opcode_take(insn);

	if (what < 0)
		return what;
	if (what == BAD)
		return -EINVAL;
	if ((what & M) && !modrm_take(insn))
		return -ENODATA;
	if (what & B)
		insn->at += 1;
	if (what & W)
		insn->at += 2;
	if (what & J)
		insn->at += 4;
	if (what & Z)
		insn->at += insn->prefix66 && !insn->rex_w ? 2 : 4;
	if (what & V)
		insn->at += insn->rex_w ? 8 : insn->prefix66 ? 2 : 4;
	if (what & O)
		insn->at += insn->prefix67 ? 4 : 8;
	if (insn->at > X86_MAX_LENGTH)
		return -EINVAL;
	return insn->at > insn->size ? -ENODATA : (int)insn->at;
}

int bsl_x86_insn_length(const uint8_t *code, size_t size)
{
	struct insn insn = { .code = code, .size = size };

	return x86_decode(&insn);
}

/* The instruction at code[0]: its length, and if it is a return. */
static int insn_decode(int machine, const uint8_t *code, size_t size, bool *is_ret)
{
	struct insn insn = { .code = code, .size = size };
	uint32_t word;
	int len;

	if (machine == EM_X86_64) {
		len = x86_decode(&insn);
		*is_ret = insn.is_ret;
		return len;
	}
	if (size < sizeof(word))
		return -EINVAL;
	memcpy(&word, code, sizeof(word));
	*is_ret = (word & 0xfffffc1f) == 0xd65f0000 || word == 0xd65f0bff || word == 0xd65f0fff;
	return sizeof(word);
}

int bsl_elf_ret_sites(const struct bsl_elf *elf, uint64_t addr, uint64_t size,
		      int (*fn)(uint64_t offset, void *ctx), void *ctx)
{
	int machine = bsl_elf_machine(elf), nr = 0, len, ret;
	const uint8_t *code = bsl_elf_data(elf, addr, size);
	uint64_t start;
	bool is_ret;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -ENOTSUP;
	if (!code || !size || bsl_elf_addr_to_offset(elf, addr, &start))
		return elf_error(elf, -ENOENT);
	/* once without telling: half an answer would leave returns unseen */
	for (int tell = 0; tell < 2; tell++) {
		for (uint64_t at = 0; at < size; at += len) {
			len = insn_decode(machine, code + at, size - at, &is_ret);
			if (len <= 0)
				return -EINVAL;
			if (!tell || !is_ret)
				continue;
			nr++;
			ret = fn(start + at, ctx);
			if (ret)
				return ret < 0 ? ret : nr;
		}
	}
	return nr;
}

/* Where a jump of `len` bytes at code + at goes to, relative to code. */
static int64_t jump_target(const uint8_t *code, uint64_t at, int len, const struct insn *insn)
{
	const uint8_t *end = code + at + len;
	int32_t far;

	if (insn->jump == 1)
		return (int64_t)at + len + (int8_t)end[-1];
	memcpy(&far, end - sizeof(far), sizeof(far));
	return (int64_t)at + len + far;
}

int bsl_elf_entry_skip(const struct bsl_elf *elf, uint64_t addr, uint64_t size)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *code = bsl_elf_machine(elf) == EM_X86_64 ? bsl_elf_data(elf, addr, size)
								: NULL;
	int len;

	if (!code || size <= sizeof(endbr64) || memcmp(code, endbr64, sizeof(endbr64)))
		return 0;
	for (uint64_t at = sizeof(endbr64); at < size; at += len) {
		struct insn insn = { .code = code + at, .size = size - at };

		len = x86_decode(&insn);
		if (len <= 0)
			return 0;
		if (insn.jump && jump_target(code, at, len, &insn) == sizeof(endbr64))
			return 0;
	}
	return sizeof(endbr64);
}

/* Does the instruction of arm64 leave [0, size) of its function for good? */
static bool arm64_is_tail_jump(const uint8_t *code, uint64_t at, uint64_t size)
{
	int64_t target;
	uint32_t word;

	memcpy(&word, code + at, sizeof(word));
	if ((word & 0xfc000000) == 0x14000000) {
		/* b: 26 bits, of words */
		target = (int64_t)at + ((int32_t)(word << 6) >> 4);
		return target < 0 || target >= (int64_t)size;
	}
	/* br, braa and the like */
	return (word & 0xfffffc1f) == 0xd61f0000 || (word & 0xfefff800) == 0xd61f0800;
}

static bool x86_is_tail_jump(const uint8_t *code, uint64_t at, uint64_t size, int len,
			     const struct insn *insn)
{
	int64_t target;

	if (!insn->is_always)
		return insn->is_indirect;
	target = jump_target(code, at, len, insn);
	return target < 0 || target >= (int64_t)size;
}

int bsl_elf_tail_jumps(const struct bsl_elf *elf, uint64_t addr, uint64_t size)
{
	int machine = bsl_elf_machine(elf), nr = 0, len;
	const uint8_t *code = bsl_elf_data(elf, addr, size);

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -ENOTSUP;
	if (!code || !size)
		return elf_error(elf, -ENOENT);
	for (uint64_t at = 0; at < size; at += len) {
		struct insn insn = { .code = code + at, .size = size - at };

		len = machine == EM_X86_64 ? x86_decode(&insn) : 4;
		if (len <= 0 || (uint64_t)len > size - at)
			return -EINVAL;
		nr += machine == EM_X86_64 ? x86_is_tail_jump(code, at, size, len, &insn)
					   : arm64_is_tail_jump(code, at, size);
	}
	return nr;
}
