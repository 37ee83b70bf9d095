/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * How often each program was executed: execsnoop --count.
 */
#ifndef EXEC_COUNT_H
#define EXEC_COUNT_H

#include "exec/exec_print.h"
#include "lib/tally.h"

/* Begin with EXEC_COUNT_EMPTY; end with tally_clear(). */
#define EXEC_COUNT_EMPTY                      \
	{                                     \
		.compare = exec_count_compare \
	}

/* The order of the elements, for the tally. */
int exec_count_compare(const void *left, const void *right);
/* 0 or -ENOMEM. */
int exec_count_add(struct tally *count, const struct exec_record *record);
/* Most frequent first. 0, a negative errno, or as output_end(). */
int exec_count_print(const struct tally *count, struct row_printer *printer);

extern const struct row_table exec_count_rows;

#endif /* EXEC_COUNT_H */
