/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ucalls: how often methods and system calls are called, and how long they take. See man/ucalls.8.
 */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_print.h"
#include "lib/log.h"
#include "lib/map_rows.h"
#include "lib/syscall.h"
#include "lib/tool.h"
#include "runtime/runtime_front.h"
#include "runtime/runtime_session.h"
#include "ucalls.h"
#include "ucalls.skel.h"

#define THREADS 128 /* whose calls are timed at once, 40 KiB each */
#define TICK_NS 1000000000ull
#define KEY_C_METHODS 0x100

struct env {
	struct tool tool;
	uint64_t top, interval_ns;
	bool latency, syscalls, c_methods, no_methods;
	struct ucalls_bpf *skel;
	struct runtime_session session;
	/* Of earlier tables. */
	struct ucalls_count *shown, *shown_syscalls;
	/* What would have to be different for calls to be seen, of a process that may not report any. */
	const char *advice;
	bool is_telling;
};

struct row {
	struct ucalls_key key;
	struct ucalls_method method;
	struct ucalls_count count;
	bool is_syscall; /* key.name is its name */
};

struct rows {
	struct row *rows;
	size_t count, size;
};

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0,
	  "Only java, perl, php, python, ruby or tcl; may be repeated; none: with -S", 0 },
	{ "top", 'T', "N", 0, "Only the N with the most calls; with -L the most time", 0 },
	{ "latency", 'L', NULL, 0, "Time of the calls, too: in all, and without what they call",
	  0 },
	{ "syscalls", 'S', NULL, 0, "System calls, too", 0 },
	{ "milliseconds", 'm', NULL, 0, "Times in milliseconds, not microseconds", 0 },
	{ "c-methods", KEY_C_METHODS, NULL, 0,
	  "Ruby: methods written in C, too. Their probes crash Ruby 3.1 now and "
	  "then",
	  0 },
	{},
};

/* ---- command line --------------------------------------------------------------------------- */

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = {
		{ 'S', &env->syscalls },
		{ KEY_C_METHODS, &env->c_methods },
	};

	if (options_switch_on(switches, ARRAY_SIZE(switches), key))
		return 0;
	switch (key) {
	case 'T':
		env->top = options_u64(state, "-T", arg, 1, UINT32_MAX);
		return 0;
	case 'l':
		env->no_methods = !strcmp(arg, "none");
		return env->no_methods ? 0 : runtime_session_parse(&env->session, key, arg, state);
	case ARGP_KEY_END:
		if (!env->tool.choice.pid_count && !choice_is_by_task(&env->tool.choice) &&
		    !env->tool.options.command)
			argp_error(state,
				   "which process? Expected its PID, a filter, or -- COMMAND");
		else if (env->no_methods && !env->syscalls)
			argp_error(state, "-l none leaves nothing to count without -S");
		return 0;
	default:
		return runtime_session_parse(&env->session, key, arg, state);
	}
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct row *add_row(struct rows *rows)
{
	size_t size = rows->size ? rows->size * 2 : 256;
	struct row *grown;

	if (rows->count == rows->size) {
		grown = reallocarray(rows->rows, size, sizeof(*grown));
		if (!grown)
			return NULL;
		rows->rows = grown;
		rows->size = size;
	}
	rows->rows[rows->count] = (struct row){};
	return &rows->rows[rows->count++];
}

/* What came to a count since it was shown last, which is from now on. */
static struct ucalls_count take_count(const volatile struct ucalls_count *now,
				      struct ucalls_count *shown)
{
	const struct ucalls_count new = { now->calls, now->total_ns, now->self_ns, 0 },
				  old = *shown;

	*shown = new;
	return (struct ucalls_count){ new.calls - old.calls, new.total_ns - old.total_ns,
				      new.self_ns - old.self_ns, 0 };
}

static bool is_worth_a_row(const struct ucalls_count *count)
{
	return count->calls || count->total_ns || count->self_ns;
}

