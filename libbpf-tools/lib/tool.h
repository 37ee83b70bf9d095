/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What tools have in common, from the command line to the exit status: a tool is a table of what only it
 * knows, and its main() is
 *
 *	struct env env = {};
 *
 *	return tool_main(&spec, &env.tool, &env, argc, argv);
 *
 * Steps, with the tool's part in [brackets]; without one, it has nothing to do there:
 *
 *	command line [options], what is chosen to be looked at
 *	[prepare]: what needs no kernel, and may be all that was asked for
 *	signals, output, a stopped child for -- COMMAND, filters
 *	[open]: the skeleton; its constants, what isn't loaded, sizes of maps
 *	filters and event buffer as the options say; load
 *	[attach], [header]: if there is none, that of the rows, unless they are a summary
 *	consume events [handle], every interval_ns [tick]
 *	[detach], consume the rest, [finish], report what was lost
 *	[close]: whatever happened before, also if [open] wasn't reached
 *
 * A tool without a skeleton (trace) makes maps and programs in [open] and [attach] by itself.
 */
#ifndef LIB_TOOL_H
#define LIB_TOOL_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attach.h"
#include "lib/choice.h"
#include "lib/events.h"
#include "lib/filter.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/permission.h"
#include "lib/run.h"
#include "lib/timestamp.h"

/* A run. Zeroed at first; the tool's functions read it, and write where it is said. */
struct tool {
	struct options options; /* from the command line on */
	struct choice choice;	/* the same; a tool's parser may add processes */
	struct filter filter;	/* from prepare() on; its maps from open() on */
	struct run *run;	/* from here on set in open() */
	struct output *output;
	struct row_printer rows;    /* of options.rows */
	struct attach_set attached; /* attach() adds to it */
	struct timestamp start;	    /* from header() on */

	/* For open() to set. */
	struct bpf_object *object;	      /* skel->obj */
	struct bpf_object_skeleton *skeleton; /* skel->skeleton */
	struct filter_config *filter_config;  /* &skel->rodata->filter_config */
	struct pidns_config *pidns_config;    /* &skel->rodata->pidns_config */
	bool *use_perf;		 /* with bpf/events.bpf.h: &skel->rodata->events_use_perf */
	struct events_ctl *ctl;	 /* and &skel->bss->events_ctl */
	uint32_t *scratch_slots; /* with EVENTS_SCRATCH_SIZE: &skel->rodata->events_scratch_slots */
	bool *has_registers; /* with bpf/returning.bpf.h: &skel->rodata->returning_has_registers */
	enum permission permission;	 /* what its programs need, if more than PERMISSION_BPF */
	const struct bpf_program *waker; /* one that sends nothing: skipping it does no harm */
	size_t buffer_bytes; /* of events, unless the user says; 0: EVENTS_DEFAULT_BYTES */
	struct events_maps
		maps; /* made for a skeleton with use_perf; else the tool's, to make and to close */

	/* For open() or attach() to set; 0: no ticks. */
	uint64_t interval_ns;

	/* Private. */
	const struct tool_spec *spec;
	void *env;
	struct events *events;
};

/* env: what tool_main() was given. Functions that return int: 0, or negative errno after they reported the cause. */
struct tool_spec {
	/* input is set by tool_main(): env. */
	struct options_spec options;
	struct choice_spec choice;
	/* The kernel's types that CO-RE relocations name (lib/core.h); none for a tool without any. */
	const char *const *types;
	size_t type_count;
	bool has_uprobes; /* attach() attaches some */

	/* TOOL_GO_ON, or the exit status of a run that is over. */
	int (*prepare)(void *env);
	/*
	 * Open the skeleton with these options, or report that it failed by returning tool_fail_open(). Set tool's
	 * fields; TOOL_OPENED() sets object and skeleton.
	 */
	int (*open)(void *env, const struct bpf_object_open_opts *opts);
	int (*attach)(void *env);
	void (*header)(void *env);
	/* As in struct events_opts and struct run_loop_opts. */
	int (*handle)(void *env, const void *data, size_t size);
	int (*tick)(void *env);
	int (*reload)(void *env);
	void (*detach)(void *env); /* what isn't in tool->attached */
	void (*finish)(void *env);
	const char *(*probe_name)(void *env, uint32_t probe);
	void (*close)(void *env);
};

#define TOOL_GO_ON (-1)

#define TOOL_OPENED(tool, skel)                      \
	do {                                         \
		(tool)->object = (skel)->obj;        \
		(tool)->skeleton = (skel)->skeleton; \
	} while (0)

/* With bpf/filter.bpf.h, which includes bpf/pidns.bpf.h. */
#define TOOL_USES_FILTER(tool, skel)                                    \
	do {                                                            \
		(tool)->filter_config = &(skel)->rodata->filter_config; \
		(tool)->pidns_config = &(skel)->rodata->pidns_config;   \
	} while (0)

/* With bpf/events.bpf.h. */
#define TOOL_USES_EVENTS(tool, skel)                                 \
	do {                                                         \
		(tool)->use_perf = &(skel)->rodata->events_use_perf; \
		(tool)->ctl = &(skel)->bss->events_ctl;              \
	} while (0)

/* Report that the skeleton could not be opened; returns -errno. */
int tool_fail_open(void);

/* Where a program goes. */
struct tool_tracepoint {
	const struct bpf_program *prog; /* skipped if it isn't loaded */
	const char *category; /* of a classic tracepoint; NULL: a raw one, which needs no tracefs */
	const char *name;
	bool is_optional; /* kernels without it are fine; -v says so */
};

/* In this order. Fails, too, if none is left. 0, or negative errno after the cause has been reported. */
int tool_attach_tracepoints(struct tool *tool, const struct tool_tracepoint *points, size_t count);

/* A system call's entry or return, and its two programs (bpf/syscalls.bpf.h), of which one is loaded. */
struct tool_call {
	const char *name;
	bool is_return;
	struct bpf_program *traced; /* on the tracepoint */
	struct bpf_program *
		probed; /* at the function: where the tracepoint's program could be preempted (lib/ways.h) */
};

/* For open(): which programs are to be loaded. */
void tool_choose_calls(const struct tool_call *calls, size_t count);
/* As tool_attach_tracepoints(); a kernel without some of the calls is fine. */
int tool_attach_calls(struct tool *tool, const struct tool_call *calls, size_t count);

/* The first step alone: the command line. As options_parse(), it may end the process. */
void tool_parse(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv);

/* Returns the exit status. */
int tool_main(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv);

#endif /* LIB_TOOL_H */
