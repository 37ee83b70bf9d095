/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Comparing names: shell patterns and the distance between a misspelt name and a real one. */
#include <string.h>

#include "blazesym-lite.h"

/*
 * Matches one character against the set that starts behind `[` at p. Returns what follows the
 * closing `]`, or NULL when there is none.
 */
static const char *set_match(const char *p, unsigned char c, bool *match)
{
	bool negate = *p == '!' || *p == '^', found = false;
	const char *first;

	if (negate)
		p++;
	first = p;
	for (; *p && (*p != ']' || p == first); p++) {
		unsigned char low, high;

		if (*p == '\\' && p[1])
			p++;
		low = high = *p;
		if (p[1] == '-' && p[2] && p[2] != ']') {
			p += 2;
			if (*p == '\\' && p[1])
				p++;
			high = *p;
		}
		if (low <= c && c <= high)
			found = true;
	}
	if (*p != ']')
		return NULL;
	*match = found != negate;
	return p + 1;
}

/* Matches one pattern element, not `*`; returns the next one, or NULL if c isn't matched. */
static const char *element_match(const char *p, char c)
{
	const char *next;
	bool match;

	switch (*p) {
	case '\0':
		return NULL;
	case '?':
		return p + 1;
	case '[':
		next = set_match(p + 1, c, &match);
		if (next)
			return match ? next : NULL;
		break;
	case '\\':
		if (p[1])
			p++;
		break;
	}
	return *p == c ? p + 1 : NULL;
}

bool bsl_glob_match(const char *pattern, const char *text)
{
	/*
	 * Only the last star seen can need a second try: if an earlier one took more, the text in
	 * between would have to match again further right, which the last star reaches as well.
	 */
	const char *star = NULL, *star_text = NULL, *next;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			star_text = text;
			continue;
		}
		next = element_match(pattern, *text);
		if (next) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			text = ++star_text;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool bsl_glob_is_pattern(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (strchr("*?[", *text))
			return true;
	}
	return false;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned int bsl_edit_distance(const char *a, const char *b, unsigned int limit)
{
	/* three rows of the table: two back (for swaps), one back, current */
	unsigned int rows[3][256], *before = rows[0], *prev = rows[1], *cur = rows[2], *spare;
	size_t la = strlen(a), lb = strlen(b);

	if (la > 255 || lb > 255 || (la > lb ? la - lb : lb - la) > limit)
		return limit + 1;
	for (size_t j = 0; j <= lb; j++)
		prev[j] = j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int best = cur[0] = i;

		for (size_t j = 1; j <= lb; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
				      prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
			if (cur[j] < best)
				best = cur[j];
		}
		/* a swap reaches back two rows, so one row alone above the limit says nothing */
		if (best > limit + 1)
			return limit + 1;
		spare = before;
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[lb] <= limit ? prev[lb] : limit + 1;
}
