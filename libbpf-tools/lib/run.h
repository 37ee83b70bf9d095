/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of a tool between its command line and its exit status. In main():
 *
 *	options_parse(&spec, &env.options, argc, argv);
 *	run = run_new(&env.options);		signals, stdout, a stopped child for -- COMMAND
 *	...open, filter, load, attach, events_new()...
 *	status = run_loop(run, &opts);		lets the child go; consumes until the end
 *	...free...
 *	return status;				RUN_OK, RUN_FAILED (RUN_USAGE: see lib/options.h), COMMAND's
 *
 * What ends a run: INT, TERM or HUP (which may stand for something else: reload); --duration; --max-events; the end of COMMAND, or of the processes
 * of -p; a closed pipe on stdout (like any filter, silently and with status 0); an error. Whichever it is, probes are
 * detached, the records made until then are consumed and written, and losses are reported. A second
 * signal ends the tool at once. (Two within 0.3 s count as one: timeout(1) sends its signal twice.)
 *
 * With a running COMMAND, a signal is passed on to it and the run ends with COMMAND, after 2 s at
 * the latest. A COMMAND that outlives the run is terminated by run_free(): see child_free(). The status of one that ends by
 * itself is that of the run, 128 + N if signal N killed it: as with a shell, strace(1) and timeout(1).
 */
#ifndef LIB_RUN_H
#define LIB_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/events.h"
#include "lib/options.h"
#include "lib/output.h"

enum run_status {
	RUN_OK = 0, /* ended as asked */
	RUN_FAILED = 1,
	RUN_USAGE = OPTIONS_EXIT_USAGE,
};

struct run;

/*
 * Catch signals, open the output on stdout, and if there is options->command, create it stopped and
 * follow its forks. Prints the cause and returns NULL if that fails. options is borrowed.
 */
struct run *run_new(const struct options *options);
/* The child, if still running, is ended: see child_free(). NULL is fine. */
void run_free(struct run *run);

/* The output on stdout; borrowed. */
struct output *run_output(struct run *run);
/* The id of COMMAND's process; 0 without one. */
pid_t run_child_pid(const struct run *run);
/* The map of followed tasks (lib/follow.h), for filters; -1 without COMMAND. */
int run_follow_map_fd(const struct run *run);
/*
 * True once a signal or the end of --duration asked for the end. For tools that do something long
 * outside run_loop(), such as attaching to thousands of functions.
 */
bool run_ending(const struct run *run);

struct run_loop_opts {
	struct events *events; /* NULL: a tool that only looks at maps now and then */
	/*
	 * Every interval_ns (0: never), on a fixed grid from the start. 0: go on; 1: end; <0:
	 * failed.
	 */
	uint64_t interval_ns;
	int (*tick)(void *ctx);
	/*
	 * Called once, when the run is over, before the last records are consumed: detach the
	 * probes here, so that the last drain has an end. NULL: the last drain is cut after a
	 * second.
	 */
	void (*detach)(void *ctx);
	/* Called once all records are consumed, for a summary: what it puts is written before losses are reported. */
	void (*finish)(void *ctx);
	/* SIGHUP: read files again, from the loop, instead of ending. As tick otherwise. NULL: it ends the run. */
	int (*reload)(void *ctx);
	/* True once there is nothing more to come: asked for at each turn, so it should cost little. NULL: never. */
	bool (*is_over)(void *ctx);
	/* The name of a probe, for reporting what was lost where. NULL: only the total is reported. */
	const char *(*probe_name)(void *ctx, uint32_t probe);
	void *ctx;
};

/*
 * --duration counts from here. Returns the exit status; anything wrong has been reported on stderr:
 * losses (also as the final {"lost":N} with --json), write errors, a COMMAND that a signal has killed.
 */
int run_loop(struct run *run, const struct run_loop_opts *opts);

#endif /* LIB_RUN_H */
