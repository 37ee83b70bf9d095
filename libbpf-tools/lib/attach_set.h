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
	bool is_warm; /* attach_warm_up() was called */
};

/* Takes the descriptor over, or closes it. 0 or -ENOMEM. */
int attach_set_add(struct attach_set *set, int fd);

/*
 * Hits that links [first, end) of the set have missed: more calls open at a time than a kprobe's return probes are kept for, or a
 * kprobe hit within another. Kernels tell it from 6.7 on; 0 before.
 */
uint64_t attach_set_missed(const struct attach_set *set, size_t first, size_t end);

/* Detach everything. */
void attach_set_close(struct attach_set *set);

#endif /* LIB_ATTACH_SET_H */
