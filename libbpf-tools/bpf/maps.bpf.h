/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps as the tools make most of theirs. Include after bpf_helpers.h.
 */
#ifndef BPF_MAPS_BPF_H
#define BPF_MAPS_BPF_H

/* A hash that takes memory for what is in it only. */
#define MAPS_HASH(name, key_type, value_type, max)    \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_HASH);      \
		__uint(max_entries, max);             \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, key_type);                \
		__type(value, value_type);            \
	} name SEC(".maps")

#endif /* BPF_MAPS_BPF_H */
