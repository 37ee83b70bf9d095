/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Specs as text for comparison, shared by the tests of the probe compiler's front half.
 */
#ifndef PROBE_PRINT_H
#define PROBE_PRINT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/spec/ast.h"

struct text {
	char bytes[4096];
	size_t len;
};

static inline void __attribute__((format(printf, 2, 3)))
text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, fmt, args);
	va_end(args);
	if (len > 0 && t->len + len < sizeof(t->bytes))
		t->len += len;
}

static inline void text_add_expr(struct text *t, const struct expr *e, bool types)
{
	char buf[2048];

	text_add(t, "%s", ast_print_expr(e, types, buf, sizeof(buf)));
}

static inline void text_add_target(struct text *t, const struct spec *s)
{
	text_add(t, "%c lib=%s", "prtu"[s->kind], s -> lib);
	if (s->category[0])
		text_add(t, " category=%s", s->category);
	if (s->file)
		text_add(t, " file=%s line=%u", s->file, s->line);
	else if (s->has_addr)
		text_add(t, " addr=0x%" PRIx64, s->addr);
	else
		text_add(t, " func=%s", s->func);
	if (s->offset)
		text_add(t, "+0x%" PRIx64, s->offset);
	if (s->is_pattern)
		text_add(t, " pattern");
}

static inline void text_add_signature(struct text *t, const struct spec *s)
{
	text_add(t, " (");
	for (unsigned int i = 0; i < s->param_count; i++) {
		const struct param *param = &s->params[i];

		text_add(t, "%s%s%s%s", i ? ", " : "", param->type.base,
			 param->type.is_user ? " __user" : "", param->type.stars ? " " : "");
		for (unsigned int j = 0; j < param->type.stars; j++)
			text_add(t, "*");
		if (param->name[0])
			text_add(t, "%s%s", param->type.stars ? "" : " ", param->name);
	}
	text_add(t, ")");
}

/* A parsed spec in one line. */
static inline const char *text_of_spec(struct text *t, const struct spec *s)
{
	t->len = 0;
	t->bytes[0] = '\0';
	text_add_target(t, s);
	if (s->has_signature)
		text_add_signature(t, s);
	if (s->predicate) {
		text_add(t, " if ");
		text_add_expr(t, s->predicate, false);
	}
	if (s->has_format)
		text_add(t, " \"%s\"", s->format.text);
	for (unsigned int i = 0; i < s->arg_count; i++) {
		text_add(t, ", ");
		text_add_expr(t, s->args[i], false);
	}
	return t->bytes;
}

#endif /* PROBE_PRINT_H */
