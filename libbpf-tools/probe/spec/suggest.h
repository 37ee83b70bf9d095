/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "Did you mean ...?": the names that are near to a wrong one.
 */
#ifndef PROBE_SPEC_SUGGEST_H
#define PROBE_SPEC_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX 3

/* The nearest of several names to a wrong one. */
struct suggest {
	const char *wanted;
	const char *best; /* NULL: none is near; borrowed */
	unsigned int distance;
};

/* Take another name into account. */
void suggest_add(struct suggest *s, const char *name);
/* " (did you mean 'x'?)", or "" if nothing is near. Returns buf. */
const char *suggest_text(const struct suggest *s, char *buf, size_t size);

/* Append "; did you mean 'a', 'b'?" to a text and free the names. */
void suggest_append(char *buf, size_t size, char **names, int count);

#endif /* PROBE_SPEC_SUGGEST_H */
