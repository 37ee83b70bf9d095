/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the tools on the table of runtimes do alike around lib/tool.h: find the runtimes of the system, of a process or of
 * COMMAND, attach a program per event, and go on finding.
 */
#ifndef RUNTIME_RUNTIME_SESSION_H
#define RUNTIME_RUNTIME_SESSION_H

#include "lib/tool.h"
#include "runtime/runtime_attach.h"
#include "runtime/runtime_watch.h"

struct bpf_map;

struct runtime_session {
	/* Set before runtime_session_open(): */
	struct tool *tool;
	unsigned int langs; /* 0: as the tool's name says */
	bool may_be_none;   /* the process asked for may run none of them */
	uint64_t *interval_ns; /* where the word after the process goes, before parsing; NULL: there is none */
	/* Called for an image before it is attached to: may change attach.events. NULL: not wanted. */
	void (*found_image)(void *ctx, const struct runtime_image *image);
	/* Called for a process that runs a runtime, once its places are attached to. NULL: not wanted. */
	void (*found_process)(void *ctx, const struct runtime_process *process);
	void *ctx;
	/* With runtime/usdt_args.bpf.h; else NULL. */
	struct bpf_map *places, *ips;
	bool *use_cookie;     /* &skel->rodata->usdt_use_cookie */
	const __u64 *unknown; /* &skel->bss->usdt_unknown */

	/* Set by it. The programs and events of attach are the tool's to set before runtime_session_attach(). */
	struct runtime_attach attach;
	struct runtime_watch *watch;
	/* By cookie: what is attached to. */
	struct runtime_session_place {
		const struct runtime_image *image;
		const struct runtime_place *place;
	} * attached;
	size_t attached_count;
};

/* In a tool's open(), once its skeleton is there. 0, or negative errno after the cause has been reported. */
int runtime_session_open(struct runtime_session *session, struct bpf_object *obj);

/*
 * In a tool's attach(). Fails, too, if the process asked for runs none of the languages. 0, or negative errno after the
 * cause has been reported.
 */
int runtime_session_attach(struct runtime_session *session);

/* The place of a cookie, or NULL. */
const struct runtime_session_place *runtime_session_place(const struct runtime_session *session,
							  uint64_t cookie);

/*
 * The command line that these tools have in common, as the default of their parser: -l, the process, which -p may have named
 * already, and an interval. session->tool must be set.
 */
error_t runtime_session_parse(struct runtime_session *session, int key, char *arg,
			      struct argp_state *state);

/* A tick that does no more than to go on finding. 0 or negative errno. */
int runtime_session_tick(struct runtime_session *session);

/* With runtime/usdt_args.bpf.h, before runtime_session_open(). */
#define RUNTIME_SESSION_USES_ARGS(session, skel)                          \
	do {                                                              \
		(session)->places = (skel)->maps.places;                  \
		(session)->ips = (skel)->maps.usdt_ips;                   \
		(session)->use_cookie = &(skel)->rodata->usdt_use_cookie; \
		(session)->unknown = &(skel)->bss->usdt_unknown;          \
	} while (0)

/* Reports hits that could not be assigned to a place; while the skeleton is still there. */
void runtime_session_close(struct runtime_session *session);

#endif /* RUNTIME_RUNTIME_SESSION_H */
