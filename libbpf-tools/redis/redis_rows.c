/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Holding back records until their row is known. A nested record waits for the outermost
 * command's, a blocked one for its client's going on. Both are bounded: what waits beyond that is
 * let go early rather than lost.
 */
#include "redis/redis_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NESTED_BYTES_MAX (8u << 20)
#define BLOCKED_MAX 4096
/* How long an unblocked command's second run may take to come: it follows at once. */
#define RESUME_NS 100000000ull

struct copy {
	struct redis_event *event;
	size_t size;
};

/* The nested records of the call under way in a thread. */
struct nest {
	uint32_t pid, tid;
	uint64_t root;
	struct copy *copies;
	size_t count, allocated, bytes;
};

struct blocked {
	struct copy copy, error;
	uint64_t run_ns, resumed_at; /* 0: still waiting */
	bool reexecutes;
	enum redis_end end; /* what is known of it */
};

struct redis_rows {
	redis_row_fn fn;
	void *ctx;
	struct nest *nests;
	size_t nest_count;
	struct blocked *blocked;
	size_t blocked_count;
};

struct redis_rows *redis_rows_new(redis_row_fn fn, void *ctx)
{
	struct redis_rows *rows = calloc(1, sizeof(*rows));

	if (rows) {
		rows->fn = fn;
		rows->ctx = ctx;
	}
	return rows;
}

static void nest_clear(struct nest *nest)
{
	for (size_t i = 0; i < nest->count; i++)
		free(nest->copies[i].event);
	nest->count = nest->bytes = 0;
}

void redis_rows_free(struct redis_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->nest_count; i++) {
		nest_clear(&rows->nests[i]);
		free(rows->nests[i].copies);
	}
	for (size_t i = 0; i < rows->blocked_count; i++) {
		free(rows->blocked[i].copy.event);
		free(rows->blocked[i].error.event);
	}
	free(rows->nests);
	free(rows->blocked);
	free(rows);
}

static int copy_make(struct copy *copy, const struct redis_event *event, size_t size)
{
	copy->event = malloc(size);
	if (!copy->event)
		return -ENOMEM;
	memcpy(copy->event, event, size);
	copy->size = size;
	return 0;
}

/* Of one that isn't blocked. */
static enum redis_end end_of(const struct redis_event *event)
{
	if (event->flags & REDIS_FLAG_SERVER_ENDED)
		return REDIS_END_SERVER;
	return event->flags & REDIS_FLAG_RUN_ENDED ? REDIS_END_RUN : REDIS_END_RETURNED;
}

static int emit(struct redis_rows *rows, const struct redis_event *event, size_t size)
{
	const struct redis_row row = {
		.event = event, .size = size, .run_ns = event->latency, .end = end_of(event)
	};

	return rows->fn(rows->ctx, &row);
}

/* ---- nested --------------------------------------------------------------------------------- */

static int by_sequence(const void *a, const void *b)
{
	const struct copy *left = a, *right = b;

	return left->event->sequence < right->event->sequence ? -1 : 1;
}

static int nest_flush(struct redis_rows *rows, struct nest *nest)
{
	int err = 0;

	if (nest->count > 1)
		qsort(nest->copies, nest->count, sizeof(*nest->copies), by_sequence);
	for (size_t i = 0; i < nest->count && !err; i++)
		err = emit(rows, nest->copies[i].event, nest->copies[i].size);
	nest_clear(nest);
	return err;
}

static struct nest *nest_of(struct redis_rows *rows, uint32_t pid, uint32_t tid, bool create)
{
	struct nest *grown;

	for (size_t i = 0; i < rows->nest_count; i++) {
		if (rows->nests[i].tid == tid && rows->nests[i].pid == pid)
			return &rows->nests[i];
	}
	grown = create ? realloc(rows->nests, (rows->nest_count + 1) * sizeof(*grown)) : NULL;
	if (!grown)
		return NULL;
	rows->nests = grown;
	grown += rows->nest_count++;
	*grown = (struct nest){ .pid = pid, .tid = tid };
	return grown;
}

