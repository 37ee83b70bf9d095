/* SPDX-License-Identifier: GPL-2.0 */
/* ucalls, kernel side: calls and their time, counted by method or system call. No CO-RE relocation. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ucalls.h"

#include "bpf/filter.bpf.h"
#include "runtime/usdt_args.bpf.h"

struct calls_own {
	__u64 inner_ns; /* spent in what it called */
	__u32 id;
	__u32 unused;
};

#include "runtime/calls.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"

#define NO_ID UCALLS_METHODS_MAX
#define ID_TRIES 8
#define BEGUN_MAX 4096

/* Set by user space. */
const volatile bool is_timed = false;
/* The programs for system calls are at perf events (lib/tool.h). */
const volatile bool points_by_event = false;

/* Calls that found no room among the methods, and those nested too deep for their time. */
__u64 dropped = 0, untimed = 0;

/* By a method's id, by a system call's number; read by user space as they are. */
struct ucalls_count counts[UCALLS_METHODS_MAX] = {};
struct ucalls_count syscalls[UCALLS_SYSCALLS_MAX] = {};
__u32 next_id = 0;

MAPS_HASH(methods, struct ucalls_key, struct ucalls_method, UCALLS_METHODS_MAX);

/* A system call under way. */
struct begun {
	__u64 ns;
	__u32 number;
	__u32 unused;
};

/* By thread. */
MAPS_HASH(begun, __u32, struct begun, BEGUN_MAX);

/* NULL: no method has that id. */
static __always_inline struct ucalls_count *count_of(__u32 id)
{
	if (id >= UCALLS_METHODS_MAX)
		return NULL;
	asm volatile("" : "+r"(id));
	return &counts[id & (UCALLS_METHODS_MAX - 1)];
}

/*
 * An id that is nobody else's, or NO_ID. Whoever is first to claim it has it: an addition that returns the old value
 * came with 5.12. When two come at once, an id is wasted.
 */
static __always_inline __u32 new_id(void)
{
	struct ucalls_count *count;

	for (int i = 0; i < ID_TRIES; i++) {
		__u32 id = *(volatile __u32 *)&next_id;

		count = count_of(id);
		if (!count)
			return NO_ID;
		__sync_fetch_and_add(&count->claims, 1);
		__sync_fetch_and_add(&next_id, 1);
		if (*(volatile __u64 *)&count->claims == 1)
			return id;
	}
	return NO_ID;
}

static __always_inline void
read_perl_names(struct pt_regs *ctx, const struct runtime_place_spec *spec, struct ucalls_key *key)
{
	struct usdt_perl_sub sub;
	__u64 my_perl;

	if (usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &my_perl))
		return;
	usdt_perl_sub(my_perl, &sub);
	key->owner_len = calls_read_perl_text(sub.package, key->owner, sizeof(key->owner));
	key->name_len = calls_read_perl_text(sub.name, key->name, sizeof(key->name));
}

static __always_inline void read_names(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				       struct ucalls_key *key)
{
	key->owner_len = calls_read_text(ctx, spec, RUNTIME_CLASS_NAME, RUNTIME_CLASS_LEN,
					 key->owner, sizeof(key->owner));
	/* PHP has an empty class around functions, too. */
	if (!key->owner_len || key->owner_len == -CALLS_ENOENT) {
		key->owner_is_file = true;
		key->owner_len = calls_read_text(ctx, spec, RUNTIME_FILE_NAME, RUNTIME_ROLES,
						 key->owner, sizeof(key->owner));
	}
	key->name_len = calls_read_text(ctx, spec, RUNTIME_METHOD_NAME, RUNTIME_METHOD_LEN,
					key->name, sizeof(key->name));
}

/* The id of a method that isn't known yet. */
static __always_inline __u32 add_method(struct pt_regs *ctx, const struct runtime_place_spec *spec,
					const struct ucalls_key *key)
{
	struct ucalls_method method = { .id = new_id() }, *found;
	__u64 line;

	if (key->owner_is_file && !usdt_read(ctx, &spec->args[RUNTIME_LINE], &line))
		method.line = line;
	if (method.id != NO_ID)
		bpf_map_update_elem(&methods, key, &method, BPF_NOEXIST);
	found = bpf_map_lookup_elem(&methods, key);
	return found ? found->id : NO_ID;
}

