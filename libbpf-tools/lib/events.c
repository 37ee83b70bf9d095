/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The consumer of events; the protocol is described in events.h.
 */
#include "lib/events.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/attach.h"
#include "lib/percpu.h"
#include "lib/timestamp.h"

#define EVENTS_NAP_NS 1000000ull
#define EVENTS_SLEEP_NS 100000000ull
/* How long a drain without budget may take where events are produced faster than consumed. */
#define EVENTS_DRAIN_NS 1000000000ull
/* How many records are consumed between two looks at the clock; a power of two. */
#define EVENTS_CLOCK_INTERVAL 256
/* A perf buffer must hold at least a few records of the largest size. */
#define EVENTS_PERF_PAGES_MIN 8
#define EVENTS_SCRATCH_SLOTS_MIN 16
/* What all slots take, unless these few are larger. */
#define EVENTS_SCRATCH_BYTES_MAX (2u << 20)
#define EVENTS_BYTES_MAX (1u << 30)
/* What the kernel puts before each record in a ring buffer (BPF_RINGBUF_HDR_SZ). */
#define EVENTS_RECORD_HEADER 8

struct events {
	struct events_opts opts;
	struct events_maps maps;
	struct ring_buffer *ring;
	struct perf_buffer *perf;
	int fd; /* readable when woken */
	unsigned int cpus;
	uint64_t count, wakeups, skipped;
	/* The drain under way, or the last one. */
	int result;
	bool stopped;
	uint64_t budget, drained, drained_bytes, deadline_ns;
};

static uint32_t events_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static size_t events_round_up_power(size_t value)
{
	size_t power = 1;

	while (power < value)
		power <<= 1;
	return power;
}

int events_choose_transport(enum options_transport asked, enum options_transport *chosen)
{
	int fd;

	*chosen = asked;
	if (asked == OPTIONS_TRANSPORT_PERF)
		return 0;
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "trial", 0, 0, events_page_size(), NULL);
	if (fd >= 0) {
		close(fd);
		*chosen = OPTIONS_TRANSPORT_RING;
		return 0;
	}
	if (fd != -EINVAL)
		return fd;
	*chosen = OPTIONS_TRANSPORT_PERF;
	return asked == OPTIONS_TRANSPORT_RING ? -EOPNOTSUPP : 0;
}

/* A ring is one power of two of pages; perf buffers are one per CPU, each a power of two of pages. */
static uint32_t events_buffer_bytes(enum options_transport transport, size_t bytes)
{
	size_t page = events_page_size(), cpus = libbpf_num_possible_cpus(), pages;

	bytes = bytes ?: EVENTS_DEFAULT_BYTES;
	if (bytes > EVENTS_BYTES_MAX)
		bytes = EVENTS_BYTES_MAX;
	if (transport == OPTIONS_TRANSPORT_RING)
		return events_round_up_power(bytes < page ? page : bytes);
	pages = events_round_up_power((bytes + cpus * page - 1) / (cpus * page));
	return (pages < EVENTS_PERF_PAGES_MIN ? EVENTS_PERF_PAGES_MIN : pages) * page * cpus;
}

static int events_maps_create(struct events_maps *maps)
{
	LIBBPF_OPTS(bpf_map_create_opts, mmapable, .map_flags = BPF_F_MMAPABLE);
	void *ctl;

	maps->lost_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "events_lost", sizeof(uint32_t),
				       sizeof(uint64_t), maps->probes, NULL);
	if (maps->lost_fd < 0)
		return maps->lost_fd;
	if (maps->transport == OPTIONS_TRANSPORT_PERF) {
		maps->ring_fd = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "events", sizeof(int),
					       sizeof(int), libbpf_num_possible_cpus(), NULL);
		return maps->ring_fd < 0 ? maps->ring_fd : 0;
	}
	maps->ring_fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, maps->buffer_bytes, NULL);
	if (maps->ring_fd < 0)
		return maps->ring_fd;
	maps->ctl_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "events_ctl", sizeof(uint32_t),
				      sizeof(struct events_ctl), 1, &mmapable);
	if (maps->ctl_fd < 0)
		return maps->ctl_fd;
	ctl = mmap(NULL, events_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, maps->ctl_fd, 0);
	if (ctl == MAP_FAILED)
		return -errno;
	maps->ctl = ctl;
	return 0;
}

int events_maps_open(struct events_maps *maps, enum options_transport transport, size_t bytes,
		     uint32_t probes)
{
	int err;

	*maps = (struct events_maps){ .ring_fd = -1, .lost_fd = -1, .ctl_fd = -1 };
	err = events_choose_transport(transport, &maps->transport);
	if (err)
		return err;
	maps->probes = probes ?: 1;
	maps->buffer_bytes = events_buffer_bytes(maps->transport, bytes);
	err = events_maps_create(maps);
	if (err)
		events_maps_close(maps);
	return err;
}

