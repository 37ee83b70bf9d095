/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_stats: periods out of totals, on the maps that the kernel side shares, as root. The test
 * plays the kernel side: it takes a free element, notes whose it is, and adds to its totals.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "redis/redis_stats.h"

struct fixture {
	struct redis_stats_maps maps;
	struct redis_stats *stats;
	struct redis_stat *elements;
	__u32 period;
};

static int setup(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, shared, .map_flags = BPF_F_MMAPABLE);
	LIBBPF_OPTS(bpf_map_create_opts, grown, .map_flags = BPF_F_NO_PREALLOC);
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || geteuid())
		return f ? 0 : -1;
	f->maps.stats = bpf_map_create(BPF_MAP_TYPE_ARRAY, "stats", sizeof(__u32),
				       sizeof(struct redis_stat), REDIS_STATS_MAX, &shared);
	f->maps.stat_numbers = bpf_map_create(BPF_MAP_TYPE_HASH, "numbers",
					      sizeof(struct redis_stat_key), sizeof(__u32),
					      REDIS_STATS_MAX, &grown);
	f->maps.stats_free =
		bpf_map_create(BPF_MAP_TYPE_QUEUE, "free", 0, sizeof(__u32), REDIS_STATS_MAX, NULL);
	f->maps.period = &f->period;
	f->stats = redis_stats_new(&f->maps);
	f->elements = mmap(NULL, REDIS_STATS_MAX * sizeof(*f->elements), PROT_READ | PROT_WRITE,
			   MAP_SHARED, f->maps.stats, 0);
	return f->stats && f->elements != MAP_FAILED ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->stats) {
		redis_stats_free(f->stats);
		munmap(f->elements, REDIS_STATS_MAX * sizeof(*f->elements));
		close(f->maps.stats);
		close(f->maps.stat_numbers);
		close(f->maps.stats_free);
	}
	free(f);
	return 0;
}

static void skip_unless_root(void)
{
	if (!geteuid())
		return;
	print_message("SKIPPED: BPF maps need root\n");
	skip();
}

/* The element of a command, a free one if it has none; NULL if there is none. */
static struct redis_stat *element(struct fixture *f, __u64 pid, const char *name)
{
	struct redis_stat_key key = { .pid = pid };
	__u32 number;

	memcpy(key.name, name, strlen(name));
	if (bpf_map_lookup_elem(f->maps.stat_numbers, &key, &number)) {
		if (bpf_map_lookup_and_delete_elem(f->maps.stats_free, NULL, &number))
			return NULL;
		assert_int_equal(bpf_map_update_elem(f->maps.stat_numbers, &key, &number, BPF_ANY),
				 0);
		f->elements[number].key = key;
	}
	return &f->elements[number];
}

static void call(struct fixture *f, __u64 pid, const char *name, __u64 ns)
{
	struct redis_stat *stat = element(f, pid, name);

	assert_non_null(stat);
	stat->begun++;
	stat->calls++;
	stat->total_ns += ns;
	stat->bytes += 10;
	stat->hist[0]++;
	if (ns > stat->max_ns[f->period & 1])
		stat->max_ns[f->period & 1] = ns;
}

static void test_a_period_has_what_was_counted_in_it_by_time(void **state)
{
	const struct redis_stat *list;
	struct fixture *f = *state;

	skip_unless_root();
	call(f, 7, "get", 100);
	call(f, 7, "get", 50);
	call(f, 7, "set", 400);
	call(f, 8, "get", 200);
	assert_int_equal(redis_stats_take(f->stats, &list), 3);
	assert_string_equal(list[0].key.name, "set");
	assert_int_equal(list[1].key.pid, 8);
	assert_int_equal(list[2].key.pid, 7);
	assert_int_equal(list[2].calls, 2);
	assert_int_equal(list[2].total_ns, 150);
	assert_int_equal(list[2].bytes, 20);
	assert_int_equal(list[2].hist[0], 2);
	assert_int_equal(list[2].max_ns[0], 100);
	/* Less than in the period before: a maximum is the period's own. */
	call(f, 7, "get", 30);
	assert_int_equal(redis_stats_take(f->stats, &list), 1);
	assert_int_equal(list[0].calls, 1);
	assert_int_equal(list[0].total_ns, 30);
	assert_int_equal(list[0].max_ns[0], 30);
	assert_int_equal(redis_stats_take(f->stats, &list), 0);
}

static void test_errors_alone_are_shown(void **state)
{
	const struct redis_stat *list;
	struct fixture *f = *state;

	skip_unless_root();
	element(f, 7, "nosuch")->errors += 3;
	assert_int_equal(redis_stats_take(f->stats, &list), 1);
	assert_int_equal(list[0].calls, 0);
	assert_int_equal(list[0].errors, 3);
}

static void test_commands_that_are_not_used_make_room(void **state)
{
	const struct redis_stat *list;
	struct fixture *f = *state;
	char name[16];

	skip_unless_root();
	for (int i = 0; i < REDIS_STATS_MAX; i++) {
		snprintf(name, sizeof(name), "command%d", i);
		call(f, 0x7ffffff0, name, 1);
	}
	assert_null(element(f, 7, "get"));
	assert_int_equal(redis_stats_take(f->stats, &list), REDIS_STATS_MAX);
	assert_int_equal(redis_stats_take(f->stats, &list), 0);
	assert_null(element(f, 7, "get"));
	assert_int_equal(redis_stats_take(f->stats, &list), 0);
	call(f, 7, "get", 5);
	/* What the element was used for before is no part of it. */
	assert_int_equal(redis_stats_take(f->stats, &list), 1);
	assert_string_equal(list[0].key.name, "get");
	assert_int_equal(list[0].calls, 1);
	assert_int_equal(list[0].total_ns, 5);
}

static void test_a_command_under_way_keeps_its_place(void **state)
{
	const struct redis_stat *list;
	struct fixture *f = *state;
	struct redis_stat *stat;

	skip_unless_root();
	call(f, getpid(), "blpop", 1);
	stat = element(f, getpid(), "blpop");
	stat->begun++;
	for (int i = 0; i < 5; i++)
		redis_stats_take(f->stats, &list);
	assert_int_equal(stat->key.pid, getpid());
	stat->calls++;
	stat->total_ns += 1000;
	assert_int_equal(redis_stats_take(f->stats, &list), 1);
	assert_int_equal(list[0].total_ns, 1000);
	/* That of a process that has ended never comes back. */
	call(f, 0x7ffffff0, "blpop", 1);
	stat = element(f, 0x7ffffff0, "blpop");
	stat->begun++;
	for (int i = 0; i < 3; i++)
		redis_stats_take(f->stats, &list);
	assert_int_equal(stat->key.pid, 0);
}

static void test_a_process_that_is_not_wanted_is_no_part_of_any_period(void **state)
{
	const struct redis_stat *list;
	struct fixture *f = *state;

	skip_unless_root();
	call(f, 7, "get", 100);
	call(f, 8, "get", 200);
	redis_stats_forget(f->stats, 7);
	redis_stats_forget(NULL, 7);
	assert_int_equal(redis_stats_take(f->stats, &list), 1);
	assert_int_equal(list[0].key.pid, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_period_has_what_was_counted_in_it_by_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_alone_are_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commands_that_are_not_used_make_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_command_under_way_keeps_its_place, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_a_process_that_is_not_wanted_is_no_part_of_any_period, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
