/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Instructions, and what functions are made of. Decoding a function from its start is what keeps a 0xc3 in the middle of
 * an instruction from being taken for a `ret`.
 */
#include "insn.h"

#include <errno.h>
#include <string.h>

#include "elf_file.h"

int bsl_insn_decode(int machine, const uint8_t *code, size_t size, uint64_t addr,
		    struct bsl_insn *insn)
{
	*insn = (struct bsl_insn){
		.condition = -1,
		.reg = BSL_REG_NONE,
		.from = BSL_REG_NONE,
		.writes = BSL_REG_NONE,
		.base = BSL_REG_NONE,
		.index = BSL_REG_NONE,
	};
	return machine == EM_X86_64    ? insn_x86_decode(code, size, addr, insn)
	       : machine == EM_AARCH64 ? insn_arm64_decode(code, size, addr, insn)
				       : -ENOTSUP;
}

int bsl_elf_ret_sites(const struct bsl_elf *elf, uint64_t addr, uint64_t size,
		      int (*fn)(uint64_t offset, void *ctx), void *ctx)
{
	int machine = bsl_elf_machine(elf), nr = 0, len, ret;
	const uint8_t *code = bsl_elf_data(elf, addr, size);
	struct bsl_insn insn;
	uint64_t start;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -ENOTSUP;
	if (!code || !size || bsl_elf_addr_to_offset(elf, addr, &start))
		return elf_error(elf, -ENOENT);
	/* Once without reporting: half an answer would leave returns unseen. */
	for (int report = 0; report < 2; report++) {
		for (uint64_t at = 0; at < size; at += len) {
			len = bsl_insn_decode(machine, code + at, size - at, addr + at, &insn);
			if (len <= 0)
				return -EINVAL;
			if (!report || insn.kind != BSL_INSN_RETURN)
				continue;
			nr++;
			ret = fn(start + at, ctx);
			if (ret)
				return ret < 0 ? ret : nr;
		}
	}
	return nr;
}

#define MAX_STACK_CHECK 32 /* bytes of Go's look at how much stack is left */

/*
 * Go's functions begin with a branch for a stack that is too small: there it is made larger, and the function is entered
 * again. Behind that branch each call comes through once. 0: this one has no such beginning.
 */
static uint64_t stack_check_size(int machine, const uint8_t *code, uint64_t addr, uint64_t size)
{
	struct bsl_insn insn = { .kind = BSL_INSN_PLAIN };
	uint64_t at = 0, end;
	int len;

	for (; at < size && at < MAX_STACK_CHECK && insn.kind == BSL_INSN_PLAIN; at += len) {
		len = bsl_insn_decode(machine, code + at, size - at, addr + at, &insn);
		if (len <= 0)
			return 0;
	}
	end = at;
	if (insn.kind != BSL_INSN_BRANCH || insn.target <= addr + end || insn.target - addr >= size)
		return 0;
	for (at = insn.target - addr; at < size; at += len) {
		len = bsl_insn_decode(machine, code + at, size - at, addr + at, &insn);
		if (len <= 0 || (insn.kind != BSL_INSN_PLAIN && insn.kind != BSL_INSN_CALL &&
				 insn.kind != BSL_INSN_JUMP))
			return 0;
		if (insn.kind == BSL_INSN_JUMP)
			return insn.target == addr ? end : 0;
	}
	return 0;
}

int bsl_elf_entry_skip(const struct bsl_elf *elf, uint64_t addr, uint64_t size)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *code = bsl_elf_data(elf, addr, size);
	int machine = bsl_elf_machine(elf), len;
	struct bsl_insn insn;
	uint64_t skip = 0;

	if (!code)
		return 0;
	if (machine == EM_X86_64 && size > sizeof(endbr64) &&
	    !memcmp(code, endbr64, sizeof(endbr64)))
		skip = sizeof(endbr64);
	else if (bsl_elf_is_go(elf))
		skip = stack_check_size(machine, code, addr, size);
	if (!skip || skip >= size)
		return 0;
	len = bsl_insn_decode(machine, code + skip, size - skip, 0, &insn);
	if (len <= 0 || insn.why)
		return 0;
	for (uint64_t at = skip; at < size; at += len) {
		len = bsl_insn_decode(machine, code + at, size - at, addr + at, &insn);
		if (len <= 0)
			return 0;
		if (insn.kind != BSL_INSN_CALL && insn.target == addr + skip)
			return 0;
	}
	return (int)skip;
}

/* ---- vectors and padding --------------------------------------------------------------------- */

bool insn_is_padding(int machine, const uint8_t *code, size_t size)
{
	static const uint8_t arm64[] = { 0x1f, 0x20, 0x03, 0xd5 };
	size_t at = 0;

	if (machine == EM_AARCH64)
		return size == sizeof(arm64) && !memcmp(code, arm64, sizeof(arm64));
	while (at < size && (code[at] == 0x66 || code[at] == 0x2e))
		at++;
	if (at + 1 == size)
		return code[at] == 0x90 || code[at] == 0xcc;
	return at + 1 < size && code[at] == 0x0f && code[at + 1] == 0x1f;
}

/* Opcodes of the map 0F, from Intel's manual, table A-3, and of 0F 38. */
static bool is_packed_opcode(unsigned int map, unsigned int prefix, uint8_t opcode)
{
	bool is_double = prefix == 0x66;

	if (map == 2)
		return is_double &&
		       ((opcode >= 0x1c && opcode <= 0x1e) || opcode == 0x28 || opcode == 0x37 ||
			(opcode >= 0x38 && opcode <= 0x40) || (opcode >= 0x45 && opcode <= 0x47));
	if (map != 1 || (prefix && !is_double))
		return false;
	if (opcode >= 0x58 && opcode <= 0x5f)
		return opcode != 0x5a && opcode != 0x5b;
	if (!is_double || opcode == 0xd6 || opcode == 0xd7 || opcode == 0xe6 || opcode == 0xe7 ||
	    opcode == 0xef || opcode == 0xf0 || opcode == 0xf7)
		return false;
	return (opcode >= 0x71 && opcode <= 0x76) || (opcode >= 0xd1 && opcode <= 0xfe);
}

static bool is_packed_x86(const uint8_t *code, size_t size)
{
	static const unsigned int prefixes[] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int prefix = 0;
	size_t at = 0;

	if (size > 3 && code[0] == 0xc5)
		return is_packed_opcode(1, prefixes[code[1] & 3], code[2]);
	if (size > 4 && code[0] == 0xc4)
		return is_packed_opcode(code[1] & 0x1f, prefixes[code[2] & 3], code[3]);
	if (size > 5 && code[0] == 0x62)
		return is_packed_opcode(code[1] & 7, prefixes[code[2] & 3], code[4]);
	for (; at < size && (code[at] == 0x66 || code[at] == 0xf2 || code[at] == 0xf3); at++)
		prefix = code[at];
	if (at < size && (code[at] & 0xf0) == 0x40)
		at++;
	if (at + 2 >= size || code[at] != 0x0f)
		return false;
	return code[at + 1] == 0x38 ? is_packed_opcode(2, prefix, code[at + 2])
				    : is_packed_opcode(1, prefix, code[at + 1]);
}

bool insn_is_packed(int machine, const uint8_t *code, size_t size)
{
	uint32_t word;

	if (machine == EM_X86_64)
		return is_packed_x86(code, size);
	if (machine != EM_AARCH64 || size != sizeof(word))
		return false;
	memcpy(&word, code, sizeof(word));
	/* Advanced SIMD three same: ARM DDI 0487, C4.1.96 */
	return (word & 0x9f200400) == 0x0e200400;
}
