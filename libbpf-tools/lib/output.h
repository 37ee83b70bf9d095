/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The one writer of a tool's results, as columns of text or as JSON, one object a line (NDJSON).
 * "Record": one row or one object. "Trusted" text comes from us; "untrusted" from what is traced.
 *
 * Text: untrusted strings are escaped so that they can neither forge a row nor drive a terminal,
 * and so that the escaping can be undone: backslash is \\, newline \n, carriage return \r, tab \t,
 * any other control character, every byte that is not valid UTF-8, and each byte of the
 * characters that reorder or break lines or that nobody sees (C1 controls, U+2028, U+2029, bidirectional controls, characters
 * of no width: all of Unicode's Default_Ignorable_Code_Point) is \xHH. Everything else is left as it is.
 *
 * JSON: a byte that is not valid UTF-8 becomes U+FFFD, and a second member KEY_hex then carries all
 * the bytes of the string in hexadecimal, so that nothing is lost. Numbers stay numbers. A value
 * that could not be read is null, and a member KEY_error says why. The last record is {"lost":N}.
 *
 * Records are collected and written together: when 64 KiB are full, when the consumer of events
 * runs dry, and every 100 ms. After a write error nothing more is written, and the error sticks.
 */
#ifndef LIB_OUTPUT_H
#define LIB_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

struct output_opts {
	int fd; /* borrowed */
	bool json;
	uint64_t max_records; /* 0: no limit */
	/*
	 * NULL, or asked while a reader keeps us from writing: is the tool to end? Then the reader
	 * is given one more second in which to take something; if it doesn't, writing fails with
	 * -ETIMEDOUT.
	 */
	bool (*ending)(void *ctx);
	void *ctx;
};

/* NULL and errno (ENOMEM). */
struct output *output_new(const struct output_opts *opts);
/* Frees without writing: output_flush() first. NULL is fine. */
void output_free(struct output *out);

/* As its options say. */
bool output_is_json(const struct output *out);
/* Columns of the terminal that it goes to, as wide as that is now; 0: it goes elsewhere. */
int output_terminal_width(const struct output *out);

/* Write what has been collected. 0 or the sticky error, a negative errno (-EPIPE, -ENOSPC, ...). */
int output_flush(struct output *out);
/* The same if the last flush was 100 ms ago or more. */
int output_flush_if_due(struct output *out);

/* Records completed, and those of them that could not be handed to the kernel completely. */
uint64_t output_records(const struct output *out);
uint64_t output_unwritten(const struct output *out);
/* The sticky error or 0. */
int output_error(const struct output *out);
/* Report it on stderr, with how many records it has cost. False: there is none, or only a reader that has seen enough (EPIPE). */
bool output_report_error(const struct output *out);

/*
 * End the current record: adds the newline (text) or the closing brace and newline (JSON).
 * Returns 0: go on; 1: that was the last one that max_records allows, or one more than that, which
 * has not been kept; or the sticky error. This is what an events callback returns.
 */
int output_end(struct output *out);
/*
 * End a line that is not a record: a header, a blank line, the frames of a stack after their
 * record's row. Not counted; dropped once max_records is exceeded. 0 or the sticky error.
 */
int output_end_line(struct output *out);
/* Drop what has been put since the last end. */
void output_cancel(struct output *out);

/* Text, trusted: as it is. */
void output_put(struct output *out, const char *text, size_t len);
void output_puts(struct output *out, const char *text);
void output_printf(struct output *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal, right (width > 0) or left (width < 0) aligned: printf's %*lld without its cost. */
void output_put_s64(struct output *out, int64_t value, int width);
void output_put_u64(struct output *out, uint64_t value, int width);
/*
 * Text, untrusted: len bytes, NULs included, escaped as above, then blanks up to |width| columns
 * (on the left if width > 0, on the right if width < 0, as in printf). A character counts as one
 * column.
 */
void output_put_escaped(struct output *out, const char *text, size_t len, int width);
/* The same for at most max bytes up to a NUL: a comm or another fixed-size C string. */
void output_put_cstr(struct output *out, const char *text, size_t max, int width);

/*
 * JSON. output_json_begin() opens a record, output_end() closes it. Keys are trusted and are NULL
 * within an array. Calls out of order (a value without a record) are programming errors and give
 * wrong JSON.
 */
void output_json_begin(struct output *out);
void output_json_str(struct output *out, const char *key, const char *text, size_t len);
void output_json_cstr(struct output *out, const char *key, const char *text, size_t max);
void output_json_s64(struct output *out, const char *key, int64_t value);
void output_json_u64(struct output *out, const char *key, uint64_t value);
void output_json_bool(struct output *out, const char *key, bool value);
/* Shortest form that reads back equal; NaN and infinities are null with KEY_error. */
void output_json_double(struct output *out, const char *key, double value);
/* Nanoseconds as seconds with nine decimals, exact: 1.000000042 */
void output_json_seconds(struct output *out, const char *key, uint64_t ns);
void output_json_null(struct output *out, const char *key);
/* "KEY":null,"KEY_error":"why": a value that could not be read. why is trusted. */
void output_json_error(struct output *out, const char *key, const char *why);
void output_json_array_begin(struct output *out, const char *key);
void output_json_array_end(struct output *out);
void output_json_object_begin(struct output *out, const char *key);
void output_json_object_end(struct output *out);

/*
 * {"lost":N}, the last record of a JSON run, or {"lost":N,"doubtful":N} if some more may have been
 * lost; nothing in text. Not counted as a record.
 */
void output_json_lost(struct output *out, uint64_t lost, uint64_t doubtful);

/* {"lost_so_far":N}, between records of a JSON run; nothing in text. Not counted as a record. */
void output_json_lost_so_far(struct output *out, uint64_t lost);

/*
 * The escaping alone, for messages and tests: writes at most size - 1 bytes and a NUL, never
 * cutting an escape or a character in two. Returns the length written.
 */
size_t output_escape(char *buf, size_t size, const char *text, size_t len);

#endif /* LIB_OUTPUT_H */
