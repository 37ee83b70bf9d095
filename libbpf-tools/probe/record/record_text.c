/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Growing text.
 */
#include "probe/record/record_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int record_text_reserve(struct record_text *text, size_t more)
{
	size_t size = text->size ? text->size : 256;
	char *grown;

	if (text->size - text->len >= more)
		return 0;
	while (size - text->len < more)
		size *= 2;
	grown = realloc(text->text, size);
	if (!grown)
		return -ENOMEM;
	text->text = grown;
	text->size = size;
	return 0;
}

int record_text_put(struct record_text *text, const char *bytes, size_t len)
{
	int err = record_text_reserve(text, len + 1);

	if (err)
		return err;
	memcpy(text->text + text->len, bytes, len);
	text->len += len;
	text->text[text->len] = '\0';
	return 0;
}

int record_text_pad(struct record_text *text, size_t n)
{
	int err = record_text_reserve(text, n + 1);

	if (err)
		return err;
	memset(text->text + text->len, ' ', n);
	text->len += n;
	text->text[text->len] = '\0';
	return 0;
}

void record_text_free(struct record_text *text)
{
	free(text->text);
	*text = (struct record_text){};
}
