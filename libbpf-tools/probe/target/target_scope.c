/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a program's DWARF adds to its places: lines of the source, and what names mean at each place.
 */
#include "probe/target/target_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "types/arena.h"
#include "types/debuginfo_scope.h"

/* Each place has its own types, and a program that prints by them: not for all functions of a library. */
#define MAX_TYPED_PLACES 64

/* ---- debug files ---------------------------------------------------------------------------- */

void target_scope_load_debug(const struct target_opts *opts, struct target *target)
{
	bsl_elf_load_debug(target->elf, opts->pid, target->file.display);
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct line_search {
	const struct spec *spec;
	struct target *target;
};

static int add_line(const struct bsl_dwarf_place *found, void *ctx)
{
	struct line_search *search = ctx;
	struct target_place place = { .offset = found->offset };
	char name[300];

	if (found->offset == UINT64_MAX)
		return 0;
	snprintf(name, sizeof(name), "%s:%u", search->spec->file, search->spec->line);
	place.name = arena_strndup(search->spec->arena, name, strlen(name));
	return place.name ? target_places_add_noted(search->target, &place, found->addr) : -ENOMEM;
}

int target_scope_resolve_line(const struct spec *spec, struct target *target, struct diag *diag)
{
	struct line_search search = { spec, target };
	int found = bsl_elf_find_line(target->elf, spec->file, spec->line, add_line, &search);

	if (found == -ENODATA)
		return diag_error(
			diag, spec->func_pos,
			"%s has no DWARF, which has the lines: compile it with -g, or install its debug file",
			target->file.display);
	if (found < 0)
		return found;
	if (!target->place_count && !target->left_out)
		return diag_error(diag, spec->func_pos, "%s has no code for %s:%u",
				  target->file.display, spec->file, spec->line);
	return target_places_settle(spec, target, diag);
}

/* ---- contexts ------------------------------------------------------------------------------- */

static bool is_register(const char *name)
{
	return !strncmp(name, "arg", 3) && name[3] &&
	       strspn(name + 3, "0123456789") == strlen(name + 3);
}

/* ctx->ax, not a parameter that is called ctx. */
static bool is_context(const struct expr *e)
{
	return e->kind == EXPR_MEMBER && e->arrow && e->a->kind == EXPR_NAME &&
	       !strcmp(e->a->text, "ctx");
}

static bool expr_wants(const struct expr *e)
{
	if (!e || is_context(e))
		return false;
	if (e->kind == EXPR_NAME &&
	    (e->text[0] != '$' || !strcmp(e->text, "$retval") || !strcmp(e->text, "$goid")) &&
	    !is_register(e->text))
		return true;
	if ((e->kind == EXPR_CAST || e->kind == EXPR_SIZEOF) && e->type_name && e->type_name->len &&
	    !type_basic(e->type_name->base, e->type_name->len))
		return true;
	return expr_wants(e->a) || expr_wants(e->b) || expr_wants(e->c);
}

static bool expr_has_registers(const struct expr *e)
{
	return e &&
	       ((e->kind == EXPR_NAME && is_register(e->text)) || is_context(e) ||
		expr_has_registers(e->a) || expr_has_registers(e->b) || expr_has_registers(e->c));
}

bool target_scope_is_bound_to_entry(const struct spec *spec)
{
	bool is_bound = spec->offset || spec->has_addr || spec->file || spec->has_signature ||
			expr_has_registers(spec->predicate) || expr_has_registers(spec->measure);

	for (unsigned int i = 0; i < spec->arg_count && !is_bound; i++)
		is_bound = expr_has_registers(spec->args[i]);
	return is_bound;
}

/* Only who uses names or types pays for reading them. */
bool target_scope_is_wanted(const struct spec *spec, const struct target_opts *opts)
{
	bool wants = opts->wants_types || expr_wants(spec->predicate) ||
		     expr_wants(spec->measure) || (!spec->has_format && !spec->has_signature);

	for (unsigned int i = 0; i < spec->arg_count && !wants; i++)
		wants = expr_wants(spec->args[i]);
	return wants;
}

static int describe(const struct spec *spec, struct debuginfo_scope *scope,
		    struct probe_context *context)
{
	struct context_param *params;
	unsigned int count = 0;

	for (const struct debuginfo_variable *v = scope->params; v; v = v->next)
		count++;
	params = arena_alloc(spec->arena, (count + 1) * sizeof(*params));
	if (!params)
		return -ENOMEM;
	for (const struct debuginfo_variable *v = scope->params; v; v = v->next)
		params[v->index] = (struct context_param){ .name = v->name, .type = v->type };
	context->scope = scope;
	context->has_params = true;
	context->params = params;
	context->param_count = count;
	context->retval_type = scope->retval;
	return 0;
}

/* Where parameters get to their places only behind the prologue, that is where they are read. 0 or -ENOMEM. */
static int settle(const struct spec *spec, struct target *target, struct target_place *place,
		  struct debuginfo_scope **scope, struct probe_context *context)
{
	struct debuginfo_settled settled;
	char why[300];

	if (target_scope_is_bound_to_entry(spec) || !debuginfo_prologue_find(*scope, &settled) ||
	    bsl_elf_check_place(target->elf, settled.addr, 0, why, sizeof(why)))
		return 0;
	place->settled = (unsigned int)(settled.addr - (*scope)->addr);
	*scope = debuginfo_scope_settled(*scope, &settled);
	context->is_settled = true;
	context->settled_reg = settled.reg;
	context->settled_offset = settled.offset;
	return *scope ? 0 : -ENOMEM;
}

/* The context of one place: its own if DWARF knows the function there, else the one that all such share. */
static int add_scope(const struct spec *spec, struct target *target,
		     const struct probe_context *plain, struct target_place *place,
		     unsigned int *shared)
{
	struct probe_context context = *plain;
	struct target_place *entry = place->at_ret ? target_places_find_entry(target, place)
						   : place;
	struct debuginfo_scope *scope;
	uint64_t addr;
	int err = entry ? bsl_elf_offset_to_addr(target->elf, entry->offset, &addr) : -ENOENT;

	context.at_ret = place->at_ret;
	if (!err && place->copy)
		err = place->copy->has_die
			      ? debuginfo_scope_inlined(target->dwarf, addr, &place->copy->die,
							&place->copy->frame, &scope)
			      : -ENOENT;
	else if (!err)
		err = debuginfo_scope_new(target->dwarf, addr, spec->file != NULL, &scope);
	if (!err)
		context.is_go = debuginfo_scope_is_go(scope);
	if (err == -ENOENT && *shared) {
		place->context = *shared - 1;
		return 0;
	}
	place->context = target->context_count;
	if (err == -ENOENT) {
		*shared = target->context_count + 1;
		return target_places_add_context(target, &context);
	}
	if (!err)
		err = settle(spec, target, entry, &scope, &context);
	if (!err && !entry->settled)
		scope->addr += entry->skip;
	if (!err)
		err = describe(spec, scope, &context);
	return err ? err : target_places_add_context(target, &context);
}

static int add_scopes(const struct spec *spec, struct target *target,
		      const struct probe_context *plain)
{
	unsigned int shared[2] = {};
	int err = 0;

	for (size_t i = 0; i < target->place_count && !err; i++) {
		struct target_place *place = &target->places[i], *entry;

		/* The returns of one function know the same. */
		if (place->at_ret && i && place[-1].at_ret && place->entry == place[-1].entry)
			place->context = place[-1].context;
		else
			err = add_scope(spec, target, plain, place, &shared[place->at_ret]);
		entry = place->at_ret ? target_places_find_entry(target, place) : NULL;
		if (entry)
			entry->context = place->context;
	}
	return err;
}

/* What all places share: one context, and another one for those on return instructions if there are both. */
static int add_plain(struct target *target, const struct probe_context *plain)
{
	struct probe_context context = *plain;
	unsigned int indices[2] = {};
	bool has[2] = {};
	int err = 0;

	for (size_t i = 0; i < target->place_count; i++)
		has[target->places[i].at_ret] = true;
	for (int at_ret = 0; at_ret < 2 && !err; at_ret++) {
		context.at_ret = at_ret;
		indices[at_ret] = target->context_count;
		err = has[at_ret] ? target_places_add_context(target, &context) : 0;
	}
	for (size_t i = 0; i < target->place_count; i++)
		target->places[i].context = indices[target->places[i].at_ret];
	for (size_t i = 0; i < target->entry_count; i++)
		target->entries[i].context = indices[1];
	return err;
}

/* Functions, not their return instructions. */
static size_t count_functions(const struct target *target)
{
	size_t count = target->entry_count;

	for (size_t i = 0; i < target->place_count; i++)
		count += !target->places[i].at_ret;
	return count;
}

int target_scope_add_contexts(const struct spec *spec, const struct target_opts *opts,
			      struct target *target, const struct probe_context *plain)
{
	struct probe_context context = *plain;
	int err;

	/* in copies no register is an argument */
	if (!target_scope_is_wanted(spec, opts) && !target->tally.copies)
		return add_plain(target, plain);
	if (count_functions(target) > MAX_TYPED_PLACES) {
		/* Who didn't ask for a name misses nothing. */
		(spec->has_format || spec->predicate ? log_warn : log_info)(
			"'%s': of more than %d functions the parameters and types aren't looked at; a closer pattern can use them",
			spec->text, MAX_TYPED_PLACES);
		return add_plain(target, plain);
	}
	target_scope_load_debug(opts, target);
	err = debuginfo_types_new(target->elf, &target->dwarf);
	if (err == -ENODATA) {
		log_info("%s: %s has no DWARF: names and types are not known", spec->text,
			 target->file.display);
		return add_plain(target, plain);
	}
	context.is_relocatable = bsl_elf_type(target->elf) != BSL_ELF_EXEC;
	return err ? err : add_scopes(spec, target, &context);
}
