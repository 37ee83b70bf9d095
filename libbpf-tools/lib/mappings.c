/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A dummy perf event per CPU, whose side band reports mmap and fork; records as in
 * linux/perf_event.h, enum perf_event_type.
 */
#include "lib/mappings.h"

#include <blazesym-lite.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 4096	 /* processes kept */
#define MAX_MAPPINGS 256 /* of one process */
#define MAX_ANCESTORS 16
#define TOTAL_BYTES (8u << 20) /* of all rings, as long as each has a fair size */
#define MIN_RING_BYTES (64u << 10)
#define MAX_RING_BYTES (512u << 10)

struct mapping {
	uint64_t time, start, end, offset, ino;
	uint32_t dev_major, dev_minor;
	char *path;
};

struct process {
	pid_t pid;    /* 0: a free slot */
	pid_t parent; /* 0: not seen being forked */
	uint64_t forked_at;
	struct mapping *mappings;
	size_t count, room;
};

struct ring {
	int fd;
	struct perf_event_mmap_page *page; /* NULL: none */
};

struct mappings {
	struct ring *rings;
	int ring_count;
	size_t ring_bytes;
	struct process slots[SLOTS]; /* by pid: a new process takes an old one's place */
	struct bsl_maps answer;
	struct bsl_maps *parents_own; /* read from /proc for the last answer */
	uint64_t record[65536 / 8];   /* the one being read */
};

/* ---- the rings ------------------------------------------------------------------------------ */

static int ring_open(struct mappings *mappings, struct ring *ring, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.mmap = 1,
		.mmap2 = 1,
		.task = 1,
		.watermark = 1,
	};
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	void *page;

	ring->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0)
		return -errno;
	page = mmap(NULL, page_size + mappings->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		    ring->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	ring->page = page;
	return 0;
}

static size_t ring_size(int cpus)
{
	size_t size = MAX_RING_BYTES;

	while (size > MIN_RING_BYTES && size * (size_t)cpus > TOTAL_BYTES)
		size /= 2;
	return size;
}

struct mappings *mappings_new(void)
{
	struct mappings *mappings = calloc(1, sizeof(*mappings));
	int cpus = (int)sysconf(_SC_NPROCESSORS_CONF), err = 0, open = 0;

	if (!mappings)
		return NULL;
	mappings->ring_bytes = ring_size(cpus);
	mappings->rings = calloc((size_t)cpus, sizeof(*mappings->rings));
	for (int cpu = 0; mappings->rings && cpu < cpus; cpu++) {
		mappings->ring_count++;
		err = ring_open(mappings, &mappings->rings[cpu], cpu);
		/* A CPU that is off has no events. */
		if (err && err != -ENODEV)
			break;
		open += !err;
	}
	if (open && (!err || err == -ENODEV))
		return mappings;
	mappings_free(mappings);
	errno = err ? -err : ENOMEM;
	return NULL;
}

static void process_clear(struct process *process)
{
	for (size_t i = 0; i < process->count; i++)
		free(process->mappings[i].path);
	free(process->mappings);
	*process = (struct process){};
}

void mappings_free(struct mappings *mappings)
{
	if (!mappings)
		return;
	for (int i = 0; i < mappings->ring_count; i++) {
		if (mappings->rings[i].page)
			munmap(mappings->rings[i].page,
			       (size_t)sysconf(_SC_PAGESIZE) + mappings->ring_bytes);
		if (mappings->rings[i].fd >= 0)
			close(mappings->rings[i].fd);
	}
	for (size_t i = 0; i < SLOTS; i++)
		process_clear(&mappings->slots[i]);
	bsl_maps_free(mappings->parents_own);
	free(mappings->answer.maps);
	free(mappings->rings);
	free(mappings);
}

/* ---- records -------------------------------------------------------------------------------- */

struct fork_record {
	struct perf_event_header header;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

struct mmap_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t maj, min;
	uint64_t ino, ino_generation;
	uint32_t prot, flags;
	char filename[]; /* NUL-terminated and padded; then the u64 time of sample_id_all */
};

static struct process *process_slot(struct mappings *mappings, pid_t pid, bool create)
{
	struct process *process = &mappings->slots[(uint32_t)pid % SLOTS];

	if (process->pid == pid)
		return process;
	if (!create)
		return NULL;
	process_clear(process);
	process->pid = pid;
	return process;
}

static void take_fork(struct mappings *mappings, const struct fork_record *record)
{
	struct process *process;

	if (record->pid == record->ppid)
		return; /* a thread */
	process = process_slot(mappings, (pid_t)record->pid, true);
	/*
	 * Its own mappings may have been read first, from another CPU's ring; older ones were
	 * another process's.
	 */
	if (process->count && process->mappings[0].time < record->time) {
		process_clear(process);
		process->pid = (pid_t)record->pid;
	}
	process->parent = (pid_t)record->ppid;
	process->forked_at = record->time;
}

