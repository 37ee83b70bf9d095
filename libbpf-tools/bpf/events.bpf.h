/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The producer's side of lib/events.h, where the protocol is described. Include after vmlinux.h and
 * bpf_helpers.h. One user-space consumer an object; EVENTS_PROBES (default 1) elements of lost
 * counts.
 */
#ifndef BPF_EVENTS_BPF_H
#define BPF_EVENTS_BPF_H

#include "bpf/events_ctl.h"

#ifndef EVENTS_PROBES
#define EVENTS_PROBES 1
#endif
/* The largest record that events_scratch() has room for. */
#ifndef EVENTS_SCRATCH_SIZE
#define EVENTS_SCRATCH_SIZE 4096
#endif

/* Set by events_prepare_object(): the type of "events" depends on it, and so does the live code. */
const volatile bool events_use_perf = false;

struct events_ctl events_ctl = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENTS_PROBES);
	__type(key, __u32);
	__type(value, __u64);
} events_lost SEC(".maps");

struct events_scratch {
	__u64 busy;
	__u8 data[EVENTS_SCRATCH_SIZE];
};

/*
 * A value of a per-CPU map has 32 KiB at most (PCPU_MIN_UNIT_SIZE): a tool with larger records defines
 * EVENTS_SCRATCH_SHARED, which is an array with an element a CPU, and sets its size to their number before load.
 */
struct {
#ifdef EVENTS_SCRATCH_SHARED
	__uint(type, BPF_MAP_TYPE_ARRAY);
#else
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
#endif
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct events_scratch);
} events_scratches SEC(".maps");

static __always_inline struct events_scratch *events_scratch_lookup(void)
{
#ifdef EVENTS_SCRATCH_SHARED
	__u32 key = bpf_get_smp_processor_id();
#else
	__u32 key = 0;
#endif

	return bpf_map_lookup_elem(&events_scratches, &key);
}

static __always_inline void events_count_lost(__u32 probe)
{
	__u64 *lost = bpf_map_lookup_elem(&events_lost, &probe);

	if (lost)
		__sync_fetch_and_add(lost, 1);
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

/*
 * Room for building one record of any size up to EVENTS_SCRATCH_SIZE, to be followed by
 * events_output() on every path. NULL, and counted as lost, when this CPU is in the middle of
 * building another one: a program that interrupted or preempted a program. Per-CPU scratch rather
 * than the ring itself, because a reservation must have a constant size, and a record should be as
 * long as its strings.
 */
static __always_inline void *events_scratch(__u32 probe)
{
	struct events_scratch *scratch = events_scratch_lookup();

	if (!scratch)
		return NULL;
	if (scratch->busy) {
		events_count_lost(probe);
		return NULL;
	}
	scratch->busy = 1;
	return scratch->data;
}

static __always_inline void events_scratch_done(void)
{
	struct events_scratch *scratch = events_scratch_lookup();

	if (scratch)
		scratch->busy = 0;
}

/* Send a record that lies anywhere, such as a small one on the stack. 0, or a negative errno: it is lost, and counted. */
static __always_inline long events_send(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err;

	if (events_use_perf)
		err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, data, size);
	else
		err = bpf_ringbuf_output(&events, data, size, BPF_RB_NO_WAKEUP);
	if (err)
		events_count_lost(probe);
	else if (!events_use_perf)
		events_wake_consumer();
	return err;
}

/*
 * Send the first size bytes of what events_scratch() gave, and give it back; size 0 sends nothing.
 * Returns as events_send().
 */
static __always_inline long events_output(void *ctx, void *data, __u64 size, __u32 probe)
{
	long err = 0;

	if (size > EVENTS_SCRATCH_SIZE)
		size = EVENTS_SCRATCH_SIZE;
	if (size)
		err = events_send(ctx, data, size, probe);
	events_scratch_done();
	return err;
}

#endif /* BPF_EVENTS_BPF_H */