void events_maps_close(struct events_maps *maps)
{
	/* Zeroed maps have no probes, and their descriptors, 0, are not ours. */
	if (!maps->probes)
		return;
	if (maps->ctl)
		munmap(maps->ctl, events_page_size());
	if (maps->ctl_fd >= 0)
		close(maps->ctl_fd);
	if (maps->ring_fd >= 0)
		close(maps->ring_fd);
	if (maps->lost_fd >= 0)
		close(maps->lost_fd);
	*maps = (struct events_maps){ .ring_fd = -1, .lost_fd = -1, .ctl_fd = -1 };
}

/* Two a processor, and enough of them for the tasks of a small system that preempt each other. */
static int events_prepare_scratch(struct bpf_object *obj, uint32_t *slots)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "events_scratches");
	uint32_t most;

	if (!map)
		return -ENOENT;
	most = EVENTS_SCRATCH_BYTES_MAX / bpf_map__value_size(map);
	*slots = 2 * libbpf_num_possible_cpus();
	if (*slots > most)
		*slots = most;
	if (*slots < EVENTS_SCRATCH_SLOTS_MIN)
		*slots = EVENTS_SCRATCH_SLOTS_MIN;
	return bpf_map__set_max_entries(map, *slots);
}

int events_maps_prepare(struct events_maps *maps, struct bpf_object *obj, bool *use_perf,
			uint32_t *slots, enum options_transport asked, size_t bytes)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "events");
	int err;

	*maps = (struct events_maps){ .ring_fd = -1, .lost_fd = -1, .ctl_fd = -1 };
	if (!map)
		return -ENOENT;
	err = events_choose_transport(asked, &maps->transport);
	if (err)
		return err;
	maps->buffer_bytes = events_buffer_bytes(maps->transport, bytes);
	*use_perf = maps->transport == OPTIONS_TRANSPORT_PERF;
	if (slots) {
		err = events_prepare_scratch(obj, slots);
		if (err)
			return err;
	}
	if (!*use_perf)
		return bpf_map__set_max_entries(map, maps->buffer_bytes);
	err = bpf_map__set_type(map, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	err = err ?: bpf_map__set_key_size(map, sizeof(int));
	err = err ?: bpf_map__set_value_size(map, sizeof(int));
	return err ?: bpf_map__set_max_entries(map, libbpf_num_possible_cpus());
}

int events_maps_complete(struct events_maps *maps, const struct bpf_object *obj,
			 struct events_ctl *ctl)
{
	struct bpf_map *ring = bpf_object__find_map_by_name(obj, "events");
	struct bpf_map *lost = bpf_object__find_map_by_name(obj, "events_lost");

	if (!ring || !lost)
		return -ENOENT;
	maps->ring_fd = bpf_map__fd(ring);
	maps->lost_fd = bpf_map__fd(lost);
	maps->probes = bpf_map__max_entries(lost) - 1;
	maps->has_doubtful = true;
	maps->ctl = maps->transport == OPTIONS_TRANSPORT_RING ? ctl : NULL;
	return 0;
}

/* One record: hand it over, and decide whether the drain goes on. */
static bool events_handle(struct events *events, const void *data, size_t size)
{
	events->drained++;
	events->drained_bytes += size + EVENTS_RECORD_HEADER;
	events->result = events->opts.handle(events->opts.ctx, data, size);
	if (events->result)
		events->stopped = true;
	else if (events->budget)
		events->stopped = events->drained >= events->budget;
	else if (events->drained % EVENTS_CLOCK_INTERVAL == 0)
		events->stopped = timestamp_now() >= events->deadline_ns;
	return !events->stopped;
}

static int events_handle_ring(void *ctx, void *data, size_t size)
{
	/* libbpf counts the record as consumed before it acts on an error. */
	return events_handle(ctx, data, size) ? 0 : -ECANCELED;
}

static enum bpf_perf_event_ret events_handle_perf(void *ctx, int cpu,
						  struct perf_event_header *header)
{
	/* PERF_SAMPLE_RAW: perf_event_open(2). What was lost is counted by the producer. */
	struct {
		struct perf_event_header header;
		uint32_t size;
		char data[];
	} *sample = (void *)header;
	struct events *events = ctx;

	(void)cpu;
	if (header->type != PERF_RECORD_SAMPLE || header->size < sizeof(*sample) ||
	    sample->size > header->size - sizeof(*sample))
		return LIBBPF_PERF_EVENT_CONT;
	return events_handle(events, sample->data, sample->size) ? LIBBPF_PERF_EVENT_CONT
								 : LIBBPF_PERF_EVENT_DONE;
}

