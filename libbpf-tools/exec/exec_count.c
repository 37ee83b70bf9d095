/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * How often each program was executed; see exec_count.h.
 */
#include "exec/exec_count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct program {
	uint64_t succeeded, failed;
	char comm[16];
	char path[];
};

int exec_count_compare(const void *left, const void *right)
{
	const struct program *a = left, *b = right;

	return memcmp(a->comm, b->comm, sizeof(a->comm)) ?: strcmp(a->path, b->path);
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
	program = tally_row(count, program);
	if (!program)
		return -ENOMEM;
	program->succeeded += !record->event->result;
	program->failed += record->event->result != 0;
	return 0;
}

static int print_program(const struct exec_print *print, const struct program *program)
{
	struct output *out = print->output;

	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_u64(out, "count", program->succeeded);
		output_json_u64(out, "failed", program->failed);
		output_json_cstr(out, "comm", program->comm, sizeof(program->comm));
		output_json_cstr(out, "file", program->path, SIZE_MAX);
		return output_end(out);
	}
	output_put_u64(out, program->succeeded, 8);
	output_puts(out, " ");
	if (print->fails) {
		output_put_u64(out, program->failed, 8);
		output_puts(out, " ");
	}
	output_put_cstr(out, program->comm, sizeof(program->comm), -16);
	output_puts(out, " ");
	output_put_cstr(out, program->path, SIZE_MAX, 0);
	return output_end(out);
}

int exec_count_print(const struct tally *count, const struct exec_print *print)
{
	void **rows = tally_sort(count, compare_frequency), **row;
	struct output *out = print->output;
	int err = 0;

	if (!rows)
		return -ENOMEM;
	if (!output_is_json(out)) {
		output_printf(out, "%8s ", "COUNT");
		if (print->fails)
			output_printf(out, "%8s ", "FAILED");
		output_printf(out, "%-16s %s", "PCOMM", "FILE");
		output_end_line(out);
	}
	for (row = rows; *row && !err; row++)
		err = print_program(print, *row);
	free(rows);
	return err;
}
