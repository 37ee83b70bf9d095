/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "Did you mean ...?": of all names that could have been meant those that are nearest to a wrong one.
 */
#ifndef PROBE_SPEC_SUGGEST_H
#define PROBE_SPEC_SUGGEST_H

#define SUGGEST_MAX 3
#define SUGGEST_NAME_SIZE 256 /* with the NUL: bsl_edit_distance() compares no longer names */

/* Starts with all zero but `wanted`, which is borrowed. Names are copied. */
struct suggest {
	const char *wanted;
	unsigned int count;    /* of the names, which are equally near, and sorted */
	unsigned int distance; /* of these */
	char names[SUGGEST_MAX][SUGGEST_NAME_SIZE];
	char text[SUGGEST_MAX * (SUGGEST_NAME_SIZE + 6) + 24];
};

/* Take another name into account; it counts if no more than a third of its letters are wrong. Nothing is near to a pattern. */
void suggest_add(struct suggest *s, const char *name);
/* The same of a name whose distance the caller knows better. */
void suggest_add_at(struct suggest *s, const char *name, unsigned int distance);

/* " (did you mean 'a', 'b' or 'c'?)", or "" if nothing is near; lives in s. */
const char *suggest_text(struct suggest *s);

#endif /* PROBE_SPEC_SUGGEST_H */
