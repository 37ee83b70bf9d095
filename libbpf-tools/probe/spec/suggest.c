/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
#include "probe/spec/suggest.h"

#include <blazesym-lite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suggest_add(struct suggest *s, const char *name)
{
	size_t len = strlen(s->wanted);
	unsigned int limit = s->best ? s->distance - 1 : (unsigned int)(len + 2) / 3;
	unsigned int distance = bsl_edit_distance(s->wanted, name, limit);

	if (!distance || distance > limit || distance >= len)
		return;
	s->best = name;
	s->distance = distance;
}

const char *suggest_text(const struct suggest *s, char *buf, size_t size)
{
	buf[0] = '\0';
	if (s->best)
		snprintf(buf, size, " (did you mean '%s'?)", s->best);
	return buf;
}

void suggest_append(char *buf, size_t size, char **names, int count)
{
	size_t len = strlen(buf);

	for (int i = 0; i < count; i++) {
		if (len < size)
			len += snprintf(buf + len, size - len, "%s'%s'",
					i ? ", " : "; did you mean ", names[i]);
		free(names[i]);
	}
	if (count > 0 && len < size)
		snprintf(buf + len, size - len, "?");
}
