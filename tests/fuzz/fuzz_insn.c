/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as code: an instruction is never longer than what there is, and nothing behind it changes what it is. */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

static void check(const struct bsl_insn *insn, int len)
{
	bool has_why = insn->probe == BSL_PROBE_REFUSED || insn->probe == BSL_PROBE_HARMFUL;

	if (insn->length != len || has_why != (insn->why != NULL) || insn->reg > 31 ||
	    insn->from > 31 || insn->writes > 31 || insn->base > 31 || insn->index > 31)
		abort();
}

static void decode(int machine, const uint8_t *data, size_t size)
{
	struct bsl_insn insn, again;
	uint8_t *exact;

	for (size_t at = 0; at < size;) {
		int len = bsl_insn_decode(machine, data + at, size - at, 0x1000, &insn);

		if (len > BSL_INSN_MAX || len == 0 || (len > 0 && (size_t)len > size - at))
			abort();
		if (len < 0) {
			if (len != -EINVAL && len != -ENODATA)
				abort();
			at++;
			continue;
		}
		check(&insn, len);
		exact = malloc(len);
		memcpy(exact, data + at, len);
		if (bsl_insn_decode(machine, exact, len, 0x1000, &again) != len ||
		    again.kind != insn.kind || again.op != insn.op || again.probe != insn.probe ||
		    again.target != insn.target || again.address != insn.address)
			abort();
		free(exact);
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(EM_X86_64, data, size);
	decode(EM_AARCH64, data, size);
	return 0;
}
