/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The runtimes of processes and of this system: which files hold one, each looked at once.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/log.h"
#include "runtime/runtime_private.h"

/* A file as /proc/PID/maps names it: on some file systems not as stat(2) does. */
struct seen_file {
	uint64_t ino;
	uint32_t dev_major, dev_minor;
	struct runtime_image *image; /* NULL: no runtime in it */
};

struct runtime_images {
	unsigned int langs;
	struct seen_file *seen;
	size_t seen_count;
	struct runtime_image **images;
	size_t count;
};

struct runtime_images *runtime_images_new(unsigned int langs)
{
	struct runtime_images *images = calloc(1, sizeof(*images));

	if (images)
		images->langs = langs;
	return images;
}

void runtime_images_free(struct runtime_images *images)
{
	if (!images)
		return;
	for (size_t i = 0; i < images->count; i++)
		runtime_image_free(images->images[i]);
	free(images->images);
	free(images->seen);
	free(images);
}

static struct runtime_image *find_image(const struct runtime_images *images, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < images->count; i++)
		if (images->images[i]->ino == ino && images->images[i]->dev == dev)
			return images->images[i];
	return NULL;
}

/* fd is taken over. */
static int open_image(struct runtime_images *images, int fd, const char *display,
		      struct runtime_image **result)
{
	struct runtime_image **grown, *image;
	struct stat st;
	int err;

	err = fstat(fd, &st) ? -errno : 0;
	*result = err ? NULL : find_image(images, st.st_dev, st.st_ino);
	if (!err && !*result)
		err = runtime_image_open(fd, display, images->langs, &image);
	if (err || *result) {
		close(fd);
		return err;
	}
	grown = reallocarray(images->images, images->count + 1, sizeof(*grown));
	if (!grown) {
		runtime_image_free(image);
		return -ENOMEM;
	}
	images->images = grown;
	images->images[images->count++] = image;
	*result = image;
	return 0;
}

int runtime_images_open(struct runtime_images *images, const char *path, const char *display,
			struct runtime_image **image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : open_image(images, fd, display, image);
}

/* ---- processes ---- */

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_library_of_runtime(const struct runtime_images *images, const char *path)
{
	const char *const *pattern;

	for (int lang = 0; lang < RUNTIME_LANGS; lang++) {
		if (!(images->langs & 1u << lang))
			continue;
		for (pattern = runtime_descs[lang].libraries; *pattern; pattern++)
			if (bsl_glob_match(*pattern, file_name(path)))
				return true;
	}
	return false;
}

/* The image in a mapped file, or NULL; looked at only the first time. */
static int image_of_map(struct runtime_images *images, const struct bsl_maps *maps,
			const struct bsl_map *map, struct runtime_image **image)
{
	struct seen_file *grown, *seen;
	int err, fd;

	for (size_t i = 0; i < images->seen_count; i++) {
		seen = &images->seen[i];
		if (seen->ino == map->ino && seen->dev_major == map->dev_major &&
		    seen->dev_minor == map->dev_minor) {
			*image = seen->image;
			return 0;
		}
	}
	*image = NULL;
	fd = bsl_map_open(maps, map);
	err = fd < 0 ? fd : open_image(images, fd, map->path, image);
	if (err == -ENOMEM)
		return err;
	if (err && err != -ENOENT)
		log_info("can't look at %s of process %d: %s", map->path, maps->pid,
			 bsl_error_text(err));
	grown = reallocarray(images->seen, images->seen_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	images->seen = grown;
	grown[images->seen_count++] = (struct seen_file){ .ino = map->ino,
							  .dev_major = map->dev_major,
							  .dev_minor = map->dev_minor,
							  .image = *image };
	return 0;
}

static bool is_executable_of(pid_t pid, const struct bsl_map *map)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return !stat(path, &st) && st.st_ino == map->ino;
}

static bool has_image(const struct runtime_use *uses, int count, const struct runtime_image *image)
{
	while (count)
		if (uses[--count].image == image)
			return true;
	return false;
}

int runtime_images_find(struct runtime_images *images, pid_t pid,
			struct runtime_use uses[RUNTIME_USES_MAX])
{
	const struct bsl_map *map = NULL;
	struct runtime_image *image;
	struct bsl_maps *maps;
	int count = 0, err;