static void take_mmap(struct mappings *mappings, const struct mmap_record *record)
{
	struct process *process = process_slot(mappings, (pid_t)record->pid, true);
	struct mapping *mapping, *grown;

	if (process->count == MAX_MAPPINGS)
		return;
	if (process->count == process->room) {
		size_t room = process->room ? 2 * process->room : 8;

		grown = realloc(process->mappings, room * sizeof(*grown));
		if (!grown)
			return;
		process->mappings = grown;
		process->room = room;
	}
	mapping = &process->mappings[process->count];
	*mapping = (struct mapping){
		.start = record->addr,
		.end = record->addr + record->len,
		.offset = record->pgoff,
		.ino = record->ino,
		.dev_major = record->maj,
		.dev_minor = record->min,
		.path = strdup(record->filename),
	};
	memcpy(&mapping->time, (const char *)record + record->header.size - 8, 8);
	if (mapping->path)
		process->count++;
}

static void take_record(struct mappings *mappings, const struct perf_event_header *header)
{
	const void *record = header;

	if (header->type == PERF_RECORD_FORK && header->size >= sizeof(struct fork_record))
		take_fork(mappings, record);
	else if (header->type == PERF_RECORD_MMAP2 && header->size > sizeof(struct mmap_record) + 8)
		take_mmap(mappings, record);
}

static void copy_out(const struct mappings *mappings, const char *data, uint64_t at, void *to,
		     size_t size)
{
	size_t offset = at & (mappings->ring_bytes - 1), first = mappings->ring_bytes - offset;

	if (first > size)
		first = size;
	memcpy(to, data + offset, first);
	memcpy((char *)to + first, data, size - first);
}

static void ring_drain(struct mappings *mappings, struct ring *ring)
{
	const char *data = (const char *)ring->page + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = ring->page->data_tail;
	struct perf_event_header header;

	while (head - at >= sizeof(header)) {
		copy_out(mappings, data, at, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - at)
			break;
		/* The last 8 bytes are the time, before it the file name ends in a NUL. */
		copy_out(mappings, data, at, mappings->record, header.size);
		take_record(mappings, (const struct perf_event_header *)mappings->record);
		at += header.size;
	}
	__atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
}

void mappings_drain(struct mappings *mappings)
{
	for (int i = 0; i < mappings->ring_count; i++)
		if (mappings->rings[i].page)
			ring_drain(mappings, &mappings->rings[i]);
}

/* ---- answers -------------------------------------------------------------------------------- */

static bool overlaps(const struct bsl_maps *maps, const struct mapping *mapping)
{
	for (size_t i = 0; i < maps->nr; i++)
		if (mapping->start < maps->maps[i].end && maps->maps[i].start < mapping->end)
			return true;
	return false;
}

static void answer_add(struct bsl_maps *answer, const struct mapping *mapping)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(mapping->path);
	struct bsl_map map = {
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
		.ino = mapping->ino,
		.dev_major = mapping->dev_major,
		.dev_minor = mapping->dev_minor,
		.perms = BSL_MAP_READ | BSL_MAP_EXEC,
		.path = mapping->path,
	};

	if (overlaps(answer, mapping))
		return;
	map.deleted = len > strlen(deleted) &&
		      !strcmp(mapping->path + len - strlen(deleted), deleted);
	map.kind = !strcmp(map.path, "[vdso]")	 ? BSL_MAP_VDSO
		   : map.path[0] == '['		 ? BSL_MAP_SPECIAL
		   : !strncmp(map.path, "//", 2) ? BSL_MAP_ANON
						 : BSL_MAP_FILE;
	answer->maps[answer->nr++] = map;
}

static int compare_maps(const void *left, const void *right)
{
	const struct bsl_map *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

const struct bsl_maps *mappings_of(struct mappings *mappings, pid_t pid)
{
	struct bsl_maps *answer = &mappings->answer;
	const struct process *process = process_slot(mappings, pid, false);
	uint64_t before = UINT64_MAX;

	free(answer->maps);
	*answer = (struct bsl_maps){ .pid = pid };
	answer->maps = calloc(MAX_ANCESTORS * MAX_MAPPINGS, sizeof(*answer->maps));
	for (int i = 0; i < MAX_ANCESTORS && process && answer->maps; i++) {
		/* The newest first: what is below them is gone. */
		for (size_t m = process->count; m; m--)
			if (process->mappings[m - 1].time < before)
				answer_add(answer, &process->mappings[m - 1]);
		before = process->forked_at;
		pid = process->parent;
		process = pid ? process_slot(mappings, pid, false) : NULL;
	}
	if (answer->maps && answer->nr) {
		qsort(answer->maps, answer->nr, sizeof(*answer->maps), compare_maps);
		return answer;
	}
	/* Forked by one that was there before us, and still is, perhaps. */
	bsl_maps_free(mappings->parents_own);
	mappings->parents_own = NULL;
	if (pid && pid != answer->pid)
		bsl_maps_read(pid, &mappings->parents_own);
	return mappings->parents_own;
}
