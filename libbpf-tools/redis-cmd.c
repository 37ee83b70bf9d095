/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis-cmd: the commands that Redis-like servers execute, with their cost. See man/redis-cmd.8.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <blazesym-lite.h>

#include "lib/attach.h"
#include "lib/events.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/run.h"
#include "lib/timestamp.h"
#include "redis/redis_command.h"
#include "redis/redis_print.h"
#include "redis/redis_rows.h"
#include "redis/redis_server.h"
#include "redis/redis_tables.h"
#include "redis-cmd.h"
#include "redis-cmd.skel.h"

#define TICK_NS		 100000000ull
#define SCAN_TICKS	 5 /* processes are looked at twice a second */
#define FILTERS_MAX	 64
#define IMPLAUSIBLE_MAX	 8 /* so many bad records before any good one: the layout is wrong */
#define THREADS_BYTES_MAX (16u << 20)
#define THREADS_MAX	 32u
#define STRING_SIZE_MAX	 262144 /* a map's value has 4 MiB at most */
#define DEFAULT_ARGS	 32
#define DEFAULT_BYTES	 128

enum mode { MODE_ROWS, MODE_SLOW, MODE_STATS, MODE_TOP };

enum {
	KEY_PORT = 0x100,
	KEY_CLIENT,
	KEY_ARGS,
	KEY_TOP,
	KEY_STATS,
	KEY_SLOW,
	KEY_BIGKEYS,
	KEY_SECRETS,
};

struct env {
	struct options options;
	enum mode mode;
	uint16_t port;
	const char *commands[FILTERS_MAX], *errors;
	size_t command_count;
	const char *keys, *client;
	uint64_t min_ns, interval_ns;
	int db;
	uint32_t rows, slow_count;
	bool by_size;
	struct redis_print print;
	/* the run's */
	struct redis_cmd_bpf *skel;
	struct timestamp start;
	struct attach_features features;
	struct attach_set attached;
	struct redis_servers servers;
	struct redis_servers_opts scan;
	struct redis_rows *row_queue;
	struct redis_slow *slow;
	uint64_t ticks, interval_start;
};

