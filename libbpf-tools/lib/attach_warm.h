/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's wait at the first uprobe of a while, while the tool still prepares: it finds, loads and generates its programs
 * meanwhile, and what is left of the wait passes at its own first uprobe.
 */
#ifndef LIB_ATTACH_WARM_H
#define LIB_ATTACH_WARM_H

struct attach_warm;

/* Registers a uprobe that is never hit, in a thread. NULL if that isn't possible, which does no harm. */
struct attach_warm *attach_warm_new(void);

/* Waits for the thread. Returns the descriptor of its uprobe, for the caller to close, or -1. NULL is fine. */
int attach_warm_end(struct attach_warm *warm);

#endif /* LIB_ATTACH_WARM_H */
