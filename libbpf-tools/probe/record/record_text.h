/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Growing text.
 */
#ifndef PROBE_RECORD_RECORD_TEXT_H
#define PROBE_RECORD_RECORD_TEXT_H

#include <stddef.h>

/* Zeroed it is empty. `text` has a NUL behind its `len` bytes once something was put. */
struct record_text {
	char *text;
	size_t len, size;
};

/* Room for `more` bytes behind text->len, to be written by the caller. 0 or -ENOMEM. */
int record_text_reserve(struct record_text *text, size_t more);
/* Append trusted text. 0 or -ENOMEM. */
int record_text_put(struct record_text *text, const char *bytes, size_t len);
/* Append n blanks. 0 or -ENOMEM. */
int record_text_pad(struct record_text *text, size_t n);
void record_text_free(struct record_text *text);

#endif /* PROBE_RECORD_RECORD_TEXT_H */
