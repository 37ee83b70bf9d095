/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names for recorded stacks.
 */
#include "lib/stack.h"

#include <blazesym-lite.h>
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/unwind_state.h"
#include "lib/log.h"
#include "lib/mappings.h"
#include "lib/output.h"

#define REASONS (BSL_NO_MEMORY + 1)
/* A program and its trampoline, which older kernels' kallsyms doesn't name. */
#define MAX_TRACER_FRAMES 4

struct stack_names {
	struct bsl_symbolizer *symbolizer; /* NULL until needed */
	struct mappings *mappings;	   /* NULL: not watched */
	struct bsl_location *locations;	   /* of the stack being printed */
	uint64_t *addrs;
	size_t room;
	uint64_t unknown[REASONS]; /* frames, by reason */
};

unsigned int stack_depth(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_max_stack", "re");
	unsigned int depth = 0;

	if (file && fscanf(file, "%u", &depth) != 1)
		depth = 0;
	if (file)
		fclose(file);
	return depth && depth < STACK_MAX_DEPTH ? depth : STACK_MAX_DEPTH;
}

struct stack_names *stack_names_new(void)
{
	return calloc(1, sizeof(struct stack_names));
}

void stack_names_free(struct stack_names *names)
{
	if (!names)
		return;
	bsl_symbolizer_free(names->symbolizer);
	mappings_free(names->mappings);
	free(names->locations);
	free(names->addrs);
	free(names);
}

void stack_names_watch(struct stack_names *names)
{
	names->mappings = mappings_new();
	if (!names->mappings)
		log_info("stacks of processes that end soon will have no names: %s",
			 strerror(errno));
}

void stack_names_update(struct stack_names *names)
{
	if (names->mappings)
		mappings_drain(names->mappings);
}

const struct bsl_maps *stack_names_maps(struct stack_names *names, pid_t pid)
{
	if (!names->mappings)
		return NULL;
	mappings_drain(names->mappings);
	return mappings_of(names->mappings, pid);
}

static int names_reserve(struct stack_names *names, size_t count)
{
	struct bsl_location *locations;
	uint64_t *addrs;

	if (!names->symbolizer && bsl_symbolizer_new(0, &names->symbolizer))
		return -1;
	if (count <= names->room)
		return 0;
	locations = reallocarray(names->locations, count, sizeof(*locations));
	if (!locations)
		return -1;
	names->locations = locations;
	addrs = reallocarray(names->addrs, count, sizeof(*addrs));
	if (!addrs)
		return -1;
	names->addrs = addrs;
	names->room = count;
	return 0;
}

/*
 * The kernel's own stack, seen from a tracing program, begins with the frames of that program and
 * of what called it: a trampoline, or kernel/trace/bpf_trace.c.
 */
static bool is_tracer(const struct bsl_location *location)
{
	return location->module && (!strcmp(location->module, "[bpf]") ||
				    (location->name && !strncmp(location->name, "bpf_trace_run",
								strlen("bpf_trace_run"))));
}

static size_t count_unknown(const struct stack_names *names, size_t count)
{
	size_t unknown = 0;

	for (size_t i = 0; i < count; i++)
		unknown += !names->locations[i].name;
	return unknown;
}

/*
 * By what the process maps now; where that leaves something open, as it has ended or executed
 * another program since, by what it was seen to map, if that says more.
 */
static int find_in_process(struct stack_names *names, const struct stack *stack)
{
	const struct bsl_maps *seen;
	size_t unknown;
	int err = bsl_symbolize_process(names->symbolizer, stack->tgid, names->addrs, stack->count,
					names->locations);

	if (err || !names->mappings)
		return err;
	unknown = count_unknown(names, stack->count);
	if (!unknown)
		return 0;
	seen = stack_names_maps(names, stack->tgid);
	if (!seen)
		return 0;
	err = bsl_symbolize_maps(names->symbolizer, seen, names->addrs, stack->count,
				 names->locations);
	if (err || count_unknown(names, stack->count) <= unknown)
		return err;
	return bsl_symbolize_process(names->symbolizer, stack->tgid, names->addrs, stack->count,
				     names->locations);
}

