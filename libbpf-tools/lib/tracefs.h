/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's tracing file system, found or, where nobody has mounted it, opened without mounting
 * it anywhere (fsopen(2), 5.2: a mount that belongs to a descriptor and leaves the system as it
 * was); and the format files of tracepoints.
 */
#ifndef LIB_TRACEFS_H
#define LIB_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A descriptor of its root directory for openat(2): /sys/kernel/tracing, /sys/kernel/debug/tracing
 * or a private mount. Negative errno: -ENOENT (no tracefs in this kernel), -EPERM, -EACCES. The
 * caller closes it.
 */
int tracefs_open(void);

/* The same of the kernel's debugging file system, /sys/kernel/debug. */
int tracefs_open_debug(void);

/*
 * The id of tracepoint category:event, for perf_event_open(PERF_TYPE_TRACEPOINT). Negative errno:
 * -ENOENT (no such tracepoint), -EINVAL (a name with '/' or '.').
 */
int tracefs_event_id(int tracefs_fd, const char *category, const char *event);

/*
 * A whole file as a NUL-terminated string, freed by the caller; NULL and errno. For any file here,
 * at most 16 MiB.
 */
char *tracefs_read(int tracefs_fd, const char *path, size_t *len);

struct tracefs_field {
	char *name;	 /* "comm" */
	char *type;	 /* "char[16]": the declaration without the name */
	uint32_t offset; /* in the context that a program on the tracepoint gets */
	uint32_t size;
	bool is_signed;
	bool is_common;	  /* one of the common_ fields at the start */
	bool is_array;	  /* fixed array in place */
	bool is_data_loc; /* a u32: where from the context (low half), how long (high) */
	bool is_rel_loc;  /* the same, but where from the end of this field (5.17) */
	uint32_t count;	  /* elements of an array, 0 if not one or of unknown length */
};

struct tracefs_format {
	char *name;
	uint32_t id;
	struct tracefs_field *fields;
	size_t field_count;
};

/*
 * Parse the text of a format file (Documentation/trace/events.rst, "Event formats"). 0 or negative
 * errno: -EINVAL (text that is not one). text may be any bytes.
 */
int tracefs_format_parse(const char *text, size_t len, struct tracefs_format *format);
/* Read and parse events/CATEGORY/EVENT/format. */
int tracefs_format_read(int tracefs_fd, const char *category, const char *event,
			struct tracefs_format *format);
void tracefs_format_free(struct tracefs_format *format);
/* NULL if there is none. */
const struct tracefs_field *tracefs_format_field(const struct tracefs_format *format,
						 const char *name);

#endif /* LIB_TRACEFS_H */
