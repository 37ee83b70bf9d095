/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's functions by name: addresses from kallsyms, and from ftrace's list which of them can be
 * probed. Where the kernel hides its addresses, the list's names alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

#include "lib/log.h"
#include "lib/traceable.h"
#include "probe/target/target_private.h"
#include "types/arena.h"

struct probe_context target_function_context(const struct spec *spec,
					     const struct target_opts *opts)
{
	return (struct probe_context){
		.kind = spec->kind,
		.machine = bsl_host_machine(),
		.is_kernel = true,
		.types = opts->types,
		.retval_slot = -1,
		.string_size = opts->string_size,
	};
}

struct function_search {
	struct target *target;
	const struct spec *spec;
	const struct traceable *traceable; /* NULL: there is no such list */
	struct diag *diag;
	size_t untraceable;
	struct suggest near;
	const char *other; /* what of the kernel's has that name behind this; or NULL */
};

/* module: "vmlinux", or where it may go away. */
static int add_place(struct function_search *search, const char *name, const char *module,
		     uint64_t addr)
{
	struct target_place place = { .addr = addr, .offset = search->spec->offset };

	place.name = arena_strndup(search->spec->arena, name, strlen(name));
	if (strcmp(module, "vmlinux"))
		place.module = arena_strndup(search->spec->arena, module, strlen(module));
	return place.name ? target_places_add(search->target, &place) : -ENOMEM;
}

static int add_symbol(const struct bsl_kernel_symbol *sym, void *ctx)
{
	struct function_search *search = ctx;
	const struct spec *spec = search->spec;

	if (!strcmp(sym->module, "bpf"))
		return 0;
	if (spec->is_pattern && search->traceable &&
	    !traceable_has(search->traceable, sym->addr, sym->name)) {
		search->untraceable++;
		return 0;
	}
	if (spec->offset && sym->size && spec->offset >= sym->size)
		return diag_error(search->diag, spec->func_pos,
				  "%s has only %llu bytes: +0x%llx is outside of it", sym->name,
				  (unsigned long long)sym->size, (unsigned long long)spec->offset);
	return add_place(search, sym->name, sym->module, sym->addr);
}

/* Clones that the compiler made of it are nearer than slips of the finger. */
static void add_near(struct function_search *search, const char *name)
{
	const char *wanted = search->spec->func;
	size_t len = strlen(wanted);

	if (!strncmp(name, wanted, len) && name[len] == '.')
		suggest_add_at(&search->near, name, 0);
	else
		suggest_add(&search->near, name);
}

static bool is_after(const char *name, const char *prefix, const char *rest)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && !strcmp(name + len, rest);
}

/* Does a function of the kernel's stand for a system call, or a tracepoint, of that name? */
static void note_other(struct function_search *search, const char *name)
{
	const char *wanted = search->spec->func;

	if (is_after(name, bsl_machine_get(bsl_host_machine())->call_prefix, wanted))
		search->other = "; the system call is sys_";
	else if (is_after(name, "__traceiter_", wanted))
		search->other = "; the tracepoint is t:*:";
	else if (!strncmp(wanted, "sys_enter_", 10) || !strncmp(wanted, "sys_exit_", 9))
		search->other = "; the tracepoint is t:syscalls:";
}

static int add_near_symbol(const struct bsl_kernel_symbol *sym, void *ctx)
{
	note_other(ctx, sym->name);
	add_near(ctx, sym->name);
	return 0;
}

static int no_function(struct function_search *search)
{
	const struct spec *spec = search->spec;

	if (spec->is_pattern)
		return diag_error(search->diag, spec->func_pos,
				  "no function of the kernel that can be probed matches '%s'",
				  spec->func);
	return diag_error(search->diag, spec->func_pos,
			  "the kernel has no function '%s' now: there is none, the compiler has "
			  "inlined it, or its module isn't loaded%s%s",
			  spec->func, search->other ?: suggest_text(&search->near),
			  search->other ? spec->func : "");
}

