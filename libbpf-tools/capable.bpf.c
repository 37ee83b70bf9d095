/* SPDX-License-Identifier: GPL-2.0 */
/*
 * capable, kernel side: cap_capable(), by its kprobes, which know the check's options, or by its
 * tracepoint (6.14).
 */
#include <vmlinux.h>

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "capable.h"

#define EVENTS_SCRATCH_SIZE sizeof(struct capable_event)
#include "bpf/contexts.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"

const volatile bool with_unaudited = false;
const volatile bool with_kernel_stack = false;
const volatile bool with_user_stack = false;
const volatile __u32 unique = CAPABLE_NOT_UNIQUE;

/*
 * Checks under way, by thread: all but their results, as the stack can't be walked from a return
 * probe on some kernels. There are few, as the function doesn't sleep.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct capable_event);
} checks SEC(".maps");

struct seen_key {
	__u64 who; /* a process or a control group */
	__u64 cap;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct seen_key);
	__type(value, __u8);
} seen SEC(".maps");

static __always_inline bool is_repeated(__u64 cap)
{
	struct seen_key key = { .cap = cap };
	__u8 value = 1;

	if (unique == CAPABLE_NOT_UNIQUE)
		return false;
	key.who = unique == CAPABLE_UNIQUE_CGROUP ? bpf_get_current_cgroup_id()
						  : bpf_get_current_pid_tgid() >> 32;
	return bpf_map_update_elem(&seen, &key, &value, BPF_NOEXIST);
}

/* The rest of the record is to be sent, or kept, by the caller. */
static __always_inline void fill(void *ctx, struct capable_event *event, __s32 cap, __s32 options)
{
	const __u64 header = offsetof(struct capable_event, addresses);
	const long stack_size = CAPABLE_STACK_MAX * sizeof(__u64);
	__u64 size = header, ids = pidns_current_ids();
	long len;

	event->ktime = bpf_ktime_get_ns();
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->pid = ids >> 32;
	event->tid = ids;
	event->uid = bpf_get_current_uid_gid();
	event->cap = cap;
	event->options = options;
	event->result = 0;
	event->kernel_size = 0;
	event->user_size = 0;
	event->unused = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
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
int BPF_KPROBE(check_begins, const void *cred, const void *namespace, int cap, int options)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct capable_event *event;

	if (!filter_allows_current() || (options & CAPABLE_NOAUDIT && !with_unaudited) ||
	    is_repeated(cap))
		return 0;
	event = events_scratch(0);
	if (!event)
		return 0;
	fill(ctx, event, cap, options);
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
	size = event->size;
	if (size <= sizeof(*event))
		events_send(ctx, event, size, 0);
	bpf_map_delete_elem(&checks, &tid);
	return 0;
}

SEC("raw_tp")
int check_traced(struct raw_context *ctx)
{
	struct capable_event *event;

	if (!filter_allows_current() || is_repeated(ctx->args[3]))
		return 0;
	event = events_scratch(0);
	if (!event)
		return 0;
	fill(ctx, event, ctx->args[3], -1);
	event->result = ctx->args[4];
	events_output(ctx, event, event->size, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
