/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The language runtimes of processes: what they are, and where in their files the events are to be
 * had. One table, runtime_rows.c, says it all: a runtime more is rows more.
 *
 * An "image" is a file that contains a runtime (libjvm.so, /usr/bin/python3.11, libruby-3.1.so.3.1): a process that
 * maps it runs that language. A "route" is how an event is seen: USDT, uprobe, kernel, or not at all.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/runtime_place.h"

enum runtime_lang {
	RUNTIME_JAVA,
	RUNTIME_NODE,
	RUNTIME_PERL,
	RUNTIME_PHP,
	RUNTIME_PYTHON,
	RUNTIME_RUBY,
	RUNTIME_TCL,
	RUNTIME_LANGS,
};

#define RUNTIME_SWITCHES_MAX 2

#define RUNTIME_ANY ((1u << RUNTIME_LANGS) - 1)

/* "java", "node", ... and back; -1 if there is no such language. */
const char *runtime_lang_name(enum runtime_lang lang);
int runtime_lang_find(const char *name);
/* "method", "return", "gc", "gc-end", "object", "class", "exception", "thread", "thread-stop", "method-count" */
const char *runtime_event_name(enum runtime_event event);

/* Something to attach to. */
struct runtime_place {
	struct runtime_place_spec spec;
	uint64_t offset;	 /* in the file */
	uint64_t ref_ctr_offset; /* file offset of the semaphore, 0: none; never another place's business */
	uint64_t addr;	   /* ELF virtual address; + runtime_use.bias: where the process has it */
	bool is_return;	   /* a return probe */
	const char *probe; /* "python:function__entry", "zend_objects_new": for people */
	/* NULL, or how this build suffers from the probe; attach only when asked to in spite of it. */
	const char *danger;
};

enum runtime_route_kind {
	RUNTIME_ROUTE_NONE,
	RUNTIME_ROUTE_USDT,
	RUNTIME_ROUTE_UPROBE,
	RUNTIME_ROUTE_KERNEL, /* thread starts, by the tracepoint task_newtask: no places */
};

struct runtime_route {
	enum runtime_route_kind kind;
	size_t places;	/* that many of the image's */
	size_t refused; /* and so many where a probe would do harm */
	uint8_t refused_rank;
	char refusal[200]; /* of the first of them: what, and why */
	const char *
		note; /* one line for people: what is missing, or how it is an approximation; or NULL */
};

struct runtime_image {
	enum runtime_lang lang;
	dev_t dev;
	ino_t ino;
	int fd;	       /* keeps the file to be found by the kernel, for a probe, by path: */
	char path[32]; /* /proc/self/fd/N */
	char *display; /* as the first process that was seen with it calls it */
	struct runtime_place *places; /* an event's own are not all in a row */
	size_t count;
	/* A build may report returns only: they are the method calls to be counted then. */
	struct runtime_route routes[RUNTIME_EVENTS];
	uint64_t switch_addrs[RUNTIME_SWITCHES_MAX]; /* for runtime_explain() */
};

/* The files looked at so far: each only once, however many processes map it. */
struct runtime_images;

/* langs: 1 << enum runtime_lang, ... which to look for. NULL and errno ENOMEM. */
struct runtime_images *runtime_images_new(unsigned int langs);
void runtime_images_free(struct runtime_images *images);

/* A process's use of an image. */
struct runtime_use {
	struct runtime_image *image; /* lives as long as the images */
	uint64_t bias;		     /* run-time address = ELF virtual address + bias */
};

#define RUNTIME_USES_MAX \
	8 /* runtimes in one process: PostgreSQL with several languages has three */

/*
 * The runtimes in a process, by what it maps: its executable, whatever its name, and libraries with names that a runtime's
 * libraries have; both count by the functions they define, never by comm. Returns how many, 0: none;
 * or negative errno: -ESRCH, -EACCES, -ENOMEM. Files that can't be read are passed over, and logged with -v.
 */
int runtime_images_find(struct runtime_images *images, pid_t pid,
			struct runtime_use uses[RUNTIME_USES_MAX]);

/*
 * The images in the usual places of this system, for processes that are still to come. fn: <0 ends it. 0 or what fn returned,
 * or -ENOMEM.
 */
int runtime_images_find_installed(struct runtime_images *images,
				  int (*fn)(void *ctx, struct runtime_image *image), void *ctx);

/* The same for one file by its path; display: what people call it. -ENOENT: no runtime; errors of open(2), ... */
int runtime_images_open(struct runtime_images *images, const char *path, const char *display,
			struct runtime_image **image);

/*
 * What a process must be started with for an event to be reported in full (-XX:+ExtendedDTraceProbes,
 * USE_ZEND_DTRACE=1, TracePoint). NULL: nothing. Constant text. *is_silent: this process's memory says that it wasn't,
 * and nothing of the event is reported.
 */
const char *runtime_explain(pid_t pid, const struct runtime_use *use, enum runtime_event event,
			    bool *is_silent);

#endif /* RUNTIME_RUNTIME_H */
