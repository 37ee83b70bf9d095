/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What target's files share. Functions that resolve a spec return what target_resolve() does.
 */
#ifndef PROBE_TARGET_TARGET_PRIVATE_H
#define PROBE_TARGET_TARGET_PRIVATE_H

#include "probe/spec/suggest.h"
#include "probe/target/target.h"
#include "types/debuginfo_scope.h"

/* ---- target_places.c ---- */

/* Copies to the places, to the entries that belong to returns by RET instructions, and to the contexts. 0 or -ENOMEM. */
int target_places_add(struct target *target, const struct target_place *place);
int target_places_add_entry(struct target *target, const struct target_place *place);
int target_places_add_context(struct target *target, const struct probe_context *context);
/*
 * Adds a place that a file's own tables name (a USDT note, a line, an inlined function), if a probe does no harm there; else
 * counts it as left out. 0 or negative errno.
 */
int target_places_add_noted(struct target *target, const struct target_place *place, uint64_t addr);
/* Counts a place that is left out, as a probe there would do harm: for why. */
void target_places_leave_out(struct target *target, const char *name, const char *why);
/* An error if all places were left out; else a warning that says how many of them, if any. */
int target_places_settle(const struct spec *spec, struct target *target, struct diag *diag);
/* Keeps one of several names of an address, of places and of entries; sorts them by offset. */
void target_places_drop_aliases(struct target *target);
/* The entry of the function whose return instruction a place is on; NULL: not known. After the aliases are dropped. */
struct target_place *target_places_find_entry(struct target *target,
					      const struct target_place *place);
/* Says which places are shown as one. Contexts are known. 0 or -ENOMEM. */
int target_places_number_rows(struct target *target);
/* Whether a name is what a spec asks for: by a glob pattern, or any where it is left out (NULL, ""). */
bool target_places_match(const char *pattern, const char *name);

/* ---- target_symbol.c ---- */

/* What could be a pattern, a signature or a predicate is the name of a function, if there is one that is called so. */
void target_symbol_choose_name(struct spec *spec, const struct target *target);
/* Functions and lines of target->elf, with their contexts. */
int target_symbol_resolve(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag);

/* ---- target_usdt.c ---- */

/* The USDT probes of target->elf. */
int target_usdt_resolve(const struct spec *spec, const struct target_opts *opts,
			struct target *target, struct diag *diag);
/*
 * `u::probe` of a process: in its program, else in any library, be it one that was made at run time and
 * deleted as soon as it was loaded, as libstapsdt does. Fills in target->file; 0 and no path: in none of them.
 */
int target_usdt_find_owner(const struct spec *spec, pid_t pid, struct target *target,
			   struct diag *diag);

/* ---- target_tracepoint.c ---- */

/* CATEGORY:EVENT of the kernel, either of them a pattern. */
int target_tracepoint_resolve(const struct spec *spec, const struct target_opts *opts,
			      struct target *target, struct diag *diag);

/* ---- target_kernel.c ---- */

/* A function of the kernel, or a system call. */
int target_kernel_resolve(const struct spec *spec, const struct target_opts *opts,
			  struct target *target, struct diag *diag);

/* ---- target_syscall.c ---- */

/* 0: found; -ENOENT: no such call, or its tracepoint can't be had; -ENOMEM. */
int target_syscall_resolve(const struct spec *spec, const struct target_opts *opts,
			   struct target *target);

/* ---- target_function.c ---- */

/* What is the same at all of the kernel's functions. */
struct probe_context target_function_context(const struct spec *spec,
					     const struct target_opts *opts);
/* The functions of the kernel that a spec names, without their contexts. */
int target_function_find(const struct spec *spec, struct target *target, struct diag *diag);
/* The one that begins at spec->addr: which of several of a name is meant. */
int target_function_at(const struct spec *spec, struct target *target, struct diag *diag);

/* ---- target_scope.c ---- */

/* Take the symbols and the DWARF of a separate debug file, if there is one. */
void target_scope_load_debug(const struct target_opts *opts, struct target *target);
/* The places of FILE:LINE. */
int target_scope_resolve_line(const struct spec *spec, struct target *target, struct diag *diag);
/* Does the spec use what DWARF knows, names or types? */
bool target_scope_is_wanted(const struct spec *spec, const struct target_opts *opts);
/* Does the spec ask for arguments in registers? They are there at the entry only, and not as in the source in clones. */
bool target_scope_is_bound_to_entry(const struct spec *spec);
/* What names mean at the places of a program: `plain`, and what its DWARF knows if it is needed. 0 or -ENOMEM. */
int target_scope_add_contexts(const struct spec *spec, const struct target_opts *opts,
			      struct target *target, const struct probe_context *plain);

/* ---- target_inlined.c ---- */

/* An inlined copy as DWARF has it: libdw's entries. */
struct target_copy {
	Dwarf_Die die, frame; /* itself, and the function whose code it is in */
	bool has_die;	      /* else it may be one of several */
};

/*
 * Adds the places at which a function was inlined, for r: only counts them. Those at which not each call is proved to be seen
 * once are left out and counted. has_symbol: it was found as a function, too. Else how many copies there are, -ENODATA, or another
 * negative errno.
 */
int target_inlined_add(const struct spec *spec, const struct target_opts *opts, unsigned int flags,
		       bool has_symbol, struct target *target);

#endif /* PROBE_TARGET_TARGET_PRIVATE_H */
