/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * trace: print a line each time a function, return, system call, tracepoint or USDT probe is hit, if a predicate holds.
 * The probes are compiled to BPF instructions here (probe/), which is why there is no trace.bpf.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/events.h"
#include "lib/filter.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/run.h"
#include "lib/stack.h"
#include "lib/timestamp.h"
#include "probe/arena.h"
#include "probe/btf.h"
#include "probe/probe.h"

#define DEFAULT_STRING_SIZE 80
#define MAX_STRING_SIZE 4096
#define MAX_SPECS 1024
/* Calls whose entry values are kept until they return. */
#define OPEN_CALLS 16384
#define OPEN_CALLS_PER_CPU 256
/* The inode of /proc/PID/ns/pid in the initial PID namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h). */
#define INITIAL_PIDNS 0xEFFFFFFCu

static struct env {
	struct options options;
	pid_t tid;
	int64_t uid;
	uint32_t string_size;
	bool include_self, show_offset, show_time, unix_time, show_cpu, dump, list;
	bool kernel_stack, user_stack, show_address;
	const char *cgroup, *name, *msg_filter;
	const char **specs;
	size_t spec_count;
} env = {.uid = -1, .string_size = DEFAULT_STRING_SIZE};

/* The state of a run. */
struct trace {
	struct btf_types *types;	/* the kernel's */
	struct probe *probes;
	size_t probe_count;
	struct probe **place_probe;	/* by place number */
	uint32_t place_count;
	struct events_maps maps;
	int unreadable_fd, scratch_fd, cgroup_fd, cgroup_map_fd;
	int entry_fd, entry_missed_fd;	/* what returns know of their entries; -1: nothing */
	struct probe_links links;
	struct output *out;
	struct record_text message;
	struct stack_names *names;
	struct timestamp clock;
	bool has_format;
	uint64_t bad_records;
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
	"long the call took.\n"
	"Formats: %d %u %x %c %s ... as printf has; %.*s takes a length and a pointer,\n"
	"%T nanoseconds; %K and %U name an address in the kernel, in the process.\n"
	"\n"
	"Examples:\n"
	"  trace 'c:open64 \"%s\", arg1'              files opened through libc\n"
	"  trace 'p:c:write(int fd, void *buf, size_t n) (n > 4096) \"%d: %d\", fd, n'\n"
	"  trace '/usr/bin/redis-server:createStringObject \"%s\" arg1'\n"
	"  trace 'r:bash:readline \"%s\", retval'     what is typed into all shells\n"
	"  trace 'u:stdc++:throw'                     C++ exceptions\n"
	"  trace -U 'c:malloc (arg1 > 1000000)'       who allocates much\n"
	"  trace r::sys_openat                        arguments, result and time of a call\n"
	"  trace 'tcp_connect \"%d\", sk->sk_rcvbuf'   a kernel function and its types\n"
	"  trace 't:syscalls:sys_enter_openat \"%s\", args->filename' -- ls\n"
	"  trace -l 'p:c:*alloc*'                     which functions are there\n";

enum { KEY_UID = 0x1000, KEY_DUMP };

static const struct argp_option options[] = {
	{"tid", 'L', "TID", 0, "Only this thread", 0},
	{"uid", KEY_UID, "USER", 0, "Only this user, a name or number", 0},
	{"name", 'n', "TEXT", 0, "Only processes whose name contains TEXT", 0},
	{"msg-filter", 'f', "TEXT", 0, "Only lines whose message contains TEXT", 0},
	{"cgroup-path", 'c', "PATH", 0, "Only tasks in this cgroup (v2) and those below it", 0},
	{"include-self", 'S', NULL, 0, "Trace this very process too", 0},
	{"string-size", 'Z', "BYTES", 0, "Most bytes of a string that are read and shown (default 80)", 0},
	{"time", 'T', NULL, 0, "Show the time of day, TIME", 0},
	{"timestamp", 't', NULL, 0, "Show seconds since the start, TIME", 0},
	{"unix-timestamp", 'u', NULL, 0, "With -t: seconds since the epoch", 0},
	{"print_cpu", 'C', NULL, 0, "Show the CPU", 0},
	{"kernel-stack", 'K', NULL, 0, "Show the kernel's stack", 0},
	{"user-stack", 'U', NULL, 0, "Show the process's stack", 0},
	{"address", 'a', NULL, 0, "With -K, -U: show addresses too", 0},
	{"list", 'l', NULL, 0, "List what SPEC would attach to, and exit", 0},
	{"dump", KEY_DUMP, NULL, 0, "Show the typed expressions and BPF instructions, and exit", 0},
	{"ebpf", KEY_DUMP, NULL, OPTION_ALIAS, NULL, 0},
	{"bin_cmp", 'B', NULL, 0, "Accepted for BCC's sake: STRCMP compares bytes anyway", 0},
	{"sym_file_list", 's', "LIST", 0, "Accepted for BCC's sake: symbols are found without it", 0},
	{"include", 'I', "HEADER", 0, "Accepted for BCC's sake: no headers are needed", 0},
	{},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'L':
		env.tid = options_pid(state, "--tid", arg);
		break;
	case KEY_UID:
		env.uid = options_uid(state, "--uid", arg);
		break;
	case 'n':
		env.name = arg;
		break;
	case 'f':
		env.msg_filter = arg;
		break;
	case 'c':
		env.cgroup = arg;
		break;
	case 'S':
		env.include_self = true;
		break;
	case 'Z':
		env.string_size = options_u64(state, "--string-size", arg, 1, MAX_STRING_SIZE);
		break;
	case 'T':
		env.show_time = true;
		break;
	case 't':
		env.show_offset = true;
		break;
	case 'u':
		env.unix_time = true;
		break;
	case 'C':
		env.show_cpu = true;
		break;
	case 'K':
		env.kernel_stack = true;
		break;
	case 'U':
		env.user_stack = true;
		break;
	case 'a':
		env.show_address = true;
		break;
	case 'l':
		env.list = true;
		break;
	case KEY_DUMP:
		env.dump = true;
		break;
	case 'B':
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
		if (!env.spec_count)
			argp_error(state, "no SPEC given");
		if (env.unix_time && !env.show_offset)
			argp_error(state, "-u goes with -t");
		if (env.show_time && env.show_offset)
			argp_error(state, "-T and -t exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- output --------------------------------------------------------------------------------- */

static void print_header(struct trace *trace)
{
	if (env.options.json)
		return;
	if (env.show_time || env.show_offset)
		output_printf(trace->out, env.unix_time ? "%-17s " : "%-8s ", "TIME");
	if (env.show_cpu)
		output_printf(trace->out, "%-3s ", "CPU");
	output_printf(trace->out, "%-7s %-7s %-15s %-16s %s", "PID", "TID", "COMM", "FUNC",
		      trace->has_format ? "-" : "");
	output_end_line(trace->out);
}

static void print_time(struct trace *trace, const struct record_view *view)
{
	char buf[9];

	if (env.show_time)
		output_printf(trace->out, "%-8s ", timestamp_hms(&trace->clock, view->time, buf));
	else if (env.unix_time)
		output_printf(trace->out, "%-17.6f ", timestamp_wall_ns(view->time) / 1e9);
	else if (env.show_offset)
		output_printf(trace->out, "%-8.6f ", timestamp_offset(&trace->clock, view->time));
}

static void print_stacks(struct trace *trace, const struct record_view *view)
{
	static const char *const keys[] = {"kernel_stack", "user_stack"};
	uint64_t addrs[STACK_MAX_DEPTH + 1];
	bool any = false;
	struct stack stack;

	for (enum record_stack i = 0; i < RECORD_STACKS; i++) {
		if (record_stack(view, i, addrs, &stack))
			continue;
		any = true;
		if (env.options.json)
			stack_json(trace->names, &stack, keys[i], trace->out);
		else
			stack_print(trace->names, &stack, env.show_address, trace->out);
	}
	if (any && !env.options.json)
		output_end_line(trace->out);
}

static int print_text(struct trace *trace, const struct record_view *view,
		      const struct target_place *place)
{
	int end;

	print_time(trace, view);
	if (env.show_cpu)
		output_printf(trace->out, "%-3u ", view->cpu);
	output_put_u64(trace->out, view->tgid, -7);
	output_puts(trace->out, " ");
	output_put_u64(trace->out, view->pid, -7);
	output_puts(trace->out, " ");
	output_put_cstr(trace->out, view->comm, sizeof(view->comm), -15);
	output_puts(trace->out, " ");
	output_put_escaped(trace->out, place->name, strlen(place->name), -16);
	output_puts(trace->out, " ");
	output_put(trace->out, trace->message.text, trace->message.len);
	end = output_end(trace->out);
	if (end >= 0)
		print_stacks(trace, view);
	return end;
}

static int print_json(struct trace *trace, const struct record_view *view, const struct probe *probe,
		      const struct target_place *place)
{
	struct output *out = trace->out;
	int err;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(view->time));
	output_json_u64(out, "cpu", view->cpu);
	output_json_u64(out, "pid", view->tgid);
	output_json_u64(out, "tid", view->pid);
	output_json_cstr(out, "comm", view->comm, sizeof(view->comm));
	output_json_cstr(out, "func", place->name, SIZE_MAX);
	output_json_cstr(out, "spec", probe->spec->text, SIZE_MAX);
	if (view->record->checked->spec->has_format) {
		output_json_str(out, "message", trace->message.text, trace->message.len);
		err = record_json(view, trace->names, out);
		if (err) {
			output_cancel(out);
			return err;
		}
	}
	print_stacks(trace, view);
	return output_end(out);
}

static int handle_record(void *ctx, const void *data, size_t size)
{
	struct trace *trace = ctx;
	const struct target_place *place;
	struct record_view view;
	struct probe *probe;
	uint32_t number;
	int err = record_place(data, size, &number);

	if (err || number >= trace->place_count)
		goto bad;
	probe = trace->place_probe[number];
	place = &probe->target.places[number - probe->first_place];
	err = record_open(&probe->records[place->context], data, size, &view);
	if (!err)
		err = record_format(&view, trace->names, &trace->message);
	if (err == -EBADMSG)
		goto bad;
	if (err)
		return err;
	if (env.name && !strstr(view.comm, env.name))
		return 0;
	if (env.msg_filter && !strstr(trace->message.text, env.msg_filter))
		return 0;
	return env.options.json ? print_json(trace, &view, probe, place)
				: print_text(trace, &view, place);
bad:
	trace->bad_records++;
	return 0;
}

/* ---- probes --------------------------------------------------------------------------------- */

static int report(const char *spec, const struct diag *diag, int err)
{
	if (!diag->text[0])
		log_error("'%s': %s", spec, strerror(-err));
	else if (diag->column > 0)
		log_error("'%s': column %d: %s", spec, diag->column, diag->text);
	else
		log_error("'%s': %s", spec, diag->text);
	return err == -EINVAL || err == -ENOENT || err == -E2BIG ? RUN_USAGE : RUN_FAILED;
}

static int compile_probes(struct trace *trace)
{
	struct probe_opts opts = {
		.pid = env.options.pid,
		.links = env.dump ? NULL : &trace->links.probes,
		.record = {
			.string_size = env.string_size,
			.time = env.show_time || env.show_offset || env.options.json,
			.cpu = env.show_cpu || env.options.json,
			.stacks = {env.kernel_stack, env.user_stack},
			.stack_depth = env.kernel_stack || env.user_stack ? stack_depth() : 0,
		},
	};
	trace->types = opts.types = btf_types_new();

	trace->probes = calloc(env.spec_count, sizeof(*trace->probes));
	if (!trace->probes || !trace->types || !trace->names)
		return report(env.specs[0], &(struct diag){}, -ENOMEM);
	for (size_t i = 0; i < env.spec_count; i++) {
		struct probe *probe = &trace->probes[i];
		struct diag diag = {};
		int err = probe_compile(env.specs[i], &opts, probe, &diag);

		trace->probe_count++;
		if (err)
			return report(env.specs[i], &diag, err);
		probe->first_place = trace->place_count;
		trace->place_count += probe->target.place_count;
		for (unsigned int c = 0; c < probe->target.context_count; c++)
			trace->has_format |= probe->checked[c]->spec->has_format;
	}
	trace->place_probe = calloc(trace->place_count + 1, sizeof(*trace->place_probe));
	if (!trace->place_probe)
		return report(env.specs[0], &(struct diag){}, -ENOMEM);
	for (size_t i = 0; i < trace->probe_count; i++)
		for (size_t p = 0; p < trace->probes[i].target.place_count; p++)
			trace->place_probe[trace->probes[i].first_place + p] = &trace->probes[i];
	return RUN_OK;
}

static void fill_filters(struct generate_opts *opts)
{
	struct stat st;

	opts->tgid = env.options.pid;
	opts->tid = env.tid;
	opts->uid = env.uid;
	opts->not_tgid = env.include_self ? 0 : getpid();
	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != INITIAL_PIDNS) {
		/* The kernel's own encoding of a device number: MKDEV(), include/linux/kdev_t.h. */
		opts->pidns_dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
		opts->pidns_ino = st.st_ino;
	}
}

static int dump_probes(struct trace *trace)
{
	/* Nothing is loaded: the numbers stand for maps. */
	struct generate_opts opts = {.ring_fd = 1, .ctl_fd = 2, .lost_fd = 3, .unreadable_fd = 4,
				     .scratch_fd = 5, .entry_fd = 6, .entry_missed_fd = 7, .follow_fd = -1, .cgroup_fd = -1};

	fill_filters(&opts);
	for (size_t i = 0; i < trace->probe_count; i++) {
		struct diag diag = {};
		int err = probe_dump(&trace->probes[i], &opts, stdout, &diag);

		if (err)
			return report(env.specs[i], &diag, err);
		opts.probe++;
	}
	return fflush(stdout) ? RUN_FAILED : RUN_OK;
}

static void print_members(const struct type *record)
{
	char text[256];

	for (uint32_t i = 0; i < record->count; i++)
		printf("    %s\n", type_declare(record->members[i].type, record->members[i].name, text,
						sizeof(text)));
}

static void print_params(const struct probe_context *context)
{
	char text[256];

	for (unsigned int i = 0; i < context->param_count; i++)
		printf("    %s\n", type_declare(context->params[i].type, context->params[i].name, text,
						sizeof(text)));
	if (context->retval_type)
		printf("    %s\n", type_declare(context->retval_type, "retval", text, sizeof(text)));
}

static int list_places(void)
{
	struct target_opts opts = {
		.pid = env.options.pid,
		.string_size = env.string_size,
		.types = btf_types_new(),
		.wants_types = env.options.verbosity,
	};
	int status = opts.types ? RUN_OK : RUN_FAILED;

	for (size_t i = 0; i < env.spec_count && !status; i++) {
		struct arena *arena = arena_new();
		struct target target = {};
		struct diag diag = {};
		struct spec *spec;
		int err = arena ? parse_target(arena, env.specs[i], &spec, &diag) : -ENOMEM;

		if (!err)
			err = target_resolve(spec, &opts, &target, &diag);
		for (size_t p = 0; p < target.place_count && !err; p++) {
			target_print_place(spec, &target, &target.places[p], stdout);
			if (spec->kind == SPEC_USDT)
				printf(" %s", target.contexts[target.places[p].context].usdt->args_text);
			printf("\n");
			if (spec->kind == SPEC_TRACEPOINT && env.options.verbosity)
				print_members(target.contexts[target.places[p].context].record);
			if (env.options.verbosity && target.contexts[target.places[p].context].has_params)
				print_params(&target.contexts[target.places[p].context]);
		}
		target_close(&target);
		arena_free(arena);
		if (err)
			status = report(env.specs[i], &diag, err);
	}
	btf_types_free(opts.types);
	if (!status && (fflush(stdout) || ferror(stdout))) {
		log_error("cannot write: %s", strerror(errno));
		status = RUN_FAILED;
	}
	return status;
}

/* ---- maps ----------------------------------------------------------------------------------- */

static int open_cgroup(struct trace *trace)
{
	uint32_t zero = 0;
	int err;

	trace->cgroup_fd = filter_cgroup_open(env.cgroup, NULL);
	if (trace->cgroup_fd < 0) {
		log_error("%s: %s%s", env.cgroup, strerror(-trace->cgroup_fd),
			  trace->cgroup_fd == -EOPNOTSUPP ? ": not in a cgroup v2 hierarchy" : "");
		return RUN_USAGE;
	}
	trace->cgroup_map_fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "trace_cgroup", 4, 4, 1, NULL);
	err = trace->cgroup_map_fd < 0 ? trace->cgroup_map_fd
				       : bpf_map_update_elem(trace->cgroup_map_fd, &zero, &trace->cgroup_fd, 0);
	if (err) {
		log_libbpf_failure(err, "cannot filter by cgroup");
		return RUN_FAILED;
	}
	return RUN_OK;
}

