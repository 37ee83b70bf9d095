/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * tcpconnect: TCP connections being attempted, and what became of them. See man/tcpconnect.8.
 */
#include <arpa/inet.h>
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/dns.h"
#include "lib/log.h"
#include "lib/tally.h"
#include "lib/tool.h"
#include "tcpconnect.h"
#include "tcpconnect.skel.h"

#define PORT_MAX 65535
#define ADDRESS_SIZE INET6_ADDRSTRLEN
/*
 * How often the answers of name servers are collected when nothing connects: a socket buffer holds
 * hundreds.
 */
#define NAMES_INTERVAL_NS 100000000ull

/* A row of --count. */
struct flow {
	uint16_t family, port;
	uint8_t source[16], destination[16];
	uint64_t count, failed;
};

struct env {
	struct tool tool;
	bool timestamp, print_uid, print_source_port, print_netns, names, early, count;
	uint16_t family;
	uint32_t netns;
	uint64_t interval_ns;
	struct tcpconnect_range ranges[TCPCONNECT_RANGES_MAX];
	uint32_t range_count;
	struct tcpconnect_bpf *skel;
	struct dns *dns;
	struct tally flows;
};

enum { KEY_EARLY = 256, KEY_NETNS, KEY_PRINT_NETNS };

static const struct argp_option arguments[] = {
	{ "timestamp", 't', NULL, 0, "Print the time of the attempt since the start, in seconds",
	  0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "lport", 'L', NULL, 0, "Print the local port", 0 },
	{ "source-port", 's', NULL, OPTION_ALIAS, NULL, 0 },
	{ "print-netns", KEY_PRINT_NETNS, NULL, 0, "Print the network namespace", 0 },
	{ "dns", 'd', NULL, 0, "Print the name whose look-up gave the address", 0 },
	{ "ipv4", '4', NULL, 0, "Only IPv4", 0 },
	{ "ipv6", '6', NULL, 0, "Only IPv6", 0 },
	{ "port", 'P', "PORTS", 0, "Only these destination ports: 80,443,8000-8099", 0 },
	{ "netns", KEY_NETNS, "NAMESPACE", 0,
	  "Only this network namespace: its number, a process in it, or a file such as /run/netns/x",
	  0 },
	{ "early", KEY_EARLY, NULL, 0, "Print attempts as they begin, without their results", 0 },
	{ "count", 'c', NULL, 0, "Print how many attempts there were, by addresses and port", 0 },
	{ "interval", 'i', "SECONDS", 0, "With --count: print every SECONDS, not only at the end",
	  0 },
	{},
};

/* "80,443,8000-8099"; all of it. -EINVAL, -ERANGE, -E2BIG. */
static int parse_ports(const char *text, struct env *env)
{
	char part[32], *dash;
	uint64_t first, last;
	size_t len;
	int err;

	for (env->range_count = 0;; text += len + 1) {
		len = strcspn(text, ",");
		if (len >= sizeof(part))
			return -EINVAL;
		if (env->range_count == TCPCONNECT_RANGES_MAX)
			return -E2BIG;
		memcpy(part, text, len);
		part[len] = '\0';
		dash = strchr(part, '-');
		if (dash)
			*dash++ = '\0';
		err = options_parse_u64(part, 1, PORT_MAX, &first);
		last = first;
		if (!err && dash)
			err = options_parse_u64(dash, first, PORT_MAX, &last);
		if (err)
			return err;
		env->ranges[env->range_count++] = (struct tcpconnect_range){ first, last };
		if (!text[len])
			return 0;
	}
}

/* The number of the network namespace that this file stands for. -EINVAL: of no such one. */
static int read_netns(const char *path, uint32_t *number)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		err = -EINVAL;
	else if (fstat(fd, &st))
		err = -errno;
	else
		*number = st.st_ino;
	close(fd);
	return err;
}

/* By number, by a process in it, or by file. Numbers are larger than processes' ids. */
static void set_netns(struct env *env, const char *text, const struct argp_state *state)
{
	const char *path = text;
	char process[64];
	uint64_t number;
	int err;

	if (!options_parse_u64(text, 1, UINT32_MAX, &number)) {
		env->netns = number;
		if (number > 4 * 1024 * 1024)
			return;
		snprintf(process, sizeof(process), "/proc/%llu/ns/net", (unsigned long long)number);
		path = process;
	}
	err = read_netns(path, &env->netns);
	if (err)
		argp_error(state, "invalid --netns '%s': %s: %s", text, path,
			   err == -EINVAL ? "not a network namespace" : strerror(-err));
}

static void set_family(struct env *env, uint16_t family, const struct argp_state *state)
{
	if (env->family && env->family != family)
		argp_error(state, "-4 and -6 exclude each other");
	env->family = family;
}