static int take_methods(struct env *env, struct rows *rows)
{
	struct map_rows methods;
	int err = map_rows_read(bpf_map__fd(env->skel->maps.methods), false, &methods);

	for (size_t i = 0; !err && i < methods.count; i++) {
		const struct ucalls_method *method = map_rows_value(&methods, i);
		struct ucalls_count count;
		struct row *row;

		if (method->id >= UCALLS_METHODS_MAX)
			continue;
		count = take_count(&env->skel->bss->counts[method->id], &env->shown[method->id]);
		if (!is_worth_a_row(&count))
			continue;
		row = add_row(rows);
		err = row ? 0 : -ENOMEM;
		if (row)
			*row = (struct row){ .method = *method, .count = count };
		if (row)
			memcpy(&row->key, map_rows_key(&methods, i), sizeof(row->key));
	}
	map_rows_free(&methods);
	return err;
}

static void name_syscall(struct ucalls_key *key, uint32_t number)
{
	const char *name = syscall_name(number, false);

	if (number == UCALLS_SYSCALL_OTHER)
		name = "32-bit";
	key->owner_len = -ENOENT;
	key->name_len = name ? snprintf(key->name, sizeof(key->name), "%s", name)
			     : snprintf(key->name, sizeof(key->name), "%u", number);
}

static int take_syscalls(struct env *env, struct rows *rows)
{
	struct ucalls_count count;
	struct row *row;

	for (uint32_t i = 0; env->syscalls && i < UCALLS_SYSCALLS_MAX; i++) {
		count = take_count(&env->skel->bss->syscalls[i], &env->shown_syscalls[i]);
		if (!is_worth_a_row(&count))
			continue;
		row = add_row(rows);
		if (!row)
			return -ENOMEM;
		row->count = count;
		row->is_syscall = true;
		name_syscall(&row->key, i);
	}
	return 0;
}

static int compare_calls(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->count.calls != y->count.calls)
		return x->count.calls < y->count.calls ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static int compare_times(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->count.total_ns != y->count.total_ns)
		return x->count.total_ns < y->count.total_ns ? -1 : 1;
	return compare_calls(a, b);
}

/* ---- printing ------------------------------------------------------------------------------- */

static struct flow_text text_of(const char *text, int16_t len, size_t size)
{
	if (len < 0)
		return (struct flow_text){ .error = len == -ENOENT ? 0 : len };
	return (struct flow_text){ .text = text, .len = len, .is_cut = (size_t)len == size - 1 };
}

static struct flow_function function_of(const struct row *row)
{
	const struct ucalls_key *key = &row->key;
	struct flow_function function = { .method = text_of(key->name, key->name_len,
							    sizeof(key->name)),
					  .line = row->method.line };

	*(key->owner_is_file ? &function.file : &function.class_name) =
		text_of(key->owner, key->owner_len, sizeof(key->owner));
	return function;
}

/* The text of a row's first column, which is escaped as a whole. */
struct name {
	char text[2 * UCALLS_OWNER_SIZE + UCALLS_NAME_SIZE];
	size_t len;
};

static void append(struct name *name, const char *text, size_t len)
{
	if (len > sizeof(name->text) - name->len)
		len = sizeof(name->text) - name->len;
	memcpy(name->text + name->len, text, len);
	name->len += len;
}

static void append_text(struct name *name, const struct flow_text *text)
{
	if (text->text)
		append(name, text->text, text->len);
	else
		append(name, "?", 1);
	if (text->is_cut)
		append(name, "...", 3);
}

/* "class.method", "function  file:line", "read  (syscall)" */
static void name_row(const struct row *row, struct name *name)
{
	struct flow_function function = function_of(row);
	const char *slash = function.file.text ? memrchr(function.file.text, '/', function.file.len)
					       : NULL;
	char line[16];

	name->len = 0;
	if (function.class_name.text || function.class_name.error) {
		append_text(name, &function.class_name);
		append(name, ".", 1);
	}
	append_text(name, &function.method);
	if (slash)
		function.file = (struct flow_text){ .text = slash + 1,
						    .is_cut = function.file.is_cut,
						    .len = function.file.text + function.file.len -
							   slash - 1 };
	if (function.file.len) {
		append(name, "  ", 2);
		append_text(name, &function.file);
	}
	if (function.line)
		append(name, line, snprintf(line, sizeof(line), ":%u", function.line));
	if (row->is_syscall)
		append(name, "  (syscall)", strlen("  (syscall)"));
}

