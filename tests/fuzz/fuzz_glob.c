/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any pattern on any text, and the distance between the two: bytes before and behind a newline. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pattern = malloc(size + 1), *text;

	memcpy(pattern, data, size);
	pattern[size] = '\0';
	text = strchr(pattern, '\n');
	if (text) {
		*text++ = '\0';
		bsl_glob_match(pattern, text);
		if (bsl_edit_distance(pattern, text, 8) != bsl_edit_distance(text, pattern, 8))
			abort();
	}
	bsl_glob_is_pattern(pattern);
	free(pattern);
	return 0;
}
