/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Functions that compilers have split: from the first part to the second. */
#include <blazesym-lite.h>
#include <string.h>

#include "runtime/runtime_private.h"

/*
 * How far a jump that is always taken leads, from its own address; 0: it is none. *length: of the instruction, negative if it can't
 * be told. Intel SDM volume 2, JMP rel32.
 */
static int64_t x86_jump(const uint8_t *code, size_t size, int *length)
{
	int32_t distance;

	*length = bsl_x86_insn_length(code, size);
	if (*length != 5 || code[0] != 0xe9)
		return 0;
	memcpy(&distance, code + 1, sizeof(distance));
	return (int64_t)distance + *length;
}

/* Arm ARM DDI 0487, B: 000101 imm26, in words. */
static int64_t arm64_jump(const uint8_t *code, size_t size, int *length)
{
	uint32_t insn;

	*length = size < sizeof(insn) ? -1 : (int)sizeof(insn);
	if (*length < 0)
		return 0;
	memcpy(&insn, code, sizeof(insn));
	if (insn >> 26 != 0x05)
		return 0;
	return (int64_t)((insn & 0x03ffffff) ^ 0x02000000) * 4 - 0x02000000 * 4ll;
}

uint64_t runtime_follow_jump(uint16_t machine, const uint8_t *code, uint64_t addr, size_t size)
{
	int64_t (*jump)(const uint8_t *code, size_t size, int *length) =
		machine == EM_X86_64	? x86_jump
		: machine == EM_AARCH64 ? arm64_jump
					: NULL;
	int64_t distance;
	int length;

	for (size_t at = 0; jump && at < size; at += length) {
		distance = jump(code + at, size - at, &length);
		if (length < 0)
			break;
		/* One to within the function itself is none out of it. */
		if (distance && at + distance >= size)
			return addr + at + distance;
	}
	return addr;
}
