/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel functions to places: by BTF, which tells their parameters too, else by kallsyms. System calls by
 * their tracepoints: the functions are wrappers whose name and argument differ from machine to machine.
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"
#include "types/btf.h"
#include "probe/target/target_private.h"

/* ---- contexts ------------------------------------------------------------------------------- */

static struct probe_context kernel_context(const struct spec *spec, const struct target_opts *opts)
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

static bool is_by_value(const struct type *type)
{
	return type->kind == TYPE_STRUCT || type->kind == TYPE_ARRAY || type->kind == TYPE_FLOAT;
}

/*
 * The parameters, and for fentry and fexit a second context: their programs get the parameters as an array
 * of u64, and behind these the value that is returned.
 */
static int describe_function(const struct spec *spec, const struct btf_function *function,
			     struct probe_context *context, struct target *target)
{
	struct context_param *params =
		arena_alloc(spec->arena, (function->param_count + 1) * sizeof(*params));
	bool has_slots = !spec->offset;

	if (!params)
		return -ENOMEM;
	for (unsigned int i = 0; i < function->param_count; i++) {
		params[i] = (struct context_param){ function->params[i].name,
						    function->params[i].type, 8 * (int32_t)i };
		has_slots &= !is_by_value(params[i].type);
	}
	/* In the middle of a function its registers are its own. */
	if (spec->offset)
		return 0;
	context->has_params = true;
	context->params = params;
	context->param_count = function->param_count;
	context->retval_type = function->retval;
	if (!has_slots || is_by_value(function->retval))
		return 0;
	target->tracing.is_possible = true;
	target->tracing.btf_id = function->id;
	memcpy(target->tracing.module, function->module, sizeof(target->tracing.module));
	target->tracing.context = *context;
	target->tracing.context.has_slots = target->tracing.context.keeps_params = true;
	target->tracing.context.retval_slot = 8 * (int32_t)function->param_count;
	return 0;
}

/* ---- system calls --------------------------------------------------------------------------- */

/* The call's name in any of the names that its function has or had; NULL: it isn't one. */
static const char *syscall_name(const char *func)
{
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "SyS_", "sys_" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(func, prefixes[i], strlen(prefixes[i])))
			return func + strlen(prefixes[i]);
	return NULL;
}

/* The fields of sys_enter are the parameters; the first one that isn't common is the call's number. */
static int describe_syscall(const struct spec *spec, const struct tracefs_format *format,
			    struct probe_context *context)
{
	const struct type *record = type_tracepoint(spec->arena, format, true);
	struct context_param *params =
		arena_alloc(spec->arena, (format->field_count + 1) * sizeof(*params));

	if (!record || !params)
		return -ENOMEM;
	context->has_slots = context->has_params = true;
	context->params = params;
	for (size_t i = 0, own = 0; i < format->field_count && i < record->count; i++) {
		const struct tracefs_field *field = &format->fields[i];

		/* Newer kernels (7.2) add the text of a string as a field of its own, of varying length. */
		if (field->is_common || field->is_data_loc || field->is_rel_loc || !own++)
			continue;
		params[context->param_count++] = (struct context_param){ record->members[i].name,
									 record->members[i].type,
									 (int32_t)field->offset };
	}
	return 0;
}

/* The function of a system call has one parameter: the registers with the call's. */
static bool takes_registers(const struct spec *spec)
{
	return spec->param_count == 1 && !strcmp(spec->params[0].type.base, "struct pt_regs");
}

/* 0: found; -ENOENT: no such call, or its tracepoint can't be had. */
static int resolve_syscall(const struct spec *spec, const struct target_opts *opts,
			   struct target *target)
{
	struct probe_context context = kernel_context(spec, opts);
	struct target_place place = { .name = spec->func };
	const char *call = syscall_name(spec->func);
	struct tracefs_format enter = {}, leave = {};
	char event[128];
	int tracefs, err;

	if (!call || spec->offset || spec->is_pattern || takes_registers(spec))
		return -ENOENT;
	tracefs = tracefs_open();
	if (tracefs < 0)
		return -ENOENT;
	snprintf(event, sizeof(event), "sys_enter_%s", call);
	err = tracefs_format_read(tracefs, "syscalls", event, &enter);
	snprintf(event, sizeof(event), "sys_exit_%s", call);
	if (!err)
		err = tracefs_format_read(tracefs, "syscalls", event, &leave);
	close(tracefs);
	if (!err)
		err = describe_syscall(spec, &enter, &context);
	if (!err && spec->kind == SPEC_RETURN) {
		const struct tracefs_field *ret = tracefs_format_field(&leave, "ret");

		context.retval_type = type_int(8, true);
		context.retval_slot = ret ? (int32_t)ret->offset : 16;
	}
	place.tracepoint_id = spec->kind == SPEC_RETURN ? leave.id : enter.id;
	place.entry_tracepoint_id = enter.id;
	tracefs_format_free(&enter);
	tracefs_format_free(&leave);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	log_info("%s: by the tracepoint of the system call %s", spec->text, call);
	target->how = TARGET_TRACEPOINT;
	err = target_places_add_context(target, &context);
	return err ? err : target_places_add(target, &place);
}

/* ---- functions by kallsyms ------------------------------------------------------------------ */

