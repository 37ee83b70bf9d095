/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * xdpcount: an interface's packets by source, and without those of a block list. See man/xdpcount.8.
 */
#include <arpa/inet.h>
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/map_rows.h"
#include "lib/tool.h"
#include "net/interface.h"
#include "net/rules.h"
#include "net/xdp_link.h"
#include "xdpcount.h"
#include "xdpcount.skel.h"

#define TOP_DEFAULT 20
#define SOURCES_DEFAULT 16384
#define SOURCES_MAX 4194304
struct env {
	struct tool tool;
	const char *name;
	enum xdp_mode mode;
	uint64_t interval_ns, top, sources;
	bool dry_run;
	struct rules rules;

	struct interface interface;
	struct prefix_list prefixes;
	struct xdpcount_bpf *skel;
	int counts_fds[2]; /* the first is the one that is counted in */
	int link_fd;
	uint64_t began_ns; /* the interval */
};

/* ---- rows ----------------------------------------------------------------------------------- */

struct row {
	struct xdpcount_source source;
	struct xdpcount_counts counts;
	char text[INET6_ADDRSTRLEN]; /* its address, or what it is instead */
	const char *interface;
	uint64_t now, all_packets; /* of the interval */
	double seconds;
};

static const char *const kind_names[] = { [XDPCOUNT_IPV4] = "ipv4",
					  [XDPCOUNT_IPV6] = "ipv6",
					  [XDPCOUNT_NOT_IP] = "not-ip",
					  [XDPCOUNT_OTHERS] = "others" };

static bool is_source(const struct xdpcount_source *source)
{
	return source->kind == XDPCOUNT_IPV4 || source->kind == XDPCOUNT_IPV6;
}

static void get_kind(const void *row, struct row_value *value)
{
	const char *name = kind_names[((const struct row *)row)->source.kind];

	row_set_text(value, name, strlen(name));
}

static void get_address(const void *row, struct row_value *value)
{
	const struct xdpcount_source *source = &((const struct row *)row)->source;

	row_set_ip(value, source->kind == XDPCOUNT_IPV4 ? AF_INET : AF_INET6, source->address);
	if (!is_source(source))
		row_set_none(value, NULL);
}

enum rate { PACKETS_PER_SECOND, BITS_PER_SECOND, SHARE };

static void get_rate(const void *row, struct row_value *value)
{
	const struct row *counted = row;

	if (value->arg == PACKETS_PER_SECOND)
		value->real = (double)counted->counts.packets / counted->seconds;
	else if (value->arg == BITS_PER_SECOND)
		value->real = 8 * (double)counted->counts.bytes / counted->seconds;
	else
		value->real = 100 * (double)counted->counts.packets / (double)counted->all_packets;
}

#define AT(member) ROW_AT(struct row, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(now), .when = { ROW_CHOSEN },
	  .help = "when the interval ended" },
	{ "INTERFACE", "interface", ROW_STRING, -15, AT(interface), .when = { ROW_CHOSEN },
	  .help = "the interface" },
	{ "KIND", "kind", ROW_STRING, -6, .get = get_kind, .when = { ROW_CHOSEN },
	  .help = "ipv4, ipv6, not-ip or others" },
	{ "SOURCE", NULL, ROW_CHARS, -26, AT(text), .help = "whom the packets came from" },
	{ NULL, "source", ROW_IP, .get = get_address, .help = "its address" },
	{ "PACKETS", "packets", ROW_UNSIGNED, 10, AT(counts.packets),
	  .help = "packets that came, dropped ones too" },
	{ "BYTES", "bytes", ROW_UNSIGNED, 12, AT(counts.bytes),
	  .help = "their bytes, with the link's header" },
	{ "PKT/S", "packets_per_second", ROW_RATE, 9, .get = get_rate, .arg = PACKETS_PER_SECOND,
	  .help = "packets per second" },
	{ "BIT/S", "bits_per_second", ROW_RATE, 12, .get = get_rate, .arg = BITS_PER_SECOND,
	  .when = { ROW_CHOSEN }, .help = "bits per second" },
	{ "DROPPED", "dropped_packets", ROW_UNSIGNED, 9, AT(counts.dropped_packets),
	  .help = "of these dropped, or that would be" },
	{ "DROPPED_BYTES", "dropped_bytes", ROW_UNSIGNED, 13, AT(counts.dropped_bytes),
	  .when = { ROW_CHOSEN }, .help = "bytes of these" },
	{ "SHARE%", "share_percent", ROW_DOUBLE, 6, .decimals = 1, .get = get_rate, .arg = SHARE,
	  .help = "part of the interface's packets" },
};

