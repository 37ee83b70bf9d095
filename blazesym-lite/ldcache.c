/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * /etc/ld.so.cache: library names and their paths, as ldconfig leaves them. Layouts: glibc's
 * sysdeps/generic/dl-cache.h; the _DL_CACHE_DEFAULT_ID of each machine: sysdeps/.../dl-cache.h.
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "ldcache.h"
#include "machine.h"

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"

struct old_header {
	char magic[sizeof(OLD_MAGIC)];
	uint32_t nr_libs;
};

struct old_entry {
	int32_t flags;
	uint32_t key, value;
};

struct new_header {
	char magic[sizeof(NEW_MAGIC) - 1];
	uint32_t nr_libs;
	uint32_t strings_size;
	uint8_t flags;
	uint8_t padding[3];
	uint32_t extensions;
	uint32_t unused[3];
};

struct new_entry {
	int32_t flags;
	uint32_t key, value;
	uint32_t osversion;
	uint64_t hwcap;
};

/* Both layouts reduced to what they have in common. */
struct cache {
	const uint8_t *strings; /* what keys and values are counted from */
	size_t strings_size;
	const uint8_t *entries;
	size_t entry_size;
	size_t nr;
};

static bool new_open(const uint8_t *data, size_t size, struct cache *cache)
{
	struct new_header header;

	if (size < sizeof(header) || memcmp(data, NEW_MAGIC, sizeof(header.magic)))
		return false;
	memcpy(&header, data, sizeof(header));
	cache->strings = data;
	cache->strings_size = size;
	cache->entries = data + sizeof(header);
	cache->entry_size = sizeof(struct new_entry);
	cache->nr = header.nr_libs;
	return header.nr_libs <= (size - sizeof(header)) / sizeof(struct new_entry);
}

static bool old_open(const uint8_t *data, size_t size, struct cache *cache)
{
	struct old_header header;
	size_t end;

	if (size < sizeof(header) || memcmp(data, OLD_MAGIC, sizeof(header.magic) - 1))
		return false;
	memcpy(&header, data, sizeof(header));
	if (header.nr_libs > (size - sizeof(header)) / sizeof(struct old_entry))
		return false;
	end = sizeof(header) + header.nr_libs * sizeof(struct old_entry);
	/* the new layout, where there is one, follows at its own alignment */
	if (((end + 7) & ~(size_t)7) < size &&
	    new_open(data + ((end + 7) & ~(size_t)7), size - ((end + 7) & ~(size_t)7), cache))
		return true;
	cache->strings = data + end;
	cache->strings_size = size - end;
	cache->entries = data + sizeof(header);
	cache->entry_size = sizeof(struct old_entry);
	cache->nr = header.nr_libs;
	return true;
}

/* NULL if the string does not start and end inside of the cache, or is longer than a path may be. */
static const char *cache_string(const struct cache *cache, uint32_t at)
{
	size_t left;

	if (at >= cache->strings_size)
		return NULL;
	left = cache->strings_size - at;
	if (!memchr(cache->strings + at, '\0', left < PATH_MAX ? left : PATH_MAX))
		return NULL;
	return (const char *)cache->strings + at;
}

bool ldcache_name_match(const char *file, const char *name)
{
	size_t len = strlen(name);

	if (!strcmp(file, name))
		return true;
	if (strncmp(file, "lib", 3) || strncmp(file + 3, name, len))
		return false;
	file += 3 + len;
	/* libc-2.31.so is what glibc's libc.so.6 was a link to before 2.34 */
	if (*file == '-')
		file += 1 + strspn(file + 1, "0123456789.");
	if (file[-1] == '.')
		file--;
	return !strncmp(file, ".so", 3) && (!file[3] || file[3] == '.');
}

int bsl_ldcache_find(const void *data, size_t size, const char *name, int machine,
		     int (*fn)(const char *path, void *ctx), void *ctx)
{
	struct cache cache;
	const struct machine *made_for = machine_get(machine);
	int ret;

	if (!new_open(data, size, &cache) && !old_open(data, size, &cache))
		return -EBADMSG;
	for (size_t i = 0; made_for && i < cache.nr; i++) {
		const char *key, *path;
		struct old_entry entry; /* how an entry of either layout starts */

		memcpy(&entry, cache.entries + i * cache.entry_size, sizeof(entry));
		if (entry.flags != made_for->ldcache_flags)
			continue;
		key = cache_string(&cache, entry.key);
		if (!key || !ldcache_name_match(key, name))
			continue;
		path = cache_string(&cache, entry.value);
		ret = path && path[0] == '/' ? fn(path, ctx) : 0;
		if (ret)
			return ret;
	}
	return 0;
}
