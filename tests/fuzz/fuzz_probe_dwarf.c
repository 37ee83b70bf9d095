/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Any bytes as a program with DWARF: every name seen at some of its places is checked, its value generated and
 * the file's own bytes printed by its type.
 */
#include <array_size.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include <blazesym-lite.h>

#include "elf_memory_file.h"

#include "types/arena.h"
#include "probe/check/check.h"
#include "types/debuginfo_scope.h"
#include "probe/generate/generate.h"
#include "probe/record/object.h"
#include "probe/spec/parse.h"

struct input {
	const uint8_t *data;
	size_t size;
	struct debuginfo_scope *scope;
};

static void print_as(const struct input *input, const struct type *type)
{
	struct object object = { .type = type, .bytes = input->data, .size = input->size };
	struct record_text text = {};

	object_format(&object, &text);
	record_text_free(&text);
}

static void generate(const struct checked *checked)
{
	const struct record_opts layout = { .string_size = 80 };
	const struct filter filter = { .config = { .uid = FILTER_ANY_UID } };
	const struct generate_opts opts = { .ring_fd = 1,
					    .ctl_fd = 2,
					    .lost_fd = 3,
					    .unreadable_fd = 4,
					    .scratch_fd = 5,
					    .filter = &filter };
	struct code_program program;
	struct record record;
	struct diag diag = {};

	if (!record_layout(checked, &layout, &record) &&
	    !generate_program(&record, &opts, &program, &diag))
		code_program_free(&program);
}

static void check(const struct input *input, const char *expression)
{
	const struct probe_context context = { .kind = SPEC_ENTRY,
					       .machine = EM_X86_64,
					       .scope = input->scope,
					       .is_relocatable = true,
					       .has_params = true,
					       .retval_type = input->scope->retval,
					       .string_size = 80 };
	struct arena *arena = arena_new();
	struct checked *checked;
	struct spec *spec;
	struct diag diag = {};
	char text[256];

	snprintf(text, sizeof(text), "p:x:f \"%%O\", %s", expression);
	if (!parse_spec(arena, text, &spec, &diag) && !check_spec(spec, &context, &checked, &diag))
		generate(checked);
	arena_free(arena);
}

static void ask(const struct input *input, const struct debuginfo_variable *variable)
{
	static const char *const forms[] = { "%s",	  "*%s",   "%s->len",
					     "%s.len",	  "%s[1]", "%s->next->path",
					     "sizeof(%s)" };
	const char *name = variable->name;
	char text[200];

	print_as(input, variable->type);
	for (size_t i = 0; strlen(name) < 32 && i < ARRAY_SIZE(forms); i++) {
		snprintf(text, sizeof(text), forms[i], name);
		check(input, text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const others[] = { "served", "POST", "((struct req *)arg1)->path",
					      "sizeof(union u)" };
	struct input input = { data, size, NULL };
	struct debuginfo_types *types = NULL;
	const struct debuginfo_variable *variable;
	struct bsl_elf *elf;

	if (elf_memory_file_open(data, size, &elf))
		return 0;
	if (debuginfo_types_new(elf, &types))
		goto cleanup;
	for (uint64_t addr = 0x250; addr < 0x310; addr += 8) {
		if (debuginfo_scope_new(types, addr, addr & 8, &input.scope))
			continue;
		print_as(&input, input.scope->retval);
		variable = input.scope->params;
		for (unsigned int i = 0; i < 16 && variable; i++, variable = variable->next)
			ask(&input, variable);
		variable = input.scope->locals;
		for (unsigned int i = 0; i < 16 && variable; i++, variable = variable->next)
			ask(&input, variable);
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			check(&input, others[i]);
	}
cleanup:
	debuginfo_types_free(types);
	bsl_elf_close(elf);
	return 0;
}
