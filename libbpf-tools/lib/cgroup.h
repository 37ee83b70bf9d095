/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Control groups and containers as user space sees them: mounts, hierarchies, ids.
 */
#ifndef LIB_CGROUP_H
#define LIB_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_place {
	bool is_v2;
	char controller
		[32]; /* version 1: one of the hierarchy's, as the kernel's enum cgroup_subsys_id calls it */
	unsigned int level; /* groups above it, the root included */
	uint64_t id;	    /* the kernel's number of the group: kernfs_node.id */
};

/*
 * What group a directory is. 0; errors of stat(2); -EOPNOTSUPP: it is in no hierarchy, or in one of version 1 that
 * has no controller.
 */
int cgroup_describe(const char *path, struct cgroup_place *place);

/*
 * The directory of the container whose id begins with `prefix` (at least 4 hexadecimal digits), by the groups
 * of running processes: .../ID, .../docker-ID.scope and the like. Version 2 is preferred. 0, -EINVAL (no
 * prefix of an id), -ENOENT, -EEXIST (several; path is then the first's id), -ENODEV: its hierarchy isn't mounted.
 */
int cgroup_find_container(const char *prefix, char path[PATH_MAX]);

/*
 * The id in one component of a group's path ("docker-0123….scope", "0123…"): its first digit and their number, 0: there
 * is none.
 */
size_t cgroup_container_id(const char *component, size_t len, const char **id);

#endif /* LIB_CGROUP_H */
