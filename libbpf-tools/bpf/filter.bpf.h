/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filters that tools have in common: is the current task one that the user chose? filter_config is read-only data: the
 * verifier drops the tests of what isn't asked for. Needs no CO-RE: the kernel's structures are walked by offsets in it.
 */
#ifndef BPF_FILTER_BPF_H
#define BPF_FILTER_BPF_H

#include "bpf/filter_config.h"
#include "bpf/maps.bpf.h"
#include "bpf/pidns.bpf.h"

const volatile struct filter_config filter_config = { .uid = FILTER_ANY_UID };

/* Replaced by the maps of lib/follow.c and lib/filter.c when in use, not created otherwise. */
MAPS_HASH(follow, __u32, __u8, 1);

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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} filter_mntnsmap SEC(".maps");

static __always_inline __u64 filter_walk(const volatile struct filter_path *path)
{
	__u64 at = bpf_get_current_task(), value;
	__u32 i;

	for (i = 0; i < FILTER_STEPS_MAX && i < path->count; i++) {
		value = 0;
		bpf_probe_read_kernel(&value, sizeof(value), (void *)(at + path->offsets[i]));
		at = value;
	}
	return at;
}

static __always_inline bool filter_allows_process(__u32 pid)
{
	__u32 i;

	if (!filter_config.pid_count)
		return true;
	for (i = 0; i < FILTER_PIDS_MAX && i < filter_config.pid_count; i++) {
		if (filter_config.pids[i] == pid)
			return true;
	}
	return false;
}

static __always_inline bool filter_allows_ids(void)
{
	__u64 ids = pidns_current_ids();

	if (filter_config.self && filter_config.self == ids >> 32)
		return false;
	if (!filter_allows_process(ids >> 32))
		return false;
	if (filter_config.tid && filter_config.tid != (__u32)ids)
		return false;
	return filter_config.uid == FILTER_ANY_UID ||
	       filter_config.uid == (__u32)bpf_get_current_uid_gid();
}

static __always_inline bool filter_allows_parent(void)
{
	__u64 parent = filter_walk(&filter_config.parent);

	return (__u32)(pidns_config.ns ? pidns_task_ids(parent) >> 32 : parent) ==
	       filter_config.ppid;
}

static __always_inline bool filter_allows_name(void)
{
	__u64 words[2] = {};
	__u32 i, at;

	for (i = 0; i < FILTER_NAMES_MAX && i < filter_config.name_count; i++) {
		const volatile struct filter_name *name = &filter_config.names[i];

		bpf_get_current_comm(words, sizeof(words));
		for (at = 0; at < FILTER_NAME_SIZE && at < name->places; at++) {
			if ((words[0] & name->mask[0]) == name->text[0] &&
			    (words[1] & name->mask[1]) == name->text[1])
				return true;
			words[0] = words[0] >> 8 | words[1] << 56;
			words[1] >>= 8;
		}
	}
	return false;
}

/* Is the task's group of version 1 the one asked for, or below it? */
static __always_inline bool filter_allows_group(void)
{
	return (__u32)filter_walk(&filter_config.level) >= filter_config.cgroup_level &&
	       filter_walk(&filter_config.ancestor) == filter_config.cgroup_id;
}

static __always_inline bool filter_allows_maps(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 id;

	if (filter_config.follow && !bpf_map_lookup_elem(&follow, &tid))
		return false;
	if (filter_config.cgroup && bpf_current_task_under_cgroup(&filter_cgroup, 0) != 1)
		return false;
	if (filter_config.cgroupmap) {
		id = bpf_get_current_cgroup_id();
		if (!bpf_map_lookup_elem(&filter_cgroupmap, &id))
			return false;
	}
	if (filter_config.mntnsmap) {
		id = (__u32)filter_walk(&filter_config.mntns);
		if (!bpf_map_lookup_elem(&filter_mntnsmap, &id))
			return false;
	}
	return true;
}

/* A function of its own, which is verified once; several of a tool's programs ask it. */
__noinline int filter_test_current(void)
{
	return filter_allows_ids() && filter_allows_maps() &&
	       (!filter_config.ppid || filter_allows_parent()) &&
	       (!filter_config.cgroup_id || filter_allows_group()) &&
	       (!filter_config.name_count || filter_allows_name());
}

/* Is the current task one of those to be traced? */
static __always_inline bool filter_allows_current(void)
{
	return filter_test_current();
}

#endif /* BPF_FILTER_BPF_H */
