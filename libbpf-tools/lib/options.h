/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Command lines: the options common to all tools, given to argp next to the tool's own, and strict
 * parsing of numbers. Any usage error ends the process with status 2 and one line saying why.
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/row.h"

/* The exit status of a wrong command line. */
#define OPTIONS_EXIT_USAGE 2

/*
 * The common options, by long name. They have no short letter (except -h, -v and -V) until a tool
 * gives them one in options_spec.letters, because BCC's tools disagree about letters.
 */
enum options_common {
	OPTIONS_JSON,	      /* --json */
	OPTIONS_DURATION,     /* --duration SECONDS, fractions allowed */
	OPTIONS_MAX_EVENTS,   /* --max-events N */
	OPTIONS_VERBOSE,      /* -v, --verbose, repeatable */
	OPTIONS_VERSION,      /* -V, --version */
	OPTIONS_BUFFER_PAGES, /* --buffer-pages N */
	OPTIONS_TRANSPORT,    /* --transport ring|perf, hidden in --help */
	OPTIONS_COMMAND,      /* -- COMMAND [ARG...] after the tool's own arguments */
	OPTIONS_COLUMNS,      /* --columns LIST, if there are rows */
	OPTIONS_COMMON_COUNT,
};

#define OPTIONS_BIT(option) (1u << (option))
/* What every tool has. */
#define OPTIONS_BASIC                                                \
	(OPTIONS_BIT(OPTIONS_JSON) | OPTIONS_BIT(OPTIONS_DURATION) | \
	 OPTIONS_BIT(OPTIONS_VERBOSE) | OPTIONS_BIT(OPTIONS_VERSION))
/* What a tool that prints a row per event has. */
#define OPTIONS_EVENTS                                                                         \
	(OPTIONS_BASIC | OPTIONS_BIT(OPTIONS_MAX_EVENTS) | OPTIONS_BIT(OPTIONS_BUFFER_PAGES) | \
	 OPTIONS_BIT(OPTIONS_TRANSPORT) | OPTIONS_BIT(OPTIONS_COMMAND))

enum options_transport {
	OPTIONS_TRANSPORT_AUTO, /* ring buffer where the kernel has it, else perf buffer */
	OPTIONS_TRANSPORT_RING,
	OPTIONS_TRANSPORT_PERF,
};

/* The values of the common options; zeroed means defaults. */
struct options {
	bool json;
	int verbosity;
	uint64_t duration_ns;  /* 0: no limit */
	uint64_t max_events;   /* 0: no limit */
	uint32_t buffer_pages; /* 0: the tool's default */
	enum options_transport transport;
	uint64_t start_ns; /* CLOCK_MONOTONIC when options_parse() was called: "armed ... ms" */
	char **command;	   /* NULL or a NULL-terminated argv, borrowed from main's argv */
	struct row_choice rows; /* which rows are printed, and which of their columns */
};

/* How a tool combines its own command line with the common one. */
struct options_spec {
	/*
	 * The tool's options, parser, doc, and args_doc unless it takes just -- COMMAND, or nothing; arguments that its parser
	 * doesn't know are errors.
	 */
	const struct argp *argp;
	void *input;	     /* state->input for the tool's parser */
	unsigned int common; /* mask of OPTIONS_BIT(): which common options it takes */
	/* The kinds of rows that it prints, the usual one first. */
	const struct row_table *rows[ROW_TABLES_MAX + 1];
	/* Short letters given to common options: [OPTIONS_DURATION] = 'd'. 0: none. */
	char letters[OPTIONS_COMMON_COUNT];
	/* One more group of options: an argp child with its input and heading. NULL: there is none. */
	const struct argp *group;
	void *group_input;
	const char *group_heading;
};

/*
 * Parse argv into *options and, through the tool's parser, into its own input. Options and
 * arguments are seen in the order given. Sets the verbosity of lib/log.h.
 * Returns only when the command line is good: ends the process with 0 after --help, --usage or
 * --version, and with 2 for a wrong command line.
 */
void options_parse(const struct options_spec *spec, struct options *options, int argc, char **argv);

/* Has the tool an option with this letter, of its own or a common one? */
bool options_has_letter(const struct options_spec *spec, int letter);

/* For a tool's argp parser: options that just are there or not. */
struct options_switch {
	int key;
	bool *value;
};

/* Sets to true what belongs to key; false: nothing does. */
bool options_switch_on(const struct options_switch *switches, size_t count, int key);

/*
 * Parse all of text as a number in [min, max]. Decimal, or hexadecimal after 0x. No sign, blank,
 * suffix or overflow is let through. 0, -EINVAL (not a number) or -ERANGE.
 */
int options_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* The same with an optional leading '-'. */
int options_parse_s64(const char *text, int64_t min, int64_t max, int64_t *value);
/*
 * Seconds with up to nine decimals, to nanoseconds: "1", "0.25". Greater than zero, at most ten
 * years.
 */
int options_parse_seconds(const char *text, uint64_t *ns);
/* A user by number or by a name in /etc/passwd. -ENOENT when there is no such name. */
int options_parse_uid(const char *text, uid_t *uid);

/*
 * The same for use in a tool's argp parser: the value, or the end of the process with status 2 and
 *   TOOL: invalid --max-events 'x1': expected a number from 1 to 100
 * name is the option as the user knows it.
 */
uint64_t options_u64(const struct argp_state *state, const char *name, const char *text,
		     uint64_t min, uint64_t max);
int64_t options_s64(const struct argp_state *state, const char *name, const char *text, int64_t min,
		    int64_t max);
uint64_t options_seconds(const struct argp_state *state, const char *name, const char *text);
pid_t options_pid(const struct argp_state *state, const char *name, const char *text);
uid_t options_uid(const struct argp_state *state, const char *name, const char *text);

#endif /* LIB_OPTIONS_H */
