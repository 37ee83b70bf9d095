/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a spec would attach to, as text: trace -l.
 */
#ifndef PROBE_TARGET_LIST_H
#define PROBE_TARGET_LIST_H

#include <stdio.h>

#include "probe/target/target.h"

/*
 * Print the places of a spec (a target alone, without format or predicate), and with wants_types what is known of the values
 * there. 0 or negative errno with diag.
 */
int target_list(const char *text, const struct target_opts *opts, FILE *file, struct diag *diag);

#endif /* PROBE_TARGET_LIST_H */
