/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists of IP prefixes with a verdict each, of which the longest that covers an address decides: from the command line and
 * from files.
 */
#ifndef NET_PREFIX_H
#define NET_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFIX_TEXT_MAX 64

struct prefix {
	int family;	     /* AF_INET, AF_INET6 */
	unsigned int bits;   /* up to 32 or 128 */
	uint8_t address[16]; /* in network order; zero behind the bits */
	bool is_blocked;     /* else allowed */
};

/* Zeroed, it is empty. */
struct prefix_list {
	struct prefix *prefixes;
	size_t count, room;
};

/*
 * "192.0.2.7", "10.0.0.0/8", "2001:db8::/32": all of text, len bytes. 0, or -EINVAL with the reason in why. A prefix with bits of the address
 * behind its length is refused, as one of the two is not what was meant.
 */
int prefix_parse(const char *text, size_t len, struct prefix *prefix, char *why, size_t why_size);
/* As it would be written. Returns buf. */
const char *prefix_format(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX]);

/* 0 or -ENOMEM. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix);
/*
 * Add what a file holds: one address or prefix per line; blanks, empty lines and what follows a # are left out. 0, or negative errno with the
 * reason in why, with file and line.
 */
int prefix_list_read(struct prefix_list *list, const char *path, bool is_blocked, char *why,
		     size_t why_size);
/*
 * Put it in order and leave out repetitions. 0, or -EINVAL and in why which prefix is both blocked and allowed.
 */
int prefix_list_finish(struct prefix_list *list, char *why, size_t why_size);
/* The longest prefix that covers this address; NULL: none. Of a finished list; the prefix is the list's. */
const struct prefix *prefix_list_find(const struct prefix_list *list, int family,
				      const uint8_t *address);
/* It is empty again. */
void prefix_list_clear(struct prefix_list *list);

#endif /* NET_PREFIX_H */
