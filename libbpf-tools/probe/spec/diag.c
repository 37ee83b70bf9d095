/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The compiler's error text; see diag.h.
 */
#include "probe/spec/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int diag_error(struct diag *diag, int pos, const char *fmt, ...)
{
	va_list args;

	if (diag->text[0])
		return -EINVAL;
	diag->column = pos + 1;
	va_start(args, fmt);
	vsnprintf(diag->text, sizeof(diag->text), fmt, args);
	va_end(args);
	/* The text quotes the spec, which may hold anything: no quoted byte breaks the line. */
	for (char *c = diag->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

void diag_in(struct diag *diag, const char *text)
{
	struct diag inner = *diag;

	if (!inner.text[0])
		return;
	*diag = (struct diag){};
	diag_error(diag, -1, "'%s', column %d: %s", text, inner.column, inner.text);
}
