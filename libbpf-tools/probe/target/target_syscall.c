/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * System calls: their tracepoints have names and types of their parameters. They are probed there, or, where the
 * programs of these tracepoints can be preempted, at the calls' functions.
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tracefs.h"
#include "probe/target/target_private.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"

/* What a call's tracepoints say of it. */
struct call {
	const char *name;
	struct tracefs_format enter, leave;
};

/* The call's name in any of the names that its function has or had; NULL: it isn't one. */
static const char *call_name(const char *func)
{
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "SyS_", "sys_" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(func, prefixes[i], strlen(prefixes[i])))
			return func + strlen(prefixes[i]);
	return NULL;
}

/* The fields of sys_enter are the parameters; the first one that isn't common is the call's number. */
static int describe_params(const struct spec *spec, const struct tracefs_format *format,
			   struct probe_context *context)
{
	const struct type *record = type_tracepoint(spec->arena, format, true, NULL);
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

static int read_formats(struct call *call)
{
	int tracefs = tracefs_open(), err;
	char event[128];

	if (tracefs < 0)
		return -ENOENT;
	snprintf(event, sizeof(event), "sys_enter_%s", call->name);
	err = tracefs_format_read(tracefs, "syscalls", event, &call->enter);
	snprintf(event, sizeof(event), "sys_exit_%s", call->name);
	if (!err)
		err = tracefs_format_read(tracefs, "syscalls", event, &call->leave);
	close(tracefs);
	return err;
}

static int add_tracepoint(const struct spec *spec, const struct call *call,
			  struct probe_context *context, struct target *target)
{
	const struct tracefs_field *ret = tracefs_format_field(&call->leave, "ret");
	struct target_place place = {
		.name = spec->func,
		.tracepoint_id = spec->kind == SPEC_RETURN ? call->leave.id : call->enter.id,
		.entry_tracepoint_id = call->enter.id,
	};

	if (spec->kind == SPEC_RETURN)
		context->retval_slot = ret ? (int32_t)ret->offset : 16;
	log_info("%s: by the tracepoint of the system call %s", spec->text, call->name);
	target->how = TARGET_TRACEPOINT;
	return target_places_add(target, &place);
}

static int add_function(const struct spec *spec, const struct call *call,
			struct probe_context *context, struct target *target)
{
	struct target_place place = { .title = spec->func };
	struct context_param *params = (struct context_param *)context->params;
	const struct bsl_machine *machine = bsl_machine_get(context->machine);
	char name[128];

	if (!machine || context->param_count > machine->call.arg_count)
		return -ENOENT;
	for (unsigned int i = 0; i < context->param_count; i++)
		params[i].slot = machine->regs[machine->call.args[i]].pt_regs_offset;
	context->has_call_registers = true;
	snprintf(name, sizeof(name), "%s%s", machine->call_prefix, call->name);
	place.name = arena_strndup(spec->arena, name, strlen(name));
	log_info("%s: at %s, as a program on the tracepoint of the system call could be preempted",
		 spec->text, name);
	target->how = TARGET_KERNEL;
	return place.name ? target_places_add(target, &place) : -ENOMEM;
}

/* Is there a way to probe the calls' functions that loses less than their tracepoints do? */
static bool wants_function(const struct spec *spec, struct ways *ways)
{
	if (!ways)
		return false;
	ways_ask(ways);
	return ways->preempts_calls && ways->has_multi &&
	       (spec->kind != SPEC_RETURN || ways->follows_all_returns);
}

int target_syscall_resolve(const struct spec *spec, const struct target_opts *opts,
			   struct target *target)
{
	struct probe_context context = target_function_context(spec, opts);
	struct call call = { .name = call_name(spec->func) };
	int err;

	if (!call.name || spec->offset || spec->is_pattern || takes_registers(spec))
		return -ENOENT;
	err = read_formats(&call);
	if (!err)
		err = describe_params(spec, &call.enter, &context);
	if (!err && spec->kind == SPEC_RETURN)
		context.retval_type = type_int(8, true);
	if (!err)
		err = wants_function(spec, opts->ways)
			      ? add_function(spec, &call, &context, target)
			      : add_tracepoint(spec, &call, &context, target);
	tracefs_format_free(&call.enter);
	tracefs_format_free(&call.leave);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	return target_places_add_context(target, &context);
}
