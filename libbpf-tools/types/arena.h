/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Memory for trees: allocate node by node, free all at once. Every stage of the probe compiler
 * allocates from the arena of its probe and frees nothing itself.
 */
#ifndef TYPES_ARENA_H
#define TYPES_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when out of memory. */
struct arena *arena_new(void);
/* Frees everything allocated from it; NULL is fine. */
void arena_free(struct arena *arena);

/* size zeroed bytes aligned for any type, living as long as the arena; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy of len bytes of text; NULL when out of memory. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);

#endif /* TYPES_ARENA_H */