/* A row as it is printed. */
struct call_row {
	const struct flow_function *function; /* NULL: a system call */
	const struct row *row;
	const char *syscall; /* NULL: none */
	const struct name *name;
	uint64_t now;
};

static void get_name(const void *data, struct row_value *value)
{
	const struct call_row *row = data;

	row_set_text(value, row->name->text, row->name->len);
}

static void get_self(const void *data, struct row_value *value)
{
	const struct call_row *row = data;

	value->number = row->row->count.self_ns;
	if (row->syscall)
		row_set_none(value, NULL);
}

#define AT(member) ROW_VIA(struct call_row, row, count.member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_AT(struct call_row, now), .when = { ROW_CHOSEN },
	  .help = "when this was printed" },
	{ "METHOD", NULL, ROW_STRING, -50, .least = 40, .get = get_name, .is_wide = true,
	  .help = "class and method, or method, file and line" },
	{ "SYSCALL", "syscall", ROW_STRING, -20, ROW_AT(struct call_row, syscall),
	  .when = { ROW_CHOSEN }, .help = "the system call" },
	FLOW_PRINT_COLUMNS,
	{ "# CALLS", "calls", ROW_UNSIGNED, 8, AT(calls), .help = "calls that have begun" },
	{ "TIME (us)", NULL, ROW_US, 14, AT(total_ns), .decimals = 2, .when = { 'L', -'m' },
	  .help = "time of those that have ended" },
	{ "SELF (us)", NULL, ROW_US, 14, .get = get_self, .decimals = 2, .when = { 'L', -'m' },
	  .help = "the same without what they called" },
	{ "TIME (ms)", NULL, ROW_MS, 14, AT(total_ns), .decimals = 2, .when = { 'L', 'm' },
	  .help = "time of those that have ended" },
	{ "SELF (ms)", NULL, ROW_MS, 14, .get = get_self, .decimals = 2, .when = { 'L', 'm' },
	  .help = "the same without what they called" },
	{ NULL, "total_us", ROW_US, AT(total_ns), .when = { 'L' }, .is_extra = true,
	  .help = "time of those that have ended" },
	{ NULL, "self_us", ROW_US, .get = get_self, .when = { 'L' }, .is_extra = true,
	  .help = "the same without what they called" },
};

static const struct row_table rows_of_calls = { .columns = columns,
						.count = ARRAY_SIZE(columns),
						.is_summary = true };

static int print_row(struct env *env, const struct row *row, uint64_t now)
{
	const struct flow_function function = function_of(row);
	struct name name;
	const struct call_row printed = { .function = row->is_syscall ? NULL : &function,
					  .row = row,
					  .syscall = row->is_syscall ? row->key.name : NULL,
					  .name = &name,
					  .now = now };

	name_row(row, &name);
	return row_print(&env->tool.rows, &printed);
}

static int print_rows(struct env *env, const struct row *rows, size_t count)
{
	const uint64_t now = timestamp_now();
	int err = 0;

	row_print_header(&env->tool.rows);
	for (size_t i = env->top && count > env->top ? count - env->top : 0; i < count && !err; i++)
		err = print_row(env, &rows[i], now);
	if (!output_is_json(env->tool.output))
		output_end_line(env->tool.output);
	return err;
}

/* All that was counted since the last table. 0, or why it is time to end. */
static int print_table(struct env *env)
{
	struct rows rows = {};
	int err = env->no_methods ? 0 : take_methods(env, &rows);

	err = err ?: take_syscalls(env, &rows);
	if (rows.count)
		qsort(rows.rows, rows.count, sizeof(*rows.rows),
		      env->latency ? compare_times : compare_calls);
	err = err ?: print_rows(env, rows.rows, rows.count);
	free(rows.rows);
	return err;
}

static int tick(void *ctx)
{
	struct env *env = ctx;
	int err = env->no_methods ? 0 : runtime_session_tick(&env->session);

	return err || !env->interval_ns ? err : print_table(env);
}

