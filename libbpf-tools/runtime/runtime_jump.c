/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Functions that compilers have split: from the first part to the second. */
#include <blazesym-lite.h>

#include "runtime/runtime_private.h"

uint64_t runtime_follow_jump(uint16_t machine, const uint8_t *code, uint64_t addr, size_t size)
{
	struct bsl_insn insn;

	for (size_t at = 0; at < size; at += insn.length) {
		if (bsl_insn_decode(machine, code + at, size - at, addr + at, &insn) < 0)
			break;
		/* One to within the function itself is none out of it. */
		if (insn.kind == BSL_INSN_JUMP && insn.target - addr >= size)
			return insn.target;
	}
	return addr;
}
