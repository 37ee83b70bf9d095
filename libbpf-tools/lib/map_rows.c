/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Maps to rows; see map_rows.h.
 */
#include "lib/map_rows.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* include/linux/errno.h, not for user space: what a map without batches says. */
#define ENOTSUPP 524
#define FIRST_ROOM 256

static bool is_percpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static int grow(struct map_rows *rows)
{
	size_t room = rows->room ? 2 * rows->room : FIRST_ROOM;
	char *keys = reallocarray(rows->keys, room, rows->key_size), *values;

	if (!keys)
		return -ENOMEM;
	rows->keys = keys;
	values = reallocarray(rows->values, room, rows->value_size);
	if (!values)
		return -ENOMEM;
	rows->values = values;
	rows->room = room;
	return 0;
}

/* batch: where to go on, which the kernel fills; is_first: from the start. 0, -ENOENT behind the last one, or negative errno. */
static int read_batch(int map_fd, bool take, struct map_rows *rows, void *batch, bool is_first)
{
	uint32_t count = (uint32_t)(rows->room - rows->count);
	char *keys = rows->keys + rows->count * rows->key_size;
	char *values = rows->values + rows->count * rows->value_size;
	void *in = is_first ? NULL : batch;
	int err = take ? bpf_map_lookup_and_delete_batch(map_fd, in, batch, keys, values, &count,
							 NULL)
		       : bpf_map_lookup_batch(map_fd, in, batch, keys, values, &count, NULL);

	if (!err || err == -ENOENT)
		rows->count += count;
	return err;
}

/* -EOPNOTSUPP: this map has no batches. */
static int read_batches(int map_fd, bool take, struct map_rows *rows)
{
	/* Of hash maps the number of a bucket, of others a key. */
	void *batch = calloc(1, rows->key_size > 8 ? rows->key_size : 8);
	bool is_first = true;
	int err = batch ? 0 : -ENOMEM;

	while (!err) {
		err = rows->count == rows->room ? grow(rows) : 0;
		if (!err)
			err = read_batch(map_fd, take, rows, batch, is_first);
		/* A bucket is read as a whole or not at all. */
		if (err == -ENOSPC)
			err = grow(rows);
		else if (is_first && (err == -EINVAL || err == -ENOTSUPP))
			err = -EOPNOTSUPP;
		else
			is_first = false;
	}
	free(batch);
	return err == -ENOENT ? 0 : err;
}

static int read_one(int map_fd, bool take, const void *key, void *value)
{
	int err = take ? bpf_map_lookup_and_delete_elem(map_fd, key, value)
		       : bpf_map_lookup_elem(map_fd, key, value);

	if (!take || !err || err == -ENOENT)
		return err;
	/* Not in one step before 5.14, nor for all kinds of maps. */
	err = bpf_map_lookup_elem(map_fd, key, value);
	return err ? err : bpf_map_delete_elem(map_fd, key);
}

/* most: as many as the map may hold, so that elements which come and go don't keep us for ever. */
static int read_singly(int map_fd, bool take, uint32_t most, struct map_rows *rows)
{
	char *last = calloc(1, rows->key_size);
	bool is_first = true;
	int err = last ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < most && !err; i++) {
		char *key;

		err = rows->count == rows->room ? grow(rows) : 0;
		if (err)
			break;
		key = rows->keys + rows->count * rows->key_size;
		/* What is taken is always the first. */
		err = bpf_map_get_next_key(map_fd, is_first || take ? NULL : last, key);
		if (err)
			break;
		memcpy(last, key, rows->key_size);
		is_first = false;
		err = read_one(map_fd, take, key, rows->values + rows->count * rows->value_size);
		rows->count += !err;
		/* It went meanwhile. */
		err = err == -ENOENT ? 0 : err;
	}
	free(last);
	return err == -ENOENT ? 0 : err;
}

int map_rows_read(int map_fd, bool take, struct map_rows *rows)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(map_fd, &info, &len);

	*rows = (struct map_rows){ .key_size = info.key_size,
				   .value_size = info.value_size,
				   .copies = 1 };
	if (!err && is_percpu(info.type)) {
		int cpus = libbpf_num_possible_cpus();

		err = cpus < 0 ? cpus : 0;
		rows->copies = (unsigned int)cpus;
		rows->value_size = (info.value_size + 7) / 8 * 8 * (size_t)cpus;
	}
	if (!err)
		err = read_batches(map_fd, take, rows);
	if (err == -EOPNOTSUPP)
		err = read_singly(map_fd, take, info.max_entries, rows);
	if (err)
		map_rows_free(rows);
	return err;
}

void map_rows_free(struct map_rows *rows)
{
	free(rows->keys);
	free(rows->values);
	rows->keys = rows->values = NULL;
	rows->count = rows->room = 0;
}