/* A function, because it needs most of the stack that there is. */
static __noinline __u32 method_id(struct pt_regs *ctx, const struct runtime_place_spec *spec)
{
	struct ucalls_key key = { .owner_len = -CALLS_ENOENT, .name_len = -CALLS_ENOENT };
	struct ucalls_method *found;

	if (!spec || !ctx)
		return NO_ID;
	if (calls_has_reader(spec, RUNTIME_READ_PERL_SUB))
		read_perl_names(ctx, spec, &key);
	else
		read_names(ctx, spec, &key);
	found = bpf_map_lookup_elem(&methods, &key);
	return found ? found->id : add_method(ctx, spec, &key);
}

/* ---- time ----------------------------------------------------------------------------------- */

/*
 * Loops over frames are loops over strides of them, each a global function: those are verified once, not for each turn.
 */

/* Is there a call of that method in the stride of frames that ends below depth, in the current thread? */
__noinline int is_in_stride(__u32 id, __u32 depth)
{
	struct calls_thread *thread = calls_thread_known();
	struct calls_frame *frame;

	for (__u32 i = 1; i <= CALLS_STRIDE && thread; i++) {
		frame = calls_frame_at(thread, depth - i);
		if (!frame)
			return 0;
		if (frame->own.id == id)
			return 1;
	}
	return 0;
}

/* Is the call at that depth within another one of that method? */
__noinline int is_within_same(__u32 id, __u32 depth)
{
	for (int i = 0; i < CALLS_STRIDE && depth > 1; i++) {
		if (is_in_stride(id, depth))
			return 1;
		depth = depth > CALLS_STRIDE ? depth - CALLS_STRIDE : 0;
	}
	return 0;
}

/* The call at this depth has ended. */
static __always_inline void add_time(struct calls_thread *thread, __u32 depth, __u64 now)
{
	struct calls_frame *frame = calls_frame_at(thread, depth), *caller;
	struct ucalls_count *count;
	__u64 ns;

	if (!frame) {
		__sync_fetch_and_add(&untimed, 1);
		return;
	}
	ns = now - frame->entered;
	caller = calls_frame_at(thread, depth - 1);
	if (caller)
		caller->own.inner_ns += ns;
	count = count_of(frame->own.id);
	if (!count)
		return;
	__sync_fetch_and_add(&count->self_ns, ns - frame->own.inner_ns);
	if (!is_within_same(frame->own.id, depth))
		__sync_fetch_and_add(&count->total_ns, ns);
}

/* The same for a stride of frames or the count below it, of which depth is the last. */
__noinline int add_time_of_stride(__u32 depth, __u32 count, __u64 now)
{
	struct calls_thread *thread = calls_thread_known();

	for (__u32 i = 0; i < CALLS_STRIDE && i < count && thread; i++)
		add_time(thread, depth - i, now);
	return 0;
}

/* Exceptions or jumps have left that many frames. */
static __always_inline void add_time_of_left(__u32 kept, __u32 left)
{
	__u64 now = bpf_ktime_get_ns();

	for (int i = 0; i < CALLS_STRIDE && left; i++) {
		add_time_of_stride(kept + left, left, now);
		left = left > CALLS_STRIDE ? left - CALLS_STRIDE : 0;
	}
}

/* Global, too. */
__noinline int leave_above(__u32 level)
{
	__u32 left = calls_leave_above(level);
	struct calls_thread *thread = calls_thread_known();

	if (thread && left)
		add_time_of_left(thread->depth, left);
	return 0;
}

/* ---- methods -------------------------------------------------------------------------------- */

static __always_inline void enter(struct pt_regs *ctx, const struct runtime_place_spec *spec,
				  struct calls_thread *thread, __u32 id)
{
	__u32 level = calls_level(ctx, spec);
	struct calls_frame *frame;

	/* Frames of the same level have been left as well. */
	if (level)
		leave_above(level - 1);
	frame = calls_push(ctx, spec, thread, level);
	if (!frame)
		return;
	frame->own.id = id;
	frame->own.inner_ns = 0;
}

