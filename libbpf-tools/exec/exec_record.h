/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is in a record of execsnoop's kernel side (exec_event.h), which is checked before it is used.
 */
#ifndef EXEC_RECORD_H
#define EXEC_RECORD_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/path_config.h"
#include "exec/exec_event.h"

/* An event and the parts of its text, which lie in it. Lengths are in the event. */
struct exec_record {
	const struct execsnoop_event *event;
	const char *file, *interpreter, *exe, *cgroup, *cwd, *args, *env;
};

/* data, of size bytes, is borrowed. False: it isn't a record. */
bool exec_record_open(struct exec_record *record, const void *data, size_t size);

/* The arguments, one after the other; begin with a zeroed one. */
struct exec_arg {
	const char *text; /* not terminated; NULL: it could not be read */
	size_t len;
	uint32_t count; /* of those seen */
	size_t at;	/* where the next one is */
	bool is_cut;	/* there is more of it */
};

/* False after the last one. */
bool exec_record_next_arg(const struct exec_record *record, struct exec_arg *arg);

/* Has execveat been given a descriptor to start from? */
bool exec_record_has_dirfd(const struct exec_record *record);

#define EXEC_PROGRAM_SIZE (EXECSNOOP_PATH_SIZE + sizeof("/dev/fd/-2147483648/"))
#define EXEC_LINE_SIZE (EXEC_PROGRAM_SIZE + EXECSNOOP_ARGS_SIZE + 1)

/* The path that was asked for, as the kernel would call it: fs/exec.c, alloc_bprm(). "?" if unknown. */
void exec_record_file(const struct exec_record *record, char path[EXEC_PROGRAM_SIZE]);
/* The program that got the arguments: of a script its interpreter. */
void exec_record_program(const struct exec_record *record, char path[EXEC_PROGRAM_SIZE]);
/* The command line with blanks between the arguments, as it is. Returns line. */
const char *exec_record_line(const struct exec_record *record, char line[EXEC_LINE_SIZE]);
/* An environment variable's value. */
struct exec_env {
	const char *text; /* not terminated; NULL: not known */
	size_t len;
	bool is_cut; /* there is more of it, or if it isn't known more of the environment */
};

/* False: there is no such variable. */
bool exec_record_env(const struct exec_record *record, const char *name, struct exec_env *env);

#endif /* EXEC_RECORD_H */
