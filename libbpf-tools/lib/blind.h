/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Reporting what a tool can't see, when it is met: a tool's kernel half includes bpf/blind.bpf.h, its struct tool_spec says what is missing.
 */
#ifndef LIB_BLIND_H
#define LIB_BLIND_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

#include "bpf/blind_seen.h"

struct bpf_object;
struct bpf_program;
struct attach_set;

/* What isn't shown of a process: the end of a sentence such as "what it opens by that isn't shown". NULL: nothing is missing. */
struct blind_spots {
	const char *by_ring;	/* that uses io_uring */
	const char *by_program; /* that runs a 32-bit program */
};

/* A tool's. Zeroed at first. */
struct blind {
	struct blind_spots spots;      /* those that are looked for */
	const struct blind_seen *seen; /* the kernel half's; NULL: it has none */
	bool has_told_ring, has_told_program;
};

/* Before load: programs that aren't needed are not loaded. */
void blind_choose(const struct blind_spots *spots, struct bpf_object *obj);
/* Is it one of bpf/blind.bpf.h's? It has no events that could be lost. */
bool blind_is_program(const struct bpf_program *prog);
/* After load. seen, the variable blind_seen, is borrowed. What can't be attached is left out, and -v says so. */
void blind_attach(struct blind *blind, const struct blind_spots *spots,
		  const struct blind_seen *seen, const struct bpf_object *obj,
		  struct attach_set *attached);
/* A process that runs already: its executable and its descriptors, as far as we may look at them. */
void blind_look_at(struct blind *blind, pid_t pid);
/* Warn, once per kind, of what was met. Costs little where there is nothing new. */
void blind_tell(struct blind *blind);

#endif /* LIB_BLIND_H */
