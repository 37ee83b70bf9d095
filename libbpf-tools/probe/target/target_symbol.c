/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Functions of a program or library, by its symbols.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "types/arena.h"
#include "probe/target/target_private.h"

struct symbol_search {
	const struct target_opts *opts;
	struct target *target;
	const struct spec *spec;
	struct diag *diag;
	unsigned int ifuncs;
};

/* The return instructions of one function. */
struct ret_search {
	struct target *target;
	const struct target_place *site; /* but for its offset */
};

static int add_ret_site(uint64_t offset, void *ctx)
{
	struct ret_search *search = ctx;
	struct target_place place = *search->site;

	place.offset = offset;
	return target_places_add(search->target, &place);
}

/*
 * The returns of a function whose entry is `entry`: by a return probe there, or where that would do harm on its return
 * instructions. Neither: it is left out.
 */
static int add_returns(struct target *target, const struct bsl_function *function,
		       const struct target_place *entry)
{
	struct target_place place = *entry, site = *entry;
	struct ret_search search = { target, &site };
	char why[300];
	int way = bsl_elf_return_way(target->elf, function, why, sizeof(why));

	if (way == BSL_RETURN_BY_PROBE)
		return target_places_add(target, entry);
	if (way == -EPERM)
		target_places_leave_out(target, entry->name, why);
	if (way != BSL_RETURN_BY_SITES)
		return way == -EPERM ? 0 : way;
	place.at_ret = site.at_ret = true;
	place.entry = site.entry = entry->offset;
	site.skip = 0;
	way = bsl_elf_return_sites(target->elf, function, add_ret_site, &search);
	return way < 0 ? way : target_places_add_entry(target, &place);
}

/* What the compiler split off a function is never entered as that function. */
static bool is_fragment(const struct bsl_symbol *sym)
{
	return sym->clone && (!strncmp(sym->clone, ".cold", 5) || !strncmp(sym->clone, ".part", 5));
}

/*
 * app::add, of _ZN3app3addEii, and of a clone that was asked for by the name in the source that name; NULL: it has no other name than
 * the symbol's.
 */
static const char *title_of(const struct spec *spec, const struct bsl_symbol *sym)
{
	bool is_by_source = sym->clone && !spec->is_pattern && strcmp(sym->name, spec->func) != 0;
	size_t len = is_by_source ? (size_t)(sym->clone - sym->name) : strlen(sym->name);
	char *name = arena_strndup(spec->arena, sym->name, len), *plain, *copy;

	if (!name)
		return NULL;
	plain = bsl_demangle(name, BSL_DEMANGLE_NO_PARAMS);
	copy = plain	      ? arena_strndup(spec->arena, plain, strlen(plain))
	       : is_by_source ? name
			      : NULL;
	free(plain);
	return copy;
}

static int add_symbol(const struct bsl_symbol *sym, void *ctx)
{
	struct symbol_search *search = ctx;
	struct target_place place = { .offset = sym->offset };
	unsigned int flags = search->opts->force_address ? BSL_PLACE_FORCE : 0;
	struct bsl_elf *elf = search->target->elf;
	const struct spec *spec = search->spec;
	const struct bsl_function function = { sym->addr, sym->size, sym->name, sym->is_label };
	char why[300];
	int err;

	if (sym->type == BSL_SYM_IFUNC) {
		search->ifuncs++;
		return 0;
	}
	/* A piece that was split off is no call, unless it is asked for by its own name. */
	if (sym->offset == UINT64_MAX || (is_fragment(sym) && strcmp(sym->name, spec->func)))
		return 0;
	if (spec->offset && sym->size && spec->offset >= sym->size)
		return diag_error(search->diag, spec->func_pos,
				  "%s has only %llu bytes: +0x%llx is outside of it", sym->name,
				  (unsigned long long)sym->size, (unsigned long long)spec->offset);
	place.offset += spec->offset;
	place.name = arena_strndup(spec->arena, sym->name, strlen(sym->name));
	if (!place.name)
		return -ENOMEM;
	place.title = title_of(spec, sym);
	err = spec->offset
		      ? bsl_elf_check_place(elf, sym->addr + spec->offset, flags, why, sizeof(why))
		      : bsl_elf_check_entry(elf, sym, why, sizeof(why));
	if (err == -EPERM)
		target_places_leave_out(search->target, sym->name, why);
	if (err)
		return err == -EPERM ? 0 : err;
	*(sym->clone ? &search->target->tally.clones : &search->target->tally.functions) += 1;
	if (!spec->offset)
		place.skip = (unsigned int)bsl_elf_entry_skip(elf, sym->addr, sym->size);
	if (spec->kind == SPEC_RETURN)
		return add_returns(search->target, &function, &place);
	return target_places_add(search->target, &place);
}

