/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * All that a map holds, in batches and one by one. As root; others can't make maps.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/map_rows.h"

#define COUNT 3000

struct key {
	uint32_t number;
	char name[12];
};

static int new_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size)
{
	int fd = bpf_map_create(type, "map_rows", key_size, value_size, COUNT, NULL);

	if (fd == -EPERM)
		skip();
	assert_true(fd >= 0);
	return fd;
}

static int new_hash(void)
{
	int fd = new_map(BPF_MAP_TYPE_HASH, sizeof(struct key), sizeof(uint64_t));

	for (uint32_t i = 0; i < COUNT; i++) {
		struct key key = { .number = i, .name = "name" };
		uint64_t value = 7ull * i;

		assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST), 0);
	}
	return fd;
}

/* Each of 0 to COUNT - 1 once, with its value. */
static void assert_all(const struct map_rows *rows)
{
	bool *seen = calloc(COUNT, sizeof(*seen));

	assert_int_equal(rows->count, COUNT);
	for (size_t i = 0; i < rows->count; i++) {
		const struct key *key = map_rows_key(rows, i);
		const uint64_t *value = map_rows_value(rows, i);

		assert_in_range(key->number, 0, COUNT - 1);
		assert_false(seen[key->number]);
		seen[key->number] = true;
		assert_string_equal(key->name, "name");
		assert_int_equal(*value, 7ull * key->number);
	}
	free(seen);
}

static void test_reading_leaves_the_map_as_it_is(void **state)
{
	int fd = new_hash();
	struct map_rows rows;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(map_rows_read(fd, false, &rows), 0);
		assert_all(&rows);
		map_rows_free(&rows);
	}
	close(fd);
}

static void test_taking_empties_the_map(void **state)
{
	int fd = new_hash();
	struct map_rows rows;

	(void)state;
	assert_int_equal(map_rows_read(fd, true, &rows), 0);
	assert_all(&rows);
	map_rows_free(&rows);
	assert_int_equal(map_rows_read(fd, true, &rows), 0);
	assert_int_equal(rows.count, 0);
	map_rows_free(&rows);
	close(fd);
}

static void test_every_cpus_value(void **state)
{
	unsigned int cpus = (unsigned int)libbpf_num_possible_cpus();
	int fd = new_map(BPF_MAP_TYPE_PERCPU_HASH, sizeof(uint32_t), 12);
	uint32_t *values = calloc(cpus, 16), key = 5;
	struct map_rows rows;

	(void)state;
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		values[4 * cpu + 2] = 100 + cpu;
	assert_int_equal(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
	assert_int_equal(map_rows_read(fd, false, &rows), 0);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.copies, cpus);
	assert_int_equal(rows.value_size, 16 * cpus);
	assert_int_equal(*(const uint32_t *)map_rows_key(&rows, 0), 5);
	assert_memory_equal(map_rows_value(&rows, 0), values, 16 * cpus);
	map_rows_free(&rows);
	free(values);
	close(fd);
}

/* A kind of map that has no batches, and can't hand an element over in one step. */
static void test_without_batches(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_DEVMAP_HASH, sizeof(uint32_t), sizeof(uint32_t));
	uint32_t loopback = if_nametoindex("lo"), seen = 0, count = 0, key = 0;
	struct map_rows rows;

	(void)state;
	assert_int_not_equal(bpf_map_lookup_batch(fd, NULL, &key, &seen, &loopback, &count, NULL),
			     0);
	for (key = 0; key < 20; key++)
		assert_int_equal(bpf_map_update_elem(fd, &key, &loopback, BPF_ANY), 0);
	for (int take = 0; take < 2; take++) {
		seen = 0;
		assert_int_equal(map_rows_read(fd, take, &rows), 0);
		assert_int_equal(rows.count, 20);
		for (size_t i = 0; i < rows.count; i++) {
			seen |= 1u << *(const uint32_t *)map_rows_key(&rows, i);
			assert_int_equal(*(const uint32_t *)map_rows_value(&rows, i), loopback);
		}
		assert_int_equal(seen, (1u << 20) - 1);
		map_rows_free(&rows);
	}
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), -ENOENT);
	close(fd);
}

static void test_what_is_no_map(void **state)
{
	struct map_rows rows;

	(void)state;
	assert_true(map_rows_read(-1, false, &rows) < 0);
	assert_int_equal(rows.count, 0);
	map_rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_leaves_the_map_as_it_is),
		cmocka_unit_test(test_taking_empties_the_map),
		cmocka_unit_test(test_every_cpus_value),
		cmocka_unit_test(test_without_batches),
		cmocka_unit_test(test_what_is_no_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
