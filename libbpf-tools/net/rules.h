/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Whose packets are dropped: what options say, prefixes and files of them, as a list and as a map.
 */
#ifndef NET_RULES_H
#define NET_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "net/prefix.h"

/* Options that can be given. */
#define RULES_MAX 256

/* An option: a prefix or a file. */
struct rule {
	const char *option, *text; /* borrowed */
	bool is_blocked, is_file;
};

/* Zeroed, there are none. */
struct rules {
	struct rule options[RULES_MAX];
	size_t count;
	bool may_lock_out; /* whoever sets them up */
};

/* Add an option. False: there are RULES_MAX. */
bool rules_add(struct rules *rules, const struct rule *rule);
/* All that they say now, files read again, as a finished list. 0, or negative errno and why. */
int rules_read(const struct rules *rules, struct prefix_list *list, char *why, size_t why_size);
/*
 * A trie of struct prefix_key (bpf/prefix_key.h). Its descriptor, or negative errno after the cause has been reported.
 */
int rules_make_map(const struct prefix_list *list);

#endif /* NET_RULES_H */