static int open_maps(struct trace *trace)
{
	size_t bytes = (size_t)env.options.buffer_pages * (size_t)sysconf(_SC_PAGESIZE);
	enum options_transport transport;
	uint32_t scratch_size = 0;
	int err = events_choose_transport(env.options.transport, &transport);

	if (!err)
		err = events_maps_open(&trace->maps, transport, bytes, trace->probe_count);
	if (err) {
		log_libbpf_failure(err, "cannot create the event buffer");
		return RUN_FAILED;
	}
	trace->unreadable_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "trace_unread", 4, 8,
					      trace->probe_count, NULL);
	for (size_t i = 0; i < trace->probe_count; i++) {
		uint32_t size = probe_scratch_size(&trace->probes[i], transport == OPTIONS_TRANSPORT_PERF);

		if (size > scratch_size)
			scratch_size = size;
	}
	if (scratch_size)
		trace->scratch_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "trace_scratch", 4,
						   scratch_size, GENERATE_SCRATCH_SLOTS, NULL);
	if (trace->unreadable_fd < 0 || (scratch_size && trace->scratch_fd < 0)) {
		log_libbpf_failure(trace->unreadable_fd < 0 ? trace->unreadable_fd : trace->scratch_fd,
				   "cannot create maps");
		return RUN_FAILED;
	}
	log_info("%s of %u KiB; scratch memory %u bytes a CPU",
		 transport == OPTIONS_TRANSPORT_PERF ? "perf buffers" : "ring buffer",
		 trace->maps.buffer_bytes / 1024, scratch_size * GENERATE_SCRATCH_SLOTS);
	return env.cgroup ? open_cgroup(trace) : RUN_OK;
}

