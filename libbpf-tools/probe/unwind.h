/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The compiled walk of user stacks (unwind.bpf.c) for generated programs to call.
 */
#ifndef PROBE_UNWIND_H
#define PROBE_UNWIND_H

#include "probe/code/code.h"

struct probe_unwind;
struct unwind;
struct pidns_config;

/*
 * Loads its maps with the tables that are known, and takes its instructions. NULL and errno: the kernel doesn't take it. unwind is
 * borrowed, until _free().
 */
struct probe_unwind *probe_unwind_new(struct unwind *unwind, const struct pidns_config *pidns);
void probe_unwind_free(struct probe_unwind *linked);

const struct code_library *probe_unwind_library(const struct probe_unwind *linked);

#endif /* PROBE_UNWIND_H */
