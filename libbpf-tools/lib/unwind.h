/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The unwinding tables that bpf/unwind.bpf.h follows user stacks by: which files' are needed, read and handed to the kernel.
 *
 * Tables belong to files, not to processes, and a file is what the kernel's own mapping says it is: names and numbers that
 * user space sees differ from these on some file systems. So a file that is known beforehand is mapped here, and the kernel asked
 * what it calls it. Where a stack meets a file that nobody knows, it ends for the kernel, which sends the top of the stack's
 * memory: unwind_update() goes on with that in user space, and hands the file's table over for the next time.
 */
#ifndef LIB_UNWIND_H
#define LIB_UNWIND_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/unwind_state.h"

struct bpf_object;
struct bsl_elf;
struct stack_names;
struct unwind;

/*
 * NULL and errno: ENOTSUP, this kernel can't follow tables (it takes 6.1, where mappings are in a tree that can be read without
 * locks); ENOMEM. *why says it for people.
 */
struct unwind *unwind_new(const char **why);
void unwind_free(struct unwind *unwind);

/*
 * Before the object is loaded: read the tables of all files that a process has mapped as code, or of one that is about to be.
 * Files that can't be read, or have no table, are no error: frame pointers are followed there.
 */
void unwind_add_process(struct unwind *unwind, pid_t pid);
void unwind_add_file(struct unwind *unwind, const struct bsl_elf *elf);

/* For an object with bpf/unwind.bpf.h before it is loaded; config: its constant unwind_config. 0 or negative errno. */
int unwind_prepare_object(struct unwind *unwind, struct bpf_object *object,
			  struct unwind_config *config);
/* And when it is: hand the tables over. 0 or negative errno. */
int unwind_complete_object(struct unwind *unwind, const struct bpf_object *object);

/* Whom to ask for the mappings of processes that have ended: their stacks can be finished all the same. names: borrowed. */
void unwind_set_names(struct unwind *unwind, struct stack_names *names);

/* Answer what the kernel asks: now and then, and before a stack is printed. */
void unwind_update(struct unwind *unwind);

/*
 * After an update: what user space has found of a stack that the kernel couldn't finish. result: what unwind_walk() returned, made what it
 * would have returned otherwise; addrs: where that stack's addresses end, with room for UNWIND_FRAMES in all. Returns how many were
 * added.
 */
unsigned int unwind_finish(struct unwind *unwind, uint64_t *result, uint64_t *addrs);

/* For -v: what was read, and how long it took. */
void unwind_report(const struct unwind *unwind);

#endif /* LIB_UNWIND_H */
