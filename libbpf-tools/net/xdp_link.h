/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * An XDP program on an interface, as a link: it goes with its last descriptor, so with the process, however that ends.
 */
#ifndef NET_XDP_LINK_H
#define NET_XDP_LINK_H

#include <stdbool.h>

#include "net/interface.h"

/* Where packets are seen. */
enum xdp_mode {
	XDP_MODE_AUTO,	  /* native for real devices that can, else generic */
	XDP_MODE_NATIVE,  /* by the device's driver */
	XDP_MODE_GENERIC, /* behind it, with any device */
};

/* Is there a program on the interface already? It is reported then. */
bool xdp_link_is_taken(const struct interface *interface);

/* A descriptor, or negative errno after the cause has been reported. */
int xdp_link_new(const struct interface *interface, int prog_fd, enum xdp_mode mode);

/* Is it still on an interface? Whoever deletes the interface takes the program off. */
bool xdp_link_is_attached(int link_fd);

#endif /* NET_XDP_LINK_H */