static int find_symbols(struct function_search *search, const struct bsl_kernel *kernel)
{
	const struct spec *spec = search->spec;
	int err = bsl_kernel_find_symbols(kernel, spec->func, spec->is_pattern ? BSL_FIND_GLOB : 0,
					  add_symbol, search);

	if (search->diag->text[0])
		return -EINVAL;
	if (err < 0 && err != -ENOENT)
		return err;
	if (search->untraceable)
		log_info("%s: %zu more functions match, which can't be probed", spec->text,
			 search->untraceable);
	if (search->target->place_count)
		return 0;
	if (!spec->is_pattern)
		bsl_kernel_find_symbols(kernel, "*", BSL_FIND_GLOB, add_near_symbol, search);
	return no_function(search);
}

/* Which of several functions has a name that they share can't be said without addresses. */
static int find_names(struct function_search *search)
{
	const struct traceable *traceable = search->traceable;
	const struct spec *spec = search->spec;
	size_t count, shared = 0;
	int err = 0;

	for (size_t i = 0; i < traceable->count && !err; i += count) {
		const char *name = traceable->names[i];

		traceable_find(traceable, name, &count);
		if (spec->is_pattern ? !bsl_glob_match(spec->func, name) : strcmp(spec->func, name))
			continue;
		if (count > 1)
			shared += count;
		else
			err = add_place(search, name, "vmlinux", 0);
	}
	if (shared && !err && !search->target->place_count)
		return diag_error(
			search->diag, spec->func_pos,
			"%zu functions are called so, and their addresses are hidden (kernel.kptr_restrict, or no CAP_SYSLOG)",
			shared);
	if (shared)
		log_warn(
			"'%s': left out %zu functions that share their names: their addresses are hidden (kernel.kptr_restrict, or no CAP_SYSLOG)",
			spec->text, shared);
	if (err || search->target->place_count)
		return err;
	for (size_t i = 0; i < traceable->count && !spec->is_pattern; i++)
		add_near(search, traceable->names[i]);
	return no_function(search);
}

int target_function_find(const struct spec *spec, struct target *target, struct diag *diag)
{
	struct function_search search = {
		.target = target, .spec = spec, .diag = diag, .near.wanted = spec->func
	};
	struct traceable traceable = {};
	struct bsl_kernel *kernel = NULL;
	int err = bsl_kernel_open(&kernel);

	if ((err || spec->is_pattern) && !traceable_read(&traceable))
		search.traceable = &traceable;
	if (!err)
		err = find_symbols(&search, kernel);
	/* An offset into a function that ftrace can't probe may be fine for a kprobe. */
	else if (search.traceable && !spec->offset)
		err = find_names(&search);
	else if (!spec->is_pattern)
		err = add_place(&search, spec->func, "vmlinux", 0);
	else
		err = diag_error(
			diag, spec->func_pos, "the kernel's functions can't be listed: %s",
			err != -EPERM
				? strerror(-err)
				: "it hides their addresses (kernel.kptr_restrict, or no CAP_SYSLOG)");
	traceable_free(&traceable);
	bsl_kernel_close(kernel);
	return err;
}

int target_function_at(const struct spec *spec, struct target *target, struct diag *diag)
{
	struct function_search search = { .target = target, .spec = spec, .diag = diag };
	struct bsl_kernel *kernel = NULL;
	struct bsl_kernel_symbol sym;
	int err = bsl_kernel_open(&kernel);

	if (err == -EPERM)
		return diag_error(
			diag, spec->func_pos,
			"the kernel hides its addresses (kernel.kptr_restrict, or no CAP_SYSLOG)");
	if (err)
		return err;
	if (spec->offset || bsl_kernel_symbol_at(kernel, spec->addr, &sym) ||
	    sym.addr != spec->addr)
		err = diag_error(diag, spec->func_pos,
				 "no function of the kernel begins at 0x%llx (see /proc/kallsyms)",
				 (unsigned long long)(spec->addr + spec->offset));
	else
		err = add_place(&search, sym.name, sym.module, sym.addr);
	bsl_kernel_close(kernel);
	return err;
}
