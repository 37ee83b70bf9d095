/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists of IP prefixes; see prefix.h.
 */
#include "net/prefix.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"

static unsigned int prefix_bits_max(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* Clears what is behind the prefix's length. Was there anything? */
static bool prefix_cut(struct prefix *prefix)
{
	unsigned int bytes = prefix_bits_max(prefix->family) / 8;
	bool had_more = false;

	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int bits = prefix->bits > 8 * i ? prefix->bits - 8 * i : 0;
		uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);

		had_more |= prefix->address[i] & ~mask;
		prefix->address[i] &= mask;
	}
	return had_more;
}

int prefix_parse(const char *text, size_t len, struct prefix *prefix, char *why, size_t why_size)
{
	char copy[PREFIX_TEXT_MAX], *slash;
	uint64_t bits;

	*prefix = (struct prefix){};
	snprintf(why, why_size,
		 "expected an IP address or a prefix such as 10.0.0.0/8 or 2001:db8::/32");
	if (!len || len >= sizeof(copy) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	prefix->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(prefix->family, copy, prefix->address) != 1)
		return -EINVAL;
	prefix->bits = prefix_bits_max(prefix->family);
	if (!slash)
		return 0;
	if (options_parse_u64(slash, 0, prefix->bits, &bits)) {
		snprintf(why, why_size, "the length of a prefix is a number from 0 to %u",
			 prefix->bits);
		return -EINVAL;
	}
	prefix->bits = (unsigned int)bits;
	if (prefix_cut(prefix)) {
		snprintf(why, why_size, "it has bits behind its length: is %s meant, or %s alone?",
			 prefix_format(prefix, (char[PREFIX_TEXT_MAX]){}), copy);
		return -EINVAL;
	}
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(prefix->family, prefix->address, address, sizeof(address));
	if (prefix->bits == prefix_bits_max(prefix->family))
		snprintf(buf, PREFIX_TEXT_MAX, "%s", address);
	else
		snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", address, prefix->bits);
	return buf;
}

int prefix_list_add(struct prefix_list *list, const struct prefix *prefix)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct prefix *prefixes = reallocarray(list->prefixes, room, sizeof(*prefixes));

		if (!prefixes)
			return -ENOMEM;
		list->prefixes = prefixes;
		list->room = room;
	}
	list->prefixes[list->count++] = *prefix;
	return 0;
}

/* One line of a file; without a prefix it is fine. */
static int prefix_list_add_line(struct prefix_list *list, const char *line, size_t len,
				bool is_blocked, char *why, size_t why_size)
{
	const char *comment = memchr(line, '#', len);
	struct prefix prefix;
	int err;

	len = comment ? (size_t)(comment - line) : len;
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	while (len && isspace((unsigned char)*line))
		line++, len--;
	if (!len)
		return 0;
	err = prefix_parse(line, len, &prefix, why, why_size);
	prefix.is_blocked = is_blocked;
	return err ?: prefix_list_add(list, &prefix);
}

int prefix_list_read(struct prefix_list *list, const char *path, bool is_blocked, char *why,
		     size_t why_size)
{
	char *line = NULL, reason[160];
	unsigned int number = 0;
	size_t room = 0;
	ssize_t len;
	FILE *file = fopen(path, "re");
	int err = file ? 0 : -errno;

	errno = 0;
	while (!err && (len = getline(&line, &room, file)) >= 0) {
		number++;
		err = prefix_list_add_line(list, line, (size_t)len, is_blocked, reason,
					   sizeof(reason));
		errno = 0;
	}
	/* At its end, errno stays. */
	if (!err && errno)
		err = -errno;
	if (err == -EINVAL && number)
		snprintf(why, why_size, "%s:%u: %s", path, number, reason);
	else if (err)
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
	free(line);
	if (file)
		fclose(file);
	return err;
}

/* By family, address, length, verdict: a prefix stands before all that it covers. */
static int prefix_compare(const void *left, const void *right)
{
	const struct prefix *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address)) ?: (int)a->bits - (int)b->bits;
}

int prefix_list_finish(struct prefix_list *list, char *why, size_t why_size)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->prefixes, list->count, sizeof(*list->prefixes), prefix_compare);
	for (size_t i = 0; i < list->count; i++) {
		const struct prefix *prefix = &list->prefixes[i],
				    *last = &list->prefixes[kept ? kept - 1 : 0];

		if (kept && !prefix_compare(prefix, last)) {
			if (prefix->is_blocked != last->is_blocked) {
				snprintf(why, why_size, "%s is both blocked and allowed",
					 prefix_format(prefix, (char[PREFIX_TEXT_MAX]){}));
				return -EINVAL;
			}
			continue;
		}
		list->prefixes[kept++] = *prefix;
	}
	list->count = kept;
	return 0;
}

const struct prefix *prefix_list_find(const struct prefix_list *list, int family,
				      const uint8_t *address)
{
	struct prefix key = { .family = family };

	/* The address with fewer and fewer bits. */
	for (int bits = (int)prefix_bits_max(family); list->count && bits >= 0; bits--) {
		const struct prefix *found;

		memset(key.address, 0, sizeof(key.address));
		memcpy(key.address, address, prefix_bits_max(family) / 8);
		key.bits = (unsigned int)bits;
		prefix_cut(&key);
		found = bsearch(&key, list->prefixes, list->count, sizeof(key), prefix_compare);
		if (found)
			return found;
	}
	return NULL;
}

void prefix_list_clear(struct prefix_list *list)
{
	free(list->prefixes);
	*list = (struct prefix_list){};
}
