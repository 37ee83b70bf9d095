/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is wrong with a spec, and where: the one error text that the compiler's stages share. The
 * first error wins; the front end prints it as "trace: column 23: ..." and exits with 2.
 */
#ifndef PROBE_SPEC_DIAG_H
#define PROBE_SPEC_DIAG_H

struct diag {
	int column;	/* 1-based byte in the spec's text; 0: not about a place in it */
	char text[512]; /* one line without a newline; empty: no error */
};

/*
 * Record an error at byte offset `pos` of the spec (-1: no place) unless one is there already.
 * Always returns -EINVAL, so that a caller can `return diag_error(...)`.
 */
int diag_error(struct diag *diag, int pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The error is about a place in another text than the spec: name it, and the column in it. */
void diag_in(struct diag *diag, const char *text);

#endif /* PROBE_SPEC_DIAG_H */
