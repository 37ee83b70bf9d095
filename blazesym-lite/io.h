/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Reading small files and /proc, and one process's view of the file system. Internal. */
#ifndef BSL_IO_H
#define BSL_IO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a whole file, which may be one of /proc that has no size, into a malloc()ed buffer, with a
 * NUL behind it that is not counted. -EFBIG if it is longer than max.
 */
int io_read_all(const char *path, size_t max, char **data, size_t *size);

/* The same from an open file, from where it stands; it stays open. */
int io_read_fd(int fd, size_t max, char **data, size_t *size);

/* What has to stand before a path of a process's world to make it ours: room for any pid. */
#define IO_ROOT_SIZE sizeof("/proc/-2147483648/root")

/*
 * "" if pid is 0 or shares our root directory and mount namespace, else "/proc/PID/root". -ESRCH if
 * there is no such process.
 */
int io_root(pid_t pid, char root[static IO_ROOT_SIZE]);

/*
 * Opens an absolute path of a process's world; root is as from io_root(). Links, also absolute ones, stay inside of that root
 * whatever it does to its directories meanwhile (RESOLVE_IN_ROOT of openat2(2)), which is why the descriptor is what is to be used
 * from then on, and no path. Never waits: flags are O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_PATH. A descriptor, or a negative errno:
 * -ENOSYS, openat2(2) is refused, as old container runtimes' seccomp filters do.
 */
int io_open_in_root(const char *root, const char *path, int flags);

/*
 * What a process's root directory is called, seen from our root, and its length: paths in its maps start with it. 0 if it is
 * called "/", or can't be known.
 */
size_t io_own_root(pid_t pid, char path[static PATH_MAX]);

/* What a descriptor's file is called, seen from our root as the kernel shows it in maps, too. */
int io_fd_path(int fd, char path[static PATH_MAX]);

/* snprintf() that says if it fitted. */
bool io_format(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* BSL_IO_H */
