/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Comparing names: shell patterns and the distance between a misspelt name and a real one. Making untrusted text harmless. */
#include <array_size.h>
#include <stdio.h>
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
	return bsl_glob_match_bytes(pattern, text, strlen(text));
}

bool bsl_glob_match_bytes(const char *pattern, const char *text, size_t len)
{
	/*
	 * Only the last star seen can need a second try: if an earlier one took more, the text in
	 * between would have to match again further right, which the last star reaches as well.
	 */
	const char *star = NULL, *star_text = NULL, *next, *end = text + len;

	while (text < end) {
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

/* ---- untrusted text ---- */

size_t bsl_utf8_char(const char *text, size_t len, uint32_t *code)
{
	/* First bytes, and what the second byte may be: Unicode 15, table 3-7. */
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *s = (const unsigned char *)text;
	size_t i, k;

	if (!len)
		return 0;
	*code = s[0];
	if (s[0] < 0x80)
		return 1;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (len < forms[i].len || s[1] < forms[i].second_min || s[1] > forms[i].second_max)
			return 0;
		*code = s[0] & (0x7f >> forms[i].len);
		for (k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			*code = *code << 6 | (s[k] & 0x3f);
		}
		return forms[i].len;
	}
	return 0;
}

/*
 * Characters that move the cursor, end the line, reorder the text, or that nobody sees. The last ones are Unicode 15's
 * Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
 */
static bool is_control(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0, 0x1f },	      { 0x7f, 0x9f },	    { 0xad, 0xad },
		{ 0x34f, 0x34f },     { 0x61c, 0x61c },	    { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },
		{ 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },   { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (code <= ranges[i].last)
			return code >= ranges[i].first;
	return false;
}

static void escape_as_text(const char *text, struct bsl_escaped *piece)
{
	static const char named[] = { ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\\'] = '\\' };
	unsigned char c = text[0];

	if (c < sizeof(named) && named[c]) {
		piece->len = sprintf(piece->text, "\\%c", named[c]);
		return;
	}
	for (size_t i = 0; i < piece->used; i++)
		piece->len += sprintf(piece->text + piece->len, "\\x%02x", (unsigned char)text[i]);
}

/* Beyond the 16 bits of \u, two surrogates: RFC 8259, section 7. */
static void escape_as_json(uint32_t code, struct bsl_escaped *piece)
{
	static const char named[] = { ['\b'] = 'b', ['\n'] = 'n',  ['\r'] = 'r', ['\t'] = 't',
				      ['\f'] = 'f', ['\\'] = '\\', ['"'] = '"' };

	if (!piece->is_valid)
		piece->len = sprintf(piece->text, "\xef\xbf\xbd");
	else if (code < sizeof(named) && named[code])
		piece->len = sprintf(piece->text, "\\%c", named[code]);
	else if (code < 0x10000)
		piece->len = sprintf(piece->text, "\\u%04x", code);
	else
		piece->len = sprintf(piece->text, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
				     0xdc00 + (code & 0x3ff));
}

void bsl_escape_next(const char *text, size_t len, bool json, struct bsl_escaped *piece)
{
	uint32_t code = 0;

	piece->used = bsl_utf8_char(text, len, &code);
	piece->is_valid = piece->used != 0;
	piece->is_same = piece->is_valid && !is_control(code) && code != '\\' &&
			 !(json && code == '"');
	piece->used = piece->is_valid ? piece->used : 1;
	piece->len = 0;
	if (piece->is_same)
		memcpy(piece->text, text, piece->len = piece->used);
	else if (json)
		escape_as_json(code, piece);
	else
		escape_as_text(text, piece);
}
