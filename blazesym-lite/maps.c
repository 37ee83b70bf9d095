/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Process maps: /proc/PID/maps into an array, and a way to open what is mapped. The format is
 * show_map_vma() in the kernel's fs/proc/task_mmu.c; paths have newlines, and only these, written
 * as \012.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blazesym-lite.h"
#include "io.h"

/* A process may have millions of mappings (vm.max_map_count); some end to our patience must be. */
#define MAPS_MAX (256u << 20)

/* What bsl_maps_free() frees: the public part first. */
struct maps {
	struct bsl_maps public;
	struct bsl_map *maps;
	char *paths;
};

struct cursor {
	const char *at, *end;
};

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/*
 * Reads digits of base 10 or 16 up to `stop`, which is passed over; the line's end stands for a
 * blank too. False for anything else.
 */
static bool number_take(struct cursor *cursor, unsigned int base, char stop, uint64_t *value)
{
	const char *start = cursor->at;
	unsigned int digit;

	*value = 0;
	for (; cursor->at < cursor->end; cursor->at++) {
		digit = digit_value(*cursor->at);
		if (digit >= base)
			break;
		if (*value > (UINT64_MAX - digit) / base)
			return false;
		*value = *value * base + digit;
	}
	if (cursor->at == start)
		return false;
	if (cursor->at == cursor->end)
		return stop == ' ';
	return *cursor->at++ == stop;
}

static bool perms_take(struct cursor *cursor, unsigned int *perms)
{
	static const struct {
		char set, clear;
		unsigned int perm;
	} rows[] = {
		{ 'r', '-', BSL_MAP_READ },
		{ 'w', '-', BSL_MAP_WRITE },
		{ 'x', '-', BSL_MAP_EXEC },
		{ 's', 'p', BSL_MAP_SHARED },
	};

	*perms = 0;
	if (cursor->end - cursor->at < 5 || cursor->at[4] != ' ')
		return false;
	for (size_t i = 0; i < 4; i++, cursor->at++) {
		if (*cursor->at == rows[i].set)
			*perms |= rows[i].perm;
		else if (*cursor->at != rows[i].clear)
			return false;
	}
	cursor->at++;
	return true;
}

/* Copies a path with its newlines restored; returns what follows its NUL. */
static char *path_unescape(const char *from, const char *end, char *to)
{
	while (from < end) {
		if (end - from >= 4 && !memcmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to++ = '\0';
	return to;
}

static void map_classify(struct bsl_map *map, char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path);

	map->path = path;
	if (path[0] == '/') {
		map->kind = BSL_MAP_FILE;
		if (len > sizeof(deleted) - 1 &&
		    !strcmp(path + len - sizeof(deleted) + 1, deleted)) {
			map->deleted = true;
			path[len - sizeof(deleted) + 1] = '\0';
		}
		map->memfd = map->deleted && !strncmp(path, "/memfd:", 7);
	} else if (!strcmp(path, "[vdso]")) {
		map->kind = BSL_MAP_VDSO;
	} else if (!len || !strncmp(path, "[anon", 5)) {
		map->kind = BSL_MAP_ANON;
	} else {
		map->kind = BSL_MAP_SPECIAL;
	}
}

static bool line_parse(struct cursor line, struct bsl_map *map, char **paths)
{
	uint64_t major, minor;
	char *path = *paths;

	memset(map, 0, sizeof(*map));
	if (!number_take(&line, 16, '-', &map->start) || !number_take(&line, 16, ' ', &map->end) ||
	    !perms_take(&line, &map->perms) || !number_take(&line, 16, ' ', &map->offset) ||
	    !number_take(&line, 16, ':', &major) || !number_take(&line, 16, ' ', &minor) ||
	    !number_take(&line, 10, ' ', &map->ino) || major > UINT32_MAX || minor > UINT32_MAX ||
	    map->end < map->start)
		return false;
	map->dev_major = major;
	map->dev_minor = minor;
	while (line.at < line.end && *line.at == ' ')
		line.at++;
	*paths = path_unescape(line.at, line.end, path);
	map_classify(map, path);
	return true;
}

/* Neighbours mostly map the same file: they share one copy of its path. */
static void path_share(struct bsl_map *map, const struct bsl_map *prev, char **paths)
{
	if (strcmp(map->path, prev->path))
		return;
	*paths = (char *)map->path;
	map->path = prev->path;
}

static int file_compare(const struct bsl_map *a, const struct bsl_map *b)
{
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->dev_major != b->dev_major)
		return a->dev_major < b->dev_major ? -1 : 1;
	return a->dev_minor < b->dev_minor ? -1 : a->dev_minor > b->dev_minor;
}

/* By file, and within one by address. */
static int code_compare(const void *a, const void *b)
{
	const struct bsl_map *x = *(struct bsl_map *const *)a, *y = *(struct bsl_map *const *)b;
	int order = file_compare(x, y);

	return order ? order : x < y ? -1 : x > y;
}