static const struct row_table rows = { .columns = columns,
				       .count = ARRAY_SIZE(columns),
				       .is_summary = true };

/* ---- command line --------------------------------------------------------------------------- */

enum {
	KEY_BLOCK = 256,
	KEY_BLOCK_FILE,
	KEY_ALLOW,
	KEY_ALLOW_FILE,
	KEY_MODE,
	KEY_DRY_RUN,
	KEY_FORCE,
	KEY_SOURCES
};

static const struct argp_option arguments[] = {
	{ "interval", 'i', "SECONDS", 0, "Print each SECONDS (1)", 0 },
	{ "top", 't', "N", 0,
	  "Print the N busiest sources, the rest as one row (20; with --json all)", 0 },
	{ "block", KEY_BLOCK, "ADDRESS[/BITS]", 0, "Drop what comes from here; may be repeated",
	  0 },
	{ "block-file", KEY_BLOCK_FILE, "FILE", 0,
	  "The same of each line of FILE; SIGHUP reads it again", 0 },
	{ "allow", KEY_ALLOW, "ADDRESS[/BITS]", 0,
	  "Don't drop these: the longest prefix that covers a source decides", 0 },
	{ "allow-file", KEY_ALLOW_FILE, "FILE", 0, "The same of each line of FILE", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "Drop nothing: only count what would be dropped", 0 },
	{ "force", KEY_FORCE, NULL, 0,
	  "Block even the SSH client, the gateway, own addresses or everything", 0 },
	{ "mode", KEY_MODE, "native|generic|auto", 0,
	  "Where packets are seen: by the driver, or behind it (auto: native on real devices that can)",
	  0 },
	{ "max-sources", KEY_SOURCES, "N", 0, "Room for N sources in an interval (16384)", 0 },
	{},
};

static void add_rule(struct env *env, const struct argp_state *state, int key, const char *text)
{
	static const char *const options[] = { "--block", "--block-file", "--allow",
					       "--allow-file" };
	const struct rule rule = { .option = options[key - KEY_BLOCK],
				   .text = text,
				   .is_blocked = key <= KEY_BLOCK_FILE,
				   .is_file = key == KEY_BLOCK_FILE || key == KEY_ALLOW_FILE };

	if (!rules_add(&env->rules, &rule))
		argp_error(state, "at most %d of --block, --allow and their files: a file has room",
			   RULES_MAX);
}

