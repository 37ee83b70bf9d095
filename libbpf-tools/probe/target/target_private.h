/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What target's files share.
 */
#ifndef PROBE_TARGET_TARGET_PRIVATE_H
#define PROBE_TARGET_TARGET_PRIVATE_H

#include "probe/spec/suggest.h"
#include "probe/target/target.h"

/* Copies. 0 or -ENOMEM. */
int target_add_place(struct target *target, const struct target_place *place);
int target_add_context(struct target *target, const struct probe_context *context);

/* Take the symbols and the DWARF of a separate debug file, if there is one. */
void target_load_debug(const struct target_opts *opts, struct target *target);
/* The places of FILE:LINE. As target_resolve(). */
int target_resolve_line(const struct spec *spec, struct target *target, struct diag *diag);
/* The places at which a function that has no symbol was inlined, if there are any. As target_resolve(). */
int target_resolve_inlined(const struct spec *spec, unsigned int flags, struct target *target,
			   struct diag *diag);
/* What names mean at the places of a program: `plain`, and what its DWARF knows if it is needed. 0 or -ENOMEM. */
int target_add_contexts(const struct spec *spec, const struct target_opts *opts,
			struct target *target, const struct probe_context *plain);

/* A function of the kernel, or a system call by its tracepoint. As target_resolve(). */
int target_resolve_kernel(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag);

#endif /* TARGET_TARGET_PRIVATE_H */
