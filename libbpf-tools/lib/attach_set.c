/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The links of a run, closed all at once.
 */
#include "lib/attach_set.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/attach_warm.h"

void attach_set_warm(struct attach_set *set)
{
	if (!set->warm)
		set->warm = attach_warm_new();
}

int attach_set_add(struct attach_set *set, int fd)
{
	if (set->count == set->size) {
		size_t size = set->size ? 2 * set->size : 8;
		int *grown = realloc(set->fds, size * sizeof(*grown));

		if (!grown) {
			close(fd);
			return -ENOMEM;
		}
		set->fds = grown;
		set->size = size;
	}
	set->fds[set->count++] = fd;
	return 0;
}

int attach_set_add_event(struct attach_set *set, int prog_fd, int event_fd, bool use_cookie,
			 uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = use_cookie ? cookie : 0);
	int err = attach_set_add(set, event_fd), link_fd;

	if (err)
		return err;
	link_fd = bpf_link_create(prog_fd, event_fd, BPF_PERF_EVENT, &opts);
	if (link_fd >= 0)
		err = attach_set_add(set, link_fd);
	else if (use_cookie)
		err = link_fd;
	else if (ioctl(event_fd, PERF_EVENT_IOC_SET_BPF, prog_fd))
		err = -errno;
	if (!err && ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0))
		err = -errno;
	return err;
}

/* Threads that close at the same time; each close waits for the kernel's readers (RCU), some 30 ms. */
#define CLOSERS_MAX 32

struct closers {
	struct attach_set *set;
	atomic_size_t left;
};

static void *close_some(void *ctx)
{
	struct closers *closers = ctx;
	size_t left = atomic_load(&closers->left);

	while (left) {
		if (atomic_compare_exchange_weak(&closers->left, &left, left - 1)) {
			close(closers->set->fds[left - 1]);
			left = atomic_load(&closers->left);
		}
	}
	return NULL;
}

void attach_set_close(struct attach_set *set)
{
	struct closers closers = { .set = set };
	pthread_t threads[CLOSERS_MAX];
	size_t count = 0;
	int warm_fd = attach_warm_end(set->warm);

	if (warm_fd >= 0)
		attach_set_add(set, warm_fd);
	atomic_init(&closers.left, set->count);
	/* Waiting together instead of in turn; without threads, in turn. */
	while (count + 1 < set->count && count < CLOSERS_MAX &&
	       !pthread_create(&threads[count], NULL, close_some, &closers))
		count++;
	close_some(&closers);
	while (count)
		pthread_join(threads[--count], NULL);
	free(set->fds);
	*set = (struct attach_set){};
}

/* What of struct bpf_link_info (include/uapi/linux/bpf.h) counts, whose headers may be older. */
struct link_info {
	uint32_t type, id, prog_id, pad;
	union {
		struct {
			uint64_t addrs;
			uint32_t count, flags;
			uint64_t missed;
		} kprobe_multi;
		struct {
			uint32_t type, pad;
			uint64_t func_name;
			uint32_t name_len, offset;
			uint64_t addr, missed;
		} perf_event;
		unsigned char room[64];
	};
};

#define LINK_TYPE_PERF_EVENT 7
#define LINK_TYPE_KPROBE_MULTI 8
#define PERF_EVENT_KPROBE 3
#define PERF_EVENT_KRETPROBE 4

static uint64_t link_missed(int fd)
{
	struct link_info info = {};
	uint32_t len = sizeof(info);

	/* Perf events are in the set, too, and have none. */
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	if (info.type == LINK_TYPE_KPROBE_MULTI)
		return info.kprobe_multi.missed;
	if (info.type == LINK_TYPE_PERF_EVENT && (info.perf_event.type == PERF_EVENT_KPROBE ||
						  info.perf_event.type == PERF_EVENT_KRETPROBE))
		return info.perf_event.missed;
	return 0;
}

uint64_t attach_set_missed(const struct attach_set *set, size_t first, size_t end)
{
	uint64_t missed = 0;

	for (size_t i = first; i < end && i < set->count; i++)
		missed += link_missed(set->fds[i]);
	return missed;
}
