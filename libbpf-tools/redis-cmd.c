/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis-cmd: the commands that Redis-like servers execute, with their cost. See man/redis-cmd.8.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/log.h"
#include "lib/tool.h"
#include "redis/redis_command.h"
#include "redis/redis_event.h"
#include "redis/redis_filter.h"
#include "redis/redis_keys.h"
#include "redis/redis_print.h"
#include "redis/redis_probes.h"
#include "redis/redis_rows.h"
#include "redis/redis_running.h"
#include "redis/redis_server.h"
#include "redis/redis_slots.h"
#include "redis/redis_stats.h"
#include "redis/redis_tables.h"
#include "redis-cmd.skel.h"

#define TICK_NS 100000000ull
#define SCAN_TICKS 5 /* processes are looked at twice a second */
#define FILTERS_MAX 64
#define IMPLAUSIBLE_MAX 8      /* so many bad records before any good one: the layout is wrong */
#define LATE_NS 10000000000ull /* a server that has just begun may not listen before that */
#define FRAMES_BYTES_MAX (16u << 20)
#define STRING_SIZE_MAX 262144 /* a map's value has 4 MiB at most */
#define BUFFER_BYTES (2u << 20)
#define KEY_BYTES 16384	 /* with -k, of each key */
#define KEYS_BYTES 49152 /* and of all of them before the last one */
#define DEFAULT_ARGS 32
#define SCREEN_ROWS 20 /* of statistics; objects are not for a screen */
#define DEFAULT_BYTES 128

enum mode { MODE_ROWS, MODE_SLOW, MODE_RUNNING, MODE_STATS, MODE_TOP };

enum {
	KEY_PORT = REDIS_KEY_OTHER,
	KEY_CLIENT,
	KEY_USER,
	KEY_SAMPLE,
	KEY_ARGS,
	KEY_SLOW,
	KEY_RUNNING,
	KEY_SECRETS
};

struct env {
	struct tool tool;
	enum mode mode;
	uint16_t port;
	const char *commands[FILTERS_MAX];
	size_t command_count;
	struct redis_filter filter;
	uint64_t period_ns;
	int db;
	uint32_t rows, slow_count; /* rows 0: not said */
	uint32_t sample;
	bool by_size;
	struct redis_print print;
	/* the run's */
	struct redis_cmd_bpf *skel;
	struct redis_probes probes;
	struct redis_servers servers;
	struct redis_servers_opts scan;
	struct redis_slots slots;
	uint32_t slot_count, frame_size;
	bool is_full; /* no slot was free, and that has been told */
	struct redis_stats *stats;
	pid_t late_pid; /* a process that isn't the server wanted, but may become it */
	uint64_t late_until;
	struct redis_shown shown; /* the row being printed: large, and not worth clearing */
	struct redis_rows *row_queue;
	struct redis_slow *slow;
	struct redis_running *running;
	uint64_t ticks, period_start, ended_at;
	bool is_showing; /* what runs: other rows aren't wanted */
};