static void check_options(const struct env *env, const struct argp_state *state)
{
	if (env->interval_ns && !env->count)
		argp_error(state, "--interval is for --count only");
	if (env->count && (env->early || env->names))
		argp_error(state, "--count excludes --early and --dns");
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = {
		{ 't', &env->timestamp },
		{ 'U', &env->print_uid },
		{ 'L', &env->print_source_port },
		{ 's', &env->print_source_port },
		{ KEY_PRINT_NETNS, &env->print_netns },
		{ 'd', &env->names },
		{ KEY_EARLY, &env->early },
		{ 'c', &env->count },
	};

	if (options_switch_on(switches, ARRAY_SIZE(switches), key))
		return 0;
	switch (key) {
	case '4':
		set_family(env, AF_INET, state);
		return 0;
	case '6':
		set_family(env, AF_INET6, state);
		return 0;
	case 'P':
		if (parse_ports(arg, env))
			argp_error(state,
				   "invalid --port '%s': expected up to %d ports or ranges, "
				   "such as 80,8000-8099",
				   arg, TCPCONNECT_RANGES_MAX);
		return 0;
	case 'i':
		env->interval_ns = options_seconds(state, "--interval", arg);
		return 0;
	case KEY_NETNS:
		set_netns(env, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_options(env, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *error_name(const struct tcpconnect_event *event)
{
	return strerrorname_np(-event->error) ?: "unknown error";
}

static const char *result_name(const struct tcpconnect_event *event)
{
	static const char *const names[] = { [TCPCONNECT_PENDING] = "pending",
					     [TCPCONNECT_OK] = "ok",
					     [TCPCONNECT_CLOSED] = "closed",
					     [TCPCONNECT_OK_LATE] = "ok",
					     [TCPCONNECT_UNKNOWN] = "?" };

	return event->result == TCPCONNECT_FAILED ? error_name(event) : names[event->result];
}

static bool has_latency(const struct tcpconnect_event *event)
{
	return event->result == TCPCONNECT_OK || event->result == TCPCONNECT_FAILED ||
	       event->result == TCPCONNECT_CLOSED;
}

/* "?" for one that isn't known. */
static const char *format_address(uint16_t family, const uint8_t address[16],
				  char text[ADDRESS_SIZE])
{
	return family ? inet_ntop(family, address, text, ADDRESS_SIZE) : "?";
}

/* No source address is chosen yet, or ever. */
static bool has_source(const struct tcpconnect_event *event)
{
	static const uint8_t zero[16];

	return event->family && memcmp(event->source, zero, sizeof(zero));
}

static void print_header(void *ctx)
{
	const struct env *env = ctx;
	struct output *out = env->tool.output;

	if (output_is_json(out) || env->count)
		return;
	if (env->timestamp)
		output_printf(out, "%-9s", "TIME(s)");
	if (env->print_uid)
		output_printf(out, "%-6s", "UID");
	if (env->print_netns)
		output_printf(out, "%-11s", "NETNS");
	output_printf(out, "%-7s %-12s %-2s %-16s ", "PID", "COMM", "IP", "SADDR");
	if (env->print_source_port)
		output_printf(out, "%-6s ", "LPORT");
	output_printf(out, "%-16s %-6s", "DADDR", "DPORT");
	if (!env->early)
		output_printf(out, " %-12s %9s", "RESULT", "LAT(us)");
	if (env->names)
		output_puts(out, " QUERY");
	output_end_line(out);
}

static int print_text(struct env *env, const struct tcpconnect_event *event, const char *name)
{
	struct output *out = env->tool.output;
	char text[ADDRESS_SIZE];

	if (env->timestamp)
		output_printf(out, "%-9.3f", timestamp_offset(&env->tool.start, event->start));
	if (env->print_uid)
		output_put_u64(out, event->uid, -6);
	if (env->print_netns)
		output_printf(out, "%-11u", event->netns);
	output_put_u64(out, event->pid, -7);
	output_puts(out, " ");
	output_put_cstr(out, event->comm, sizeof(event->comm), -12);
	output_printf(out, " %-2s %-16s ",
		      !event->family		 ? "?"
		      : event->family == AF_INET ? "4"
						 : "6",
		      has_source(event) ? format_address(event->family, event->source, text) : "-");
	if (env->print_source_port && event->source_port)
		output_printf(out, "%-6u ", event->source_port);
	else if (env->print_source_port)
		output_printf(out, "%-6s ", "-");
	output_printf(out, "%-16s ", format_address(event->family, event->destination, text));
	if (event->family)
		output_printf(out, "%-6u", event->port);
	else
		output_printf(out, "%-6s", "?");
	if (has_latency(event) || (event->result == TCPCONNECT_PENDING && !env->early))
		output_printf(out, " %-12s %9.0f", result_name(event), event->latency_ns / 1e3);
	else if (!env->early)
		output_printf(out, " %-12s %9s", result_name(event), "?");
	if (env->names) {
		output_puts(out, " ");
		output_put_cstr(out, name ?: "-", SIZE_MAX, 0);
	}
	return output_end(out);
}

static void print_json_result(struct output *out, const struct tcpconnect_event *event)
{
	static const char unseen[] = "the kernel skipped the program for the end";
	bool failed = event->result == TCPCONNECT_FAILED;

	if (event->result == TCPCONNECT_UNKNOWN)
		output_json_error(out, "result", unseen);
	else
		output_json_cstr(out, "result", failed ? "failed" : result_name(event), SIZE_MAX);
	if (failed) {
		output_json_s64(out, "errno", -event->error);
		output_json_cstr(out, "error", error_name(event), SIZE_MAX);
	}
	if (has_latency(event))
		output_json_double(out, "latency_us", event->latency_ns / 1e3);
	else if (event->result != TCPCONNECT_PENDING)
		output_json_error(out, "latency_us", unseen);
}

static int print_json(struct env *env, const struct tcpconnect_event *event, const char *name)
{
	struct output *out = env->tool.output;
	char text[ADDRESS_SIZE];

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(&env->tool.start, event->start));
	output_json_u64(out, "uid", event->uid);
	output_json_u64(out, "pid", event->pid);
	output_json_u64(out, "tid", event->tid);
	output_json_cstr(out, "comm", event->comm, sizeof(event->comm));
	output_json_u64(out, "netns", event->netns);
	output_json_u64(out, "cgroup_id", event->cgroup_id);
	if (event->family) {
		output_json_u64(out, "ip", event->family == AF_INET ? 4 : 6);
		output_json_bool(out, "mapped", event->is_mapped);
		format_address(event->family, event->destination, text);
		output_json_cstr(out, "daddr", text, SIZE_MAX);
		output_json_u64(out, "dport", event->port);
	} else {
		output_json_error(out, "daddr", "EFAULT");
	}
	if (has_source(event))
		output_json_cstr(out, "saddr", format_address(event->family, event->source, text),
				 SIZE_MAX);
	else
		output_json_error(out, "saddr", "not chosen");
	if (event->source_port)
		output_json_u64(out, "lport", event->source_port);
	else
		output_json_error(out, "lport", "not chosen");
	print_json_result(out, event);
	if (name)
		output_json_cstr(out, "query", name, SIZE_MAX);
	else if (env->names)
		output_json_error(out, "query", "no answer with this address was seen");
	return output_end(out);
}

static int compare_flows(const void *left, const void *right)
{
	return memcmp(left, right, offsetof(struct flow, count));
}

static int count_flow(struct env *env, const struct tcpconnect_event *event)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		return -ENOMEM;
	flow->family = event->family;
	flow->port = event->port;
	memcpy(flow->source, event->source, sizeof(flow->source));
	memcpy(flow->destination, event->destination, sizeof(flow->destination));
	flow = tally_row(&env->flows, flow);
	if (!flow)
		return -ENOMEM;
	flow->count++;
	flow->failed += event->result == TCPCONNECT_FAILED || event->result == TCPCONNECT_CLOSED;
	return 0;
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct tcpconnect_event *event = data;
	struct env *env = ctx;
	const char *name = NULL;

	if (size < sizeof(*event) || event->result > TCPCONNECT_UNKNOWN ||
	    (event->family && event->family != AF_INET && event->family != AF_INET6))
		return -EINVAL;
	if (env->count)
		return count_flow(env, event);
	if (env->names && event->family)
		name = dns_name(env->dns, event->family, event->destination);
	return output_is_json(env->tool.output) ? print_json(env, event, name)
						: print_text(env, event, name);
}

static int compare_counts(const void *left, const void *right)
{
	const struct flow *a = left, *b = right;

	return a->count != b->count ? (a->count < b->count ? 1 : -1) : compare_flows(a, b);
}

static int print_flow(const struct env *env, const struct flow *flow)
{
	char source_text[ADDRESS_SIZE], destination_text[ADDRESS_SIZE];
	const char *source = format_address(flow->family, flow->source, source_text);
	const char *destination = format_address(flow->family, flow->destination, destination_text);
	struct output *out = env->tool.output;

	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_cstr(out, "laddr", source, SIZE_MAX);
		output_json_cstr(out, "raddr", destination, SIZE_MAX);
		output_json_u64(out, "rport", flow->port);
		output_json_u64(out, "connects", flow->count);
		output_json_u64(out, "failed", flow->failed);
	} else {
		output_printf(out, "%-25s %-25s %-20u %-10llu %llu", source, destination,
			      flow->port, (unsigned long long)flow->count,
			      (unsigned long long)flow->failed);
	}
	return output_end(out);
}

/* Most frequent first; then counting begins anew. */
static int print_flows(struct env *env)
{
	void **rows = tally_sort(&env->flows, compare_counts), **row;
	struct output *out = env->tool.output;
	int err = 0;

	if (!rows)
		return -ENOMEM;
	if (!output_is_json(out)) {
		output_end_line(out);
		output_printf(out, "%-25s %-25s %-20s %-10s %s", "LADDR", "RADDR", "RPORT",
			      "CONNECTS", "FAILED");
		output_end_line(out);
	}
	for (row = rows; *row && !err; row++)
		err = print_flow(env, *row);
	free(rows);
	tally_clear(&env->flows);
	return err;
}

static int tick(void *ctx)
{
	struct env *env = ctx;

	if (env->count)
		return print_flows(env);
	dns_collect(env->dns);
	return 0;
}

/* Kernels before 5.10 cannot be asked. */
static bool is_over(const struct env *env, uint64_t key)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &key, .ctx_size_in = sizeof(key));

	return !bpf_prog_test_run_opts(bpf_program__fd(env->skel->progs.attempt_is_pending),
				       &run) &&
	       !run.retval;
}

