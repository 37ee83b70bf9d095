/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What a hit of a uprobe costs the program that it is in, measured on this machine. */
#ifndef RUNTIME_RUNTIME_COST_H
#define RUNTIME_RUNTIME_COST_H

#include <stdint.h>

#include "lib/attach.h"

/*
 * Nanoseconds a hit, by attaching a loaded program for a moment to a function of ours that is then called; some 5 ms.
 * 0: it can't be told.
 */
uint64_t runtime_measure_hit_ns(const struct attach_features *features, int prog_fd);

#endif /* RUNTIME_RUNTIME_COST_H */
