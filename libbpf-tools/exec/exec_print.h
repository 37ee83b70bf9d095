/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of execsnoop, in columns or as JSON.
 */
#ifndef EXEC_PRINT_H
#define EXEC_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/exec_record.h"
#include "lib/output.h"
#include "lib/timestamp.h"

/* What is printed, of each record. */
struct exec_print {
	struct output *output;
	struct timestamp *start;
	bool time, timestamp, uid, fails, cwd, cgroup, old_comm;
	bool quote; /* for a shell to read */
	uint64_t max_args;
};

void exec_print_header(const struct exec_print *print);
/* As output_end(). */
int exec_print_record(const struct exec_print *print, const struct exec_record *record);

#endif /* EXEC_PRINT_H */
