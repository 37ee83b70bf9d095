/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The compiler's view of a spec: trace --dump.
 */
#include <errno.h>
#include <stdlib.h>

#include "probe/probe_private.h"

static void dump_expressions(const struct checked *checked, FILE *file)
{
	char text[4096];

	if (checked->predicate)
		fprintf(file, "  predicate: %s\n",
			ast_print_expr(checked->predicate, true, text, sizeof(text)));
	if (checked->measure)
		fprintf(file, "  measure: %s\n",
			ast_print_expr(checked->measure, true, text, sizeof(text)));
	for (unsigned int i = 0; i < checked->field_count; i++) {
		const struct field *field = &checked->fields[i];

		if (field->len_expr)
			fprintf(file, "  field %u length: %s\n", i + 1,
				ast_print_expr(field->len_expr, true, text, sizeof(text)));
		if (field->expr)
			fprintf(file, "  field %u %%%c: %s\n", i + 1, field->conv,
				ast_print_expr(field->expr, true, text, sizeof(text)));
	}
}

static int dump_program(const struct record *record, const struct generate_opts *opts, FILE *file,
			struct diag *diag)
{
	struct code_program program = {};
	int err = generate_program(record, opts, &program, diag);

	if (!err)
		code_program_print(&program, file);
	code_program_free(&program);
	return err;
}

int probe_dump(const struct probe *probe, const struct generate_opts *generate, FILE *file,
	       struct diag *diag)
{
	const struct target *target = &probe->target;
	size_t *indices = calloc(target->place_count + 1, sizeof(*indices));
	int err = indices ? 0 : -ENOMEM;

	for (unsigned int c = 0; c < target->context_count && !err; c++) {
		/* Of a kernel function: what is tried first. */
		const struct record *record = probe->tracing_checked ? &probe->tracing_record
								     : &probe->records[c];
		struct probe_group group = { .context = c,
					     .places = target->places,
					     .indices = indices };
		struct generate_opts opts;

		group.count = probe_group_find(target->places, target->place_count, c, indices);
		fprintf(file, "%s\n", probe->spec->text);
		for (size_t i = 0; i < group.count; i++) {
			fprintf(file, "  at ");
			target_print_place(probe->spec, target, &target->places[indices[i]], file);
			if (target->how == TARGET_FILE)
				fprintf(file, " offset 0x%llx",
					(unsigned long long)target->places[indices[i]].offset);
			fprintf(file, "\n");
		}
		opts = probe_group_opts(probe, generate, &(struct attach_features){}, &group);
		if (target->how == TARGET_KERNEL)
			opts.frame = probe->tracing_checked ? GENERATE_FRAME_CONTEXT
							    : GENERATE_FRAME_STACK;
		dump_expressions(record->checked, file);
		if (record->checked->entry_count) {
			opts.is_entry = true;
			fprintf(file, "  at the entry:\n");
			err = dump_program(record, &opts, file, diag);
			opts.is_entry = false;
			fprintf(file, "  at the return:\n");
		}
		if (!err)
			err = dump_program(record, &opts, file, diag);
	}
	free(indices);
	return err;
}
