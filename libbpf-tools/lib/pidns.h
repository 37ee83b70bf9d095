/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The PID namespace that the tool runs in. BPF's helpers give the ids of the initial one, as the host sees them; in a
 * container all that is shown and asked for is to be by the container's own: see bpf/pidns.bpf.h.
 */
#ifndef LIB_PIDNS_H
#define LIB_PIDNS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/pidns_config.h"

/* Are the kernel's ids our own? */
bool pidns_is_initial(void);

/*
 * What programs need to know of our namespace, by asking the kernel through a program that looks at ourselves. In the initial
 * one nothing: *config is zeroed. 0, or negative errno after the cause has been reported: no kernel BTF, or /proc is that of another
 * namespace, so that its numbers aren't ours.
 */
int pidns_find(struct pidns_config *config);

/* The host's ids of tasks, as BPF's helpers give them, by our namespace's: for maps that have these as keys. */
struct pidns_ids;

/* Of all tasks that are there now. NULL and errno. */
struct pidns_ids *pidns_ids_new(void);
void pidns_ids_free(struct pidns_ids *ids);
/* 0: there is no such task. */
uint32_t pidns_ids_host(const struct pidns_ids *ids, pid_t tid);

#endif /* LIB_PIDNS_H */
