/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The consumer of events against a producer written in instructions that speaks the protocol of
 * lib/events.h, and run at will with BPF_PROG_TEST_RUN: nothing lost unnoticed, wake-ups batched.
 */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/events.h"
#include "lib/timestamp.h"

#define INSN(op, d, s, o, i) \
	((struct bpf_insn){ .code = (op), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define MAP_VALUE(d, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, fd), INSN(0, 0, 0, 0, 0)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | size, d, s, o, 0)
#define STORE(size, d, o, s) INSN(BPF_STX | BPF_MEM | size, d, s, o, 0)
#define STORE_IMM(size, d, o, i) INSN(BPF_ST | BPF_MEM | size, d, 0, o, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define JUMP(op, d, i, o) INSN(BPF_JMP | op | BPF_K, d, 0, o, i)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define ATOMIC_ADD(d, s) INSN(BPF_STX | BPF_ATOMIC | BPF_DW, d, s, 0, BPF_ADD)

/* Both send the context's first u64, and count a failure as one of probe 1. */
#define COUNT_LOST(maps)                                                                           \
	STORE_IMM(BPF_W, BPF_REG_10, -4, 1), MAP(BPF_REG_1, (maps)->lost_fd),                      \
		MOV_REG(BPF_REG_2, BPF_REG_10), ADD(BPF_REG_2, -4),                                \
		CALL(BPF_FUNC_map_lookup_elem), JUMP(BPF_JEQ, BPF_REG_0, 0, 2), MOV(BPF_REG_1, 1), \
		ATOMIC_ADD(BPF_REG_0, BPF_REG_1), MOV(BPF_REG_0, 0), EXIT
#define COUNT_LOST_INSNS 11

static int load_ring_producer(const struct events_maps *maps)
{
	struct bpf_insn insns[] = {
		LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 0),
		STORE(BPF_DW, BPF_REG_10, -16, BPF_REG_1),
		MAP(BPF_REG_1, maps->ring_fd),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD(BPF_REG_2, -16),
		MOV(BPF_REG_3, 8),
		MOV(BPF_REG_4, BPF_RB_NO_WAKEUP),
		CALL(BPF_FUNC_ringbuf_output),
		JUMP(BPF_JEQ, BPF_REG_0, 0, COUNT_LOST_INSNS),
		COUNT_LOST(maps),
		MAP_VALUE(BPF_REG_6, maps->ctl_fd),
		LOAD(BPF_W, BPF_REG_1, BPF_REG_6, EVENTS_CTL_WAITING),
		JUMP(BPF_JEQ, BPF_REG_1, 0, 10),
		MAP(BPF_REG_1, maps->ring_fd),
		MOV(BPF_REG_2, 8),
		MOV(BPF_REG_3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		JUMP(BPF_JEQ, BPF_REG_0, 0, 4),
		STORE_IMM(BPF_W, BPF_REG_6, EVENTS_CTL_WAITING, 0),
		MOV_REG(BPF_REG_1, BPF_REG_0),
		MOV(BPF_REG_2, BPF_RB_FORCE_WAKEUP),
		CALL(BPF_FUNC_ringbuf_discard),
		MOV(BPF_REG_0, 0),
		EXIT,
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "producer", "Dual BSD/GPL", insns,
			     ARRAY_SIZE(insns), NULL);
}

static int load_perf_producer(const struct events_maps *maps)
{
	struct bpf_insn insns[] = {
		LOAD(BPF_DW, BPF_REG_2, BPF_REG_1, 0),
		STORE(BPF_DW, BPF_REG_10, -16, BPF_REG_2),
		MAP(BPF_REG_2, maps->ring_fd),
		/* BPF_F_CURRENT_CPU: 32 bits set */
		INSN(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, -1),
		MOV_REG(BPF_REG_4, BPF_REG_10),
		ADD(BPF_REG_4, -16),
		MOV(BPF_REG_5, 8),
		CALL(BPF_FUNC_perf_event_output),
		JUMP(BPF_JEQ, BPF_REG_0, 0, COUNT_LOST_INSNS),
		COUNT_LOST(maps),
		MOV(BPF_REG_0, 0),
		EXIT,
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "producer", "Dual BSD/GPL", insns,
			     ARRAY_SIZE(insns), NULL);
}

struct fixture {
	struct events_maps maps;
	struct events *events;
	int prog_fd;
	uint64_t produce; /* how many the producer thread is to produce */
	uint64_t seen, sum, stop_at;
	int stop_with;
};

static int handle(void *ctx, const void *data, size_t size)
{
	struct fixture *f = ctx;
	uint64_t value;

	/* A perf buffer's record is padded. */
	if (size < sizeof(value))
		return -EINVAL;
	memcpy(&value, data, sizeof(value));
	f->seen++;
	f->sum += value;
	return f->stop_at && f->seen >= f->stop_at ? f->stop_with : 0;
}

static struct fixture *fixture_open(enum options_transport transport, size_t bytes)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct events_opts opts = { .maps = &f->maps, .handle = handle, .ctx = f };

	assert_int_equal(events_maps_open(&f->maps, transport, bytes, 2), 0);
	assert_int_equal(f->maps.transport, transport);
	f->prog_fd = transport == OPTIONS_TRANSPORT_PERF ? load_perf_producer(&f->maps)
							 : load_ring_producer(&f->maps);
	assert_true(f->prog_fd >= 0);
	f->events = events_new(&opts);
	assert_non_null(f->events);
	return f;
}

