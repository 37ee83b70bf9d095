/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ftrace's list of functions; the first byte says whether it has addresses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/traceable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;
	struct traceable list;
	size_t count;

	if (!text)
		return 0;
	if (!traceable_parse(&list, text, data[0] & 1)) {
		for (size_t i = 0; i < list.count; i++)
			if (!traceable_find(&list, list.names[i], &count) || !count)
				abort();
		traceable_has(&list, list.addrs && list.count ? list.addrs[0] : 1, "x");
	}
	traceable_free(&list);
	return 0;
}