	err = bsl_maps_read(pid, &maps);
	if (err)
		return err;
	while (count < RUNTIME_USES_MAX && !err && (map = bsl_maps_next_file(maps, map))) {
		if (!is_library_of_runtime(images, map->path) && !is_executable_of(pid, map))
			continue;
		err = image_of_map(images, maps, map, &image);
		if (err || !image || has_image(uses, count, image))
			continue;
		uses[count].image = image;
		uses[count++].bias =
			!image->count ? 0
				      : map->start - map->offset -
						(image->places[0].addr - image->places[0].offset);
	}
	bsl_maps_free(maps);
	return err ?: count;
}

/* ---- this system ---- */

/* A search for the files that a pattern names. */
struct installed_search {
	struct runtime_images *images;
	int (*fn)(void *ctx, struct runtime_image *image);
	void *ctx;
	char path[PATH_MAX]; /* of folders so far */
};

static int find_below(struct installed_search *search, size_t len, const char *rest);

/* Goes on with a name in the folder of path[0, len). */
static int find_named(struct installed_search *search, size_t len, const char *name,
		      size_t name_len, const char *rest)
{
	struct runtime_image *image;

	if (len + name_len + 2 > sizeof(search->path))
		return 0;
	search->path[len++] = '/';
	memcpy(search->path + len, name, name_len);
	search->path[len += name_len] = '\0';
	if (*rest)
		return find_below(search, len, rest);
	if (runtime_images_open(search->images, search->path, search->path, &image))
		return 0;
	return search->fn(search->ctx, image);
}

/* Not glob(3): without memory glibc 2.36's frees what it has freed. rest: "/NAME" with more or without, NAME a pattern or not. */
static int find_below(struct installed_search *search, size_t len, const char *rest)
{
	size_t name_len = strcspn(rest + 1, "/");
	const char *next = rest + 1 + name_len;
	char pattern[NAME_MAX + 1];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	snprintf(pattern, sizeof(pattern), "%.*s", (int)name_len, rest + 1);
	if (!bsl_glob_is_pattern(pattern))
		return find_named(search, len, pattern, name_len, next);
	dir = opendir(len ? search->path : "/");
	while (dir && !err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && bsl_glob_match(pattern, entry->d_name))
			err = find_named(search, len, entry->d_name, strlen(entry->d_name), next);
	if (dir)
		closedir(dir);
	return err;
}

static int find_installed(struct runtime_images *images, const char *pattern,
			  int (*fn)(void *ctx, struct runtime_image *image), void *ctx)
{
	struct installed_search search = { .images = images, .fn = fn, .ctx = ctx };

	return find_below(&search, 0, pattern);
}

int runtime_images_find_installed(struct runtime_images *images,
				  int (*fn)(void *ctx, struct runtime_image *image), void *ctx)
{
	const struct runtime_desc *desc;
	int err = 0;

	for (int lang = 0; lang < RUNTIME_LANGS; lang++) {
		desc = &runtime_descs[lang];
		for (size_t i = 0; i < ARRAY_SIZE(desc->installed); i++)
			if (!err && images->langs & 1u << lang && desc->installed[i])
				err = find_installed(images, desc->installed[i], fn, ctx);
	}
	return err;
}

/* ---- what isn't switched on ---- */

/* The bool at an address of the process; true if it can't be read: nothing is to be said then. */
static bool read_switch(pid_t pid, uint64_t address)
{
	uint8_t value = 1;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { (void *)(uintptr_t)address, sizeof(value) };

	process_vm_readv(pid, &local, 1, &remote, 1, 0);
	return value;
}

const char *runtime_explain(pid_t pid, const struct runtime_use *use, enum runtime_event event,
			    bool *is_silent)
{
	const struct runtime_image *image = use->image;
	const struct runtime_switch *s;

	*is_silent = false;
	if (image->routes[event].kind != RUNTIME_ROUTE_USDT)
		return NULL;
	for (int i = 0; i < RUNTIME_SWITCHES_MAX; i++) {
		s = &runtime_descs[image->lang].switches[i];
		if (!(s->events & 1u << event))
			continue;
		if (s->symbol)
			*is_silent = image->switch_addrs[i] &&
				     !read_switch(pid, image->switch_addrs[i] + use->bias);
		return s->note;
	}
	return NULL;
}