static const struct argp_option arguments[] = {
	{ "port", KEY_PORT, "N", 0, "Only servers that listen on TCP port N", 0 },
	{ "command", 'c', "COMMAND", 0, "Only COMMAND; may be given several times", 0 },
	{ "key", 'k', "GLOB", 0, "Only commands with a key that matches GLOB", 0 },
	{ "errors", 'x', "CODE", 0,
	  "Only those that failed with the error CODE (a list a,b,c; any: with any)", 0 },
	{ "min", 'm', "MICROSECONDS", 0, "Only those that took this long or longer", 0 },
	{ "db", 'd', "DB", 0, "Only in database DB", 0 },
	{ "client", KEY_CLIENT, "CLIENT", 0,
	  "Only of clients with this address (IP or IP:PORT), number or name", 0 },
	{ "acl-user", KEY_USER, "USER", 0, "Only of clients that are this user of the ACL", 0 },
	{ "sample", KEY_SAMPLE, "N", 0, "Look at one of N commands only, chosen at random", 0 },
	{ "string-size", 'Z', "BYTES", 0, "Show this much of an argument (128)", 0 },
	{ "args", KEY_ARGS, "N", 0, "Show this many arguments (32)", 0 },
	{ "timestamp", 't', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "time", 'T', NULL, 0, "Print the time of day", 0 },
	{ "stats", REDIS_KEY_STATS, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Print statistics of each command, every second or so", 1 },
	{ "top", REDIS_KEY_TOP, "SECONDS", OPTION_ARG_OPTIONAL, "Print the keys used most", 1 },
	{ "bigkeys-seen", REDIS_KEY_BIGKEYS, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Print the keys with the largest commands", 1 },
	{ "rows", 'r', "N", 0, "Print N rows of statistics at most (20; with --json all)", 1 },
	{ "slow", KEY_SLOW, "N", 0, "Print the N slowest commands, at the end", 1 },
	{ "running", KEY_RUNNING, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Print what is being executed or blocks, every second or so", 1 },
	{ "show-secrets", KEY_SECRETS, NULL, 0, "Show passwords instead of (redacted)", 0 },
	{},
};

/* ---- command line --------------------------------------------------------------------------- */

static bool is_counting(const struct env *env)
{
	return env->mode == MODE_STATS || env->mode == MODE_TOP;
}

static void set_mode(struct env *env, const struct argp_state *state, enum mode mode)
{
	if (env->mode != MODE_ROWS)
		argp_error(
			state,
			"--stats, --top, --bigkeys-seen, --slow and --running exclude each other");
	env->mode = mode;
}

static void set_interval(struct env *env, const struct argp_state *state, const char *name,
			 const char *arg)
{
	env->period_ns = arg ? options_seconds(state, name, arg) : 1000000000ull;
}

static void add_command(struct env *env, const struct argp_state *state, const char *name)
{
	if (env->command_count == FILTERS_MAX)
		argp_error(state, "too many --command");
	else if (!*name || strlen(name) >= REDIS_NAME_SIZE)
		argp_error(state, "invalid --command '%s': expected a name of 1 to %d characters",
			   name, REDIS_NAME_SIZE - 1);
	else
		env->commands[env->command_count++] = name;
}

static error_t parse_filter(struct env *env, int key, char *arg, const struct argp_state *state)
{
	switch (key) {
	case KEY_PORT:
		env->port = options_u64(state, "--port", arg, 1, 65535);
		return 0;
	case 'c':
		add_command(env, state, arg);
		return 0;
	case 'k':
		env->filter.keys = arg;
		return 0;
	case 'x':
		env->filter.errors = arg;
		return 0;
	case 'm':
		env->filter.min_ns = options_u64(state, "--min", arg, 0, UINT32_MAX) * 1000;
		return 0;
	case 'd':
		env->db = options_u64(state, "--db", arg, 0, INT32_MAX);
		return 0;
	case KEY_CLIENT:
		env->filter.client = arg;
		return 0;
	case KEY_USER:
		env->filter.user = arg;
		return 0;
	case KEY_SAMPLE:
		env->sample = options_u64(state, "--sample", arg, 1, UINT32_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'Z':
		env->print.arg_bytes = options_u64(state, "--string-size", arg, 0, STRING_SIZE_MAX);
		return 0;
	case KEY_ARGS:
		env->print.args = options_u64(state, "--args", arg, 1, REDIS_ARGS_MAX);
		return 0;
	case REDIS_KEY_STATS:
		set_mode(env, state, MODE_STATS);
		set_interval(env, state, "--stats", arg);
		return 0;
	case REDIS_KEY_BIGKEYS:
		env->by_size = true;
		/* fall through */
	case REDIS_KEY_TOP:
		set_mode(env, state, MODE_TOP);
		set_interval(env, state, key == REDIS_KEY_TOP ? "--top" : "--bigkeys-seen", arg);
		return 0;
	case 'r':
		env->rows = options_u64(state, "--rows", arg, 1, 100000);
		return 0;
	case KEY_SLOW:
		set_mode(env, state, MODE_SLOW);
		env->slow_count = options_u64(state, "--slow", arg, 1, 10000);
		return 0;
	case KEY_RUNNING:
		set_mode(env, state, MODE_RUNNING);
		set_interval(env, state, "--running", arg);
		return 0;
	case KEY_SECRETS:
		env->print.show_secrets = true;
		return 0;
	case ARGP_KEY_END:
		if (is_counting(env) &&
		    (env->filter.keys || env->filter.client || env->filter.user ||
		     env->filter.errors || env->filter.min_ns))
			argp_error(
				state,
				"-k, -x, -m, --client and --acl-user choose rows, and --stats, --top "
				"and --bigkeys-seen have none");
		return 0;
	default:
		return parse_filter(env, key, arg, state);
	}
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* A row is ready: print it, or with --slow keep it if it is among the slowest. */
static int take_row(void *ctx, const struct redis_row *row)
{
	struct env *env = ctx;
	const struct redis_event *event = row->event;
	struct redis_server *server = redis_servers_find(&env->servers, event->pid);
	const struct redis_named *named;
	struct redis_shown *shown = &env->shown;

	if (!server || (env->mode == MODE_RUNNING && !env->is_showing))
		return 0;
	named = redis_server_command(server, event->cmd);
	if (redis_shown_set(shown, row, named, env->print.show_secrets))
		return 0;
	shown->client = redis_servers_client(&env->servers, server, event->client_id, event->fd,
					     event->user);
	if (!redis_filter_matches(&env->filter, shown))
		return 0;
	if (env->mode != MODE_SLOW)
		return redis_print_row(&env->print, shown);
	env->skel->bss->slow_ns = redis_slow_add(env->slow, row, shown->client, named);
	return 0;
}

static void print_slow(struct env *env)
{
	struct redis_shown *shown = &env->shown;

	for (size_t i = 0; i < redis_slow_count(env->slow); i++) {
		const struct redis_slow_row *slow = redis_slow_row(env->slow, i);

		if (redis_shown_set(shown, &slow->row, slow->named.cmd ? &slow->named : NULL,
				    env->print.show_secrets))
			continue;
		shown->client = &slow->client;
		redis_print_row(&env->print, shown);
	}
}

/* ---- trust ---------------------------------------------------------------------------------- */

/*
 * The layout comes from instructions: before a record is shown, one must have made sense. Nothing
 * that a wrong one gives is ever printed.
 */
static void set_trust(struct env *env, struct redis_server *server, unsigned int plausible,
		      unsigned int implausible)
{
	if (plausible) {
		server->trust = REDIS_TRUSTED;
		log_info("process %d: its layout is confirmed by its first command", server->pid);
	} else if (implausible >= IMPLAUSIBLE_MAX) {
		server->trust = REDIS_DISTRUSTED;
		redis_slots_release(&env->slots, server->pid);
		log_error("process %d: its layout can't be trusted, as %u commands read by it made "
			  "no sense; it is left out",
			  server->pid, implausible);
	}
}

static bool is_trusted(struct env *env, struct redis_server *server, const void *data, size_t size)
{
	struct redis_command command;
	bool is_plausible;

	if (server->trust != REDIS_UNPROVEN)
		return server->trust == REDIS_TRUSTED;
	if (redis_command_parse(&command, data, size))
		return false;
	is_plausible = !command.event->error && redis_command_is_plausible(&command);
	if (command.event->kind == REDIS_REJECTED)
		return is_plausible;
	if (command.event->kind != REDIS_COMMAND)
		return true;
	server->implausible += !is_plausible;
	set_trust(env, server, is_plausible, server->implausible);
	return is_plausible;
}

/* What is only counted, the kernel side looks at. */
static void check_counted(struct env *env)
{
	struct redis_state state;

	for (size_t i = 0; i < env->servers.count; i++) {
		struct redis_server *server = env->servers.servers[i];

		if (server->trust == REDIS_UNPROVEN &&
		    !bpf_map_lookup_elem(env->slots.servers, &server->slot, &state))
			set_trust(env, server, state.plausible, state.implausible);
	}
}

/* ---- records -------------------------------------------------------------------------------- */

static int look_at(struct env *env, pid_t pid)
{
	int err = redis_servers_look_at(&env->servers, pid, &env->scan);

	if (redis_servers_find(&env->servers, pid))
		log_info("process %d was found as it begins", pid);
	if (err > 0) {
		env->late_pid = pid;
		env->late_until = timestamp_now() + LATE_NS;
	}
	return err < 0 ? err : 0;
}

/*
 * A process that wasn't known runs a server's executable, and the kernel side may have begun to
 * trace it. Is it wanted? If it has ended already, that can be told only where all are.
 */
static int take_stranger(struct env *env, const struct redis_event *event)
{
	struct redis_server *server = redis_servers_find(&env->servers, event->pid);
	int err = server ? 0 : look_at(env, event->pid);

	server = redis_servers_find(&env->servers, event->pid);
	if (!err && !server && !env->port && event->fd >= 0) {
		err = redis_servers_adopt(&env->servers, event->pid, event->fd, &env->scan);
		server = redis_servers_find(&env->servers, event->pid);
	}
	if (!server || server->trust == REDIS_DISTRUSTED) {
		redis_slots_release(&env->slots, event->pid);
		redis_stats_forget(env->stats, event->pid);
	}
	return err;
}

static int handle_command(struct env *env, struct redis_server *server,
			  const struct redis_event *event, size_t size)
{
	if (redis_server_note_command(server, event, size) || !is_trusted(env, server, event, size))
		return 0;
	return redis_rows_add(env->row_queue, event, size, server->exe->places.reexecutes);
}

/* ---- what has not returned ------------------------------------------------------------------ */

static void note_executing(struct env *env, struct redis_server *server)
{
	size_t size, count = redis_running_take(env->running, server->slot);

	memset(server->executing, 0, sizeof(server->executing));
	for (size_t i = 0; i < count && redis_running_is_live(env->running, 0); i++)
		server->executing[i] = redis_running_event(env->running, i, 0, &size)->sequence;
}

static bool was_executing(const struct redis_server *server, uint64_t sequence)
{
	for (size_t i = 0; i < REDIS_DEPTH_MAX; i++) {
		if (server->executing[i] == sequence)
			return true;
	}
	return false;
}

/* What a server executes and will not be seen to return from: its end, or that of the run. flag says which. */
static int add_unfinished(struct env *env, struct redis_server *server, uint64_t until,
			  uint8_t flag)
{
	size_t size, count = redis_running_take(env->running, server->slot);
	int err = 0;

	while (count-- > 0 && !err) {
		struct redis_event *event = redis_running_event(env->running, count, until, &size);

		if (flag == REDIS_FLAG_RUN_ENDED && !was_executing(server, event->sequence))
			continue;
		event->flags |= flag;
		err = handle_command(env, server, event, size);
	}
	return err;
}

static int server_ended(struct env *env, struct redis_server *server, uint64_t now)
{
	int err;

	if (server->has_ended || is_counting(env))
		return 0;
	server->has_ended = true;
	err = add_unfinished(env, server, now, REDIS_FLAG_SERVER_ENDED);
	return err ?: redis_rows_flush(env->row_queue, now, server->pid, REDIS_END_SERVER);
}

/* With --running: a server's commands that have begun and not returned. */
static int show_executing(struct env *env, struct redis_server *server, uint64_t now)
{
	size_t count = redis_running_take(env->running, server->slot);
	int err = 0;

	for (size_t i = 0; i < count && !err && redis_running_is_live(env->running, 0); i++) {
		struct redis_row row = { .end = REDIS_END_RUN };

		row.event = redis_running_event(env->running, i, now, &row.size);
		row.run_ns = row.event->latency;
		if (!redis_server_note_command(server, row.event, row.size) &&
		    is_trusted(env, server, row.event, row.size))
			err = take_row(env, &row);
	}
	return err;
}

static int show_running(struct env *env)
{
	uint64_t now = timestamp_now();
	const struct redis_tables_opts opts = { .printer = &env->tool.rows, .now = now };
	int err = 0;

	env->period_start = now;
	env->is_showing = true;
	redis_tables_begin(&opts);
	row_print_header(&env->tool.rows);
	for (size_t i = 0; i < env->servers.count && !err; i++)
		err = show_executing(env, env->servers.servers[i], now);
	err = err ?: redis_rows_show_blocked(env->row_queue, now);
	env->is_showing = false;
	return err ?: output_flush(env->tool.output);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct redis_event *event = data;
	struct redis_server *server;
	struct env *env = ctx;

	if (size < sizeof(*event) || event->data_len > size - sizeof(*event))
		return -EINVAL;
	if (event->kind == REDIS_STARTED)
		return look_at(env, event->pid);
	if (event->kind == REDIS_STRANGER)
		return take_stranger(env, event);
	server = redis_servers_find(&env->servers, event->pid);
	if (!server)
		return 0;
	if (event->kind == REDIS_ACCEPTED)
		return redis_server_note_connection(server, data, size);
	if (event->kind == REDIS_ENDED)
		return server_ended(env, server, event->start);
	return handle_command(env, server, event, sizeof(*event) + event->data_len);
}

/* ---- servers -------------------------------------------------------------------------------- */

/* An executable of servers: whoever runs it is traced from its first command on. */
static int exe_found(void *ctx, struct redis_exe *exe, const struct bsl_elf *elf, const char *path)
{
	struct redis_layout layout = exe->layout;
	struct env *env = ctx;
	int err = 0;

	if (is_counting(env))
		redis_layout_trim(&layout);
	if (exe->number < REDIS_EXES_MAX)
		err = bpf_map_update_elem(bpf_map__fd(env->skel->maps.exes), &exe->number, &layout,
					  0);
	err = err
		      ?: redis_probes_attach(&env->probes, bsl_elf_path(elf), &exe->places,
					     exe->number);
	if (err)
		log_failure(err,
			    env->probes.features.uprobe_multi ? PERMISSION_BPF : PERMISSION_UPROBE,
			    "cannot attach to %s", path);
	else if (!exe->places.after_error)
		log_warn("%s has no function afterErrorReply: errors aren't seen", path);
	return err;
}

static int server_found(void *ctx, struct redis_server *server)
{
	struct redis_layout layout = server->exe->layout;
	struct env *env = ctx;
	int err;

	if (is_counting(env))
		redis_layout_trim(&layout);
	err = redis_slots_take(&env->slots, server->pid, &layout, &server->slot);
	if (!err)
		log_info("process %d is traced", server->pid);
	else if (err != -ENOSPC)
		log_libbpf_failure(err, "process %d is left out", server->pid);
	else if (!env->is_full)
		log_warn("process %d is left out, and any more: %u servers are traced already",
			 server->pid, env->slot_count);
	env->is_full = err == -ENOSPC;
	return err;
}

static void server_gone(void *ctx, struct redis_server *server)
{
	struct env *env = ctx;
	__u32 pid = server->pid;

	log_info("process %d has ended", server->pid);
	server_ended(env, server, timestamp_now());
	redis_slots_release(&env->slots, server->pid);
	bpf_map_delete_elem(bpf_map__fd(env->skel->maps.strangers), &pid);
}

/* Is each of the processes that were asked for a server? */
static int check_asked(struct env *env)
{
	const struct choice *choice = &env->tool.choice;

	for (unsigned int i = 0; i < choice_pid_count(choice); i++) {
		if (redis_servers_find(&env->servers, choice->pids[i]))
			continue;
		if (!processes_may_look(choice->pids[i])) {
			log_hidden_process(choice->pids[i]);
			return -EACCES;
		}
		log_error("process %d is not a Redis-like server that can be traced (-v tells "
			  "why)",
			  choice->pids[i]);
		return -ESRCH;
	}
	return 0;
}

/* Servers that run now. None is no error unless a certain one was asked for: one may start. */
static int find_servers(struct env *env)
{
	int err = redis_servers_scan(&env->servers, &env->scan);

	if (err)
		log_error("cannot look for servers in /proc: %s", strerror(-err));
	err = err ?: check_asked(env);
	if (err || env->servers.count || env->tool.options.command)
		return err;
	if (env->servers.hidden) {
		log_warn(
			"%zu processes that may be Redis-like servers may not be looked at; waiting for others",
			env->servers.hidden);
		log_permission(PERMISSION_PROCESS);
	} else if (env->port) {
		log_warn("no Redis-like server listens on port %u yet; waiting", env->port);
	} else {
		log_warn("no Redis-like server is running yet; waiting");
	}
	return 0;
}

/* ---- aggregates ----------------------------------------------------------------------------- */

static int print_tables(struct env *env)
{
	uint64_t now = timestamp_now();
	struct redis_tables_opts opts = {
		.printer = &env->tool.rows,
		.now = now,
		.elapsed_ns = now - env->period_start,
		.rows = env->rows
				?: env->tool.options.json ? UINT32_MAX
							  : SCREEN_ROWS,
		.by_size = env->by_size,
		.sample = env->sample,
	};

	env->period_start = now;
	return env->mode == MODE_STATS
		       ? redis_tables_print_stats(env->stats, &opts)
		       : redis_tables_print_top(bpf_map__fd(env->skel->maps.top), &opts);
}

/* ---- set-up --------------------------------------------------------------------------------- */

static int set_sizes(struct env *env, struct redis_config *config)
{
	/* Room for finding keywords, and for copying an object whole, whatever is shown of them. */
	uint32_t bytes = env->print.arg_bytes > REDIS_OBJECT_SPAN ? env->print.arg_bytes
								  : REDIS_OBJECT_SPAN;
	struct redis_cmd_bpf *skel = env->skel;
	uint32_t value = sizeof(struct redis_frame), servers;
	int err;

	bytes = (bytes + 7) & ~7u;
	config->args = env->print.args;
	config->arg_bytes = config->last_bytes = bytes;
	/* What all arguments together may have before the last one. */
	config->data_bytes = bytes + env->print.args * REDIS_OBJECT_SPAN;
	if (env->filter.keys) {
		config->args = REDIS_ARGS_MAX;
		config->key_bytes = bytes < KEY_BYTES ? KEY_BYTES : bytes;
		config->last_bytes = config->key_bytes;
		config->data_bytes += KEYS_BYTES;
	}
	if (!is_counting(env))
		value += config->data_bytes + sizeof(struct redis_item) + config->last_bytes;
	servers = FRAMES_BYTES_MAX / (REDIS_DEPTH_MAX * value);
	servers = servers < REDIS_SERVERS_MAX ? servers : REDIS_SERVERS_MAX;
	/* Maps are small. */
	if (config->by_pid && choice_pid_count(&env->tool.choice) < servers)
		servers = choice_pid_count(&env->tool.choice);
	env->slot_count = servers;
	env->frame_size = value;
	log_info("memory for %u servers: %u KiB", servers,
		 servers * REDIS_DEPTH_MAX * value / 1024);
	err = bpf_map__set_value_size(skel->maps.frames, value);
	err = err ?: bpf_map__set_max_entries(skel->maps.frames, servers * REDIS_DEPTH_MAX);
	err = err ?: bpf_map__set_max_entries(skel->maps.servers, servers);
	err = err ?: bpf_map__set_max_entries(skel->maps.slots, servers);
	err = err ?: bpf_map__set_max_entries(skel->maps.slots_free, servers);
	if (env->mode != MODE_STATS)
		err = err ?: bpf_map__set_max_entries(skel->maps.stats, 1);
	if (env->mode != MODE_TOP)
		err = err ?: bpf_map__set_max_entries(skel->maps.top, 1);
	return err;
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct redis_config *config;

	env->row_queue = redis_rows_new(take_row, env);
	env->slow = redis_slow_new(env->slow_count);
	if (!env->row_queue || !env->slow)
		return tool_fail_open();
	env->skel = TOOL_OPEN(&env->tool, redis_cmd, opts);
	if (!env->skel)
		return -errno;
	env->tool.buffer_bytes = BUFFER_BYTES;
	env->tool.interval_ns = TICK_NS;
	env->print.rows = &env->tool.rows;
	env->scan.choice = &env->tool.choice;
	env->scan.port = env->port;
	env->scan.found_exe = exe_found;
	env->scan.found = server_found;
	env->scan.gone = server_gone;
	env->scan.ctx = env;
	config = (struct redis_config *)&env->skel->rodata->config;
	config->min_ns = env->filter.min_ns;
	config->db = env->db;
	config->by_name = env->command_count > 0;
	config->by_pid = choice_pid_count(&env->tool.choice) > 0;
	config->by_task = choice_is_by_task(&env->tool.choice) || env->tool.options.command;
	config->errors_only = env->filter.errors != NULL;
	config->top = env->mode == MODE_TOP;
	config->running = env->mode == MODE_RUNNING;
	config->sample = env->sample;
	attach_probe_features(&env->probes.features);
	config->has_cookie = env->probes.features.cookie;
	if (!config->has_cookie)
		log_info(
			"this kernel has no attach cookies: a server's first commands may be missed");
	env->probes.skel = env->skel;
	env->probes.set = &env->tool.attached;
	env->probes.is_counting = is_counting(env);
	env->probes.pid = choice_pid(&env->tool.choice);
	env->probes.finds_others = !config->by_pid;
	redis_probes_choose(&env->probes);
	return set_sizes(env, config);
}

static void set_name(const char *name, char key[REDIS_NAME_SIZE])
{
	memset(key, 0, REDIS_NAME_SIZE);
	for (size_t i = 0; name[i] && i < REDIS_NAME_SIZE - 1; i++)
		key[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i];
}

static int begin_stats(struct env *env)
{
	const struct redis_stats_maps maps = {
		.stats = bpf_map__fd(env->skel->maps.stats),
		.stat_numbers = bpf_map__fd(env->skel->maps.stat_numbers),
		.stats_free = bpf_map__fd(env->skel->maps.stats_free),
		.period = &env->skel->bss->stats_period,
	};

	env->stats = redis_stats_new(&maps);
	return env->stats ? 0 : -errno;
}

static int add_rules(void *ctx, const char *name, const struct redis_key_rules *rules)
{
	const struct env *env = ctx;

	return bpf_map_update_elem(bpf_map__fd(env->skel->maps.key_rules), name, rules, 0);
}

static int begin_running(struct env *env)
{
	const struct redis_running_maps maps = {
		.servers = bpf_map__fd(env->skel->maps.servers),
		.frames = bpf_map__fd(env->skel->maps.frames),
		.frame_size = (env->frame_size + 7) & ~7u,
	};

	env->running = redis_running_new(&maps);
	return env->running ? 0 : -ENOMEM;
}

static int fill_maps(struct env *env)
{
	int names = bpf_map__fd(env->skel->maps.names);
	char key[REDIS_NAME_SIZE];
	int err = 0;

	for (size_t i = 0; i < env->command_count && !err; i++) {
		set_name(env->commands[i], key);
		err = bpf_map_update_elem(names, key, &(__u8){ 1 }, 0);
	}
	if (!err && (env->mode == MODE_TOP || env->filter.keys))
		err = redis_keys_each(add_rules, env);
	env->slots = (struct redis_slots){ .servers = bpf_map__fd(env->skel->maps.servers),
					   .slots = bpf_map__fd(env->skel->maps.slots),
					   .slots_free = bpf_map__fd(env->skel->maps.slots_free) };
	err = err ?: redis_slots_init(&env->slots, env->slot_count);
	if (!err && env->mode == MODE_STATS)
		err = begin_stats(env);
	if (!err && !is_counting(env))
		err = begin_running(env);
	if (err)
		log_libbpf_failure(err, "cannot fill the BPF maps");
	return err;
}

/* Servers that are installed but do not run yet: their first commands, too, are to be seen. */
static int learn_executables(struct env *env)
{
	static const char *const names[] = { "redis-server", "valkey-server", "redict-server",
					     "keydb-server" };
	static const char *const folders[] = { "/usr/bin", "/usr/local/bin" };
	char path[PATH_MAX];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(names) && !err; j++) {
			snprintf(path, sizeof(path), "%s/%s", folders[i], names[j]);
			err = redis_servers_learn(&env->servers, path, &env->scan);
		}
	}
	return err;
}

/* COMMAND, which is about to run; also a script or the like, which runs something else. */
static int learn_command(struct env *env, const char *name)
{
	struct bsl_file file;
	int err;

	if (bsl_resolve(name, 0, BSL_RESOLVE_NO_LIBRARY, &file, NULL, 0))
		return 0;
	err = redis_servers_learn(&env->servers, bsl_elf_path(file.elf), &env->scan);
	bsl_elf_close(file.elf);
	return err;
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	int err = fill_maps(env);

	err = err ?: find_servers(env);
	env->period_start = timestamp_now();
	if (!err && env->tool.options.command)
		err = learn_command(env, env->tool.options.command[0]);
	return err || !env->probes.finds_others ? err : learn_executables(env);
}

/* ---- the run -------------------------------------------------------------------------------- */

static int tick(void *ctx)
{
	struct env *env = ctx;
	uint64_t now = timestamp_now();

	if (++env->ticks % SCAN_TICKS == 0)
		redis_servers_scan(&env->servers, &env->scan);
	else if (now < env->late_until && !redis_servers_find(&env->servers, env->late_pid))
		redis_servers_look_at(&env->servers, env->late_pid, &env->scan);
	if (!is_counting(env)) {
		int err = redis_rows_tick(env->row_queue, now);

		if (err || env->mode != MODE_RUNNING || now - env->period_start < env->period_ns)
			return err;
		return show_running(env);
	}
	check_counted(env);
	return now - env->period_start >= env->period_ns ? print_tables(env) : 0;
}

/* Has the kernel side found out how to count cheaply? */
static void tell_short_cuts(struct env *env)
{
	struct redis_state state;

	for (size_t i = 0; i < env->servers.count; i++) {
		const struct redis_server *server = env->servers.servers[i];

		if (!bpf_map_lookup_elem(env->slots.servers, &server->slot, &state))
			log_info("process %d: commands were counted by %s", server->pid,
				 state.short_cut ? "the server's own notes of them"
						 : "their names and arguments");
	}
}

/* The run is over, and probes are still there. */
static void detach(void *ctx)
{
	struct env *env = ctx;

	env->ended_at = timestamp_now();
	if (env->mode == MODE_RUNNING)
		show_running(env);
	for (size_t i = 0; !is_counting(env) && i < env->servers.count; i++)
		note_executing(env, env->servers.servers[i]);
}

/* What is left when the run is over. */
static void finish(void *ctx)
{
	struct env *env = ctx;

	if (is_counting(env)) {
		check_counted(env);
		tell_short_cuts(env);
		print_tables(env);
		return;
	}
	for (size_t i = 0; i < env->servers.count; i++) {
		struct redis_server *server = env->servers.servers[i];

		if (!server->has_ended)
			add_unfinished(env, server, env->ended_at, REDIS_FLAG_RUN_ENDED);
	}
	redis_rows_flush(env->row_queue, env->ended_at, 0, REDIS_END_RUN);
	if (env->filter.unknown)
		log_warn(
			"%llu commands were left out by --key, of which not all keys are known: a module's, or "
			"very many or long ones",
			(unsigned long long)env->filter.unknown);
	if (env->mode == MODE_SLOW)
		print_slow(env);
}

static void close_all(void *ctx)
{
	struct env *env = ctx;

	redis_rows_free(env->row_queue);
	redis_slow_free(env->slow);
	redis_running_free(env->running);
	redis_stats_free(env->stats);
	redis_servers_free(&env->servers);
	redis_print_end(&env->print);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.doc = "Show the commands that Redis, Valkey and Redict servers execute, and "
		       "their cost."
	};
	static const struct tool_point points[] = {
		{ "started", "sched", "sched_process_exec", NULL, {} },
		{ "ended", "sched", "sched_process_exit", NULL, {} },
		{},
	};
	static const struct tool_spec spec = {
		.options = {
			.argp = &argp,
			.common = OPTIONS_EVENTS,
			.rows = { &redis_print_rows, &redis_tables_stats, &redis_tables_top,
				  &redis_tables_bigkeys },
			.letters = { [OPTIONS_BUFFER_PAGES] = 'b' },
		},
		.has_uprobes = true,
		.open = open_skeleton,
		.points = points,
		.attach = attach,
		.handle = handle_event,
		.tick = tick,
		.detach = detach,
		.finish = finish,
		.close = close_all,
	};
	struct env env = { .db = -1,
			   .print = { .args = DEFAULT_ARGS, .arg_bytes = DEFAULT_BYTES } };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