static const struct argp_option arguments[] = {
	{ "port", KEY_PORT, "N", 0, "Only servers that listen on TCP port N", 0 },
	{ "command", 'c', "COMMAND", 0, "Only COMMAND; may be given several times", 0 },
	{ "key", 'k', "GLOB", 0, "Only commands with a key that matches GLOB", 0 },
	{ "errors", 'x', "CODE", 0,
	  "Only those that failed with the error CODE (a list a,b,c; any: with any)", 0 },
	{ "min", 'm', "MICROSECONDS", 0, "Only those that took this long or longer", 0 },
	{ "db", 'd', "DB", 0, "Only in database DB", 0 },
	{ "client", KEY_CLIENT, "CLIENT", 0, "Only of the client with this address, number or name",
	  0 },
	{ "string-size", 'Z', "BYTES", 0, "Show this much of an argument (128)", 0 },
	{ "args", KEY_ARGS, "N", 0, "Show this many arguments (32)", 0 },
	{ "timestamp", 't', NULL, 0, "Print the time since the start, in seconds", 0 },
	{ "time", 'T', NULL, 0, "Print the time of day", 0 },
	{ "stats", KEY_STATS, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Print statistics of each command, every second or so", 1 },
	{ "top", KEY_TOP, "SECONDS", OPTION_ARG_OPTIONAL, "Print the keys used most", 1 },
	{ "bigkeys-seen", KEY_BIGKEYS, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Print the keys with the largest commands", 1 },
	{ "rows", 'r', "N", 0, "Print N rows of statistics at most (20)", 1 },
	{ "slow", KEY_SLOW, "N", 0, "Print the N slowest commands, at the end", 1 },
	{ "show-secrets", KEY_SECRETS, NULL, 0, "Show passwords instead of (redacted)", 0 },
	{},
};

/* ---- command line --------------------------------------------------------------------------- */

static void set_mode(struct env *env, const struct argp_state *state, enum mode mode)
{
	if (env->mode != MODE_ROWS)
		argp_error(state, "--stats, --top, --bigkeys-seen and --slow exclude each other");
	env->mode = mode;
}

static void set_interval(struct env *env, const struct argp_state *state, const char *name,
			 const char *arg)
{
	env->interval_ns = arg ? options_seconds(state, name, arg) : 1000000000ull;
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
		env->keys = arg;
		return 0;
	case 'x':
		env->errors = arg;
		return 0;
	case 'm':
		env->min_ns = options_u64(state, "--min", arg, 0, UINT32_MAX) * 1000;
		return 0;
	case 'd':
		env->db = options_u64(state, "--db", arg, 0, INT32_MAX);
		return 0;
	case KEY_CLIENT:
		env->client = arg;
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
	case 't':
		env->print.seconds = true;
		return 0;
	case 'T':
		env->print.clock = true;
		return 0;
	case KEY_STATS:
		set_mode(env, state, MODE_STATS);
		set_interval(env, state, "--stats", arg);
		return 0;
	case KEY_BIGKEYS:
		env->by_size = true;
		/* fall through */
	case KEY_TOP:
		set_mode(env, state, MODE_TOP);
		set_interval(env, state, key == KEY_TOP ? "--top" : "--bigkeys-seen", arg);
		return 0;
	case 'r':
		env->rows = options_u64(state, "--rows", arg, 1, 100000);
		return 0;
	case KEY_SLOW:
		set_mode(env, state, MODE_SLOW);
		env->slow_count = options_u64(state, "--slow", arg, 1, 10000);
		return 0;
	case KEY_SECRETS:
		env->print.show_secrets = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if ((env->mode == MODE_STATS || env->mode == MODE_TOP) &&
		    (env->keys || env->client || env->errors || env->min_ns))
			argp_error(state, "-k, -x, -m and --client choose rows, and --stats, --top "
					  "and --bigkeys-seen have none");
		return 0;
	default:
		return parse_filter(env, key, arg, state);
	}
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool has_error_code(const char *codes, const char *text)
{
	size_t len = strcspn(text, " ");

	if (!strcasecmp(codes, "any"))
		return true;
	for (const char *at = codes; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strcspn(at, ",") == len && !strncasecmp(at, text, len))
			return true;
	}
	return false;
}

static bool has_key(const char *glob, const struct redis_command *command)
{
	char key[1024];
	size_t at;

	for (size_t i = 0; (at = redis_command_key(command, i)) != 0; i++) {
		snprintf(key, sizeof(key), "%.*s", (int)command->args[at].kept,
			 command->args[at].data);
		if (bsl_glob_match(glob, key))
			return true;
	}
	return false;
}

static bool is_client(const struct redis_shown *shown, const char *wanted)
{
	const struct redis_arg *name = &shown->command.name;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)shown->command.event->client_id);
	return !strcmp(wanted, id) || !strcmp(wanted, shown->client->address) ||
	       (name->data && name->kept == strlen(wanted) &&
		!memcmp(name->data, wanted, name->kept));
}

static bool is_shown(const struct env *env, const struct redis_shown *shown)
{
	const struct redis_row *row = shown->row;

	if (env->errors && (!shown->error[0] || !has_error_code(env->errors, shown->error)))
		return false;
	if (env->keys && !has_key(env->keys, &shown->command))
		return false;
	if (env->client && !is_client(shown, env->client))
		return false;
	return row->run_ns + row->wait_ns >= env->min_ns;
}

static void find_error(struct redis_shown *shown, const struct redis_row *row)
{
	struct redis_command other;

	if (shown->command.error.data) {
		redis_error_text(&shown->command.error, shown->error, sizeof(shown->error));
	} else if (row->error_event &&
		   !redis_command_parse(&other, row->error_event, row->error_size) &&
		   other.error.data) {
		redis_error_text(&other.error, shown->error, sizeof(shown->error));
	}
}

