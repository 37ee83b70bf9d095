/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The commands that servers are executing, which have no record yet: the kernel side's frames of calls
 * under way, as records.
 */
#ifndef REDIS_RUNNING_H
#define REDIS_RUNNING_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/redis_event.h"

/* The maps, by their names in redis-cmd.bpf.c, borrowed; and the size of a frame with its data. */
struct redis_running_maps {
	int servers, frames;
	size_t frame_size;
};

struct redis_running;

/* NULL when out of memory. */
struct redis_running *redis_running_new(const struct redis_running_maps *maps);
/* NULL is fine. */
void redis_running_free(struct redis_running *running);

/*
 * What the server with this slot executes now: how many commands, each within the one before. One that
 * ends meanwhile isn't among them, nor one that isn't wanted.
 */
size_t redis_running_take(struct redis_running *running, uint32_t slot);
/* The i-th of them, a record until the next call; its latency is that until the time given (ktime). */
struct redis_event *redis_running_event(struct redis_running *running, size_t i, uint64_t until,
					size_t *size);

/*
 * Is the thread that began to execute it still within it, as far as /proc tells? A call whose return was
 * not seen isn't.
 */
bool redis_running_is_live(const struct redis_running *running, size_t i);

#endif /* REDIS_RUNNING_H */
