/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Offsets for walks up a path, and what they found; see path.h.
 */
#include "lib/path.h"

#include <array_size.h>
#include <string.h>

#include "lib/core.h"
#include "lib/log.h"

/* In the order of struct path_config, which is an array of their offsets. */
static const struct core_member path_members[] = {
	{ "task_struct", "fs", 0 },
	{ "task_struct", "files", 0 },
	{ "task_struct", "nsproxy", 0 },
	{ "nsproxy", "mnt_ns", 0 },
	{ "mnt_namespace", "ns", 0 },
	{ "ns_common", "inum", 0 },
	{ "fs_struct", "pwd", 0 },
	{ "fs_struct", "root", 0 },
	{ "path", "mnt", 0 },
	{ "path", "dentry", 0 },
	{ "files_struct", "fdt", 0 },
	{ "fdtable", "fd", 0 },
	{ "fdtable", "max_fds", 0 },
	{ "file", "f_path", 0 },
	{ "vfsmount", "mnt_root", 0 },
	{ "mount", "mnt", 0 },
	{ "mount", "mnt_parent", 0 },
	{ "mount", "mnt_mountpoint", 0 },
	{ "mount", "mnt_ns", 0 },
	{ "dentry", "d_parent", 0 },
	{ "dentry", "d_name", 0 },
	{ "dentry", "d_hash", 0 },
};

_Static_assert(sizeof(struct path_config) == ARRAY_SIZE(path_members) * sizeof(uint32_t),
	       "a member per offset");

int path_find_config(struct path_config *config)
{
	struct core_member members[ARRAY_SIZE(path_members)];
	uint32_t offsets[ARRAY_SIZE(path_members)];
	int err;

	memcpy(members, path_members, sizeof(members));
	err = core_find_members(members, ARRAY_SIZE(members));
	if (err) {
		log_failure(err, PERMISSION_BPF, "cannot find out how this kernel keeps paths");
		return err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		offsets[i] = members[i].offset;
	memcpy(config, offsets, sizeof(*config));
	return 0;
}

/* From the end of the buffer on, as the last component comes first. */
const char *path_join(const char *components, int32_t len, uint32_t flags,
		      char buffer[PATH_JOINED_SIZE])
{
	char *p = buffer + PATH_JOINED_SIZE - 1;
	size_t part;

	if (len < 0)
		return NULL;
	*p = '\0';
	for (int32_t at = 0; at < len; at += (int32_t)part + 1) {
		part = strnlen(components + at, len - at);
		p -= part;
		memcpy(p, components + at, part);
		*--p = '/';
	}
	if (flags & PATH_PSEUDO && *p)
		p++;
	if (flags & PATH_CUT)
		p = memcpy(p - 3, "...", 3);
	return *p ? p : "/";
}
