/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Attaching a tool's programs to the places of images. A probe sits in a file: whichever process maps
 * it, now or later, is seen, unless one process was asked for.
 */
#ifndef RUNTIME_RUNTIME_ATTACH_H
#define RUNTIME_RUNTIME_ATTACH_H

#include "lib/attach.h"
#include "runtime/runtime.h"

struct bpf_object;

struct runtime_attach {
	struct attach_set *set; /* where links go: borrowed */
	struct attach_features features;
	unsigned int events; /* 1 << enum runtime_event, ...: which are wanted */
	pid_t pid;	     /* 0: all */
	bool is_one_process; /* pid ends with its first thread: so perf events can be for it alone */
	bool with_danger;    /* places with a danger too: see struct runtime_place */
	/* A program per event; [RUNTIME_ENABLER] runs nowhere; part_fd: for places with is_part. */
	int prog_fds[RUNTIME_EVENTS + 1];
	int part_fd;
	size_t count; /* places attached so far: the next one's cookie */
	/* NULL, or called for each place before it is attached, with its cookie: fills a map. 0 or negative errno. */
	int (*place)(void *ctx, const struct runtime_image *image,
		     const struct runtime_place *place, uint64_t cookie);
	void *ctx;
};

/* Asks the kernel for its features, and makes all uprobe programs of an object, before its load, fit to them. 0 or errno. */
int runtime_attach_prepare(struct runtime_attach *attach, struct bpf_object *obj);

/* The event to be counted as a method call in this image: RUNTIME_METHOD_COUNT, else its entry, else its return. */
enum runtime_event runtime_method_event(const struct runtime_image *image);

/* Is it a place of the wanted events? */
bool runtime_attach_wants(const struct runtime_attach *attach, const struct runtime_place *place);

/*
 * Attach to all places of the wanted events. What fails is reported, once per kind of place, and left out.
 * Returns the number of places attached, or -ENOMEM.
 */
int runtime_attach_image(struct runtime_attach *attach, const struct runtime_image *image);

/* "java methods: hotspot:method__entry, 1 place", ... with -v; all places with -d. */
void runtime_attach_describe(const struct runtime_attach *attach,
			     const struct runtime_image *image);

#endif /* RUNTIME_RUNTIME_ATTACH_H */
