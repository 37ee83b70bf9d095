/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The "guard" of a USDT site: where the program tests the site's semaphore and goes on without it. A probe there counts
 * what the site would have seen, and leaves the semaphore down: the program doesn't prepare the probe's arguments. x86_64.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <string.h>

#include "runtime/runtime_private.h"

#define LOOK_AHEAD 6	/* instructions between loading the semaphore's address and the branch */
#define COLD_BYTES 0x60 /* from where the branch goes to the site itself */

/* Grown until the file has no more of it. */
int runtime_code_around(const struct bsl_elf *elf, uint64_t addr, struct runtime_code *code)
{
	uint64_t low = addr, high = addr + 1;

	for (uint64_t step = 1 << 16; step; step >>= 4) {
		while (low >= step && bsl_elf_data(elf, low - step, high - low + step))
			low -= step;
		while (bsl_elf_data(elf, low, high - low + step))
			high += step;
	}
	*code = (struct runtime_code){ bsl_elf_data(elf, low, high - low), low, high - low };
	return code->bytes ? 0 : -ENOENT;
}

static int32_t read_s32(const uint8_t *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/*
 * At a conditional jump that is taken, or not, when the counter is not zero: where that leads. 0: it
 * is no such jump. jne, je: Intel SDM volume 2, Jcc.
 */
static uint64_t cold_address(const struct runtime_code *code, size_t at, int length)
{
	const uint8_t *insn = code->bytes + at;
	uint64_t next = code->addr + at + length;

	if (length == 2 && insn[0] == 0x75)
		return next + (int8_t)insn[1];
	if (length == 6 && insn[0] == 0x0f && insn[1] == 0x85)
		return next + read_s32(insn + 2);
	if ((length == 2 && insn[0] == 0x74) || (length == 6 && insn[0] == 0x0f && insn[1] == 0x84))
		return next;
	return 0;
}

/* cmpw $0,sem(%rip), or after lea sem(%rip),%reg: cmpw $0,(%reg). */
static bool is_compare(const uint8_t *insn, int length)
{
	return length >= 4 && insn[0] == 0x66 && insn[length - 1] == 0 &&
	       ((insn[1] == 0x83 && (insn[2] >> 3 & 7) == 7) ||
		((insn[1] & 0xf0) == 0x40 && insn[2] == 0x83 && (insn[3] >> 3 & 7) == 7));
}

/* The branch that follows an instruction which names the semaphore, if there is one and it guards the site. */
static int follow(const struct runtime_code *code, size_t at, const uint64_t *sites, size_t count,
		  uint64_t *guard)
{
	bool compared = false;
	uint64_t cold;
	int length;

	for (int i = 0; i < LOOK_AHEAD && at < code->size; i++, at += length) {
		length = bsl_x86_insn_length(code->bytes + at, code->size - at);
		if (length <= 0)
			return -ENOENT;
		compared |= is_compare(code->bytes + at, length);
		cold = compared ? cold_address(code, at, length) : 0;
		for (size_t site = 0; cold && site < count; site++) {
			if (sites[site] < cold || sites[site] - cold >= COLD_BYTES)
				continue;
			*guard = code->addr + at;
			return 0;
		}
		if (cold)
			return -ENOENT;
	}
	return -ENOENT;
}

/* Where an instruction begins whose operand, at byte `at`, is a distance from its end; 0: nowhere. */
static size_t instruction_before(const struct runtime_code *code, size_t at)
{
	const uint8_t *operand = code->bytes + at;

	if (at < 3)
		return 0;
	/* lea disp(%rip),%reg */
	if ((operand[-3] & 0xf8) == 0x48 && operand[-2] == 0x8d && (operand[-1] & 0xc7) == 0x05)
		return at - 3;
	/* cmpw $imm8,disp(%rip) */
	if (operand[-3] == 0x66 && operand[-2] == 0x83 && operand[-1] == 0x3d)
		return at - 3;
	return 0;
}

int runtime_find_guards(const struct bsl_elf *elf, uint64_t sema_addr, const uint64_t *sites,
			size_t count, uint64_t *guards)
{
	struct runtime_code code;
	size_t begin, found = 0;
	int length, err;

	if (bsl_elf_machine(elf) != EM_X86_64)
		return -ENOTSUP;
	err = count ? runtime_code_around(elf, sites[0], &code) : -ENOENT;
	for (size_t at = 3; !err && at + 4 <= code.size && found < count; at++) {
		begin = instruction_before(&code, at);
		if (!begin)
			continue;
		length = bsl_x86_insn_length(code.bytes + begin, code.size - begin);
		if (length > 0 &&
		    code.addr + begin + length + read_s32(code.bytes + at) == sema_addr &&
		    !follow(&code, begin, sites, count, &guards[found]))
			found++;
	}
	return err ?: (int)found;
}
