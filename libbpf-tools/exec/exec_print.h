/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of execsnoop, in columns or as JSON.
 */
#ifndef EXEC_PRINT_H
#define EXEC_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/exec_record.h"
#include "lib/row.h"

/* execsnoop's options that columns depend on and that have no letter. */
enum {
	EXEC_KEY_CWD = 256,
	EXEC_KEY_CGROUP_NAME,
	EXEC_KEY_OLD_COMM,
	EXEC_KEY_ENV,
	EXEC_KEY_EXE,
	EXEC_KEY_COUNT,
	EXEC_KEY_OTHER
};

/* How records are printed. */
struct exec_print {
	struct row_printer *rows;
	bool quote; /* for a shell to read */
	uint64_t max_args;
	const char *const *env; /* names of variables to be shown, env_count; borrowed */
	size_t env_count;
};

/* What a text row itself says among the arguments: no text can say it, as backslashes are doubled in that. */
#define EXEC_MARK_CUT "\\..."
#define EXEC_MARK_UNKNOWN "\\?"

extern const struct row_table exec_print_rows;

/* As output_end(). */
int exec_print_record(const struct exec_print *print, const struct exec_record *record);

#endif /* EXEC_PRINT_H */
