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
/*
 * How often the answers of name servers are collected when nothing connects: a socket buffer holds
 * hundreds.
 */
#define NAMES_INTERVAL_NS 100000000ull

/* A row of --count. */
struct flow {
	uint16_t family, port, source_port; /* the last one with -s only */
	uint8_t source[16], destination[16];
	uint64_t count, failed;
};

struct env {
	struct tool tool;
	bool names, early, count, failed_only;
	uint16_t family;
	uint32_t netns;
	uint64_t interval_ns, least_ns;
	struct tcpconnect_range ranges[TCPCONNECT_RANGES_MAX];
	uint32_t range_count;
	struct tcpconnect_bpf *skel;
	struct dns *dns;
	struct tally flows;
};

enum { KEY_EARLY = 256, KEY_NETNS, KEY_PRINT_NETNS, KEY_FAILED, KEY_MIN_US };

/* ---- rows ----------------------------------------------------------------------------------- */

/* A row, or with --count one for all attempts that its event is an example of. */
struct attempt {
	const struct tcpconnect_event *event;
	const char *query;	 /* NULL: not known */
	const struct flow *flow; /* with --count */
	uint64_t now;
};

enum part { ADDRESS, PORT, VERSION, MAPPED };

static void get_destination(const void *row, struct row_value *value)
{
	const struct tcpconnect_event *event = ((const struct attempt *)row)->event;

	if (value->arg == ADDRESS)
		row_set_ip(value, event->family, event->destination);
	else if (value->arg == PORT)
		value->number = event->port;
	else if (value->arg == VERSION)
		value->number = event->family == AF_INET ? 4 : 6;
	else
		value->number = event->is_mapped;
	if (!event->family)
		row_set_unknown(value, "EFAULT");
}

static void get_source(const void *row, struct row_value *value)
{
	const struct tcpconnect_event *event = ((const struct attempt *)row)->event;
	static const uint8_t zero[sizeof(event->source)];
	bool is_known = event->family && memcmp(event->source, zero, sizeof(zero));

	if (value->arg == ADDRESS)
		row_set_ip(value, event->family, event->source);
	else
		value->number = event->source_port;
	if (value->arg == ADDRESS ? !is_known : !event->source_port)
		row_set_none(value, "not chosen");
}

enum outcome { RESULT, RESULT_OR_ERROR, ERROR, ERRNO, LATENCY, PENDING, LATENCY_OR_PENDING };

static void get_outcome(const void *row, struct row_value *value)
{
	static const char *const names[] = {
		[TCPCONNECT_PENDING] = "pending", [TCPCONNECT_OK] = "ok",
		[TCPCONNECT_FAILED] = "failed",	  [TCPCONNECT_CLOSED] = "closed",
		[TCPCONNECT_OK_LATE] = "ok",	  [TCPCONNECT_UNKNOWN] = ""
	};
	const struct tcpconnect_event *event = ((const struct attempt *)row)->event;
	bool failed = event->result == TCPCONNECT_FAILED;
	bool pending = event->result == TCPCONNECT_PENDING;
	bool by_name = value->arg == ERROR || (value->arg == RESULT_OR_ERROR && failed);
	const char *name = by_name ? row_error_name(-event->error) : names[event->result];

	if (value->arg == ERRNO)
		value->number = -event->error;
	else if (value->arg >= LATENCY)
		value->number = event->latency_ns;
	else
		row_set_text(value, name, strlen(name));
	if (((value->arg == ERROR || value->arg == ERRNO) && !failed) ||
	    (value->arg == LATENCY && pending) ||
	    (value->arg == PENDING && !(pending && event->latency_ns)))
		row_set_none(value, NULL);
	else if (event->result == TCPCONNECT_UNKNOWN ||
		 (event->result == TCPCONNECT_OK_LATE && value->arg >= LATENCY))
		row_set_unknown(value, "the kernel skipped the program for the end");
}

static void get_query(const void *row, struct row_value *value)
{
	const struct attempt *attempt = row;

	if (attempt->query)
		row_set_text(value, attempt->query, strlen(attempt->query));
	else
		row_set_none(value, "no answer with this address was seen");
}

static void get_fd(const void *row, struct row_value *value)
{
	const struct tcpconnect_event *event = ((const struct attempt *)row)->event;

	value->number = event->fd;
	if (event->fd < 0)
		row_set_none(value, "not by connect(2)");
}

