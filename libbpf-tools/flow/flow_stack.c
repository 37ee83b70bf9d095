/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The open frames of each thread. See flow_stack.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_stack.h"

struct flow_threads {
	struct flow_threads_opts opts;
	/* By rising tid. A process has few enough threads for moving them up and down. */
	struct flow_thread *threads;
	size_t count, size;
};

struct flow_threads *flow_threads_new(const struct flow_threads_opts *opts)
{
	struct flow_threads *threads = calloc(1, sizeof(*threads));

	if (threads)
		threads->opts = *opts;
	return threads;
}

void flow_threads_free(struct flow_threads *threads)
{
	if (!threads)
		return;
	for (size_t i = 0; i < threads->count; i++)
		free(threads->threads[i].frames);
	free(threads->threads);
	free(threads);
}

/* The index of the first thread with this number or a higher one. */
static size_t find_thread(const struct flow_threads *threads, pid_t tid)
{
	size_t low = 0, high = threads->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (threads->threads[middle].tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct flow_thread *flow_threads_get(struct flow_threads *threads, pid_t tid)
{
	size_t at = find_thread(threads, tid);
	struct flow_thread *thread;

	if (at < threads->count && threads->threads[at].tid == tid)
		return &threads->threads[at];
	if (threads->count == threads->size) {
		size_t size = threads->size ? threads->size * 2 : 16;

		thread = reallocarray(threads->threads, size, sizeof(*thread));
		if (!thread)
			return NULL;
		threads->threads = thread;
		threads->size = size;
	}
	thread = &threads->threads[at];
	memmove(thread + 1, thread, (threads->count - at) * sizeof(*thread));
	*thread = (struct flow_thread){ .tid = tid };
	threads->count++;
	return thread;
}

static void end_last(const struct flow_threads *threads, struct flow_thread *thread,
		     enum flow_end end, uint64_t time)
{
	struct flow_frame frame = thread->frames[--thread->count];

	if (end == FLOW_UNWOUND && frame.is_doubtful)
		end = FLOW_LOST;
	if (thread->count && end != FLOW_LOST)
		thread->frames[thread->count - 1].inner_ns += time - frame.entered;
	threads->opts.ended(threads->opts.ctx, thread, &frame, end, time);
}

/* End all frames deeper than depth. */
static void end_deeper(const struct flow_threads *threads, struct flow_thread *thread,
		       uint32_t depth, enum flow_end end, uint64_t time)
{
	while (thread->count && thread->frames[thread->count - 1].depth > depth)
		end_last(threads, thread, end, time);
}

void flow_threads_end(struct flow_threads *threads, pid_t tid, uint64_t time)
{
	size_t at = find_thread(threads, tid);
	struct flow_thread *thread;

	if (at == threads->count || threads->threads[at].tid != tid)
		return;
	thread = &threads->threads[at];
	end_deeper(threads, thread, 0, FLOW_OPEN, time);
	free(thread->frames);
	threads->count--;
	memmove(thread, thread + 1, (threads->count - at) * sizeof(*thread));
}

void flow_threads_end_all(struct flow_threads *threads, uint64_t time)
{
	while (threads->count)
		flow_threads_end(threads, threads->threads[threads->count - 1].tid, time);
}

uint64_t flow_thread_note(struct flow_thread *thread, uint64_t number)
{
	uint64_t lost;

	/* Perf buffers, one a processor, may give records of a thread that moved in a wrong order. */
	if (number < thread->next_number)
		return 0;
	lost = number - thread->next_number;
	thread->next_number = number + 1;
	for (uint32_t i = 0; lost && i < thread->count; i++)
		thread->frames[i].is_doubtful = true;
	return lost;
}

void flow_thread_call(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
		      uint64_t caller, uint64_t time)
{
	const struct flow_frame *last;

	end_deeper(threads, thread, depth ? depth - 1 : 0, FLOW_UNWOUND, time);
	last = thread->count ? &thread->frames[thread->count - 1] : NULL;
	if (last && caller && last->depth == depth - 1 && last->entered != caller)
		end_last(threads, thread, FLOW_LOST, time);
}

int flow_thread_enter(struct flow_thread *thread, uint32_t depth, uint64_t time, uint32_t node)
{
	if (thread->count == thread->size) {
		uint32_t size = thread->size ? thread->size * 2 : 32;
		struct flow_frame *frames = reallocarray(thread->frames, size, sizeof(*frames));

		if (!frames)
			return -ENOMEM;
		thread->frames = frames;
		thread->size = size;
	}
	thread->frames[thread->count++] =
		(struct flow_frame){ .depth = depth, .entered = time, .node = node };
	return 0;
}

bool flow_thread_leave(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
		       uint64_t entered, uint64_t time)
{
	const struct flow_frame *last;

	end_deeper(threads, thread, depth, FLOW_UNWOUND, time);
	last = thread->count ? &thread->frames[thread->count - 1] : NULL;
	if (!last || last->depth != depth)
		return false;
	if (entered && last->entered != entered) {
		end_last(threads, thread, FLOW_LOST, time);
		return false;
	}
	end_last(threads, thread, FLOW_RETURNED, time);
	return true;
}

void flow_thread_unwind(struct flow_threads *threads, struct flow_thread *thread, uint32_t depth,
			uint64_t time)
{
	end_deeper(threads, thread, depth, FLOW_UNWOUND, time);
}
