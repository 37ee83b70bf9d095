/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The one description of a probe's record, read by the generator that fills it and by the printer
 * that reads it, so that the two can't disagree.
 *
 *	0   u32 place      which of the run's attach points (see trace.c)
 *	4   u32 errors     bit i: field i could not be read; its slot holds the errno
 *	8   u64 pid_tgid   as bpf_get_current_pid_tgid()
 *	16  char comm[16]
 *	32  [u64 time]     CLOCK_MONOTONIC ns, if wanted
 *	    [u64 cpu]      if wanted
 *	    u64 a field    the value, extended to 64 bits; of a string { u32 stored, u32 full } lengths
 *	    [u64 caller]   user stacks at a function's entry: where it will return to, 0 if not known
 *	    s64 a stack    bytes of its frames, or the negative errno of walking it: kernel's, then user's; or
 *	               what bpf/unwind_state.h says
 *	    bytes          of the strings, one after the other, as many as each has; then of the stacks
 */
#ifndef PROBE_RECORD_RECORD_H
#define PROBE_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/spec/checked.h"

#define RECORD_PLACE 0
#define RECORD_ERRORS 4
#define RECORD_PID_TGID 8
#define RECORD_COMM 16
#define RECORD_COMM_SIZE 16
#define RECORD_MIN_SIZE 32

enum record_mode {
	RECORD_VALUE,  /* the slot is the value */
	RECORD_CSTR,   /* bytes up to a NUL */
	RECORD_BYTES,  /* counted bytes, NULs included (%.*s) */
	RECORD_OBJECT, /* the bytes of an object (%O), as many as it has */
};

struct record_field {
	const struct field *field;
	enum record_mode mode;
	uint32_t offset;   /* of the slot */
	uint32_t max;	   /* strings: most bytes stored, with the NUL and the one more that tells
				 * a cut string from one that just fits */
	unsigned int size; /* values: bytes of the printed number */
	bool is_signed;
};

/*
 * An aggregate's key is a record too, cleared behind its end, without what tells hits apart: comm is empty, and pid_tgid is 0,
 * or the process where the values are addresses in it (user stacks, %U).
 */
enum record_stack { RECORD_KERNEL_STACK, RECORD_USER_STACK, RECORD_STACKS };

struct record {
	const struct checked *checked;
	uint32_t time_offset;		      /* 0: not recorded */
	uint32_t cpu_offset;		      /* 0: not recorded */
	uint32_t caller_offset;		      /* 0: not recorded */
	uint32_t stack_offset[RECORD_STACKS]; /* 0: not recorded */
	uint32_t stack_size[RECORD_STACKS];   /* most bytes of a stack's frames */
	uint32_t stack_room[RECORD_STACKS];   /* what recording it takes, the same or more */
	bool unwinds;	     /* the user's is by tables: its slot is as UNWIND_BYTES() says */
	uint32_t fixed_size; /* everything but the strings' and the stacks' bytes */
	uint32_t max_size;
	uint32_t key_size;	     /* of an aggregate: all of its spec's records are as long */
	uint32_t string_size;	     /* -Z */
	struct record_field *fields; /* in the spec's arena */
	unsigned int field_count;
};

struct record_opts {
	uint32_t string_size; /* -Z */
	bool time, cpu;
	bool stacks[RECORD_STACKS];
	unsigned int stack_depth; /* most frames of one */
	bool unwinds; /* user stacks by tables (bpf/unwind.bpf.h), of UNWIND_FRAMES at most */
};

/* Has it addresses that mean something in its process only? */
bool record_is_of_process(const struct record *record);

/* Lay it out. 0, -ENOMEM, or -E2BIG: more than CHECKED_MAX_FIELDS fields. */
int record_layout(const struct checked *checked, const struct record_opts *opts,
		  struct record *record);

/* Do both mean the same by the same bytes? */
bool record_is_alike(const struct record *a, const struct record *b);

#endif /* PROBE_RECORD_RECORD_H */
