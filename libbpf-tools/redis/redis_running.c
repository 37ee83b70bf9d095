/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Frames of calls under way, copied while the kernel side goes on. */
#include "redis/redis_running.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#define TRIES 3 /* a server executes something else each time: no command of it takes long */

struct redis_running {
	struct redis_running_maps maps;
	struct redis_state before, after;
	char *frames; /* REDIS_DEPTH_MAX */
	size_t order[REDIS_DEPTH_MAX], count;
};

struct redis_running *redis_running_new(const struct redis_running_maps *maps)
{
	struct redis_running *running = calloc(1, sizeof(*running));

	if (!running)
		return NULL;
	running->maps = *maps;
	running->frames = calloc(REDIS_DEPTH_MAX, maps->frame_size);
	if (running->frames)
		return running;
	free(running);
	return NULL;
}

void redis_running_free(struct redis_running *running)
{
	if (!running)
		return;
	free(running->frames);
	free(running);
}

static struct redis_frame *frame_at(const struct redis_running *running, size_t depth)
{
	return (void *)(running->frames + depth * running->maps.frame_size);
}

/* Copy them all. False: it has gone on meanwhile. */
static bool copy_frames(struct redis_running *running, uint32_t slot)
{
	if (bpf_map_lookup_elem(running->maps.servers, &slot, &running->before))
		return false;
	for (uint32_t i = 0; i < running->before.depth && i < REDIS_DEPTH_MAX; i++) {
		uint32_t key = slot * REDIS_DEPTH_MAX + i;

		if (bpf_map_lookup_elem(running->maps.frames, &key, frame_at(running, i)))
			return false;
	}
	return !bpf_map_lookup_elem(running->maps.servers, &slot, &running->after) &&
	       running->after.depth == running->before.depth &&
	       running->after.sequence == running->before.sequence &&
	       running->after.pid == running->before.pid;
}

size_t redis_running_take(struct redis_running *running, uint32_t slot)
{
	bool is_whole = false;

	running->count = 0;
	for (int i = 0; i < TRIES && !is_whole; i++)
		is_whole = copy_frames(running, slot);
	for (uint32_t i = 0; is_whole && i < running->before.depth && i < REDIS_DEPTH_MAX; i++) {
		const struct redis_frame *frame = frame_at(running, i);

		if (!frame->is_unwanted && frame->event.start && frame->event.pid &&
		    frame->event.data_len <= running->maps.frame_size - sizeof(*frame))
			running->order[running->count++] = i;
	}
	return running->count;
}

struct redis_event *redis_running_event(struct redis_running *running, size_t i, uint64_t until,
					size_t *size)
{
	struct redis_event *event = &frame_at(running, running->order[i])->event;

	event->latency = until > event->start ? until - event->start : 0;
	*size = sizeof(*event) + event->data_len;
	return event;
}

bool redis_running_is_live(const struct redis_running *running, size_t i)
{
	const struct redis_frame *frame = frame_at(running, running->order[i]);
	unsigned long long sp = 0;
	char path[64], line[256] = "", *last;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", frame->event.pid,
		 frame->event.tid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	/* "running", or "NUMBER [6 arguments] SP PC". The stack grows down. */
	last = strrchr(line, ' ');
	if (!last || last == line)
		return true;
	*last = '\0';
	last = strrchr(line, ' ');
	return !last || sscanf(last, "%llx", &sp) != 1 || sp < frame->sp;
}
