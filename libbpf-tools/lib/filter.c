/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From what was chosen to filters; see filter.h.
 */
#include "lib/filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/core.h"
#include "lib/follow.h"
#include "lib/log.h"
#include "lib/pidns.h"
#include "lib/subtree.h"

/* ---- ids and names ---- */

static int filter_check_process(pid_t pid)
{
	pid_t process;

	if (kill(pid, 0) && errno == ESRCH) {
		log_error("there is no process %d", pid);
		return -ESRCH;
	}
	process = (pid_t)processes_status(pid, "Tgid:");
	if (!process || process == pid)
		return 0;
	log_error("%d is not a process but a thread of process %d: choose it with --tid", pid,
		  process);
	return -EINVAL;
}

/* A filter that nothing can pass is a mistake. */
static int filter_check_ids(const struct choice *choice)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < choice->pid_count && !err; i++)
		err = filter_check_process(choice->pids[i]);
	if (!err && choice->ppid)
		err = filter_check_process(choice->ppid);
	if (!err && choice->tid && kill(choice->tid, 0) && errno == ESRCH) {
		log_error("there is no thread %d", choice->tid);
		err = -ESRCH;
	}
	return err;
}

static struct filter_name filter_name(const char *text)
{
	struct filter_name name = { .places = FILTER_NAME_SIZE - strlen(text) };

	/* As the kernel's array is compared: by words of eight bytes. */
	memcpy(name.text, text, strlen(text));
	memset(name.mask, 0xff, strlen(text));
	return name;
}

void filter_fill_config(struct filter_config *config, const struct choice *choice)
{
	unsigned int i;

	*config = (struct filter_config){ .self = choice->include_self ? 0 : getpid(),
					  .tid = choice->tid,
					  .ppid = choice->ppid,
					  .uid = choice->uid,
					  .pid_count = choice_pid_count(choice),
					  .name_count = choice->name_count };
	for (i = 0; i < config->pid_count; i++)
		config->pids[i] = choice->pids[i];
	for (i = 0; i < config->name_count; i++)
		config->names[i] = filter_name(choice->names[i]);
}

/* ---- the kernel's structures ---- */

/* Find a path's steps, the members of structures. 0, or negative errno after the cause has been reported. */
static int filter_find_path(struct filter_path *path, const char *what, struct core_member *members,
			    size_t count)
{
	int err = core_find_members(members, count);
	size_t i;

	if (err) {
		log_error(
			"%s needs the kernel's own types: %s", what,
			err == -ENOENT
				? "there is no BTF (CONFIG_DEBUG_INFO_BTF), or not what is looked for in it"
				: strerror(-err));
		return err;
	}
	for (i = 0; i < count; i++)
		path->offsets[path->count++] = members[i].offset;
	return 0;
}

static int filter_find_parent(struct filter_config *config)
{
	struct core_member members[] = { { "task_struct", "real_parent", 0 },
					 { "task_struct", "tgid", 0 } };

	return filter_find_path(&config->parent, "--ppid", members, pidns_is_initial() ? 2 : 1);
}

static int filter_find_mntns(struct filter_config *config)
{
	struct core_member members[] = { { "task_struct", "nsproxy", 0 },
					 { "nsproxy", "mnt_ns", 0 },
					 { "mnt_namespace", "ns", 0 } };
	struct core_member inode[] = { { "ns_common", "inum", 0 } };
	struct filter_path last = {};
	int err = filter_find_path(&config->mntns, "--mntnsmap", members, 3);

	err = err ?: filter_find_path(&last, "--mntnsmap", inode, 1);
	config->mntns.offsets[2] += last.offsets[0];
	return err;
}

/*
 * A group of version 1 by the task's group in that hierarchy. Its ancestors by level are pointers since 6.1 (7f203bc89eb6),
 * ids before.
 */
