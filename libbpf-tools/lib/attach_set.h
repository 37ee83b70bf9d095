/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The links of a run: what keeps programs attached.
 */
#ifndef LIB_ATTACH_SET_H
#define LIB_ATTACH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed it is empty. */
struct attach_set {
	int *fds;
	size_t count, size;
	struct attach_warm *warm; /* NULL: none */
};

/* Uprobes will come: let the kernel's wait for the first begin (lib/attach_warm.h). Called again it does nothing. */
void attach_set_warm(struct attach_set *set);

/* Takes the descriptor over, or closes it. 0 or -ENOMEM. */
int attach_set_add(struct attach_set *set, int fd);

/*
 * Takes a perf event over and joins it and a program, by a link where there is one (5.15), which carries the cookie. 0 or negative
 * errno.
 */
int attach_set_add_event(struct attach_set *set, int prog_fd, int event_fd, bool use_cookie,
			 uint64_t cookie);

/*
 * Hits that links [first, end) of the set have missed: more calls open at a time than a kprobe's return probes are kept for, or a
 * kprobe hit within another. Kernels count it from 6.7 on; 0 before.
 */
uint64_t attach_set_missed(const struct attach_set *set, size_t first, size_t end);

/* Detach everything. */
void attach_set_close(struct attach_set *set);

#endif /* LIB_ATTACH_SET_H */
