/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What names mean at kernel functions: their parameters are known from BTF.
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "types/arena.h"
#include "types/btf.h"
#include "probe/target/target_private.h"

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

/*
 * Functions whose return probes are accepted and never fire: those that end a thread or the machine (tools/objtool/noreturns.h).
 */
static bool never_returns(const char *name)
{
	static const char *const names[] = {
		"do_exit",
		"do_group_exit",
		"make_task_dead",
		"rewind_stack_and_make_dead",
		"do_task_dead",
		"kthread_exit",
		"kthread_complete_and_exit",
		"panic",
		"nmi_panic_self_stop",
		"cpu_startup_entry",
		"machine_real_restart",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

int target_kernel_resolve(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag)
{
	struct probe_context context = target_function_context(spec, opts);
	struct btf_function *function;
	int err;

	if (spec->file)
		return diag_error(diag, spec->func_pos, "kernel functions are probed by name");
	if (spec->kind == SPEC_RETURN && never_returns(spec->func))
		return diag_error(diag, spec->func_pos, "%s never returns", spec->func);
	err = spec->has_addr ? -ENOENT : target_syscall_resolve(spec, opts, target);
	if (err != -ENOENT)
		return err;
	target->how = TARGET_KERNEL;
	if (spec->has_addr) {
		err = target_function_at(spec, target, diag);
		if (!err && spec->kind == SPEC_RETURN && never_returns(target->places[0].name))
			err = diag_error(diag, spec->func_pos, "%s never returns",
					 target->places[0].name);
		return err ? err : target_places_add_context(target, &context);
	}
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
		err = target_function_find(spec, target, diag);
	else
		err = target_places_add(
			target, &(struct target_place){
					.name = spec->func,
					.module = function->module[0] ? function->module : NULL });
	return err ? err : target_places_add_context(target, &context);
}
