/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Command lines. A root argp has two children: the common options and the tool's; see options.h.
 */
#include "lib/options.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/timestamp.h"

#ifndef TOOLS_VERSION
#define TOOLS_VERSION "0.1"
#endif

#define OPTIONS_NSEC_PER_SEC 1000000000ull
#define OPTIONS_SECONDS_MAX (10ull * 366 * 24 * 3600)
/*
 * Keys of common options without a letter: above all characters and what tools number their own
 * from (256...).
 */
#define OPTIONS_KEY_BASE 0x10000
/* pid_max's own maximum: PID_MAX_LIMIT of include/linux/threads.h. */
#define OPTIONS_PID_MAX (4 * 1024 * 1024)
/* 1 GiB of 4 KiB pages. */
#define OPTIONS_BUFFER_PAGES_MAX (1 << 18)

struct options_state {
	const struct options_spec *spec;
	struct options *options;
	const char *columns; /* --columns, or NULL */
};

static const struct {
	const char *name, *arg, *doc;
	char letter; /* that all tools have, unless a tool gives another one */
	bool hidden;
} options_table[OPTIONS_COMMON_COUNT] = {
	[OPTIONS_JSON] = { .name = "json", .doc = "Print one JSON object per line" },
	[OPTIONS_DURATION] = { .name = "duration", .arg = "SECONDS", .doc = "End after SECONDS" },
	[OPTIONS_MAX_EVENTS] = { .name = "max-events", .arg = "N", .doc = "End after N events" },
	[OPTIONS_VERBOSE] = { .name = "verbose",
			      .doc = "Say what is chosen and why (repeat for more)",
			      .letter = 'v' },
	[OPTIONS_VERSION] = { .name = "version", .doc = "Print the version", .letter = 'V' },
	[OPTIONS_BUFFER_PAGES] = { .name = "buffer-pages",
				   .arg = "N",
				   .doc = "Size of the event buffer in pages" },
	[OPTIONS_TRANSPORT] = { .name = "transport",
				.arg = "ring|perf",
				.doc = "Kind of event buffer",
				.hidden = true },
	/* Not an option but everything after "--": has no name. */
	[OPTIONS_COMMAND] = {},
	[OPTIONS_COLUMNS] = { .name = "columns",
			      .arg = "LIST",
			      .doc = "Print these columns in this order, a,b,c; +a adds one to the usual ones, -a leaves one out. Their names are below" },
};

bool options_switch_on(const struct options_switch *switches, size_t count, int key)
{
	size_t i;

	for (i = 0; i < count && switches[i].key != key; i++)
		;
	if (i < count)
		*switches[i].value = true;
	return i < count;
}

