/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Reading small files and /proc, and one process's view of the file system. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

#define MAX_LINKS 40 /* as the kernel's MAXSYMLINKS */

bool io_format(char *out, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(out, size, format, args);
	va_end(args);
	return len >= 0 && (size_t)len < size;
}

int io_read_fd(int fd, size_t max, char **data, size_t *size)
{
	size_t room = 0, len = 0;
	char *buf = NULL, *grown;
	ssize_t got;
	int err = 0;

	for (;;) {
		if (len + 1 >= room) {
			room = room ? room * 2 : 16384;
			grown = realloc(buf, room);
			if (!grown) {
				err = -ENOMEM;
				goto cleanup;
			}
			buf = grown;
		}
		got = read(fd, buf + len, room - len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err = -errno;
			goto cleanup;
		}
		if (!got)
			break;
		len += got;
		if (len > max) {
			err = -EFBIG;
			goto cleanup;
		}
	}
	buf[len] = '\0';
	*data = buf;
	*size = len;
	buf = NULL;
cleanup:
	free(buf);
	return err;
}

int io_read_all(const char *path, size_t max, char **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0)
		return -errno;
	err = io_read_fd(fd, max, data, size);
	close(fd);
	return err;
}

static bool same_inode(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int io_root(pid_t pid, char root[static IO_ROOT_SIZE])
{
	char path[64];

	root[0] = '\0';
	if (!pid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (pid < 0 || access(path, F_OK))
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	snprintf(root, IO_ROOT_SIZE, "/proc/%d/root", pid);
	if (same_inode(path, "/proc/self/ns/mnt") && same_inode(root, "/proc/self/root")) {
		root[0] = '\0';
	} else if (access(root, F_OK) && errno == ENOENT) {
		/* one that is ending is there still, but has no root any more */
		root[0] = '\0';
		return -ESRCH;
	}
	return 0;
}

/* A path being resolved: done, and what is still to be walked. */
struct walk {
	char *done; /* PATH_MAX bytes, starts with root */
	size_t root_len;
	size_t done_len;
	char rest[PATH_MAX];
};

static void walk_up(struct walk *walk)
{
	while (walk->done_len > walk->root_len && walk->done[walk->done_len - 1] != '/')
		walk->done_len--;
	if (walk->done_len > walk->root_len)
		walk->done_len--;
	walk->done[walk->done_len] = '\0';
}

/* Replaces the component just walked by the link's text. */
static int walk_link(struct walk *walk, const char *link)
{
	char rest[PATH_MAX];

	if (!io_format(rest, sizeof(rest), "%s/%s", link, walk->rest))
		return -ENAMETOOLONG;
	memcpy(walk->rest, rest, sizeof(rest));
	if (link[0] == '/') {
		walk->done_len = walk->root_len;
		walk->done[walk->done_len] = '\0';
	} else {
		walk_up(walk);
	}
	return 0;
}

static int walk_step(struct walk *walk, unsigned int *links)
{
	size_t skip = strspn(walk->rest, "/"), len = strcspn(walk->rest + skip, "/");
	char name[NAME_MAX + 1], link[PATH_MAX];
	ssize_t link_len;

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, walk->rest + skip, len);
	name[len] = '\0';
	memmove(walk->rest, walk->rest + skip + len, strlen(walk->rest + skip + len) + 1);
	if (!len || !strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		walk_up(walk);
		return 0;
	}
	if (!io_format(walk->done + walk->done_len, PATH_MAX - walk->done_len, "/%s", name))
		return -ENAMETOOLONG;
	walk->done_len += len + 1;
	link_len = readlink(walk->done, link, sizeof(link) - 1);
	if (link_len <= 0)
		return 0;
	if (++*links > MAX_LINKS)
		return -ELOOP;
	link[link_len] = '\0';
	return walk_link(walk, link);
}

int io_resolve_in_root(const char *root, const char *path, char out[static PATH_MAX])
{
	struct walk walk = { .done = out };
	unsigned int links = 0;
	int err = 0;

	if (!io_format(out, PATH_MAX, "%s", root) ||
	    !io_format(walk.rest, sizeof(walk.rest), "%s", path))
		return -ENAMETOOLONG;
	walk.root_len = walk.done_len = strlen(root);
	while (!err && walk.rest[0])
		err = walk_step(&walk, &links);
	if (!err && walk.done_len == walk.root_len && !io_format(out, PATH_MAX, "%s/", root))
		err = -ENAMETOOLONG;
	return err;
}
