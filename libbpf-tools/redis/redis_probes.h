/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which programs run at which places of a server's executable.
 */
#ifndef REDIS_PROBES_H
#define REDIS_PROBES_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/attach.h"
#include "redis/redis_layout.h"

struct redis_cmd_bpf;

struct redis_probes {
	struct redis_cmd_bpf *skel; /* borrowed, as is set */
	struct attach_set *set;
	struct attach_features features;
	bool is_counting;
	pid_t pid;	   /* 0: any that runs the executable */
	bool finds_others; /* servers that start later, too */
};

/* Have those programs loaded, and for that way of attaching, that will be needed. */
void redis_probes_choose(const struct redis_probes *probes);

/* Attach them to a file. number: the executable's, which the programs learn. 0 or negative errno. */
int redis_probes_attach(const struct redis_probes *probes, const char *path,
			const struct redis_places *places, uint32_t number);

#endif /* REDIS_PROBES_H */