SEC("uprobe")
int called(struct pt_regs *ctx)
{
	const struct runtime_place_spec *spec;
	struct ucalls_count *count;
	struct calls_thread *thread;
	__u32 id;

	TASK_STACK(ctx);
	if (!filter_allows_current())
		return 0;
	spec = usdt_place(ctx);
	if (!spec)
		return 0;
	id = method_id(ctx, spec);
	count = count_of(id);
	if (count)
		__sync_fetch_and_add(&count->calls, 1);
	else
		__sync_fetch_and_add(&dropped, 1);
	if (!is_timed || calls_is_perl_xs(ctx, spec))
		return 0;
	thread = calls_thread_get();
	if (thread)
		enter(ctx, spec, thread, id);
	return 0;
}

SEC("uprobe")
int returned(struct pt_regs *ctx)
{
	const struct runtime_place_spec *spec = usdt_place(ctx);
	struct calls_thread *thread = calls_thread_known();
	struct calls_frame *frame;
	__u32 level, left;

	TASK_STACK(ctx);
	if (!thread)
		return 0;
	level = spec ? calls_level(ctx, spec) : 0;
	if (level)
		leave_above(level);
	left = spec ? calls_leave_inner(ctx, spec, thread) : 0;
	if (left)
		add_time_of_left(thread->depth, left);
	if (thread->depth && calls_pop(thread, level, &frame))
		add_time(thread, thread->depth + 1, bpf_ktime_get_ns());
	return 0;
}

SEC("uprobe")
int unwound(struct pt_regs *ctx)
{
	const struct runtime_place_spec *spec = usdt_place(ctx);
	__u32 level = spec ? calls_level(ctx, spec) : 0;

	TASK_STACK(ctx);
	if (level)
		leave_above(level);
	return 0;
}

SEC("uprobe")
int raised(struct pt_regs *ctx)
{
	struct calls_thread *thread = calls_thread_known();
	struct calls_frame *frame = thread ? calls_frame_at(thread, thread->depth) : NULL;

	TASK_STACK(ctx);
	if (!frame || !frame->ends_by_raise)
		return 0;
	thread->depth--;
	add_time(thread, thread->depth + 1, bpf_ktime_get_ns());
	return 0;
}

/* For places that are never run. */
SEC("uprobe")
int nothing(struct pt_regs *ctx)
{
	return 0;
}

SEC("raw_tp/sched_process_exit")
int thread_exit(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&threads, &tid);
	bpf_map_delete_elem(&begun, &tid);
	return 0;
}

/* ---- system calls --------------------------------------------------------------------------- */

/* regs: the kernel's, of which the beginning is what user space knows. */
static __always_inline bool is_32bit(const struct pt_regs *regs)
{
	__u64 value = 0;

#ifdef __TARGET_ARCH_arm64
	bpf_probe_read_kernel(&value, sizeof(value), &((const struct user_pt_regs *)regs)->pstate);
	return value & 0x10; /* PSR_MODE32_BIT */
#else
	bpf_probe_read_kernel(&value, sizeof(value), &regs->cs);
	return value == 0x23; /* __USER32_CS */
#endif
}

static __always_inline struct ucalls_count *count_of_syscall(__u32 number)
{
	return &syscalls[number & (UCALLS_SYSCALLS_MAX - 1)];
}

/* sys_enter(regs, number); by a perf event the number is in the same place. */
SEC("raw_tp/sys_enter")
int syscall_entered(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct begun value = {};
	const void *regs;

	if (!filter_allows_current())
		return 0;
	regs = points_by_event ? (void *)bpf_task_pt_regs(bpf_get_current_task_btf())
			       : (void *)ctx->args[0];
	value.number = is_32bit(regs) || ctx->args[1] >= UCALLS_SYSCALLS_MAX ? UCALLS_SYSCALL_OTHER
									     : ctx->args[1];
	__sync_fetch_and_add(&count_of_syscall(value.number)->calls, 1);
	if (!is_timed)
		return 0;
	value.ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&begun, &tid, &value, BPF_ANY))
		__sync_fetch_and_add(&untimed, 1);
	return 0;
}

SEC("raw_tp/sys_exit")
int syscall_left(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct begun *found = bpf_map_lookup_elem(&begun, &tid);

	if (!found)
		return 0;
	__sync_fetch_and_add(&count_of_syscall(found->number)->total_ns,
			     bpf_ktime_get_ns() - found->ns);
	bpf_map_delete_elem(&begun, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
