/* SPDX-License-Identifier: GPL-2.0 */
/*
 * opensnoop, kernel side: open, creat, openat and openat2, recorded when they return. Syscall tracepoints
 * have a fixed layout: no CO-RE relocation, hence no time spent on the kernel's BTF unless full paths are asked for.
 */
#include <asm/fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "opensnoop.h"

#define PATH_TEXT_SIZE (OPENSNOOP_PATH_SIZE + PATH_WALKED_SIZE)
#include "bpf/path.bpf.h"

/* The record comes first. */
struct scratch {
	struct opensnoop_event event;
	struct path_walk walk;
};

#define EVENTS_SCRATCH_SIZE sizeof(struct scratch)
#include "bpf/maps.bpf.h"
#include "bpf/syscalls.bpf.h"
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/blind.bpf.h"

#define AT_FDCWD -100
#define EAGAIN 11
#define EBADF 9
#define RESOLVE_IN_ROOT 0x10

const volatile bool failed_only = false;
const volatile bool with_full_path = false;
const volatile bool with_mntns = false;

struct pending {
	__u64 path;
	__u64 flags, mode, resolve; /* as struct open_how: openat2(2) */
	struct path_place base;	    /* of a relative path */
	__s32 dirfd;
	__s32 flags_error;
	__u32 place; /* of the path among the arguments */
	__u32 unused;
};

/* Calls under way, by thread. */
MAPS_HASH(pendings, __u32, struct pending, 16384);

static __always_inline bool get_base(struct path_place *base, __s32 dirfd)
{
	if (dirfd != AT_FDCWD)
		return path_get_fd(base, dirfd);
	path_get_cwd(base);
	return true;
}

static __always_inline int enter(struct pending *pending)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (!filter_allows_current())
		return 0;
	if (with_full_path)
		get_base(&pending->base, pending->dirfd);
	if (!bpf_map_update_elem(&pendings, &tid, pending, BPF_ANY))
		return 0;
	if (failed_only)
		events_count_doubtful();
	else
		events_count_lost(0);
	return 0;
}

SYSCALLS_ENTER(open, args)
{
	struct pending pending = {
		.path = args[0], .flags = args[1], .mode = args[2], .dirfd = AT_FDCWD
	};

	return enter(&pending);
}

/* creat(2): what open does with these flags. */
SYSCALLS_ENTER(creat, args)
{
	struct pending pending = { .path = args[0],
				   .flags = O_CREAT | O_WRONLY | O_TRUNC,
				   .mode = args[1],
				   .dirfd = AT_FDCWD };

	return enter(&pending);
}

SYSCALLS_ENTER(openat, args)
{
	struct pending pending = {
		.path = args[1], .flags = args[2], .mode = args[3], .dirfd = args[0], .place = 1
	};

	return enter(&pending);
}

SYSCALLS_ENTER(openat2, args)
{
	struct pending pending = { .path = args[1], .dirfd = args[0], .place = 1 };

	pending.flags_error =
		bpf_probe_read_user(&pending.flags, 3 * sizeof(pending.flags), (void *)args[2]);
	return enter(&pending);
}

static __always_inline struct path_walk *path_of(__u32 slot)
{
	struct scratch *scratch = events_scratch_at(slot);

	return scratch ? &scratch->walk : NULL;
}

static __always_inline char *path_text(__u32 slot)
{
	struct scratch *scratch = events_scratch_at(slot);

	return scratch ? scratch->event.path : NULL;
}

/*
 * Where the path begins: nothing is added to one that is absolute and whose root is the namespace's. Neither the current
 * directory nor the descriptor's file may have changed since the call began.
 */
static __always_inline long add_base(struct scratch *scratch, __u32 slot,
				     const struct pending *pending, __u32 offset)
{
	bool is_absolute = scratch->event.path[0] == '/';
	struct path_place base = {};

	if (is_absolute && !(pending->resolve & RESOLVE_IN_ROOT))
		path_get_root(&base);
	else if (!get_base(&base, pending->dirfd))
		return -EBADF;
	else if (base.dentry != pending->base.dentry || base.mnt != pending->base.mnt)
		return -EAGAIN;
	path_walk_up(slot, &scratch->walk, &base, offset);
	scratch->event.base_flags = scratch->walk.flags;
	return scratch->walk.len;
}

/*
 * The path is read on return: the kernel has just read it too, so that it is in memory, which it
 * need not have been on entry.
 */
static __always_inline int record(void *ctx, __s64 result, struct pending *pending)
{
	__u64 size = offsetof(struct opensnoop_event, path);
	int slot = events_scratch_take();
	struct scratch *scratch = slot < 0 ? NULL : events_scratch_at(slot);
	struct opensnoop_event *event;
	long len;

	if (!scratch) {
		events_count_lost(0);
		return 0;
	}
	event = &scratch->event;
	PIDNS_SET_CURRENT(event);
	event->gid = bpf_get_current_uid_gid() >> 32;
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->mntns = with_mntns ? path_mntns() : 0;
	event->ktime = bpf_ktime_get_ns();
	event->flags = pending->flags;
	event->mode = pending->mode;
	event->resolve = pending->resolve;
	event->dirfd = pending->dirfd;
	event->flags_error = pending->flags_error;
	event->result = result;
	event->base_len = 0;
	event->base_flags = 0;
	len = bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)pending->path);
	event->path_len = len;
	if (len > 0)
		size += len;
	if (with_full_path && len > 0) {
		event->base_len = add_base(scratch, slot, pending, len);
		if (event->base_len > 0)
			size += event->base_len;
	}
	events_output(ctx, scratch, size, 0);
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
