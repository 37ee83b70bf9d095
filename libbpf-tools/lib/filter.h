/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What was chosen (lib/choice.h) as filters that run in the kernel: numbers, and maps that they look into. Tools with a
 * skeleton test them by bpf/filter.bpf.h, trace by instructions that it generates from the same struct filter_config.
 */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

#include <linux/types.h>
#include <stdint.h>

#include "bpf/filter_config.h"
#include "bpf/pidns_config.h"
#include "lib/choice.h"
#include "lib/processes.h"

struct bpf_object;
struct follow;

struct filter {
	struct filter_config config;
	struct pidns_config pidns;
	/* The maps of config.follow, .cgroup, .cgroupmap and .mntnsmap; -1: not in use. */
	int follow_fd, cgroup_fd, cgroupmap_fd, mntnsmap_fd;

	/* Private. */
	const struct choice *choice;
	int group_fd; /* of a version 2 group's directory */
	struct follow *follow;
	struct processes processes; /* of -p */
};

#define FILTER_CLOSED                                                                    \
	{                                                                                \
		.follow_fd = -1, .cgroup_fd = -1, .cgroupmap_fd = -1, .mntnsmap_fd = -1, \
		.group_fd = -1                                                           \
	}

/* The ids and names of what was chosen, and nothing else. */
void filter_fill_config(struct filter_config *config, const struct choice *choice);

/*
 * Find what was chosen: processes, groups, containers, the kernel's structures. Nothing is made in the kernel yet. choice is
 * borrowed. 0, or negative errno after the cause has been reported: a filter that nothing can pass is refused.
 */
int filter_open(struct filter *filter, const struct choice *choice);

/*
 * Make the maps, follow what is to be followed, ask for our PID namespace. command_map_fd: that of run_follow_map_fd(), of a
 * COMMAND's tasks; -1. 0, or negative errno after the cause has been reported.
 */
int filter_start(struct filter *filter, int command_map_fd);

/*
 * Give an object that includes bpf/filter.bpf.h, between its skeleton's open and load, what filter_start() made; config and
 * pidns are &skel->rodata->filter_config and &skel->rodata->pidns_config. 0, or negative errno after the cause has been reported.
 */
int filter_prepare_object(const struct filter *filter, struct bpf_object *obj,
			  struct filter_config *config, struct pidns_config *pidns);

/* Once the tool's programs are attached. 0, or negative errno after the cause has been reported. */
int filter_attached(struct filter *filter);

/* Have the processes of -p ended, and with --follow all that they have forked? Reports it. Never without -p. */
bool filter_has_ended(const struct filter *filter);

/* Warn of tasks that should have been followed. */
void filter_tell_missed(const struct filter *filter);
/* Also of one that is FILTER_CLOSED, or was not opened wholly. */
void filter_close(struct filter *filter);

#endif /* LIB_FILTER_H */
