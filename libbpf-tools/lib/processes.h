/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Running processes, held by descriptors (pidfd_open(2)): a number may go to another process, a descriptor doesn't.
 */
#ifndef LIB_PROCESSES_H
#define LIB_PROCESSES_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

#include "bpf/filter_config.h"

/*
 * May we look at a process: at its executable, maps, memory (ptrace(2), "ptrace access mode")? True, too, of one that isn't
 * there. If not, nothing may be said of what it is or isn't.
 */
bool processes_may_look(pid_t pid);

/* The number behind a word of /proc/PID/status, "PPid:". 0: it has none, or can't be looked at. */
unsigned long long processes_status(pid_t pid, const char *word);

struct processes {
	int fds[FILTER_PIDS_MAX];
	unsigned int count;
};

/*
 * Hold them. 0; -ESRCH: one of them isn't there any more; others of pidfd_open(2), as where a sandbox forbids it. On failure
 * nothing is held.
 */
int processes_open(struct processes *processes, const pid_t *pids, unsigned int count);
/* Have all of them ended, be they waited for or not? Never, of none. */
bool processes_have_ended(const struct processes *processes);
void processes_close(struct processes *processes);

#endif /* LIB_PROCESSES_H */