/* The names that ftrace can probe, sorted. */
struct traceable {
	char *text;
	char **names;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* available_filter_functions: "NAME" or "NAME [MODULE]" a line. Empty if it can't be read. */
static void traceable_read(struct traceable *traceable)
{
	int tracefs = tracefs_open();
	size_t len = 0, lines = 0;
	char *at;

	*traceable = (struct traceable){};
	if (tracefs < 0)
		return;
	traceable->text = tracefs_read(tracefs, "available_filter_functions", &len);
	close(tracefs);
	for (size_t i = 0; i < len; i++)
		lines += traceable->text[i] == '\n';
	traceable->names = calloc(lines + 1, sizeof(char *));
	for (at = traceable->text; traceable->names && at && *at && traceable->count < lines;) {
		char *end = at + strcspn(at, " \t\n"), *next = strchr(at, '\n');

		traceable->names[traceable->count++] = at;
		at = next ? next + 1 : NULL;
		*end = '\0';
	}
	if (traceable->names)
		qsort(traceable->names, traceable->count, sizeof(char *), compare_names);
}

static void traceable_free(struct traceable *traceable)
{
	free(traceable->text);
	free(traceable->names);
}

static bool traceable_has(const struct traceable *traceable, const char *name)
{
	return !traceable->count ||
	       bsearch(&name, traceable->names, traceable->count, sizeof(char *), compare_names);
}

struct kernel_search {
	struct target *target;
	const struct spec *spec;
	const struct traceable *traceable;
	struct diag *diag;
	size_t untraceable;
	struct suggest near;
};

static int add_function(const struct bsl_kernel_symbol *sym, void *ctx)
{
	struct kernel_search *search = ctx;
	const struct spec *spec = search->spec;
	struct target_place place = { .addr = sym->addr, .offset = spec->offset };

	if (!strcmp(sym->module, "bpf"))
		return 0;
	if (spec->is_pattern && !traceable_has(search->traceable, sym->name)) {
		search->untraceable++;
		return 0;
	}
	if (spec->offset && sym->size && spec->offset >= sym->size)
		return diag_error(search->diag, spec->func_pos,
				  "%s has only %llu bytes: +0x%llx is outside of it", sym->name,
				  (unsigned long long)sym->size, (unsigned long long)spec->offset);
	place.name = arena_strndup(spec->arena, sym->name, strlen(sym->name));
	return place.name ? target_places_add(search->target, &place) : -ENOMEM;
}

static int add_near(const struct bsl_kernel_symbol *sym, void *ctx)
{
	struct kernel_search *search = ctx;
	const char *wanted = search->spec->func;
	size_t len = strlen(wanted);

	/* Clones that the compiler made of it are nearer than slips of the finger. */
	if (!strncmp(sym->name, wanted, len) && sym->name[len] == '.')
		suggest_add_at(&search->near, sym->name, 0);
	else
		suggest_add(&search->near, sym->name);
	return 0;
}

static int no_function(struct kernel_search *search, const struct bsl_kernel *kernel)
{
	const struct spec *spec = search->spec;

	if (spec->is_pattern)
		return diag_error(search->diag, spec->func_pos,
				  "no function of the kernel that can be probed matches '%s'",
				  spec->func);
	search->near.wanted = spec->func;
	bsl_kernel_find_symbols(kernel, "*", BSL_FIND_GLOB, add_near, search);
	return diag_error(search->diag, spec->func_pos,
			  "the kernel has no function '%s' now: there is none, the compiler has "
			  "inlined it, or its module isn't loaded%s",
			  spec->func, suggest_text(&search->near));
}

/* Names and addresses from kallsyms; without it a name is tried as it is. */
static int resolve_symbols(const struct spec *spec, struct target *target, struct diag *diag)
{
	struct kernel_search search = { .target = target, .spec = spec, .diag = diag };
	struct traceable traceable = {};
	struct bsl_kernel *kernel;
	int err = bsl_kernel_open(&kernel);

	if (err && !spec->is_pattern)
		return target_places_add(target, &(struct target_place){ .name = spec->func,
									 .offset = spec->offset });
	if (err)
		return diag_error(
			diag, spec->func_pos, "the kernel's functions can't be listed: %s",
			err != -EPERM
				? strerror(-err)
				: "it hides their addresses (kernel.kptr_restrict, or no CAP_SYSLOG)");
	if (spec->is_pattern)
		traceable_read(&traceable);
	search.traceable = &traceable;
	err = bsl_kernel_find_symbols(kernel, spec->func, spec->is_pattern ? BSL_FIND_GLOB : 0,
				      add_function, &search);
	if (diag->text[0])
		err = -EINVAL;
	else if (err >= 0 || err == -ENOENT)
		err = target->place_count ? 0 : no_function(&search, kernel);
	if (search.untraceable)
		log_info("%s: %zu more functions match, which can't be probed", spec->text,
			 search.untraceable);
	traceable_free(&traceable);
	bsl_kernel_close(kernel);
	return err;
}

int target_kernel_resolve(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag)
{
	struct probe_context context = kernel_context(spec, opts);
	struct btf_function *function;
	int err;

	if (spec->file || spec->has_addr)
		return diag_error(diag, spec->func_pos, "kernel functions are probed by name");
	err = resolve_syscall(spec, opts, target);
	if (err != -ENOENT)
		return err;
	target->how = TARGET_KERNEL;
	function = arena_alloc(spec->arena, sizeof(*function));
	if (!function)
		return -ENOMEM;
	err = spec->is_pattern ? -ENOENT : btf_types_function(opts->types, spec->func, function);
	if (err == -ENOMEM)
		return err;
	if (!err)
		err = describe_function(spec, function, &context, target);
	/* Whatever is wrong with BTF: the function can still be probed. An offset must be checked. */
	if (err || spec->offset)
		err = resolve_symbols(spec, target, diag);
	else
		err = target_places_add(target, &(struct target_place){ .name = spec->func });
	return err ? err : target_places_add_context(target, &context);
}
