/* SPDX-License-Identifier: GPL-2.0 */
/*
 * uflow, kernel side: the calls of a language runtime, each with its true depth, which is kept here for
 * each thread: so it holds whatever is filtered or lost. Reads nothing of the kernel's: no CO-RE relocation.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "uflow.h"

#define EVENTS_SCRATCH_SIZE 2048
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "runtime/usdt_args.bpf.h"

const volatile struct uflow_config config = {};

enum told {
	TOLD_UNWANTED,
	TOLD,	   /* user space knows of the call */
	TOLD_LOST, /* it should, but the record was lost */
};

struct calls_own {
	__u64 told; /* enum told */
};

#include "runtime/calls.bpf.h"
#include "bpf/task_stack.bpf.h"

/* ---- records -------------------------------------------------------------------------------- */

static __always_inline void begin(struct uflow_event *event, struct calls_thread *thread, __u8 kind)
{
	__u64 ids = pidns_current_ids();

	event->time = bpf_ktime_get_ns();
	event->frame = 0;
	event->number = thread->number;
	event->pid = ids >> 32;
	event->tid = ids;
	event->cpu = bpf_get_smp_processor_id();
	event->depth = thread->depth;
	event->line = 0;
	event->kind = kind;
	event->unused = 0;
	for (int i = 0; i < UFLOW_STRINGS; i++)
		event->lens[i] = -CALLS_ENOENT;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/* Where the next string goes; the mask is for the verifier. */
static __always_inline char *next_text(struct uflow_event *event, __u32 at)
{
	asm volatile("" : "+r"(at));
	return event->data + (at & (UFLOW_NAME_SIZE * 4 - 1));
}

static __always_inline void note_text(struct uflow_event *event, enum uflow_string which, __s16 len,
				      __u32 *at)
{
	event->lens[which] = len;
	if (len > 0)
		*at += len;
}

static __always_inline int read_perl_names(struct uflow_event *event, __u64 my_perl)
{
	struct usdt_perl_sub sub;
	__u32 at = 0;

	usdt_perl_sub(my_perl, &sub);
	note_text(event, UFLOW_CLASS,
		  calls_read_perl_text(sub.package, next_text(event, at), UFLOW_NAME_SIZE), &at);
	note_text(event, UFLOW_METHOD,
		  calls_read_perl_text(sub.name, next_text(event, at), UFLOW_NAME_SIZE), &at);
	note_text(event, UFLOW_FILE,
		  calls_read_perl_text(sub.file, next_text(event, at), UFLOW_FILE_SIZE), &at);
	return at;
}

/* Fill in the names; returns the record's size. */
static __noinline int read_names(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				 struct uflow_event *event)
{
	__u64 value = 0;
	__u32 at = 0;

	if (!spec || !event || !ctx)
		return 0;
	if (calls_has_reader(spec, RUNTIME_READ_PERL_SUB))
		return spec->event == RUNTIME_METHOD_ENTRY &&
				       !usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &value)
			       ? read_perl_names(event, value)
			       : 0;
	note_text(event, UFLOW_CLASS,
		  calls_read_text(ctx, spec, RUNTIME_CLASS_NAME, RUNTIME_CLASS_LEN,
				  next_text(event, at), UFLOW_NAME_SIZE),
		  &at);
	note_text(event, UFLOW_METHOD,
		  calls_read_text(ctx, spec, RUNTIME_METHOD_NAME, RUNTIME_METHOD_LEN,
				  next_text(event, at), UFLOW_NAME_SIZE),
		  &at);
	note_text(event, UFLOW_FILE,
		  calls_read_text(ctx, spec, RUNTIME_FILE_NAME, RUNTIME_ROLES, next_text(event, at),
				  UFLOW_FILE_SIZE),
		  &at);
	if (spec->args[RUNTIME_LINE].kind != USDT_ARG_NONE &&
	    !usdt_read(ctx, &spec->args[RUNTIME_LINE], &value))
		event->line = value;
	return at;
}

/* Does the string of len bytes at data + at begin like that? */
static __always_inline bool has_prefix(const char *data, __u32 at, __s16 len,
				       const volatile char *prefix, __u32 prefix_len)
{
	if (len < (__s32)prefix_len || at > UFLOW_NAME_SIZE)
		return false;
	asm volatile("" : "+r"(at));
	at &= 2 * UFLOW_NAME_SIZE - 1;
	for (__u32 i = 0; i < UFLOW_PREFIX_SIZE && i < prefix_len; i++) {
		if (data[at + i] != prefix[i])
			return false;
	}
	return true;
}

/* A runtime without classes has files in their place. */
static __always_inline bool is_wanted(const struct uflow_event *event)
{
	__s16 class_len = event->lens[UFLOW_CLASS], method_len = event->lens[UFLOW_METHOD];
	bool by_file = class_len == -CALLS_ENOENT;
	__u32 method_at = class_len > 0 ? class_len : 0;
	__u32 file_at = method_at + (method_len > 0 ? method_len : 0);

	if (config.class_len && !has_prefix(event->data, by_file ? file_at : 0,
					    by_file ? event->lens[UFLOW_FILE] : class_len,
					    config.class_prefix, config.class_len))
		return false;
	return !config.method_len || has_prefix(event->data, method_at, method_len,
						config.method_prefix, config.method_len);
}

