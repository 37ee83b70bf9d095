/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a spec attaches, and what names mean there.
 *
 *	place    one point to attach to: an offset in a file, or a tracepoint
 *	context  what names mean (struct probe_context); places that agree on it share a program
 */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include <blazesym-lite.h>
#include <stdbool.h>
#include <stdio.h>

#include "probe/check.h"

struct target_place {
	const char *name;	/* for the FUNC column: function, USDT probe or event */
	const char *provider;	/* USDT provider, tracepoint category; else NULL */
	uint64_t offset;	/* in the file */
	uint64_t ref_ctr_offset;	/* file offset of a USDT semaphore, 0: none */
	uint32_t tracepoint_id;
	unsigned int context;	/* index in target.contexts */
};

struct target {
	struct bsl_file file;	/* p, r, u */
	struct bsl_elf *elf;	/* the places' strings and USDT operands live in it */
	struct target_place *places;
	size_t place_count, place_size;
	struct probe_context *contexts;
	unsigned int context_count;
	bool ret_sites;		/* r: on a Go function: the places are its RET instructions, to be probed like entries */
};

/*
 * Find the places of a spec. pid: the process whose view of files counts, 0: ours. string_size goes
 * into the contexts. Strings and types come from the spec's arena or from target->elf.
 * 0 or negative errno, with diag->text saying what was looked for and what is near.
 */
int target_resolve(const struct spec *spec, pid_t pid, uint32_t string_size, struct target *target,
		   struct diag *diag);
void target_close(struct target *target);

/* One place as a spec: "p:/usr/bin/x:main", "u:/usr/bin/python3.11:python:line", "t:sched:sched_switch". */
void target_print_place(const struct spec *spec, const struct target *target,
			const struct target_place *place, FILE *file);

#endif /* PROBE_TARGET_H */
