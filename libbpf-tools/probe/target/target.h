/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a spec attaches, and what names mean there.
 *
 *	place    one point to attach to: an offset in a file, or a tracepoint
 *	context  what names mean (struct probe_context); places that agree on it share a program
 */
#ifndef PROBE_TARGET_TARGET_H
#define PROBE_TARGET_TARGET_H

#include <blazesym-lite.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/ways.h"
#include "probe/spec/context.h"
#include "probe/spec/diag.h"

struct target_place {
	const char *name; /* function, USDT probe or event, as its file has it */
	const char *
		title; /* for the FUNC column: the same without a compiler's mangling; NULL: the name */
	const char *provider; /* USDT provider, tracepoint category; else NULL */
	const char *module;   /* of a kernel function in a module; else NULL */
	uint64_t offset;      /* in the file; of a kernel function: from its start */
	unsigned int skip; /* bytes from there that are best left out, see bsl_elf_entry_skip() */
	unsigned int
		settled; /* bytes from the offset to where its parameters are settled; 0: they are at once */
	uint64_t addr;		 /* of a kernel function's start; 0: by its name */
	uint64_t ref_ctr_offset; /* file offset of a USDT semaphore, 0: none */
	uint32_t tracepoint_id;
	uint32_t entry_tracepoint_id; /* r: on a system call */
	unsigned int context;	      /* index in target.contexts */
	bool at_ret; /* r: on a return instruction, or the entry of a function with such; see struct probe_context */
	uint64_t entry; /* at_ret: the offset of the function's entry */
	uint32_t row; /* the place that hits are shown as: of a function's return instructions the first */
	const struct target_copy *copy; /* an inlined copy of the function; NULL: it is no such */
};

/* What a spec's name was found as. */
struct target_tally {
	unsigned int functions, clones, copies;
	unsigned int unseen; /* copies whose calls don't come through any place */
	const char *why;     /* of the first of these */
	bool is_searched;    /* copies were looked for */
	bool is_large;	     /* they weren't: that would take too long */
};

enum target_how {
	TARGET_FILE,	   /* uprobes */
	TARGET_TRACEPOINT, /* tracepoints, among them those of system calls */
	TARGET_KERNEL,	   /* kernel functions: fentry, fexit or kprobes */
};

/* A kernel function as fentry and fexit see it. */
struct target_tracing {
	bool is_possible;
	struct probe_context context;
	uint32_t btf_id;
	char module[64]; /* whose BTF the id is of, "" for the kernel */
};

struct target_opts {
	pid_t pid;		 /* the process whose view of files counts, 0: ours */
	uint32_t string_size;	 /* goes into the contexts */
	struct btf_types *types; /* the kernel's; borrowed, must outlive the target */
	bool wants_types;	 /* functions' parameters, even if the spec doesn't use them */
	bool force_address;	 /* addresses are taken to be those of instructions */
	bool no_inline;		 /* inlined copies of functions are left out */
	struct ways *ways; /* asked if a spec is about the kernel; borrowed; NULL: no way to ask */
};

struct target {
	enum target_how how;
	struct target_tracing tracing; /* TARGET_KERNEL */
	struct bsl_file file;	       /* p, r, u */
	struct bsl_elf *elf; /* file.elf: the places' strings and USDT operands live in it */
	struct debuginfo_types
		*dwarf; /* NULL: there is none, or nobody asked; the contexts' types live in it */
	struct target_place *places;
	size_t place_count, place_size;
	size_t left_out;	/* places at which a probe would do harm */
	char left_out_why[400]; /* of the first: its name and the reason */
	struct probe_context *contexts;
	unsigned int context_count;
	struct target_tally tally;
	struct target_place *entries; /* of the functions whose places are at_ret */
	size_t entry_count, entry_size;
};

/*
 * Find the places of a spec. Strings and types come from the spec's arena, from target->elf, target->dwarf
 * or opts->types.
 * 0 or negative errno, with diag->text saying what was looked for and what is near.
 */
int target_resolve(struct spec *spec, const struct target_opts *opts, struct target *target,
		   struct diag *diag);
void target_close(struct target *target);

/* Says what a name was found as, if that is more than one function, and of what the calls are not seen. */
void target_report_places(const struct spec *spec, const struct target *target);
/*
 * Warns of calls that were compiled into their callers where the spec can't be probed there, as it names registers: who counts calls has
 * to know that. Takes a while, so not before the probes are armed.
 */
void target_report_inlined(const struct spec *spec, const struct target_opts *opts,
			   struct target *target);

/* One place as a spec: "p:/usr/bin/x:main", "u:/usr/bin/python3.11:python:line", "t:sched:sched_switch". */
void target_print_place(const struct spec *spec, const struct target *target,
			const struct target_place *place, FILE *file);

#endif /* PROBE_TARGET_TARGET_H */
