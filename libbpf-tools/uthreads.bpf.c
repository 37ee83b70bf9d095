/* SPDX-License-Identifier: GPL-2.0 */
/* uthreads, kernel side: threads that language runtimes start and end. */
#include "vmlinux.h"
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "uthreads.h"

#include "bpf/contexts.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"
#include "runtime/usdt_args.bpf.h"

#define CLONE_THREAD 0x10000 /* include/uapi/linux/sched.h */

/* Processes whose runtime has no place for its threads: the kernel reports them. */
MAPS_HASH(kernel_told, __u32, __u8, 4096);

static __always_inline void read_name(struct pt_regs *ctx, const struct runtime_place_spec *place,
				      struct uthreads_event *event)
{
	__u64 address, length;

	if (usdt_read(ctx, &place->args[RUNTIME_METHOD_NAME], &address))
		return;
	if (usdt_read(ctx, &place->args[RUNTIME_METHOD_LEN], &length)) {
		event->name_size =
			bpf_probe_read_user_str(event->name, sizeof(event->name), (void *)address);
		return;
	}
	if (length > sizeof(event->name) - 1)
		length = sizeof(event->name) - 1;
	event->name_size = bpf_probe_read_user(event->name, length, (void *)address);
	if (!event->name_size)
		event->name_size = length + 1;
}

SEC("uprobe")
int thread_event(struct pt_regs *ctx)
{
	__u64 ids = pidns_current_ids();
	struct uthreads_event event = { .ktime = bpf_ktime_get_ns(), .pid = ids >> 32, .tid = ids };
	const struct runtime_place_spec *place;

	TASK_STACK(ctx);
	if (!filter_allows_current())
		return 0;
	event.place = usdt_place_number(ctx);
	place = bpf_map_lookup_elem(&places, &event.place);
	if (!place)
		return 0;
	read_name(ctx, place, &event);
	events_send(ctx, &event, sizeof(event), 0);
	return 0;
}

/* A thread has been made, by the current one. */
static __always_inline int tell_thread(void *ctx, struct task_struct *task)
{
	struct uthreads_event event = { .ktime = bpf_ktime_get_ns(),
					.pid = pidns_current_ids() >> 32,
					.place = UTHREADS_BY_KERNEL };

	if (!filter_allows_current() || !bpf_map_lookup_elem(&kernel_told, &event.pid))
		return 0;
	event.tid = pidns_config.ns ? pidns_tid((__u64)task) : BPF_CORE_READ(task, pid);
	events_send(ctx, &event, sizeof(event), 0);
	return 0;
}

/* task_newtask(task, clone_flags) */
SEC("raw_tp/task_newtask")
int task_created(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[1] & CLONE_THREAD ? tell_thread(ctx, (void *)ctx->args[0]) : 0;
}

/* wake_up_new_task(task), which comes next. */
SEC("kprobe.multi")
int probe_created(struct function_context *ctx)
{
	struct task_struct *task = (void *)ctx->first;

	return BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) ? tell_thread(ctx, task) : 0;
}

char LICENSE[] SEC("license") = "GPL";
