/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Any text as a spec: parsed, then checked at a probe of its kind, then printed.
 */
#include <blazesym-lite.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"
#include "probe/check/check.h"
#include "probe/spec/parse.h"

static const char event_text[] =
	"name: event\n"
	"ID: 1\n"
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\n"
	"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
	"\tfield:int dfd;\toffset:24;\tsize:8;\tsigned:0;\n"
	"\tfield:const char * filename;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\tfield:__data_loc char[] path;\toffset:40;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned long args[6];\toffset:48;\tsize:48;\tsigned:0;\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct checked *checked)
{
	char buf[256];

	if (checked->predicate)
		ast_print_expr(checked->predicate, true, buf, sizeof(buf));
	for (unsigned int i = 0; i < checked->field_count; i++)
		if (checked->fields[i].expr)
			ast_print_expr(checked->fields[i].expr, true, buf, sizeof(buf));
}

static void check_at(const struct spec *spec, int machine, bool is_kernel)
{
	struct probe_context context = { .kind = spec->kind,
					 .machine = machine,
					 .is_kernel = is_kernel,
					 .pointers_are_user = is_kernel,
					 .string_size = 80 };
	struct tracefs_format format;
	struct bsl_usdt usdt = { 0 };
	struct checked *checked;
	struct diag diag;

	if (spec->kind == SPEC_USDT && !is_kernel) {
		bsl_usdt_parse_args("8@%rdi -4@%eax 1@$5 8f@%xmm0", EM_X86_64, &usdt);
		context.usdt = &usdt;
	}
	if (spec->kind == SPEC_TRACEPOINT) {
		if (tracefs_format_parse(event_text, strlen(event_text), &format))
			abort();
		context.record = type_tracepoint(spec->arena, &format, is_kernel, NULL);
		tracefs_format_free(&format);
	}
	if (!check_spec(spec, &context, &checked, &diag))
		print_all(checked);
	else if (!diag.text[0] || diag.column > (int)strlen(spec->text) + 1)
		abort(); /* every error is told, at a place in the text */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *text = malloc(size + 1);
	struct diag diag;
	struct spec *spec;
	int err;

	memcpy(text, data, size);
	text[size] = '\0';
	err = parse_spec(arena, text, &spec, &diag);
	if (err && (!diag.text[0] || diag.column > (int)strlen(text) + 1))
		abort();
	if (!err) {
		check_at(spec, EM_X86_64, false);
		check_at(spec, EM_X86_64, true);
		check_at(spec, EM_AARCH64, false);
		if (!parse_binary_literals(spec, &diag))
			check_at(spec, EM_X86_64, false);
	}
	parse_target(arena, text, &spec, &diag);
	arena_free(arena);
	free(text);
	return 0;
}
