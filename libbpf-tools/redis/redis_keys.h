/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which arguments of a command are keys, as COMMAND GETKEYS tells it. Rules are by the server's own name of
 * the command, without that of a subcommand.
 */
#ifndef REDIS_KEYS_H
#define REDIS_KEYS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/redis_event.h"

struct redis_command;

/* The rules for a name, or for that before its "|", whatever its case; NULL: not known. */
const struct redis_key_rules *redis_keys_find(const char *name, size_t len);

/* All rules: fn returns 0 to go on, else what this returns. */
int redis_keys_each(int (*fn)(void *ctx, const char *name, const struct redis_key_rules *rules),
		    void *ctx);

/* Which arguments are keys: at has their numbers, in the order of the rules; some may not have been recorded. */
struct redis_keys {
	uint32_t at[REDIS_ARGS_MAX];
	size_t count;
	bool is_whole; /* these are all */
};

/* rules: NULL, not known. */
void redis_keys_get(const struct redis_command *command, const struct redis_key_rules *rules,
		    struct redis_keys *keys);

#endif /* REDIS_KEYS_H */