static void finish(void *ctx)
{
	const struct ucalls_bpf *skel = ((struct env *)ctx)->skel;
	struct env *env = ctx;

	print_table(env);
	if (skel->bss->dropped)
		log_warn("%llu calls were not counted: there is room for %d methods",
			 (unsigned long long)skel->bss->dropped, UCALLS_METHODS_MAX);
	if (skel->bss->untimed)
		log_warn(
			"%llu calls are counted without their time: nested deeper than there is room for",
			(unsigned long long)skel->bss->untimed);
	if (skel->bss->threads_refused)
		log_warn(
			"%llu calls are counted without their time: in more than %d threads at once",
			(unsigned long long)skel->bss->threads_refused, THREADS);
	if (env->advice && !skel->bss->next_id)
		log_warn("no method calls were reported: %s", env->advice);
}

/* ---- set-up --------------------------------------------------------------------------------- */

/* Only what is asked for is loaded. */
static int prepare_programs(struct env *env)
{
	struct ucalls_bpf *skel = env->skel;
	const bool methods = !env->no_methods, timed = methods && env->latency;
	const struct {
		struct bpf_program *prog;
		bool is_wanted;
	} programs[] = {
		{ skel->progs.called, methods },
		{ skel->progs.nothing, methods },
		{ skel->progs.returned, timed },
		{ skel->progs.unwound, timed },
		{ skel->progs.raised, timed && env->c_methods },
		{ skel->progs.thread_exit, env->latency },
		{ skel->progs.syscall_entered, env->syscalls },
		{ skel->progs.syscall_left, env->syscalls && env->latency },
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		bpf_program__set_autoload(programs[i].prog, programs[i].is_wanted);
	skel->rodata->is_timed = env->latency;
	/* A name may have to be fetched. Sleepable programs can't ask for a control group. */
	skel->rodata->is_sleepable = env->session.attach.features.sleepable &&
				     !env->tool.filter.config.cgroup;
	if (skel->rodata->is_sleepable)
		bpf_program__set_flags(skel->progs.called, BPF_F_SLEEPABLE);
	return bpf_map__set_max_entries(skel->maps.threads, timed ? THREADS : 1);
}

/* Where there is no probe of a call, but one that can name it once it is over. */
static enum runtime_event call_event(const struct runtime_image *image)
{
	if (image->routes[RUNTIME_METHOD_ENTRY].kind == RUNTIME_ROUTE_USDT)
		return RUNTIME_METHOD_ENTRY;
	for (size_t i = 0; i < image->count; i++)
		if (image->places[i].spec.event == RUNTIME_METHOD_COUNT &&
		    image->places[i].spec.args[RUNTIME_METHOD_NAME].kind != USDT_ARG_NONE)
			return RUNTIME_METHOD_COUNT;
	return RUNTIME_METHOD_ENTRY;
}

static void found_image(void *ctx, const struct runtime_image *image)
{
	struct env *env = ctx;
	unsigned int *events = &env->session.attach.events;

	if (!env->latency) {
		*events = 1u << call_event(image);
		return;
	}
	*events = 1u << RUNTIME_METHOD_ENTRY | 1u << RUNTIME_METHOD_RETURN |
		  1u << RUNTIME_METHOD_UNWIND;
	/* An exception is how Ruby's Kernel#raise ends. */
	if (env->c_methods && image->lang == RUNTIME_RUBY)
		*events |= 1u << RUNTIME_EXCEPTION;
}

/* Why calls can't be seen in that image, or NULL. */
static const char *explain_image(const struct env *env, const struct runtime_image *image)
{
	const struct runtime_route *entry =
		&image->routes[env->latency ? RUNTIME_METHOD_ENTRY : call_event(image)];
	const struct runtime_route *leave = &image->routes[RUNTIME_METHOD_RETURN];

	if (!entry->places)
		return entry->note;
	return env->latency && !leave->places ? leave->note : NULL;
}

static void found_process(void *ctx, const struct runtime_process *process)
{
	const struct runtime_use *use =
		process->uses_count ? &process->uses[process->uses_count - 1] : NULL;
	struct env *env = ctx;
	const char *why, *advice;
	bool is_silent;

	if (!use || !choice_pid_count(&env->tool.choice))
		return;
	why = explain_image(env, use->image);
	advice = runtime_explain(process->pid, use, RUNTIME_METHOD_ENTRY, &is_silent);
	why = why ?: is_silent ? advice : NULL;
	if (why)
		log_warn("the calls of this %s (%s) can't be seen: %s",
			 runtime_lang_name(use->image->lang), use->image->display, why);
	else
		env->is_telling = true;
	env->advice = advice;
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct ucalls_bpf *skel = env->skel = TOOL_OPEN(&env->tool, ucalls, opts);
	int err;

	if (!skel)
		return -errno;
	env->latency = row_wants(&env->tool.options.rows, 'L');
	env->shown = calloc(UCALLS_METHODS_MAX, sizeof(*env->shown));
	env->shown_syscalls = calloc(UCALLS_SYSCALLS_MAX, sizeof(*env->shown_syscalls));
	if (!env->shown || !env->shown_syscalls)
		return tool_fail_open();
	env->tool.interval_ns = env->interval_ns ?: TICK_NS;
	env->session.found_image = found_image;
	env->session.found_process = found_process;
	env->session.ctx = env;
	env->session.may_be_none = env->syscalls;
	RUNTIME_SESSION_USES_ARGS(&env->session, skel);
	err = runtime_session_open(&env->session, skel->obj);
	return err ?: prepare_programs(env);
}

static int attach_methods(struct env *env)
{
	struct runtime_attach *attach = &env->session.attach;
	int err, called = bpf_program__fd(env->skel->progs.called);

	attach->with_danger = env->c_methods;
	attach->prog_fds[RUNTIME_METHOD_ENTRY] = called;
	attach->prog_fds[RUNTIME_METHOD_COUNT] = called;
	attach->prog_fds[RUNTIME_METHOD_RETURN] = bpf_program__fd(env->skel->progs.returned);
	attach->prog_fds[RUNTIME_METHOD_UNWIND] = bpf_program__fd(env->skel->progs.unwound);
	attach->prog_fds[RUNTIME_EXCEPTION] = bpf_program__fd(env->skel->progs.raised);
	attach->prog_fds[RUNTIME_ENABLER] = bpf_program__fd(env->skel->progs.nothing);
	err = runtime_session_attach(&env->session);
	if (!err && choice_pid_count(&env->tool.choice) && !env->is_telling && !env->syscalls)
		return -EOPNOTSUPP;
	return err;
}

static int attach(void *ctx)
{
	struct env *env = ctx;

	return env->no_methods ? 0 : attach_methods(env);
}

static void close_all(void *ctx)
{
	struct env *env = ctx;

	runtime_session_close(&env->session);
	free(env->shown);
	free(env->shown_syscalls);
}

static const struct argp argp = {
	.options = arguments,
	.parser = parse_argument,
	.args_doc = "PID [INTERVAL]\n-- COMMAND [ARG...]",
	.doc = "Count the calls of methods in a Java, Perl, PHP, Python, Ruby or Tcl process, and its system calls, and how "
	       "long they take. A table is printed at the end, or every INTERVAL seconds.\v"
	       "Examples:\n"
	       "  ucalls -T 20 1234         the 20 methods that are called most, until ^C\n"
	       "  ucalls -L 1234 5          every 5 seconds, with the time they took\n"
	       "  ucalls -LS -- php a.php   methods and system calls of a whole run\n"
	       "  ucalls -l none -LSm 1234  system calls of a process in any language, in ms\n\n"
	       "Java must have been started with -XX:+ExtendedDTraceProbes, PHP with USE_ZEND_DTRACE=1 in "
	       "its environment; Ruby reports methods written in Ruby while a TracePoint is enabled.",
};

static const struct tool_point points[] = {
	{ "thread_exit", "sched", "sched_process_exit", NULL, {} },
	{ "syscall_left", "raw_syscalls", "sys_exit", NULL, {} },
	{ "syscall_entered", "raw_syscalls", "sys_enter", NULL, {} },
	{},
};

static const struct tool_spec spec = {
	.options = { .argp = &argp,
		     .common = OPTIONS_BASIC | OPTIONS_BIT(OPTIONS_COMMAND),
		     .rows = { &rows_of_calls } },
	.has_uprobes = true,
	.open = open_skeleton,
	.points = points,
	.attach = attach,
	.tick = tick,
	.finish = finish,
	.close = close_all,
};

int main(int argc, char **argv)
{
	struct env env = { .session = { .tool = &env.tool, .interval_ns = &env.interval_ns } };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