static int print_row(struct env *env, const struct redis_row *row)
{
	const struct redis_event *event = row->event;
	struct redis_server *server = redis_servers_find(&env->servers, event->pid);
	struct redis_shown shown = { .row = row };

	if (!server || redis_command_parse(&shown.command, event, row->size))
		return 0;
	redis_command_mark_secrets(&shown.command);
	find_error(&shown, row);
	shown.client = redis_servers_client(&env->servers, server, event->client_id, event->fd,
					    event->user);
	if (!is_shown(env, &shown))
		return 0;
	return redis_print_row(&env->print, &shown);
}

/* A row is ready: print it, or with --slow keep it if it is among the slowest. */
static int take_row(void *ctx, const struct redis_row *row)
{
	struct env *env = ctx;

	if (env->mode != MODE_SLOW)
		return print_row(env, row);
	env->skel->bss->slow_ns = redis_slow_add(env->slow, row);
	return 0;
}

/* ---- records -------------------------------------------------------------------------------- */

/*
 * The layout comes from instructions: before a record is shown, one must have made sense. Nothing
 * that a wrong one gives is ever printed.
 */
static bool is_trusted(struct env *env, struct redis_server *server,
		       const struct redis_command *command)
{
	__u32 pid = server->pid;

	if (server->trust != REDIS_UNPROVEN)
		return server->trust == REDIS_TRUSTED;
	if (command->event->kind == REDIS_REJECTED)
		return redis_command_is_plausible(command);
	if (command->event->kind != REDIS_COMMAND)
		return true;
	if (!command->event->error && redis_command_is_plausible(command)) {
		server->trust = REDIS_TRUSTED;
		log_info("process %d: its layout is confirmed by its first command", server->pid);
		return true;
	}
	if (++server->implausible == IMPLAUSIBLE_MAX) {
		server->trust = REDIS_DISTRUSTED;
		bpf_map_delete_elem(bpf_map__fd(env->skel->maps.servers), &pid);
		log_error("process %d: its layout can't be trusted, as %d commands read by it made "
			  "no sense; it is left out", server->pid, IMPLAUSIBLE_MAX);
	}
	return false;
}

static int note_connection(struct redis_server *server, const struct redis_command *command)
{
	const struct redis_arg *host = &command->args[0], *port = &command->args[1];
	int len = command->count == 2 ? strnlen(host->data, host->kept) : 0;
	char text[REDIS_ADDRESS_SIZE] = "unix";

	if (command->count == 2 && !len)
		text[0] = 0; /* it could not be read: the socket is asked, then */
	else if (command->count == 2 && memchr(host->data, ':', len))
		snprintf(text, sizeof(text), "[%.*s]:%.5s", len, host->data, port->data);
	else if (command->count == 2)
		snprintf(text, sizeof(text), "%.*s:%.5s", len, host->data, port->data);
	return redis_server_note_connection(server, command->event->fd, text);
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct redis_event *event = data;
	struct redis_command command;
	struct redis_server *server;
	struct env *env = ctx;

	if (redis_command_parse(&command, data, size))
		return -EINVAL;
	server = redis_servers_find(&env->servers, event->pid);
	if (server && event->kind == REDIS_ACCEPTED)
		return note_connection(server, &command);
	if (!server || !is_trusted(env, server, &command))
		return 0;
	return redis_rows_add(env->row_queue, event, sizeof(*event) + event->data_len,
			      server->exe->places.reexecutes);
}

/* ---- servers -------------------------------------------------------------------------------- */

static int attach_place(struct env *env, const struct bpf_program *prog, const char *path,
			uint64_t offset, bool is_return)
{
	const struct attach_place place = { .offset = offset };
	const struct attach_uprobe_opts opts = {
		.path = path,
		.places = &place,
		.count = 1,
		.is_return = is_return,
		.use_multi = env->features.uprobe_multi,
		/* Other servers needn't pay for it, where the kernel knows what a process is. */
		.pid = env->features.uprobe_multi && !env->features.uprobe_multi_pid
			       ? 0 : env->options.pid,
	};
	size_t attached;

	return offset ? attach_uprobes(&env->attached, bpf_program__fd(prog), &opts, &attached) : 0;
}

