/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A tree of calls. See flow_tree.h. Nodes are in one array, and in a hash table by parent and function.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_tree.h"

struct flow_tree {
	struct flow_node *nodes;
	uint32_t count, size;
	uint32_t *buckets; /* size / 2 of them, a power of two */
};

#define FIRST_SIZE 1024u

static uint32_t bucket_count(const struct flow_tree *tree)
{
	return tree->size / 2;
}

/* FNV-1a */
static uint32_t hash_bytes(uint32_t hash, const void *data, size_t len)
{
	for (const uint8_t *byte = data; len--; byte++)
		hash = (hash ^ *byte) * 16777619u;
	return hash;
}

static uint32_t hash_node(uint32_t parent, const struct flow_function *function)
{
	uint32_t hash = hash_bytes(2166136261u, &parent, sizeof(parent));

	hash = hash_bytes(hash, function->class_name.text, function->class_name.len);
	hash = hash_bytes(hash, function->method.text, function->method.len);
	return hash_bytes(hash, function->file.text, function->file.len);
}

static bool same_text(const struct flow_text *a, const struct flow_text *b)
{
	return a->len == b->len && a->error == b->error && !a->text == !b->text &&
	       (!a->len || !memcmp(a->text, b->text, a->len));
}

static bool same_function(const struct flow_function *a, const struct flow_function *b)
{
	return same_text(&a->method, &b->method) && same_text(&a->class_name, &b->class_name) &&
	       same_text(&a->file, &b->file);
}

static int grow(struct flow_tree *tree)
{
	uint32_t size = tree->size ? tree->size * 2 : FIRST_SIZE;
	struct flow_node *nodes;
	uint32_t *buckets;

	if (size > 1u << 30)
		return -ENOMEM;
	nodes = reallocarray(tree->nodes, size, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	tree->nodes = nodes;
	buckets = reallocarray(tree->buckets, size / 2, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	tree->buckets = buckets;
	tree->size = size;
	memset(buckets, 0xff, bucket_count(tree) * sizeof(*buckets));
	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t *bucket = &buckets[hash_node(nodes[i].parent, &nodes[i].function) &
					    (bucket_count(tree) - 1)];

		nodes[i].hash_next = *bucket;
		*bucket = i;
	}
	return 0;
}

struct flow_tree *flow_tree_new(void)
{
	struct flow_tree *tree = calloc(1, sizeof(*tree));
	uint32_t root;

	if (tree && flow_tree_child(tree, FLOW_NONE, &(struct flow_function){}, &root)) {
		flow_tree_free(tree);
		errno = ENOMEM;
		return NULL;
	}
	return tree;
}

static void free_function(const struct flow_function *function)
{
	free((char *)function->class_name.text);
	free((char *)function->method.text);
	free((char *)function->file.text);
}

void flow_tree_free(struct flow_tree *tree)
{
	if (!tree)
		return;
	for (uint32_t i = 0; i < tree->count; i++)
		free_function(&tree->nodes[i].function);
	free(tree->nodes);
	free(tree->buckets);
	free(tree);
}

static int copy_text(struct flow_text *to, const struct flow_text *from)
{
	char *text;

	*to = (struct flow_text){ .error = from->error, .is_cut = from->is_cut };
	if (!from->text)
		return 0;
	text = malloc(from->len + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, from->text, from->len);
	text[from->len] = 0;
	to->text = text;
	to->len = from->len;
	return 0;
}

static int copy_function(struct flow_function *to, const struct flow_function *from)
{
	int err;

	*to = (struct flow_function){ .line = from->line };
	err = copy_text(&to->class_name, &from->class_name);
	err = err ?: copy_text(&to->method, &from->method);
	err = err ?: copy_text(&to->file, &from->file);
	if (err)
		free_function(to);
	return err;
}

int flow_tree_child(struct flow_tree *tree, uint32_t parent, const struct flow_function *function,
		    uint32_t *node)
{
	uint32_t hash = hash_node(parent, function), *bucket;
	struct flow_node *new_node;
	int err = 0;

	for (uint32_t i = tree->count ? tree->buckets[hash & (bucket_count(tree) - 1)] : FLOW_NONE;
	     i != FLOW_NONE; i = tree->nodes[i].hash_next) {
		if (tree->nodes[i].parent == parent &&
		    same_function(&tree->nodes[i].function, function)) {
			*node = i;
			return 0;
		}
	}
	if (tree->count == tree->size)
		err = grow(tree);
	new_node = &tree->nodes[tree->count];
	err = err ?: copy_function(&new_node->function, function);
	if (err)
		return err;
	*node = tree->count++;
	bucket = &tree->buckets[hash & (bucket_count(tree) - 1)];
	*new_node = (struct flow_node){ .function = new_node->function,
					.parent = parent,
					.first_child = FLOW_NONE,
					.next = FLOW_NONE,
					.hash_next = *bucket };
	*bucket = *node;
	if (parent != FLOW_NONE) {
		new_node->next = tree->nodes[parent].first_child;
		tree->nodes[parent].first_child = *node;
	}
	return 0;
}

struct flow_node *flow_tree_node(const struct flow_tree *tree, uint32_t node)
{
	return &tree->nodes[node];
}

static int by_total(const void *a, const void *b, void *ctx)
{
	const struct flow_tree *tree = ctx;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	uint64_t left_ns = tree->nodes[left].total_ns, right_ns = tree->nodes[right].total_ns;

	/* Equal ones in the order of their first calls. */
	if (left_ns == right_ns)
		return left < right ? -1 : left > right;
	return left_ns > right_ns ? -1 : 1;
}

static void sort_children(struct flow_tree *tree, uint32_t parent, uint32_t *scratch)
{
	uint32_t *link = &tree->nodes[parent].first_child;
	size_t count = 0;

	for (uint32_t i = *link; i != FLOW_NONE; i = tree->nodes[i].next)
		scratch[count++] = i;
	qsort_r(scratch, count, sizeof(*scratch), by_total, tree);
	for (size_t i = 0; i < count; i++) {
		*link = scratch[i];
		link = &tree->nodes[scratch[i]].next;
	}
	*link = FLOW_NONE;
}

int flow_tree_sort(struct flow_tree *tree)
{
	uint32_t *scratch = calloc(tree->count, sizeof(*scratch));

	if (!scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < tree->count; i++)
		sort_children(tree, i, scratch);
	free(scratch);
	return 0;
}

uint32_t flow_tree_next(const struct flow_tree *tree, uint32_t node, uint32_t *depth)
{
	if (tree->nodes[node].first_child != FLOW_NONE) {
		++*depth;
		return tree->nodes[node].first_child;
	}
	while (node != FLOW_ROOT && tree->nodes[node].next == FLOW_NONE) {
		node = tree->nodes[node].parent;
		--*depth;
	}
	return node == FLOW_ROOT ? FLOW_NONE : tree->nodes[node].next;
}
