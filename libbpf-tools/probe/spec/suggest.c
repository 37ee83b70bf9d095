/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The nearest names are kept, equally near ones in the order of the alphabet.
 */
#include "probe/spec/suggest.h"

#include <blazesym-lite.h>
#include <stdio.h>
#include <string.h>

void suggest_add_at(struct suggest *s, const char *name, unsigned int distance)
{
	unsigned int at = 0, last;

	if ((s->count && distance > s->distance) || strlen(name) >= SUGGEST_NAME_SIZE)
		return;
	if (distance < s->distance)
		s->count = 0;
	s->distance = distance;
	while (at < s->count && strcmp(s->names[at], name) < 0)
		at++;
	if (at == SUGGEST_MAX || (at < s->count && !strcmp(s->names[at], name)))
		return;
	last = s->count < SUGGEST_MAX ? s->count++ : SUGGEST_MAX - 1;
	memmove(s->names + at + 1, s->names + at, (last - at) * sizeof(s->names[0]));
	strcpy(s->names[at], name);
}

void suggest_add(struct suggest *s, const char *name)
{
	size_t len = strlen(s->wanted);
	unsigned int limit = s->count ? s->distance : (unsigned int)(len + 2) / 3, distance;

	if (bsl_glob_is_pattern(s->wanted))
		return;
	distance = bsl_edit_distance(s->wanted, name, limit);
	if (distance && distance <= limit && distance < len)
		suggest_add_at(s, name, distance);
}

const char *suggest_text(struct suggest *s)
{
	size_t len = 0;

	s->text[0] = '\0';
	for (unsigned int i = 0; i < s->count; i++)
		len += snprintf(s->text + len, sizeof(s->text) - len, "%s'%s'",
				!i		    ? " (did you mean "
				: i + 1 == s->count ? " or "
						    : ", ",
				s->names[i]);
	if (s->count)
		snprintf(s->text + len, sizeof(s->text) - len, "?)");
	return s->text;
}