/* Returns first: a call whose return alone is seen does no harm. */
static int attach_exe(struct env *env, struct redis_exe *exe, pid_t pid)
{
	const struct redis_places *places = &exe->places;
	const struct redis_cmd_bpf *skel = env->skel;
	const struct {
		const struct bpf_program *prog;
		uint64_t offset;
		bool is_return, for_rows;
	} probes[] = {
		{ skel->progs.leave_call, places->call, true, false },
		{ skel->progs.error_reply, places->after_error, false, false },
		{ skel->progs.block_client, places->block, false, true },
		{ skel->progs.block_client, places->block_keys, false, true },
		{ skel->progs.unblock_client, places->unblock, false, true },
		{ skel->progs.time_out_client, places->time_out, false, true },
		{ skel->progs.leave_accept, places->accept, true, true },
		{ skel->progs.leave_accept_unix, places->accept_unix, true, true },
		{ skel->progs.enter_accept, places->accept, false, true },
		{ skel->progs.enter_call, places->call, false, false },
	};
	bool has_rows = env->mode == MODE_ROWS || env->mode == MODE_SLOW;
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]) && !err; i++) {
		if (has_rows || !probes[i].for_rows)
			err = attach_place(env, probes[i].prog, path, probes[i].offset,
					   probes[i].is_return);
	}
	if (err)
		log_libbpf_failure(err, "cannot attach to the executable of process %d", pid);
	else if (!places->after_error)
		log_warn("process %d: no function afterErrorReply: errors aren't seen", pid);
	exe->is_attached = !err;
	return err;
}

static int server_found(void *ctx, struct redis_exe *exe, struct redis_server *server)
{
	struct env *env = ctx;
	__u32 pid = server->pid;
	int err;

	if (!exe->is_attached && attach_exe(env, exe, server->pid))
		return -EINVAL;
	err = bpf_map_update_elem(bpf_map__fd(env->skel->maps.servers), &pid, &exe->layout, 0);
	if (err)
		log_warn("process %d: too many servers, it is left out", server->pid);
	else
		log_info("process %d is traced", server->pid);
	return err;
}

/* Its threads make room for others. Keys are thread ids, which may have been reused: only dead ones. */
static void server_gone(void *ctx, const struct redis_server *server)
{
	struct env *env = ctx;
	int fd = bpf_map__fd(env->skel->maps.threads);
	__u32 pid = server->pid, tid = 0, *previous = NULL;

	log_info("process %d has ended", server->pid);
	bpf_map_delete_elem(bpf_map__fd(env->skel->maps.servers), &pid);
	while (!bpf_map_get_next_key(fd, previous, &tid)) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%u", tid);
		if (tid == pid || access(path, F_OK)) {
			bpf_map_delete_elem(fd, &tid);
			previous = NULL;
			continue;
		}
		previous = &tid;
	}
}

/* ---- aggregates ----------------------------------------------------------------------------- */

static int print_tables(struct env *env)
{
	uint64_t now = timestamp_now();
	struct redis_tables_opts opts = {
		.output = env->print.output,
		.start = &env->start,
		.now = now,
		.elapsed_ns = now - env->interval_start,
		.rows = env->rows,
		.by_size = env->by_size,
	};

	env->interval_start = now;
	return env->mode == MODE_STATS
		       ? redis_tables_print_stats(bpf_map__fd(env->skel->maps.stats), &opts)
		       : redis_tables_print_top(bpf_map__fd(env->skel->maps.top), &opts);
}

static int tick(void *ctx)
{
	struct env *env = ctx;
	int err = 0;

	if (++env->ticks % SCAN_TICKS == 0)
		redis_servers_scan(&env->servers, &env->scan);
	if (env->mode == MODE_ROWS || env->mode == MODE_SLOW)
		err = redis_rows_tick(env->row_queue, timestamp_now());
	else if (timestamp_now() - env->interval_start >= env->interval_ns)
		err = print_tables(env);
	return err;
}

