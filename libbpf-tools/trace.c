/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * trace: print a line each time a function, return, system call, tracepoint or USDT probe is hit, if a predicate holds.
 * The probes are compiled to BPF instructions here (probe/), which is why there is no trace.bpf.c.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/percpu.h"
#include "lib/stack.h"
#include "lib/timestamp.h"
#include "lib/tool.h"
#include "lib/unwind.h"
#include "probe/record/aggregate.h"
#include "types/btf.h"
#include "probe/print.h"
#include "probe/probe.h"
#include "probe/target_list.h"
#include "probe/unwind.h"

#define DEFAULT_STRING_SIZE 80
#define MAX_STRING_SIZE 4096
#define MAX_SPECS 1024
/* Calls whose entry values are kept until they return. */
#define OPEN_CALLS 16384
#define OPEN_CALLS_PER_CPU 256
#define MAX_KEYS (1u << 20)
#define TICK_NS 100000000ull
/* Keys of maps were at most MAX_BPF_STACK long once; and what they need beside stacks: a few values. */
#define OLD_MAX_KEY 512
#define KEY_ROOM 192

static struct env {
	struct tool tool;
	uint32_t string_size;
	bool show_offset, show_time, unix_time, show_cpu, dump, list;
	bool kernel_stack, user_stack, frame_pointers, show_address, add_up, binary, force_address,
		no_inline;
	enum aggregate aggregate;
	const char *measure;
	uint32_t max_keys;
	uint64_t interval_ns, max_hits;
	const char *msg_filter;
	const char **specs;
	size_t spec_count;
} env = { .string_size = DEFAULT_STRING_SIZE };

/* The state of a run. */
struct trace {
	struct btf_types *types; /* the kernel's */
	struct probe *probes;
	size_t probe_count;
	uint32_t place_count;
	struct ways ways;
	int unreadable_fd, scratch_fd, overflow_fd;
	int calls_fd;		       /* entries and returns; -1: not counted */
	int busy_fd;		       /* programs that run; -1: they can't be within each other */
	int entry_fd, entry_missed_fd; /* what returns know of their entries; -1: nothing */
	unsigned int entry_most;       /* values */
	int *aggregate_fds;	       /* a probe's each; NULL: none */
	struct probe_links links;
	struct unwind *unwind; /* NULL: user stacks, if any, by frame pointers */
	struct probe_unwind *linked;
	struct print *print;
	uint64_t next_summary; /* CLOCK_MONOTONIC ns */
	bool has_reported_inlined;
};

static const char args_doc[] = "SPEC [SPEC...]\n-l SPEC";

static const char doc[] =
	"\nPrint a line each time a probe is hit.\n"
	"\v"
	"SPEC is WHERE[(SIGNATURE)] [(PREDICATE)] [\"FORMAT\"[, EXPR...]], in quotes:\n"
	"\n"
	"  func, p::func[+off]          entry of a kernel function, or a system call\n"
	"  r::func                      its return\n"
	"  lib:func, p:lib:func[+off]   entry of a function (or p:lib:0xADDR)\n"
	"  p:lib:file.c:42              a source line (programs with DWARF)\n"
	"  r:lib:func                   its return\n"
	"  u:lib:[provider:]probe       a USDT probe\n"
	"  t:category:event             a kernel tracepoint\n"
	"\n"
	"lib is a path, a library's short name (c, pthread, ssl), or a command on\n"
	"PATH. Names may have wildcards (* ? []).\n"
	"\n"
	"Values: arg1...arg6, parameters named in SIGNATURE (p:, and in r: as they were\n"
	"at the entry), retval and $latency (r:), arg1... (u:), args->FIELD (t:), $pid\n"
	"$tgid $uid $gid $cpu $comm $nsecs, with C's operators, casts and\n"
	"STRCMP(\"text\", expr).\n"
	"The kernel's types are known: its functions' parameters by name, structures\n"
	"(sk->sk_rcvbuf, ((struct sock *)arg1)->..., $task->...), enumerators. Without\n"
	"a FORMAT, parameters and results of known type are printed by it, and how\n"
	"long the call took. The same of programs compiled with -g; at a line, local\n"
	"variables too.\n"
	"Formats: %d %u %x %c %s ... as printf has; %.*s takes a length and a pointer,\n"
	"%T nanoseconds; %O prints a structure, or any value, by its type; %K and %U\n"
	"name an address in the kernel, in the process.\n"
	"\n"
	"Examples:\n"
	"  trace 'c:open64 \"%s\", arg1'              files opened through libc\n"
	"  trace 'p:c:write(int fd, void *buf, size_t n) (n > 4096) \"%d: %d\", fd, n'\n"
	"  trace '/usr/bin/redis-server:createStringObject \"%s\" arg1'\n"
	"  trace 'r:bash:readline \"%s\", retval'     what is typed into all shells\n"
	"  trace 'u:stdc++:throw'                     C++ exceptions\n"
	"  trace -U 'c:malloc (arg1 > 1000000)'       who allocates much\n"
	"  trace --count -K 't:block:block_rq_issue'  what makes disks work\n"
	"  trace r::sys_openat                        arguments, result and time of a call\n"
	"  trace 'tcp_connect \"%d\", sk->sk_rcvbuf'   a kernel function and its types\n"
	"  trace 'p:./server:handle \"%s %O\", req->path, *req'  a program with DWARF\n"
	"  trace 't:syscalls:sys_enter_openat \"%s\", args->filename' -- ls\n"
	"  trace -l 'p:c:*alloc*'                     which functions are there\n";

