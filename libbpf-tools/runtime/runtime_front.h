/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What the front ends on the table of runtimes share: languages on the command line, and links named after them. */
#ifndef RUNTIME_RUNTIME_FRONT_H
#define RUNTIME_RUNTIME_FRONT_H

#include <argp.h>

/* The bit of a language; a name that isn't one ends the process with status 2. */
unsigned int runtime_front_parse_lang(const struct argp_state *state, const char *name);

/* The language in the name that the tool was called by: javastat, phpstat-bpfcc; RUNTIME_ANY if there is none. */
unsigned int runtime_front_lang_of_tool(const char *tool);

#endif /* RUNTIME_RUNTIME_FRONT_H */
