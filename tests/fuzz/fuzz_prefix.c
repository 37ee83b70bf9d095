/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A prefix: what is read is written so that it is read as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/prefix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix prefix, again;
	char text[PREFIX_TEXT_MAX], why[160];

	if (prefix_parse((const char *)data, size, &prefix, why, sizeof(why)))
		return 0;
	prefix_format(&prefix, text);
	if (prefix_parse(text, strlen(text), &again, why, sizeof(why)) ||
	    memcmp(&prefix, &again, sizeof(prefix)))
		abort();
	return 0;
}