enum {
	KEY_DUMP = PRINT_KEY_OTHER,
	KEY_INTERVAL,
	KEY_MAX_KEYS,
	KEY_FORCE_ADDRESS,
	KEY_NO_INLINE,
	KEY_FRAME_POINTERS
};

static const struct argp_option options[] = {
	{ "msg-filter", 'f', "TEXT", 0, "Only lines whose message contains TEXT", 0 },
	{ "string-size", 'Z', "BYTES", 0,
	  "Most bytes of a string that are read and shown (default 80)", 0 },
	{ "time", 'T', NULL, 0, "Show the time of day, TIME", 0 },
	{ "timestamp", 't', NULL, 0, "Show seconds since the start, TIME", 0 },
	{ "unix-timestamp", 'u', NULL, 0, "With -t: seconds since the epoch", 0 },
	{ "print_cpu", 'C', NULL, 0, "Show the CPU", 0 },
	{ "kernel-stack", 'K', NULL, 0, "Show the kernel's stack", 0 },
	{ "user-stack", 'U', NULL, 0, "Show the process's stack", 0 },
	{ "fp", KEY_FRAME_POINTERS, NULL, 0,
	  "With -U: by frame pointers, not by the programs' unwinding tables", 0 },
	{ "address", 'a', NULL, 0, "With -K, -U: show addresses too", 0 },
	{ "aggregate", 'A', NULL, 0, "Count equal lines, and print each with its count at the end",
	  0 },
	{ "count", PRINT_KEY_COUNT, NULL, 0,
	  "Count hits in the kernel, by the format's values and stacks", 0 },
	{ "sum", PRINT_KEY_SUM, "EXPR", 0, "Sum EXPR up in the kernel, by the same", 0 },
	{ "hist", PRINT_KEY_HIST, "EXPR", 0, "Histogram of EXPR's powers of two, by the same", 0 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0,
	  "Print what was added up so often, not only at the end", 0 },
	{ "max-keys", KEY_MAX_KEYS, "N", 0, "Most different values to add up by (default 4096)",
	  0 },
	{ "force-address", KEY_FORCE_ADDRESS, NULL, 0,
	  "Believe that 0xADDR and +OFF are where instructions begin; else the program crashes",
	  0 },
	{ "no-inline", KEY_NO_INLINE, NULL, 0, "Leave out inlined copies of functions", 0 },
	{ "list", 'l', NULL, 0, "List what SPEC would attach to, and exit", 0 },
	{ "dump", KEY_DUMP, NULL, 0, "Show the typed expressions and BPF instructions, and exit",
	  0 },
	{ "ebpf", KEY_DUMP, NULL, OPTION_ALIAS, NULL, 0 },
	{ "bin_cmp", 'B', NULL, 0, "STRCMP's texts are arrays of bytes: STRCMP(\"{0x6C, 0}\", ptr)",
	  0 },
	{ "sym_file_list", 's', "LIST", 0, "Accepted for BCC's sake: symbols are found without it",
	  0 },
	{ "include", 'I', "HEADER", 0, "Accepted for BCC's sake: no headers are needed", 0 },
	{},
};

static const struct row_table *const tables[] = { &print_hits, &print_totals, NULL };

static void set_aggregate(struct argp_state *state, enum aggregate aggregate, const char *measure)
{
	if (env.aggregate)
		argp_error(state, "only one of --count, --sum and --hist");
	env.aggregate = aggregate;
	env.measure = measure;
	row_note_option(&env.tool.options.rows, tables, PRINT_KEY_TOTAL);
}

