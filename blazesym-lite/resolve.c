/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From what a user writes (a path, `c`, `redis-server`) to the file to open, in the world of the
 * process that is traced: its mappings first, then its root directory.
 */
#include <array_size.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"
#include "io.h"
#include "ldcache.h"
#include "machine.h"

#define LDCACHE_MAX (64u << 20)
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Where linkers look without a cache: glibc's and musl's, 64 bits first. To those that end in / goes Debian's name of the machine. */
static const char *const library_dirs[] = { "/lib/", "/usr/lib/",      "/lib64",  "/usr/lib64",
					    "/lib",  "/usr/local/lib", "/usr/lib" };

/* One call of bsl_resolve(). */
struct lookup {
	const char *name;
	pid_t pid;
	char root[IO_ROOT_SIZE]; /* "" or /proc/PID/root */
	struct bsl_maps *maps;	 /* of pid, or NULL */
	int maps_err;
	int machine, bits; /* what a library must be made for */
	struct bsl_file *file;
	char *err;
	size_t err_size;
	int why; /* the best reason so far why what was found won't do, or 0 */
	char why_path[PATH_MAX];
};

/* Several levels may fail in turn; the last text written is the one the user sees. */
#define lookup_fail(lookup, error, ...) \
	(io_format((lookup)->err, (lookup)->err_size, __VA_ARGS__), (error))

/* Remembers why a file that is there won't do. */
static void why_note(struct lookup *lookup, int err, const char *display)
{
	if (lookup->why)
		return;
	lookup->why = err;
	io_format(lookup->why_path, PATH_MAX, "%s", display);
}

/*
 * Takes the file if it is ELF, and, with any_machine false, one that the target can load. fd is taken over; a negative one is why
 * there is none.
 */
static int fd_take(struct lookup *lookup, int fd, const char *display, bool any_machine)
{
	struct bsl_elf *elf = NULL;
	int err;

	err = elf_open_own_fd(fd, &elf);
	/* what isn't there is no reason, and neither is a directory we may not look into */
	if (err && err != -ENOENT && err != -ENOTDIR && err != -EACCES)
		why_note(lookup, err, display);
	if (!err && !any_machine &&
	    (bsl_elf_machine(elf) != lookup->machine || bsl_elf_bits(elf) != lookup->bits))
		err = -ENOENT;
	if (!err && !io_format(lookup->file->display, PATH_MAX, "%s", display))
		err = -ENAMETOOLONG;
	if (err) {
		bsl_elf_close(elf);
		return err;
	}
	/* one that was good, too, but not as good */
	bsl_elf_close(lookup->file->elf);
	lookup->file->elf = elf;
	return 0;
}

/* Takes an absolute path of the target's world. */
static int path_take(struct lookup *lookup, const char *path, bool any_machine)
{
	int fd = io_open_in_root(lookup->root, path, O_RDONLY), there;

	if (fd == -EACCES) {
		there = io_open_in_root(lookup->root, path, O_PATH);
		if (there >= 0) {
			close(there);
			why_note(lookup, fd, path);
		}
	}
	return fd_take(lookup, fd, path, any_machine);
}

static int map_take(struct lookup *lookup, const struct bsl_map *map, bool any_machine)
{
	return fd_take(lookup, bsl_map_open(lookup->maps, map), map->path, any_machine);
}

/* ---- the target ---- */

static int exe_take(struct lookup *lookup)
{
	char link[64], text[PATH_MAX];
	ssize_t len;

	if (!lookup->pid)
		return lookup_fail(lookup, -EINVAL, "no file and no process given");
	snprintf(link, sizeof(link), "/proc/%d/exe", lookup->pid);
	len = readlink(link, text, sizeof(text) - 1);
	if (len < 0)
		return lookup_fail(lookup, -errno, "can't read %s: %s", link,
				   bsl_error_text(-errno));
	text[len] = '\0';
	return fd_take(lookup, io_open_in_root("", link, O_RDONLY), text, true);
}

static int target_open(struct lookup *lookup)
{
	char exe[64];
	struct bsl_elf *elf;
	int err;

	lookup->machine = bsl_host_machine();
	lookup->bits = sizeof(void *) * 8;
	if (!lookup->pid)
		return 0;
	err = io_root(lookup->pid, lookup->root);
	if (err)
		return lookup_fail(lookup, err, "no process %d", lookup->pid);
	/* access(2) would ask without our capabilities. */
	if (lookup->root[0] && faccessat(AT_FDCWD, lookup->root, X_OK, AT_EACCESS))
		return lookup_fail(lookup, -errno,
				   "can't look into the root directory of process %d: %s",
				   lookup->pid, bsl_error_text(-errno));
	lookup->maps_err = bsl_maps_read(lookup->pid, &lookup->maps);
	snprintf(exe, sizeof(exe), "/proc/%d/exe", lookup->pid);
	if (!bsl_elf_open(exe, &elf)) {
		lookup->machine = bsl_elf_machine(elf);
		lookup->bits = bsl_elf_bits(elf);
		bsl_elf_close(elf);
	}
	return 0;
}

