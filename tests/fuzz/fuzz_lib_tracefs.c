/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Any bytes as the format file of a tracepoint, and each name found escaped for output.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/output.h"
#include "lib/tracefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tracefs_format format;
	char escaped[64];
	size_t i, len;

	len = output_escape(escaped, sizeof(escaped), (const char *)data, size);
	if (len >= sizeof(escaped) || strlen(escaped) != len)
		abort();
	if (tracefs_format_parse((const char *)data, size, &format))
		return 0;
	for (i = 0; i < format.field_count; i++) {
		if (!tracefs_format_field(&format, format.fields[i].name))
			abort();
	}
	tracefs_format_free(&format);
	return 0;
}
