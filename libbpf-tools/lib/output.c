/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The writer of results: a buffer of completed records followed by the one being built; see
 * output.h.
 */
#include "lib/output.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/timestamp.h"

#define OUTPUT_FLUSH_BYTES 65536
#define OUTPUT_FLUSH_NS 100000000ull
#define OUTPUT_POLL_MS 100
/* How long a reader that takes nothing is waited for once the run is over. */
#define OUTPUT_GRACE_NS 1000000000ull
#define OUTPUT_JSON_DEPTH_MAX 63

struct output {
	struct output_opts opts;
	bool is_file; /* a regular file: never makes a writer wait for a reader */
	int error;
	char *buf;
	size_t len, size;
	size_t line_start; /* where the line being built starts; all before it is complete */
	size_t *ends;	   /* where each completed record in buf ends */
	size_t end_count, end_size;
	uint64_t records;
	uint64_t unwritten;
	bool dropping; /* the record before was one too many: so are its further lines */
	uint64_t flushed_ns;
	int json_depth;
	uint64_t json_started; /* bit d: the object or array at depth d has a member already */
};

struct output *output_new(const struct output_opts *opts)
{
	struct output *out = calloc(1, sizeof(*out));
	struct stat st;

	if (!out)
		return NULL;
	out->opts = *opts;
	out->is_file = !fstat(opts->fd, &st) && S_ISREG(st.st_mode);
	out->flushed_ns = timestamp_now();
	return out;
}

void output_free(struct output *out)
{
	if (!out)
		return;
	free(out->buf);
	free(out->ends);
	free(out);
}

bool output_is_json(const struct output *out)
{
	return out->opts.json;
}

