/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * /tmp/perf-PID.map, in which just-in-time compilers list what they made: tools/perf's
 * Documentation/jit-interface.txt. The file only grows: later lines replace earlier ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blazesym-lite.h"
#include "io.h"

#define PERF_MAP_MAX (256u << 20)

struct perf_entry {
	uint64_t start, end;
	uint64_t max_end; /* of this entry and all before it: how far back to look */
	uint32_t name;	  /* in text */
	uint32_t order;
};

struct bsl_perf_map {
	char *text; /* newlines turned into NULs */
	struct perf_entry *entries;
	size_t nr;
};

static bool hex_take(char **at, uint64_t *value)
{
	char *start = *at, *end;

	if (!start[0] || !strchr("0123456789abcdefABCDEF", start[0]))
		return false;
	errno = 0;
	*value = strtoull(start, &end, 16);
	if (errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static bool line_parse(struct bsl_perf_map *map, char *line)
{
	struct perf_entry *entry = &map->entries[map->nr];
	uint64_t size;
	char *at = line;

	if (!hex_take(&at, &entry->start) || !hex_take(&at, &size) || !*at || !size ||
	    entry->start > UINT64_MAX - size)
		return false;
	entry->end = entry->start + size;
	entry->name = at - map->text;
	entry->order = map->nr++;
	return true;
}

static int entry_compare(const void *a, const void *b)
{
	const struct perf_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Takes ownership of text, which has a NUL behind its len bytes. */
static int map_build(char *text, size_t len, struct bsl_perf_map **out)
{
	struct bsl_perf_map *map = calloc(1, sizeof(*map));
	size_t nr_lines = 1;

	if (!map || len >= UINT32_MAX) {
		free(text);
		free(map);
		return map ? -EFBIG : -ENOMEM;
	}
	map->text = text;
	for (size_t i = 0; i < len; i++)
		nr_lines += text[i] == '\n';
	map->entries = calloc(nr_lines, sizeof(*map->entries));
	if (!map->entries) {
		bsl_perf_map_free(map);
		return -ENOMEM;
	}
	for (char *line = text, *end = text + len; line < end;) {
		char *eol = memchr(line, '\n', end - line);

		if (!eol)
			eol = end;
		*eol = '\0';
		line_parse(map, line);
		line = eol + 1;
	}
	if (!map->nr && len) {
		bsl_perf_map_free(map);
		return -EBADMSG;
	}
	qsort(map->entries, map->nr, sizeof(*map->entries), entry_compare);
	for (size_t i = 0; i < map->nr; i++) {
		uint64_t before = i ? map->entries[i - 1].max_end : 0;

		map->entries[i].max_end = map->entries[i].end > before ? map->entries[i].end
								       : before;
	}
	*out = map;
	return 0;
}

int bsl_perf_map_parse(const char *text, size_t len, struct bsl_perf_map **out)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return map_build(copy, len, out);
}

/* The number by which a process knows itself, and the user it runs as. */
static int process_identify(pid_t pid, pid_t *own_pid, uid_t *uid)
{
	char path[64], *text;
	unsigned int effective;
	const char *line;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	err = io_read_all(path, 1 << 20, &text, &len);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	*own_pid = pid;
	/* "NSpid:\tOURS\t...\tITS OWN", one number a nested namespace */
	line = strstr(text, "\nNSpid:");
	for (line = line ? line + 1 : ""; *line && *line != '\n'; line++)
		if (*line == '\t')
			*own_pid = atoi(line + 1);
	line = strstr(text, "\nUid:");
	err = line && sscanf(line, " Uid: %*u %u", &effective) == 1 ? 0 : -EBADMSG;
	if (!err)
		*uid = effective;
	free(text);
	return err;
}

int bsl_perf_map_read(pid_t pid, struct bsl_perf_map **out)
{
	char root[IO_ROOT_SIZE], name[64], *text;
	pid_t own_pid = 0;
	struct stat st;
	size_t len;
	uid_t uid = 0;
	int err, fd;

	err = process_identify(pid, &own_pid, &uid);
	if (!err)
		err = io_root(pid, root);
	if (err)
		return err;
	snprintf(name, sizeof(name), "/tmp/perf-%d.map", own_pid);
	fd = io_open_in_root(root, name, O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	/* anybody can write to /tmp: only the process itself is to say what its code is */
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || (st.st_uid != uid && st.st_uid != 0))
		err = -EACCES;
	else
		err = io_read_fd(fd, PERF_MAP_MAX, &text, &len);
	close(fd);
	return err ? err : map_build(text, len, out);
}

void bsl_perf_map_free(struct bsl_perf_map *map)
{
	if (!map)
		return;
	free(map->entries);
	free(map->text);
	free(map);
}

int bsl_perf_map_symbol_at(const struct bsl_perf_map *map, uint64_t addr,
			   struct bsl_perf_symbol *sym)
{
	const struct perf_entry *best = NULL;
	size_t low = 0, high = map->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (map->entries[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low > 0 && map->entries[low - 1].max_end > addr; low--) {
		const struct perf_entry *entry = &map->entries[low - 1];

		if (addr < entry->end && (!best || entry->order > best->order))
			best = entry;
	}
	if (!best)
		return -ENOENT;
	sym->name = map->text + best->name;
	sym->addr = best->start;
	sym->size = best->end - best->start;
	return 0;
}
