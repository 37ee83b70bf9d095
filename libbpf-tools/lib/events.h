/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One consumer of the events that BPF programs produce, over a ring buffer or, where the kernel has
 * none (before 5.8), a perf buffer; with batched wake-ups and a count of what was lost, per probe.
 *
 * The protocol, for producers (bpf/events.bpf.h speaks it in C; a code generator in instructions):
 *
 * Ring buffer
 *   1. Reserve and submit, or output, with flags BPF_RB_NO_WAKEUP: no wake-up is paid for.
 *   2. If reserving or output failed, add 1 to element PROBE (u32 key) of the per-CPU array of u64
 *      "lost". Done. (-EAGAIN: the ring is full, or an NMI came while its lock was taken.)
 *   3. Else read events_ctl.waiting (u32 at offset EVENTS_CTL_WAITING of the value of the
 *      one-element mmapable array "ctl"; a direct map value address, BPF_PSEUDO_MAP_VALUE, makes it
 *      one load). 0: the consumer is awake and will come by within a millisecond. Done.
 *   4. Else reserve 8 more bytes; if that worked, store 0 to waiting and *discard* them with flag
 *      BPF_RB_FORCE_WAKEUP. Discarded bytes are never seen by the consumer.
 *
 * The consumer drains; while there is something each time, it naps 1 ms between drains and waiting
 * stays 0. Finding nothing, it stores 1 to waiting, issues a full barrier, looks once more, and
 * only then sleeps. Submitting is a full barrier too (an atomic exchange of the record's header in
 * kernel/bpf/ringbuf.c, bpf_ringbuf_commit()), therefore either the producer sees waiting == 1 in
 * step 3 or the consumer sees the record in its second look: no wake-up is missed. A lone event is
 * delivered at once, and a probe hit a million times a second pays for none. Choosing the wake-up
 * flag *before* submitting, as is commonly done, leaves a gap in which a record waits for the next
 * one. Should step 4's reservation fail, the consumer's sleep of at most 100 ms bounds the delay.
 *
 * Perf buffer
 *   bpf_perf_event_output(ctx, events, BPF_F_CURRENT_CPU, data, size); a failure is counted as in
 *   2. There is no waiting flag; records of different CPUs may be seen out of order.
 *
 * A record starts wherever the producer likes; its size is what was reserved (ring) or rounded up
 * so that size + 4 is a multiple of 8 (perf): a record that ends in a string must carry its length.
 */
#ifndef LIB_EVENTS_H
#define LIB_EVENTS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events_ctl.h"
#include "lib/options.h"

struct bpf_map;
struct bpf_object;
struct events;

#define EVENTS_CTL_WAITING offsetof(struct events_ctl, waiting)
/* The default size of all buffers together. */
#define EVENTS_DEFAULT_BYTES (1u << 20)

/*
 * Does the kernel have ring buffers (BPF_MAP_TYPE_RINGBUF)? Resolves AUTO to RING or PERF by asking
 * it. -EOPNOTSUPP when RING was asked for and isn't there; other negative errno when BPF can't be
 * used at all (-EPERM).
 */
int events_choose_transport(enum options_transport asked, enum options_transport *chosen);

/* The maps of a tool that generates its programs. */
struct events_maps {
	enum options_transport transport; /* RING or PERF */
	int ring_fd;			  /* BPF_MAP_TYPE_RINGBUF, or _PERF_EVENT_ARRAY */
	int lost_fd; /* BPF_MAP_TYPE_PERCPU_ARRAY, u32 -> u64, an element a probe */
	int ctl_fd;  /* BPF_MAP_TYPE_ARRAY, mmapable, one struct events_ctl; -1 with PERF */
	struct events_ctl *ctl; /* that element, mapped; NULL with PERF */
	uint32_t probes;
	bool has_doubtful;     /* lost has one element more, for what may not have been an event */
	uint32_t buffer_bytes; /* as rounded: all buffers together */
};

/*
 * Create them. bytes: wished size of all buffers together, rounded up to what the map type demands;
 * 0: the default. 0 or negative errno; *maps is then left closed.
 */
int events_maps_open(struct events_maps *maps, enum options_transport transport, size_t bytes,
		     uint32_t probes);
/* Fine on a zeroed or closed one too. */
void events_maps_close(struct events_maps *maps);

/*
 * The same for an object that includes bpf/events.bpf.h, in two steps around its skeleton's load;
 * lib/tool.c takes them.
 *
 * Before: chooses the transport, turns the map "events" into that kind of that size, and sets
 * *use_perf, which is &skel->rodata->events_use_perf. *slots, NULL for an object without
 * EVENTS_SCRATCH_SIZE, is &skel->rodata->events_scratch_slots.
 *
 * After: fills in the descriptors, borrowed from the object, and ctl, which is
 * &skel->bss->events_ctl. Such maps need no close. 0 or negative errno.
 */
int events_maps_prepare(struct events_maps *maps, struct bpf_object *obj, bool *use_perf,
			uint32_t *slots, enum options_transport asked, size_t bytes);
int events_maps_complete(struct events_maps *maps, const struct bpf_object *obj,
			 struct events_ctl *ctl);

struct events_opts {
	const struct events_maps *maps; /* copied; its descriptors must outlive the consumer */
	/*
	 * Called for each record, which is only valid during the call. size is what the kernel
	 * says; it must be checked against what is read, even though we wrote the producer. 0: go
	 * on; anything else ends the drain, and is returned by events_drain(): what output_end()
	 * returned, or a negative errno.
	 */
	int (*handle)(void *ctx, const void *data, size_t size);
	void *ctx;
};

/* NULL and errno. */
struct events *events_new(const struct events_opts *opts);
void events_free(struct events *events);

/*
 * Consume what is there, at most budget records (0: until dry, or for a second on a system that
 * produces faster than we consume). 0, or what the callback returned. *consumed, unless NULL: how
 * many.
 */
int events_drain(struct events *events, uint64_t budget, uint64_t *consumed);
/*
 * Wait for more, for at most timeout_ns: a millisecond's nap if the last drain found something
 * (none if it found the buffer a quarter full), else asleep until a producer wakes us or the
 * descriptor other (-1: none) is readable, 100 ms at the longest. Returns early on a signal. Write
 * out what is collected before waiting after a drain that found nothing.
 */
void events_wait(struct events *events, int other, uint64_t timeout_ns);

/* How many records were lost at a probe, and at all of them, so far. 0 or negative errno. */
int events_lost(const struct events *events, uint32_t probe, uint64_t *lost);
int events_lost_total(const struct events *events, uint64_t *lost);

/*
 * The kernel skips a program where the same one has been interrupted, or has had to leave the
 * processor to another task. It counts how often (5.12, 9ed9e9ba2337; on classic tracepoints and
 * kprobes 6.7, dd8657894c11), but not for what: it may have been an event, or nothing that the tool
 * would have shown. Take over its count once, after detaching.
 */
void events_add_skipped(struct events *events, int prog_fd);
/*
 * What may have been an event, or not: the skipped programs, and what the programs themselves are
 * in doubt about (events_count_doubtful()). Not in events_lost(). 0 or negative errno.
 */
int events_doubtful(const struct events *events, uint64_t *doubtful);

/*
 * Records consumed, and how often a producer had to wake the consumer (ring buffer only). For -v
 * and tests.
 */
uint64_t events_count(const struct events *events);
uint64_t events_wakeups(const struct events *events);
uint32_t events_probes(const struct events *events);

#endif /* LIB_EVENTS_H */
