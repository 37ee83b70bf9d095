/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Whom a run looks at: the options that choose processes, threads, users and groups, and what they
 * become, tests in the generated programs.
 */
#ifndef PROBE_WHOM_H
#define PROBE_WHOM_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/generate/generate.h"

struct btf_types;
struct follow;

#define WHOM_MAX_PIDS 64

/* What was asked for. Zeroed but for uid = -1 it is everybody but ourselves. */
struct whom {
	pid_t pids[WHOM_MAX_PIDS];
	unsigned int pid_count;
	bool follow; /* their descendants too */
	pid_t tid, ppid;
	int64_t uid;
	const char *name;      /* part of the thread's name */
	const char *cgroup;    /* a directory */
	const char *container; /* the beginning of its id */
	bool include_self;
};

/* The options, for an argp child whose input is a struct whom. */
extern const struct argp whom_argp;

/* What the tests need while they run. */
struct whom_state {
	const struct whom *whom;
	struct follow *follow;
	struct pidns_config pidns;
	int cgroup_fd, cgroup_map_fd;
	char predicate[512]; /* what can be said in the probes' own language; "" if nothing */
};

/* Before probes are compiled: cgroup and container are found, the predicate is written. 0 or negative errno, told. */
int whom_open(struct whom_state *state, const struct whom *whom, struct btf_types *types);
/* Before they are attached: what has to run. 0 or negative errno, told. */
int whom_start(struct whom_state *state);
void whom_close(struct whom_state *state);

/* The one process that probes can be confined to; 0: none. */
pid_t whom_pid(const struct whom *whom);
/* follow_fd is left alone unless descendants are followed. */
void whom_fill(const struct whom_state *state, struct generate_opts *opts);
/* Tell what was missed. */
void whom_tell(const struct whom_state *state);

#endif /* PROBE_WHOM_H */
