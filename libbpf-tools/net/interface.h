/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the kernel says of a network interface, by rtnetlink(7): unlike sysfs, of the network namespace that we are in.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct interface {
	char name[IF_NAMESIZE];
	unsigned int index;
	unsigned short type; /* ARPHRD_... of linux/if_arp.h */
	bool is_loopback;
	char kind[32]; /* of a virtual device: "veth", "bridge", "tun"; "": a real one, or the loopback device */
	uint32_t xdp_program; /* id of an XDP program on it; 0: none */
};

/* 0, or negative errno: -ENODEV if there is no interface of this name. */
int interface_find(const char *name, struct interface *interface);

/* Do packets of this type begin with an Ethernet header? 1, 0, or -EOPNOTSUPP if with something else that is not IP either. */
int interface_has_link_header(const struct interface *interface);

#endif /* NET_INTERFACE_H */
