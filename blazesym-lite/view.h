/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A file's bytes, read when they are asked for. Internal to blazesym-lite.
 *
 * A mapped file kills its reader with SIGBUS when it shrinks, and changes under a parser's hands when it is written to: what
 * was checked isn't what is used. So a view is ordinary memory, as large as the file, that pread(2) fills block by block.
 */
#ifndef BSL_VIEW_H
#define BSL_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct view;

/* fd is borrowed, and must live as long. st is its stat(2), of a regular file that isn't empty. -ENOMEM. */
int view_open(int fd, const struct stat *st, struct view **view);
void view_close(struct view *view);

/* All of the file's bytes in their places; those that view_bytes() didn't ask for are 0. */
const uint8_t *view_data(const struct view *view);

/*
 * Reads `size` bytes at an offset, which both lie in the file, unless they were read before. NULL if they can't be had:
 * the file has shrunk, or changed since it was opened, or can't be read. All later calls then fail, too.
 */
const uint8_t *view_bytes(struct view *view, uint64_t offset, uint64_t size);

/* Has the file changed since it was opened (by its size and time of modification)? Later calls of view_bytes() fail, then. */
bool view_check(struct view *view);

/* Why view_bytes() fails: 0; -ESTALE, the file changed while it was read; else an error of pread(2). */
int view_error(const struct view *view);

#endif /* BSL_VIEW_H */
