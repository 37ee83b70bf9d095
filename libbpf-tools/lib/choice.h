/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Which processes, threads, users and groups to look at: the options that say it, which are the same in all tools.
 * lib/filter.h makes filters of them.
 */
#ifndef LIB_CHOICE_H
#define LIB_CHOICE_H

#include <argp.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/filter_config.h"

/* What was chosen; what several options say all has to hold. Zeroed but for uid: everything except the tool itself. */
struct choice {
	pid_t pids[FILTER_PIDS_MAX]; /* any of these processes */
	unsigned int pid_count;
	bool follow; /* and all that they fork */
	pid_t tid, ppid;
	uid_t uid; /* CHOICE_ANY_UID */
	const char *names
		[FILTER_NAMES_MAX]; /* parts of the thread's name: any of these; borrowed from argv, as all texts */
	unsigned int name_count;
	const char *cgroup;		  /* a group's directory */
	const char *container;		  /* the beginning of its id */
	const char *cgroupmap, *mntnsmap; /* paths of pinned hash maps */
	bool include_self;
};

#define CHOICE_ANY_UID ((uid_t)-1)

enum choice_option {
	CHOICE_PID,
	CHOICE_FOLLOW,
	CHOICE_PPID,
	CHOICE_TID,
	CHOICE_UID,
	CHOICE_NAME,
	CHOICE_CGROUP,
	CHOICE_CONTAINER,
	CHOICE_CGROUPMAP,
	CHOICE_MNTNSMAP,
	CHOICE_SELF,
	CHOICE_OPTIONS,
};

#define CHOICE_BIT(option) (1u << (option))
#define CHOICE_ALL (CHOICE_BIT(CHOICE_OPTIONS) - 1)

/* How a tool has them. */
struct choice_spec {
	/* CHOICE_BIT()s of options that it hasn't, or has as one of its own; CHOICE_ALL: it looks at no processes. */
	unsigned int without;
	/*
	 * Short letters other than the usual ones. A letter that the tool has for something else is left to it.
	 */
	char letters[CHOICE_OPTIONS];
};

/* For a parser: its options, and where it puts what they say. */
struct choice_parser {
	struct argp argp;
	struct choice *choice;
	const struct choice_spec *spec;
	/* With two rows for one that has an alias, and the end. */
	struct argp_option rows[CHOICE_OPTIONS + 2];
};

/* Is this letter taken? */
typedef bool choice_letter_taken(const void *ctx, int letter);

/*
 * Make parser->argp an argp child whose input is the parser, which must stay where it is. *choice is set to "everything".
 */
void choice_parser_init(struct choice_parser *parser, const struct choice_spec *spec,
			struct choice *choice, choice_letter_taken *is_taken, const void *ctx);

/* For a tool's argp parser: add one more process. */
void choice_add_pid(struct choice *choice, const struct argp_state *state, const char *name,
		    const char *text);

/* How many processes can be confined to, as no others can pass; they are choice->pids. 0: any process may. */
unsigned int choice_pid_count(const struct choice *choice);
/* The only one of these; 0: there are none, or several. */
pid_t choice_pid(const struct choice *choice);
/* May this process pass, as far as -p says? */
bool choice_allows_pid(const struct choice *choice, pid_t pid);
/* Is there more that decides than -p, so that user space doesn't know who passes? */
bool choice_is_by_task(const struct choice *choice);

#endif /* LIB_CHOICE_H */