int output_terminal_width(const struct output *out)
{
	struct winsize size;

	return ioctl(out->opts.fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

uint64_t output_records(const struct output *out)
{
	return out->records;
}

uint64_t output_unwritten(const struct output *out)
{
	return out->unwritten;
}

int output_error(const struct output *out)
{
	return out->error;
}

bool output_report_error(const struct output *out)
{
	const char *why;

	if (!out->error || out->error == -EPIPE)
		return false;
	why = out->error == -ETIMEDOUT ? "its reader takes nothing" : strerror(-out->error);
	if (out->unwritten)
		log_error("cannot write the output: %s; %llu records are lost", why,
			  (unsigned long long)out->unwritten);
	else
		log_error("cannot write the output: %s", why);
	return true;
}

/* Room for len more bytes; false (and the error noted) without memory. */
static bool output_reserve(struct output *out, size_t len)
{
	size_t size = out->size ?: OUTPUT_FLUSH_BYTES * 2;
	char *buf;

	if (out->len + len <= out->size)
		return true;
	while (size < out->len + len)
		size *= 2;
	buf = realloc(out->buf, size);
	if (!buf) {
		out->error = out->error ?: -ENOMEM;
		return false;
	}
	out->buf = buf;
	out->size = size;
	return true;
}

/*
 * Wait until the descriptor takes something. A blocking write() could not be given up in time, as a
 * signal may come just before it; poll() with a timeout can.
 */
static int output_wait(struct output *out, uint64_t *give_up_ns)
{
	struct pollfd pfd = { .fd = out->opts.fd, .events = POLLOUT };
	uint64_t now;

	for (;;) {
		if (poll(&pfd, 1, OUTPUT_POLL_MS) > 0)
			return 0;
		if (!out->opts.ending || !out->opts.ending(out->opts.ctx))
			continue;
		now = timestamp_now();
		if (!*give_up_ns)
			*give_up_ns = now + OUTPUT_GRACE_NS;
		else if (now >= *give_up_ns)
			return -ETIMEDOUT;
	}
}

/* Write len bytes of buf; *done is how many were. */
static int output_write(struct output *out, size_t len, size_t *done)
{
	uint64_t give_up_ns = 0;
	size_t chunk;
	ssize_t n;
	int err;

	for (*done = 0; *done < len;) {
		chunk = len - *done;
		if (!out->is_file) {
			err = output_wait(out, &give_up_ns);
			if (err)
				return err;
			/* A pipe that polls writable takes this much without blocking: pipe(7). */
			chunk = chunk < PIPE_BUF ? chunk : PIPE_BUF;
		}
		n = write(out->opts.fd, out->buf + *done, chunk);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			*done += n;
			give_up_ns = 0;
		}
	}
	return 0;
}

int output_flush(struct output *out)
{
	size_t done = 0, i;
	int err;

	out->flushed_ns = timestamp_now();
	if (!out->line_start)
		return out->error;
	err = out->error ?: output_write(out, out->line_start, &done);
	if (err) {
		out->error = err;
		for (i = 0; i < out->end_count; i++)
			out->unwritten += out->ends[i] > done;
	}
	out->end_count = 0;
	out->len -= out->line_start;
	memmove(out->buf, out->buf + out->line_start, out->len);
	out->line_start = 0;
	return out->error;
}

int output_flush_if_due(struct output *out)
{
	if (timestamp_now() - out->flushed_ns < OUTPUT_FLUSH_NS)
		return out->error;
	return output_flush(out);
}

void output_cancel(struct output *out)
{
	out->len = out->line_start;
	out->json_depth = 0;
}

static void output_note_end(struct output *out)
{
	size_t *ends, size;

	if (out->end_count == out->end_size) {
		size = out->end_size ? out->end_size * 2 : 1024;
		ends = realloc(out->ends, size * sizeof(*ends));
		if (!ends) {
			out->error = out->error ?: -ENOMEM;
			return;
		}
		out->ends = ends;
		out->end_size = size;
	}
	out->ends[out->end_count++] = out->len + 1; /* the newline to come */
}

static int output_complete(struct output *out)
{
	output_put(out, "\n", 1);
	out->line_start = out->len;
	return out->len >= OUTPUT_FLUSH_BYTES ? output_flush(out) : out->error;
}

int output_end(struct output *out)
{
	int err;

	if (out->opts.max_records && out->records >= out->opts.max_records) {
		output_cancel(out);
		out->dropping = true;
		return 1;
	}
	while (out->json_depth > 0)
		output_json_object_end(out);
	out->records++;
	if (out->error) {
		output_cancel(out);
		out->unwritten++;
		return out->error;
	}
	output_note_end(out);
	err = output_complete(out);
	if (err)
		return err;
	return out->opts.max_records && out->records >= out->opts.max_records;
}

int output_end_line(struct output *out)
{
	if (out->dropping || out->error) {
		output_cancel(out);
		return out->error;
	}
	return output_complete(out);
}

void output_put(struct output *out, const char *text, size_t len)
{
	if (!output_reserve(out, len))
		return;
	memcpy(out->buf + out->len, text, len);
	out->len += len;
}

void output_puts(struct output *out, const char *text)
{
	output_put(out, text, strlen(text));
}

void output_printf(struct output *out, const char *fmt, ...)
{
	va_list args;
	int len;

	if (!output_reserve(out, 256))
		return;
	va_start(args, fmt);
	len = vsnprintf(out->buf + out->len, out->size - out->len, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= out->size - out->len) {
		if (!output_reserve(out, (size_t)len + 1))
			return;
		va_start(args, fmt);
		vsnprintf(out->buf + out->len, out->size - out->len, fmt, args);
		va_end(args);
	}
	out->len += len;
}

static void output_pad(struct output *out, size_t at, size_t columns, int width)
{
	size_t wanted = width < 0 ? -(size_t)width : (size_t)width;
	size_t pad;

	if (columns >= wanted)
		return;
	pad = wanted - columns;
	if (!output_reserve(out, pad))
		return;
	if (width > 0) {
		memmove(out->buf + at + pad, out->buf + at, out->len - at);
		memset(out->buf + at, ' ', pad);
	} else {
		memset(out->buf + out->len, ' ', pad);
	}
	out->len += pad;
}

static void output_put_digits(struct output *out, bool negative, uint64_t value, int width)
{
	char digits[24], *p = digits + sizeof(digits);
	size_t at = out->len, len;

	do {
		*--p = '0' + value % 10;
		value /= 10;
	} while (value);
	if (negative)
		*--p = '-';
	len = digits + sizeof(digits) - p;
	output_put(out, p, len);
	output_pad(out, at, len, width);
}

void output_put_s64(struct output *out, int64_t value, int width)
{
	output_put_digits(out, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value, width);
}

void output_put_u64(struct output *out, uint64_t value, int width)
{
	output_put_digits(out, false, value, width);
}

static bool output_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

static char *output_put_hex(char *dst, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		*dst++ = hex[(unsigned char)bytes[i] >> 4];
		*dst++ = hex[bytes[i] & 0xf];
	}
	return dst;
}

size_t output_escape(char *buf, size_t size, const char *text, size_t len)
{
	struct bsl_escaped piece;
	size_t at = 0;

	for (; len; text += piece.used, len -= piece.used) {
		bsl_escape_next(text, len, false, &piece);
		if (at + piece.len + 1 > size)
			break;
		memcpy(buf + at, piece.text, piece.len);
		at += piece.len;
	}
	if (size)
		buf[at] = '\0';
	return at;
}

void output_put_escaped(struct output *out, const char *text, size_t len, int width)
{
	size_t at = out->len, columns = 0, n;
	struct bsl_escaped piece;

	while (len) {
		for (n = 0; n < len && output_is_plain(text[n]); n++)
			;
		output_put(out, text, n);
		columns += n;
		text += n;
		len -= n;
		if (!len)
			break;
		bsl_escape_next(text, len, false, &piece);
		output_put(out, piece.text, piece.len);
		columns += piece.is_same ? 1 : piece.len;
		text += piece.used;
		len -= piece.used;
	}
	output_pad(out, at, columns, width);
}