static int nest_add(struct redis_rows *rows, const struct redis_event *event, size_t size)
{
	struct nest *nest = nest_of(rows, event->pid, event->tid, true);
	int err = 0;

	if (!nest)
		return -ENOMEM;
	if (nest->root != event->root || nest->bytes > NESTED_BYTES_MAX)
		err = nest_flush(rows, nest);
	nest->root = event->root;
	if (!err && nest->count == nest->allocated) {
		size_t more = nest->allocated ? 2 * nest->allocated : 16;
		void *grown = realloc(nest->copies, more * sizeof(*nest->copies));

		if (!grown)
			return -ENOMEM;
		nest->copies = grown;
		nest->allocated = more;
	}
	err = err ?: copy_make(&nest->copies[nest->count], event, size);
	if (err)
		return err;
	nest->count++;
	nest->bytes += size;
	return 0;
}

/* The outermost call has returned; it may be no row itself. */
static int nest_end(struct redis_rows *rows, const struct redis_event *event, size_t size)
{
	struct nest *nest = nest_of(rows, event->pid, event->tid, false);
	int err = 0;

	/* Those of an earlier call, whose end was lost. */
	if (nest && nest->count && nest->root != event->root)
		err = nest_flush(rows, nest);
	if (!err && event->kind != REDIS_PARENT_END)
		err = emit(rows, event, size);
	return err ?: nest && nest->count ? nest_flush(rows, nest) : 0;
}

/* ---- blocked -------------------------------------------------------------------------------- */

static struct blocked *blocked_find(struct redis_rows *rows, const struct redis_event *event)
{
	for (size_t i = 0; i < rows->blocked_count; i++) {
		const struct redis_event *other = rows->blocked[i].copy.event;

		if (other->client == event->client && other->pid == event->pid)
			return &rows->blocked[i];
	}
	return NULL;
}

/* A row of what is, or was, blocked. end: why, where that isn't known of itself. */
static int blocked_emit(struct redis_rows *rows, const struct blocked *blocked, uint64_t now,
			enum redis_end end)
{
	const struct redis_event *event = blocked->copy.event;
	uint64_t waited_from = event->start + event->latency;
	uint64_t until = blocked->resumed_at ? blocked->resumed_at : now;
	const struct redis_row row = {
		.event = event,
		.size = blocked->copy.size,
		.run_ns = blocked->run_ns,
		.wait_ns = until > waited_from ? until - waited_from : 0,
		.has_blocked = true,
		.is_blocked = !blocked->resumed_at,
		.end = end,
		.error_event = blocked->error.event,
		.error_size = blocked->error.size,
	};

	return rows->fn(rows->ctx, &row);
}

/* Its row, at last. */
static int blocked_end(struct redis_rows *rows, struct blocked *blocked, uint64_t now,
		       enum redis_end end)
{
	struct blocked done = *blocked;
	int err;

	*blocked = rows->blocked[--rows->blocked_count];
	err = blocked_emit(rows, &done, now, end);
	free(done.copy.event);
	free(done.error.event);
	return err;
}

/* The same after its second run, by whose record it ends. */
static int blocked_end_again(struct redis_rows *rows, struct blocked *blocked,
			     const struct redis_event *again, size_t size)
{
	enum redis_end end = end_of(again);
	int err = 0;

	if (again->flags & REDIS_FLAG_ERROR && !blocked->error.event)
		err = copy_make(&blocked->error, again, size);
	if (end == REDIS_END_RETURNED)
		end = blocked->error.event ? REDIS_END_FAILED : REDIS_END_SERVED;
	return err ?: blocked_end(rows, blocked, again->start, end);
}

