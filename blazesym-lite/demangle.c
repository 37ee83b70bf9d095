/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* C++ and Rust names made readable. The work is libiberty's; which of its demanglers is ours. */
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "blazesym-lite.h"

/* Compilers' own names stay far below; a hostile one could make a demangler write gigabytes. */
#define NAME_MAX_LEN 8192

char *bsl_demangle(const char *name, unsigned int flags)
{
	int options = DMGL_ANSI | (flags & BSL_DEMANGLE_NO_PARAMS ? 0 : DMGL_PARAMS);
	char *out;

	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') || strlen(name) > NAME_MAX_LEN)
		return NULL;
	/* legacy Rust names are valid C++ ones too: Rust must be tried first */
	out = rust_demangle(name, DMGL_PARAMS);
	return out || name[1] == 'R' ? out : cplus_demangle_v3(name, options);
}
