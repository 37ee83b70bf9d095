/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The filters that run in the kernel (bpf/filter.bpf.h), set up by user space.
 */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/filter_config.h"

struct bpf_object;

/*
 * Open a control group's directory for a BPF_MAP_TYPE_CGROUP_ARRAY, whose users ask
 * bpf_current_task_under_cgroup(): the group and all below it. id, unless NULL: the number that
 * bpf_get_current_cgroup_id() gives for the group itself. Returns a descriptor owned by the caller,
 * or negative errno: -ENOTDIR, -ENOENT, -EOPNOTSUPP (the directory is not in a cgroup version 2
 * hierarchy, which is all that BPF knows).
 */
int filter_cgroup_open(const char *path, uint64_t *id);

/* Zero and NULL mean any, except where said. */
struct filter_opts {
	pid_t pid;
	pid_t tid;
	uid_t uid;	    /* FILTER_ANY_UID: any */
	int follow_map_fd;  /* run_follow_map_fd(); -1: any */
	const char *cgroup; /* path of a directory */
	bool include_self;  /* show what the tool itself does, too */
};

/*
 * Prepare an object that includes bpf/filter.bpf.h, between its skeleton's open and load; config is
 * &skel->rodata->filter_config. 0, or negative errno after the cause has been told.
 */
int filter_prepare_object(struct bpf_object *obj, struct filter_config *config,
			  const struct filter_opts *opts);

#endif /* LIB_FILTER_H */