static void set_mode(struct env *env, const char *text, const struct argp_state *state)
{
	static const char *const names[] = {
		[XDP_MODE_AUTO] = "auto", [XDP_MODE_NATIVE] = "native", [XDP_MODE_GENERIC] = "generic"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			env->mode = i;
			return;
		}
	}
	argp_error(state, "invalid --mode '%s': expected native, generic or auto", text);
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = { { KEY_DRY_RUN, &env->dry_run },
						   { KEY_FORCE, &env->rules.may_lock_out } };

	if (options_switch_on(switches, ARRAY_SIZE(switches), key))
		return 0;
	switch (key) {
	case 'i':
		env->interval_ns = options_seconds(state, "--interval", arg);
		return 0;
	case 't':
		env->top = options_u64(state, "--top", arg, 1, SOURCES_MAX);
		return 0;
	case KEY_SOURCES:
		env->sources = options_u64(state, "--max-sources", arg, 1, SOURCES_MAX);
		return 0;
	case KEY_MODE:
		set_mode(env, arg, state);
		return 0;
	case KEY_BLOCK:
	case KEY_BLOCK_FILE:
	case KEY_ALLOW:
	case KEY_ALLOW_FILE:
		add_rule(env, state, key, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (env->name)
			argp_error(state, "one interface at a time: '%s' or '%s'", env->name, arg);
		env->name = arg;
		return 0;
	case ARGP_KEY_END:
		if (!env->name)
			argp_error(state, "which interface? ip link lists them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* The only element of an array of maps. The kernel returns once no program uses the old one any more. */
static int exchange(const struct bpf_map *outer, int fd)
{
	return bpf_map_update_elem(bpf_map__fd(outer), &(uint32_t){ 0 }, &fd, BPF_ANY);
}

/* Put the list in force. */
static int set_rules(struct env *env)
{
	int fd = rules_make_map(&env->prefixes), err;

	if (fd < 0)
		return fd;
	err = exchange(env->skel->maps.ruling, fd);
	if (err)
		log_libbpf_failure(err, "cannot set the rules");
	close(fd);
	return err;
}

/* SIGHUP. What can't be used leaves everything as it was. */
static int reload(void *ctx)
{
	struct env *env = ctx;
	struct prefix_list list = {};
	char why[512];

	if (!env->rules.count)
		return 0;
	if (rules_read(&env->rules, &list, why, sizeof(why))) {
		log_warn("the rules stay as they were: %s", why);
		prefix_list_clear(&list);
		return 0;
	}
	prefix_list_clear(&env->prefixes);
	env->prefixes = list;
	log_note("%zu rules are in force now", list.count);
	return set_rules(env);
}

/* ---- counts --------------------------------------------------------------------------------- */

/* Rows that there must be room for. */
static int add_fixed_rows(int fd)
{
	static const uint32_t kinds[] = { XDPCOUNT_NOT_IP, XDPCOUNT_OTHERS };
	int cpus = libbpf_num_possible_cpus(), err = cpus < 0 ? cpus : 0;
	struct xdpcount_counts *zero = cpus < 0 ? NULL : calloc((size_t)cpus, sizeof(*zero));

	if (!err && !zero)
		err = -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
		err = bpf_map_update_elem(fd, &(struct xdpcount_source){ .kind = kinds[i] }, zero,
					  BPF_ANY);
	free(zero);
	return err;
}

static int make_counts(struct env *env)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(env->counts_fds) && !err; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, "xdpcount_counts",
					sizeof(struct xdpcount_source),
					sizeof(struct xdpcount_counts), (uint32_t)env->sources + 2,
					NULL);

		env->counts_fds[i] = fd;
		err = fd < 0 ? fd : add_fixed_rows(fd);
	}
	err = err ?: exchange(env->skel->maps.counting, env->counts_fds[0]);
	if (err)
		log_libbpf_failure(err, "cannot make maps for %llu sources",
				   (unsigned long long)env->sources);
	return err;
}

static void add_counts(struct xdpcount_counts *sum, const struct xdpcount_counts *counts)
{
	sum->packets += counts->packets;
	sum->bytes += counts->bytes;
	sum->dropped_packets += counts->dropped_packets;
	sum->dropped_bytes += counts->dropped_bytes;
}

/* Sources before the two other kinds, the busiest first. */
static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (is_source(&a->source) != is_source(&b->source))
		return is_source(&a->source) ? -1 : 1;
	if (is_source(&a->source) && a->counts.packets != b->counts.packets)
		return a->counts.packets > b->counts.packets ? -1 : 1;
	return memcmp(&a->source, &b->source, sizeof(a->source));
}

