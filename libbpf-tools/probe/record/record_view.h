/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Reading records: the header, the fields' values, the stacks.
 */
#ifndef PROBE_RECORD_RECORD_VIEW_H
#define PROBE_RECORD_RECORD_VIEW_H

#include <sys/types.h>

#include "probe/record/record.h"

struct object;
struct stack;
struct unwind;

/* One record as received. Valid as long as its data. */
struct record_view {
	const struct record *record;
	uint32_t place, errors;
	uint32_t tgid, pid;
	char comm[RECORD_COMM_SIZE]; /* NUL-terminated */
	uint64_t time;		     /* 0 if not recorded */
	uint32_t cpu;
	const unsigned char *data;
	size_t size;
};

/* The place alone, by which the caller finds the record's description. -EBADMSG: too short. */
int record_view_place(const void *data, size_t size, uint32_t *place);
/* Check data's size against the description, and take the header apart. 0 or -EBADMSG. */
int record_view_open(const struct record *record, const void *data, size_t size,
		     struct record_view *view);

/* A string's bytes, as far as they are to be shown. */
struct record_string {
	const char *text;
	size_t len;
	bool cut;
};

struct record_value {
	int err; /* errno if it could not be read */
	uint64_t number;
	struct record_string string;
};

/*
 * The value of field i. Fields are read in their order: *at, which starts as record->fixed_size, walks over the bytes of
 * the strings. 0 or -EBADMSG.
 */
int record_view_value(const struct record_view *view, unsigned int i, size_t *at,
		      struct record_value *value);
/*
 * Of a FIELD_OBJECT that has this value the object, with its strings, which are the fields behind it: *next is the
 * first that isn't. 0 or -EBADMSG.
 */
int record_view_object(const struct record_view *view, unsigned int i, size_t *at,
		       const struct record_value *value, struct object *object, unsigned int *next);

/* Whose addresses its user addresses are, for lib/stack.h. */
pid_t record_view_process(const struct record_view *view);
/*
 * One of the record's stacks. Its addresses go to addrs[], which has room for STACK_MAX_DEPTH + 1; the caller that a
 * kernel leaves out (see record.c) is added. 0, -ENOENT: not recorded, or -EBADMSG.
 */
int record_view_stack(const struct record_view *view, enum record_stack which, uint64_t *addrs,
		      struct stack *stack);

/*
 * A user stack that the kernel couldn't finish, finished in the record itself: `bytes` are the view's data, with room for record->max_size. Returns
 * how many bytes longer it has become.
 */
size_t record_view_finish(const struct record_view *view, struct unwind *unwind,
			  unsigned char *bytes);

#endif /* PROBE_RECORD_RECORD_VIEW_H */
