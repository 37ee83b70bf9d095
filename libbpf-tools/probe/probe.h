/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One spec from its text to its running programs: the compiler's stages in their order.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdio.h>

#include "lib/attach.h"
#include "probe/generate/generate.h"
#include "probe/spec/parse.h"
#include "probe/record/record.h"
#include "probe/target/target.h"

struct probe {
	struct arena *arena;
	struct spec *spec;
	struct target target;
	struct checked **checked; /* one per context */
	struct record *records;	  /* one per context */
	/* A kernel function as fentry and fexit see it; NULL if they can't be used. The layouts are the same. */
	struct checked *tracing_checked;
	struct record tracing_record;
	uint32_t first_place; /* places are numbered through all probes of a run */
	int *prog_fds;	      /* loaded programs */
	size_t prog_count;
	size_t attached;	     /* places attached to */
	size_t first_link, end_link; /* its own among the links of all probes */
	uint64_t links_missed;	     /* see probe_note_missed() */
	bool is_traced;		     /* a kernel function, by fentry or fexit */
	bool counts_calls; /* entries and returns, where the kernel doesn't report what it missed */
	uint64_t entered, returned; /* see probe_note_missed() */
};

struct probe_opts {
	pid_t pid; /* whose files; 0: ours */
	struct record_opts record;
	bool force_address; /* see struct target_opts */
	bool no_inline;	    /* the same */
	bool binary;	    /* literals of STRCMP are arrays of bytes (-B) */
	bool adds_up;	    /* equal records are counted, not printed each (-A) */
	enum aggregate aggregate;
	const char *measure;	  /* an expression: what to sum up or sort by powers of two */
	struct btf_types *types;  /* the kernel's; borrowed, must outlive the probe */
	struct ways *ways;	  /* as in struct target_opts */
	struct attach_set *links; /* where uprobes will go: see attach_set_warm(). NULL: nowhere */
};

/* Read, resolve, check, lay out: everything that needs no privileges. 0 or negative errno with diag. */
int probe_compile(const char *text, const struct probe_opts *opts, struct probe *probe,
		  struct diag *diag);
/* Programs stay attached through their links. Fine on a zeroed one. */
void probe_close(struct probe *probe);

/* The links of the programs. Return probes are closed before entry probes: they read what these stored. */
struct probe_links {
	struct attach_set probes, entries;
};

/* Detach everything, returns before entries. */
void probe_links_close(struct probe_links *links);

/*
 * Generate, load and attach the programs. generate: maps and filters; what concerns the single
 * program (place, cookie, entry) is filled in here. ways: asked if needed. Links are added to `links`. 0 or negative errno with diag; a
 * probe that could be attached to some of its places only is one that worked: compare `attached`
 * with target.place_count.
 */
int probe_attach(struct probe *probe, const struct generate_opts *generate,
		 const struct attach_features *features, struct ways *ways, pid_t attach_pid,
		 struct probe_links *links, struct diag *diag);

/*
 * Could programs of these probes run within each other, as some are attached by fentry or fexit? See is_guarded in struct
 * generate_opts.
 */
bool probe_may_nest(const struct probe *probes, size_t count, struct ways *ways);

/*
 * Ask the links what they missed, before they are closed: hits for which the kernel had no return probe left, as too many calls
 * were open, or that were within another kprobe's. With counts_calls instead how many calls were entered, and returned.
 */
void probe_note_missed(struct probe *probe, const struct generate_opts *generate,
		       const struct probe_links *links);

/*
 * Hits that the kernel left out since a BPF program was running on that CPU already (counted from Linux 5.12 on,
 * 9ed9e9ba2337; kprobes from 6.7 on); 0 where nobody counts.
 */
uint64_t probe_missed(const struct probe *probe);

/* A module with functions that were probed and that has been unloaded since, by which its probes are gone; NULL: none. */
const char *probe_gone_module(const struct probe *probe);

/* How many values a return probe has kept at the entry; 0: none. */
unsigned int probe_entry_count(const struct probe *probe);

/* Size of the keys of an aggregate. */
uint32_t probe_key_size(const struct probe *probe);

/* The largest scratch value that a record of this probe needs; 0: none. */
uint32_t probe_scratch_size(const struct probe *probe, bool use_perf);

/* The typed expressions and the commented instructions, without loading anything. 0 or negative errno with diag. */
int probe_dump(const struct probe *probe, const struct generate_opts *generate, FILE *file,
	       struct diag *diag);

#endif /* PROBE_PROBE_H */
