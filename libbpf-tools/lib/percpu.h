/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Counters that each CPU keeps its own of.
 */
#ifndef LIB_PERCPU_H
#define LIB_PERCPU_H

#include <stdint.h>

/* Add up one 64-bit counter of a BPF_MAP_TYPE_PERCPU_ARRAY over all CPUs. 0 or negative errno, with *sum 0 then. */
int percpu_sum(int map_fd, uint32_t key, uint64_t *sum);

#endif /* LIB_PERCPU_H */
