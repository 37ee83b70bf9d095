/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a directory or a file up to the root of its mount namespace, whatever root a process has chosen: as the kernel's
 * prepend_path() (fs/d_path.c), but without its locks. What is being renamed may be seen half way. Needs no CO-RE.
 *
 * A tool has a struct path_walk in its scratch memory, and defines path_of(slot), which gives it, and path_text(slot), an array of
 * PATH_TEXT_SIZE bytes into which the components go, last one first, each with a NUL. (A step is a global function, which the
 * verifier looks at once; it can be given numbers only before 5.12, such as that of the slot.)
 */
#ifndef BPF_PATH_BPF_H
#define BPF_PATH_BPF_H

#include "bpf/path_config.h"

const volatile struct path_config path_config = {};

struct path_place {
	__u64 dentry, mnt; /* struct vfsmount */
};

struct path_walk {
	struct path_place place;
	__u32 start; /* in the text */
	__s32 len;   /* of the components so far, or the negative errno of reading one */
	__u32 flags; /* enum path_flags */
	__u32 is_done;
};

static __always_inline struct path_walk *path_of(__u32 slot);
static __always_inline char *path_text(__u32 slot);

static __always_inline __u64 path_read(__u64 at, __u32 offset)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)(at + offset));
	return value;
}

/* Of a struct path at this address. */
static __always_inline void path_get(struct path_place *place, __u64 at)
{
	place->dentry = path_read(at, path_config.path_dentry);
	place->mnt = path_read(at, path_config.path_mnt);
}

/* Where a relative path of the current task begins: its current directory. */
static __always_inline void path_get_cwd(struct path_place *place)
{
	path_get(place,
		 path_read(bpf_get_current_task(), path_config.task_fs) + path_config.fs_pwd);
}

/* The root that it has chosen, where an absolute path begins. */
static __always_inline void path_get_root(struct path_place *place)
{
	path_get(place,
		 path_read(bpf_get_current_task(), path_config.task_fs) + path_config.fs_root);
}

/* What a descriptor of the current task is open on. False: it isn't open. */
static __always_inline bool path_get_fd(struct path_place *place, __u32 fd)
{
	__u64 files = path_read(bpf_get_current_task(), path_config.task_files);
	__u64 table = path_read(files, path_config.files_fdt), file;

	if (fd >= (__u32)path_read(table, path_config.fdtable_max_fds))
		return false;
	file = path_read(path_read(table, path_config.fdtable_fd) + (__u64)fd * sizeof(file), 0);
	if (!file)
		return false;
	path_get(place, file + path_config.file_path);
	return true;
}

/* The inode of the current task's mount namespace. */
static __always_inline __u32 path_mntns(void)
{
	__u64 proxy = path_read(bpf_get_current_task(), path_config.task_nsproxy);
	__u64 ns = path_read(proxy, path_config.nsproxy_mnt_ns);

	return path_read(ns + path_config.mnt_ns_common, path_config.common_inum);
}

/* From the root of a mount to where that is. Returns 1 if it is nowhere. */
static __always_inline int path_leave_mount(struct path_walk *walk)
{
	__u64 mount = walk->place.mnt - path_config.mount_mnt;
	__u64 parent = path_read(mount, path_config.mount_parent);
	__u64 proxy = path_read(bpf_get_current_task(), path_config.task_nsproxy);

	if (parent == mount) {
		if (path_read(mount, path_config.mount_ns) !=
		    path_read(proxy, path_config.nsproxy_mnt_ns))
			walk->flags |= PATH_DETACHED;
		walk->is_done = true;
		return 1;
	}
	walk->place.dentry = path_read(mount, path_config.mount_mountpoint);
	walk->place.mnt = parent + path_config.mount_mnt;
	return 0;
}

/* Returns 1 at the end. */
__noinline int path_step(__u32 slot)
{
	struct path_walk *walk = path_of(slot);
	char *text = path_text(slot);
	__u64 dentry, parent, end;
	long len;

	if (!walk || !text)
		return 1;
	dentry = walk->place.dentry;
	if (dentry == path_read(walk->place.mnt, path_config.vfsmount_root))
		return path_leave_mount(walk);
	parent = path_read(dentry, path_config.dentry_parent);
	if (dentry == parent)
		walk->flags |= PATH_PSEUDO;
	/* struct hlist_bl_node's pprev: d_unhashed() */
	else if (!path_read(dentry, path_config.dentry_hash + sizeof(__u64)))
		walk->flags |= PATH_DELETED;
	end = walk->start + (__u32)walk->len;
	barrier_var(end);
	if ((__u32)walk->len > PATH_WALKED_SIZE - PATH_NAME_SIZE ||
	    end > PATH_TEXT_SIZE - PATH_NAME_SIZE)
		return 1;
	/* struct qstr: hash and length, then the name */
	len = bpf_probe_read_kernel_str(text + end, PATH_NAME_SIZE,
					(void *)path_read(dentry,
							  path_config.dentry_name + sizeof(__u64)));
	walk->is_done = len < 0 || dentry == parent;
	walk->len = len < 0 ? len : walk->len + len;
	walk->place.dentry = parent;
	return walk->is_done;
}

/* The walk of this slot, from a place; its components go to text from start on. */
static __always_inline void path_walk_up(__u32 slot, struct path_walk *walk,
					 const struct path_place *place, __u32 start)
{
	int i;

	walk->place = *place;
	walk->start = start;
	walk->len = 0;
	walk->flags = 0;
	walk->is_done = false;
	for (i = 0; i < PATH_DEPTH_MAX && !path_step(slot); i++)
		;
	if (!walk->is_done)
		walk->flags |= PATH_CUT;
}

#endif /* BPF_PATH_BPF_H */
