/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which rows are shown, as far as the kernel side has not decided it.
 */
#ifndef REDIS_FILTER_H
#define REDIS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct redis_shown;

struct redis_filter {
	const char *errors; /* codes with commas between, or "any"; NULL: whatever the reply */
	const char *keys;   /* a glob that one of the keys matches; NULL: any, or none */
	const char *client; /* an address, without its port too, number or name; NULL: any */
	const char *user;   /* of the ACL; NULL: any */
	uint64_t min_ns;    /* of execution and waiting together */
	uint64_t unknown;   /* how many were left out by keys that aren't all known */
};

/* Is it one of the commands that were asked for? */
bool redis_filter_matches(struct redis_filter *filter, const struct redis_shown *shown);

#endif /* REDIS_FILTER_H */
