/* SPDX-License-Identifier: GPL-2.0 */
/*
 * opensnoop, kernel side: open, creat, openat and openat2, recorded when they return. Syscall tracepoints
 * have a fixed layout: no CO-RE relocation, hence no time spent on the kernel's BTF.
 */
#include <asm/fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "opensnoop.h"

#define EVENTS_SCRATCH_SIZE sizeof(struct opensnoop_event)
#include "bpf/maps.bpf.h"
#include "bpf/syscalls.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"

const volatile bool failed_only = false;

struct pending {
	__u64 path;
	__u64 flags;
	__s32 flags_error;
	__u32 place; /* of the path among the arguments */
};

/* Calls under way, by thread. */
MAPS_HASH(pendings, __u32, struct pending, 16384);

static __always_inline int enter(__u32 place, __u64 path, __u64 flags, long flags_error)
{
	struct pending pending = { path, flags, flags_error, place };
	__u32 tid = bpf_get_current_pid_tgid();

	if (!filter_allows_current() || !bpf_map_update_elem(&pendings, &tid, &pending, BPF_ANY))
		return 0;
	if (failed_only)
		events_count_doubtful();
	else
		events_count_lost(0);
	return 0;
}

SYSCALLS_ENTER(open, args)
{
	return enter(0, args[0], args[1], 0);
}

/* creat(2): what open does with these flags. */
SYSCALLS_ENTER(creat, args)
{
	return enter(0, args[0], O_CREAT | O_WRONLY | O_TRUNC, 0);
}

SYSCALLS_ENTER(openat, args)
{
	return enter(1, args[1], args[2], 0);
}

SYSCALLS_ENTER(openat2, args)
{
	__u64 flags = 0;
	/* The first member of struct open_how: openat2(2). */
	long err = bpf_probe_read_user(&flags, sizeof(flags), (void *)args[2]);

	return enter(1, args[1], flags, err);
}

/*
 * The path is read on return: the kernel has just read it too, so that it is in memory, which it
 * need not have been on entry.
 */
static __always_inline int record(void *ctx, __s64 result, struct pending *pending)
{
	struct opensnoop_event *event = events_scratch(0);
	__u64 size = offsetof(struct opensnoop_event, path);
	long len;

	if (!event)
		return 0;
	PIDNS_SET_CURRENT(event);
	event->ktime = bpf_ktime_get_ns();
	event->flags = pending->flags;
	event->flags_error = pending->flags_error;
	event->result = result;
	len = bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)pending->path);
	event->path_len = len;
	if (len > 0)
		size += len;
	events_output(ctx, event, size, 0);
	return 0;
}

SYSCALLS_LEAVE(ctx, result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct pending *pending = bpf_map_lookup_elem(&pendings, &tid);

	if (!pending)
		return 0;
	if ((!failed_only || result < 0) && returning_has(pending->place, pending->path))
		record(ctx, result, pending);
	bpf_map_delete_elem(&pendings, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
