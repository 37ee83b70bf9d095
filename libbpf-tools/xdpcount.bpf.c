/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Count packets by source, and drop those of a block list.
 *
 * Both maps are reached through an array of one: user space exchanges a full one for an empty one, and reads it once
 * no program uses it any more, so that every packet is in one interval, once. The same lets it exchange all rules at once.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/prefix_key.h"
#include "xdpcount.h"

/* 802.1Q and 802.1ad: as many tags as are looked behind. */
#define TAGS_MAX 2
#define IPV4_SIZE 20
#define IPV4_SOURCE 12
#define IPV6_SIZE 40
#define IPV6_SOURCE 8

const volatile bool has_link_header = true;
const volatile bool has_rules = false;
const volatile bool dry_run = false;

struct counts_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct xdpcount_source));
	__uint(value_size, sizeof(struct xdpcount_counts));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct counts_map);
} counting SEC(".maps");

struct rules_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct prefix_key));
	__uint(value_size, sizeof(__u8));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct rules_map);
} ruling SEC(".maps");

/* An IP packet's source; the same byte tells the version of both. */
static __always_inline void find_address(struct xdpcount_source *source, void *header, void *end)
{
	__u8 version;

	if (header + IPV4_SIZE > end)
		return;
	version = *(__u8 *)header >> 4;
	if (version == 4) {
		source->kind = XDPCOUNT_IPV4;
		__builtin_memcpy(source->address, header + IPV4_SOURCE, 4);
	} else if (version == 6 && header + IPV6_SIZE <= end) {
		source->kind = XDPCOUNT_IPV6;
		__builtin_memcpy(source->address, header + IPV6_SOURCE, 16);
	}
}

static __always_inline void find_source(struct xdp_md *ctx, struct xdpcount_source *source)
{
	void *header = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be16 protocol;

	source->kind = XDPCOUNT_NOT_IP;
	if (!has_link_header) {
		find_address(source, header, end);
		return;
	}
	if (header + sizeof(struct ethhdr) > end)
		return;
	protocol = ((struct ethhdr *)header)->h_proto;
	header += sizeof(struct ethhdr);
#pragma unroll
	for (int i = 0; i < TAGS_MAX; i++) {
		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if (header + 4 > end)
			return;
		protocol = *(__be16 *)(header + 2);
		header += 4;
	}
	if (protocol == bpf_htons(ETH_P_IP) || protocol == bpf_htons(ETH_P_IPV6))
		find_address(source, header, end);
}

static __always_inline bool is_blocked(const struct xdpcount_source *source)
{
	struct prefix_key prefix = { .bits = PREFIX_KEY_BITS, .version = source->kind };
	__u32 zero = 0;
	__u8 *verdict;
	void *rules;

	if (!has_rules || source->kind == XDPCOUNT_NOT_IP)
		return false;
	rules = bpf_map_lookup_elem(&ruling, &zero);
	if (!rules)
		return false;
	__builtin_memcpy(prefix.address, source->address, sizeof(prefix.address));
	verdict = bpf_map_lookup_elem(rules, &prefix);
	return verdict && *verdict == PREFIX_BLOCKED;
}

static __always_inline struct xdpcount_counts *find_counts(void *sources,
							   struct xdpcount_source *source)
{
	struct xdpcount_counts *counts = bpf_map_lookup_elem(sources, source), none = {};

	if (counts)
		return counts;
	bpf_map_update_elem(sources, source, &none, BPF_NOEXIST);
	counts = bpf_map_lookup_elem(sources, source);
	if (counts)
		return counts;
	__builtin_memset(source, 0, sizeof(*source));
	source->kind = XDPCOUNT_OTHERS;
	return bpf_map_lookup_elem(sources, source);
}

static __always_inline int handle(struct xdp_md *ctx, __u64 bytes)
{
	struct xdpcount_source source = {};
	struct xdpcount_counts *counts;
	bool blocked;
	__u32 zero = 0;
	void *sources;

	find_source(ctx, &source);
	blocked = is_blocked(&source);
	sources = bpf_map_lookup_elem(&counting, &zero);
	counts = sources ? find_counts(sources, &source) : NULL;
	if (counts) {
		counts->packets++;
		counts->bytes += bytes;
		counts->dropped_packets += blocked;
		counts->dropped_bytes += blocked ? bytes : 0;
	}
	return blocked && !dry_run ? XDP_DROP : XDP_PASS;
}

/* Packets in several parts, as jumbo frames are (5.18). */
SEC("xdp.frags")
int count_parts(struct xdp_md *ctx)
{
	return handle(ctx, bpf_xdp_get_buff_len(ctx));
}

SEC("xdp")
int count_whole(struct xdp_md *ctx)
{
	return handle(ctx, ctx->data_end - ctx->data);
}

char LICENSE[] SEC("license") = "GPL";