/*
 * For what returns want to know of their entries. Calls that never return leave their values behind: the map
 * forgets the oldest ones. On each CPU it sets some free elements aside, hence the room for them.
 */
static int open_entry_maps(struct trace *trace)
{
	uint32_t room = OPEN_CALLS + OPEN_CALLS_PER_CPU * (uint32_t)libbpf_num_possible_cpus();
	unsigned int values = 0;

	for (size_t i = 0; i < trace->probe_count; i++)
		if (probe_entry_count(&trace->probes[i]) > values)
			values = probe_entry_count(&trace->probes[i]);
	if (!values)
		return RUN_OK;
	trace->entry_fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "trace_entry", GENERATE_ENTRY_KEY_SIZE,
					 8 * values, room, NULL);
	trace->entry_missed_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "trace_missed", 4, 8,
						trace->probe_count, NULL);
	if (trace->entry_fd < 0 || trace->entry_missed_fd < 0) {
		log_libbpf_failure(trace->entry_fd < 0 ? trace->entry_fd : trace->entry_missed_fd,
				   "cannot create maps");
		return RUN_FAILED;
	}
	log_info("room for the entry values of %u open calls, %u bytes each", room, 8 * values);
	return RUN_OK;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void trace_close(struct trace *trace)
{
	probe_links_close(&trace->links);
	for (size_t i = 0; i < trace->probe_count; i++)
		probe_close(&trace->probes[i]);
	free(trace->probes);
	btf_types_free(trace->types);
	stack_names_free(trace->names);
	free(trace->place_probe);
	events_maps_close(&trace->maps);
	close_fd(trace->unreadable_fd);
	close_fd(trace->scratch_fd);
	close_fd(trace->entry_fd);
	close_fd(trace->entry_missed_fd);
	close_fd(trace->cgroup_map_fd);
	close_fd(trace->cgroup_fd);
	record_text_free(&trace->message);
}

