/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Control groups by /proc: see cgroups(7) and Documentation/filesystems/proc.rst (mountinfo).
 */
#include "lib/cgroup.h"

#include <array_size.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CGROUP_ID_DIGITS 64
#define CGROUP_PREFIX_MIN 4

/* A mounted hierarchy. */
struct cgroup_mount {
	bool is_v2;
	char root[PATH_MAX], point[PATH_MAX];
	char options[256]; /* of the superblock: among them the controllers of version 1 */
};

/* One line: "ID PARENT DEV ROOT POINT OPTIONS... - TYPE SOURCE SUPEROPTIONS". */
static bool cgroup_parse_mount(const char *line, struct cgroup_mount *mount)
{
	const char *rest = strstr(line, " - ");
	char type[16];

	if (!rest || sscanf(rest, " - %15s %*s %255s", type, mount->options) != 2)
		return false;
	mount->is_v2 = !strcmp(type, "cgroup2");
	return (mount->is_v2 || !strcmp(type, "cgroup")) &&
	       sscanf(line, "%*s %*s %*s %4095s %4095s", mount->root, mount->point) == 2;
}

/* Of a comma list. */
static bool cgroup_lists(const char *list, const char *word, size_t len)
{
	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && !strncmp(list, word, len))
			return true;
	return false;
}

static int cgroup_each_mount(bool (*wanted)(const struct cgroup_mount *mount, const void *ctx),
			     const void *ctx, struct cgroup_mount *mount)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int err = -ENODEV;

	if (!file)
		return -errno;
	while (err && getline(&line, &size, file) >= 0)
		if (cgroup_parse_mount(line, mount) && wanted(mount, ctx))
			err = 0;
	free(line);
	fclose(file);
	return err;
}

/* ---- a group by its directory --------------------------------------------------------------- */

/* Whose directory the path is in or below, seen by device: names may lead through links. */
static bool cgroup_holds(const struct cgroup_mount *mount, const void *path)
{
	size_t len = strlen(mount->point);
	struct stat a, b;

	return !strncmp(path, mount->point, len) &&
	       (!((const char *)path)[len] || ((const char *)path)[len] == '/') &&
	       !stat(mount->point, &a) && !stat(path, &b) && a.st_dev == b.st_dev;
}

static unsigned int cgroup_count_components(const char *path)
{
	unsigned int count = 0;

	for (; *path; path++)
		count += *path != '/' && (path[1] == '/' || !path[1]);
	return count;
}