static int filter_find_group(struct filter_config *config, const struct cgroup_place *place)
{
	struct core_member members[] = { { "task_struct", "cgroups", 0 },
					 { "css_set", "subsys", 0 },
					 { "cgroup_subsys_state", "cgroup", 0 },
					 { "cgroup", "level", 0 } };
	struct core_member pointers[] = { { "cgroup", "ancestors", 0 },
					  { "cgroup", "kn", 0 },
					  { "kernfs_node", "id", 0 } };
	struct core_member ids[] = { { "cgroup", "ancestor_ids", 0 } };
	bool has_pointers = !core_find_members(pointers, 1);
	char controller[48];
	int subsystem, err;

	snprintf(controller, sizeof(controller), "%s_cgrp_id", place->controller);
	subsystem = core_find_enumerator("cgroup_subsys_id", controller);
	err = filter_find_path(&config->level, "a control group of version 1", members, 4);
	if (err || subsystem < 0)
		return err ?: subsystem;
	config->level.offsets[1] += 8 * subsystem;
	config->ancestor = config->level;
	config->ancestor.count = 3;
	err = filter_find_path(&config->ancestor, "a control group of version 1",
			       has_pointers ? pointers : ids, has_pointers ? 3 : 1);
	config->ancestor.offsets[3] += 8 * place->level;
	config->cgroup_level = place->level;
	config->cgroup_id = place->id;
	return err;
}

/* ---- groups ---- */

static int filter_find_container(const char *prefix, char path[PATH_MAX])
{
	int err = cgroup_find_container(prefix, path);

	switch (err) {
	case 0:
		log_info("container %s: %s", prefix, path);
		return 0;
	case -EINVAL:
		log_error(
			"'%s' is not the beginning of a container's id: 4 to 64 hexadecimal digits",
			prefix);
		return err;
	case -ENOENT:
		log_error("no process runs in a container whose id begins with '%s'", prefix);
		return err;
	case -EEXIST:
		log_error("several containers' ids begin with '%s', one is %.64s", prefix, path);
		return -EINVAL;
	default:
		log_error("the control group of container '%s' cannot be found: %s", prefix,
			  strerror(-err));
		return err;
	}
}

static int filter_open_group(struct filter *filter, const char *path)
{
	struct cgroup_place place;
	int err = cgroup_describe(path, &place);

	if (!err && place.is_v2) {
		filter->group_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = filter->group_fd < 0 ? -errno : 0;
	}
	if (err)
		log_error("%s: %s%s", path,
			  err == -EOPNOTSUPP
				  ? "not in a hierarchy of control groups that can be filtered by"
				  : strerror(-err),
			  strchr(path, '/')
				  ? ""
				  : " (a control group's directory is wanted; a command goes "
				    "behind --, a thread's name behind --name)");
	if (err || place.is_v2)
		return err;
	log_info("%s: by the tasks' %s group, of version 1", path, place.controller);
	return filter_find_group(&filter->config, &place);
}

/* For the run to end with them. */
static void filter_hold_processes(struct filter *filter)
{
	const struct choice *choice = filter->choice;
	int err = processes_open(&filter->processes, choice->pids, choice->pid_count);

	if (err)
		log_info("the end of the processes won't be seen: %s", strerror(-err));
}

int filter_open(struct filter *filter, const struct choice *choice)
{
	char path[PATH_MAX];
	int err = filter_check_ids(choice);

	*filter = (struct filter)FILTER_CLOSED;
	filter->choice = choice;
	filter_fill_config(&filter->config, choice);
	if (!err)
		filter_hold_processes(filter);
	if (!err && choice->ppid)
		err = filter_find_parent(&filter->config);
	if (!err && choice->mntnsmap)
		err = filter_find_mntns(&filter->config);
	if (!err && choice->container)
		err = filter_find_container(choice->container, path);
	if (!err && (choice->cgroup || choice->container))
		err = filter_open_group(filter, choice->cgroup ?: path);
	return err;
}

/* ---- maps ---- */

/* A map with the group as its element. */
static int filter_make_group_map(struct filter *filter)
{
	uint32_t zero = 0, value = filter->group_fd;
	int err;

	filter->cgroup_fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "filter_cgroup", sizeof(zero),
					   sizeof(value), 1, NULL);
	err = filter->cgroup_fd < 0
		      ? filter->cgroup_fd
		      : bpf_map_update_elem(filter->cgroup_fd, &zero, &value, BPF_ANY);
	if (err)
		log_libbpf_failure(err, "cannot filter by control group");
	filter->config.cgroup = !err;
	return err;
}

