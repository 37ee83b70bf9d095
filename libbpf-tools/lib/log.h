/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Messages for the person at the terminal, all on stderr, all as "TOOL: message". Also routes
 * libbpf's own messages: silent unless asked for with -v or needed to explain a failure.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/permission.h"

/*
 * Set the verbosity and take over libbpf's messages. The tool's name is taken from argv[0].
 * 0: errors and warnings; 1 (-v): what was chosen and why, libbpf's warnings; 2 (-vv): libbpf's
 * information; 3 (-vvv): libbpf's debugging output.
 * (The verbosity and the collected messages are the one state of this library kept in file
 * scope: libbpf's print callback has no context argument.)
 */
void log_init(int verbosity);

/* As log_init() was given it. */
int log_verbosity(void);

/* "TOOL: message". A newline is added. Control characters are escaped, as in all that goes to stderr: front.h. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, of what is no failure. */
void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "TOOL: warning: message" */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Shown with -v. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Shown with -vv. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Report that a call into libbpf failed: "TOOL: message: strerror(-err)", then what libbpf said
 * meanwhile (the last 16 KiB, verifier log included) unless -v has shown it already. err is a negative
 * errno. If it is a refusal, but not the verifier's, its cause is reported instead: what is missing for BPF.
 */
void log_libbpf_failure(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same of something else than BPF, such as a perf event. */
void log_failure(int err, enum permission what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Report that a process may not be looked at, and what is missing for that. */
void log_hidden_process(int pid);

/* Report what is missing for this: see permission_explain(). */
void log_permission(enum permission what);

/* Forget the collected messages: a failure that the tool expected and has an alternative for. */
void log_libbpf_forget(void);

#endif /* LIB_LOG_H */
