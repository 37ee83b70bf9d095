/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From a checked probe to the instructions that filter, evaluate and record a hit.
 */
#ifndef PROBE_GENERATE_GENERATE_H
#define PROBE_GENERATE_GENERATE_H

#include <sys/types.h>

#include "lib/filter.h"
#include "probe/code/code.h"
#include "probe/record/record.h"
#include "probe/spec/diag.h"

/* By what a return finds what was kept at its call's entry. */
enum generate_frame {
	GENERATE_FRAME_STACK, /* registers: the stack pointer */
	GENERATE_FRAME_SITE, /* registers at a RET instruction: the same, before that has popped anything */
	GENERATE_FRAME_GO, /* registers: goroutine, and its stack pointer relative to where the stack ends */
	GENERATE_FRAME_CONTEXT, /* fentry and fexit: their context is the same one, on the function's stack */
	GENERATE_FRAME_NONE, /* system calls: a thread makes one at a time */
};

struct generate_opts {
	bool is_entry; /* not the probe itself but the one that keeps checked->entry_values for it */
	enum generate_frame frame;
	/* Maps. */
	int ring_fd; /* ring buffer, or perf event array */
	bool use_perf;
	int ctl_fd;  /* struct events_ctl; ring buffer only */
	int lost_fd; /* per-CPU array of u64, an element a probe: hits that could not be recorded */
	int unreadable_fd; /* the same: hits whose predicate read memory that couldn't be read */
	int overflow_fd; /* the same: hits that an aggregate's map had no room for; aggregates only */
	int aggregate_fd; /* the map of an aggregate, whose keys have the record's key_size */
	int scratch_fd; /* per-CPU array of GENERATE_SCRATCH_SLOTS values of generate_scratch_size() bytes;
				 * -1 if no record needs it */
	/*
	 * The program is loaded as sleepable (6.0, 8c7dcb84e3b7): user memory that is not there is
	 * faulted in and read again. Excludes use_perf and a control group's filter, whose maps such programs can't have.
	 */
	bool sleepable;
	int entry_fd; /* LRU hash of GENERATE_ENTRY_KEY_SIZE to generate_entry_size(entry_most) bytes */
	unsigned int entry_most; /* values: the most that any probe keeps; 0: as many as this one */
	int entry_missed_fd;	 /* as lost_fd: returns whose entry values were not there */
	/*
	 * Programs of one run must not run within each other where the kernel only keeps each from running within itself (fentry
	 * and fexit): the inner one could wait for a map's lock that the outer one holds. busy_fd: per-CPU array of u64, first
	 * how many programs run, then of each probe how many hits were skipped for that.
	 */
	bool is_guarded;
	int busy_fd;
	const struct code_library *unwind; /* what user stacks are walked by; NULL: frame pointers */
	bool counts_calls; /* the program counts its runs in calls_fd first, whomever they concern */
	int calls_fd; /* per-CPU array of u64, two elements per probe: entries and returns; -1: none */
	/* Identity. */
	uint32_t probe;		     /* index of the spec: whose counters */
	uint32_t place;		     /* what RECORD_PLACE is, if !place_is_cookie */
	bool place_is_cookie;	     /* RECORD_PLACE is bpf_get_attach_cookie() */
	const struct filter *filter; /* whose hits count, and in which namespace their ids are */
};

#define GENERATE_ENTRY_KEY_SIZE 24
#define GENERATE_SCRATCH_SLOTS 3
/* Value size of the map of entries' values, for `count` of them. */
uint32_t generate_entry_size(unsigned int count);
/* Value size of the scratch map for a record: a lock word, then the record, then an aggregate's first value. */
uint32_t generate_scratch_size(const struct record *record);
/* True if this record is put together in scratch memory (it has strings or stacks or is a key, or there is no ring buffer). */
bool generate_needs_scratch(const struct record *record, bool use_perf);

/* True if the probe reads user memory, so that a sleepable program can see more than another one. */
bool generate_reads_user(const struct record *record);

/*
 * 0 or a negative errno: those of code_assemble(); -EINVAL with diag for what has no translation.
 */
int generate_program(const struct record *record, const struct generate_opts *opts,
		     struct code_program *program, struct diag *diag);

#endif /* PROBE_GENERATE_GENERATE_H */
