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
#include "bpf/usdt_args.bpf.h"

#define EFAULT 14
#define ENOENT 2

const volatile struct uflow_config config = {};

/* Set by user space, together with the program's flag: it may wait for a page of a string. */
const volatile bool is_sleepable = false;

enum told {
	TOLD_UNWANTED,
	TOLD, /* user space knows of the call */
	TOLD_LOST, /* it should, but the record was lost */
};

/* A call under way. */
struct frame {
	__u64 entered; /* ktime */
	/*
	 * Where the runtime has return probes for every way out of a call, 0. Else a number that rises from each
	 * frame to the ones it calls, and tells which frames an exception has left.
	 */
	__u32 level;
	__u16 told;
	__u16 ends_by_raise; /* Ruby's Kernel#raise has no return, but the exception that it raises */
};

struct thread {
	__u64 number; /* of the next record */
	__u32 depth;  /* may be more than there are frames for */
	__u32 unused;
	struct frame frames[UFLOW_FRAMES];
};

/* Keyed by thread id. User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

/* A value for a new thread, all zeros. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct thread);
} blank_thread SEC(".maps");

/* Threads without room in the map: user space tells. */
__u64 threads_refused = 0;

static __noinline int thread_new(__u32 tid)
{
	__u32 zero = 0;
	struct thread *blank = bpf_map_lookup_elem(&blank_thread, &zero);

	if (blank && bpf_map_update_elem(&threads, &tid, blank, BPF_NOEXIST)) {
		__sync_fetch_and_add(&threads_refused, 1);
		events_count_lost(0);
	}
	return 0;
}

static __always_inline struct thread *thread_get(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		return thread;
	thread_new(tid);
	return bpf_map_lookup_elem(&threads, &tid);
}

/*
 * The frame at a depth counted from 1; NULL: there is no room for one. What the compiler knows of an index, or checks and
 * then loads anew, the verifier doesn't: hence a mask, and a pointer that only can be tested itself.
 */
static __always_inline struct frame *frame_at(struct thread *thread, __u32 depth)
{
	struct frame *frame = NULL;
	__u32 index = depth - 1;

	asm volatile("" : "+r"(index));
	if (index < UFLOW_FRAMES) {
		asm volatile("" : "+r"(index));
		frame = &thread->frames[index & (UFLOW_FRAMES - 1)];
	}
	asm volatile("" : "+r"(frame));
	return frame;
}

#define STRIDE 32 /* its square: UFLOW_FRAMES */

/* Is there a frame at that depth, with a level not higher than this? */
static __always_inline bool is_kept(struct thread *thread, __u32 depth, __u32 level)
{
	struct frame *frame = frame_at(thread, depth);

	return frame && depth <= thread->depth && frame->level <= level;
}

/*
 * Forget the current thread's frames whose level is higher. Levels rise: strides, then steps; halving would be
 * 1024 ways for the verifier. Not 0 if there were any. Global, to be verified once.
 */
__noinline int leave_above(__u32 level)
{
	__u32 tid = bpf_get_current_pid_tgid(), kept = 0;
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	/* Of frames that there was no room for, nothing is known. */
	if (!thread || is_kept(thread, thread->depth, level) ||
	    (thread->depth > UFLOW_FRAMES && is_kept(thread, UFLOW_FRAMES, level)))
		return 0;
	for (int i = 0; i < STRIDE && is_kept(thread, kept + STRIDE, level); i++)
		kept += STRIDE;
	for (int i = 0; i < STRIDE && is_kept(thread, kept + 1, level); i++)
		kept++;
	if (kept == thread->depth)
		return 0;
	thread->depth = kept;
	return 1;
}

/* ---- records -------------------------------------------------------------------------------- */

static __always_inline void begin(struct uflow_event *event, struct thread *thread, __u8 kind)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	event->time = bpf_ktime_get_ns();
	event->frame = 0;
	event->number = thread->number;
	event->pid = pid_tgid >> 32;
	event->tid = pid_tgid;
	event->cpu = bpf_get_smp_processor_id();
	event->depth = thread->depth;
	event->line = 0;
	event->kind = kind;
	event->unused = 0;
	for (int i = 0; i < UFLOW_STRINGS; i++)
		event->lens[i] = -ENOENT;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/* A constant that nobody has looked at yet may not be in memory: have it fetched. */
static __always_inline bool fault_in(__u64 address)
{
	__u8 byte;

	return is_sleepable && !bpf_copy_from_user(&byte, sizeof(byte), (void *)address);
}