/* The first controller that a hierarchy of version 1 has; only blkio is called otherwise in the kernel. */
static int cgroup_choose_controller(const char *options, char controller[32])
{
	static const char *const known[][2] = {
		{ "memory", "memory" },
		{ "pids", "pids" },
		{ "cpuset", "cpuset" },
		{ "cpu", "cpu" },
		{ "cpuacct", "cpuacct" },
		{ "freezer", "freezer" },
		{ "devices", "devices" },
		{ "blkio", "io" },
		{ "net_cls", "net_cls" },
		{ "net_prio", "net_prio" },
		{ "perf_event", "perf_event" },
		{ "hugetlb", "hugetlb" },
		{ "rdma", "rdma" },
		{ "misc", "misc" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (cgroup_lists(options, known[i][0], strlen(known[i][0]))) {
			snprintf(controller, 32, "%s", known[i][1]);
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

int cgroup_describe(const char *path, struct cgroup_place *place)
{
	struct cgroup_mount mount;
	char real[PATH_MAX];
	struct stat st;
	int err;

	*place = (struct cgroup_place){};
	if (!realpath(path, real) || stat(real, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (cgroup_each_mount(cgroup_holds, real, &mount))
		return -EOPNOTSUPP;
	place->is_v2 = mount.is_v2;
	/* On 64-bit machines the directory's inode is the kernfs node's id (67c0496e87d1). */
	place->id = st.st_ino;
	place->level = cgroup_count_components(mount.root) +
		       cgroup_count_components(real + strlen(mount.point));
	err = mount.is_v2 ? 0 : cgroup_choose_controller(mount.options, place->controller);
	return err;
}

/* ---- containers ----------------------------------------------------------------------------- */

size_t cgroup_container_id(const char *component, size_t len, const char **id)
{
	size_t start = 0, digits;

	/* docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, crio-ID.scope, ID */
	for (size_t i = 0; i < len; i++)
		if (component[i] == '-' || component[i] == ':')
			start = i + 1;
	for (digits = 0;
	     start + digits < len && isxdigit((unsigned char)component[start + digits]);)
		digits++;
	*id = component + start;
	if (digits != CGROUP_ID_DIGITS)
		return 0;
	len -= start + digits;
	return !len || (len == 6 && !strncmp(*id + digits, ".scope", 6)) ? digits : 0;
}

struct cgroup_container {
	const char *prefix;
	char id[CGROUP_ID_DIGITS + 1]; /* "" until found */
	bool is_ambiguous, is_v2;
	char controllers[128]; /* of the hierarchy; "" for version 2 */
	char path[PATH_MAX];   /* in its hierarchy */
};

/* One line of /proc/PID/cgroup: "NUMBER:CONTROLLERS:PATH". */
static void cgroup_look_at(struct cgroup_container *found, const char *line)
{
	const char *controllers = strchr(line, ':'), *path, *at, *id;
	size_t prefix = strlen(found->prefix);

	path = controllers ? strchr(++controllers, ':') : NULL;
	if (!path || found->is_v2)
		return;
	path++;
	for (at = path; *at; at += strcspn(at, "/\n")) {
		if (*at == '\n')
			return;
		at += *at == '/';
		if (!cgroup_container_id(at, strcspn(at, "/\n"), &id) ||
		    strncasecmp(id, found->prefix, prefix))
			continue;
		if (found->id[0] && strncmp(found->id, id, CGROUP_ID_DIGITS)) {
			found->is_ambiguous = true;
			return;
		}
		memcpy(found->id, id, CGROUP_ID_DIGITS);
		found->is_v2 = *controllers == ':';
		snprintf(found->controllers, sizeof(found->controllers), "%.*s",
			 (int)(path - 1 - controllers), controllers);
		snprintf(found->path, sizeof(found->path), "%.*s",
			 (int)(at + strcspn(at, "/\n") - path), path);
		return;
	}
}

static void cgroup_look_at_process(struct cgroup_container *found, const char *pid)
{
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/cgroup", pid);
	file = fopen(path, "re");
	while (file && getline(&line, &size, file) >= 0)
		cgroup_look_at(found, line);
	free(line);
	if (file)
		fclose(file);
}

static bool cgroup_is_hierarchy(const struct cgroup_mount *mount, const void *ctx)
{
	const struct cgroup_container *found = ctx;

	if (mount->is_v2 != found->is_v2)
		return false;
	return mount->is_v2 ||
	       cgroup_lists(mount->options, found->controllers, strcspn(found->controllers, ","));
}

int cgroup_find_container(const char *prefix, char path[PATH_MAX])
{
	struct cgroup_container found = { .prefix = prefix };
	size_t len = strlen(prefix);
	struct cgroup_mount mount;
	const struct dirent *entry;
	DIR *dir;
	int err;

	if (len < CGROUP_PREFIX_MIN || len > CGROUP_ID_DIGITS ||
	    strspn(prefix, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		/* Version 2 of one process must not end the search for a second container. */
		if (isdigit((unsigned char)entry->d_name[0])) {
			struct cgroup_container one = { .prefix = prefix };

			cgroup_look_at_process(&one, entry->d_name);
			if (!one.id[0])
				continue;
			found.is_ambiguous |= one.is_ambiguous ||
					      (found.id[0] && strcmp(found.id, one.id));
			if (!found.id[0])
				found = one;
		}
	closedir(dir);
	if (!found.id[0])
		return -ENOENT;
	if (found.is_ambiguous) {
		snprintf(path, PATH_MAX, "%s", found.id);
		return -EEXIST;
	}
	err = cgroup_each_mount(cgroup_is_hierarchy, &found, &mount);
	if (!err && snprintf(path, PATH_MAX, "%s%s", mount.point, found.path) >= PATH_MAX)
		err = -ENAMETOOLONG;
	return err;
}
