/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A running process with all its descendants, those it has and those to come, as a set of tasks
 * (lib/follow.h).
 */
#ifndef LIB_SUBTREE_H
#define LIB_SUBTREE_H

#include <sys/types.h>

struct follow;

/*
 * Follow process pid, its threads and descendants. One that was adopted by another process before
 * now isn't known as a descendant; one that is adopted later is. follow_free() it. NULL and errno:
 * ESRCH, no such process.
 */
struct follow *subtree_follow(pid_t pid);

#endif /* LIB_SUBTREE_H */
