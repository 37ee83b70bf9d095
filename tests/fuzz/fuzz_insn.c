/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as x86_64 code: a length is never more than there is, and does not change with it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	for (size_t at = 0; at < size;) {
		int len = bsl_x86_insn_length(data + at, size - at);

		if (len > 15 || len == 0 || (len > 0 && (size_t)len > size - at))
			abort();
		if (len < 0) {
			if (len != -EINVAL && len != -ENODATA)
				abort();
			at++;
			continue;
		}
		/* its own bytes decide, nothing behind them */
		exact = malloc(len);
		memcpy(exact, data + at, len);
		if (bsl_x86_insn_length(exact, len) != len)
			abort();
		free(exact);
		at += len;
	}
	return 0;
}
