/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The producer's side of lib/events.h, where the protocol is described. Include after vmlinux.h and
 * bpf_helpers.h. One user-space consumer an object; EVENTS_PROBES (default 1) elements of lost
 * counts. A tool whose records are too large for the stack defines EVENTS_SCRATCH_SIZE, the size of
 * the largest.
 */
#ifndef BPF_EVENTS_BPF_H
#define BPF_EVENTS_BPF_H

#include "bpf/events_ctl.h"

#ifndef EVENTS_PROBES
#define EVENTS_PROBES 1
#endif
/* Set by events_maps_prepare(): the type of "events" depends on it, and so does the live code. */
const volatile bool events_use_perf = false;

struct events_ctl events_ctl = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENTS_PROBES + 1);
	__type(key, __u32);
	__type(value, __u64);
} events_lost SEC(".maps");

static __always_inline void events_count_lost(__u32 probe)
{
	__u64 *lost = bpf_map_lookup_elem(&events_lost, &probe);

	if (lost)
		__sync_fetch_and_add(lost, 1);
}

/* Something went wrong for what may or may not have become an event: counted apart. */
static __always_inline void events_count_doubtful(void)
{
	events_count_lost(EVENTS_PROBES);
}

/* Steps 3 and 4 of the protocol. */
static __always_inline void events_wake_consumer(void)
{
	struct events_ctl volatile *ctl = &events_ctl;
	void *doorbell;

	if (!ctl->waiting)
		return;
	doorbell = bpf_ringbuf_reserve(&events, 8, 0);
	if (!doorbell)
		return;
	ctl->waiting = 0;
	bpf_ringbuf_discard(doorbell, BPF_RB_FORCE_WAKEUP);
}

/* As events_send(), for a program that has another one to wake the consumer. */
static __always_inline long events_send_quietly(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err;

	if (events_use_perf)
		err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, data, size);
	else
		err = bpf_ringbuf_output(&events, data, size, BPF_RB_NO_WAKEUP);
	if (err)
		events_count_lost(probe);
	return err;
}

/* Send a record that lies anywhere, such as a small one on the stack. 0, or a negative errno: it is lost, and counted. */
static __always_inline long events_send(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err = events_send_quietly(ctx, data, size, probe);

	if (!err && !events_use_perf)
		events_wake_consumer();
	return err;
}

#ifdef EVENTS_SCRATCH_SIZE
/*
 * Room for building records, because a reservation in the ring must have a constant size, and a
 * record should be as long as its strings.
 *
 * The slots belong to no CPU: a program can be interrupted by another one, and on preemptible
 * kernels (since 7.0 in raw tracepoints, too) another task's may run while it waits for its CPU.
 * One adds itself to a slot's users and has it if it was the first; losing to somebody who is just
 * giving up costs a slot's try, not correctness. No compare-and-exchange, which came with 5.12.
 */
struct events_scratch {
	__u64 users;
	__u8 data[EVENTS_SCRATCH_SIZE];
};

/* How many slots are looked at. */
#define EVENTS_SCRATCH_TRIES 8

/* Set by events_maps_prepare(), as is the size of the map. */
const volatile __u32 events_scratch_slots = 1;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct events_scratch);
} events_scratches SEC(".maps");

/* What is in a slot; NULL if there is no such slot. */
static __always_inline void *events_scratch_at(__u32 slot)
{
	struct events_scratch *scratch = bpf_map_lookup_elem(&events_scratches, &slot);

	return scratch ? scratch->data : NULL;
}

/* The number of a slot that is ours from now on, or -1. Global, to be verified once. */
__noinline int events_scratch_take(void)
{
	__u32 i, slot, start = bpf_get_smp_processor_id();
	struct events_scratch *scratch;

	for (i = 0; i < EVENTS_SCRATCH_TRIES; i++) {
		slot = (start + i) % events_scratch_slots;
		scratch = bpf_map_lookup_elem(&events_scratches, &slot);
		if (!scratch)
			break;
		__sync_fetch_and_add(&scratch->users, 1);
		if (*(volatile __u64 *)&scratch->users == 1)
			return slot;
		__sync_fetch_and_add(&scratch->users, -1);
	}
	return -1;
}

/*
 * Room for building one record of any size up to EVENTS_SCRATCH_SIZE, to be followed by
 * events_output() on every path. NULL, and counted as lost, when all slots are taken.
 */
static __always_inline void *events_scratch(__u32 probe)
{
	int slot = events_scratch_take();
	void *data = slot < 0 ? NULL : events_scratch_at(slot);

	if (!data)
		events_count_lost(probe);
	return data;
}

/* data: what events_scratch() gave. */
static __always_inline void events_scratch_done(void *data)
{
	struct events_scratch *scratch = data - offsetof(struct events_scratch, data);

	__sync_fetch_and_add(&scratch->users, -1);
}

/*
 * Send the first size bytes of what events_scratch() gave, and give it back; size 0 sends nothing.
 * Returns as events_send().
 */
static __always_inline long events_output_quietly(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err = 0;

	/* What is compared is to be what is sent, not one of its summands: a verifier such as 6.1's loses the tie. */
	barrier_var(size);
	if (size > EVENTS_SCRATCH_SIZE)
		size = EVENTS_SCRATCH_SIZE;
	if (size)
		err = events_send_quietly(ctx, data, size, probe);
	events_scratch_done(data);
	return err;
}

static __always_inline long events_output(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err = events_output_quietly(ctx, data, size, probe);

	if (!err && !events_use_perf)
		events_wake_consumer();
	return err;
}
#endif /* EVENTS_SCRATCH_SIZE */

#endif /* BPF_EVENTS_BPF_H */