/* ---- running -------------------------------------------------------------------------------- */

static int attach_probes(struct trace *trace, struct run *run)
{
	struct generate_opts opts = {
		.ring_fd = trace->maps.ring_fd,
		.use_perf = trace->maps.transport == OPTIONS_TRANSPORT_PERF,
		.ctl_fd = trace->maps.ctl_fd,
		.lost_fd = trace->maps.lost_fd,
		.unreadable_fd = trace->unreadable_fd,
		.scratch_fd = trace->scratch_fd,
		.entry_fd = trace->entry_fd,
		.entry_missed_fd = trace->entry_missed_fd,
		.follow_fd = run_follow_map_fd(run),
		.cgroup_fd = trace->cgroup_map_fd,
	};
	struct attach_features features;

	fill_filters(&opts);
	attach_probe_features(&features);
	for (size_t i = 0; i < trace->probe_count && !run_ending(run); i++) {
		struct probe *probe = &trace->probes[i];
		struct diag diag = {};
		int err;

		opts.probe = (uint32_t)i;
		err = probe_attach(probe, &opts, &features, env.options.pid, &trace->links, &diag);
		if (err) {
			report(env.specs[i], &diag, err);
			return RUN_FAILED;
		}
		if (probe->attached < probe->target.place_count)
			log_warn("'%s': attached to %zu of %zu places: %s", env.specs[i], probe->attached,
				 probe->target.place_count, diag.text);
	}
	return RUN_OK;
}