static void fixture_close(struct fixture *f)
{
	events_free(f->events);
	close(f->prog_fd);
	events_maps_close(&f->maps);
	free(f);
}

static void produce(struct fixture *f, uint64_t value)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &value, .ctx_size_in = sizeof(value));

	assert_int_equal(bpf_prog_test_run_opts(f->prog_fd, &opts), 0);
}

static void *produce_many(void *ctx)
{
	struct fixture *f = ctx;
	uint64_t i;

	for (i = 1; i <= f->produce; i++)
		produce(f, i);
	return NULL;
}

static void skip_if_not_allowed(void)
{
	enum options_transport transport;
	int err = events_choose_transport(OPTIONS_TRANSPORT_AUTO, &transport);

	if (!err && !geteuid())
		return;
	print_message("SKIPPED: loading BPF programs needs root\n");
	skip();
}

static void skip_if_no_ring(void)
{
	enum options_transport transport;

	skip_if_not_allowed();
	if (!events_choose_transport(OPTIONS_TRANSPORT_RING, &transport))
		return;
	print_message("SKIPPED: this kernel has no ring buffer\n");
	skip();
}

static void all_of_a_burst_arrive(enum options_transport transport)
{
	struct fixture *f = fixture_open(transport, 0);
	uint64_t consumed, lost;

	f->produce = 100;
	produce_many(f);
	assert_int_equal(events_drain(f->events, 30, &consumed), 0);
	assert_int_equal(consumed, 30);
	assert_int_equal(events_drain(f->events, 0, &consumed), 0);
	assert_int_equal(consumed, 70);
	assert_int_equal(f->sum, 5050);
	assert_int_equal(events_count(f->events), 100);
	assert_int_equal(events_lost_total(f->events, &lost), 0);
	assert_int_equal(lost, 0);
	fixture_close(f);
}

static void test_all_of_a_burst_arrive_by_ring(void **state)
{
	(void)state;
	skip_if_no_ring();
	all_of_a_burst_arrive(OPTIONS_TRANSPORT_RING);
}

static void test_all_of_a_burst_arrive_by_perf(void **state)
{
	(void)state;
	skip_if_not_allowed();
	all_of_a_burst_arrive(OPTIONS_TRANSPORT_PERF);
}

/* The consumer sees nothing until all has been produced. */
static void lost_and_seen_add_up(enum options_transport transport)
{
	struct fixture *f = fixture_open(transport, 4096);
	uint64_t lost, other;

	f->produce = 20000;
	produce_many(f);
	assert_int_equal(events_drain(f->events, 0, NULL), 0);
	assert_int_equal(events_lost(f->events, 1, &lost), 0);
	assert_int_equal(events_lost(f->events, 0, &other), 0);
	assert_int_equal(other, 0);
	assert_true(lost > 0 && f->seen > 0);
	assert_int_equal(lost + f->seen, 20000);
	fixture_close(f);
}

static void test_lost_and_seen_add_up_with_ring(void **state)
{
	(void)state;
	skip_if_no_ring();
	lost_and_seen_add_up(OPTIONS_TRANSPORT_RING);
}

static void test_lost_and_seen_add_up_with_perf(void **state)
{
	(void)state;
	skip_if_not_allowed();
	lost_and_seen_add_up(OPTIONS_TRANSPORT_PERF);
}

static void callback_ends_the_drain(enum options_transport transport)
{
	struct fixture *f = fixture_open(transport, 0);

	f->produce = 10;
	produce_many(f);
	f->stop_at = 3;
	f->stop_with = 1;
	assert_int_equal(events_drain(f->events, 0, NULL), 1);
	assert_int_equal(f->seen, 3);
	f->stop_with = -EPIPE;
	assert_int_equal(events_drain(f->events, 0, NULL), -EPIPE);
	assert_int_equal(f->seen, 4);
	f->stop_at = 0;
	assert_int_equal(events_drain(f->events, 0, NULL), 0);
	assert_int_equal(f->seen, 10);
	fixture_close(f);
}

