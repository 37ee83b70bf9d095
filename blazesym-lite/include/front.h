/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is to be right before a program does anything, and when it has ended: of all front ends, blazesym-lite's own included.
 */
#ifndef FRONT_H
#define FRONT_H

/*
 * The first call of main().
 *
 * Descriptors 0, 1 and 2 that were closed are taken, lest a file of ours gets such a number and is written into; using them
 * fails as if they were closed still.
 *
 * Streams: whatever is printed on stdout and stderr can't drive a terminal, whoever prints it; newlines and tabs excepted, what
 * bsl_escape_next() calls a control is escaped. (Results don't go through stdout, but for blazesym-lite's: see lib/output.h.)
 *
 * The end: if stdout can't be written, as on a full disk, that is reported and the exit status is 1. A limit of file sizes is such
 * an error, too, and no signal (SIGXFSZ).
 */
void front_start(void);

#endif /* FRONT_H */