static void detach(void *ctx)
{
	probe_links_close(&((struct trace *)ctx)->links);
}

static const char *probe_name(void *ctx, uint32_t probe)
{
	struct trace *trace = ctx;

	return probe < trace->probe_count ? trace->probes[probe].spec->text : NULL;
}

static uint64_t sum_cpus(int map_fd, uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = cpus > 0 ? calloc(cpus, sizeof(*values)) : NULL, sum = 0;

	if (values && !bpf_map_lookup_elem(map_fd, &key, values))
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}

/* Hits that are in no line and not in the losses either. */
static void tell_unreadable(const struct trace *trace)
{
	for (uint32_t i = 0; i < trace->probe_count; i++) {
		uint64_t count = sum_cpus(trace->unreadable_fd, i), missed = probe_missed(&trace->probes[i]);
		uint64_t unseen = trace->entry_missed_fd < 0 ? 0 : sum_cpus(trace->entry_missed_fd, i);

		if (unseen)
			log_warn("'%s': %llu return%s without values of the entry, which was before the trace's start or had to make room for others",
				 env.specs[i], (unsigned long long)unseen, unseen == 1 ? "" : "s");
		if (missed)
			log_warn("'%s': the kernel left out %llu hit%s, as a BPF program was running on that CPU already",
				 env.specs[i], (unsigned long long)missed, missed == 1 ? "" : "s");

		if (count)
			log_warn("'%s': %llu hit%s not shown, as the predicate read memory that could not be read",
				 env.specs[i], (unsigned long long)count, count == 1 ? "" : "s");
	}
	if (trace->bad_records)
		log_warn("%llu malformed records", (unsigned long long)trace->bad_records);
	stack_tell_unknown(trace->names);
}

