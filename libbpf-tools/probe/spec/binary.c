/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BCC's -B: a literal of STRCMP that is written as a C array, "{0x6C, 0x00}", stands for its bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "types/arena.h"
#include "probe/spec/parse.h"

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* "{1, 2}" as bytes[]. Their number, or -1: it isn't one. */
static int read_array(const char *text, char *bytes)
{
	const char *at = skip_blanks(text);
	int count = 0;

	if (*at++ != '{')
		return -1;
	do {
		char *end;
		long value;

		at = skip_blanks(at);
		errno = 0;
		value = strtol(at, &end, 0);
		if (end == at || errno || value < -128 || value > 255)
			return -1;
		bytes[count++] = (char)value;
		at = skip_blanks(end);
	} while (*at++ == ',');
	return at[-1] == '}' && !*skip_blanks(at) ? count : -1;
}

static int convert_literal(struct arena *arena, struct expr *literal, struct diag *diag)
{
	/* Each number takes two characters at least, with its comma. */
	char *bytes = arena_alloc(arena, literal->len + 1);
	int count = bytes ? read_array(literal->text, bytes) : -1;

	if (!bytes)
		return -ENOMEM;
	if (count < 0)
		return diag_error(
			diag, literal->pos,
			"with -B a text to compare with is an array of bytes, \"{0x6C, 0x00}\"");
	literal->text = bytes;
	literal->len = (size_t)count;
	literal->is_bytes = true;
	return 0;
}

static int convert_expr(struct arena *arena, struct expr *e, struct diag *diag)
{
	int err;

	if (!e)
		return 0;
	if (e->kind == EXPR_STRCMP)
		err = convert_literal(arena, e->a, diag);
	else
		err = convert_expr(arena, e->a, diag);
	if (!err)
		err = convert_expr(arena, e->b, diag);
	return err ? err : convert_expr(arena, e->c, diag);
}

int parse_binary_literals(struct spec *spec, struct diag *diag)
{
	int err = convert_expr(spec->arena, spec->predicate, diag);

	for (unsigned int i = 0; i < spec->arg_count && !err; i++)
		err = convert_expr(spec->arena, spec->args[i], diag);
	return err;
}
