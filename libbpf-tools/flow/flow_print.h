/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Calls as people and programs read them: a row each, a tree of them all, or folded stacks.
 */
#ifndef FLOW_PRINT_H
#define FLOW_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "flow/flow_tree.h"
#include "lib/output.h"
#include "lib/timestamp.h"

struct flow_print {
	struct output *output;
	struct timestamp *start;
	bool threads; /* name the thread */
	bool latency; /* time spent, on rows of returns */
};

enum flow_event {
	FLOW_ROW_ENTER,
	FLOW_ROW_LEAVE,
	FLOW_ROW_UNWOUND, /* left by an exception */
	FLOW_ROW_LOST,	  /* records were lost here */
};

struct flow_row {
	enum flow_event event;
	uint64_t time; /* ktime */
	uint32_t cpu;
	pid_t pid, tid;
	const char *comm;		      /* of 16 bytes at most */
	uint32_t depth;			      /* from 1; 0: outside of all that was seen */
	const struct flow_function *function; /* LOST: NULL */
	uint64_t latency_ns;		      /* LEAVE, UNWOUND; 0: not known */
	uint64_t lost;
};

void flow_print_header(const struct flow_print *print);
/* What output_end() gives. */
int flow_print_row(const struct flow_print *print, const struct flow_row *row);

/* All nodes, in the order they have. What output_end() gave, if not 0. */
int flow_print_tree(const struct flow_print *print, const struct flow_tree *tree);
/*
 * A line for each node that spent time in itself, in nanoseconds, as flamegraph.pl reads it:
 *	outermost;inner;innermost 1234
 */
int flow_print_folded(const struct flow_print *print, const struct flow_tree *tree);

/* The keys of a function: class, method, file, line, as far as it has them. */
void flow_print_json_function(struct output *out, const struct flow_function *function);

#endif /* FLOW_PRINT_H */
