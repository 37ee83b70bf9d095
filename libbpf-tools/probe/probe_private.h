/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What probe's files share.
 */
#ifndef PROBE_PROBE_PRIVATE_H
#define PROBE_PROBE_PRIVATE_H

#include <bpf/bpf.h>

#include "probe/probe.h"

/* How the programs of one context get to its places. */
struct attachment {
	struct probe *probe;
	const struct generate_opts *generate;
	const struct attach_features *features;
	struct ways *ways;
	pid_t pid;
	struct probe_links *links;
	struct diag *diag;
};

/* What kind of program the kernel is asked to load. */
struct probe_program {
	enum bpf_prog_type type;
	int attach_type; /* expected_attach_type */
	uint32_t btf_id; /* fentry, fexit: of the function */
	int btf_fd;	 /* of its module; 0: the kernel itself */
	bool is_trial;	 /* there is another way: a refusal is no news, its last line is enough */
};

/* Places that one program is for. */
struct probe_group {
	unsigned int context;
	bool is_entry;			   /* the program that keeps values for the returns */
	const struct target_place *places; /* of which it is for those with these indices */
	const size_t *indices;
	size_t count;
};

/* What differs from `common` in the program of a group. */
struct generate_opts probe_group_opts(const struct probe *probe, const struct generate_opts *common,
				      const struct attach_features *features,
				      const struct probe_group *group);
/* The indices of the places that have this context, and how many there are. */
size_t probe_group_find(const struct target_place *places, size_t place_count, unsigned int context,
			size_t *indices);

/* Generate and load a program, owned by the probe. Its descriptor, or negative errno with diag. */
int probe_load(struct probe *probe, const struct record *record,
	       const struct generate_opts *generate, const struct probe_program *kind,
	       struct diag *diag);

/* From now on calls are counted: what entered before may have found no return probe yet. */
void probe_start_calls(struct probe *probe, const struct generate_opts *generate);

/* The kernel functions' programs: by the way that suits, or by one of them. As probe_attach(). */
int probe_attach_kernel(struct attachment *at);
int probe_attach_kprobes(struct attachment *at);
/* fexit has the parameters; only the time must be kept at the entry. diag: why not. */
int probe_attach_tracing(struct attachment *at, struct diag *diag);

#endif /* PROBE_PROBE_PRIVATE_H */
