/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Would a list of prefixes lock out whoever set it up? Who must stay reachable: the SSH client that they came from,
 * the default gateways, this machine's own addresses.
 */
#ifndef NET_LOCKOUT_H
#define NET_LOCKOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "net/prefix.h"

/*
 * Does it block one of these, or everything? Then why says which address, and by which prefix. The list is finished.
 */
bool lockout_threatens(const struct prefix_list *list, char *why, size_t why_size);

#endif /* NET_LOCKOUT_H */