/* The first frame that isn't the tracer's: at the latest the one of the function that was probed. */
static size_t first_frame(const struct stack_names *names, const struct stack *stack)
{
	size_t first = 0;

	if (stack->tgid)
		return 0;
	for (size_t i = 0; stack->function && i < stack->count && i < MAX_TRACER_FRAMES; i++)
		if (names->locations[i].name && !strcmp(names->locations[i].name, stack->function))
			return i;
	while (first < stack->count && is_tracer(&names->locations[first]))
		first++;
	return first;
}

/*
 * A return address where a function begins is either behind the last call of the one before, which never returns, or it was put
 * there by a return probe, as unwinders before 5.15 show it: kretprobe_trampoline.
 */
static void find_trampoline(const struct stack_names *names, uint64_t addr,
			    struct bsl_location *location)
{
	struct bsl_location exact;

	if (!bsl_symbolize_kernel(names->symbolizer, &addr, 1, &exact) && exact.name &&
	    !exact.offset && strstr(exact.name, "trampoline"))
		*location = exact;
}

/*
 * names->locations of the stack's frames, from *first on. A return address belongs to the call
 * before it, so that one less is looked up; offsets are those of the address itself. 0 or -1: out
 * of memory.
 */
static int names_find(struct stack_names *names, const struct stack *stack, size_t *first)
{
	size_t before;
	int err;

	*first = 0;
	if (names_reserve(names, stack->count))
		return -1;
	for (size_t i = 0; i < stack->count; i++) {
		before = i > 0 || !stack->first_is_exact;
		names->addrs[i] = stack->addrs[i] - before;
	}
	err = stack->tgid ? find_in_process(names, stack)
			  : bsl_symbolize_kernel(names->symbolizer, names->addrs, stack->count,
						 names->locations);
	if (err)
		return -1;
	for (size_t i = 0; i < stack->count; i++) {
		names->locations[i].offset += stack->addrs[i] - names->addrs[i];
		if (!stack->tgid && names->locations[i].offset == names->locations[i].size)
			find_trampoline(names, stack->addrs[i], &names->locations[i]);
	}
	*first = first_frame(names, stack);
	return 0;
}

void stack_note(struct stack_names *names, const struct stack *stack)
{
	size_t first;

	names_find(names, stack, &first);
}

/* "libc.so.6" of a path; the kernel's and special ones come in brackets already. */
static size_t module_text(const char *module, char *buf, size_t size)
{
	const char *slash = module ? strrchr(module, '/') : NULL;
	int len;

	if (!module)
		return 0;
	len = snprintf(buf, size, module[0] == '[' ? " %s" : " [%s]", slash ? slash + 1 : module);
	return len < 0 ? 0 : len;
}

static void print_frame(struct stack_names *names, const struct bsl_location *location,
			struct output *out)
{
	char module[256] = "";

	if (location->name) {
		output_put_cstr(out, location->name, SIZE_MAX, 0);
		output_printf(out, "+0x%llx", (unsigned long long)location->offset);
	} else {
		output_puts(out, "[unknown]");
		names->unknown[location->reason < REASONS ? location->reason : 0]++;
	}
	module_text(location->module, module, sizeof(module));
	output_put_cstr(out, module, sizeof(module), 0);
	output_end_line(out);
}

static const char *why_not(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "unknown error";
}

