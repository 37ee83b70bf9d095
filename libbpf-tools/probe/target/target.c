/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Specs to places: which kind of target a spec names, and the file that it is in.
 */
#include "probe/target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/tracefs.h"
#include "types/debuginfo.h"
#include "probe/target/target_private.h"

void target_close(struct target *target)
{
	free(target->places);
	free(target->entries);
	free(target->contexts);
	debuginfo_types_free(target->dwarf);
	bsl_elf_close(target->file.elf);
	*target = (struct target){};
}

/* What other tools call a module of the kernel, p:MODULE:FUNCTION. */
static const char *module_hint(const struct spec *spec, char hint[128])
{
	char path[128];

	hint[0] = '\0';
	snprintf(path, sizeof(path), "/sys/module/%s", spec->lib);
	if (!strchr(spec->lib, '/') && !access(path, F_OK) && spec->func)
		snprintf(hint, 128, "; of the kernel's module %s: %c::%s", spec->lib,
			 spec->kind == SPEC_RETURN ? 'r' : 'p', spec->func);
	return hint;
}

/* What was meant by a file that isn't there. */
static const char *file_hint(const struct spec *spec, char hint[128])
{
	int tracefs = spec->func && !strchr(spec->lib, '/') ? tracefs_open() : -1;

	hint[0] = '\0';
	if (tracefs < 0)
		return module_hint(spec, hint);
	if (tracefs_event_id(tracefs, spec->lib, spec->func) >= 0)
		snprintf(hint, 128, "; the tracepoint is t:%s:%s", spec->lib, spec->func);
	close(tracefs);
	return *hint ? hint : module_hint(spec, hint);
}

static int resolve_file(const struct spec *spec, pid_t pid, struct target *target,
			struct diag *diag)
{
	char hint[128];
	char text[400];
	int err = 0;

	if (!*spec->lib)
		err = target_usdt_find_owner(spec, pid, target, diag);
	if (err)
		return err;
	if (!target->file.elf)
		err = bsl_resolve(spec->lib, pid, 0, &target->file, text, sizeof(text));
	if (err)
		return diag_error(diag, spec->lib_pos, "%s%s", text, file_hint(spec, hint));
	target->elf = target->file.elf;
	if (bsl_elf_machine(target->elf) != bsl_host_machine())
		return diag_error(
			diag, spec->lib_pos,
			"%s is a program for another kind of machine (32-bit programs included)",
			target->file.display);
	return 0;
}

static int find_places(struct spec *spec, const struct target_opts *opts, struct target *target,
		       struct diag *diag)
{
	int err;

	if (spec->kind == SPEC_TRACEPOINT)
		return target_tracepoint_resolve(spec, opts, target, diag);
	if (!*spec->lib && spec->kind != SPEC_USDT)
		return target_kernel_resolve(spec, opts, target, diag);
	if (!*spec->lib && !opts->pid)
		return diag_error(diag, spec->func_pos, "u: needs a program or library, or -p PID");
	err = resolve_file(spec, opts->pid, target, diag);
	if (err)
		return err;
	if (spec->kind == SPEC_USDT)
		return target_usdt_resolve(spec, opts, target, diag);
	target_symbol_choose_name(spec, target);
	return target_symbol_resolve(spec, opts, target, diag);
}

int target_resolve(struct spec *spec, const struct target_opts *opts, struct target *target,
		   struct diag *diag)
{
	int err;

	*target = (struct target){ .how = spec->kind == SPEC_TRACEPOINT ? TARGET_TRACEPOINT
									: TARGET_FILE };
	err = find_places(spec, opts, target, diag);
	return err ? err : target_places_number_rows(target);
}

#define SPECIAL " \t\n\r(\"\\*?["

/* A part of a spec so that it can be pasted back: in double quotes if it has what a spec takes for something else. */
static void print_part(const char *text, const char *special, FILE *file)
{
	bool quoted = text[strcspn(text, special)];

	if (quoted)
		fputc('"', file);
	for (; *text; text++) {
		if (quoted && (*text == '"' || *text == '\\'))
			fputc('\\', file);
		fputc(*text, file);
	}
	if (quoted)
		fputc('"', file);
}

void target_print_place(const struct spec *spec, const struct target *target,
			const struct target_place *place, FILE *file)
{
	switch (spec->kind) {
	case SPEC_TRACEPOINT:
		fprintf(file, "t:%s:%s", place->provider, place->name);
		break;
	case SPEC_USDT:
		fputs("u:", file);
		print_part(target->file.display, SPECIAL ":", file);
		fputc(':', file);
		print_part(place->provider, SPECIAL ":", file);
		fputc(':', file);
		print_part(place->name, SPECIAL ":", file);
		break;
	default:
		/* target->file.display is empty for the kernel: p::func */
		fprintf(file, "%c:", spec->kind == SPEC_RETURN ? 'r' : 'p');
		print_part(target->file.display, SPECIAL ":", file);
		fputc(':', file);
		print_part(place->name, SPECIAL, file);
		if (spec->offset)
			fprintf(file, "+0x%llx", (unsigned long long)spec->offset);
	}
}