/* Give a record its number, and send it. */
static __always_inline enum told tell(struct pt_regs *ctx, struct calls_thread *thread,
				      struct uflow_event *event, __u32 strings)
{
	thread->number++;
	return events_output(ctx, event, sizeof(*event) + strings, 0) ? TOLD_LOST : TOLD;
}

/* ---- events --------------------------------------------------------------------------------- */

static __always_inline void tell_plain(struct pt_regs *ctx, struct calls_thread *thread, __u8 kind)
{
	struct uflow_event *event = events_scratch(0);

	if (!event) {
		thread->number++;
		return;
	}
	begin(event, thread, kind);
	tell(ctx, thread, event, 0);
}

static __always_inline void enter(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				  struct calls_thread *thread, __u32 level)
{
	struct calls_frame *frame, *caller;
	struct uflow_event *event;
	int strings;

	caller = calls_frame_at(thread, thread->depth);
	frame = calls_push(ctx, spec, thread, level);
	if (frame)
		frame->own.told = TOLD_UNWANTED;
	if (config.max_depth && thread->depth > config.max_depth)
		return;
	event = events_scratch(0);
	if (!event) {
		thread->number++;
		if (frame)
			frame->own.told = TOLD_LOST;
		return;
	}
	begin(event, thread, UFLOW_ENTER);
	if (frame)
		event->time = frame->entered;
	if (caller)
		event->frame = caller->entered;
	strings = read_names(ctx, spec, event);
	if (is_wanted(event)) {
		enum told told = tell(ctx, thread, event, strings);

		if (frame)
			frame->own.told = told;
	} else {
		events_scratch_done(event);
	}
}

static __always_inline void leave(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				  struct calls_thread *thread, __u32 level)
{
	bool has_filter = config.class_len || config.method_len;
	bool is_outside = !thread->depth;
	struct uflow_event *event;
	struct calls_frame *frame;
	int strings = 0;

	if (!calls_pop(thread, level, &frame) || (frame && frame->own.told == TOLD_UNWANTED))
		return;
	if (!frame && !is_outside && (has_filter || config.max_depth))
		return;
	event = events_scratch(0);
	if (!event) {
		thread->number++;
		return;
	}
	begin(event, thread, UFLOW_LEAVE);
	if (!is_outside)
		event->depth++;
	if (frame)
		event->frame = frame->entered;
	if (is_outside || (frame && frame->own.told == TOLD_LOST))
		strings = read_names(ctx, spec, event);
	if (is_outside && !is_wanted(event))
		events_scratch_done(event);
	else
		tell(ctx, thread, event, strings);
}

static __always_inline void raise(struct pt_regs *ctx, struct calls_thread *thread)
{
	struct calls_frame *frame = calls_frame_at(thread, thread->depth);

	if (!frame || !frame->ends_by_raise)
		return;
	thread->depth--;
	tell_plain(ctx, thread, UFLOW_UNWIND);
}

SEC("uprobe")
int method(struct pt_regs *ctx)
{
	const struct runtime_place_spec *spec = usdt_place(ctx);
	struct calls_thread *thread;
	__u32 level;

	TASK_STACK(ctx);
	if (!spec || !filter_allows_current())
		return 0;
	thread = calls_thread_get();
	if (!thread) {
		events_count_lost(0);
		return 0;
	}
	if (spec->event == RUNTIME_METHOD_ENTRY && calls_is_perl_xs(ctx, spec))
		return 0;
	level = calls_level(ctx, spec);
	/* Frames of a higher level, of the same one at an entry, have been left by an exception or a jump. */
	if (level && calls_leave_above(level - (spec->event == RUNTIME_METHOD_ENTRY)))
		tell_plain(ctx, thread, UFLOW_UNWIND);
	switch (spec->event) {
	case RUNTIME_METHOD_ENTRY:
		enter(ctx, spec, thread, level);
		break;
	case RUNTIME_METHOD_RETURN:
		if (calls_leave_inner(ctx, spec, thread))
			tell_plain(ctx, thread, UFLOW_UNWIND);
		leave(ctx, spec, thread, level);
		break;
	case RUNTIME_EXCEPTION:
		raise(ctx, thread);
		break;
	default: /* RUNTIME_METHOD_UNWIND: done. Others are attached for their semaphores only. */
		break;
	}
	return 0;
}

SEC("raw_tp/sched_process_exit")
int thread_exit(void *ctx)
{
	struct calls_thread *thread = calls_thread_known();
	__u32 tid = bpf_get_current_pid_tgid();

	if (!thread)
		return 0;
	tell_plain(ctx, thread, UFLOW_EXIT);
	bpf_map_delete_elem(&threads, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