static void detach(void *ctx)
{
	struct env *env = ctx;

	attach_set_close(&env->attached);
}

/* What is left when the run is over. */
static void finish(void *ctx)
{
	struct env *env = ctx;

	if (env->mode == MODE_STATS || env->mode == MODE_TOP) {
		print_tables(env);
		return;
	}
	redis_rows_flush(env->row_queue, timestamp_now());
	for (size_t i = 0; env->mode == MODE_SLOW && i < redis_slow_count(env->slow); i++)
		print_row(env, redis_slow_row(env->slow, i));
}

/* ---- set-up --------------------------------------------------------------------------------- */

static int set_sizes(struct env *env, struct redis_config *config)
{
	/* Room for finding keywords, whatever is shown of them. */
	uint32_t bytes = env->print.arg_bytes > REDIS_KEYWORD_SIZE ? env->print.arg_bytes : REDIS_KEYWORD_SIZE;
	struct redis_cmd_bpf *skel = env->skel;
	uint32_t value, threads;
	int err;

	bytes = (bytes + 7) & ~7u;
	config->args = env->print.args;
	config->arg_bytes = bytes;
	config->data_bytes = bytes + 2048;
	/* struct frame of the kernel side is what the map's value has beyond struct thread. */
	config->frame_size = REDIS_FRAME_ROOM + config->data_bytes +
			     bytes + (uint32_t)sizeof(struct redis_item);
	value = bpf_map__value_size(skel->maps.threads) + REDIS_DEPTH_MAX * config->frame_size;
	value = (value + 7) & ~7u;
	threads = THREADS_BYTES_MAX / value;
	threads = threads < 2 ? 2 : threads > THREADS_MAX ? THREADS_MAX : threads;
	log_info("memory for %u threads of servers: %u KiB", threads, threads * value / 1024);
	err = bpf_map__set_value_size(skel->maps.threads, value);
	err = err ?: bpf_map__set_value_size(skel->maps.blank_thread, value);
	err = err ?: bpf_map__set_max_entries(skel->maps.threads, threads);
	if (env->mode != MODE_TOP)
		err = err ?: bpf_map__set_max_entries(skel->maps.top, 1);
	return err;
}

static void set_name(const char *name, char key[REDIS_NAME_SIZE])
{
	memset(key, 0, REDIS_NAME_SIZE);
	for (size_t i = 0; name[i] && i < REDIS_NAME_SIZE - 1; i++)
		key[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i];
}

static int fill_maps(struct env *env)
{
	int names = bpf_map__fd(env->skel->maps.names);
	int positions = bpf_map__fd(env->skel->maps.key_positions);
	char key[REDIS_NAME_SIZE];
	int err = 0;

	for (size_t i = 0; i < env->command_count && !err; i++) {
		set_name(env->commands[i], key);
		err = bpf_map_update_elem(names, key, &(__u8){ 1 }, 0);
	}
	for (size_t i = 0; env->mode == MODE_TOP && i < redis_key_spec_count && !err; i++) {
		__u8 first = redis_key_specs[i].first;

		if (first == 1)
			continue;
		set_name(redis_key_specs[i].name, key);
		err = bpf_map_update_elem(positions, key, &first, 0);
	}
	return err;
}

