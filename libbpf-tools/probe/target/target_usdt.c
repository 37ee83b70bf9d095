/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * USDT probes, by the notes of a file or of the files that a process runs.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "types/arena.h"
#include "probe/target/target_private.h"

struct usdt_search {
	struct target *target;
	const struct spec *spec;
	const struct target_opts *opts;
	unsigned int seen; /* sites of any name */
	struct suggest near;
};

static bool usdt_is_same(const struct bsl_usdt *a, const struct bsl_usdt *b)
{
	if (strcmp(a->args_text, b->args_text))
		return false;
	/* Operands relative to the site differ with it. */
	for (unsigned int i = 0; i < a->nargs && i < BSL_USDT_MAX_ARGS; i++)
		if (a->args[i].kind == BSL_ARG_ADDR && a->addr != b->addr)
			return false;
	return true;
}

static int usdt_context(struct usdt_search *search, const struct bsl_usdt *usdt,
			unsigned int *index)
{
	struct probe_context context = {
		.kind = SPEC_USDT,
		.machine = bsl_elf_machine(search->target->elf),
		.types = search->opts->types,
		.string_size = search->opts->string_size,
	};
	struct bsl_usdt *copy;

	for (unsigned int i = 0; i < search->target->context_count; i++) {
		if (usdt_is_same(search->target->contexts[i].usdt, usdt)) {
			*index = i;
			return 0;
		}
	}
	copy = arena_alloc(search->spec->arena, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *usdt;
	context.usdt = copy;
	*index = search->target->context_count;
	return target_places_add_context(search->target, &context);
}

static int add_usdt(const struct bsl_usdt *usdt, void *ctx)
{
	struct usdt_search *search = ctx;
	struct target_place place = {
		.name = usdt->name,
		.provider = usdt->provider,
		.offset = usdt->offset,
		.ref_ctr_offset = usdt->sema_offset,
	};
	const struct spec *spec = search->spec;
	int err;

	search->seen++;
	if (usdt->offset == UINT64_MAX || usdt->sema_offset == UINT64_MAX)
		return 0;
	if (!target_places_match(spec->category, usdt->provider))
		return 0;
	if (!target_places_match(spec->func, usdt->name)) {
		suggest_add(&search->near, usdt->name);
		return 0;
	}
	err = usdt_context(search, usdt, &place.context);
	return err ? err : target_places_add_noted(search->target, &place, usdt->addr);
}

int target_usdt_resolve(const struct spec *spec, const struct target_opts *opts,
			struct target *target, struct diag *diag)
{
	struct usdt_search search = {
		.target = target, .spec = spec, .opts = opts, .near = { .wanted = spec->func }
	};
	int found = bsl_elf_usdt_each(target->elf, add_usdt, &search);

	if (found < 0)
		return diag_error(diag, spec->lib_pos, "%s: its USDT notes cannot be read: %s",
				  target->file.display, bsl_error_text(found));
	if (!search.seen)
		return diag_error(diag, spec->lib_pos, "%s has no USDT probes",
				  target->file.display);
	if (!target->place_count && !target->left_out)
		return diag_error(diag, spec->func_pos, "%s has no USDT probe '%s%s%s'%s",
				  target->file.display, spec->category, *spec->category ? ":" : "",
				  spec->func, suggest_text(&search.near));
	return target_places_settle(spec, target, diag);
}

/* Of the files that a process runs the one that has a USDT probe, and another one if there is. */
struct usdt_owner {
	const struct spec *spec;
	struct bsl_file *file;
	char other[PATH_MAX];
	struct stat program;
};

/* The file of the site becomes the target's. */
static int take_file(struct bsl_file *file, const struct bsl_process_usdt *site)
{
	bsl_elf_close(file->elf);
	file->elf = NULL;
	snprintf(file->display, sizeof(file->display), "%s", site->map->path);
	return bsl_elf_open(bsl_elf_path(site->elf), &file->elf);
}

static int usdt_owner_found(const struct bsl_process_usdt *site, void *ctx)
{
	struct usdt_owner *owner = ctx;
	struct bsl_file *file = owner->file;
	bool is_program, is_new;
	int err = 0;

	if (!site->usdt || !target_places_match(owner->spec->category, site->usdt->provider) ||
	    !target_places_match(owner->spec->func, site->usdt->name))
		return 0;
	is_program = bsl_elf_dev(site->elf) == owner->program.st_dev &&
		     bsl_elf_ino(site->elf) == owner->program.st_ino;
	is_new = !file->elf || bsl_elf_dev(file->elf) != bsl_elf_dev(site->elf) ||
		 bsl_elf_ino(file->elf) != bsl_elf_ino(site->elf);
	if (file->elf && is_new && !is_program)
		snprintf(owner->other, sizeof(owner->other), "%s", site->map->path);
	else if (is_new)
		err = take_file(file, site);
	if (is_program)
		*owner->other = '\0';
	return err ? err : is_program;
}

int target_usdt_find_owner(const struct spec *spec, pid_t pid, struct target *target,
			   struct diag *diag)
{
	struct usdt_owner owner = { .spec = spec, .file = &target->file };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	stat(path, &owner.program);
	bsl_process_usdt_each(pid, usdt_owner_found, &owner);
	if (!*owner.other)
		return 0;
	return diag_error(diag, spec->func_pos,
			  "both %s and %s have such a probe: name one of them",
			  target->file.display, owner.other);
}