/* NULL: it is complete, or it isn't known. */
static const char *end_text(unsigned int end)
{
	static const char *const texts[UNWIND_ENDS] = {
		[UNWIND_DEEP] = "more frames than are recorded",
		[UNWIND_NO_RULE] = "its unwinding table has a rule that isn't followed",
		[UNWIND_UNREADABLE] = "the stack's memory can't be read",
		[UNWIND_UNKNOWN_FILE] = "the file's unwinding table hadn't been read yet",
		[UNWIND_NO_CODE] = "what follows is no return address",
		[UNWIND_NO_CHAIN] = "code without an unwinding table or a frame pointer",
		[UNWIND_OTHER_MODE] = "a 32-bit process",
	};

	return end < UNWIND_ENDS ? texts[end] : "unknown";
}

void stack_print(struct stack_names *names, const struct stack *stack, bool addresses,
		 struct output *out)
{
	const char *what = stack->tgid ? "user" : "kernel";
	int err = stack->err;
	size_t first;

	if (!err && stack->count && names_find(names, stack, &first))
		err = ENOMEM;
	if (err) {
		output_printf(out, "        ? (no %s stack: %s)", what, why_not(err));
		output_end_line(out);
		return;
	}
	for (size_t i = stack->count ? first : 0; i < stack->count; i++) {
		output_puts(out, "        ");
		if (addresses)
			output_printf(out, "%16llx ", (unsigned long long)stack->addrs[i]);
		print_frame(names, &names->locations[i], out);
	}
	if (stack->is_cut)
		output_puts(out, "        ...");
	else if (end_text(stack->end))
		output_printf(out, "        ? (the stack ends here: %s)", end_text(stack->end));
	if (stack->is_cut || end_text(stack->end))
		output_end_line(out);
}

static void frame_json(const struct bsl_location *location, uint64_t addr, struct output *out)
{
	output_json_object_begin(out, NULL);
	output_json_u64(out, "address", addr);
	if (location->name) {
		output_json_cstr(out, "symbol", location->name, SIZE_MAX);
		output_json_u64(out, "offset", location->offset);
	} else {
		output_json_error(out, "symbol", bsl_reason_text(location->reason));
	}
	if (location->module)
		output_json_cstr(out, "module", location->module, SIZE_MAX);
	output_json_object_end(out);
}

void stack_json(struct stack_names *names, const struct stack *stack, const char *key,
		struct output *out)
{
	char cut[64];
	int err = stack->err;
	size_t first = 0;

	if (!err && stack->count && names_find(names, stack, &first))
		err = ENOMEM;
	if (err) {
		output_json_error(out, key, why_not(err));
		return;
	}
	output_json_array_begin(out, key);
	for (size_t i = first; i < stack->count; i++)
		frame_json(&names->locations[i], stack->addrs[i], out);
	output_json_array_end(out);
	snprintf(cut, sizeof(cut), "%s_truncated", key);
	if (stack->is_cut || end_text(stack->end))
		output_json_bool(out, cut, true);
	snprintf(cut, sizeof(cut), "%s_end", key);
	if (end_text(stack->end))
		output_json_cstr(out, cut, end_text(stack->end), SIZE_MAX);
}

const char *stack_symbol(struct stack_names *names, pid_t tgid, uint64_t addr, char *buf,
			 size_t size)
{
	struct stack one = { .tgid = tgid, .addrs = &addr, .count = 1, .first_is_exact = true };
	const struct bsl_location *location;
	size_t first, len;

	if (names_find(names, &one, &first)) {
		snprintf(buf, size, "0x%llx", (unsigned long long)addr);
		return buf;
	}
	location = names->locations;
	if (location->name)
		snprintf(buf, size, "%s+0x%llx", location->name,
			 (unsigned long long)location->offset);
	else
		snprintf(buf, size, "[unknown]");
	len = strlen(buf);
	if (tgid)
		module_text(location->module, buf + len, size - len);
	return buf;
}

void stack_tell_unknown(const struct stack_names *names)
{
	for (size_t i = 0; i < REASONS; i++)
		if (names->unknown[i])
			log_warn("%llu stack frame%s without a name: %s",
				 (unsigned long long)names->unknown[i],
				 names->unknown[i] == 1 ? "" : "s", bsl_reason_text(i));
}