void output_put_cstr(struct output *out, const char *text, size_t max, int width)
{
	output_put_escaped(out, text, strnlen(text, max), width);
}

static void output_json_value(struct output *out, const char *key, const char *suffix)
{
	uint64_t bit = 1ull << (out->json_depth & OUTPUT_JSON_DEPTH_MAX);

	if (out->json_started & bit)
		output_put(out, ",", 1);
	out->json_started |= bit;
	if (!key)
		return;
	output_put(out, "\"", 1);
	output_puts(out, key);
	output_puts(out, suffix);
	output_put(out, "\":", 2);
}

static void output_json_open(struct output *out, const char *bracket)
{
	output_put(out, bracket, 1);
	if (out->json_depth < OUTPUT_JSON_DEPTH_MAX)
		out->json_depth++;
	out->json_started &= ~(1ull << out->json_depth);
}

static void output_json_close(struct output *out, const char *bracket)
{
	output_put(out, bracket, 1);
	if (out->json_depth > 0)
		out->json_depth--;
}

void output_json_begin(struct output *out)
{
	output_cancel(out);
	output_json_open(out, "{");
}

void output_json_array_begin(struct output *out, const char *key)
{
	output_json_value(out, key, "");
	output_json_open(out, "[");
}

void output_json_array_end(struct output *out)
{
	output_json_close(out, "]");
}

void output_json_object_begin(struct output *out, const char *key)
{
	output_json_value(out, key, "");
	output_json_open(out, "{");
}

void output_json_object_end(struct output *out)
{
	output_json_close(out, "}");
}

/* Returns false if some byte had to be replaced. */
static bool output_json_quote(struct output *out, const char *text, size_t len)
{
	struct bsl_escaped piece;
	bool valid = true;
	size_t n;

	output_put(out, "\"", 1);
	while (len) {
		for (n = 0; n < len && output_is_plain(text[n]) && text[n] != '"'; n++)
			;
		output_put(out, text, n);
		text += n;
		len -= n;
		if (!len)
			break;
		bsl_escape_next(text, len, true, &piece);
		valid &= piece.is_valid;
		output_put(out, piece.text, piece.len);
		text += piece.used;
		len -= piece.used;
	}
	output_put(out, "\"", 1);
	return valid;
}

void output_json_str(struct output *out, const char *key, const char *text, size_t len)
{
	output_json_value(out, key, "");
	if (output_json_quote(out, text, len) || !key)
		return;
	output_json_value(out, key, "_hex");
	output_put(out, "\"", 1);
	if (output_reserve(out, len * 2))
		out->len = output_put_hex(out->buf + out->len, text, len) - out->buf;
	output_put(out, "\"", 1);
}

void output_json_cstr(struct output *out, const char *key, const char *text, size_t max)
{
	output_json_str(out, key, text, strnlen(text, max));
}

void output_json_s64(struct output *out, const char *key, int64_t value)
{
	output_json_value(out, key, "");
	output_put_s64(out, value, 0);
}

void output_json_u64(struct output *out, const char *key, uint64_t value)
{
	output_json_value(out, key, "");
	output_put_u64(out, value, 0);
}

void output_json_bool(struct output *out, const char *key, bool value)
{
	output_json_value(out, key, "");
	output_puts(out, value ? "true" : "false");
}

void output_json_double(struct output *out, const char *key, double value)
{
	char text[40];
	int precision;

	if (!isfinite(value)) {
		output_json_error(out, key,
				  isnan(value) ? "not a number"
				  : value > 0  ? "infinity"
					       : "-infinity");
		return;
	}
	for (precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	output_json_value(out, key, "");
	output_puts(out, text);
}

void output_json_seconds(struct output *out, const char *key, uint64_t ns)
{
	output_json_value(out, key, "");
	output_printf(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
		      (unsigned long long)(ns % 1000000000));
}

void output_json_null(struct output *out, const char *key)
{
	output_json_value(out, key, "");
	output_puts(out, "null");
}

void output_json_error(struct output *out, const char *key, const char *why)
{
	output_json_null(out, key);
	if (!key)
		return;
	output_json_value(out, key, "_error");
	output_json_quote(out, why, strlen(why));
}

void output_json_lost_so_far(struct output *out, uint64_t lost)
{
	if (!out->opts.json)
		return;
	output_json_begin(out);
	output_json_u64(out, "lost_so_far", lost);
	output_json_close(out, "}");
	output_end_line(out);
}

void output_json_lost(struct output *out, uint64_t lost, uint64_t doubtful)
{
	if (!out->opts.json)
		return;
	output_json_begin(out);
	output_json_u64(out, "lost", lost);
	if (doubtful)
		output_json_u64(out, "doubtful", doubtful);
	output_json_close(out, "}");
	/* Reported even when the limit of records was exceeded. */
	out->dropping = false;
	output_end_line(out);
}