static int no_function(const struct spec *spec, struct target *target, unsigned int ifuncs,
		       int found, bool has_dwarf, struct diag *diag)
{
	struct suggest near = { .wanted = spec->func };
	char *names[SUGGEST_MAX];
	int count = 0;

	if (found == -ENODATA)
		return diag_error(diag, spec->func_pos,
				  "%s has no symbols at all (stripped): use an address, p:%s:0x...",
				  target->file.display, spec->lib);
	if (ifuncs)
		return diag_error(
			diag, spec->func_pos,
			"%s in %s is an indirect function: each program chooses its own version of it when it starts, under another name; list them with: trace -l 'p:%s:*%s*'",
			spec->func, target->file.display, spec->lib, spec->func);
	if (spec->is_pattern)
		return diag_error(diag, spec->func_pos, "no function of %s matches '%s'",
				  target->file.display, spec->func);
	count = bsl_elf_suggest(target->elf, spec->func, 0, names, SUGGEST_MAX);
	for (int i = 0; i < count; i++)
		suggest_add(&near, names[i]);
	/* none of these is near as a whole, but by its last part */
	for (int i = 0; i < count; i++) {
		if (!near.count || !near.distance)
			suggest_add_at(&near, names[i], 0);
		free(names[i]);
	}
	return diag_error(
		diag, spec->func_pos, "%s has no function '%s'%s%s", target->file.display,
		spec->func, suggest_text(&near),
		has_dwarf ? ""
			  : "; if it was inlined, only a program compiled with -g tells where");
}

static int resolve_address(const struct spec *spec, const struct target_opts *opts,
			   struct target *target, struct diag *diag)
{
	uint64_t addr = spec->addr + spec->offset;
	struct bsl_function function;
	struct target_place place = {};
	char name[32], why[300];
	int err;

	if (bsl_elf_addr_to_offset(target->elf, addr, &place.offset))
		return diag_error(diag, spec->func_pos, "%s has nothing at address 0x%llx",
				  target->file.display, (unsigned long long)addr);
	target_scope_load_debug(opts, target);
	err = bsl_elf_check_place(target->elf, addr, opts->force_address ? BSL_PLACE_FORCE : 0, why,
				  sizeof(why));
	if (err == -EPERM)
		return diag_error(diag, spec->func_pos, "can't probe %s: %s", target->file.display,
				  why);
	if (err)
		return err;
	snprintf(name, sizeof(name), "0x%llx", (unsigned long long)spec->addr);
	place.name = arena_strndup(spec->arena, name, strlen(name));
	if (!place.name)
		return -ENOMEM;
	if (spec->kind != SPEC_RETURN)
		return target_places_add(target, &place);
	if (bsl_elf_function_at(target->elf, addr, &function) || function.addr != addr)
		return diag_error(
			diag, spec->func_pos,
			"can't probe returns at 0x%llx: it is not known to be the entry of a function",
			(unsigned long long)addr);
	err = add_returns(target, &function, &place);
	return err ?: target_places_settle(spec, target, diag);
}

