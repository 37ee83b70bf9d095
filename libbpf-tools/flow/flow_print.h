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
#include "lib/row.h"

/* uflow's options that tables depend on. */
enum { FLOW_KEY_CALL_TREE = 0x100, FLOW_KEY_FOLDED, FLOW_KEY_OTHER };

struct flow_print {
	struct row_printer *rows;
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
	const struct flow_function *function; /* LOST: NULL */
	enum flow_event event;
	uint64_t time; /* ktime */
	uint32_t cpu;
	pid_t pid, tid;
	const char *comm;    /* of 16 bytes at most */
	uint32_t depth;	     /* from 1; 0: outside of all that was seen */
	uint64_t latency_ns; /* LEAVE, UNWOUND; 0: not known */
	uint64_t lost;
	bool shows_latency; /* set by flow_print_row() */
};

extern const struct row_table flow_print_rows, flow_print_nodes;

/* What output_end() gives. */
int flow_print_row(const struct flow_print *print, struct flow_row *row);

/* All nodes, in the order they have. What output_end() gave, if not 0. */
int flow_print_tree(const struct flow_print *print, const struct flow_tree *tree);
/*
 * A line for each node that spent time in itself, in nanoseconds, as flamegraph.pl reads it:
 *	outermost;inner;innermost 1234
 */
int flow_print_folded(const struct flow_print *print, const struct flow_tree *tree);

/* The parts of a function, as columns of a row whose first member points to it or is NULL. */
enum flow_part { FLOW_CLASS, FLOW_METHOD, FLOW_FILE, FLOW_LINE };

/* A part as the value of a column: see FLOW_PRINT_PART(). */
void flow_print_get(const void *row, struct row_value *value);

#define FLOW_PRINT_PART(part, title, key, kind, width, meaning)                  \
	{                                                                        \
		title, key, kind, width, .get = flow_print_get, .arg = part,     \
					 .when = { ROW_CHOSEN }, .help = meaning \
	}
#define FLOW_PRINT_COLUMNS                                                           \
	FLOW_PRINT_PART(FLOW_CLASS, "CLASS", "class", ROW_STRING, -20, "the class"), \
		FLOW_PRINT_PART(FLOW_METHOD, NULL, "method", ROW_STRING, 0,          \
				"the method's name alone"),                          \
		FLOW_PRINT_PART(FLOW_FILE, "FILE", "file", ROW_STRING, -20,          \
				"the file, where there are no classes"),             \
		FLOW_PRINT_PART(FLOW_LINE, "LINE", "line", ROW_UNSIGNED, 5,          \
				"where in it the method begins")

#endif /* FLOW_PRINT_H */
