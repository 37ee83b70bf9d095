/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Attaching loaded programs by the cheapest way that the kernel has, for tools that generate their
 * programs. Each way is asked for once, by trying it; nothing reads a version number.
 */
#ifndef LIB_ATTACH_H
#define LIB_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/attach_set.h"

/* What this kernel can do. */
struct attach_features {
	/* bpf_get_attach_cookie(): one program for many places. Linux 5.15, 7adfc6c9b315. */
	bool cookie;
	/* One link for many user-space places (6.6, 89ae89f53d20), and cheaper at each hit: no perf event between. */
	bool uprobe_multi;
	/* Its process filter means processes, as it should, not threads (6.10, 46ba0e49b642). */
	bool uprobe_multi_pid;
	/* Uprobe programs may sleep, that is fault user memory in. Linux 6.0, 8c7dcb84e3b7. */
	bool sleepable;
};

/* Asks the kernel for each, by trying it. */
void attach_probe_features(struct attach_features *features);

/* The value of BPF_TRACE_UPROBE_MULTI (include/uapi/linux/bpf.h), for bpf_prog_load()'s expected_attach_type. */
#define ATTACH_TYPE_UPROBE_MULTI 48

struct attach_place {
	uint64_t offset;	 /* in the file */
	uint64_t ref_ctr_offset; /* file offset of a USDT semaphore, 0: none */
	uint64_t cookie;
};

struct attach_uprobe_opts {
	const char *path;
	const struct attach_place *places;
	size_t count;
	bool is_return;
	bool use_multi; /* the program was loaded for ATTACH_TYPE_UPROBE_MULTI */
	bool use_cookie;
	pid_t pid; /* only in this process: no other one gets the breakpoint; 0: all */
};

/*
 * Attach a program to places in a file. Stops at the first that fails: *attached is how many were done. 0 or
 * negative errno.
 */
int attach_uprobes(struct attach_set *set, int prog_fd, const struct attach_uprobe_opts *opts,
		   size_t *attached);

/* Attach a BPF_PROG_TYPE_TRACEPOINT program by the tracepoint's id (lib/tracefs.h). 0 or negative errno. */
int attach_tracepoint(struct attach_set *set, int prog_fd, uint32_t id, bool use_cookie,
		      uint64_t cookie);

/* Attach a BPF_PROG_TYPE_RAW_TRACEPOINT program by the tracepoint's name, which needs no tracefs. 0 or negative errno. */
int attach_raw_tracepoint(struct attach_set *set, int prog_fd, const char *name);

/* ---- kernel functions ---- */

/* BPF_TRACE_KPROBE_MULTI */
#define ATTACH_TYPE_KPROBE_MULTI 42

/* Does this kernel have kprobe multi links (5.18, 0dcac2725406, with CONFIG_FPROBE)? Asks it. */
bool attach_has_kprobe_multi(void);
/* Does it have kprobes at all? */
bool attach_has_kprobes(void);

struct attach_function {
	const char *name;
	uint64_t addr;	 /* of its start; 0: by name */
	uint64_t offset; /* from there */
	uint64_t cookie;
};

struct attach_kprobe_opts {
	const struct attach_function *functions;
	size_t count;
	bool is_return;
	bool use_multi; /* the program was loaded for ATTACH_TYPE_KPROBE_MULTI; no offsets then */
	bool use_cookie;
};

/* As attach_uprobes(). One multi link for all, or a perf event each. */
int attach_kprobes(struct attach_set *set, int prog_fd, const struct attach_kprobe_opts *opts,
		   size_t *attached);

/*
 * Do several functions have this name, of which fentry takes the first without a word? Asks by a probe at an offset that no
 * function has: kernels that look (b022f0c7e404, 6.6 and stable ones) report that first. Others, and without kprobes: false.
 */
bool attach_is_ambiguous(const char *name);

/* Runs of a program that the kernel left out, as one was running on that CPU already (counted from 5.12 on, 9ed9e9ba2337). */
uint64_t attach_prog_skipped(int prog_fd);

/* Attach a program that was loaded for one function's fentry or fexit. 0 or negative errno. */
int attach_tracing(struct attach_set *set, int prog_fd);

/*
 * Why a function can't be probed, as the kernel's own lists say: "it is on the kernel's list of functions that must not be
 * probed", ... Returns a constant text, never NULL.
 */
const char *attach_explain_function(const char *name, int err);

#endif /* LIB_ATTACH_H */
