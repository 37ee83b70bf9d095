/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "-- COMMAND [ARG...]": a program started for the sake of tracing it. It exists from child_new()
 * on, but executes COMMAND only when child_release() lets it, so that probes and filters can be set
 * up in between.
 */
#ifndef LIB_CHILD_H
#define LIB_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child;

/*
 * Find argv[0] on PATH and fork. A command that cannot be found or executed is reported at once, before
 * any probe is set up: NULL and errno (ENOENT, EACCES, ...). argv is borrowed until
 * child_release(). The child has the tool's descriptors 0-2, default signal dispositions (HUP alone
 * stays ignored, as nohup(1) wants it) and an empty signal mask.
 */
struct child *child_new(char *const argv[]);
/*
 * A child not released yet is killed. A running one gets SIGTERM and a second to end; one that
 * takes longer is left running. NULL is fine.
 */
void child_free(struct child *child);

/* Of its process, which may have ended. */
pid_t child_pid(const struct child *child);
/* The executable that was found. */
const char *child_path(const struct child *child);
/* Let it run. 0, or execve's negative errno if COMMAND could not be executed after all. */
int child_release(struct child *child);
/* True once it has ended; its wait status is then in *status (unless NULL). Never blocks. */
bool child_ended(struct child *child, int *status);
/*
 * Readable when it has ended; -1 where the kernel has no pidfd_open (before 5.3): then poll
 * child_ended().
 */
int child_fd(const struct child *child);
/* Pass a signal on. Nothing happens once it has ended. */
void child_signal(struct child *child, int sig);

#endif /* LIB_CHILD_H */
