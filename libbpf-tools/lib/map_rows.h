/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * All that a hash map holds, by few system calls: in batches where the kernel has them for this kind of map
 * (Linux 5.6, cb4d03ab499d), else one element after the other.
 */
#ifndef LIB_MAP_ROWS_H
#define LIB_MAP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys and values in two arrays, in no order. */
struct map_rows {
	char *keys, *values;
	size_t count, room;
	size_t key_size, value_size;
	unsigned int
		copies; /* of the value in value_size: one per possible CPU for per-CPU maps, 8-byte aligned; else 1 */
};

/*
 * take: elements are removed from the map in the same step where the kernel can (5.6 in batches, 5.14 one by one), else right
 * behind it; a program that has just found an element may still add to it, which is lost. Elements that come or go meanwhile may be
 * among the rows. 0, or negative errno with no rows.
 */
int map_rows_read(int map_fd, bool take, struct map_rows *rows);
void map_rows_free(struct map_rows *rows);

static inline const void *map_rows_key(const struct map_rows *rows, size_t i)
{
	return rows->keys + i * rows->key_size;
}

static inline const void *map_rows_value(const struct map_rows *rows, size_t i)
{
	return rows->values + i * rows->value_size;
}

#endif /* LIB_MAP_ROWS_H */
