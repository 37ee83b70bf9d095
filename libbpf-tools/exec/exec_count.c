/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * How often each program was executed; see exec_count.h.
 */
#include "exec/exec_count.h"

#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct program {
	uint64_t succeeded, failed;
	char comm[16];
	int32_t error; /* why the path isn't known */
	char path[];
};

/* A row. */
struct count_row {
	const struct program *program;
	uint64_t now;
};

int exec_count_compare(const void *left, const void *right)
{
	const struct program *a = left, *b = right;

	return memcmp(a->comm, b->comm, sizeof(a->comm)) ?: strcmp(a->path, b->path)
			   ?: (a->error > b->error) - (a->error < b->error);
}

static int compare_frequency(const void *left, const void *right)
{
	const struct program *a = left, *b = right;
	uint64_t of_a = a->succeeded + a->failed, of_b = b->succeeded + b->failed;

	return of_a != of_b ? (of_a < of_b ? 1 : -1) : exec_count_compare(a, b);
}

int exec_count_add(struct tally *count, const struct exec_record *record)
{
	char path[EXEC_PROGRAM_SIZE];
	struct program *program;
	size_t size;

	exec_record_file(record, path);
	size = strlen(path) + 1;
	program = calloc(1, sizeof(*program) + size);
	if (!program)
		return -ENOMEM;
	memcpy(program->comm, record->event->comm, sizeof(program->comm));
	memcpy(program->path, path, size);
	program->error = record->event->file_len < 0 ? record->event->file_len : 0;
	program = tally_row(count, program);
	if (!program)
		return -ENOMEM;
	program->succeeded += !record->event->result;
	program->failed += record->event->result != 0;
	return 0;
}

static void get_file(const void *data, struct row_value *value)
{
	const struct program *program = ((const struct count_row *)data)->program;

	row_set_text(value, program->path,
		     program->error ? program->error : (int64_t)strlen(program->path));
}

#define AT(member) ROW_VIA(struct count_row, program, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_AT(struct count_row, now), .when = { ROW_CHOSEN },
	  .help = "when this was printed" },
	{ "COUNT", "count", ROW_UNSIGNED, 8, AT(succeeded), .help = "how often it was executed" },
	{ "FAILED", "failed", ROW_UNSIGNED, 8, AT(failed), .when = { 'x' },
	  .help = "and how often not" },
	{ "PCOMM", "comm", ROW_CHARS, -16, AT(comm), .help = "the process's name after the call" },
	{ "FILE", "file", ROW_STRING, 0, .get = get_file,
	  .help = "the program, as the caller named it" },
};

const struct row_table exec_count_rows = { .columns = columns,
					   .count = ARRAY_SIZE(columns),
					   .when = { EXEC_KEY_COUNT },
					   .is_summary = true,
					   .title = "With --count" };

int exec_count_print(const struct tally *count, struct row_printer *printer)
{
	void **rows = tally_sort(count, compare_frequency), **row;
	struct count_row program = { .now = timestamp_now() };
	int err = 0;

	if (!rows)
		return -ENOMEM;
	row_print_header(printer);
	for (row = rows; *row && !err; row++) {
		program.program = *row;
		err = row_print(printer, &program);
	}
	free(rows);
	return err;
}