/* What was counted up to now, as an array that begins a new interval: free() it. NULL: out of memory. */
static struct row *sum_up(const struct env *env, const struct map_rows *counted)
{
	struct row *sums = calloc(counted->count + 1, sizeof(*sums));
	uint64_t now = timestamp_now(), packets = 0;

	for (size_t i = 0; sums && i < counted->count; i++) {
		const struct xdpcount_counts *counts = map_rows_value(counted, i);

		memcpy(&sums[i].source, map_rows_key(counted, i), sizeof(sums[i].source));
		for (unsigned int cpu = 0; cpu < counted->copies; cpu++)
			add_counts(&sums[i].counts, &counts[cpu]);
		packets += sums[i].counts.packets;
	}
	for (size_t i = 0; sums && i < counted->count; i++) {
		sums[i].interface = env->interface.name;
		sums[i].now = now;
		sums[i].all_packets = packets;
		sums[i].seconds = (double)(now - env->began_ns) / 1e9;
	}
	if (sums)
		qsort(sums, counted->count, sizeof(*sums), compare_rows);
	return sums;
}

/* The sources behind the top ones become part of the row of others. Rows without packets go. Returns how many there are. */
static size_t fold_others(struct env *env, struct row *sums, size_t count)
{
	uint64_t top = env->top ?: env->tool.options.json ? SOURCES_MAX : TOP_DEFAULT;
	struct row *others = NULL;
	size_t i, kept = 0;

	for (i = 0; i < count; i++)
		if (sums[i].source.kind == XDPCOUNT_OTHERS)
			others = &sums[i];
	for (i = top; others && i < count && is_source(&sums[i].source); i++)
		add_counts(&others->counts, &sums[i].counts);
	for (i = 0; i < count; i++)
		if ((i < top || !is_source(&sums[i].source)) && sums[i].counts.packets)
			sums[kept++] = sums[i];
	return kept;
}

static void name_source(struct row *row)
{
	const struct xdpcount_source *source = &row->source;

	if (source->kind == XDPCOUNT_NOT_IP)
		snprintf(row->text, sizeof(row->text), "(not IP)");
	else if (source->kind == XDPCOUNT_OTHERS)
		snprintf(row->text, sizeof(row->text), "(others)");
	else
		inet_ntop(source->kind == XDPCOUNT_IPV4 ? AF_INET : AF_INET6, source->address,
			  row->text, sizeof(row->text));
}

static int print_rows(struct env *env, struct row *sums, size_t count)
{
	struct row_printer *printer = &env->tool.rows;
	int err = 0;

	if (!output_is_json(printer->out))
		output_end_line(printer->out);
	row_print_header(printer);
	for (size_t i = 0; i < count && !err; i++) {
		name_source(&sums[i]);
		err = row_print(printer, &sums[i]);
	}
	return err;
}

/* End the interval: fd holds its counts, and nobody adds to them any more. */
static int print_interval(struct env *env, int fd)
{
	struct map_rows counted;
	struct row *sums = NULL;
	int err = map_rows_read(fd, true, &counted);

	if (err) {
		log_libbpf_failure(err, "cannot read the counts");
		return err;
	}
	sums = sum_up(env, &counted);
	err = sums ? print_rows(env, sums, fold_others(env, sums, counted.count)) : -ENOMEM;
	env->began_ns = timestamp_now();
	free(sums);
	map_rows_free(&counted);
	return err;
}

static int tick(void *ctx)
{
	struct env *env = ctx;
	int full = env->counts_fds[0], err;

	err = exchange(env->skel->maps.counting, env->counts_fds[1]);
	if (err) {
		log_libbpf_failure(err, "cannot begin a new interval");
		return err;
	}
	env->counts_fds[0] = env->counts_fds[1];
	env->counts_fds[1] = full;
	err = print_interval(env, full) ?: add_fixed_rows(full);
	if (err || xdp_link_is_attached(env->link_fd))
		return err;
	log_error("interface %s is gone", env->name);
	return -ENODEV;
}

