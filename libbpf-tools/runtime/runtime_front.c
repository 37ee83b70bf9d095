/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Languages, as people name them. */
#include "runtime/runtime_front.h"

#include <string.h>

#include "runtime/runtime.h"

unsigned int runtime_front_parse_lang(const struct argp_state *state, const char *name)
{
	int lang = runtime_lang_find(name);

	if (lang < 0)
		argp_error(state,
			   "invalid -l '%s': expected java, node, perl, php, python, ruby or tcl",
			   name);
	return 1u << lang;
}

unsigned int runtime_front_lang_of_tool(const char *tool)
{
	const char *slash = strrchr(tool, '/');
	const char *name = slash ? slash + 1 : tool;

	for (int lang = 0; lang < RUNTIME_LANGS; lang++)
		if (!strncmp(name, runtime_lang_name(lang), strlen(runtime_lang_name(lang))))
			return 1u << lang;
	return RUNTIME_ANY;
}
