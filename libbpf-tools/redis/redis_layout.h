/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a Redis-like server keeps what we want to know of a client, learnt from the instructions of
 * its own executable: its versions differ, its builds are stripped, but small exported functions
 * still load and store the members we look for. Else, from its debugging information.
 */
#ifndef REDIS_LAYOUT_H
#define REDIS_LAYOUT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "redis/redis_event.h"

struct bsl_elf;

#define REDIS_RETURNS_MAX 16

/* Where the returns of a function are seen without harm; none: nowhere. */
struct redis_returns {
	uint64_t offsets[REDIS_RETURNS_MAX]; /* in the file */
	unsigned int count;
	bool by_probe; /* the one place takes a return probe; else these are return instructions */
};

/* Places for uprobes, file offsets; 0: the server has no such function. */
struct redis_places {
	uint64_t call, after_error, block, block_keys, unblock, time_out, accept, accept_unix, free,
		unblock_stats;
	struct redis_returns call_returns, accept_returns, accept_unix_returns;
	uint64_t reply;	 /* 0, too, where errors needn't be sought there */
	bool reexecutes; /* a client that was blocked runs its command again (7.2 and later) */
	bool by_dwarf;	 /* the layout is not from instructions */
};

/*
 * Decode an executable, by its DWARF where the instructions don't suffice: pid and path as for redis_dwarf_complete().
 * 0, or a negative errno and the reason in why: -ENOENT, it is no such server (a function is missing);
 * -ENOTSUP: argc and argv could not be found. What is less essential may be REDIS_NO_FIELD.
 */
int redis_layout_decode(struct bsl_elf *elf, pid_t pid, const char *path,
			struct redis_layout *layout, struct redis_places *places, char *why,
			size_t why_size);

/* Leave only what counting commands needs: less of each client has to be read. */
void redis_layout_trim(struct redis_layout *layout);

#endif /* REDIS_LAYOUT_H */
