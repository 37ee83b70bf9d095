/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What all processes map as code, seen when they do it: /proc/PID/maps is gone as soon as a process
 * ends, which short-lived ones have done before their stacks are looked at. The kernel reports by
 * perf events, as it does perf-record(1).
 */
#ifndef LIB_MAPPINGS_H
#define LIB_MAPPINGS_H

#include <sys/types.h>

struct bsl_maps;
struct mappings;

/* Watch from now on. NULL and errno: EACCES or EPERM where the kernel doesn't let us. */
struct mappings *mappings_new(void);
void mappings_free(struct mappings *mappings);

/* Take what the kernel has reported: now and then, as its buffers are small. */
void mappings_drain(struct mappings *mappings);

/*
 * The code that a process has mapped since then, and what it got from its parent; of places mapped
 * several times (by exec) the last. It may have ended: the last few thousand processes are kept.
 * NULL: nothing is known. Valid until the next call.
 */
const struct bsl_maps *mappings_of(struct mappings *mappings, pid_t pid);

#endif /* LIB_MAPPINGS_H */
