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
#define OPERAND_AT 3	/* prefix 66 or REX.W, opcode, ModRM */

/* Conditions of branches: Intel SDM volume 2, Jcc. */
enum { X86_JE = 4, X86_JNE = 5 };

/* Extends in both directions as far as the file has contiguous bytes. */
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

static int decode_at(const struct runtime_code *code, size_t at, struct bsl_insn *insn)
{
	return bsl_insn_decode(EM_X86_64, code->bytes + at, code->size - at, code->addr + at, insn);
}

/* At jne, je: where the program goes when the counter is not zero. 0: it is neither. */
static uint64_t cold_address(const struct bsl_insn *insn, uint64_t next)
{
	return insn->condition == X86_JNE ? insn->target : insn->condition == X86_JE ? next : 0;
}

/* cmpw $0,sem(%rip), or after lea sem(%rip),%reg: cmpw $0,(%reg). */
static bool is_compare(const struct bsl_insn *insn)
{
	return insn->op == BSL_OP_COMPARE && insn->size == 2 && insn->imm == 0;
}

/* The branch that follows an instruction which names the semaphore, if there is one and it guards the site. */
static int follow(const struct runtime_code *code, size_t at, const uint64_t *sites, size_t count,
		  uint64_t *guard)
{
	bool compared = false;
	struct bsl_insn insn;
	uint64_t cold;

	for (int i = 0; i < LOOK_AHEAD && at < code->size; i++, at += insn.length) {
		if (decode_at(code, at, &insn) <= 0)
			return -ENOENT;
		compared |= is_compare(&insn);
		cold = compared ? cold_address(&insn, code->addr + at + insn.length) : 0;
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

/* Does lea sem(%rip),%reg or cmpw $0,sem(%rip) begin there? Their operands are in bytes 3 to 6. */
static bool names_semaphore(const struct runtime_code *code, size_t at, uint64_t sema_addr)
{
	const uint8_t *bytes = code->bytes + at;
	struct bsl_insn insn;
	int32_t disp;

	if (code->size - at < OPERAND_AT + sizeof(disp))
		return false;
	/* At nearly all places this comparison is all. */
	memcpy(&disp, bytes + OPERAND_AT, sizeof(disp));
	if (sema_addr - (code->addr + at + disp) > BSL_INSN_MAX)
		return false;
	return decode_at(code, at, &insn) > 0 && insn.is_relative && insn.address == sema_addr &&
	       (insn.op == BSL_OP_LEA || is_compare(&insn));
}

int runtime_find_guards(const struct bsl_elf *elf, uint64_t sema_addr, const uint64_t *sites,
			size_t count, uint64_t *guards)
{
	struct runtime_code code;
	size_t found = 0;
	int err;

	if (bsl_elf_machine(elf) != EM_X86_64)
		return -ENOTSUP;
	err = count ? runtime_code_around(elf, sites[0], &code) : -ENOENT;
	for (size_t at = 0; !err && at < code.size && found < count; at++)
		if (names_semaphore(&code, at, sema_addr) &&
		    !follow(&code, at, sites, count, &guards[found]))
			found++;
	return err ?: (int)found;
}
