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
 *	what the kernel half includes of bpf/ is found by name: filters and event buffer as the options say; load
 *	[calls], [points], [attach], [header]: if there is none, that of the rows, unless they are a summary
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
#include "lib/blind.h"
#include "lib/choice.h"
#include "lib/events.h"
#include "lib/filter.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/permission.h"
#include "lib/run.h"
#include "lib/timestamp.h"
#include "lib/ways.h"

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

	/* For open() to set; with TOOL_OPEN() there is an object. */
	struct bpf_object *object;	 /* skel->obj */
	enum permission permission;	 /* what its programs need, if more than PERMISSION_BPF */
	const struct bpf_program *waker; /* one that sends nothing: skipping it does no harm */
	size_t buffer_bytes; /* of events, unless the user says; 0: EVENTS_DEFAULT_BYTES */
	struct events_maps
		maps; /* of a skeleton with bpf/events.bpf.h; else the tool's, to make and to close */

	bool skips_calls; /* spec->calls aren't needed */

	/* For open() or attach() to set; 0: no ticks. */
	uint64_t interval_ns;

	/* Private. */
	const struct tool_spec *spec;
	void *env;
	struct tool_skeleton *skeleton;
	struct events *events;
	struct blind blind;
	struct ways ways; /* asked if the kernel preempts itself */
};

/* What the kernel half has for a tracepoint. */
struct tool_point {
	const char *program; /* by its type directly at the raw tracepoint, or by a perf event */
	const char *category, *event;
	/*
	 * Where a raw tracepoint's program could be preempted (lib/ways.h): another program, at these functions of the kernel. If
	 * there is none, the first becomes one for a perf event, and a constant points_by_event true.
	 */
	const char *probe;
	const char *functions[2];
};

/* env: what tool_main() was given. Functions that return int: 0, or negative errno after they reported the cause. */
struct tool_spec {
	/* input is set by tool_main(): env. */
	struct options_spec options;
	struct choice_spec choice;
	/* The kernel's types that CO-RE relocations name (lib/core.h); none for a tool without any. */
	const char *const *types;
	size_t type_count;
	bool has_uprobes;		/* attach() attaches some */
	struct blind_spots blind_spots; /* with bpf/blind.bpf.h */
	/* System calls that the kernel half has programs for (bpf/syscalls.bpf.h), up to a NULL; or NULL. */
	const char *const *calls;
	/* Tracepoints, up to one without a program and a probe; or NULL. What open() doesn't want loaded is left out. */
	const struct tool_point *points;

	/* TOOL_GO_ON, or the exit status of a run that is over. */
	int (*prepare)(void *env);
	/* TOOL_OPEN() the skeleton with these options; set its constants and tool's fields. */
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

/*
 * Open the skeleton NAME_bpf, which the tool owns from then on: it is still there in close(). NULL, and errno, after the cause
 * has been reported.
 */
#define TOOL_OPEN(tool, name, opts)                                                                \
	({                                                                                         \
		_Static_assert(offsetof(struct name##_bpf, obj) ==                                 \
				       offsetof(struct tool_skeleton, obj),                        \
			       "another bpftool");                                                 \
		(struct name##_bpf *)tool_own_skeleton(tool, (void *)name##_bpf__open_opts(opts)); \
	})

/* How all skeletons of bpftool begin. */
struct tool_skeleton {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
};

/* Of TOOL_OPEN(). */
struct tool_skeleton *tool_own_skeleton(struct tool *tool, struct tool_skeleton *skel);

/*
 * A global variable of the kernel half, by its section (".rodata", ".bss") and name: in memory, to be set before load if it
 * is a constant. NULL: it has none of that name.
 */
void *tool_variable(const struct tool *tool, const char *section, const char *name);

/* Report that the skeleton, or what goes with it, could not be opened; returns -errno. */
int tool_fail_open(void);

/* Attach one that isn't among the spec's. 0, or negative errno after the cause has been reported. */
int tool_attach_point(struct tool *tool, const struct tool_point *point);

/*
 * For tool.c: which programs of spec->calls and spec->points are to be loaded, and attaching them. points_by_event: where to say so,
 * or NULL. Some calls may be missing.
 */
void tool_choose_programs(struct tool *tool, bool *points_by_event);
int tool_attach_calls(struct tool *tool);
int tool_attach_points(struct tool *tool);

/* The first step alone: the command line. As options_parse(), it may end the process. */
void tool_parse(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv);

/* Returns the exit status. */
int tool_main(const struct tool_spec *spec, struct tool *tool, void *env, int argc, char **argv);

#endif /* LIB_TOOL_H */
