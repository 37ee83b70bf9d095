/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The options that choose processes; see choice.h.
 */
#include "lib/choice.h"

#include <string.h>

#include "lib/options.h"

/* Keys of those without a letter: no tool's own, nor lib/options.c's. */
#define CHOICE_KEY_BASE 0x20000

static const struct {
	const char *name, *arg, *doc;
	char letter; /* the usual one */
	const char *alias;
} choice_rows[CHOICE_OPTIONS] = {
	[CHOICE_PID] = { "pid", "PID[,PID...]", "Only these processes; may be repeated", 'p',
			 NULL },
	[CHOICE_FOLLOW] = { "follow", NULL, "With -p: all that it forks, too", 0, NULL },
	[CHOICE_PPID] = { "ppid", "PID", "Only the children of this process", 0, NULL },
	[CHOICE_TID] = { "tid", "TID", "Only this thread", 'L', NULL },
	[CHOICE_UID] = { "uid", "USER", "Only this user, a name or a number", 'u', NULL },
	[CHOICE_NAME] = { "name", "TEXT",
			  "Only threads whose name contains TEXT; repeated: any of them", 'n',
			  NULL },
	[CHOICE_CGROUP] = { "cgroup-path", "PATH",
			    "Only tasks in this control group and those below it", 'c', "cgroup" },
	[CHOICE_CONTAINER] = { "container", "ID", "Only the container whose id begins so", 0,
			       NULL },
	[CHOICE_CGROUPMAP] = { "cgroupmap", "PATH",
			       "Only control groups whose ids are in the BPF map pinned at PATH", 0,
			       NULL },
	[CHOICE_MNTNSMAP] = { "mntnsmap", "PATH",
			      "Only mount namespaces whose inodes are in the BPF map pinned at PATH",
			      0, NULL },
	[CHOICE_SELF] = { "include-self", NULL, "This very process, too", 0, NULL },
};

void choice_add_pid(struct choice *choice, const struct argp_state *state, const char *name,
		    const char *text)
{
	if (choice->pid_count == FILTER_PIDS_MAX)
		argp_error(state, "at most %d processes can be chosen", FILTER_PIDS_MAX);
	else
		choice->pids[choice->pid_count++] = options_pid(state, name, text);
}

static void choice_add_pids(struct choice *choice, const struct argp_state *state, char *list)
{
	char *pid, *rest = list;

	while ((pid = strsep(&rest, ",")))
		choice_add_pid(choice, state, "--pid", pid);
}

static void choice_add_name(struct choice *choice, const struct argp_state *state, const char *name)
{
	if (!*name || strlen(name) >= FILTER_NAME_SIZE)
		argp_error(state, "the name of a thread has 1 to %d bytes", FILTER_NAME_SIZE - 1);
	else if (choice->name_count == FILTER_NAMES_MAX)
		argp_error(state, "at most %d names can be chosen", FILTER_NAMES_MAX);
	else
		choice->names[choice->name_count++] = name;
}

static void choice_apply(struct choice *choice, const struct argp_state *state,
			 enum choice_option option, char *arg)
{
	switch (option) {
	case CHOICE_PID:
		choice_add_pids(choice, state, arg);
		break;
	case CHOICE_FOLLOW:
		choice->follow = true;
		break;
	case CHOICE_PPID:
		choice->ppid = options_pid(state, "--ppid", arg);
		break;
	case CHOICE_TID:
		choice->tid = options_pid(state, "--tid", arg);
		break;
	case CHOICE_UID:
		choice->uid = options_uid(state, "--uid", arg);
		break;
	case CHOICE_NAME:
		choice_add_name(choice, state, arg);
		break;
	case CHOICE_CGROUP:
		choice->cgroup = arg;
		break;
	case CHOICE_CONTAINER:
		choice->container = arg;
		break;
	case CHOICE_CGROUPMAP:
		choice->cgroupmap = arg;
		break;
	case CHOICE_MNTNSMAP:
		choice->mntnsmap = arg;
		break;
	case CHOICE_SELF:
		choice->include_self = true;
		break;
	case CHOICE_OPTIONS:
		break;
	}
}

static void choice_check(const struct choice *choice, const struct argp_state *state)
{
	if (choice->follow && choice->pid_count != 1)
		argp_error(state, "--follow goes with one -p PID");
	if (choice->cgroup && choice->container)
		argp_error(state, "--cgroup-path and --container exclude each other");
}

/* The letter was looked for when the rows were made. */
static int choice_key(const struct choice_parser *parser, enum choice_option option)
{
	const struct argp_option *row;

	for (row = parser->rows; row->name; row++)
		if (row->name == choice_rows[option].name)
			return row->key;
	return 0;
}

static error_t choice_parse(int key, char *arg, struct argp_state *state)
{
	const struct choice_parser *parser = state->input;
	int option;

	if (key == ARGP_KEY_END)
		choice_check(parser->choice, state);
	for (option = 0; option < CHOICE_OPTIONS; option++) {
		if (key && key == choice_key(parser, option)) {
			choice_apply(parser->choice, state, option, arg);
			return 0;
		}
	}
	return ARGP_ERR_UNKNOWN;
}

void choice_parser_init(struct choice_parser *parser, const struct choice_spec *spec,
			struct choice *choice, choice_letter_taken *is_taken, const void *ctx)
{
	struct argp_option *row = parser->rows;
	int option, letter;

	*choice = (struct choice){ .uid = CHOICE_ANY_UID };
	*parser = (struct choice_parser){ .choice = choice, .spec = spec };
	for (option = 0; option < CHOICE_OPTIONS; option++) {
		if (spec->without & CHOICE_BIT(option))
			continue;
		letter = spec->letters[option] ?: choice_rows[option].letter;
		if (letter && is_taken(ctx, letter))
			letter = 0;
		*row++ = (struct argp_option){ .name = choice_rows[option].name,
					       .key = letter ?: CHOICE_KEY_BASE + option,
					       .arg = choice_rows[option].arg,
					       .doc = choice_rows[option].doc };
		if (choice_rows[option].alias)
			*row++ = (struct argp_option){ .name = choice_rows[option].alias,
						       .flags = OPTION_ALIAS | OPTION_HIDDEN };
	}
	parser->argp = (struct argp){ .options = parser->rows, .parser = choice_parse };
}

unsigned int choice_pid_count(const struct choice *choice)
{
	return choice->follow ? 0 : choice->pid_count;
}

pid_t choice_pid(const struct choice *choice)
{
	return choice_pid_count(choice) == 1 ? choice->pids[0] : 0;
}

bool choice_allows_pid(const struct choice *choice, pid_t pid)
{
	unsigned int i, count = choice_pid_count(choice);

	for (i = 0; i < count && choice->pids[i] != pid; i++)
		;
	return !count || i < count;
}

bool choice_is_by_task(const struct choice *choice)
{
	return choice->follow || choice->ppid || choice->tid || choice->uid != CHOICE_ANY_UID ||
	       choice->name_count || choice->cgroup || choice->container || choice->cgroupmap ||
	       choice->mntnsmap;
}
