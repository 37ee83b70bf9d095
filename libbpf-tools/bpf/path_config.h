/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a walk from a directory or file up to the root of its mount namespace needs, and what it says: bpf/path.bpf.h walks, lib/path.h
 * finds the offsets and reads the components. Include <linux/types.h> or vmlinux.h first.
 */
#ifndef BPF_PATH_CONFIG_H
#define BPF_PATH_CONFIG_H

#define PATH_DEPTH_MAX 128    /* directories above it, and mounts */
#define PATH_NAME_SIZE 256    /* NAME_MAX and a NUL */
#define PATH_WALKED_SIZE 4096 /* of all components, each with its NUL */

enum path_flags {
	PATH_CUT = 1 << 0,	/* there are more directories above the first one */
	PATH_DELETED = 1 << 1,	/* it, or a directory above it, has been removed */
	PATH_PSEUDO = 1 << 2,	/* it was never in a directory: memfd_create(2), a pipe, ... */
	PATH_DETACHED = 1 << 3, /* it isn't below the root of the task's mount namespace */
};

/* Offsets in the kernel's structures: those of lib/path.c's table, in its order. */
struct path_config {
	__u32 task_fs, task_files, task_nsproxy, nsproxy_mnt_ns, mnt_ns_common, common_inum;
	__u32 fs_pwd, fs_root; /* struct path */
	__u32 path_mnt, path_dentry;
	__u32 files_fdt, fdtable_fd, fdtable_max_fds, file_path;
	__u32 vfsmount_root, mount_mnt, mount_parent, mount_mountpoint, mount_ns;
	__u32 dentry_parent, dentry_name, dentry_hash;
};

#endif /* BPF_PATH_CONFIG_H */
