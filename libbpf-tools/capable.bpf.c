/* SPDX-License-Identifier: GPL-2.0 */
/*
 * capable, kernel side: cap_capable(), by its kprobes, which know the check's options, or by its
 * tracepoint (6.14).
 */
#include <vmlinux.h>

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "capable.h"

#define EVENTS_SCRATCH_SIZE sizeof(struct capable_event)
#include "bpf/contexts.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/returning.bpf.h"

#define PF_IO_WORKER 0x10
#define PF_FORKNOEXEC 0x40
#define PF_KTHREAD 0x200000
#define ENOSYS 38

const volatile bool with_unaudited = false;
const volatile bool with_kernel_stack = false;
const volatile bool with_user_stack = false;
const volatile bool denied_only = false;
const volatile __u64 wanted_caps = ~0ull; /* a bit each */
const volatile __u32 unique = CAPABLE_NOT_UNIQUE;
const volatile __u32 command = 0; /* the process that will execute COMMAND */
/* Of an element of checks: without stacks, a record's header. */
const volatile __u32 check_size = sizeof(struct capable_event);

/*
 * Checks under way, by thread: all but their results, as the stack can't be walked from a return
 * probe on some kernels. There are few, as the function doesn't sleep.
 */
MAPS_HASH(checks, __u32, struct capable_event, 512);

/* What --unique shows once. */
struct seen_key {
	__u64 who;   /* a process or a control group */
	__u64 stack; /* the stacks that are shown, as one number; 0: none are */
	/*
	 * Which program of a process it is, so that what a shell or the tool's own child does before
	 * it executes another one hides nothing of that.
	 */
	__u32 program;
	__u32 target_ns;
	__s32 cap;
	__s32 result;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct seen_key);
	__type(value, __u8);
} seen SEC(".maps");

/* Fields that vmlinux.h lacks. */
struct thread_info___x86 {
	u32 status;
} __attribute__((preserve_access_index));

struct task_struct___more {
	struct thread_info___x86 thread_info;
	u32 self_exec_id; /* or the lower half of 64 bits (5.7) */
} __attribute__((preserve_access_index));

/* FNV-1a, with words in place of bytes. Only if stacks are shown: checks have room for them then. */
static __always_inline __u64 hash_stacks(const struct capable_event *event)
{
	__u32 i, count = (event->size - offsetof(struct capable_event, addresses)) / sizeof(__u64);
	__u64 hash = 0xcbf29ce484222325;

	for (i = 0; i < 2 * CAPABLE_STACK_MAX && i < count; i++)
		hash = (hash ^ event->addresses[i]) * 0x100000001b3;
	return hash;
}

/* stack: hash_stacks(), or 0. */
static __always_inline bool is_repeated(__s32 cap, __s32 result, __u32 target_ns, __u64 stack)
{
	struct task_struct___more *task = (void *)bpf_get_current_task();
	struct seen_key key = {
		.stack = stack, .target_ns = target_ns, .cap = cap, .result = result
	};
	__u8 value = 1;

	if (unique == CAPABLE_NOT_UNIQUE)
		return false;
	if (unique == CAPABLE_UNIQUE_PROCESS) {
		key.who = bpf_get_current_pid_tgid() >> 32;
		bpf_core_read(&key.program, sizeof(key.program), &task->self_exec_id);
	} else {
		key.who = bpf_get_current_cgroup_id();
		key.program = command && pidns_current_ids() >> 32 == command &&
			      BPF_CORE_READ((struct task_struct *)task, flags) & PF_FORKNOEXEC;
	}
	return bpf_map_update_elem(&seen, &key, &value, BPF_NOEXIST);
}

/* Of a whole record. */
static __always_inline bool is_wanted(const struct capable_event *event)
{
	bool by_stack = unique != CAPABLE_NOT_UNIQUE && (with_kernel_stack || with_user_stack);
	__u64 stack = by_stack ? hash_stacks(event) : 0;

	return !(denied_only && !event->result) &&
	       !is_repeated(event->cap, event->result, event->target_ns, stack);
}

static __always_inline bool is_wanted_cap(__u64 cap)
{
	return wanted_caps == ~0ull || (cap < 64 && wanted_caps >> cap & 1);
}

/*
 * The system call that the task is in. Its registers are those with which it entered the kernel last, which it
 * may have done by a fault; threads of the kernel and of io_uring have never.
 */