#define AT(member) ROW_VIA(struct attempt, event, member)
#define DESTINATION(part) .get = get_destination, .arg = part
#define SOURCE(part) .get = get_source, .arg = part
#define OUTCOME(part) .get = get_outcome, .arg = part

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(start), .when = { ROW_CHOSEN },
	  .help = "when the attempt began" },
	{ "TIME(s)", NULL, ROW_ELAPSED, -8, AT(start), .decimals = 3, .when = { 't' },
	  .help = "the same, in seconds since the start" },
	{ "UID", "uid", ROW_UNSIGNED, -5, AT(uid), .when = { 'U' }, .help = "the user's number" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, AT(tid), .when = { ROW_CHOSEN }, .help = "the thread" },
	{ "COMM", "comm", ROW_CHARS, -12, .least = 10, AT(comm), .help = "its name" },
	{ "FD", "fd", ROW_UNSIGNED, 4, .get = get_fd, .when = { ROW_CHOSEN },
	  .help = "the socket's descriptor" },
	{ "NETNS", "netns", ROW_UNSIGNED, -10, AT(netns), .when = { KEY_PRINT_NETNS },
	  .help = "the network namespace's number" },
	{ "CGROUP_ID", "cgroup_id", ROW_UNSIGNED, -9, AT(cgroup_id), .when = { ROW_CHOSEN },
	  .help = "the control group's number" },
	{ "IP", "ip", ROW_UNSIGNED, -2, DESTINATION(VERSION), .help = "4 or 6: what was sent" },
	{ "MAPPED", "mapped", ROW_BOOL, -6, DESTINATION(MAPPED), .when = { ROW_CHOSEN },
	  .help = "is it IPv4 by an IPv6 socket?" },
	{ "DADDR", "daddr", ROW_IP, -16, .least = 15, DESTINATION(ADDRESS),
	  .help = "destination address" },
	{ "DPORT", "dport", ROW_UNSIGNED, -6, .least = 5, DESTINATION(PORT),
	  .help = "destination port" },
	{ "SADDR", "saddr", ROW_IP, -16, .least = 15, SOURCE(ADDRESS), .help = "source address" },
	{ "LPORT", "lport", ROW_UNSIGNED, -6, SOURCE(PORT), .when = { 'L' },
	  .help = "source port" },
	{ "RESULT", NULL, ROW_STRING, -12, OUTCOME(RESULT_OR_ERROR), .when = { -KEY_EARLY },
	  .help = "ok, pending, closed or the error's name" },
	{ NULL, "result", ROW_STRING, OUTCOME(RESULT), .help = "ok, pending, closed or failed" },
	{ "ERRNO", "errno", ROW_UNSIGNED, 5, OUTCOME(ERRNO), .when = { ROW_CHOSEN },
	  .help = "if it failed, the error's number" },
	{ "ERROR", "error", ROW_STRING, -12, OUTCOME(ERROR), .when = { ROW_CHOSEN },
	  .help = "if it failed, the error's name" },
	{ "LAT(us)", NULL, ROW_US, 9, .least = 7, OUTCOME(LATENCY_OR_PENDING),
	  .when = { -KEY_EARLY }, .help = "time until the result; pending: so far" },
	{ NULL, "latency_us", ROW_US, OUTCOME(LATENCY), .help = "time until the result" },
	{ NULL, "pending_us", ROW_US, OUTCOME(PENDING), .help = "if it is pending, time so far" },
	{ "QUERY", "query", ROW_STRING, .get = get_query, .when = { 'd' }, .is_extra = true,
	  .help = "name whose look-up gave the address" },
};

static const struct row_table rows = {
	.columns = columns,
	.count = ARRAY_SIZE(columns),
	.order =
		"time,time_s,uid,netns,cgroup_id,pid,tid,comm,fd,ip,mapped,saddr,lport,daddr,dport,"
		"result,errno,error,lat_us,query",
};

#define AT_FLOW(member) ROW_VIA(struct attempt, flow, member)

static const struct row_column flow_columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_AT(struct attempt, now), .when = { ROW_CHOSEN },
	  .help = "when this was printed" },
	{ "LADDR", "saddr", ROW_IP, -25, SOURCE(ADDRESS), .help = "source address" },
	{ "LPORT", "lport", ROW_UNSIGNED, -6, SOURCE(PORT), .when = { 'L' }, .is_extra = true,
	  .help = "source port" },
	{ "RADDR", "daddr", ROW_IP, -25, DESTINATION(ADDRESS), .help = "destination address" },
	{ "RPORT", "dport", ROW_UNSIGNED, -20, .least = 6, DESTINATION(PORT),
	  .help = "destination port" },
	{ "CONNECTS", "connects", ROW_UNSIGNED, -10, AT_FLOW(count), .help = "attempts" },
	{ "FAILED", "failed", ROW_UNSIGNED, 0, AT_FLOW(failed),
	  .help = "of these failed, or given up before an answer" },
};

static const struct row_table flow_rows = { .columns = flow_columns,
					    .count = ARRAY_SIZE(flow_columns),
					    .when = { 'c' },
					    .is_summary = true,
					    .title = "With --count" };

/* ---- command line --------------------------------------------------------------------------- */