/* ---- name is a path ---- */

static const struct bsl_map *map_by_path(const struct bsl_maps *maps, const char *path)
{
	for (size_t i = 0; maps && i < maps->nr; i++)
		if (maps->maps[i].kind == BSL_MAP_FILE && !strcmp(maps->maps[i].path, path))
			return &maps->maps[i];
	return NULL;
}

/* The mapping of the file that a path leads to, or of an older one that was called so. */
static const struct bsl_map *map_by_link(const struct lookup *lookup)
{
	int fd = lookup->maps ? io_open_in_root(lookup->root, lookup->name, O_PATH) : -1;
	char path[PATH_MAX], own_root[PATH_MAX];
	size_t len;
	int err;

	if (fd < 0)
		return NULL;
	err = io_fd_path(fd, path);
	close(fd);
	if (err)
		return NULL;
	/* as bsl_maps_read() does with the paths of maps */
	len = io_own_root(lookup->pid, own_root);
	return map_by_path(lookup->maps, strncmp(path, own_root, len) ? path : path + len);
}

static int absolute_take(struct lookup *lookup)
{
	const struct bsl_map *map = map_by_path(lookup->maps, lookup->name);
	int err;

	/* the mapped one may be older than what bears its name now */
	if (!map)
		map = map_by_link(lookup);
	err = map ? map_take(lookup, map, true) : path_take(lookup, lookup->name, true);
	if (err && map)
		return lookup_fail(lookup, err, "process %d maps %s, but it can't be opened: %s",
				   lookup->pid, lookup->name, bsl_error_text(err));
	if (err && lookup->root[0])
		return lookup_fail(lookup, err, "%s in the root directory of process %d: %s",
				   lookup->name, lookup->pid, bsl_error_text(err));
	return err ? lookup_fail(lookup, err, "%s: %s", lookup->name, bsl_error_text(err)) : 0;
}

static int relative_take(struct lookup *lookup)
{
	int err = fd_take(lookup, io_open_in_root("", lookup->name, O_RDONLY), lookup->name, true);

	return err ? lookup_fail(lookup, err, "%s: %s", lookup->name, bsl_error_text(err)) : 0;
}

/* ---- name is a library ---- */

/* musl's C library and its dynamic linker are one file. */
static bool library_match(const char *file, const char *name)
{
	if (!strcmp(name, "c") && !strncmp(file, "ld-musl-", 8))
		return true;
	return ldcache_name_match(file, name);
}

static int library_in_maps(struct lookup *lookup)
{
	for (size_t i = 0; lookup->maps && i < lookup->maps->nr; i++) {
		const struct bsl_map *map = &lookup->maps->maps[i];
		const char *slash = strrchr(map->path, '/');

		if (map->kind != BSL_MAP_FILE || !library_match(slash + 1, lookup->name))
			continue;
		if (!map_take(lookup, map, false))
			return 0;
	}
	return -ENOENT;
}

static int cached_take(const char *path, void *ctx)
{
	return path_take(ctx, path, false) == 0;
}

static int library_in_cache(struct lookup *lookup)
{
	size_t size;
	char *data;
	int fd, ret;

	fd = io_open_in_root(lookup->root, "/etc/ld.so.cache", O_RDONLY);
	if (fd < 0)
		return -ENOENT;
	ret = io_read_fd(fd, LDCACHE_MAX, &data, &size);
	close(fd);
	if (ret)
		return -ENOENT;
	ret = bsl_ldcache_find(data, size, lookup->name, lookup->machine, cached_take, lookup);
	free(data);
	return ret > 0 ? 0 : -ENOENT;
}

/* Of several versions in a directory the shortest name, then the first of the alphabet. */
static bool name_better(const char *name, const char *than)
{
	size_t a = strlen(name), b = strlen(than);

	return !*than || a < b || (a == b && strcmp(name, than) < 0);
}

