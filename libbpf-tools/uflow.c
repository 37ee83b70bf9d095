/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * uflow: the calls that a program in a high-level language makes, as they nest. See man/uflow.8.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "flow/flow_print.h"
#include "flow/flow_stack.h"
#include "flow/flow_tree.h"
#include "lib/log.h"
#include "lib/tool.h"
#include "runtime/runtime.h"
#include "runtime/runtime_attach.h"
#include "runtime/runtime_front.h"
#include "uflow.h"
#include "uflow.skel.h"

#define BUFFER_BYTES (4u << 20)
#define THREADS_MAX 1024u /* 32 KiB each */
#define THREADS_SPARE 32u /* besides those that run now, and as many again */
#define MAX_DEPTH 1000000

enum { KEY_LATENCY = FLOW_KEY_OTHER, KEY_MAX_DEPTH, KEY_C_METHODS };

enum mode { MODE_ROWS, MODE_TREE, MODE_FOLDED };

struct env {
	struct tool tool;
	enum mode mode;
	unsigned int langs; /* 1 << enum runtime_lang */
	const char *class_prefix, *method_prefix;
	uint32_t max_depth;
	bool c_methods;
	struct flow_print print;
	/* the run's */
	struct uflow_bpf *skel;
	struct runtime_attach attach;
	struct runtime_images *images;
	struct runtime_use use;
	struct flow_threads *threads;
	struct flow_tree *tree;
	const struct uflow_event *event; /* the one being handled */
	int result;			 /* of printing while it is */
};

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0,
	  "The runtime to look at, if the process has several: java, "
	  "perl, php, python, ruby or tcl",
	  0 },
	{ "method", 'M', "METHOD", 0, "Only methods whose name begins with METHOD", 0 },
	{ "class", 'C', "CLASS", 0,
	  "Only classes whose name begins with CLASS; files, where the "
	  "language has no classes",
	  0 },
	{ "max-depth", KEY_MAX_DEPTH, "N", 0, "Only calls nested N deep or less", 0 },
	{ "c-methods", KEY_C_METHODS, NULL, 0,
	  "Ruby: methods written in C, too. Their probes crash "
	  "Ruby 3.1 now and then",
	  0 },
	{ "latency", KEY_LATENCY, NULL, 0, "Show the time spent in a call, where it returns", 1 },
	{ "threads", 'T', NULL, 0, "Name the thread; a call tree for each", 1 },
	{ "call-tree", FLOW_KEY_CALL_TREE, NULL, 0,
	  "Print no calls but, at the end, the tree of them "
	  "with their number and time",
	  2 },
	{ "folded", FLOW_KEY_FOLDED, NULL, 0,
	  "Print no calls but, at the end, a line for each stack "
	  "with its own nanoseconds, for flamegraph.pl",
	  2 },
	{},
};

static const char doc[] =
	"Show the calls of methods in a Java, Perl, PHP, Python, Ruby or Tcl process, as they nest."
	"\v"
	"Examples:\n"
	"  uflow 1234                     every call in process 1234\n"
	"  uflow --latency -M handle 1234 calls of handle..., and how long they take\n"
	"  javaflow -C com/example 1234   calls of one package's classes\n"
	"  uflow --max-depth 3 1234       the outer calls only\n"
	"  uflow -- python3 app.py        a program from its start to its end\n"
	"  uflow --call-tree --duration 10 1234\n"
	"                                 who calls what, how often, how long\n"
	"  uflow --folded --duration 10 1234 | flamegraph.pl --countname ns > flow.svg\n"
	"\n"
	"Java must have been started with -XX:+ExtendedDTraceProbes, PHP with USE_ZEND_DTRACE=1 in "
	"its environment; Ruby reports methods written in Ruby while a TracePoint is enabled.";

/* ---- command line --------------------------------------------------------------------------- */

