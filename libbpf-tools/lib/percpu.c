/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Counters that each CPU keeps its own of.
 */
#include "lib/percpu.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

int percpu_sum(int map_fd, uint32_t key, uint64_t *sum)
{
	int cpus = libbpf_num_possible_cpus(), err;
	uint64_t *values;

	*sum = 0;
	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	err = bpf_map_lookup_elem(map_fd, &key, values);
	for (int cpu = 0; !err && cpu < cpus; cpu++)
		*sum += values[cpu];
	free(values);
	return err;
}
