/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Processes by descriptors; see processes.h.
 */
#include <linux/types.h>

#include "lib/processes.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on all machines. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

unsigned long long processes_status(pid_t pid, const char *word)
{
	unsigned long long number = 0;
	char path[64], line[256];
	bool is_found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && !is_found && fgets(line, sizeof(line), file)) {
		is_found = !strncmp(line, word, strlen(word));
		if (is_found)
			number = strtoull(line + strlen(word), NULL, 10);
	}
	if (file)
		fclose(file);
	return number;
}

bool processes_may_look(pid_t pid)
{
	char path[64], target[1];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target)) >= 0 || (errno != EACCES && errno != EPERM);
}

int processes_open(struct processes *processes, const pid_t *pids, unsigned int count)
{
	int err;

	processes->count = 0;
	while (processes->count < count) {
		processes->fds[processes->count] =
			syscall(SYS_pidfd_open, pids[processes->count], 0);
		if (processes->fds[processes->count] < 0) {
			err = -errno;
			processes_close(processes);
			return err;
		}
		processes->count++;
	}
	return 0;
}

bool processes_have_ended(const struct processes *processes)
{
	struct pollfd fds[FILTER_PIDS_MAX];
	unsigned int i;

	/* Readable once it has ended. */
	for (i = 0; i < processes->count; i++)
		fds[i] = (struct pollfd){ .fd = processes->fds[i], .events = POLLIN };
	return processes->count && poll(fds, processes->count, 0) == (int)processes->count;
}

void processes_close(struct processes *processes)
{
	while (processes->count)
		close(processes->fds[--processes->count]);
}
