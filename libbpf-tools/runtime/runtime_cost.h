/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What a hit of a uprobe costs the program that it is in, measured on this machine. */
#ifndef RUNTIME_RUNTIME_COST_H
#define RUNTIME_RUNTIME_COST_H

#include <stdint.h>

#include "lib/attach.h"

/*
 * What a hit costs in nanoseconds, measured by probing a function of this program for a moment; takes some 5 ms.
 * 0: it is not known.
 */
uint64_t runtime_measure_hit_ns(const struct attach_features *features, int prog_fd);

#endif /* RUNTIME_RUNTIME_COST_H */