static void test_callback_ends_the_drain_of_ring(void **state)
{
	(void)state;
	skip_if_no_ring();
	callback_ends_the_drain(OPTIONS_TRANSPORT_RING);
}

static void test_callback_ends_the_drain_of_perf(void **state)
{
	(void)state;
	skip_if_not_allowed();
	callback_ends_the_drain(OPTIONS_TRANSPORT_PERF);
}

/* Consume until the producer thread's last event has been seen or counted. */
static void consume_all(struct fixture *f)
{
	uint64_t lost = 0, deadline = timestamp_now() + 60000000000ull;

	while (f->seen + lost < f->produce) {
		assert_true(timestamp_now() < deadline);
		assert_int_equal(events_drain(f->events, 0, NULL), 0);
		assert_int_equal(events_lost_total(f->events, &lost), 0);
		events_wait(f->events, -1, 1000000000);
	}
	assert_int_equal(f->seen + lost, f->produce);
}

static void busy_producer_pays_for_few_wakeups(enum options_transport transport)
{
	struct fixture *f = fixture_open(transport, 4 << 20);
	pthread_t thread;

	f->produce = 200000;
	assert_int_equal(pthread_create(&thread, NULL, produce_many, f), 0);
	consume_all(f);
	pthread_join(thread, NULL);
	print_message("%llu events, %llu wake-ups\n", (unsigned long long)f->seen,
		      (unsigned long long)events_wakeups(f->events));
	assert_true(events_wakeups(f->events) < f->produce / 100);
	fixture_close(f);
}

static void test_busy_producer_pays_for_few_wakeups(void **state)
{
	(void)state;
	skip_if_no_ring();
	busy_producer_pays_for_few_wakeups(OPTIONS_TRANSPORT_RING);
}

static void test_busy_producer_and_perf_consumer_add_up(void **state)
{
	(void)state;
	skip_if_not_allowed();
	busy_producer_pays_for_few_wakeups(OPTIONS_TRANSPORT_PERF);
}

/* Produces single events, each only after the consumer has gone to sleep (the flag tells). */
static void *produce_to_a_sleeper(void *ctx)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct fixture *f = ctx;
	uint64_t i;

	for (i = 0; i < f->produce; i++) {
		while (!__atomic_load_n(&f->maps.ctl->waiting, __ATOMIC_ACQUIRE))
			nanosleep(&pause, NULL);
		nanosleep(&pause, NULL);
		produce(f, timestamp_now());
	}
	return NULL;
}

static void test_quiet_producer_wakes_the_consumer_each_time(void **state)
{
	struct fixture *f;
	uint64_t delays = 0, before, deadline;
	pthread_t thread;

	(void)state;
	skip_if_no_ring();
	f = fixture_open(OPTIONS_TRANSPORT_RING, 0);
	f->produce = 20;
	assert_int_equal(pthread_create(&thread, NULL, produce_to_a_sleeper, f), 0);
	deadline = timestamp_now() + 30000000000ull;
	while (f->seen < f->produce && timestamp_now() < deadline) {
		before = f->sum;
		assert_int_equal(events_drain(f->events, 0, NULL), 0);
		if (f->sum != before)
			delays += timestamp_now() - (f->sum - before);
		events_wait(f->events, -1, 1000000000);
	}
	pthread_join(thread, NULL);
	assert_int_equal(f->seen, 20);
	assert_int_equal(events_wakeups(f->events), 20);
	print_message("mean delay %llu us\n", (unsigned long long)delays / 20 / 1000);
	/* Without a wake-up the mean would be near 50 ms. */
	assert_true(delays / 20 < 20000000);
	fixture_close(f);
}

static void test_waiting_returns_when_the_other_descriptor_is_readable(void **state)
{
	struct fixture *f;
	uint64_t start;
	int fds[2];

	(void)state;
	skip_if_not_allowed();
	f = fixture_open(OPTIONS_TRANSPORT_PERF, 0);
	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	start = timestamp_now();
	events_wait(f->events, fds[0], 1000000000);
	assert_true(timestamp_now() - start < 90000000);
	close(fds[0]);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_a_burst_arrive_by_ring),
		cmocka_unit_test(test_all_of_a_burst_arrive_by_perf),
		cmocka_unit_test(test_lost_and_seen_add_up_with_ring),
		cmocka_unit_test(test_lost_and_seen_add_up_with_perf),
		cmocka_unit_test(test_callback_ends_the_drain_of_ring),
		cmocka_unit_test(test_callback_ends_the_drain_of_perf),
		cmocka_unit_test(test_busy_producer_pays_for_few_wakeups),
		cmocka_unit_test(test_busy_producer_and_perf_consumer_add_up),
		cmocka_unit_test(test_quiet_producer_wakes_the_consumer_each_time),
		cmocka_unit_test(test_waiting_returns_when_the_other_descriptor_is_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