/* A map that somebody has pinned. */
static int filter_open_pinned(const char *path, int *map_fd, __u32 *is_used)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err;

	if (!path)
		return 0;
	*map_fd = bpf_obj_get(path);
	err = *map_fd < 0 ? *map_fd : bpf_map_get_info_by_fd(*map_fd, &info, &len);
	if (err) {
		log_error("cannot use the BPF map '%s': %s", path, strerror(-err));
	} else if (info.key_size != sizeof(uint64_t) ||
		   (info.type != BPF_MAP_TYPE_HASH && info.type != BPF_MAP_TYPE_LRU_HASH)) {
		err = -EINVAL;
		log_error("cannot use the BPF map '%s': it is not a hash map with keys of 8 bytes",
			  path);
	}
	*is_used = !err;
	return err;
}

static int filter_follow(struct filter *filter)
{
	pid_t pid = filter->choice->pids[0];
	int err;

	filter->follow = subtree_follow(pid);
	if (filter->follow) {
		filter->follow_fd = follow_map_fd(filter->follow);
		return 0;
	}
	err = -errno;
	log_libbpf_failure(err, "cannot follow process %d", pid);
	return err;
}

int filter_start(struct filter *filter, int command_map_fd)
{
	const struct choice *choice = filter->choice;
	int err = pidns_find(&filter->pidns);

	if (!err && filter->group_fd >= 0)
		err = filter_make_group_map(filter);
	err = err
		      ?: filter_open_pinned(choice->cgroupmap, &filter->cgroupmap_fd,
					    &filter->config.cgroupmap);
	err = err
		      ?: filter_open_pinned(choice->mntnsmap, &filter->mntnsmap_fd,
					    &filter->config.mntnsmap);
	filter->follow_fd = command_map_fd;
	if (!err && choice->follow)
		err = filter_follow(filter);
	filter->config.follow = filter->follow_fd >= 0;
	return err;
}

int filter_prepare_object(const struct filter *filter, struct bpf_object *obj,
			  struct filter_config *config, struct pidns_config *pidns)
{
	const struct {
		const char *name;
		int fd;
	} maps[] = {
		{ "follow", filter->follow_fd },
		{ "filter_cgroup", filter->cgroup_fd },
		{ "filter_cgroupmap", filter->cgroupmap_fd },
		{ "filter_mntnsmap", filter->mntnsmap_fd },
	};
	struct bpf_map *map;
	int err = 0;
	size_t i;

	*config = filter->config;
	*pidns = filter->pidns;
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]) && !err; i++) {
		map = bpf_object__find_map_by_name(obj, maps[i].name);
		if (!map)
			err = -ENOENT;
		else if (maps[i].fd < 0)
			err = bpf_map__set_autocreate(map, false);
		else
			err = bpf_map__reuse_fd(map, maps[i].fd);
		if (err)
			log_libbpf_failure(err, "cannot use the map %s", maps[i].name);
	}
	return err;
}

int filter_attached(struct filter *filter)
{
	int err = filter->follow ? follow_exits_last(filter->follow) : 0;

	if (err)
		log_libbpf_failure(err, "cannot follow process %d", filter->choice->pids[0]);
	return err;
}

static bool filter_follows_nobody(const struct filter *filter)
{
	uint32_t tid;

	return bpf_map_get_next_key(filter->follow_fd, NULL, &tid) && errno == ENOENT;
}

bool filter_has_ended(const struct filter *filter)
{
	if (!processes_have_ended(&filter->processes) ||
	    (filter->follow && !filter_follows_nobody(filter)))
		return false;
	if (filter->follow)
		log_note("process %d and all that it had forked have ended",
			 filter->choice->pids[0]);
	else if (filter->choice->pid_count == 1)
		log_note("process %d has ended", filter->choice->pids[0]);
	else
		log_note("all processes of -p have ended");
	return true;
}

void filter_tell_missed(const struct filter *filter)
{
	uint64_t missed = filter->follow ? follow_missed(filter->follow) : 0;

	if (missed)
		log_warn("%llu processes or threads were not followed: too many at a time",
			 (unsigned long long)missed);
}

void filter_close(struct filter *filter)
{
	int fds[] = { filter->cgroup_fd, filter->cgroupmap_fd, filter->mntnsmap_fd,
		      filter->group_fd };
	size_t i;

	follow_free(filter->follow);
	processes_close(&filter->processes);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*filter = (struct filter)FILTER_CLOSED;
}
