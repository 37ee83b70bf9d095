/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Filters that run in the kernel; see filter.h.
 */
#include "lib/filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/log.h"

int filter_cgroup_open(const char *path, uint64_t *id)
{
	struct {
		struct file_handle handle;
		uint64_t id;
	} name = { .handle.handle_bytes = sizeof(name.id) };
	struct statfs fs;
	int fd, mount_id, err;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs)) {
		err = -errno;
		goto cleanup;
	}
	err = -EOPNOTSUPP;
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		goto cleanup;
	/*
	 * kernfs' file handle is the group's 64-bit id: see get_cgroup_id() in the kernel's BPF
	 * selftests.
	 */
	err = 0;
	if (name_to_handle_at(fd, "", &name.handle, &mount_id, AT_EMPTY_PATH))
		err = -errno;
	else if (id)
		memcpy(id, name.handle.f_handle, sizeof(*id));
cleanup:
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* A map with the group, in place of the object's own. */
static int filter_prepare_cgroup(struct bpf_map *map, const char *path)
{
	uint32_t zero = 0, value;
	int cgroup_fd, map_fd, err;

	cgroup_fd = filter_cgroup_open(path, NULL);
	if (cgroup_fd < 0) {
		log_error("cannot use control group '%s': %s", path,
			  cgroup_fd == -EOPNOTSUPP ? "it is not in a cgroup version 2 hierarchy"
						   : strerror(-cgroup_fd));
		return cgroup_fd;
	}
	value = cgroup_fd;
	map_fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "filter_cgroup", sizeof(zero),
				sizeof(value), 1, NULL);
	err = map_fd < 0 ? map_fd : bpf_map_update_elem(map_fd, &zero, &value, BPF_ANY);
	err = err ?: bpf_map__reuse_fd(map, map_fd);
	if (err)
		log_libbpf_failure(err, "cannot filter by control group '%s'", path);
	if (map_fd >= 0)
		close(map_fd);
	close(cgroup_fd);
	return err;
}

/* A map that somebody has pinned, in place of the object's own, which isn't created without a path. */
static int filter_prepare_pinned(const struct bpf_object *obj, const char *name, const char *path,
				 __u32 *is_used)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd, err;

	*is_used = path != NULL;
	if (!path)
		return map ? bpf_map__set_autocreate(map, false) : 0;
	fd = bpf_obj_get(path);
	err = fd < 0 ? fd : bpf_map_get_info_by_fd(fd, &info, &len);
	if (err) {
		log_error("cannot use the BPF map '%s': %s", path, strerror(-err));
	} else if (!map || info.key_size != sizeof(uint64_t) ||
		   (info.type != BPF_MAP_TYPE_HASH && info.type != BPF_MAP_TYPE_LRU_HASH)) {
		err = -EINVAL;
		log_error("cannot use the BPF map '%s': it is not a hash map with keys of 8 bytes",
			  path);
	} else {
		err = bpf_map__reuse_fd(map, fd);
		if (err)
			log_libbpf_failure(err, "cannot use the BPF map '%s'", path);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

int filter_prepare_object(struct bpf_object *obj, struct filter_config *config,
			  const struct options *options, int follow_map_fd)
{
	struct bpf_map *follow = bpf_object__find_map_by_name(obj, "follow");
	struct bpf_map *cgroup = bpf_object__find_map_by_name(obj, "filter_cgroup");
	int err;

	if (!follow || !cgroup)
		return -ENOENT;
	config->self = getpid();
	config->pid = options->pid;
	config->uid = options->uid;
	config->follow = follow_map_fd >= 0;
	config->cgroup = options->cgroup != NULL;
	err = config->follow ? bpf_map__reuse_fd(follow, follow_map_fd)
			     : bpf_map__set_autocreate(follow, false);
	if (err)
		log_libbpf_failure(err, "cannot follow processes");
	err = err
		      ?: filter_prepare_pinned(obj, "filter_cgroupmap", options->cgroupmap,
					       &config->cgroupmap);
	err = err
		      ?: filter_prepare_pinned(obj, "filter_mntnsmap", options->mntnsmap,
					       &config->mntnsmap);
	if (!err && options->cgroup)
		return filter_prepare_cgroup(cgroup, options->cgroup);
	return err ?: bpf_map__set_autocreate(cgroup, false);
}
