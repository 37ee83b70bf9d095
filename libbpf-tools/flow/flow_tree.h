/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Calls by the path of callers that led to them, with their number and time: a tree whose nodes are
 * numbered. A list of distinct functions is the same tree one level deep.
 */
#ifndef FLOW_TREE_H
#define FLOW_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_ROOT 0 /* the node above all; it has no function */
#define FLOW_NONE UINT32_MAX

/* A string of the traced program: not NUL-terminated when given, NUL-terminated in the tree. */
struct flow_text {
	const char *text; /* NULL: there is none, or it isn't known */
	size_t len;
	bool is_cut; /* there was more of it */
	int error;   /* a negative errno, why it isn't known; 0: there is none */
};

struct flow_function {
	struct flow_text class_name, method, file;
	uint32_t line; /* 0: not known. The first one seen: not a part of what tells functions apart */
};

struct flow_node {
	struct flow_function function;
	uint32_t parent, first_child, next; /* FLOW_NONE: none */
	uint32_t hash_next;		    /* the tree's own */
	uint64_t calls;
	uint64_t unwound;  /* calls of these that were left by an exception */
	uint64_t unknown;  /* calls of these whose end was lost: their time is not in here */
	uint64_t total_ns; /* in the function and all it called */
	uint64_t self_ns;  /* in the function itself */
};

struct flow_tree;

/* NULL and errno. */
struct flow_tree *flow_tree_new(void);
/* NULL is fine. */
void flow_tree_free(struct flow_tree *tree);

/*
 * The node of this function below parent, made if need be. Its strings are copied. 0 or -ENOMEM.
 */
int flow_tree_child(struct flow_tree *tree, uint32_t parent, const struct flow_function *function,
		    uint32_t *node);

/* Valid until the next flow_tree_child(). */
struct flow_node *flow_tree_node(const struct flow_tree *tree, uint32_t node);

/* Order the children of each node by total time, the largest first. 0 or -ENOMEM. */
int flow_tree_sort(struct flow_tree *tree);

/*
 * The node after this one, parents before children; *depth, that of the node, 0 for the root, is
 * kept up to date. FLOW_NONE: that was the last one.
 */
uint32_t flow_tree_next(const struct flow_tree *tree, uint32_t node, uint32_t *depth);

#endif /* FLOW_TREE_H */