/* What adding up has no use for. */
static void check_aggregate(struct argp_state *state)
{
	bool adds = env.add_up || env.aggregate;

	if (env.add_up && env.aggregate)
		argp_error(state, "-A and --count, --sum, --hist exclude each other");
	if (adds && (env.show_time || env.show_offset))
		argp_error(state, "what is added up has no time of its own to show with -T or -t");
	if (env.aggregate && env.show_cpu)
		argp_error(state, "--count, --sum and --hist know no -C: use it as a value, $cpu");
	if (env.aggregate && env.tool.options.max_events)
		argp_error(
			state,
			"-M ends after so many lines; --count, --sum and --hist run until ^C or --duration");
	if (!adds && (env.interval_ns || env.max_keys))
		argp_error(state, "--interval and --max-keys go with -A, --count, --sum or --hist");
	if (!env.max_keys)
		env.max_keys = AGGREGATE_DEFAULT_KEYS;
}

/* Options that only turn something on. */
static const struct {
	int key;
	bool *flag;
} flags[] = {
	{ 'T', &env.show_time },
	{ 't', &env.show_offset },
	{ 'u', &env.unix_time },
	{ 'C', &env.show_cpu },
	{ 'K', &env.kernel_stack },
	{ 'U', &env.user_stack },
	{ 'a', &env.show_address },
	{ 'A', &env.add_up },
	{ KEY_FORCE_ADDRESS, &env.force_address },
	{ KEY_NO_INLINE, &env.no_inline },
	{ KEY_FRAME_POINTERS, &env.frame_pointers },
	{ 'l', &env.list },
	{ KEY_DUMP, &env.dump },
	{ 'B', &env.binary },
};