static int library_in_dir(struct lookup *lookup, const char *dir)
{
	int fd = io_open_in_root(lookup->root, dir, O_RDONLY | O_DIRECTORY);
	char path[PATH_MAX], best[NAME_MAX + 1] = "";
	struct dirent *entry;
	DIR *stream;

	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	while ((entry = readdir(stream))) {
		if (!library_match(entry->d_name, lookup->name) ||
		    !name_better(entry->d_name, best))
			continue;
		/* libfoo.so may be a linker script, where libfoo.so.1 is the library */
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (!path_take(lookup, path, false))
			snprintf(best, sizeof(best), "%s", entry->d_name);
	}
	closedir(stream);
	return best[0] ? 0 : -ENOENT;
}

/* The i-th of library_dirs. */
static bool library_dir(const struct lookup *lookup, size_t i, char *dir, size_t size)
{
	const struct machine *machine = machine_get(lookup->machine);
	bool has_name = library_dirs[i][strlen(library_dirs[i]) - 1] == '/';

	return io_format(dir, size, "%s%s", library_dirs[i],
			 has_name && machine ? machine->triplet : "");
}

/* Reads whole directories, milliseconds: only when there is no cache, or nothing else had it. */
static int library_in_dirs(struct lookup *lookup)
{
	for (size_t i = 0; i < ARRAY_SIZE(library_dirs); i++) {
		char dir[64];

		if (library_dir(lookup, i, dir, sizeof(dir)) && !library_in_dir(lookup, dir))
			return 0;
	}
	return -ENOENT;
}

/* ---- name is a command ---- */

static int command_take(struct lookup *lookup, const char *search)
{
	char path[PATH_MAX];

	for (const char *at = search; *at;) {
		size_t len = strcspn(at, ":");

		/* a relative entry of PATH would mean nothing in the target's root */
		if (at[0] == '/' &&
		    io_format(path, sizeof(path), "%.*s/%s", (int)len, at, lookup->name) &&
		    !path_take(lookup, path, true))
			return 0;
		at += len + (at[len] == ':');
	}
	return -ENOENT;
}

static int name_fail(struct lookup *lookup, bool library, bool search)
{
	char process[64] = "", libraries[256] = "", here[256] = "";
	char dir[64];

	if (lookup->why)
		return lookup_fail(lookup, lookup->why,
				   "'%s' was found as %s, which can't be used: %s", lookup->name,
				   lookup->why_path, bsl_error_text(lookup->why));
	if (lookup->pid && lookup->maps_err)
		return lookup_fail(lookup, lookup->maps_err,
				   "'%s' was not found, and /proc/%d/maps can't be read: %s",
				   lookup->name, lookup->pid, bsl_error_text(lookup->maps_err));
	if (lookup->pid)
		io_format(process, sizeof(process), " by process %d:", lookup->pid);
	if (library && library_dir(lookup, 0, dir, sizeof(dir)))
		io_format(libraries, sizeof(libraries),
			  " no library lib%.64s.so%s in /etc/ld.so.cache, %s, ...%s", lookup->name,
			  lookup->pid ? " mapped or" : "", dir, search ? ";" : "");
	if (!access(lookup->name, F_OK))
		io_format(here, sizeof(here), "; did you mean the file ./%s?", lookup->name);
	return lookup_fail(lookup, -ENOENT, "'%s' not found%s%s%s%s", lookup->name,
			   process[0] ? process : ":", libraries,
			   search ? " no command in PATH" : "", here);
}

static int name_take(struct lookup *lookup, unsigned int flags)
{
	bool library = !(flags & BSL_RESOLVE_NO_LIBRARY);
	const char *search = getenv("PATH");

	if (!search || !*search)
		search = DEFAULT_PATH;
	if (flags & BSL_RESOLVE_NO_COMMAND)
		search = NULL;
	if (library && (!library_in_maps(lookup) || !library_in_cache(lookup)))
		return 0;
	if (search && !command_take(lookup, search))
		return 0;
	if (library && !library_in_dirs(lookup))
		return 0;
	return name_fail(lookup, library, search);
}

int bsl_resolve(const char *name, pid_t pid, unsigned int flags, struct bsl_file *file, char *err,
		size_t err_size)
{
	struct lookup lookup = {
		.name = name,
		.pid = pid,
		.file = file,
		.err = err,
		.err_size = err ? err_size : 0,
	};
	int ret;

	file->elf = NULL;
	file->display[0] = '\0';
	ret = target_open(&lookup);
	if (ret)
		goto cleanup;
	if (!name || !*name)
		ret = exe_take(&lookup);
	else if (*name == '/')
		ret = absolute_take(&lookup);
	else if (strchr(name, '/'))
		ret = relative_take(&lookup);
	else
		ret = name_take(&lookup, flags);
cleanup:
	bsl_maps_free(lookup.maps);
	return ret;
}