static int events_open_perf(struct events *events)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	size_t pages = events->maps.buffer_bytes / events->cpus / events_page_size();

	events->perf = perf_buffer__new_raw(events->maps.ring_fd, pages, &attr, events_handle_perf,
					    events, NULL);
	if (!events->perf)
		return -errno;
	events->fd = perf_buffer__epoll_fd(events->perf);
	return 0;
}

static int events_open_ring(struct events *events)
{
	events->ring = ring_buffer__new(events->maps.ring_fd, events_handle_ring, events, NULL);
	if (!events->ring)
		return -errno;
	/* The map's descriptor itself can be polled, without libbpf's epoll around it. */
	events->fd = events->maps.ring_fd;
	return 0;
}

struct events *events_new(const struct events_opts *opts)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return NULL;
	events->opts = *opts;
	events->maps = *opts->maps;
	events->cpus = libbpf_num_possible_cpus();
	if (events->maps.transport == OPTIONS_TRANSPORT_PERF)
		err = events_open_perf(events);
	else
		err = events_open_ring(events);
	if (err) {
		events_free(events);
		errno = -err;
		return NULL;
	}
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	perf_buffer__free(events->perf);
	free(events);
}

static int events_consume_perf(struct events *events)
{
	size_t i, count = perf_buffer__buffer_cnt(events->perf);
	int err = 0;

	/* perf_buffer__consume() would go on with the next CPU's buffer after a stop. */
	for (i = 0; i < count && !err && !events->stopped; i++)
		err = perf_buffer__consume_buffer(events->perf, i);
	return err;
}

int events_drain(struct events *events, uint64_t budget, uint64_t *consumed)
{
	int err;

	events->result = 0;
	events->stopped = false;
	events->budget = budget;
	events->drained = 0;
	events->drained_bytes = 0;
	events->deadline_ns = budget ? 0 : timestamp_now() + EVENTS_DRAIN_NS;
	if (events->ring) {
		err = ring_buffer__consume(events->ring);
		err = err == -ECANCELED ? 0 : err;
	} else {
		err = events_consume_perf(events);
	}
	events->count += events->drained;
	if (consumed)
		*consumed = events->drained;
	return events->result ?: err < 0 ? err : 0;
}

static struct timespec events_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

static uint64_t events_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void events_sleep(struct events *events, int other, uint64_t timeout_ns)
{
	struct timespec timeout = events_timespec(events_min(timeout_ns, EVENTS_SLEEP_NS));
	struct pollfd fds[] = { { .fd = events->fd, .events = POLLIN },
				{ .fd = other, .events = POLLIN } };
	struct events_ctl *ctl = events->maps.ctl;

	if (ctl) {
		__atomic_store_n(&ctl->waiting, 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	/*
	 * The second look of the protocol: poll() on a ring looks whether there is data before it
	 * sleeps.
	 */
	ppoll(fds, 2, &timeout, NULL);
	if (ctl && !__atomic_exchange_n(&ctl->waiting, 0, __ATOMIC_RELAXED))
		events->wakeups++;
}

void events_wait(struct events *events, int other, uint64_t timeout_ns)
{
	struct timespec nap = events_timespec(events_min(timeout_ns, EVENTS_NAP_NS));

	if (!events->drained)
		events_sleep(events, other, timeout_ns);
	else if (events->drained_bytes < events->maps.buffer_bytes / 4)
		nanosleep(&nap, NULL);
}

int events_lost(const struct events *events, uint32_t probe, uint64_t *lost)
{
	return percpu_sum(events->maps.lost_fd, probe, lost);
}

int events_lost_total(const struct events *events, uint64_t *lost)
{
	uint32_t probe;
	uint64_t one;
	int err;

	*lost = 0;
	for (probe = 0; probe < events->maps.probes; probe++) {
		err = events_lost(events, probe, &one);
		if (err)
			return err;
		*lost += one;
	}
	return 0;
}

void events_add_skipped(struct events *events, int prog_fd)
{
	events->skipped += attach_prog_skipped(prog_fd);
}

int events_doubtful(const struct events *events, uint64_t *doubtful)
{
	int err = 0;

	*doubtful = 0;
	if (events->maps.has_doubtful)
		err = events_lost(events, events->maps.probes, doubtful);
	*doubtful += events->skipped;
	return err;
}

uint64_t events_count(const struct events *events)
{
	return events->count;
}

uint64_t events_wakeups(const struct events *events)
{
	return events->wakeups;
}

uint32_t events_probes(const struct events *events)
{
	return events->maps.probes;
}
