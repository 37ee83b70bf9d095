/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The processes that run the wanted runtimes, as they come and go.
 */
#ifndef RUNTIME_RUNTIME_WATCH_H
#define RUNTIME_RUNTIME_WATCH_H

#include "runtime/runtime.h"

#define RUNTIME_CMDLINE_SIZE 256

struct runtime_process {
	pid_t pid;
	uint64_t start_time; /* /proc/PID/stat's, to tell it from a later process with its id */
	unsigned int looks;  /* how often its maps were read */
	int uses_count;	     /* 0: runs no runtime, as far as seen */
	struct runtime_use uses[RUNTIME_USES_MAX];
	unsigned int silent
		[RUNTIME_USES_MAX]; /* 1 << enum runtime_event, ...: what this process must be started otherwise for */
	char cmdline[RUNTIME_CMDLINE_SIZE]; /* arguments joined by blanks */
	bool is_there;
};

struct runtime_watch_opts {
	unsigned int langs;
	const struct choice *choice; /* which processes */
	/* An image was seen for the first time: attach to it. 0 or negative errno. */
	int (*found_image)(void *ctx, struct runtime_image *image);
	/* Called for each runtime found in a process: the last of its uses. NULL: not wanted. */
	void (*found_process)(void *ctx, const struct runtime_process *process);
	void *ctx;
};

struct runtime_watch;

/* NULL and errno ENOMEM. */
struct runtime_watch *runtime_watch_new(const struct runtime_watch_opts *opts);
void runtime_watch_free(struct runtime_watch *watch);

/*
 * Find what is there: the images in the system's usual places, unless certain processes were asked for; then all processes.
 * 0 or negative errno, that of the callback.
 */
int runtime_watch_start(struct runtime_watch *watch);

/* A program that is about to be started, by its name on PATH or its path. 0, also when it is no runtime; or negative errno. */
int runtime_watch_add_program(struct runtime_watch *watch, const char *name);

/*
 * Look for new processes, for libraries that known ones have since loaded, and for ended ones, which stay known for
 * this one call: is_there is false. To be called about once a second.
 */
int runtime_watch_scan(struct runtime_watch *watch);

/* A process has executed a program, or was seen in a place: look at it now. 0 or negative errno. */
int runtime_watch_look(struct runtime_watch *watch, pid_t pid);

/* NULL: not seen (yet). Valid until the next call that looks or scans. */
const struct runtime_process *runtime_watch_find(const struct runtime_watch *watch, pid_t pid);

/* All, by pid, those without runtimes too. */
const struct runtime_process *runtime_watch_processes(const struct runtime_watch *watch,
						      size_t *count);

#endif /* RUNTIME_RUNTIME_WATCH_H */