/* ---- the interface -------------------------------------------------------------------------- */

static int find_interface(struct env *env)
{
	struct interface *interface = &env->interface;
	int err = interface_find(env->name, interface);

	if (err == -ENODEV)
		log_error("no interface '%s' in this network namespace: ip link lists them",
			  env->name);
	else if (err)
		log_error("cannot look at interface '%s': %s", env->name, strerror(-err));
	else if (interface_has_link_header(interface) < 0)
		log_error("packets of %s are neither Ethernet's nor bare IP (ARPHRD type %u)",
			  env->name, interface->type);
	else if (!xdp_link_is_taken(interface))
		return 0;
	return -EINVAL;
}

static int prepare(void *ctx)
{
	struct env *env = ctx;
	char why[512];

	/* Nothing is dropped, nobody is locked out. */
	env->rules.may_lock_out |= env->dry_run;
	if (rules_read(&env->rules, &env->prefixes, why, sizeof(why))) {
		log_error("%s", why);
		return RUN_USAGE;
	}
	return find_interface(env) ? RUN_FAILED : TOOL_GO_ON;
}

/* The one that is loaded. */
static struct bpf_program *find_program(const struct xdpcount_bpf *skel)
{
	return bpf_program__autoload(skel->progs.count_parts) ? skel->progs.count_parts
							      : skel->progs.count_whole;
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	int err = make_counts(env);

	if (!err && env->rules.count)
		err = set_rules(env);
	if (err)
		return err;
	env->link_fd =
		xdp_link_new(&env->interface, bpf_program__fd(find_program(env->skel)), env->mode);
	if (env->link_fd >= 0 && env->dry_run)
		log_note("dry run: nothing is dropped");
	env->began_ns = timestamp_now();
	return env->link_fd < 0 ? env->link_fd : 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The kernel detaches the program with the last descriptor of its link. */
static void detach(void *ctx)
{
	close_fd(&((struct env *)ctx)->link_fd);
}

/* The interval that has just begun. */
static void finish(void *ctx)
{
	struct env *env = ctx;

	print_interval(env, env->counts_fds[0]);
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct xdpcount_bpf *skel = env->skel = TOOL_OPEN(&env->tool, xdpcount, opts);
	bool in_parts;

	if (!skel)
		return -errno;
	env->tool.permission = PERMISSION_XDP;
	env->tool.interval_ns = env->interval_ns;
	skel->rodata->has_link_header = interface_has_link_header(&env->interface) > 0;
	skel->rodata->has_rules = env->rules.count > 0;
	skel->rodata->dry_run = env->dry_run;
	/* In parts, so that frames of any size can come. */
	in_parts = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL) > 0;
	bpf_program__set_autoload(skel->progs.count_parts, in_parts);
	bpf_program__set_autoload(skel->progs.count_whole, !in_parts);
	return 0;
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	close_fd(&env->link_fd);
	close_fd(&env->counts_fds[0]);
	close_fd(&env->counts_fds[1]);
	prefix_list_clear(&env->prefixes);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.args_doc = "INTERFACE",
		.doc = "Count an interface's packets by source address, and drop those of a block list.\v"
		       "Examples:\n"
		       "  xdpcount eth0                       who sends how much, each second\n"
		       "  xdpcount eth0 --block-file F        drop what comes from the list in F\n"
		       "  xdpcount eth0 --block 192.0.2.0/24 --dry-run\n"
		       "                                      what would a rule drop?\n"
	};
	static const struct tool_spec spec = {
		.options = { .argp = &argp, .common = OPTIONS_BASIC, .rows = { &rows } },
		.choice = { .without = CHOICE_ALL },
		.prepare = prepare,
		.open = open_object,
		.attach = attach,
		.tick = tick,
		.reload = reload,
		.detach = detach,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .interval_ns = 1000000000,
			   .sources = SOURCES_DEFAULT,
			   .counts_fds = { -1, -1 },
			   .link_fd = -1 };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