static __always_inline void set_call(struct capable_event *event, struct task_struct *task)
{
	const struct pt_regs *regs;

	event->call = CAPABLE_CALL_UNKNOWN;
	event->syscall = 0;
	if (!returning_has_registers)
		return;
	event->call = CAPABLE_NO_CALL;
	if (BPF_CORE_READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER))
		return;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	/* TS_COMPAT of arch/x86/include/asm/thread_info.h. A call's result is preset: entry/calling.h. */
	if (BPF_CORE_READ(regs, ax) != (unsigned long)-ENOSYS)
		return;
	event->call = BPF_CORE_READ((struct task_struct___more *)task, thread_info.status) & 2
			      ? CAPABLE_CALL_32BIT
			      : CAPABLE_CALL;
	event->syscall = BPF_CORE_READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	event->syscall = BPF_CORE_READ(regs, syscallno);
	/* TIF_32BIT */
	if ((__s32)event->syscall >= 0)
		event->call = BPF_CORE_READ(task, thread_info.flags) >> 22 & 1 ? CAPABLE_CALL_32BIT
									       : CAPABLE_CALL;
#endif
}

/* What was asked: has this cred the capability in a user namespace? */
struct question {
	const struct cred *cred;
	const struct user_namespace *target;
	__s32 cap, options;
};

/* The rest of the record is to be sent, or kept, by the caller. */
static __always_inline void fill(void *ctx, struct capable_event *event,
				 const struct question *question)
{
	const __u64 header = offsetof(struct capable_event, addresses);
	const long stack_size = CAPABLE_STACK_MAX * sizeof(__u64);
	const struct user_namespace *target = question->target;
	const struct cred *cred = question->cred;
	__u64 size = header;
	long len;

	PIDNS_SET_CURRENT(event);
	event->ktime = bpf_ktime_get_ns();
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->target_ns = BPF_CORE_READ(target, ns.inum);
	event->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
	/* Two numbers of 32 bits before 6.3, the lower one first. */
	event->effective = 0;
	bpf_core_read(&event->effective, sizeof(event->effective), &cred->cap_effective);
	set_call(event, (void *)bpf_get_current_task());
	event->cap = question->cap;
	event->options = question->options;
	event->result = 0;
	event->kernel_size = 0;
	event->user_size = 0;
	if (with_kernel_stack) {
		len = bpf_get_stack(ctx, event->addresses, stack_size, 0);
		event->kernel_size = len;
		if (len > 0)
			size += len;
	}
	/* Bounded where it is used: 5.10's verifier doesn't follow a comparison with a copy. */
	barrier_var(size);
	if (with_user_stack && size <= header + stack_size) {
		len = bpf_get_stack(ctx, (void *)event + size, stack_size, BPF_F_USER_STACK);
		event->user_size = len;
		if (len > 0)
			size += len;
	}
	event->size = size;
}

SEC("kprobe/cap_capable")
int BPF_KPROBE(check_begins, const struct cred *cred, const struct user_namespace *target, int cap,
	       int options)
{
	const struct question question = { cred, target, cap, options };
	__u32 tid = bpf_get_current_pid_tgid();
	struct capable_event *event;

	if (!is_wanted_cap(cap) || (options & CAPABLE_NOAUDIT && !with_unaudited) ||
	    !filter_allows_current())
		return 0;
	event = events_scratch(0);
	if (!event)
		return 0;
	fill(ctx, event, &question);
	if (bpf_map_update_elem(&checks, &tid, event, BPF_ANY))
		events_count_lost(0);
	events_scratch_done(event);
	return 0;
}

SEC("kretprobe/cap_capable")
int BPF_KRETPROBE(check_ends, int result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct capable_event *event;
	__u32 size;

	event = bpf_map_lookup_elem(&checks, &tid);
	if (!event)
		return 0;
	event->result = result;
	if (is_wanted(event)) {
		/* Bounded where it is used: older verifiers don't follow a comparison with a copy. */
		size = event->size;
		barrier_var(size);
		if (size <= check_size)
			events_send(ctx, event, size, 0);
	}
	bpf_map_delete_elem(&checks, &tid);
	return 0;
}

SEC("raw_tp")
int check_traced(struct raw_context *ctx)
{
	const struct user_namespace *target = (void *)ctx->args[1];
	const struct question question = { (void *)ctx->args[0], target, ctx->args[3], -1 };
	bool with_stacks = with_kernel_stack || with_user_stack;
	__s32 result = ctx->args[4];
	struct capable_event *event;

	if (!is_wanted_cap(question.cap) || (denied_only && !result) || !filter_allows_current())
		return 0;
	/* Before the work, where the stacks need not be known for that. */
	if (!with_stacks && is_repeated(question.cap, result, BPF_CORE_READ(target, ns.inum), 0))
		return 0;
	event = events_scratch(0);
	if (!event)
		return 0;
	fill(ctx, event, &question);
	event->result = result;
	/* Sending nothing would wake the consumer for it. */
	if (with_stacks && !is_wanted(event))
		events_scratch_done(event);
	else
		events_output(ctx, event, event->size, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