/* Read a string to data + *at. len: its length, or negative: it ends with a NUL. */
static __always_inline __s16 read_string(char *data, __u32 *at, __u64 address, __s64 len,
					 __u32 size)
{
	__u32 start = *at;
	long got;

	if (start > UFLOW_NAME_SIZE * 2)
		return -EFAULT;
	asm volatile("" : "+r"(start));
	start &= UFLOW_NAME_SIZE * 4 - 1;
	if (len < 0) {
		got = bpf_probe_read_user_str(data + start, size, (void *)address);
		if (got < 0 && fault_in(address))
			got = bpf_probe_read_user_str(data + start, size, (void *)address);
		if (got < 0)
			return -EFAULT;
		/* Of an empty string older kernels don't count the NUL. */
		if (got)
			got--;
	} else {
		__u32 wanted = len < size ? len : size - 1;

		asm volatile("" : "+r"(wanted));
		wanted &= UFLOW_FILE_SIZE - 1;
		if (bpf_probe_read_user(data + start, wanted, (void *)address))
			return -EFAULT;
		got = wanted;
	}
	asm volatile("" : "+r"(got));
	got &= UFLOW_FILE_SIZE - 1;
	*at = start + got;
	return got;
}

static __always_inline void read_perl_names(struct uflow_event *event, __u64 my_perl, __u32 *at)
{
	struct usdt_perl_sub sub;

	usdt_perl_sub(my_perl, &sub);
	if (sub.package)
		event->lens[UFLOW_CLASS] = read_string(event->data, at, sub.package, -1,
						       UFLOW_NAME_SIZE);
	if (sub.name)
		event->lens[UFLOW_METHOD] = read_string(event->data, at, sub.name, -1,
							UFLOW_NAME_SIZE);
	if (sub.file)
		event->lens[UFLOW_FILE] = read_string(event->data, at, sub.file, -1,
						      UFLOW_FILE_SIZE);
}

static __always_inline __s16 read_text(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				       __u8 name, __u8 len_role, struct uflow_event *event,
				       __u32 *at, __u32 size)
{
	__u64 address, len = -1;

	if (spec->args[name].kind == USDT_ARG_NONE)
		return -ENOENT;
	if (usdt_read(ctx, &spec->args[name], &address))
		return -EFAULT;
	if (len_role < RUNTIME_ROLES && spec->args[len_role].kind != USDT_ARG_NONE &&
	    usdt_read(ctx, &spec->args[len_role], &len))
		return -EFAULT;
	/* No class at all: PHP has a null pointer for that. */
	if (!address)
		return -ENOENT;
	return read_string(event->data, at, address, len, size);
}

/* Fill in the names; returns the record's size. */
static __noinline int read_names(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				 struct uflow_event *event)
{
	__u64 value = 0;
	__u32 at = 0;

	if (!spec || !event || !ctx)
		return 0;
	if (spec->reader == RUNTIME_READ_PERL_SUB) {
		if (spec->event == RUNTIME_METHOD_ENTRY &&
		    !usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &value))
			read_perl_names(event, value, &at);
		return at;
	}
	event->lens[UFLOW_CLASS] = read_text(ctx, spec, RUNTIME_CLASS_NAME, RUNTIME_CLASS_LEN, event,
					     &at, UFLOW_NAME_SIZE);
	event->lens[UFLOW_METHOD] = read_text(ctx, spec, RUNTIME_METHOD_NAME, RUNTIME_METHOD_LEN,
					      event, &at, UFLOW_NAME_SIZE);
	event->lens[UFLOW_FILE] = read_text(ctx, spec, RUNTIME_FILE_NAME, RUNTIME_ROLES, event, &at,
					    UFLOW_FILE_SIZE);
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
	bool by_file = class_len == -ENOENT;
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
static __always_inline enum told tell(struct pt_regs *ctx, struct thread *thread,
				      struct uflow_event *event, __u32 strings)
{
	thread->number++;
	return events_output(ctx, event, sizeof(*event) + strings, 0) ? TOLD_LOST : TOLD;
}

/* ---- events --------------------------------------------------------------------------------- */

/* The level of the frame that is entered or left, or above which all are left; 0: none. */
static __always_inline __u32 read_level(struct pt_regs *ctx, const struct runtime_place_spec *spec)
{
	__u64 value, cxix = PERL_CXIX_NOW;

	if (spec->reader == RUNTIME_READ_PERL_SUB) {
		if (usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &value))
			return 0;
		if (spec->event == RUNTIME_METHOD_UNWIND &&
		    usdt_read(ctx, &spec->args[RUNTIME_NUMBER], &cxix))
			return 0;
		/* pp_entersub makes the sub's context, pp_leavesub still has it. */
		return usdt_perl_level(value, cxix) + (spec->event == RUNTIME_METHOD_ENTRY);
	}
	if (spec->args[RUNTIME_LEVEL].kind == USDT_ARG_NONE ||
	    usdt_read(ctx, &spec->args[RUNTIME_LEVEL], &value))
		return 0;
	return value;
}

