/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A front end's first and last steps; see front.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "blazesym-lite.h"
#include "front.h"

#define PIECES 256 /* bytes */

/* What is written to it fails, what is read from it, too: the wrong way round. */
static void descriptor_take(int fd)
{
	if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
		return;
	/* the lowest free number: those below are taken */
	if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
		_exit(EXIT_FAILURE);
}

/* Why stdout could not be written, once that has happened. In file scope for the sake of atexit(3). */
static int stdout_error;

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		data += done;
		size -= done;
	}
	return true;
}

static ssize_t escaped_write(void *cookie, const char *text, size_t size)
{
	int fd = cookie ? STDERR_FILENO : STDOUT_FILENO;
	char pieces[PIECES + BSL_ESCAPED_MAX];
	struct bsl_escaped piece;
	bool is_written = true;
	size_t len = 0;

	for (size_t at = 0; at < size && is_written; at += piece.used) {
		if (text[at] == '\n' || text[at] == '\t' || text[at] == '\\')
			piece = (struct bsl_escaped){ .used = 1, .len = 1, .text = { text[at] } };
		else
			bsl_escape_next(text + at, size - at, false, &piece);
		memcpy(pieces + len, piece.text, piece.len);
		len += piece.len;
		if (len >= PIECES) {
			is_written = write_all(fd, pieces, len);
			len = 0;
		}
	}
	if (is_written && write_all(fd, pieces, len))
		return size;
	if (!cookie && !stdout_error)
		stdout_error = errno;
	return 0;
}

/* NULL cookie: stdout. Without memory the stream stays what it is. */
static void stream_guard(FILE **stream, void *cookie, int mode)
{
	FILE *guarded = fopencookie(cookie, "w", (cookie_io_functions_t){ .write = escaped_write });

	if (!guarded)
		return;
	setvbuf(guarded, NULL, mode, BUFSIZ);
	*stream = guarded;
}

static void front_end(void)
{
	fflush(stdout);
	if (!stdout_error || stdout_error == EPIPE)
		return;
	fprintf(stderr, "%s: cannot write the output: %s\n", program_invocation_short_name,
		strerror(stdout_error));
	fflush(stderr);
	_exit(EXIT_FAILURE);
}

void front_start(void)
{
	static char is_stderr;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		descriptor_take(fd);
	signal(SIGXFSZ, SIG_IGN);
	stream_guard(&stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
	stream_guard(&stderr, &is_stderr, _IOLBF);
	atexit(front_end);
}