static int run_trace(struct trace *trace, struct run *run)
{
	struct events_opts events_opts = {.maps = &trace->maps, .handle = handle_record, .ctx = trace};
	struct run_loop_opts loop_opts = {.detach = detach, .probe_name = probe_name, .ctx = trace};
	struct events *events;
	int status = open_maps(trace);

	if (!status)
		status = open_entry_maps(trace);
	if (status)
		return status;
	events = events_new(&events_opts);
	if (!events) {
		log_libbpf_failure(-errno, "cannot read the event buffer");
		return RUN_FAILED;
	}
	timestamp_start(&trace->clock);
	status = attach_probes(trace, run);
	if (!status) {
		print_header(trace);
		output_flush(trace->out);
		loop_opts.events = events;
		status = run_loop(run, &loop_opts);
		tell_unreadable(trace);
	}
	events_free(events);
	return status;
}

int main(int argc, char **argv)
{
	const struct argp argp = {options, parse_option, args_doc, doc, NULL, NULL, NULL};
	const struct options_spec spec = {
		.argp = &argp,
		.common = OPTIONS_EVENTS | OPTIONS_PROCESS,
		.letters = {[OPTIONS_PID] = 'p', [OPTIONS_MAX_EVENTS] = 'M', [OPTIONS_BUFFER_PAGES] = 'b'},
	};
	struct trace trace = {.names = stack_names_new(), .unreadable_fd = -1, .scratch_fd = -1, .cgroup_fd = -1,
			      .cgroup_map_fd = -1, .entry_fd = -1, .entry_missed_fd = -1};
	const char *specs[MAX_SPECS];
	struct run *run = NULL;
	int status;

	env.specs = specs;
	options_parse(&spec, &env.options, argc, argv);
	if (env.list)
		return list_places();
	status = compile_probes(&trace);
	if (!status && env.dump) {
		status = dump_probes(&trace);
	} else if (!status) {
		run = run_new(&env.options);
		trace.out = run ? run_output(run) : NULL;
		status = run ? run_trace(&trace, run) : RUN_FAILED;
	}
	trace_close(&trace);
	run_free(run);
	return status;
}