/* Attempts without a result: there is none yet, or the kernel kept it from us. */
static void print_pending(struct env *env)
{
	int fd = bpf_map__fd(env->skel->maps.attempts);
	struct tcpconnect_event event;
	uint64_t key, now = timestamp_now();
	int err = bpf_map_get_next_key(fd, NULL, &key);

	while (!err) {
		if (!bpf_map_lookup_elem(fd, &key, &event)) {
			event.latency_ns = now > event.start ? now - event.start : 0;
			event.result = is_over(env, key) ? TCPCONNECT_UNKNOWN : TCPCONNECT_PENDING;
			if (handle_event(env, &event, sizeof(event)))
				return;
		}
		err = bpf_map_get_next_key(fd, &key, &key);
	}
}

static void finish(void *ctx)
{
	struct env *env = ctx;

	print_pending(env);
	if (env->count && print_flows(env) < 0)
		log_error("cannot print the counts: out of memory");
}

/*
 * All of them in the order in which nothing goes missing: what ends an attempt or a call before
 * what begins one.
 */
static int attach(void *ctx)
{
	struct env *env = ctx;
	const struct tcpconnect_bpf *skel = env->skel;
	const struct tool_tracepoint points[] = {
		{ skel->progs.leave_connect, "syscalls", "sys_exit_connect", false },
		{ skel->progs.enter_connect, "syscalls", "sys_enter_connect", false },
		{ skel->progs.attempt_ends, NULL, "inet_sock_set_state", false },
		{ skel->progs.attempt_begins, NULL, "inet_sock_set_state", false },
	};

	return tool_attach_tracepoints(&env->tool, points, ARRAY_SIZE(points));
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct tcpconnect_bpf *skel = env->skel = tcpconnect_bpf__open_opts(opts);
	int err = 0;

	if (!skel)
		return tool_fail_open();
	TOOL_OPENED(&env->tool, skel);
	TOOL_USES_EVENTS(&env->tool, skel);
	TOOL_USES_FILTER(&env->tool, skel);
	env->tool.has_registers = &skel->rodata->returning_has_registers;
	env->tool.interval_ns = env->names ? NAMES_INTERVAL_NS : env->interval_ns;
	skel->rodata->with_early = env->early;
	skel->rodata->only_family = env->family;
	skel->rodata->only_netns = env->netns;
	skel->rodata->range_count = env->range_count;
	memcpy((void *)skel->rodata->ranges, env->ranges, sizeof(env->ranges));
	if (!env->names)
		return 0;
	env->dns = dns_new();
	if (!env->dns) {
		err = -errno;
		log_error("cannot watch name servers' answers: %s", strerror(-err));
	}
	return err;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	tcpconnect_bpf__destroy(env->skel);
	dns_free(env->dns);
	tally_clear(&env->flows);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.args_doc = "[-- COMMAND [ARG...]]",
		.doc = "Show TCP connections being attempted, and their results."
	};
	static const char *const types[] = { "task_struct", "files_struct", "fdtable",
					     "file",	    "inode",	    "socket",
					     "sock",	    "inet_sock",    "net",
					     "nsproxy",	    "mnt_namespace" };
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS | OPTIONS_CORE_FILTER,
			     .letters = { [OPTIONS_PID] = 'p', [OPTIONS_UID] = 'u' } },
		.types = types,
		.type_count = ARRAY_SIZE(types),
		.open = open_object,
		.attach = attach,
		.header = print_header,
		.handle = handle_event,
		.tick = tick,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .flows = { .compare = compare_flows } };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