/* What a name of the source means: the function, and what the compiler made of it with other arguments. */
static unsigned int find_flags(const struct spec *spec)
{
	unsigned int flags = spec->is_pattern			    ? BSL_FIND_GLOB
			     : target_scope_is_bound_to_entry(spec) ? 0
								    : BSL_FIND_CLONES;

	/* Names that cannot be a linker's; others are only looked for demangled, which costs time, if there is no such symbol. */
	return spec->is_pattern || strpbrk(spec->func, ":(<{ ") ? flags | BSL_FIND_DEMANGLED
								: flags;
}

/* A function that is nowhere but in others, at places where it can't be probed. */
static int only_inlined(const struct spec *spec, struct target *target, struct diag *diag)
{
	if (spec->kind == SPEC_RETURN)
		return diag_error(
			diag, spec->func_pos,
			"%s was inlined wherever it is called, and has no return: p: probes where it begins",
			spec->func);
	return diag_error(
		diag, spec->func_pos,
		"%s was inlined wherever it is called, and its calls can't be seen there: %s",
		spec->func, target->tally.why);
}

static int resolve_functions(const struct spec *spec, const struct target_opts *opts,
			     struct target *target, struct diag *diag)
{
	struct symbol_search search = { opts, target, spec, diag, 0 };
	unsigned int flags = find_flags(spec);
	bool has_symbol;
	int found, inlined;

	if (spec->file) {
		target_scope_load_debug(opts, target);
		return target_scope_resolve_line(spec, target, diag);
	}
	if (spec->has_addr)
		return resolve_address(spec, opts, target, diag);
	found = bsl_elf_find_symbols(target->elf, spec->func, flags, add_symbol, &search);
	/* Static functions of a stripped program are known to its debug file only. */
	if (found == 0 || found == -ENODATA) {
		target_scope_load_debug(opts, target);
		found = bsl_elf_find_symbols(target->elf, spec->func, flags, add_symbol, &search);
	}
	if (found == 0 && !spec->is_pattern && !(flags & BSL_FIND_DEMANGLED)) {
		flags |= BSL_FIND_DEMANGLED;
		found = bsl_elf_find_symbols(target->elf, spec->func, flags, add_symbol, &search);
	}
	if (diag->text[0])
		return -EINVAL;
	if (found < 0 && found != -ENODATA)
		return found;
	has_symbol = target->place_count || target->left_out || search.ifuncs;
	inlined = target_inlined_add(spec, opts, flags, has_symbol, target);
	if (inlined < 0 && inlined != -ENODATA)
		return inlined;
	if (!target->place_count && !target->left_out && inlined > 0)
		return only_inlined(spec, target, diag);
	if (!target->place_count && !target->left_out)
		return no_function(spec, target, search.ifuncs, found, inlined != -ENODATA, diag);
	target_places_drop_aliases(target);
	return target_places_settle(spec, target, diag);
}

static int take_any(const struct bsl_symbol *sym, void *ctx)
{
	(void)sym;
	(void)ctx;
	return 1;
}

static bool has_function(const struct target *target, const char *name)
{
	return name &&
	       bsl_elf_find_symbols(target->elf, name, BSL_FIND_DEMANGLED, take_any, NULL) > 0;
}

void target_symbol_choose_name(struct spec *spec, const struct target *target)
{
	if (spec->is_pattern && has_function(target, spec->literal)) {
		spec->is_pattern = false;
		spec->func = spec->literal;
	}
	if (!spec->overload || (!spec->is_overload && !has_function(target, spec->overload)))
		return;
	spec->func = spec->overload;
	spec->has_signature = false;
	spec->param_count = 0;
	spec->predicate = NULL;
}

int target_symbol_resolve(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag)
{
	struct probe_context context = { .kind = spec->kind,
					 .machine = bsl_elf_machine(target->elf),
					 .is_go = bsl_elf_is_go(target->elf),
					 .types = opts->types,
					 .string_size = opts->string_size };
	int err = resolve_functions(spec, opts, target, diag);

	return err ? err : target_scope_add_contexts(spec, opts, target, &context);
}