static int blocked_begin(struct redis_rows *rows, const struct redis_event *event, size_t size,
			 bool reexecutes)
{
	struct blocked *grown;
	int err = 0;

	if (rows->blocked_count == BLOCKED_MAX)
		err = blocked_end(rows, &rows->blocked[0], event->start, REDIS_END_RUN);
	grown = realloc(rows->blocked, (rows->blocked_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rows->blocked = grown;
	grown += rows->blocked_count;
	*grown = (struct blocked){ .run_ns = event->latency,
				   .reexecutes = reexecutes,
				   .end = reexecutes ? REDIS_END_UNKNOWN : REDIS_END_SERVED };
	err = err ?: copy_make(&grown->copy, event, size);
	if (!err)
		rows->blocked_count++;
	return err;
}

/* The same command run again: the arguments haven't moved and haven't changed. */
static bool is_second_run(const struct blocked *blocked, const struct redis_event *event)
{
	const struct redis_event *first = blocked->copy.event;

	return blocked->reexecutes && blocked->resumed_at && first->argv == event->argv &&
	       first->argc == event->argc && event->start >= blocked->resumed_at &&
	       event->start - blocked->resumed_at < RESUME_NS;
}

static int blocked_resume(struct redis_rows *rows, const struct redis_event *event)
{
	struct blocked *blocked = blocked_find(rows, event);

	if (!blocked)
		return 0;
	blocked->resumed_at = event->start;
	if (event->flags & REDIS_FLAG_GONE)
		blocked->end = REDIS_END_CLIENT_LEFT;
	else if (blocked->reexecutes)
		return 0;
	return blocked_end(rows, blocked, event->start, blocked->end);
}

/* A reply has been sent already: no second run. */
static void blocked_is_over(struct redis_rows *rows, const struct redis_event *event)
{
	struct blocked *blocked = blocked_find(rows, event);

	if (!blocked)
		return;
	blocked->reexecutes = false;
	blocked->end = REDIS_END_TIMED_OUT;
}

/* 1: the record has been taken care of. */
static int blocked_add(struct redis_rows *rows, const struct redis_event *event, size_t size,
		       int *err)
{
	struct blocked *blocked = rows->blocked_count ? blocked_find(rows, event) : NULL;

	if (!blocked)
		return 0;
	if (event->kind == REDIS_REJECTED) {
		blocked->reexecutes = false;
		blocked->end = REDIS_END_FAILED;
		if (!blocked->error.event)
			*err = copy_make(&blocked->error, event, size);
		return 1;
	}
	if (!is_second_run(blocked, event)) {
		*err = blocked_end(rows, blocked, event->start, blocked->end);
		return 0;
	}
	blocked->run_ns += event->latency;
	if (event->flags & REDIS_FLAG_BLOCKED)
		blocked->resumed_at = 0;
	else
		*err = blocked_end_again(rows, blocked, event, size);
	return 1;
}

/* ---- records -------------------------------------------------------------------------------- */

int redis_rows_add(struct redis_rows *rows, const struct redis_event *event, size_t size,
		   bool reexecutes)
{
	int err = 0;

	if (event->kind == REDIS_UNBLOCKED)
		return blocked_resume(rows, event);
	if (event->kind == REDIS_TIMED_OUT) {
		blocked_is_over(rows, event);
		return 0;
	}
	if (event->kind == REDIS_PARENT_END)
		return nest_end(rows, event, size);
	if (blocked_add(rows, event, size, &err) || err)
		return err;
	if (event->flags & REDIS_FLAG_BLOCKED)
		return blocked_begin(rows, event, size, reexecutes);
	if (event->depth)
		return nest_add(rows, event, size);
	if (event->kind == REDIS_REJECTED || event->flags & REDIS_FLAG_APART)
		return emit(rows, event, size);
	return nest_end(rows, event, size);
}

int redis_rows_tick(struct redis_rows *rows, uint64_t now)
{
	int err = 0;

	for (size_t i = rows->blocked_count; i-- && !err;) {
		struct blocked *blocked = &rows->blocked[i];

		if (blocked->resumed_at && now > blocked->resumed_at + RESUME_NS)
			err = blocked_end(rows, blocked, now, blocked->end);
	}
	return err;
}

static bool is_of(uint32_t pid, uint32_t wanted)
{
	return !wanted || pid == wanted;
}

int redis_rows_flush(struct redis_rows *rows, uint64_t now, uint32_t pid, enum redis_end end)
{
	int err = 0;

	for (size_t i = 0; i < rows->nest_count && !err; i++) {
		if (is_of(rows->nests[i].pid, pid))
			err = nest_flush(rows, &rows->nests[i]);
	}
	for (size_t i = rows->blocked_count; i-- && !err;) {
		struct blocked *blocked = &rows->blocked[i];

		if (is_of(blocked->copy.event->pid, pid))
			err = blocked_end(rows, blocked, now,
					  blocked->resumed_at ? blocked->end : end);
	}
	return err;
}

int redis_rows_show_blocked(struct redis_rows *rows, uint64_t now)
{
	int err = 0;

	for (size_t i = 0; i < rows->blocked_count && !err; i++) {
		if (!rows->blocked[i].resumed_at)
			err = blocked_emit(rows, &rows->blocked[i], now, REDIS_END_RUN);
	}
	return err;
}
