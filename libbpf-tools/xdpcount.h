/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the two halves of xdpcount share: the keys and values of its maps.
 */
#ifndef XDPCOUNT_H
#define XDPCOUNT_H

/* Where packets came from. Each packet counts in exactly one row. */
enum xdpcount_kind {
	XDPCOUNT_IPV4 = 4,
	XDPCOUNT_IPV6 = 6,
	XDPCOUNT_NOT_IP = 0, /* ARP and the like, and what is too short for a header */
	XDPCOUNT_OTHERS = 1, /* sources that found no room in the map */
};

/* Of struct xdpcount_counts, per CPU. */
struct xdpcount_source {
	__u32 kind;
	__u8 address[16]; /* IPv4: the first four bytes; the rest is zero */
};

struct xdpcount_counts {
	__u64 packets, bytes; /* all that came; bytes with the header of the link */
	__u64 dropped_packets,
		dropped_bytes; /* of these dropped, or with --dry-run: that would have been */
};

#endif /* XDPCOUNT_H */
