/* SPDX-License-Identifier: GPL-2.0 */
/* ugc, kernel side: a thread's collections, sent when they end. */
#include "vmlinux.h"
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ugc.h"

#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"
#include "runtime/usdt_args.bpf.h"

const volatile __u64 min_ns = 0;

/* Collections under way, by thread. */
MAPS_HASH(collections, __u32, struct ugc_event, 4096);

static __always_inline int begin(struct pt_regs *ctx)
{
	__u64 ids = pidns_current_ids();
	const struct runtime_place_spec *place;
	struct ugc_event event = { .pid = ids >> 32, .tid = ids, .place = usdt_place_number(ctx) };
	__u32 tid = bpf_get_current_pid_tgid();

	if (!filter_allows_current())
		return 0;
	place = bpf_map_lookup_elem(&places, &event.place);
	if (!place)
		return 0;
	event.has_number = !usdt_read(ctx, &place->args[RUNTIME_NUMBER], &event.number);
	event.begin_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&collections, &tid, &event, BPF_ANY))
		events_count_lost(0);
	return 0;
}

SEC("uprobe")
int gc_begin(struct pt_regs *ctx)
{
	TASK_STACK(ctx);
	return begin(ctx);
}

/* A part of a collection: of the one under way, or by itself, later. */
SEC("uprobe")
int gc_resume(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct ugc_event *begun = bpf_map_lookup_elem(&collections, &tid);

	TASK_STACK(ctx);
	if (!begun)
		return begin(ctx);
	begun->parts++;
	return 0;
}

SEC("uprobe")
int gc_end(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct ugc_event *begun = bpf_map_lookup_elem(&collections, &tid), event;

	TASK_STACK(ctx);
	if (!begun)
		return 0;
	if (begun->parts) {
		begun->parts--;
		return 0;
	}
	event = *begun;
	bpf_map_delete_elem(&collections, &tid);
	event.ns = bpf_ktime_get_ns() - event.begin_ns;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	if (event.ns >= min_ns)
		events_send(ctx, &event, sizeof(event), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