int options_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long number;
	const char *p;

	if (hex)
		text += 2;
	if (!*text)
		return -EINVAL;
	for (p = text; *p; p++) {
		if (!(hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p)))
			return -EINVAL;
	}
	errno = 0;
	number = strtoull(text, NULL, hex ? 16 : 10);
	if (errno || number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

int options_parse_s64(const char *text, int64_t min, int64_t max, int64_t *value)
{
	bool negative = *text == '-';
	uint64_t magnitude;
	int64_t number;
	int err;

	err = options_parse_u64(text + negative, 0, (uint64_t)INT64_MAX + negative, &magnitude);
	if (err)
		return err;
	number = negative ? (int64_t)-magnitude : (int64_t)magnitude;
	if (number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

int options_parse_seconds(const char *text, uint64_t *ns)
{
	uint64_t seconds = 0, fraction = 0, unit = OPTIONS_NSEC_PER_SEC;
	const char *p = text;

	for (; isdigit((unsigned char)*p); p++) {
		seconds = seconds * 10 + (*p - '0');
		if (seconds > OPTIONS_SECONDS_MAX)
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	if (*p == '.') {
		p++;
		do {
			if (!isdigit((unsigned char)*p) || unit == 1)
				return -EINVAL;
			unit /= 10;
			fraction += (*p++ - '0') * unit;
		} while (*p);
	}
	if (*p)
		return -EINVAL;
	if (!seconds && !fraction)
		return -ERANGE;
	*ns = seconds * OPTIONS_NSEC_PER_SEC + fraction;
	return 0;
}

/*
 * Not getpwnam(): a static executable has no name service, and a name service may start processes.
 */
static int options_find_user(const char *name, uid_t *uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user;
	int err = -ENOENT;

	if (!file)
		return -errno;
	while (err && (user = fgetpwent(file))) {
		if (strcmp(user->pw_name, name))
			continue;
		*uid = user->pw_uid;
		err = 0;
	}
	fclose(file);
	return err;
}

int options_parse_uid(const char *text, uid_t *uid)
{
	uint64_t number;
	int err;

	/* (uid_t)-1 is nobody's: it means "no change" to chown(2). */
	err = options_parse_u64(text, 0, UINT32_MAX - 1, &number);
	if (err == -EINVAL && *text)
		return options_find_user(text, uid);
	if (!err)
		*uid = number;
	return err;
}

uint64_t options_u64(const struct argp_state *state, const char *name, const char *text,
		     uint64_t min, uint64_t max)
{
	uint64_t value = min;

	if (options_parse_u64(text, min, max, &value))
		argp_error(state, "invalid %s '%s': expected a number from %llu to %llu", name,
			   text, (unsigned long long)min, (unsigned long long)max);
	return value;
}

int64_t options_s64(const struct argp_state *state, const char *name, const char *text, int64_t min,
		    int64_t max)
{
	int64_t value = min;

	if (options_parse_s64(text, min, max, &value))
		argp_error(state, "invalid %s '%s': expected a number from %lld to %lld", name,
			   text, (long long)min, (long long)max);
	return value;
}

uint64_t options_seconds(const struct argp_state *state, const char *name, const char *text)
{
	uint64_t ns = 0;

	if (options_parse_seconds(text, &ns))
		argp_error(state,
			   "invalid %s '%s': expected seconds greater than 0, such as 10 or 0.5",
			   name, text);
	return ns;
}

pid_t options_pid(const struct argp_state *state, const char *name, const char *text)
{
	uint64_t pid = 0;

	if (options_parse_u64(text, 1, OPTIONS_PID_MAX, &pid))
		argp_error(state, "invalid %s '%s': expected a process id%s%s%s", name, text,
			   isalpha((unsigned char)*text) ? ", such as of $(pgrep -d, -x " : "",
			   isalpha((unsigned char)*text) ? text : "",
			   isalpha((unsigned char)*text) ? ")" : "");
	return pid;
}

uid_t options_uid(const struct argp_state *state, const char *name, const char *text)
{
	uid_t uid = 0;

	if (options_parse_uid(text, &uid))
		argp_error(state, "invalid %s '%s': expected a user's name or number", name, text);
	return uid;
}

static enum options_transport options_transport(const struct argp_state *state, const char *text)
{
	if (!strcmp(text, "ring"))
		return OPTIONS_TRANSPORT_RING;
	if (strcmp(text, "perf"))
		argp_error(state, "invalid --transport '%s': expected ring or perf", text);
	return OPTIONS_TRANSPORT_PERF;
}

static int options_key(const struct options_spec *spec, enum options_common option)
{
	int letter = spec->letters[option] ?: options_table[option].letter;

	return letter ?: OPTIONS_KEY_BASE + (int)option;
}

bool options_has_letter(const struct options_spec *spec, int letter)
{
	const struct argp_option *row;
	int option;

	for (row = spec->argp->options; row && (row->name || row->key); row++)
		if (row->key == letter)
			return true;
	for (option = 0; option < OPTIONS_COMMON_COUNT; option++)
		if (spec->common & OPTIONS_BIT(option) && options_key(spec, option) == letter)
			return true;
	return letter == 'h';
}

static error_t options_apply(enum options_common option, char *arg, struct argp_state *state,
			     struct options_state *common)
{
	struct options *options = common->options;

	switch (option) {
	case OPTIONS_JSON:
		options->json = true;
		return 0;
	case OPTIONS_DURATION:
		options->duration_ns = options_seconds(state, "--duration", arg);
		return 0;
	case OPTIONS_MAX_EVENTS:
		options->max_events = options_u64(state, "--max-events", arg, 1, UINT64_MAX);
		return 0;
	case OPTIONS_VERBOSE:
		options->verbosity++;
		return 0;
	case OPTIONS_VERSION:
		printf("%s %s\n", program_invocation_short_name, TOOLS_VERSION);
		exit(0);
	case OPTIONS_BUFFER_PAGES:
		options->buffer_pages =
			options_u64(state, "--buffer-pages", arg, 1, OPTIONS_BUFFER_PAGES_MAX);
		return 0;
	case OPTIONS_TRANSPORT:
		options->transport = options_transport(state, arg);
		return 0;
	case OPTIONS_COLUMNS:
		common->columns = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Is this one of the tool's? Columns can be chosen where they are described. */
static bool options_has(const struct options_spec *spec, enum options_common option)
{
	return options_table[option].name &&
	       (spec->common & OPTIONS_BIT(option) || (option == OPTIONS_COLUMNS && spec->rows[0]));
}

static error_t options_parse_common(int key, char *arg, struct argp_state *state)
{
	struct options_state *common = state->input;
	uint64_t pid;
	int option;

	row_note_option(&common->options->rows, common->spec->rows, key);
	if (key == 'h')
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	/* The tool's parser was asked before. */
	if (key == ARGP_KEY_ARG && common->spec->group &&
	    !options_parse_u64(arg, 1, OPTIONS_PID_MAX, &pid))
		argp_error(state, "unexpected argument '%s': a process is -p %s", arg, arg);
	else if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument '%s'", arg);
	for (option = 0; option < OPTIONS_COMMON_COUNT; option++) {
		if (options_has(common->spec, option) && key == options_key(common->spec, option))
			return options_apply(option, arg, state, common);
	}
	return ARGP_ERR_UNKNOWN;
}

static void options_choose_rows(const struct options_state *common, const struct argp_state *state)
{
	struct options *options = common->options;
	char why[512];

	if (!common->spec->rows[0])
		return;
	if (common->columns && options->json)
		argp_error(state, "--columns is for text: JSON has all fields");
	if (row_choose(&options->rows, common->spec->rows, common->columns, why, sizeof(why)))
		argp_error(state, "%s", why);
}

/* The key of the option that another one is an alias of, which argp knows by its own letter only. */
static int options_unalias(const struct argp_option *option, int key)
{
	const struct argp_option *origin = NULL;

	for (; option->name || option->key || option->doc; option++) {
		if (!(option->flags & OPTION_ALIAS))
			origin = option;
		else if (option->key == key)
			return origin->key;
	}
	return key;
}

/* The tool's parser, which need not know of options that only show columns. */
static error_t options_parse_tool(int key, char *arg, struct argp_state *state)
{
	struct options_state *common = state->input;
	const struct options_spec *spec = common->spec;
	bool is_known;
	error_t err;

	key = options_unalias(spec->argp->options, key);
	is_known = row_note_option(&common->options->rows, spec->rows, key);
	if (key == ARGP_KEY_END)
		options_choose_rows(common, state);
	state->input = spec->input;
	err = spec->argp->parser(key, arg, state);
	state->input = common;
	return err == ARGP_ERR_UNKNOWN && is_known ? 0 : err;
}

/* The parser of the group of options that a tool adds. */
static error_t options_parse_group(int key, char *arg, struct argp_state *state)
{
	struct options_state *common = state->input;
	const struct options_spec *spec = common->spec;
	error_t err;

	row_note_option(&common->options->rows, spec->rows, key);
	state->input = spec->group_input;
	err = spec->group->parser(key, arg, state);
	state->input = common;
	return err;
}

/* What ends --help. */
static char *options_filter_help(int key, const char *text, void *input)
{
	const struct options_state *common = input;

	if (key != ARGP_KEY_HELP_EXTRA || !common || !common->spec->rows[0])
		return (char *)text;
	return row_help(common->spec->rows, common->spec->argp->options);
}

/* The root's parser: gives its children their inputs, and takes what follows "--". */
static error_t options_parse_root(int key, char *arg, struct argp_state *state)
{
	const struct options_state *common = state->input;
	struct options *options = common->options;
	bool takes_command = common->spec->common & OPTIONS_BIT(OPTIONS_COMMAND);

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		state->child_inputs[1] = state->input;
		state->child_inputs[2] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		/* state->quoted: the index of the argument that follows "--". */
		if (!takes_command || !state->quoted || state->next <= state->quoted)
			return ARGP_ERR_UNKNOWN;
		options->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (takes_command && state->quoted && !options->command)
			argp_error(state, "expected a command after --");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *options_args_doc(const struct options_spec *spec)
{
	if (!spec->argp->args_doc && spec->common & OPTIONS_BIT(OPTIONS_COMMAND))
		return "[-- COMMAND [ARG...]]";
	return spec->argp->args_doc;
}

void options_parse(const struct options_spec *spec, struct options *options, int argc, char **argv)
{
	struct argp_option table[OPTIONS_COMMON_COUNT + 2] = {};
	struct options_state common = { .spec = spec, .options = options };
	struct argp tool = *spec->argp,
		    shared = { .options = table, .parser = options_parse_common },
		    group = { .options = spec->group ? spec->group->options : NULL,
			      .parser = options_parse_group };
	struct argp_child children[] = {
		{ .argp = &tool },
		{ .argp = &shared, .header = "All tools:", .group = -2 },
		{ .argp = spec->group ? &group : NULL, .header = spec->group_heading, .group = 1 },
		{},
	};
	struct argp root = { .parser = options_parse_root,
			     .args_doc = options_args_doc(spec),
			     .doc = tool.doc,
			     .help_filter = options_filter_help,
			     .children = children };
	size_t count = 0;
	int option, err;

	options->start_ns = timestamp_now();
	/* argp's own messages begin with the tool's name, as all others do, whatever its path. */
	program_invocation_name = program_invocation_short_name;
	argv[0] = program_invocation_short_name;
	for (option = 0; option < OPTIONS_COMMON_COUNT; option++) {
		if (!options_has(spec, option))
			continue;
		table[count++] = (struct argp_option){
			.name = options_table[option].name,
			.arg = options_table[option].arg,
			.doc = options_table[option].doc,
			.flags = options_table[option].hidden ? OPTION_HIDDEN : 0,
			.key = options_key(spec, option),
		};
	}
	table[count] = (struct argp_option){ .key = 'h', .flags = OPTION_HIDDEN };
	tool.parser = options_parse_tool;
	tool.args_doc = NULL;
	tool.doc = NULL;
	argp_err_exit_status = OPTIONS_EXIT_USAGE;
	/* In order, so that what follows "--" can be told from arguments before it. */
	err = argp_parse(&root, argc, argv, ARGP_IN_ORDER, NULL, &common);
	log_init(options->verbosity);
	if (!err)
		return;
	log_error("cannot read the command line: %s", strerror(err));
	exit(EXIT_FAILURE);
}