static const char *parse_prefix(const struct argp_state *state, const char *name, const char *text)
{
	if (!*text || strlen(text) > UFLOW_PREFIX_SIZE)
		argp_error(state, "invalid %s '%s': expected 1 to %d bytes", name, text,
			   UFLOW_PREFIX_SIZE);
	return text;
}

static void set_mode(struct env *env, const struct argp_state *state, enum mode mode)
{
	if (env->mode != MODE_ROWS && env->mode != mode)
		argp_error(state, "--call-tree and --folded exclude each other");
	env->mode = mode;
}

static void check_arguments(const struct env *env, const struct argp_state *state)
{
	if (env->tool.choice.pid_count + !!env->tool.options.command != 1)
		argp_error(state, "which process? Expected the PID of one, or -- COMMAND");
	else if (env->mode == MODE_FOLDED && env->tool.options.json)
		argp_error(state, "--folded has a form of its own: no --json");
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'l':
		env->langs = runtime_front_parse_lang(state, arg);
		return 0;
	case 'M':
		env->method_prefix = parse_prefix(state, "--method", arg);
		return 0;
	case 'C':
		env->class_prefix = parse_prefix(state, "--class", arg);
		return 0;
	case KEY_MAX_DEPTH:
		env->max_depth = options_u64(state, "--max-depth", arg, 1, MAX_DEPTH);
		return 0;
	case KEY_C_METHODS:
		env->c_methods = true;
		return 0;
	case KEY_LATENCY:
		env->print.latency = true;
		return 0;
	case 'T':
		env->print.threads = true;
		return 0;
	case FLOW_KEY_CALL_TREE:
		set_mode(env, state, MODE_TREE);
		return 0;
	case FLOW_KEY_FOLDED:
		set_mode(env, state, MODE_FOLDED);
		return 0;
	case ARGP_KEY_ARG:
		if (env->tool.choice.pid_count)
			argp_error(state, "unexpected argument '%s'", arg);
		choice_add_pid(&env->tool.choice, state, "PID", arg);
		return 0;
	case ARGP_KEY_END:
		check_arguments(env, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- records -------------------------------------------------------------------------------- */

static void print_row(struct env *env, const struct flow_thread *thread, struct flow_row *row)
{
	if (env->mode != MODE_ROWS || env->result)
		return;
	row->cpu = env->event->cpu;
	row->pid = env->event->pid;
	row->tid = thread->tid;
	row->comm = thread->comm;
	env->result = flow_print_row(&env->print, row);
}

/* A call of a node has ended. */
static void count_call(struct flow_node *node, uint64_t total_ns, uint64_t inner_ns)
{
	node->total_ns += total_ns;
	node->self_ns += total_ns > inner_ns ? total_ns - inner_ns : 0;
}

static void frame_ended(void *ctx, struct flow_thread *thread, const struct flow_frame *frame,
			enum flow_end end, uint64_t time)
{
	struct env *env = ctx;
	struct flow_node *node = flow_tree_node(env->tree, frame->node);
	struct flow_row row = { .event = end == FLOW_RETURNED ? FLOW_ROW_LEAVE : FLOW_ROW_UNWOUND,
				.time = time,
				.depth = frame->depth,
				.function = &node->function };

	node->unwound += end == FLOW_UNWOUND;
	node->unknown += end == FLOW_LOST;
	if (end == FLOW_LOST)
		return;
	row.latency_ns = time - frame->entered;
	if (env->mode != MODE_ROWS)
		count_call(node, row.latency_ns, frame->inner_ns);
	if (end != FLOW_OPEN)
		print_row(env, thread, &row);
}

/* The strings of a record. 0, or -EINVAL. */
static int read_function(const struct uflow_event *event, size_t size,
			 struct flow_function *function)
{
	struct flow_text *texts[UFLOW_STRINGS] = { [UFLOW_CLASS] = &function->class_name,
						   [UFLOW_METHOD] = &function->method,
						   [UFLOW_FILE] = &function->file };
	const char *at = event->data, *end = (const char *)event + size;

	for (int i = 0; i < UFLOW_STRINGS; i++) {
		if (event->lens[i] > end - at)
			return -EINVAL;
		if (event->lens[i] < 0) {
			texts[i]->error = event->lens[i];
			continue;
		}
		/* PHP has an empty class around functions. */
		if (event->lens[i])
			*texts[i] = (struct flow_text){
				.text = at,
				.len = event->lens[i],
				.is_cut = event->lens[i] ==
					  (i == UFLOW_FILE ? UFLOW_FILE_SIZE : UFLOW_NAME_SIZE) - 1
			};
		at += event->lens[i];
	}
	/* Not having a class or a file is no error. */
	if (function->class_name.error == -ENOENT)
		function->class_name.error = 0;
	if (function->file.error == -ENOENT)
		function->file.error = 0;
	function->line = event->line;
	return 0;
}

/* The node above a thread's calls: with -T its own. */
static int thread_root(struct env *env, struct flow_thread *thread, uint32_t *root)
{
	char name[32];
	struct flow_function function = { .method = { .text = name } };
	int err;

	*root = FLOW_ROOT;
	if (!env->print.threads || env->mode == MODE_ROWS)
		return 0;
	if (!thread->root) {
		function.method.len =
			snprintf(name, sizeof(name), "%.16s-%d", thread->comm, thread->tid);
		err = flow_tree_child(env->tree, FLOW_ROOT, &function, &thread->root);
		if (err)
			return err;
	}
	*root = thread->root;
	return 0;
}

/* The node for a call that a thread makes now: below its caller's. */
static int find_node(struct env *env, struct flow_thread *thread,
		     const struct flow_function *function, uint32_t *node)
{
	uint32_t parent;
	int err = thread_root(env, thread, &parent);

	if (!err && env->mode != MODE_ROWS && thread->count)
		parent = thread->frames[thread->count - 1].node;
	return err ?: flow_tree_child(env->tree, parent, function, node);
}

static int handle_enter(struct env *env, struct flow_thread *thread,
			const struct uflow_event *event, const struct flow_function *function)
{
	struct flow_row row = { .event = FLOW_ROW_ENTER,
				.time = event->time,
				.depth = event->depth,
				.function = function };
	uint32_t node;
	int err;

	flow_thread_call(env->threads, thread, event->depth, event->frame, event->time);
	err = find_node(env, thread, function, &node);
	err = err ?: flow_thread_enter(thread, event->depth, event->time, node);
	if (err)
		return err;
	flow_tree_node(env->tree, node)->calls++;
	print_row(env, thread, &row);
	return 0;
}

/* The record of its entry was lost. */
static int handle_return_only(struct env *env, struct flow_thread *thread,
			      const struct uflow_event *event, const struct flow_function *function)
{
	struct flow_row row = { .event = FLOW_ROW_LEAVE,
				.time = event->time,
				.depth = event->depth,
				.latency_ns = event->frame ? event->time - event->frame : 0,
				.function = function };
	uint32_t node;
	int err;

	print_row(env, thread, &row);
	if (!row.latency_ns || env->mode == MODE_ROWS)
		return 0;
	err = find_node(env, thread, function, &node);
	if (err)
		return err;
	flow_tree_node(env->tree, node)->calls++;
	count_call(flow_tree_node(env->tree, node), row.latency_ns, 0);
	if (thread->count)
		thread->frames[thread->count - 1].inner_ns += row.latency_ns;
	return 0;
}

static int handle_in_thread(struct env *env, struct flow_thread *thread,
			    const struct uflow_event *event, size_t size)
{
	uint64_t lost = flow_thread_note(thread, event->number);
	struct flow_row lost_row = { .event = FLOW_ROW_LOST, .time = event->time, .lost = lost };
	struct flow_function function = {};

	if (read_function(event, size, &function))
		return -EINVAL;
	memcpy(thread->comm, event->comm, sizeof(thread->comm));
	if (lost)
		print_row(env, thread, &lost_row);
	switch (event->kind) {
	case UFLOW_ENTER:
		return handle_enter(env, thread, event, &function);
	case UFLOW_LEAVE:
		if (flow_thread_leave(env->threads, thread, event->depth, event->frame,
				      event->time))
			return 0;
		return handle_return_only(env, thread, event, &function);
	case UFLOW_UNWIND:
		flow_thread_unwind(env->threads, thread, event->depth, event->time);
		return 0;
	case UFLOW_EXIT:
		flow_threads_end(env->threads, event->tid, event->time);
		return 0;
	default:
		return -EINVAL;
	}
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const struct uflow_event *event = data;
	struct flow_thread *thread;
	struct env *env = ctx;
	int err;

	if (size < sizeof(*event))
		return -EINVAL;
	thread = flow_threads_get(env->threads, event->tid);
	if (!thread)
		return -ENOMEM;
	env->event = event;
	env->result = 0;
	err = handle_in_thread(env, thread, event, size);
	return err ?: env->result;
}

/* ---- the run -------------------------------------------------------------------------------- */

static void finish(void *ctx)
{
	struct env *env = ctx;

	if (env->skel->bss->threads_refused)
		log_warn("more threads than there was room for: %llu calls in them aren't shown",
			 (unsigned long long)env->skel->bss->threads_refused);
	flow_threads_end_all(env->threads, timestamp_now());
	if (env->mode == MODE_ROWS)
		return;
	if (flow_tree_sort(env->tree))
		log_warn("no memory for sorting");
	if (env->mode != MODE_FOLDED)
		flow_print_tree(&env->print, env->tree);
	else
		flow_print_folded(&env->print, env->tree);
}

static const char *langs_name(const struct env *env)
{
	return env->langs == RUNTIME_ANY ? "Java, Perl, PHP, Python, Ruby or Tcl"
					 : runtime_lang_name(__builtin_ctz(env->langs));
}

/* The process whose calls are shown; 0: several, those of COMMAND or with --follow. */
static pid_t only_process(const struct env *env)
{
	return choice_pid(&env->tool.choice);
}

/* The runtime that COMMAND is. 0 or a negative errno, which has been reported. */
static int choose_program(struct env *env, const char *name)
{
	struct bsl_file file;
	int err = bsl_resolve(name, 0, BSL_RESOLVE_NO_LIBRARY, &file, NULL, 0);

	if (!err) {
		err = runtime_images_open(env->images, bsl_elf_path(file.elf), file.display,
					  &env->use.image);
		bsl_elf_close(file.elf);
	}
	if (err)
		log_error(
			"'%s' is no runtime of %s itself: which one it will load can't be known before it runs. "
			"Start it, and give uflow its PID",
			name, langs_name(env));
	return err;
}

/* The runtime of the process whose calls are shown. 0 or a negative errno, which has been reported. */
static int choose_runtime(struct env *env)
{
	struct runtime_use uses[RUNTIME_USES_MAX];
	int pid = env->tool.choice.pids[0], count;

	if (env->tool.options.command)
		return choose_program(env, env->tool.options.command[0]);

	if (!processes_may_look(pid)) {
		log_hidden_process(pid);
		return -EACCES;
	}
	count = runtime_images_find(env->images, pid, uses);
	if (count < 0) {
		log_error("cannot look at process %d: %s", pid, strerror(-count));
		return count;
	}
	if (!count) {
		log_error("process %d has no runtime of %s in it", pid, langs_name(env));
		return -ENOENT;
	}
	env->use = uses[0];
	for (int i = 1; i < count; i++)
		log_warn("process %d also has %s in it (%s): -l %s shows that", pid,
			 runtime_lang_name(uses[i].image->lang), uses[i].image->display,
			 runtime_lang_name(uses[i].image->lang));
	return 0;
}

/* Can calls be seen in it? 0 or -EOPNOTSUPP, which has been reported. */
static int check_runtime(const struct env *env)
{
	static const char *const kinds[] = {
		[RUNTIME_ROUTE_USDT] = "USDT", [RUNTIME_ROUTE_UPROBE] = "uprobes"
	};
	const struct runtime_image *image = env->use.image;
	const struct runtime_route *entry = &image->routes[RUNTIME_METHOD_ENTRY];
	const struct runtime_route *leave = &image->routes[RUNTIME_METHOD_RETURN];
	bool is_silent;
	const char *advice = runtime_explain(env->tool.choice.pids[0], &env->use,
					     RUNTIME_METHOD_ENTRY, &is_silent);

	if (!entry->places || !leave->places) {
		log_error("the calls of this %s (%s) can't be seen: %s",
			  runtime_lang_name(image->lang), image->display,
			  !entry->places ? entry->note : leave->note);
		return -EOPNOTSUPP;
	}
	if (advice && is_silent) {
		log_error("process %d doesn't report its calls: %s", env->tool.choice.pids[0],
			  advice);
		return -EOPNOTSUPP;
	}
	log_info("%s, %s, by %s", runtime_lang_name(image->lang), image->display,
		 kinds[entry->kind]);
	/* A switch that could be looked at is on, then. */
	if (image->switch_addrs[0] && !env->tool.options.command)
		advice = NULL;
	if (advice || entry->note)
		log_warn("%s", advice ?: entry->note);
	return 0;
}

static int count_threads(pid_t pid)
{
	char path[32];
	DIR *dir;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* Exceptions matter to Ruby's methods written in C, as they leave Kernel#raise. */
static unsigned int wanted_events(const struct env *env)
{
	unsigned int events = 1u << RUNTIME_METHOD_ENTRY | 1u << RUNTIME_METHOD_RETURN |
			      1u << RUNTIME_METHOD_UNWIND;

	if (env->use.image->lang == RUNTIME_RUBY && env->c_methods)
		events |= 1u << RUNTIME_EXCEPTION;
	return events;
}

/* Before a place is attached to: the kernel side must know it then. */
static int describe_place(void *ctx, const struct runtime_image *image,
			  const struct runtime_place *place, uint64_t cookie)
{
	const struct env *env = ctx;
	const struct uflow_bpf *skel = env->skel;
	const struct usdt_ip key = { .ip = place->is_return ? USDT_IP_RETURN
							    : place->addr + env->use.bias,
				     .tgid = env->tool.choice.pids[0] };
	uint32_t index = (uint32_t)cookie;
	int err;

	(void)image;
	err = bpf_map_update_elem(bpf_map__fd(skel->maps.places), &index, &place->spec, 0);
	if (!err && !env->attach.features.cookie)
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.usdt_ips), &key, &index, 0);
	return err;
}

/* What the kernel side need not be ready for. */
static void describe_runtime(const struct env *env)
{
	const struct runtime_image *image = env->use.image;
	struct uflow_bpf *skel = env->skel;
	bool have_levels = false;
	uint32_t readers = 0;

	for (size_t i = 0; i < image->count; i++) {
		const struct runtime_place_spec *spec = &image->places[i].spec;

		if (!runtime_attach_wants(&env->attach, &image->places[i]))
			continue;
		readers |= 1u << spec->reader;
		have_levels |= spec->reader == RUNTIME_READ_PERL_SUB ||
			       spec->args[RUNTIME_LEVEL].kind != USDT_ARG_NONE;
	}
	skel->rodata->calls_readers = readers;
	skel->rodata->calls_have_levels = have_levels;
}

/* Both runtimes and kernels have their own ways: set up for these. 0 or negative errno. */
static int configure(struct env *env)
{
	struct uflow_bpf *skel = env->skel;
	struct uflow_config *config = (struct uflow_config *)&skel->rodata->config;
	pid_t pid = only_process(env);
	uint32_t threads = pid ? count_threads(pid) * 2 + THREADS_SPARE : THREADS_MAX;
	int err;

	err = runtime_attach_prepare(&env->attach, skel->obj);
	if (err)
		return err;
	if (!pid && !env->attach.features.cookie) {
		log_error("--follow and -- COMMAND need a kernel with attach cookies (5.15)");
		return -EOPNOTSUPP;
	}
	env->attach.pid = pid;
	env->attach.is_one_process = pid != 0;
	env->attach.with_danger = env->c_methods;
	env->attach.events = wanted_events(env);
	env->attach.place = describe_place;
	env->attach.ctx = env;
	config->max_depth = env->max_depth;
	if (env->class_prefix)
		memcpy(config->class_prefix, env->class_prefix,
		       config->class_len = strlen(env->class_prefix));
	if (env->method_prefix)
		memcpy(config->method_prefix, env->method_prefix,
		       config->method_len = strlen(env->method_prefix));
	describe_runtime(env);
	skel->rodata->usdt_use_cookie = env->attach.features.cookie;
	/* Such programs can't ask for a control group. */
	skel->rodata->is_sleepable = env->attach.features.sleepable &&
				     !env->tool.filter.config.cgroup;
	if (skel->rodata->is_sleepable)
		bpf_program__set_flags(skel->progs.method, BPF_F_SLEEPABLE);
	err = bpf_map__set_max_entries(skel->maps.places, env->use.image->count);
	return err
		       ?: bpf_map__set_max_entries(skel->maps.threads,
						   threads < THREADS_MAX ? threads : THREADS_MAX);
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	const struct flow_threads_opts threads_opts = { .ended = frame_ended, .ctx = env };
	int err;

	env->print.rows = &env->tool.rows;
	env->images = runtime_images_new(env->langs);
	env->threads = flow_threads_new(&threads_opts);
	env->tree = flow_tree_new();
	if (!env->images || !env->threads || !env->tree)
		return tool_fail_open();
	err = choose_runtime(env);
	err = err ?: check_runtime(env);
	if (err)
		return err;
	env->skel = TOOL_OPEN(&env->tool, uflow, opts);
	if (!env->skel)
		return -errno;
	env->tool.buffer_bytes = BUFFER_BYTES;
	return configure(env);
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	runtime_images_free(env->images);
	flow_threads_free(env->threads);
	flow_tree_free(env->tree);
}

/* Entries last: a return without its call does no harm. */
static int attach(void *ctx)
{
	struct env *env = ctx;
	const unsigned int entry = 1u << RUNTIME_METHOD_ENTRY;
	const unsigned int passes[] = { env->attach.events & ~entry, entry };

	env->attach.set = &env->tool.attached;
	for (int event = 0; event <= RUNTIME_ENABLER; event++)
		env->attach.prog_fds[event] = bpf_program__fd(env->skel->progs.method);
	for (size_t i = 0; i < ARRAY_SIZE(passes); i++) {
		int count;

		env->attach.events = passes[i];
		count = runtime_attach_image(&env->attach, env->use.image);
		if (count <= 0)
			return count ? count : -EOPNOTSUPP;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .options = arguments,
					  .parser = parse_argument,
					  .args_doc = "PID\n-- COMMAND [ARG...]",
					  .doc = doc };
	static const struct tool_point points[] = {
		{ "thread_exit", "sched", "sched_process_exit", NULL, {} },
		{},
	};
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &flow_print_rows, &flow_print_nodes },
			     .letters = { [OPTIONS_BUFFER_PAGES] = 'b', [OPTIONS_DURATION] = 'd' } },
		.has_uprobes = true,
		.open = open_object,
		.points = points,
		.attach = attach,
		.handle = handle_event,
		.finish = finish,
		.close = close_object,
	};
	struct env env = { .langs = runtime_front_lang_of_tool(program_invocation_short_name) };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