static int first_code_mark(struct maps *maps)
{
	size_t total = maps->public.nr, nr = 0;
	struct bsl_map **code = calloc(total ? total : 1, sizeof(*code));

	if (!code)
		return -ENOMEM;
	for (size_t i = 0; i < total; i++)
		if (maps->maps[i].kind == BSL_MAP_FILE && (maps->maps[i].perms & BSL_MAP_EXEC))
			code[nr++] = &maps->maps[i];
	qsort(code, nr, sizeof(*code), code_compare);
	for (size_t i = 0; i < nr; i++)
		code[i]->first_code = !i || file_compare(code[i - 1], code[i]);
	free(code);
	return 0;
}

static size_t lines_count(const char *text, size_t len)
{
	size_t nr = 0;

	for (const char *at = text, *end = text + len; at < end; nr++) {
		const char *eol = memchr(at, '\n', end - at);

		at = eol ? eol + 1 : end;
	}
	return nr;
}

int bsl_maps_parse(const char *text, size_t len, struct bsl_maps **out)
{
	size_t nr = lines_count(text, len);
	struct maps *maps = calloc(1, sizeof(*maps));
	struct cursor all = { text, text + len };
	char *paths;
	int err = -ENOMEM;

	if (!maps)
		return -ENOMEM;
	maps->maps = calloc(nr ? nr : 1, sizeof(*maps->maps));
	/* each line's path is shorter than the line, so its NUL fits, but for the last's */
	maps->paths = malloc(len + 1);
	if (!maps->maps || !maps->paths)
		goto cleanup;
	paths = maps->paths;
	err = -EBADMSG;
	for (size_t i = 0; i < nr; i++) {
		struct bsl_map *map = &maps->maps[i];
		const char *eol = memchr(all.at, '\n', all.end - all.at);

		if (!eol)
			eol = all.end;
		if (!line_parse((struct cursor){ all.at, eol }, map, &paths))
			goto cleanup;
		if (i && map->start < map[-1].end)
			goto cleanup;
		if (i)
			path_share(map, map - 1, &paths);
		all.at = eol + (eol < all.end);
	}
	maps->public.maps = maps->maps;
	maps->public.nr = nr;
	err = first_code_mark(maps);
	if (err)
		goto cleanup;
	*out = &maps->public;
	return 0;
cleanup:
	bsl_maps_free(&maps->public);
	return err;
}

/*
 * The kernel shows paths from our root as far as it can: those of a process that changed its root
 * without leaving our tree start with that root, which isn't there for the process.
 */
static void paths_set_root(struct bsl_maps *maps)
{
	char root[PATH_MAX];
	size_t len = io_own_root(maps->pid, root);

	if (!len)
		return;
	for (size_t i = 0; i < maps->nr; i++) {
		struct bsl_map *map = &maps->maps[i];

		if (map->kind == BSL_MAP_FILE && !strncmp(map->path, root, len) &&
		    map->path[len] == '/')
			map->path += len;
	}
}

int bsl_maps_read(pid_t pid, struct bsl_maps **out)
{
	char path[64], *text;
	size_t len;
	int err;

	if (!pid)
		pid = getpid();
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	err = io_read_all(path, MAPS_MAX, &text, &len);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	err = bsl_maps_parse(text, len, out);
	free(text);
	if (err)
		return err;
	(*out)->pid = pid;
	paths_set_root(*out);
	return 0;
}

void bsl_maps_free(struct bsl_maps *public)
{
	struct maps *maps = (struct maps *)public;

	if (!maps)
		return;
	free(maps->maps);
	free(maps->paths);
	free(maps);
}

const struct bsl_map *bsl_maps_find(const struct bsl_maps *maps, uint64_t addr)
{
	size_t low = 0, high = maps->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (maps->maps[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == maps->nr || addr < maps->maps[low].start)
		return NULL;
	return &maps->maps[low];
}

const struct bsl_map *bsl_maps_next_file(const struct bsl_maps *maps, const struct bsl_map *last)
{
	const struct bsl_map *end = maps->maps + maps->nr;

	for (last = last ? last + 1 : maps->maps; last < end; last++)
		if (last->first_code)
			return last;
	return NULL;
}

/* True if `st` is the mapped file, judged by the numbers in the maps line alone. */
static bool map_is_file(const struct bsl_map *map, const struct stat *st)
{
	/* btrfs and overlayfs report other devices in maps than in stat(2): the inode must do */
	return map->ino == st->st_ino && !map->deleted;
}

static int named_open(const struct bsl_maps *maps, const struct bsl_map *map)
{
	char root[IO_ROOT_SIZE];
	struct stat st;
	int fd, err;

	err = io_root(maps->pid, root);
	if (err)
		return err;
	fd = io_open_in_root(root, map->path, O_RDONLY);
	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && map_is_file(map, &st))
		return fd;
	close(fd);
	return -ENOENT;
}

int bsl_map_open(const struct bsl_maps *maps, const struct bsl_map *map)
{
	char link[96];
	int fd;

	if (map->kind != BSL_MAP_FILE)
		return -ENOENT;
	snprintf(link, sizeof(link), "/proc/%d/map_files/%llx-%llx", maps->pid,
		 (unsigned long long)map->start, (unsigned long long)map->end);
	fd = maps->pid ? io_open_in_root("", link, O_RDONLY) : -1;
	return fd >= 0 ? fd : named_open(maps, map);
}
