/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Finds a process's descendants in /proc; see subtree.h.
 */
#include "lib/subtree.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/follow.h"
#include "lib/pidns.h"

/* One look at the processes there are. */
struct subtree_scan {
	int map_fd; /* of the known tasks */
	const struct pidns_ids *ids;
};

static bool subtree_has(const struct subtree_scan *scan, pid_t tid)
{
	uint32_t key = pidns_ids_host(scan->ids, tid);
	uint8_t value;

	return key && !bpf_map_lookup_elem(scan->map_fd, &key, &value);
}

/* What /proc/PID/stat says of a process. */
struct subtree_stat {
	char state; /* 'Z': it has ended, and its parent hasn't asked for its status yet */
	int parent;
};

/* False: there is no such process. The name in the line may have any character. */
static bool subtree_stat(pid_t pid, struct subtree_stat *stat)
{
	char path[64], line[512], *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
	fclose(file);
	rest = strrchr(line, ')');
	return rest && sscanf(rest, ") %c %d", &stat->state, &stat->parent) == 2;
}

static bool subtree_is_zombie(pid_t pid)
{
	struct subtree_stat stat;

	return subtree_stat(pid, &stat) && (stat.state == 'Z' || stat.state == 'X');
}

/*
 * Adds a process's threads; how many were new, or a negative errno. One that has ended, but for its parent's asking, has
 * nothing to come that would take it out again.
 */
static int subtree_add_threads(const struct subtree_scan *scan, pid_t pid)
{
	const uint8_t value = 1;
	struct dirent *entry;
	char path[64];
	uint32_t tid, threads = 0;
	int added = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -ESRCH;
	while (added >= 0 && (entry = readdir(dir))) {
		tid = pidns_ids_host(scan->ids, atoi(entry->d_name));
		threads += tid != 0;
		if (!tid || subtree_has(scan, atoi(entry->d_name)))
			continue;
		if (bpf_map_update_elem(scan->map_fd, &tid, &value, BPF_ANY))
			added = -errno;
		else
			added++;
	}
	closedir(dir);
	/* Looked at afterwards: whatever ends from now on is seen to. */
	tid = pidns_ids_host(scan->ids, pid);
	if (added < 0 || threads != 1 || !subtree_is_zombie(pid))
		return added;
	return bpf_map_delete_elem(scan->map_fd, &tid) && errno != ENOENT ? -errno : 0;
}

/* Adds the children of those that are known. How many tasks were new, or a negative errno. */
static int subtree_add_children(const struct subtree_scan *scan)
{
	struct subtree_stat stat;
	struct dirent *entry;
	pid_t pid;
	int added = 0, more = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while (more >= 0 && (entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (!pid || !subtree_stat(pid, &stat) || !subtree_has(scan, stat.parent))
			continue;
		more = subtree_add_threads(scan, pid);
		/* One that has ended meanwhile isn't missed. */
		if (more == -ESRCH)
			more = 0;
		added += more;
	}
	closedir(dir);
	return more < 0 ? more : added;
}

/* One look at all processes. How many tasks were new, or a negative errno. */
static int subtree_scan(int map_fd, pid_t root)
{
	struct pidns_ids *ids = pidns_ids_new();
	const struct subtree_scan scan = { .map_fd = map_fd, .ids = ids };
	int added, more;

	if (!ids)
		return -errno;
	added = subtree_add_threads(&scan, root);
	more = added < 0 ? added : subtree_add_children(&scan);
	pidns_ids_free(ids);
	return more < 0 ? more : added + more;
}

struct follow *subtree_follow(pid_t pid)
{
	struct follow *follow = follow_new(pid, 0);
	int added, err;

	if (!follow)
		return NULL;
	/*
	 * From now on whatever a known task forks is known. Once nothing new is found, no unknown
	 * one is left to fork others.
	 */
	do {
		added = subtree_scan(follow_map_fd(follow), pid);
	} while (added > 0);
	if (!added)
		return follow;
	err = -added;
	follow_free(follow);
	errno = err;
	return NULL;
}
