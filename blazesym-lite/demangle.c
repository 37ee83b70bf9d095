/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* C++ and Rust names made readable. The work is libiberty's; which of its demanglers is ours. */
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "blazesym-lite.h"

/* Compilers' own names stay far below; a hostile one could make a demangler write gigabytes. */
#define NAME_MAX_LEN 8192

/*
 * Takes off what isn't the name itself: template and generic arguments, and the return type that
 * templates carry. A name that starts with a type, <T as Trait>::f, and operators stay as they are.
 */
static void name_bare(char *text)
{
	char *to = text, *start = text;
	int depth = 0;

	if (*text == '<' || *text == '{' || strstr(text, "operator"))
		return;
	for (const char *at = text; *at; at++) {
		/* Rust's turbofish: f::<T> is f */
		if (*at == '<' && !depth++ && to - start > 2 && to[-1] == ':' && to[-2] == ':')
			to -= 2;
		if (!depth && *at == ' ')
			start = to + 1;
		if (!depth)
			*to++ = *at;
		if (*at == '>' && depth)
			depth--;
	}
	*to = '\0';
	memmove(text, start, to + 1 - start);
}

char *bsl_demangle(const char *name, unsigned int flags)
{
	unsigned int without_params = BSL_DEMANGLE_NO_PARAMS | BSL_DEMANGLE_BARE;
	int options = DMGL_ANSI | (flags & without_params ? 0 : DMGL_PARAMS) |
		      (flags & BSL_DEMANGLE_NO_RESULT ? DMGL_RET_DROP : 0);
	char *out;

	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') || strlen(name) > NAME_MAX_LEN)
		return NULL;
	/* legacy Rust names are valid C++ ones too: Rust must be tried first */
	out = rust_demangle(name, DMGL_PARAMS);
	if (!out && name[1] != 'R')
		out = cplus_demangle_v3(name, options);
	if (out && (flags & BSL_DEMANGLE_BARE))
		name_bare(out);
	return out;
}