static const struct argp_option arguments[] = {
	{ "timestamp", 't', NULL, 0, "Print the time of the attempt since the start, in seconds",
	  0 },
	{ "print-uid", 'U', NULL, 0, "Print the user's number", 0 },
	{ "lport", 'L', NULL, 0, "Print the local port, and count by it", 0 },
	{ "source-port", 's', NULL, OPTION_ALIAS, NULL, 0 },
	{ "print-netns", KEY_PRINT_NETNS, NULL, 0, "Print the network namespace", 0 },
	{ "dns", 'd', NULL, 0, "Print the name whose look-up gave the address", 0 },
	{ "ipv4", '4', NULL, 0, "Only IPv4", 0 },
	{ "ipv6", '6', NULL, 0, "Only IPv6", 0 },
	{ "port", 'P', "PORTS", 0, "Only these destination ports: 80,443,8000-8099", 0 },
	{ "netns", KEY_NETNS, "NAMESPACE", 0,
	  "Only this network namespace: its number, a process in it, or a file such as /run/netns/x",
	  0 },
	{ "failed", KEY_FAILED, NULL, 0, "Only those that did not succeed", 0 },
	{ "min-us", KEY_MIN_US, "N", 0, "Only those whose result took N microseconds or longer",
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
	if (env->early && (env->failed_only || env->least_ns))
		argp_error(state,
			   "--early excludes --failed and --min-us: there are no results yet");
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = {
		{ 'd', &env->names },
		{ KEY_EARLY, &env->early },
		{ 'c', &env->count },
		{ KEY_FAILED, &env->failed_only },
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
	case KEY_MIN_US:
		env->least_ns = 1000 * options_u64(state, "--min-us", arg, 1, UINT32_MAX);
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
	if (row_wants(&env->tool.options.rows, 'L'))
		flow->source_port = event->source_port;
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
	struct attempt attempt = { .event = event };

	if (size < sizeof(*event) || event->result > TCPCONNECT_UNKNOWN ||
	    (event->family && event->family != AF_INET && event->family != AF_INET6))
		return -EINVAL;
	if (env->count)
		return count_flow(env, event);
	if (env->names && event->family)
		attempt.query = dns_name(env->dns, event->family, event->destination);
	return row_print(&env->tool.rows, &attempt);
}

static int compare_counts(const void *left, const void *right)
{
	const struct flow *a = left, *b = right;

	return a->count != b->count ? (a->count < b->count ? 1 : -1) : compare_flows(a, b);
}

/* Most frequent first; then counting begins again. */
static int print_flows(struct env *env)
{
	void **flows = tally_sort(&env->flows, compare_counts), **flow;
	struct row_printer *printer = &env->tool.rows;
	struct tcpconnect_event event = {};
	struct attempt row = { .event = &event, .now = timestamp_now() };
	int err = 0;

	if (!flows)
		return -ENOMEM;
	if (!output_is_json(printer->out))
		output_end_line(printer->out);
	row_print_header(printer);
	for (flow = flows; *flow && !err; flow++) {
		row.flow = *flow;
		event.family = row.flow->family;
		event.port = row.flow->port;
		event.source_port = row.flow->source_port;
		memcpy(event.source, row.flow->source, sizeof(event.source));
		memcpy(event.destination, row.flow->destination, sizeof(event.destination));
		err = row_print(printer, &row);
	}
	free(flows);
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
			if (event.latency_ns >= env->least_ns &&
			    handle_event(env, &event, sizeof(event)))
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

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct tcpconnect_bpf *skel = env->skel = TOOL_OPEN(&env->tool, tcpconnect, opts);
	int err = 0;

	if (!skel)
		return -errno;
	env->names = row_wants(&env->tool.options.rows, 'd');
	env->tool.interval_ns = env->names ? NAMES_INTERVAL_NS : env->interval_ns;
	skel->rodata->with_early = env->early;
	skel->rodata->failed_only = env->failed_only;
	skel->rodata->least_ns = env->least_ns;
	skel->rodata->only_family = env->family;
	skel->rodata->only_netns = env->netns;
	skel->rodata->range_count = env->range_count;
	memcpy((void *)skel->rodata->ranges, env->ranges, sizeof(env->ranges));
	if (!env->names)
		return 0;
	env->dns = dns_new();
	if (!env->dns) {
		err = -errno;
		log_failure(err, PERMISSION_PACKETS, "cannot watch name servers' answers");
	}
	return err;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	dns_free(env->dns);
	tally_clear(&env->flows);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.doc = "Show TCP connections being attempted, and their results."
	};
	static const char *const types[] = { "task_struct", "files_struct", "fdtable",
					     "file",	    "inode",	    "socket",
					     "sock",	    "inet_sock",    "net" };
	static const char *const calls[] = { "connect", NULL };
	/* What ends an attempt before what begins one. */
	static const struct tool_point points[] = {
		{ "attempt_ends",
		  "sock",
		  "inet_sock_set_state",
		  "probe_ends",
		  { "inet_sk_set_state", "inet_sk_state_store" } },
		{ "attempt_begins",
		  "sock",
		  "inet_sock_set_state",
		  "probe_begins",
		  { "inet_sk_set_state", "inet_sk_state_store" } },
		{},
	};
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &rows, &flow_rows } },
		.types = types,
		.type_count = ARRAY_SIZE(types),
		.blind_spots = { "attempts by that which fail before a SYN aren't shown",
				 "its attempts that fail before a SYN aren't shown" },
		.open = open_object,
		.calls = calls,
		.points = points,
		.handle = handle_event,
		.tick = tick,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .flows = { .compare = compare_flows } };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
