/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Reading small files and /proc, and one process's view of the file system. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"

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

size_t io_own_root(pid_t pid, char path[static PATH_MAX])
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/root", pid);
	len = readlink(link, path, PATH_MAX - 1);
	if (len <= 1)
		len = 0;
	path[len] = '\0';
	return len;
}

int io_fd_path(int fd, char path[static PATH_MAX])
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_MAX - 1);
	path[len < 0 ? 0 : len] = '\0';
	return len < 0 ? -errno : 0;
}

/* A seccomp filter refuses calls that its author didn't know of: with EPERM, and for good. */
static bool openat2_is_refused(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

/* The kernel can't be sure of a `..` while directories are renamed around it. */
#define MAX_TRIES 100

static int open_below(int root_fd, const char *path, const struct open_how *how)
{
	int fd, tries = 0;

	do {
		fd = syscall(SYS_openat2, root_fd, path, how, sizeof(*how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN) && ++tries < MAX_TRIES);
	if (fd < 0 && errno == EPERM && openat2_is_refused())
		return -ENOSYS;
	return fd < 0 ? -errno : fd;
}

int io_open_in_root(const char *root, const char *path, int flags)
{
	/* O_NONBLOCK: a FIFO where a file was expected must not hang us */
	const struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT,
	};
	int root_fd, fd;

	if (!root[0]) {
		fd = open(path, how.flags);
		return fd < 0 ? -errno : fd;
	}
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = open_below(root_fd, path, &how);
	close(root_fd);
	return fd;
}
