/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Functions that were inlined into others: places of their own, and what is said of them.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "types/arena.h"
#include "probe/target/target_private.h"

/* Bytes of a file in which inlined copies are looked for: a millisecond each MB. */
#define MAX_SEARCHED (64 << 20)

struct inlined_search {
	const struct spec *spec;
	struct target *target;
};

static int add_unseen(struct target *target, const char *why)
{
	if (!target->tally.unseen++)
		target->tally.why = why;
	return 0;
}

static int add_copy(const struct bsl_dwarf_place *found, void *ctx)
{
	struct inlined_search *search = ctx;
	const struct spec *spec = search->spec;
	struct target *target = search->target;
	struct target_place place = { .offset = found->offset };
	struct target_copy *copy;
	size_t before = target->place_count;
	char *plain;
	int err;

	if (spec->kind == SPEC_RETURN)
		return add_unseen(target, "they don't return");
	if (found->unproved || found->offset == UINT64_MAX)
		return add_unseen(target, found->unproved ?: "they are not in the file");
	if (!found->copy && target_scope_is_bound_to_entry(spec))
		return add_unseen(target, "no register holds an argument there");
	copy = arena_alloc(spec->arena, sizeof(*copy));
	place.name = arena_strndup(spec->arena, found->name, strlen(found->name));
	if (!copy || !place.name)
		return -ENOMEM;
	copy->frame = *(const Dwarf_Die *)found->frame;
	copy->has_die = found->copy;
	if (found->copy)
		copy->die = *(const Dwarf_Die *)found->copy;
	place.copy = copy;
	plain = bsl_demangle(found->name, BSL_DEMANGLE_NO_PARAMS);
	if (plain)
		place.title = arena_strndup(spec->arena, plain, strlen(plain));
	free(plain);
	err = target_places_add_noted(target, &place, found->addr);
	target->tally.copies += target->place_count > before;
	return err;
}

static bool is_large(const struct target *target)
{
	struct stat file;

	return stat(bsl_elf_path(target->elf), &file) || file.st_size > MAX_SEARCHED;
}

int target_inlined_add(const struct spec *spec, const struct target_opts *opts, unsigned int flags,
		       bool has_symbol, struct target *target)
{
	struct inlined_search search = { spec, target };

	if (spec->is_pattern || spec->offset || opts->no_inline)
		return has_symbol ? 0 : -ENODATA;
	if (has_symbol &&
	    (target_scope_is_bound_to_entry(spec) || !target_scope_is_wanted(spec, opts)))
		return 0;
	target->tally.is_large = has_symbol && is_large(target);
	if (target->tally.is_large)
		return 0;
	target_scope_load_debug(opts, target);
	target->tally.is_searched = true;
	return bsl_elf_find_inlined(target->elf, spec->func, flags, add_copy, &search);
}

/* ", 2 clones", if there are any. */
static void put_count(char *text, size_t size, unsigned int count, const char *one,
		      const char *many)
{
	size_t len = strlen(text);

	if (count)
		snprintf(text + len, size - len, "%s%u %s", len ? ", " : "", count,
			 count == 1 ? one : many);
}

void target_report_places(const struct spec *spec, const struct target *target)
{
	const struct target_tally *tally = &target->tally;
	char text[200] = "";

	if (tally->is_large && target->dwarf)
		log_note(
			"'%s': %s is too large to look for inlined copies in: calls of such, if there are any, are not seen",
			spec->text, target->file.display);
	if (spec->is_pattern ||
	    tally->functions + tally->clones + tally->copies + tally->unseen < 2)
		return;
	put_count(text, sizeof(text), tally->functions, "function", "functions");
	put_count(text, sizeof(text), tally->clones, "clone of it", "clones of it");
	put_count(text, sizeof(text), tally->copies, "inlined copy", "inlined copies");
	if (!tally->unseen)
		log_note("'%s': %s", spec->text, text);
	else if (spec->kind == SPEC_RETURN)
		log_note("'%s': %s; the returns of %u inlined cop%s are not seen", spec->text, text,
			 tally->unseen, tally->unseen == 1 ? "y" : "ies");
	else
		log_note("'%s': %s; the calls of %u more inlined cop%s are not seen: %s",
			 spec->text, text, tally->unseen, tally->unseen == 1 ? "y" : "ies",
			 tally->why);
}

static int count_copy(const struct bsl_dwarf_place *found, void *ctx)
{
	unsigned int *count = ctx;

	*count += found->offset != UINT64_MAX;
	return 0;
}

void target_report_inlined(const struct spec *spec, const struct target_opts *opts,
			   struct target *target)
{
	unsigned int flags = strstr(spec->func, "::") ? BSL_FIND_DEMANGLED : 0, count = 0;

	if (target->how != TARGET_FILE || spec->kind == SPEC_USDT || spec->is_pattern ||
	    spec->offset || spec->has_addr || spec->file || opts->no_inline ||
	    target->tally.is_searched || is_large(target))
		return;
	target_scope_load_debug(opts, target);
	bsl_elf_find_inlined(target->elf, spec->func, flags, count_copy, &count);
	if (count)
		log_warn("'%s': %s was also inlined at %u place%s, where its calls are not seen",
			 spec->text, spec->func, count, count == 1 ? "" : "s");
}
