/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The filters that run in the kernel (bpf/filter.bpf.h), set up by user space.
 */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

#include <linux/types.h>
#include <stdint.h>

#include "bpf/filter_config.h"
#include "lib/options.h"

struct bpf_object;

/*
 * Open a control group's directory for a BPF_MAP_TYPE_CGROUP_ARRAY, whose users ask
 * bpf_current_task_under_cgroup(): the group and all below it. id, unless NULL: the number that
 * bpf_get_current_cgroup_id() gives for the group itself. Returns a descriptor owned by the caller,
 * or negative errno: -ENOTDIR, -ENOENT, -EOPNOTSUPP (the directory is not in a cgroup version 2
 * hierarchy, which is all that BPF knows).
 */
int filter_cgroup_open(const char *path, uint64_t *id);

/*
 * Prepare an object that includes bpf/filter.bpf.h, between its skeleton's open and load; config is
 * &skel->rodata->filter_config. Allowed are those that the options name, in the map of lib/follow.h
 * (follow_map_fd; -1: all), and the tool itself never. More may be set in *config afterwards. 0, or
 * negative errno after the cause has been told.
 */
int filter_prepare_object(struct bpf_object *obj, struct filter_config *config,
			  const struct options *options, int follow_map_fd);

#endif /* LIB_FILTER_H */
