/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ustat, kernel side: counts of a process's (or thread's) events in its language runtime. A program an event, so
 * that neither cookies nor arguments are needed: nothing depends on the kernel's BTF.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "ustat.h"

#include "bpf/contexts.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"

#define CLONE_THREAD 0x10000 /* include/uapi/linux/sched.h */

const volatile bool per_thread = false;
const volatile bool use_cookie = false;
/* In struct task_struct. */
const volatile __u32 task_pid_offset = 0, task_tgid_offset = 0;

/* Of user space's output: increases each time. */
__u32 interval = 0;
/* Hits that found no room in the map below. */
__u64 dropped = 0;

MAPS_HASH(counts, struct ustat_key, struct ustat_counts, USTAT_PROCESSES_MAX);

struct collection {
	__u64 begin_ns;
	__u64 parts; /* under way within it */
};

/* Collections under way, by thread. */
MAPS_HASH(collections, __u32, struct collection, 4096);

static __always_inline struct ustat_key current_key(void)
{
	__u64 ids = pidns_current_ids();
	struct ustat_key key = { .pid = ids >> 32, .tid = per_thread ? (__u32)ids : 0 };

	return key;
}

/* Is the current process to be counted? One of another PID namespace could not be named. */
static __always_inline bool is_counted(void)
{
	return filter_allows_current() && (!pidns_config.ns || pidns_current_ids());
}

static __always_inline void send_process(void *ctx)
{
	struct ustat_process event = { .pid = pidns_current_ids() >> 32 };

	events_send(ctx, &event, sizeof(event), 0);
}

static __always_inline struct ustat_counts *current_counts(void *ctx)
{
	struct ustat_key key = current_key();
	struct ustat_counts *found = bpf_map_lookup_elem(&counts, &key), fresh = {};

	if (found)
		return found;
	fresh.place = use_cookie ? bpf_get_attach_cookie(ctx) : USTAT_NO_PLACE;
	bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
	if (!bpf_map_update_elem(&counts, &key, &fresh, BPF_NOEXIST))
		send_process(ctx);
	return bpf_map_lookup_elem(&counts, &key);
}

static __always_inline int count(void *ctx, enum ustat_field field)
{
	struct ustat_counts *found;

	if (!is_counted())
		return 0;
	found = current_counts(ctx);
	if (found)
		__sync_fetch_and_add(&found->fields[field], 1);
	else
		__sync_fetch_and_add(&dropped, 1);
	return 0;
}

SEC("uprobe")
int count_method(void *ctx)
{
	TASK_STACK(ctx);
	return count(ctx, USTAT_METHOD);
}

SEC("uprobe")
int count_object(void *ctx)
{
	TASK_STACK(ctx);
	return count(ctx, USTAT_OBJECT);
}

SEC("uprobe")
int count_class(void *ctx)
{
	TASK_STACK(ctx);
	return count(ctx, USTAT_CLASS);
}

SEC("uprobe")
int count_exception(void *ctx)
{
	TASK_STACK(ctx);
	return count(ctx, USTAT_EXCEPTION);
}

SEC("uprobe")
int count_thread(void *ctx)
{
	TASK_STACK(ctx);
	return count(ctx, USTAT_THREAD);
}

static __always_inline void note_collection(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct collection fresh = { .begin_ns = bpf_ktime_get_ns() };

	bpf_map_update_elem(&collections, &tid, &fresh, BPF_ANY);
}

SEC("uprobe")
int gc_begin(void *ctx)
{
	TASK_STACK(ctx);
	if (!is_counted())
		return 0;
	note_collection();
	return count(ctx, USTAT_GC);
}

/* A part of a collection that has been counted: of the one under way, or by itself, later. */
SEC("uprobe")
int gc_resume(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct collection *begun = bpf_map_lookup_elem(&collections, &tid);

	TASK_STACK(ctx);
	if (begun)
		begun->parts++;
	else if (is_counted())
		note_collection();
	return 0;
}

SEC("uprobe")
int gc_end(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct collection *begun = bpf_map_lookup_elem(&collections, &tid);
	struct ustat_counts *found;
	__u64 ns;

	TASK_STACK(ctx);
	if (!begun)
		return 0;
	if (begun->parts) {
		begun->parts--;
		return 0;
	}
	ns = bpf_ktime_get_ns() - begun->begin_ns;
	bpf_map_delete_elem(&collections, &tid);
	found = current_counts(ctx);
	if (!found)
		return 0;
	__sync_fetch_and_add(&found->gc_ns, ns);
	if (found->gc_interval != interval) {
		found->gc_interval = interval;
		found->gc_max_ns = 0;
	}
	if (found->gc_max_ns < ns)
		found->gc_max_ns = ns;
	return 0;
}

/* For places that are never run. */
SEC("uprobe")
int nothing(void *ctx)
{
	return 0;
}

/* A thread has been made, by the current one. Only for processes that have been seen in a runtime. */
static __always_inline int count_kernel_thread(void)
{
	struct ustat_key key = current_key();
	struct ustat_counts *found = bpf_map_lookup_elem(&counts, &key);

	if (found)
		__sync_fetch_and_add(&found->kernel_threads, 1);
	return 0;
}

/* task_newtask(task, clone_flags) */
SEC("raw_tp/task_newtask")
int task_created(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[1] & CLONE_THREAD ? count_kernel_thread() : 0;
}

/* wake_up_new_task(task), which comes next: a thread has another id than its process. */
SEC("kprobe.multi")
int probe_created(struct function_context *ctx)
{
	__u32 pid = 0, tgid = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), (void *)ctx->first + task_pid_offset);
	bpf_probe_read_kernel(&tgid, sizeof(tgid), (void *)ctx->first + task_tgid_offset);
	return pid != tgid ? count_kernel_thread() : 0;
}

SEC("raw_tp/sched_process_exec")
int program_executed(void *ctx)
{
	if (is_counted())
		send_process(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
