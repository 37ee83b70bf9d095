/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filters that tools have in common: process, thread, user, followed command, control groups, and
 * in a tool with CO-RE (whose types then include nsproxy and mnt_namespace) mount namespaces.
 * filter_config is read-only data: the verifier drops the tests of what isn't asked for.
 */
#ifndef BPF_FILTER_BPF_H
#define BPF_FILTER_BPF_H

#include "bpf/filter_config.h"
#include "bpf/pidns.bpf.h"

const volatile struct filter_config filter_config = { .uid = FILTER_ANY_UID };

/* Replaced by the maps of lib/follow.c and lib/filter.c when in use, not created otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} follow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} filter_cgroup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} filter_cgroupmap SEC(".maps");

static __always_inline bool filter_allows_cgroup(void)
{
	__u64 id = bpf_get_current_cgroup_id();

	return bpf_map_lookup_elem(&filter_cgroupmap, &id);
}

#ifdef __BPF_CORE_READ_H__
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} filter_mntnsmap SEC(".maps");

/* vmlinux.h only names it. */
struct mnt_namespace___filter {
	struct ns_common ns;
} __attribute__((preserve_access_index));

static __always_inline bool filter_allows_mntns(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mnt_namespace___filter *mntns = (void *)BPF_CORE_READ(task, nsproxy, mnt_ns);
	__u64 inode = BPF_CORE_READ(mntns, ns.inum);

	return bpf_map_lookup_elem(&filter_mntnsmap, &inode);
}
#else
static __always_inline bool filter_allows_mntns(void)
{
	return true;
}
#endif

/* Is the current task one of those to be traced? */
static __always_inline bool filter_allows_current(void)
{
	__u64 pid_tgid = pidns_current_ids();
	__u32 tid = bpf_get_current_pid_tgid();

	if (filter_config.self && filter_config.self == pid_tgid >> 32)
		return false;
	if (filter_config.pid && filter_config.pid != pid_tgid >> 32)
		return false;
	if (filter_config.tid && filter_config.tid != (__u32)pid_tgid)
		return false;
	if (filter_config.uid != FILTER_ANY_UID &&
	    filter_config.uid != (__u32)bpf_get_current_uid_gid())
		return false;
	if (filter_config.follow && !bpf_map_lookup_elem(&follow, &tid))
		return false;
	if (filter_config.cgroup && bpf_current_task_under_cgroup(&filter_cgroup, 0) != 1)
		return false;
	if (filter_config.cgroupmap && !filter_allows_cgroup())
		return false;
	return !filter_config.mntnsmap || filter_allows_mntns();
}

#endif /* BPF_FILTER_BPF_H */