static __always_inline void tell_plain(struct pt_regs *ctx, struct thread *thread, __u8 kind)
{
	struct uflow_event *event = events_scratch(0);

	if (!event) {
		thread->number++;
		return;
	}
	begin(event, thread, kind);
	tell(ctx, thread, event, 0);
}

/* At most seven bytes of a string, as a little-endian number: cheap to compare. */
static __always_inline __u64 read_short(struct pt_regs *ctx, const struct usdt_arg *arg)
{
	__u64 address, text = 0;

	if (!usdt_read(ctx, arg, &address))
		bpf_probe_read_user_str(&text, sizeof(text), (void *)address);
	return text;
}

#define TEXT_RAISE  0x6573696172ull
#define TEXT_FAIL   0x6c696166ull
#define TEXT_KERNEL 0x6c656e72654bull

/* Kernel#raise, or its other name: rb_raise_jump() leaves it without cmethod__return, then comes ruby:raise. */
static __always_inline bool is_ruby_raise(struct pt_regs *ctx,
					  const struct runtime_place_spec *spec)
{
	__u64 name;

	if (spec->reader != RUNTIME_READ_RUBY_CMETHOD)
		return false;
	name = read_short(ctx, &spec->args[RUNTIME_METHOD_NAME]);
	return (name == TEXT_RAISE || name == TEXT_FAIL) &&
	       read_short(ctx, &spec->args[RUNTIME_CLASS_NAME]) == TEXT_KERNEL;
}

static __always_inline bool is_perl_xs(struct pt_regs *ctx, const struct runtime_place_spec *spec)
{
	__u64 my_perl;

	return spec->reader == RUNTIME_READ_PERL_SUB &&
	       !usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &my_perl) &&
	       usdt_perl_is_xs(usdt_perl_code(my_perl));
}

static __always_inline void enter(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				  struct thread *thread, __u32 level)
{
	struct frame *frame, *caller;
	struct uflow_event *event;
	int strings;

	caller = frame_at(thread, thread->depth);
	frame = frame_at(thread, ++thread->depth);
	if (frame) {
		frame->entered = bpf_ktime_get_ns();
		frame->level = level;
		frame->told = TOLD_UNWANTED;
		frame->ends_by_raise = is_ruby_raise(ctx, spec);
	}
	if (config.max_depth && thread->depth > config.max_depth)
		return;
	event = events_scratch(0);
	if (!event) {
		thread->number++;
		if (frame)
			frame->told = TOLD_LOST;
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
			frame->told = told;
	} else {
		events_scratch_done(event);
	}
}

static __always_inline void leave(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				  struct thread *thread, __u32 level)
{
	bool has_filter = config.class_len || config.method_len;
	bool is_outside = !thread->depth;
	struct uflow_event *event;
	struct frame *frame;
	int strings = 0;

	frame = frame_at(thread, thread->depth);
	/* Not the frame of a method. */
	if (level && thread->depth <= UFLOW_FRAMES && (!frame || frame->level != level))
		return;
	if (thread->depth)
		thread->depth--;
	if (frame && frame->told == TOLD_UNWANTED)
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
	if (is_outside || (frame && frame->told == TOLD_LOST))
		strings = read_names(ctx, spec, event);
	if (is_outside && !is_wanted(event))
		events_scratch_done(event);
	else
		tell(ctx, thread, event, strings);
}

static __always_inline void raise(struct pt_regs *ctx, struct thread *thread)
{
	struct frame *frame = frame_at(thread, thread->depth);

	if (!frame || !frame->ends_by_raise)
		return;
	thread->depth--;
	tell_plain(ctx, thread, UFLOW_UNWIND);
}

SEC("uprobe")
int method(struct pt_regs *ctx)
{
	const struct runtime_place_spec *spec = usdt_place(ctx);
	struct thread *thread;
	__u32 level;

	if (!spec || (config.pid && config.pid != bpf_get_current_pid_tgid() >> 32))
		return 0;
	thread = thread_get();
	if (!thread)
		return 0;
	if (spec->event == RUNTIME_METHOD_ENTRY && is_perl_xs(ctx, spec))
		return 0;
	level = read_level(ctx, spec);
	/* Frames of a higher level, of the same one at an entry, have been left by an exception or a jump. */
	if (level && leave_above(level - (spec->event == RUNTIME_METHOD_ENTRY)))
		tell_plain(ctx, thread, UFLOW_UNWIND);
	switch (spec->event) {
	case RUNTIME_METHOD_ENTRY:
		enter(ctx, spec, thread, level);
		break;
	case RUNTIME_METHOD_RETURN:
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
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (!thread)
		return 0;
	tell_plain(ctx, thread, UFLOW_EXIT);
	bpf_map_delete_elem(&threads, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
