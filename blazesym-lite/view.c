/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A file's bytes, read when they are asked for; see view.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "view.h"

/* What is read at least: a header or a table's entry is seldom wanted alone. */
#define BLOCK 16384

struct view {
	int fd;
	uint8_t *data;
	uint64_t size;
	struct timespec mtime;
	uint8_t *is_read; /* a block's each */
	int err;
};

int view_open(int fd, const struct stat *st, struct view **out)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return -ENOMEM;
	view->fd = fd;
	view->size = st->st_size;
	view->mtime = st->st_mtim;
	view->is_read = calloc(view->size / BLOCK + 1, 1);
	/* room is taken, but no memory: blocks that nobody asks for stay untouched */
	view->data = mmap(NULL, view->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!view->is_read || view->data == MAP_FAILED) {
		view_close(view);
		return -ENOMEM;
	}
	*out = view;
	return 0;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	if (view->data != MAP_FAILED)
		munmap(view->data, view->size);
	free(view->is_read);
	free(view);
}

const uint8_t *view_data(const struct view *view)
{
	return view->data;
}

bool view_check(struct view *view)
{
	struct stat st;

	if (fstat(view->fd, &st))
		view->err = -errno;
	else if ((uint64_t)st.st_size != view->size || st.st_mtim.tv_sec != view->mtime.tv_sec ||
		 st.st_mtim.tv_nsec != view->mtime.tv_nsec)
		view->err = -ESTALE;
	return !view->err;
}

static void read_range(struct view *view, uint64_t at, uint64_t end)
{
	while (at < end) {
		ssize_t got = pread(view->fd, view->data + at, end - at, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			view->err = got ? -errno : -ESTALE;
			return;
		}
		at += got;
	}
}

/* Neighbouring blocks that aren't read yet, in one go. */
static void read_blocks(struct view *view, uint64_t first, uint64_t end)
{
	for (uint64_t next; first < end && !view->err; first = next) {
		for (next = first; next < end && !view->is_read[next]; next++)
			;
		if (next == first) {
			next++;
			continue;
		}
		read_range(view, first * BLOCK,
			   next * BLOCK < view->size ? next * BLOCK : view->size);
		if (view->err || !view_check(view))
			return;
		for (; first < next; first++)
			view->is_read[first] = 1;
	}
}

const uint8_t *view_bytes(struct view *view, uint64_t offset, uint64_t size)
{
	if (size && !view->err)
		read_blocks(view, offset / BLOCK, (offset + size - 1) / BLOCK + 1);
	return view->err ? NULL : view->data + offset;
}

int view_error(const struct view *view)
{
	return view->err;
}
