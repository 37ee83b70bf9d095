/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Opening perf events: uprobes one by one, tracepoints, kprobes.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/attach_private.h"

int attach_open_perf_event(struct perf_event_attr *attr, pid_t pid)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, pid > 0 ? pid : -1, pid > 0 ? -1 : 0, -1,
			  PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int attach_read_sysfs(const char *path, const char *format, int *number)
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	if (fscanf(file, format, number) != 1)
		err = -EINVAL;
	fclose(file);
	return err;
}

/* The uprobe PMU (4.17, e12f03d7031a): config bit for returns, semaphore in the upper 32 bits of config. */
int attach_open_uprobe(const struct attach_uprobe_opts *opts, const struct attach_place *place)
{
	struct perf_event_attr attr = {
		.uprobe_path = (uintptr_t)opts->path,
		.probe_offset = place->offset,
		.config = place->ref_ctr_offset << 32,
	};
	int type, bit = 0, err;

	if (place->ref_ctr_offset > UINT32_MAX)
		return -ERANGE;
	err = attach_read_sysfs("/sys/bus/event_source/devices/uprobe/type", "%d", &type);
	if (!err && opts->is_return)
		err = attach_read_sysfs("/sys/bus/event_source/devices/uprobe/format/retprobe",
					"config:%d", &bit);
	if (err)
		return err;
	attr.type = type;
	if (opts->is_return)
		attr.config |= 1ull << bit;
	return attach_open_perf_event(&attr, opts->pid);
}
