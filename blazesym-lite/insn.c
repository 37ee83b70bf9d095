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
