/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the threads of a traced process are in the middle of: a stack of open frames for each. The kernel side says
 * how deep an event is, counted from 1; the stacks here hold those frames that are wanted, so depths may have gaps.
 *
 * A frame ends by its own return, or by an event that can't be while it is open: one at its depth or
 * above it. Then it was left otherwise, by an exception ("unwound"), or its return is among records
 * that were lost.
 */
#ifndef FLOW_STACK_H
#define FLOW_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum flow_end {
	FLOW_RETURNED,
	FLOW_UNWOUND, /* left by an exception, or a jump */
	FLOW_LOST,    /* it has ended, nobody knows when: records were lost meanwhile */
	FLOW_OPEN,    /* it hasn't ended, but we have, or the thread */
};

struct flow_frame {
	uint32_t depth;
	bool is_doubtful;  /* records were lost since: it may have ended */
	uint64_t entered;  /* ktime: identifies the frame in its thread */
	uint64_t inner_ns; /* time spent in ended calls made by it */
	uint32_t node;	   /* the user's */
};

struct flow_thread {
	pid_t tid;
	char comm[16];
	uint64_t next_number;	   /* of its next record */
	uint32_t root;		   /* the user's */
	struct flow_frame *frames; /* by rising depth */
	uint32_t count, size;
};

struct flow_threads;

struct flow_threads_opts {
	/*
	 * A frame has ended at time (FLOW_LOST: before it), deepest first. It is not on the stack
	 * any more; the frame below it is the thread's last.
	 */
	void (*ended)(void *ctx, struct flow_thread *thread, const struct flow_frame *frame,
		      enum flow_end end, uint64_t time);
	void *ctx;
};

/* NULL and errno. */
struct flow_threads *flow_threads_new(const struct flow_threads_opts *opts);
/* NULL is fine. */
void flow_threads_free(struct flow_threads *threads);

/* The thread, made if need be; valid until the next get or end. NULL: no memory. */
struct flow_thread *flow_threads_get(struct flow_threads *threads, pid_t tid);
/* The thread has ended, and its frames with it. */
void flow_threads_end(struct flow_threads *threads, pid_t tid, uint64_t time);
/* All of them: our run has ended. */
void flow_threads_end_all(struct flow_threads *threads, uint64_t time);

/*
 * A record with this number of its thread is here. Returns how many before it were lost, and if so calls the open frames
 * in doubt.
 */
uint64_t flow_thread_note(struct flow_thread *thread, uint64_t number);

/*
 * A call is about to be made by the frame that was entered at that time (0: not known) to this
 * depth: ends what can't be open any more. The thread's last frame is the nearest one around it.
 */
void flow_thread_call(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
		      uint64_t caller, uint64_t time);
/* It has been made, after flow_thread_call(). 0 or -ENOMEM. */
int flow_thread_enter(struct flow_thread *thread, uint32_t depth, uint64_t time, uint32_t node);
/*
 * A return from the frame that was entered at that time (0: not known): ends what
 * is deeper, then it. Returns whether it was open here, as FLOW_RETURNED has been reported.
 */
bool flow_thread_leave(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
		       uint64_t entered, uint64_t time);
/* What is deeper has been left by an exception. */
void flow_thread_unwind(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
			uint64_t time);

#endif /* FLOW_STACK_H */