static void check_options(struct argp_state *state)
{
	if (!env.spec_count)
		argp_error(state, "no SPEC given");
	if (env.unix_time && !env.show_offset)
		argp_error(state, "-u goes with -t");
	if (env.show_time && env.show_offset)
		argp_error(state, "-T and -t exclude each other");
	check_aggregate(state);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].key == key) {
			*flags[i].flag = true;
			return 0;
		}
	}
	switch (key) {
	case 'f':
		env.msg_filter = arg;
		break;
	case 'Z':
		env.string_size = options_u64(state, "--string-size", arg, 1, MAX_STRING_SIZE);
		break;
	case PRINT_KEY_COUNT:
		set_aggregate(state, AGGREGATE_COUNT, NULL);
		break;
	case PRINT_KEY_SUM:
		set_aggregate(state, AGGREGATE_SUM, arg);
		break;
	case PRINT_KEY_HIST:
		set_aggregate(state, AGGREGATE_HIST, arg);
		break;
	case KEY_INTERVAL:
		env.interval_ns = options_seconds(state, "--interval", arg);
		break;
	case KEY_MAX_KEYS:
		env.max_keys = options_u64(state, "--max-keys", arg, 1, MAX_KEYS);
		break;
	case 's':
		break;
	case 'I':
		log_warn("-I %s is not needed and has no effect", arg);
		break;
	case ARGP_KEY_ARG:
		if (env.spec_count == MAX_SPECS)
			argp_error(state, "at most %d specs", MAX_SPECS);
		env.specs[env.spec_count++] = arg;
		break;
	case ARGP_KEY_END:
		check_options(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- probes --------------------------------------------------------------------------------- */

static int report(const char *spec, const struct diag *diag, int err)
{
	if (!diag->text[0])
		log_error("'%s': %s", spec, bsl_error_text(err));
	else if (diag->column > 0)
		log_error("'%s': column %d: %s", spec, diag->column, diag->text);
	else
		log_error("'%s': %s", spec, diag->text);
	return err == -EINVAL || err == -ENOENT || err == -E2BIG ? RUN_USAGE : RUN_FAILED;
}

/* Where stacks are keys, the kernel may not take them as deep as it walks them. */
static unsigned int choose_depth(void)
{
	unsigned int depth = stack_depth(), count = env.kernel_stack + env.user_stack;

	if (!env.aggregate || aggregate_takes_key(2 * 8 * depth + KEY_ROOM))
		return depth;
	depth = (OLD_MAX_KEY - KEY_ROOM) / (8 * count);
	log_warn("this kernel counts by stacks of at most %u frames: deeper ones are cut", depth);
	return depth;
}

/* Does a process run code of that file? True, too, if it can't be looked at. */
static bool runs_file(pid_t pid, const struct bsl_elf *elf)
{
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;

	if (bsl_maps_read(pid, &maps))
		return true;
	/* Not by device, too: on overlayfs the maps show another one than stat(2). */
	while ((map = bsl_maps_next_file(maps, map)) && map->ino != bsl_elf_ino(elf))
		;
	bsl_maps_free(maps);
	return map != NULL;
}

/* The processes chosen may load it yet; most often it is a mistake. */
static void warn_unmapped(const char *spec, const struct target *target)
{
	const struct choice *choice = &env.tool.choice;
	unsigned int count = choice_pid_count(choice), i;

	if (target->how != TARGET_FILE)
		return;
	for (i = 0; i < count && !runs_file(choice->pids[i], target->elf); i++)
		;
	if (count && i == count)
		log_warn("'%s': %s has not loaded %s: there are no hits unless that changes", spec,
			 count == 1 ? "the process of -p" : "no process of -p",
			 target->file.display);
}

/* The tables of what is going to be met, as far as that is known: processes, and files with probes. */
static void read_tables(struct trace *trace)
{
	const struct choice *choice = &env.tool.choice;

	for (unsigned int i = 0; i < choice_pid_count(choice); i++)
		unwind_add_process(trace->unwind, choice->pids[i]);
	for (size_t i = 0; i < trace->probe_count; i++)
		if (trace->probes[i].target.how == TARGET_FILE)
			unwind_add_file(trace->unwind, trace->probes[i].target.elf);
}

/* User stacks by tables, where the kernel can; else by frame pointers. */
static void choose_unwinding(struct trace *trace)
{
	const char *why;

	if (!env.user_stack || env.frame_pointers || env.dump)
		return;
	trace->unwind = unwind_new(&why);
	if (!trace->unwind)
		log_warn("user stacks are found by frame pointers, which many programs lack: %s",
			 why);
}

static int compile_probes(struct trace *trace)
{
	bool wants_all = env.tool.options.json && !env.add_up && !env.aggregate;
	const struct row_choice *rows = &env.tool.options.rows;
	struct probe_opts opts = {
		.pid = env.tool.choice.pids[0],
		.record = {
			.string_size = env.string_size,
			.time = row_wants(rows, 'T') || row_wants(rows, 't') || wants_all,
			.cpu = row_wants(rows, 'C') || wants_all,
			.stacks = {env.kernel_stack, env.user_stack},
			.unwinds = trace->unwind != NULL,
			.stack_depth = env.kernel_stack || env.user_stack ? choose_depth() : 0,
		},
		.adds_up = env.add_up,
		.aggregate = env.aggregate,
		.measure = env.measure,
		.binary = env.binary,
		.force_address = env.force_address,
		.no_inline = env.no_inline,
		.links = env.dump ? NULL : &trace->links.probes,
		.ways = &trace->ways,
	};
	trace->types = opts.types = btf_types_new();
	trace->probes = calloc(env.spec_count, sizeof(*trace->probes));
	if (!trace->probes || !trace->types)
		return report(env.specs[0], &(struct diag){}, -ENOMEM);
	for (size_t i = 0; i < env.spec_count; i++) {
		struct probe *probe = &trace->probes[i];
		struct diag diag = {};
		int err = probe_compile(env.specs[i], &opts, probe, &diag);

		trace->probe_count++;
		if (err && opts.pid && !processes_may_look(opts.pid))
			log_permission(PERMISSION_PROCESS);
		if (err)
			return report(env.specs[i], &diag, err);
		target_report_places(probe->spec, &probe->target);
		warn_unmapped(env.specs[i], &probe->target);
		probe->first_place = trace->place_count;
		trace->place_count += probe->target.place_count;
	}
	return RUN_OK;
}

static int dump_probes(struct trace *trace)
{
	/* Nothing is loaded: the numbers stand for maps. */
	struct generate_opts opts = { .ring_fd = 1,
				      .ctl_fd = 2,
				      .lost_fd = 3,
				      .unreadable_fd = 4,
				      .scratch_fd = 5,
				      .entry_fd = 6,
				      .entry_missed_fd = 7,
				      .overflow_fd = 8,
				      .aggregate_fd = 9,
				      .filter = &env.tool.filter };

	for (size_t i = 0; i < trace->probe_count; i++) {
		struct diag diag = {};
		int err = probe_dump(&trace->probes[i], &opts, stdout, &diag);

		if (err)
			return report(env.specs[i], &diag, err);
		opts.probe++;
	}
	return RUN_OK;
}

static int list_places(void)
{
	struct target_opts opts = {
		.pid = env.tool.choice.pids[0],
		.string_size = env.string_size,
		.types = btf_types_new(),
		.wants_types = env.tool.options.verbosity,
		.force_address = env.force_address,
		.no_inline = env.no_inline,
	};
	int status = opts.types ? RUN_OK : RUN_FAILED;

	for (size_t i = 0; i < env.spec_count && !status; i++) {
		struct diag diag = {};
		int err = target_list(env.specs[i], &opts, stdout, &diag);

		if (err)
			status = report(env.specs[i], &diag, err);
	}
	btf_types_free(opts.types);
	return status;
}

/* ---- maps ----------------------------------------------------------------------------------- */

/* 0, or negative errno after the cause has been reported. */
static int make_map(int *fd, enum bpf_map_type type, const char *name, uint32_t key_size,
		    uint32_t value_size, uint32_t entries)
{
	*fd = bpf_map_create(type, name, key_size, value_size, entries, NULL);
	if (*fd < 0)
		log_libbpf_failure(*fd, "cannot create maps");
	return *fd < 0 ? *fd : 0;
}

/* For each probe a count by CPU. */
static int make_counts(const struct trace *trace, int *fd, const char *name)
{
	return make_map(fd, BPF_MAP_TYPE_PERCPU_ARRAY, name, 4, 8, trace->probe_count);
}

static int open_aggregate(struct trace *trace, size_t i)
{
	uint32_t size = probe_key_size(&trace->probes[i]);
	int fd = aggregate_map_new(env.aggregate, size, env.max_keys);

	trace->aggregate_fds[i] = fd;
	if (fd == -E2BIG)
		log_error(
			"'%s': its values take %u bytes, more than this kernel counts by (512): see -Z",
			env.specs[i], size);
	else if (fd < 0)
		log_libbpf_failure(fd, "cannot create a map of %u keys of %u bytes", env.max_keys,
				   size);
	return fd < 0 ? fd : 0;
}

static int open_aggregates(struct trace *trace)
{
	int err = make_counts(trace, &trace->overflow_fd, "trace_overflow");

	if (err)
		return err;
	trace->aggregate_fds = malloc(trace->probe_count * sizeof(*trace->aggregate_fds));
	if (!trace->aggregate_fds)
		return -ENOMEM;
	for (size_t i = 0; i < trace->probe_count; i++)
		trace->aggregate_fds[i] = -1;
	for (size_t i = 0; i < trace->probe_count && !err; i++)
		err = open_aggregate(trace, i);
	return err;
}

/* Where records are put together that can't be written where they are sent from. */
static int open_scratch(struct trace *trace)
{
	bool use_perf = env.tool.maps.transport == OPTIONS_TRANSPORT_PERF;
	uint32_t size = 0;

	for (size_t i = 0; i < trace->probe_count; i++) {
		uint32_t wanted = probe_scratch_size(&trace->probes[i], use_perf);

		if (wanted > size)
			size = wanted;
	}
	log_info("%s of %u KiB; scratch memory %u bytes a CPU",
		 use_perf ? "perf buffers" : "ring buffer", env.tool.maps.buffer_bytes / 1024,
		 size * GENERATE_SCRATCH_SLOTS);
	return size ? make_map(&trace->scratch_fd, BPF_MAP_TYPE_PERCPU_ARRAY, "trace_scratch", 4,
			       size, GENERATE_SCRATCH_SLOTS)
		    : 0;
}

static int open_maps(struct trace *trace)
{
	size_t bytes = (size_t)env.tool.options.buffer_pages * (size_t)sysconf(_SC_PAGESIZE);
	enum options_transport transport;
	int err = events_choose_transport(env.tool.options.transport, &transport);

	if (!err)
		err = events_maps_open(&env.tool.maps, transport, bytes, trace->probe_count);
	if (err) {
		log_libbpf_failure(err, "cannot create the event buffer");
		return err;
	}
	err = make_counts(trace, &trace->unreadable_fd, "trace_unread");
	err = err ?: open_scratch(trace);
	return err || !env.aggregate ? err : open_aggregates(trace);
}

/*
 * For what returns want to know of their entries. Calls that never return leave their values behind: the map
 * forgets the oldest ones. On each CPU it sets some free elements aside, hence the room for them.
 */
static int open_entry_maps(struct trace *trace)
{
	uint32_t room = OPEN_CALLS + OPEN_CALLS_PER_CPU * (uint32_t)libbpf_num_possible_cpus();
	unsigned int values = 0;
	int err;

	for (size_t i = 0; i < trace->probe_count; i++)
		if (probe_entry_count(&trace->probes[i]) > values)
			values = probe_entry_count(&trace->probes[i]);
	if (!values)
		return 0;
	trace->entry_most = values;
	err = make_map(&trace->entry_fd, BPF_MAP_TYPE_LRU_HASH, "trace_entry",
		       GENERATE_ENTRY_KEY_SIZE, generate_entry_size(values), room);
	err = err ?: make_counts(trace, &trace->entry_missed_fd, "trace_missed");
	log_info("room for the entry values of %u open calls, %u bytes each", room, 8 * values);
	return err;
}

/*
 * For kernel functions: kernels before 6.7 don't report which returns they had no probe for, so that entries and returns are counted;
 * and programs by fentry and fexit must be kept from running within others.
 */
static int open_kernel_maps(struct trace *trace)
{
	uint32_t count = (uint32_t)trace->probe_count;
	bool returns = false;
	int err = 0;

	for (size_t i = 0; i < trace->probe_count; i++)
		returns |= trace->probes[i].target.how == TARGET_KERNEL &&
			   trace->probes[i].spec->kind == SPEC_RETURN;
	if (returns)
		ways_ask(&trace->ways);
	if (returns && !trace->ways.tells_missed)
		err = make_map(&trace->calls_fd, BPF_MAP_TYPE_PERCPU_ARRAY, "trace_calls", 4, 8,
			       2 * count);
	if (!err && probe_may_nest(trace->probes, trace->probe_count, &trace->ways))
		err = make_map(&trace->busy_fd, BPF_MAP_TYPE_PERCPU_ARRAY, "trace_busy", 4, 8,
			       1 + count);
	return err;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_run(void *ctx)
{
	struct trace *trace = ctx;

	probe_links_close(&trace->links);
	for (size_t i = 0; i < trace->probe_count; i++)
		probe_close(&trace->probes[i]);
	free(trace->probes);
	probe_unwind_free(trace->linked);
	unwind_free(trace->unwind);
	btf_types_free(trace->types);
	print_free(trace->print);
	for (size_t i = 0; trace->aggregate_fds && i < trace->probe_count; i++)
		close_fd(trace->aggregate_fds[i]);
	free(trace->aggregate_fds);
	close_fd(trace->overflow_fd);
	events_maps_close(&env.tool.maps);
	close_fd(trace->unreadable_fd);
	close_fd(trace->scratch_fd);
	close_fd(trace->entry_fd);
	close_fd(trace->entry_missed_fd);
	close_fd(trace->calls_fd);
	close_fd(trace->busy_fd);
}

/* ---- running -------------------------------------------------------------------------------- */

static int attach_probes(void *ctx)
{
	struct trace *trace = ctx;
	struct generate_opts opts = {
		.ring_fd = env.tool.maps.ring_fd,
		.use_perf = env.tool.maps.transport == OPTIONS_TRANSPORT_PERF,
		.ctl_fd = env.tool.maps.ctl_fd,
		.lost_fd = env.tool.maps.lost_fd,
		.unreadable_fd = trace->unreadable_fd,
		.overflow_fd = trace->overflow_fd,
		.scratch_fd = trace->scratch_fd,
		.entry_fd = trace->entry_fd,
		.entry_most = trace->entry_most,
		.entry_missed_fd = trace->entry_missed_fd,
		.calls_fd = trace->calls_fd,
		.is_guarded = trace->busy_fd >= 0,
		.busy_fd = trace->busy_fd,
		.filter = &env.tool.filter,
		.unwind = probe_unwind_library(trace->linked),
	};
	struct attach_features features;

	attach_probe_features(&features);
	for (size_t i = 0; i < trace->probe_count && !run_ending(env.tool.run); i++) {
		struct probe *probe = &trace->probes[i];
		struct diag diag = {};
		int err;

		opts.probe = (uint32_t)i;
		if (trace->aggregate_fds)
			opts.aggregate_fd = trace->aggregate_fds[i];
		err = probe_attach(probe, &opts, &features, &trace->ways,
				   choice_pid(&env.tool.choice), &trace->links, &diag);
		if (err) {
			report(env.specs[i], &diag, err);
			return err;
		}
		if (probe->attached < probe->target.place_count)
			log_warn("'%s': attached to %zu of %zu places: %s", env.specs[i],
				 probe->attached, probe->target.place_count, diag.text);
	}
	return RUN_OK;
}

/* A perf event, and the program on it. */
#define MANY_LINKS (2 * 100)

static void detach(void *ctx)
{
	struct trace *trace = ctx;
	struct generate_opts opts = { .calls_fd = trace->calls_fd };

	for (size_t i = 0; i < trace->probe_count; i++) {
		opts.probe = (uint32_t)i;
		probe_note_missed(&trace->probes[i], &opts, &trace->links);
	}
	/* The kernel waits for its readers with each. */
	if (trace->links.probes.count >= MANY_LINKS)
		log_warn("detaching %zu probes, one after the other",
			 trace->links.probes.count / 2);
	probe_links_close(&trace->links);
}

static const char *probe_name(void *ctx, uint32_t probe)
{
	struct trace *trace = ctx;

	return probe < trace->probe_count ? trace->probes[probe].spec->text : NULL;
}

/* A count of hits that are in no line, 0 without a map; one that can't be read is reported. */
static uint64_t count_hits(int map_fd, uint32_t element, uint32_t probe)
{
	uint64_t count = 0;
	int err = map_fd < 0 ? 0 : percpu_sum(map_fd, element, &count);

	if (err)
		log_warn("'%s': can't read how many hits aren't shown: %s", env.specs[probe],
			 strerror(-err));
	return count;
}

/* Why the kernel skips programs, and what would lose less. */
static const char *why_skipped(struct trace *trace, const struct probe *probe)
{
	ways_ask(&trace->ways);
	if (trace->ways.preempts_calls && probe->target.how == TARGET_TRACEPOINT)
		return "a program on that CPU had been preempted and was not done yet; of system calls, sys_NAME and r::sys_NAME lose none";
	if (trace->ways.preempts && probe->is_traced)
		return "a program on that CPU had been preempted and was not done yet";
	return "a BPF program was running on that CPU already";
}

/* Hits that are in no line and not in the losses either. */
static void tell_unseen(struct trace *trace, uint32_t i)
{
	uint64_t unreadable = count_hits(trace->unreadable_fd, i, i),
		 unseen = count_hits(trace->entry_missed_fd, i, i),
		 skipped = probe_missed(&trace->probes[i]) + count_hits(trace->busy_fd, 1 + i, i);
	const struct probe *probe = &trace->probes[i];
	const char *spec = env.specs[i], *module = probe_gone_module(probe);

	if (module)
		log_warn(
			"'%s': the module %s was unloaded meanwhile: its functions are not probed any more",
			spec, module);
	if (unseen)
		log_warn(
			"'%s': %llu return%s entry values: the call began before tracing, or too many calls were open",
			spec, (unsigned long long)unseen, unseen == 1 ? " lacks" : "s lack");
	if (probe->links_missed)
		log_warn(
			"'%s': the kernel missed %llu hits: too many calls were open at a time for its return probes, or it was in another probe",
			spec, (unsigned long long)probe->links_missed);
	if (probe->counts_calls && probe->entered > probe->returned)
		log_warn(
			"'%s': %llu of %llu calls were not seen to return: they are open still, or more were open at a time than the kernel has return probes for",
			spec, (unsigned long long)(probe->entered - probe->returned),
			(unsigned long long)probe->entered);
	if (skipped)
		log_warn("'%s': left out %llu hit%s, as %s", spec, (unsigned long long)skipped,
			 skipped == 1 ? "" : "s", why_skipped(trace, probe));
	if (unreadable)
		log_warn(
			"'%s': %llu hit%s not shown, as %s", spec, (unsigned long long)unreadable,
			unreadable == 1 ? "" : "s",
			unseen ? "the predicate wanted values of the entry that are lacking, or memory that could not be read"
			       : "the predicate read memory that could not be read");
}

static void tell_unreadable(struct trace *trace)
{
	for (uint32_t i = 0; i < trace->probe_count; i++)
		tell_unseen(trace, i);
	print_tell(trace->print);
}

static void tell_overflow(const struct trace *trace)
{
	for (uint32_t i = 0; i < trace->probe_count; i++) {
		uint64_t count = count_hits(trace->overflow_fd, i, i);

		if (!count)
			continue;
		log_warn(
			"'%s': %llu hit%s not added up, as there were %u different values already (--max-keys)",
			env.specs[i], (unsigned long long)count, count == 1 ? "" : "s",
			env.max_keys);
		if (!env.tool.options.json)
			continue;
		output_json_begin(env.tool.output);
		output_json_cstr(env.tool.output, "spec", env.specs[i], SIZE_MAX);
		output_json_u64(env.tool.output, "overflow", count);
		output_end(env.tool.output);
	}
}

static int summarize(void *ctx)
{
	struct trace *trace = ctx;

	return print_summary(trace->print, trace->aggregate_fds);
}

/* Once, as soon as there is time for it. */
static void report_inlined(struct trace *trace)
{
	const struct target_opts opts = { .pid = env.tool.choice.pids[0],
					  .no_inline = env.no_inline };

	for (size_t i = 0; i < trace->probe_count && !trace->has_reported_inlined; i++)
		target_report_inlined(trace->probes[i].spec, &opts, &trace->probes[i].target);
	trace->has_reported_inlined = true;
}

static int tick(void *ctx)
{
	struct trace *trace = ctx;
	uint64_t now = timestamp_now();

	report_inlined(trace);
	if (trace->unwind)
		unwind_update(trace->unwind);
	print_update(trace->print);
	if (!env.interval_ns || now < trace->next_summary)
		return 0;
	trace->next_summary +=
		env.interval_ns * ((now - trace->next_summary) / env.interval_ns + 1);
	return summarize(trace);
}

static void finish(void *ctx)
{
	struct trace *trace = ctx;
	int err = env.aggregate || env.add_up ? summarize(trace) : 0;

	report_inlined(trace);
	if (err < 0)
		log_error("cannot read what was added up: %s", strerror(-err));
	if (env.aggregate)
		tell_overflow(trace);
	tell_unreadable(trace);
}

static struct print *new_print(const struct trace *trace)
{
	const struct print_opts opts = {
		.rows = &env.tool.rows,
		.probes = trace->probes,
		.probe_count = trace->probe_count,
		.msg_filter = env.msg_filter,
		.cpu = row_wants(&env.tool.options.rows, 'C'),
		.addresses = env.show_address,
		.aggregate = env.aggregate,
		.add_up = env.add_up,
		.max_hits = env.max_hits,
		.unwind = trace->unwind,
	};

	return print_new(&opts);
}

/* What needs no privileges: the specs, compiled. That is all for --list and --dump. */
static int prepare(void *ctx)
{
	struct trace *trace = ctx;
	int status;

	if (env.list)
		return list_places();
	if (env.add_up) {
		/* Of hits, not of lines. */
		env.max_hits = env.tool.options.max_events;
		env.tool.options.max_events = 0;
	}
	choose_unwinding(trace);
	status = compile_probes(trace);
	if (status)
		return status;
	return env.dump ? dump_probes(trace) : TOOL_GO_ON;
}

/* The records have been laid out for it: only the room differs. */
static void give_up_unwinding(struct trace *trace)
{
	for (size_t i = 0; i < trace->probe_count; i++) {
		struct probe *probe = &trace->probes[i];

		for (unsigned int c = 0; c < probe->target.context_count; c++)
			probe->records[c].unwinds = false;
		probe->tracing_record.unwinds = false;
	}
	unwind_free(trace->unwind);
	trace->unwind = NULL;
}

static void open_unwinding(struct trace *trace)
{
	if (!trace->unwind)
		return;
	read_tables(trace);
	trace->linked = probe_unwind_new(trace->unwind, &env.tool.filter.pidns);
	if (!trace->linked) {
		log_warn("user stacks are found by frame pointers, which many programs lack: %s",
			 strerror(errno));
		give_up_unwinding(trace);
		return;
	}
	unwind_report(trace->unwind);
}

/* There is no skeleton: the programs are generated. */
static int open_run(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct trace *trace = ctx;
	int err = open_maps(trace);

	(void)opts;
	if (!err)
		open_unwinding(trace);
	err = err ?: open_entry_maps(trace);
	err = err ?: open_kernel_maps(trace);
	if (err)
		return err;
	trace->print = new_print(trace);
	if (!trace->print)
		log_error("out of memory");
	env.tool.interval_ns = TICK_NS;
	return trace->print ? 0 : -ENOMEM;
}

static int handle_record(void *ctx, const void *data, size_t size)
{
	struct trace *trace = ctx;

	if (trace->unwind)
		unwind_update(trace->unwind);
	return print_record(trace->print, data, size);
}

static void header(void *ctx)
{
	struct trace *trace = ctx;

	if (!env.aggregate)
		row_print_header(&env.tool.rows);
	trace->next_summary = timestamp_now() + env.interval_ns;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse_option, args_doc, doc, NULL, NULL, NULL };
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &print_hits, &print_totals },
			     .letters = { [OPTIONS_MAX_EVENTS] = 'M', [OPTIONS_BUFFER_PAGES] = 'b' } },
		.choice = { .letters = { [CHOICE_SELF] = 'S' } },
		.prepare = prepare,
		.open = open_run,
		.attach = attach_probes,
		.header = header,
		.handle = handle_record,
		.tick = tick,
		.detach = detach,
		.finish = finish,
		.probe_name = probe_name,
		.close = close_run,
	};
	struct trace trace = { .unreadable_fd = -1,
			       .scratch_fd = -1,
			       .overflow_fd = -1,
			       .calls_fd = -1,
			       .busy_fd = -1,
			       .entry_fd = -1,
			       .entry_missed_fd = -1 };
	const char *specs[MAX_SPECS];

	env.specs = specs;
	return tool_main(&spec, &env.tool, &trace, argc, argv);
}
