/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What attach's files share.
 */
#ifndef LIB_ATTACH_PRIVATE_H
#define LIB_ATTACH_PRIVATE_H

#include "lib/attach.h"

struct perf_event_attr;

/* pid 0: everything, on whichever CPU. A descriptor, or negative errno. */
int attach_open_perf_event(struct perf_event_attr *attr, pid_t pid);
/* One uprobe's perf event. A descriptor, or negative errno. */
int attach_open_uprobe(const struct attach_uprobe_opts *opts, const struct attach_place *place);
/* A number by scanf's format. */
int attach_read_sysfs(const char *path, const char *format, int *number);

#endif /* LIB_ATTACH_PRIVATE_H */
