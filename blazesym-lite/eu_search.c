/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* elfutils 0.192 forgot its search trees in libelf.a (sourceware bug 32293, mended in 0.193): they are
 * supplied here to static builds, and linked in only if nobody else has them. */
#include <search.h>
#include <stddef.h>

/* elfutils' lib/eu-search.h. The lock that follows in thread-safe builds needs no work here: elfutils
 * allocates zeroed memory, and an unlocked pthread_rwlock_t is zeros. */
struct search_tree {
	void *root;
};

typedef int (*compare_fn)(const void *, const void *);

void *eu_tsearch(const void *key, struct search_tree *tree, compare_fn compare);
void *eu_tfind(const void *key, struct search_tree *tree, compare_fn compare);
void *eu_tdelete(const void *key, struct search_tree *tree, compare_fn compare);
void eu_tdestroy(struct search_tree *tree, void (*free_node)(void *));
void eu_search_tree_init(struct search_tree *tree);
void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *));

void *eu_tsearch(const void *key, struct search_tree *tree, compare_fn compare)
{
	return tsearch(key, &tree->root, compare);
}

void *eu_tfind(const void *key, struct search_tree *tree, compare_fn compare)
{
	return tfind(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct search_tree *tree, compare_fn compare)
{
	return tdelete(key, &tree->root, compare);
}

void eu_tdestroy(struct search_tree *tree, void (*free_node)(void *))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}

void eu_search_tree_init(struct search_tree *tree)
{
	tree->root = NULL;
}

void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *))
{
	eu_tdestroy(tree, free_node);
}
