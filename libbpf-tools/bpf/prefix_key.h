/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * IP prefixes with a verdict each, in a BPF_MAP_TYPE_LPM_TRIE: user space fills it (net/rules.h), a program looks a whole
 * address up.
 */
#ifndef BPF_PREFIX_KEY_H
#define BPF_PREFIX_KEY_H

struct prefix_key {
	__u32 bits;	  /* 32 and those of the prefix, so that no IPv6 prefix covers IPv4 */
	__u32 version;	  /* 4 or 6 */
	__u8 address[16]; /* in network order; of IPv4 the first four */
};

#define PREFIX_KEY_BITS (32 + 128)

/* The value, a byte. */
enum prefix_verdict { PREFIX_ALLOWED, PREFIX_BLOCKED };

#endif /* BPF_PREFIX_KEY_H */