static int load(struct env *env, struct events_maps *maps)
{
	struct redis_cmd_bpf *skel = env->skel;
	struct redis_config *config = (struct redis_config *)&skel->rodata->config;
	struct bpf_program *prog;
	int err;

	config->min_ns = env->min_ns;
	config->db = env->db;
	config->by_name = env->command_count > 0;
	config->errors_only = env->errors != NULL;
	config->stats = env->mode == MODE_STATS;
	config->top = env->mode == MODE_TOP;
	attach_probe_features(&env->features);
	bpf_object__for_each_program(prog, skel->obj) {
		if (env->features.uprobe_multi)
			bpf_program__set_expected_attach_type(prog, ATTACH_TYPE_UPROBE_MULTI);
	}
	err = set_sizes(env, config);
	err = err ?: events_maps_prepare(maps, skel->obj, &skel->rodata->events_use_perf, NULL,
					 env->options.transport,
					 env->options.buffer_pages
						 ? (size_t)env->options.buffer_pages * getpagesize()
						 : 4 << 20);
	err = err ?: redis_cmd_bpf__load(skel);
	err = err ?: events_maps_complete(maps, skel->obj, &skel->bss->events_ctl);
	err = err ?: fill_maps(env);
	if (err)
		log_libbpf_failure(err, "cannot load the BPF programs");
	return err;
}

/* Servers that run now. None is no error unless a certain one was asked for: one may start. */
static int find_servers(struct env *env)
{
	int err;

	env->scan = (struct redis_servers_opts){ .pid = env->options.pid,
						 .port = env->port,
						 .found = server_found,
						 .gone = server_gone,
						 .ctx = env };
	err = redis_servers_scan(&env->servers, &env->scan);
	if (err)
		log_error("cannot look for servers in /proc: %s", strerror(-err));
	else if (!env->servers.count && env->options.pid)
		log_error("process %d is not a Redis-like server that can be traced (-v tells "
			  "why)", env->options.pid);
	else if (!env->servers.count && env->port)
		log_warn("no Redis-like server listens on port %u yet; waiting", env->port);
	else if (!env->servers.count)
		log_warn("no Redis-like server is running yet; waiting");
	return err ?: env->options.pid && !env->servers.count ? -ESRCH : 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.doc = "Show the commands that Redis, Valkey and Redict servers execute, and "
		       "their cost."
	};
	struct env env = { .db = -1,
			   .print = { .args = DEFAULT_ARGS, .arg_bytes = DEFAULT_BYTES },
			   .rows = 20 };
	const struct options_spec spec = {
		.argp = &argp,
		.input = &env,
		.common = OPTIONS_EVENTS | OPTIONS_BIT(OPTIONS_PID),
		.letters = { [OPTIONS_PID] = 'p', [OPTIONS_BUFFER_PAGES] = 'b' },
	};
	struct events_maps maps = {};
	struct events_opts events_opts = { .maps = &maps, .handle = handle_event, .ctx = &env };
	struct run_loop_opts loop = {
		.interval_ns = TICK_NS, .tick = tick, .detach = detach, .finish = finish, .ctx = &env
	};
	int status = RUN_FAILED;
	struct run *run;

	options_parse(&spec, &env.options, argc, argv);
	run = run_new(&env.options);
	if (!run)
		return RUN_FAILED;
	env.print.output = run_output(run);
	env.print.start = &env.start;
	env.row_queue = redis_rows_new(take_row, &env);
	env.slow = redis_slow_new(env.slow_count);
	env.skel = redis_cmd_bpf__open();
	if (!env.skel || !env.row_queue || !env.slow) {
		log_libbpf_failure(-errno, "cannot open the BPF object");
		goto cleanup;
	}
	if (load(&env, &maps))
		goto cleanup;
	loop.events = events_new(&events_opts);
	if (!loop.events) {
		log_libbpf_failure(-errno, "cannot open the event buffer");
		goto cleanup;
	}
	timestamp_start(&env.start);
	env.interval_start = timestamp_now();
	if (find_servers(&env))
		goto cleanup;
	if (env.mode == MODE_ROWS || env.mode == MODE_SLOW)
		redis_print_header(&env.print);
	status = run_loop(run, &loop);
cleanup:
	attach_set_close(&env.attached);
	events_free(loop.events);
	redis_rows_free(env.row_queue);
	redis_slow_free(env.slow);
	redis_servers_free(&env.servers);
	redis_cmd_bpf__destroy(env.skel);
	redis_print_end(&env.print);
	run_free(run);
	return status;
}
