/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which server has which of the kernel side's slots: struct redis_state, and frames. Either side
 * gives them out, as a server's commands may be seen there before it is known here.
 */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include <linux/types.h>
#include <stdint.h>
#include <sys/types.h>

#include "redis/redis_event.h"

/* The maps, by their names in redis-cmd.bpf.c; borrowed. */
struct redis_slots {
	int servers, slots, slots_free;
};

/* At the beginning: count slots are free. 0 or negative errno. */
int redis_slots_init(const struct redis_slots *slots, uint32_t count);

/*
 * A server's slot, now with this layout unless the kernel side has given it one. 0, -ENOSPC, or
 * another negative errno.
 */
int redis_slots_take(const struct redis_slots *slots, pid_t pid, const struct redis_layout *layout,
		     uint32_t *slot);

/* This process is no more, or isn't wanted. */
void redis_slots_release(const struct redis_slots *slots, pid_t pid);

#endif /* REDIS_SLOTS_H */
