/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a spec would attach to, and what is known of the values there: trace -l.
 */
#include "probe/target_list.h"

#include <blazesym-lite.h>
#include <errno.h>

#include "types/arena.h"
#include "types/debuginfo_scope.h"
#include "probe/spec/parse.h"

static void list_members(const struct type *record, FILE *file)
{
	char text[256];

	for (uint32_t i = 0; i < record->count; i++)
		fprintf(file, "    %s\n",
			type_declare(record->members[i].type, record->members[i].name, text,
				     sizeof(text)));
}

static void list_params(const struct spec *spec, const struct probe_context *context, FILE *file)
{
	const struct debuginfo_variable *local;
	char text[256];

	for (unsigned int i = 0; i < context->param_count; i++)
		fprintf(file, "    %s\n",
			type_declare(context->params[i].type, context->params[i].name, text,
				     sizeof(text)));
	if (spec->file && context->scope)
		for (local = context->scope->locals; local; local = local->next)
			fprintf(file, "    %s\n",
				type_declare(local->type, local->name, text, sizeof(text)));
	if (context->retval_type && !spec->file)
		fprintf(file, "    %s\n",
			type_declare(context->retval_type, "retval", text, sizeof(text)));
}

static void list_place(const struct spec *spec, const struct target *target,
		       const struct target_place *place, bool with_types, FILE *file)
{
	const struct probe_context *context = &target->contexts[place->context];

	target_print_place(spec, target, place, file);
	if (spec->kind == SPEC_USDT)
		fprintf(file, " %s", context->usdt->args_text);
	fprintf(file, "\n");
	if (spec->kind == SPEC_TRACEPOINT && with_types)
		list_members(context->record, file);
	if (with_types && context->has_params)
		list_params(spec, context, file);
}

int target_list(const char *text, const struct target_opts *opts, FILE *file, struct diag *diag)
{
	struct arena *arena = arena_new();
	struct target target = {};
	struct spec *spec;
	int err = arena ? parse_target(arena, text, &spec, diag) : -ENOMEM;

	if (!err)
		err = target_resolve(spec, opts, &target, diag);
	for (size_t p = 0; p < target.place_count && !err; p++)
		if (target.places[p].row == p)
			list_place(spec, &target, &target.places[p], opts->wants_types, file);
	target_close(&target);
	arena_free(arena);
	return err;
}
