/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Why the kernel refused: what this process lacks for a kind of work, read from where the kernel says it. "Not there" is never
 * said of what may not be looked at: whoever gets EPERM or EACCES asks here.
 */
#ifndef LIB_PERMISSION_H
#define LIB_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum permission {
	PERMISSION_BPF,	    /* maps, tracing programs, links to them */
	PERMISSION_TRACEFS, /* tracepoints' numbers and formats */
	PERMISSION_PERF,    /* perf events */
	PERMISSION_UPROBE,  /* uprobes as perf events, where the kernel has no links for them */
	PERMISSION_PROCESS, /* other users' processes: their maps, memory, executables, roots */
	PERMISSION_FILE,    /* files of other users */
	PERMISSION_SYMBOLS, /* addresses of the kernel's functions */
	PERMISSION_PACKETS, /* packets of others */
	PERMISSION_XDP,	    /* programs on network interfaces */
	PERMISSIONS,
};

/* Is this negative errno a refusal, rather than "not there" or "not possible"? */
bool permission_is_refusal(int err);

/*
 * Is it for that the verifier lacks a helper: a kernel that is locked down to confidentiality has none that read its memory
 * (security/lockdown, 5.4). text: the verifier's, of so many bytes.
 */
bool permission_lacks_helpers(const char *text, size_t size);

/* What the kernel reports of this process. */
struct permission_facts {
	uint64_t capabilities; /* effective: 1 << CAP_... */
	bool in_user_ns; /* another one than the initial, where they don't count for these things */
	bool has_seccomp; /* a filter for system calls is in force */
	char lockdown[32]; /* of the kernel: "integrity", "confidentiality"; "": none, or not known */
	int perf_paranoid; /* sysctl kernel.perf_event_paranoid */
	int kptr_restrict; /* sysctl kernel.kptr_restrict */
	bool has_tracefs;  /* it is mounted where it belongs */
};

/* All of it as it is now. */
void permission_read(struct permission_facts *facts);

/*
 * What is missing for it, as one line: "... needs CAP_BPF and CAP_PERFMON: CAP_PERFMON is missing (...)". If nothing
 * is, it says so. Returns buf.
 */
const char *permission_explain(enum permission what, const struct permission_facts *facts,
			       char *buf, size_t size);

/* The same of this process. */
const char *permission_explain_own(enum permission what, char *buf, size_t size);

#endif /* LIB_PERMISSION_H */
