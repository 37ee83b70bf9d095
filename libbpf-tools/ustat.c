/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ustat: what language runtimes do, a row per process. See man/ustat.8.
 */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core.h"
#include "lib/log.h"
#include "lib/map_rows.h"
#include "lib/tool.h"
#include "runtime/runtime_cost.h"
#include "runtime/runtime_session.h"
#include "ustat.h"
#include "ustat.skel.h"

#define SCREEN_ROWS 20

/* What is counted, by BCC's names for -S. */
static const struct counted {
	const char *sort, *what;
	enum runtime_event event;
} counted[USTAT_FIELDS] = {
	[USTAT_METHOD] = { "method", "method calls", RUNTIME_METHOD_ENTRY },
	[USTAT_GC] = { "gc", "collections", RUNTIME_GC_BEGIN },
	[USTAT_OBJECT] = { "objnew", "objects made", RUNTIME_OBJECT },
	[USTAT_CLASS] = { "cload", "classes loaded", RUNTIME_CLASS },
	[USTAT_EXCEPTION] = { "excp", "exceptions", RUNTIME_EXCEPTION },
	[USTAT_THREAD] = { "thread", "threads started", RUNTIME_THREAD_START },
};

struct entry {
	struct ustat_key key;
	struct ustat_counts counts;
};

/* A process or thread in this interval. */
struct row {
	struct ustat_key key;
	const struct runtime_process *process; /* NULL: ended before it was looked at */
	/* What it runs, as seen in its maps; or by the place that was hit first. */
	const struct runtime_image *images[RUNTIME_USES_MAX];
	int image_count;
	uint64_t counts[USTAT_FIELDS];
	uint64_t gc_ns, gc_max_ns;
	char comm[16];
};

/* A hint that has been given. */
struct hint {
	const struct runtime_image *image;
	const char *what, *text;
};

struct env {
	struct tool tool;
	unsigned int fields; /* 1 << enum ustat_field: which */
	int sort;	     /* enum ustat_field, or -1: by all together */
	uint64_t max_rows, interval_ns, count;
	bool no_clear, debug, gc_time, per_thread;

	struct ustat_bpf *skel;
	struct runtime_session session;
	uint64_t last_ns, hit_ns, printed;
	struct entry *before; /* what was read the last time, sorted by key */
	size_t before_count;
	struct hint *hints;
	size_t hint_count;
};

/* ---- the command line ---- */

enum { KEY_GC_TIME = 256 };

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0,
	  "Only java, node, perl, php, python, ruby or tcl; may be repeated", 0 },
	{ "noclear", 'C', NULL, 0, "Don't clear the screen between tables", 0 },
	{ "sort", 'S', "KEY", 0,
	  "Sort by cload, excp, gc, method, objnew or thread (default: by all together)", 0 },
	{ "maxrows", 'r', "ROWS", 0, "Rows of a table (default 20; with --json all)", 0 },
	{ "debug", 'd', NULL, 0, "Show each place that is probed", 0 },
	{ "events", 'e', "KEY[,KEY...]", 0,
	  "Count only these (keys as for -S): what isn't probed costs nothing", 0 },
	{ "threads", 'T', NULL, 0, "A row a thread", 0 },
	{ "gc-time", KEY_GC_TIME, NULL, 0, "Time in collections: ms a second, and the longest", 0 },
	{},
};

static int find_column(const char *name, size_t len)
{
	for (int i = 0; i < USTAT_FIELDS; i++)
		if (strlen(counted[i].sort) == len && !strncmp(counted[i].sort, name, len))
			return i;
	return -1;
}

static int parse_column(const struct argp_state *state, const char *option, const char *name,
			size_t len)
{
	int column = find_column(name, len);

	if (column < 0)
		argp_error(state,
			   "invalid %s '%.*s': expected cload, excp, gc, method, objnew or thread",
			   option, (int)len, name);
	return column;
}

static void parse_events(struct env *env, const struct argp_state *state, const char *list)
{
	size_t len;

	for (env->fields = 0; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		env->fields |= 1u << parse_column(state, "-e", list, len);
	}
	if (!env->fields)
		argp_error(state, "invalid -e '': expected names of columns");
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'C':
		env->no_clear = true;
		return 0;
	case 'S':
		env->sort = parse_column(state, "-S", arg, strlen(arg));
		return 0;
	case 'r':
		env->max_rows = options_u64(state, "-r", arg, 1, UINT32_MAX);
		return 0;
	case 'd':
		env->debug = true;
		return 0;
	case 'e':
		parse_events(env, state, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			env->interval_ns = options_seconds(state, "interval", arg);
		else if (state->arg_num == 1)
			env->count = options_u64(state, "count", arg, 1, UINT64_MAX);
		else
			argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return runtime_session_parse(&env->session, key, arg, state);
	}
}

/* ---- from the kernel's counts to rows ---- */

static int compare_entries(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ustat_key));
}

/* All counts as they are now, sorted by key. Returns how many, or negative errno. */
static ssize_t read_entries(int map_fd, struct entry **result)
{
	struct map_rows rows;
	int err = map_rows_read(map_fd, false, &rows);
	struct entry *entries = err ? NULL : calloc(rows.count + 1, sizeof(*entries));
	size_t count = 0;

	if (err)
		return err;
	for (; entries && count < rows.count; count++) {
		memcpy(&entries[count].key, map_rows_key(&rows, count), sizeof(entries[count].key));
		memcpy(&entries[count].counts, map_rows_value(&rows, count),
		       sizeof(entries[count].counts));
	}
	map_rows_free(&rows);
	if (!entries)
		return -ENOMEM;
	if (count)
		qsort(entries, count, sizeof(*entries), compare_entries);
	*result = entries;
	return count;
}

static void row_find_images(const struct env *env, struct row *row, uint32_t cookie)
{
	const struct runtime_session_place *place = runtime_session_place(&env->session, cookie);

	row->process = runtime_watch_find(env->session.watch, row->key.pid);
	for (int i = 0; row->process && i < row->process->uses_count; i++)
		row->images[row->image_count++] = row->process->uses[i].image;
	if (!row->image_count && place)
		row->images[row->image_count++] = place->image;
}

static bool has_kernel_threads(const struct row *row)
{
	for (int i = 0; i < row->image_count; i++)
		if (row->images[i]->routes[RUNTIME_THREAD_START].kind == RUNTIME_ROUTE_KERNEL)
			return true;
	return false;
}

static void row_fill(struct env *env, struct row *row, const struct entry *entry)
{
	static const struct ustat_counts nothing;
	const struct ustat_counts *now = &entry->counts, *before = &nothing;
	const struct entry *found = NULL;

	if (env->before_count)
		found = bsearch(entry, env->before, env->before_count, sizeof(*entry),
				compare_entries);
	if (found)
		before = &found->counts;
	*row = (struct row){ .key = entry->key };
	for (int i = 0; i < USTAT_FIELDS; i++)
		row->counts[i] = now->fields[i] - before->fields[i];
	row->gc_ns = now->gc_ns - before->gc_ns;
	row->gc_max_ns = now->gc_interval == env->skel->bss->interval ? now->gc_max_ns : 0;
	memcpy(row->comm, now->comm, sizeof(row->comm));
	row_find_images(env, row, now->place);
	if (has_kernel_threads(row))
		row->counts[USTAT_THREAD] += now->kernel_threads - before->kernel_threads;
}

static uint64_t row_weight(const struct row *row, int sort)
{
	uint64_t sum = 0;

	if (sort >= 0)
		return row->counts[sort];
	for (int i = 0; i < USTAT_FIELDS; i++)
		sum += row->counts[i];
	return sum;
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct row *x = a, *y = b;
	const struct env *env = ctx;
	uint64_t x_weight = row_weight(x, env->sort), y_weight = row_weight(y, env->sort);

	if (x_weight != y_weight)
		return x_weight > y_weight ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

/* Forget those that have ended; their last counts are about to be shown. */
static void delete_ended(struct env *env, const struct row *rows, size_t count)
{
	int map_fd = bpf_map__fd(env->skel->maps.counts);
	char path[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/proc/%u/task/%u", rows[i].key.pid,
			 rows[i].key.tid ?: rows[i].key.pid);
		if (access(path, F_OK))
			bpf_map_delete_elem(map_fd, &rows[i].key);
	}
}

/* Rows for all that have counts, and for processes that run a runtime but did nothing yet. */
static ssize_t make_rows(struct env *env, const struct entry *entries, size_t count,
			 struct row **result)
{
	const struct runtime_process *processes;
	size_t process_count, rows_count = 0;
	struct entry idle = { .counts.place = USTAT_NO_PLACE };
	struct row *rows;

	processes = runtime_watch_processes(env->session.watch, &process_count);
	rows = calloc(count + process_count + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		row_fill(env, &rows[rows_count++], &entries[i]);
	for (size_t i = 0; i < process_count && !env->per_thread; i++) {
		idle.key.pid = processes[i].pid;
		if (!processes[i].uses_count || !processes[i].is_there ||
		    env->tool.options.command || choice_is_by_task(&env->tool.choice) ||
		    (count && bsearch(&idle, entries, count, sizeof(idle), compare_entries)))
			continue;
		row_fill(env, &rows[rows_count++], &idle);
	}
	qsort_r(rows, rows_count, sizeof(*rows), compare_rows, env);
	*result = rows;
	return rows_count;
}

/* ---- printing ---- */

/*
 * Why a process's count isn't known, or NULL if it is: no route, or not switched on in the process, which *silent then is.
 */
static const char *explain_cell(const struct row *row, enum ustat_field field,
				const struct runtime_use **silent)
{
	const struct runtime_process *process = row->process;
	const struct runtime_image *image;
	const char *why = NULL;
	enum runtime_event event;
	bool is_silent;

	for (int i = 0; i < row->image_count && !row->counts[field]; i++) {
		image = row->images[i];
		event = field == USTAT_METHOD ? runtime_method_event(image) : counted[field].event;
		if (image->routes[event].kind == RUNTIME_ROUTE_NONE) {
			why = image->routes[event].note;
		} else if (process && i < process->uses_count && process->silent[i] & 1u << event) {
			why = runtime_explain(process->pid, &process->uses[i], event, &is_silent)
				      ?: "not switched on";
			*silent = &process->uses[i];
		} else if (!processes_may_look(row->key.pid)) {
			why = "whether it is switched on can't be seen: no permission to look at the process (CAP_SYS_PTRACE)";
		} else {
			return NULL;
		}
	}
	return why;
}

/* Does each table take the place of the last one? */
static bool is_cleared(const struct env *env)
{
	return !env->no_clear && !env->tool.options.json && isatty(STDOUT_FILENO);
}

/* Say once a runtime's file what must be switched on. */
static void give_hint(struct env *env, const struct row *row, enum ustat_field field,
		      const char *text, const struct runtime_use *use)
{
	struct hint *grown;

	for (size_t i = 0; i < env->hint_count; i++)
		if (env->hints[i].image == use->image && env->hints[i].text == text)
			return;
	grown = reallocarray(env->hints, env->hint_count + 1, sizeof(*grown));
	if (!grown)
		return;
	env->hints = grown;
	grown[env->hint_count++] = (struct hint){ use->image, counted[field].what, text };
	if (!is_cleared(env))
		log_warn("process %u: no %s are reported: %s", row->key.pid, counted[field].what,
			 text);
}

static bool has_image(const struct row *rows, size_t count, const struct runtime_image *image)
{
	for (size_t i = 0; i < count; i++)
		for (int k = 0; k < rows[i].image_count; k++)
			if (rows[i].images[k] == image)
				return true;
	return false;
}

/* Under a table that is cleared for the next one, with which a warning would be gone. */
static void print_hints(const struct env *env, const struct row *rows, size_t count)
{
	struct output *out = env->tool.output;

	for (size_t i = 0; is_cleared(env) && i < env->hint_count; i++) {
		const struct hint *hint = &env->hints[i];

		if (!has_image(rows, count, hint->image))
			continue;
		output_printf(out, "-: no %s of %s are reported: %s", hint->what,
			      runtime_lang_name(hint->image->lang), hint->text);
		output_end_line(out);
	}
}

static const char *row_cell(struct env *env, const struct row *row, enum ustat_field field)
{
	const struct runtime_use *silent = NULL;
	const char *why;

	if (!(env->fields & 1u << field))
		return "not asked for";
	why = explain_cell(row, field, &silent);
	if (silent)
		give_hint(env, row, field, why, silent);
	return why;
}

static void print_header(struct env *env, uint64_t now)
{
	struct output *out = env->tool.output;
	char hms[9], load[128] = "?";
	FILE *file = fopen("/proc/loadavg", "re");

	if (file && fgets(load, sizeof(load), file))
		load[strcspn(load, "\n")] = '\0';
	if (file)
		fclose(file);
	if (is_cleared(env))
		output_puts(out, "\033[H\033[2J");
	output_printf(out, "%-8s loadavg: %s", timestamp_hms(&env->tool.start, now, hms), load);
	output_end_line(out);
	row_print_header(&env->tool.rows);
}

/* A row as it is printed. */
struct shown {
	struct env *env;
	const struct row *row;
	uint64_t now;
	double seconds;
};

static void get_cmdline(const void *data, struct row_value *value)
{
	const struct row *row = ((const struct shown *)data)->row;
	const char *text = row->comm;

	if (row->process && *row->process->cmdline)
		text = row->process->cmdline;
	row_set_text(value, text, strlen(text));
}

static void put_languages(const void *data, struct output *out)
{
	const struct row *row = ((const struct shown *)data)->row;

	output_json_array_begin(out, "languages");
	for (int i = 0; i < row->image_count; i++)
		output_json_cstr(out, NULL, runtime_lang_name(row->images[i]->lang), SIZE_MAX);
	output_json_array_end(out);
}

/* arg: enum ustat_field. */
static void get_count(const void *data, struct row_value *value)
{
	const struct shown *shown = data;
	const char *why = row_cell(shown->env, shown->row, value->arg);

	value->number = shown->row->counts[value->arg];
	if (why)
		row_set_none(value, why);
}

static void get_rate(const void *data, struct row_value *value)
{
	const struct shown *shown = data;

	get_count(data, value);
	value->real = shown->row->counts[value->arg] / shown->seconds;
}

static void get_gc_time(const void *data, struct row_value *value)
{
	const struct shown *shown = data;

	value->real = shown->row->gc_ns / 1e6 / shown->seconds;
}

#define AT(member) ROW_AT(struct shown, member)
#define AT_ROW(member) ROW_VIA(struct shown, row, member)
#define COUNT(key, field, what)                                                       \
	{                                                                             \
		NULL, key, ROW_UNSIGNED, .get = get_count, .arg = field, .help = what \
	}
#define RATE(title, key, width, field)                                      \
	{                                                                   \
		title, key, ROW_RATE, width, .get = get_rate, .arg = field, \
					     .help = "the same per second"  \
	}

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(now), .when = { ROW_CHOSEN },
	  .help = "the end of the interval" },
	{ NULL, "interval_s", ROW_DOUBLE, AT(seconds), .help = "its length" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT_ROW(key.pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, AT_ROW(key.tid), .when = { 'T' }, .is_extra = true,
	  .help = "the thread" },
	{ "CMDLINE", "cmdline", ROW_STRING, -20, .get = get_cmdline, .is_wide = true,
	  .is_clipped = true, .help = "its command line, or its name" },
	{ NULL, "languages", .put = put_languages, .help = "whose runtimes it has" },
	COUNT("methods", USTAT_METHOD, "method calls in the interval"),
	RATE("METHOD/s", "methods_per_s", -10, USTAT_METHOD),
	COUNT("gcs", USTAT_GC, "garbage collections that began"),
	RATE("GC/s", "gcs_per_s", -6, USTAT_GC),
	COUNT("objects", USTAT_OBJECT, "objects made"),
	RATE("OBJNEW/s", "objects_per_s", -10, USTAT_OBJECT),
	COUNT("classes", USTAT_CLASS, "classes loaded"),
	RATE("CLOAD/s", "classes_per_s", -8, USTAT_CLASS),
	COUNT("exceptions", USTAT_EXCEPTION, "exceptions thrown"),
	RATE("EXC/s", "exceptions_per_s", -6, USTAT_EXCEPTION),
	COUNT("threads", USTAT_THREAD, "threads started"),
	RATE("THR/s", "threads_per_s", -6, USTAT_THREAD),
	{ "GCms/s", "gc_ms_per_s", ROW_DOUBLE, -8, .get = get_gc_time, .decimals = 2,
	  .when = { KEY_GC_TIME }, .is_extra = true, .help = "ms per second in collections" },
	{ "GCMAXms", "gc_max_ms", ROW_MS, 0, AT_ROW(gc_max_ns), .decimals = 2,
	  .when = { KEY_GC_TIME }, .is_extra = true, .help = "the longest that ended" },
};

static const struct row_table rows_of_processes = { .columns = columns,
						    .count = ARRAY_SIZE(columns),
						    .is_summary = true };

/* What the probes cost the programs, by the number of hits. */
static void tell_overhead(const struct env *env, const struct row *rows, size_t count,
			  double seconds)
{
	uint64_t hits = 0;

	for (size_t i = 0; i < count; i++)
		hits += row_weight(&rows[i], -1);
	log_info("overhead: %.0f hits/s of about %llu ns, together %.1f%% of one CPU",
		 hits / seconds, (unsigned long long)env->hit_ns,
		 hits * env->hit_ns / seconds / 1e7);
}

static int print_table(struct env *env, const struct row *rows, size_t count, uint64_t now)
{
	struct shown shown = { env, rows, now, (now - env->last_ns) / 1e9 };
	/* Objects are not for a screen. */
	uint64_t max = env->max_rows ?: env->tool.options.json ? UINT64_MAX : SCREEN_ROWS;
	int err = 0;

	if (!output_is_json(env->tool.output))
		print_header(env, now);
	for (size_t i = 0; i < count && i < max && !err; i++) {
		shown.row = &rows[i];
		err = row_print(&env->tool.rows, &shown);
	}
	print_hints(env, rows, count < max ? count : max);
	if (!output_is_json(env->tool.output))
		output_end_line(env->tool.output);
	if (env->tool.options.verbosity && env->hit_ns)
		tell_overhead(env, rows, count, shown.seconds);
	return err;
}

/* How many rows, in their order of weight, are worth being shown at the very end. */
static size_t count_active(const struct row *rows, size_t count)
{
	size_t active = 0;

	for (size_t i = 0; i < count; i++)
		active += row_weight(&rows[i], -1) > 0;
	return active;
}

/* One interval's end, or at the end of all what remains of it. Returns as run_loop_opts.tick. */
static int show_interval(struct env *env, bool is_rest)
{
	struct entry *entries = NULL;
	struct row *rows = NULL;
	uint64_t now = timestamp_now();
	ssize_t count, err;
	size_t count_rows;

	count = err = read_entries(bpf_map__fd(env->skel->maps.counts), &entries);
	for (ssize_t i = 0; i < count; i++)
		if (!runtime_watch_find(env->session.watch, entries[i].key.pid))
			runtime_watch_look(env->session.watch, entries[i].key.pid);
	if (count >= 0)
		err = make_rows(env, entries, count, &rows);
	if (err >= 0) {
		count_rows = is_rest ? count_active(rows, err) : (size_t)err;
		delete_ended(env, rows, err);
		err = is_rest && !count_rows ? 0 : print_table(env, rows, count_rows, now);
	}
	free(rows);
	free(env->before);
	env->before = entries;
	env->before_count = count > 0 ? count : 0;
	env->skel->bss->interval++;
	env->last_ns = now;
	return err;
}

static int tick(void *ctx)
{
	struct env *env = ctx;
	int err = runtime_session_tick(&env->session);

	err = err ?: show_interval(env, false);
	return err ?: env->count && ++env->printed >= env->count;
}

static void finish(void *ctx)
{
	struct env *env = ctx;

	if (!env->count || env->printed < env->count)
		show_interval(env, true);
	if (env->skel->bss->dropped)
		log_warn("%llu events were not counted: more than %d processes at a time",
			 (unsigned long long)env->skel->bss->dropped, USTAT_PROCESSES_MAX);
}

/* ---- set-up ---- */

static int handle_process(void *ctx, const void *data, size_t size)
{
	const struct ustat_process *process = data;
	struct env *env = ctx;

	return size < sizeof(*process) ? -EINVAL
				       : runtime_watch_look(env->session.watch, process->pid);
}

static void found_image(void *ctx, const struct runtime_image *image)
{
	struct env *env = ctx;
	unsigned int *events = &env->session.attach.events;

	if (!(env->fields & 1u << USTAT_METHOD))
		return;
	*events &= ~(1u << RUNTIME_METHOD_ENTRY | 1u << RUNTIME_METHOD_RETURN |
		     1u << RUNTIME_METHOD_COUNT);
	*events |= 1u << runtime_method_event(image);
}

static void choose_programs(struct env *env)
{
	const struct ustat_bpf *skel = env->skel;
	int *fds = env->session.attach.prog_fds;

	fds[RUNTIME_METHOD_ENTRY] = fds[RUNTIME_METHOD_RETURN] = fds[RUNTIME_METHOD_COUNT] =
		bpf_program__fd(skel->progs.count_method);
	fds[RUNTIME_GC_BEGIN] = bpf_program__fd(skel->progs.gc_begin);
	fds[RUNTIME_GC_END] = bpf_program__fd(skel->progs.gc_end);
	fds[RUNTIME_OBJECT] = bpf_program__fd(skel->progs.count_object);
	fds[RUNTIME_CLASS] = bpf_program__fd(skel->progs.count_class);
	fds[RUNTIME_EXCEPTION] = bpf_program__fd(skel->progs.count_exception);
	fds[RUNTIME_THREAD_START] = bpf_program__fd(skel->progs.count_thread);
	fds[RUNTIME_ENABLER] = bpf_program__fd(skel->progs.nothing);
	env->session.attach.part_fd = bpf_program__fd(skel->progs.gc_resume);
	for (int i = 0; i < USTAT_FIELDS; i++)
		if (env->fields & 1u << i)
			env->session.attach.events |= 1u << counted[i].event;
	if (env->gc_time)
		env->session.attach.events |= 1u << RUNTIME_GC_BEGIN | 1u << RUNTIME_GC_END;
}

/* For the program that lib/tool.h may choose where the kernel preempts itself. */
static void set_offsets(const struct ustat_bpf *skel)
{
	struct core_member ids[] = { { "task_struct", "pid", 0 }, { "task_struct", "tgid", 0 } };

	if (!ways_preempts() || core_find_members(ids, ARRAY_SIZE(ids)))
		return;
	skel->rodata->task_pid_offset = (uint32_t)ids[0].offset;
	skel->rodata->task_tgid_offset = (uint32_t)ids[1].offset;
}

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	int err;

	env->per_thread = row_wants(&env->tool.options.rows, 'T');
	env->gc_time = row_wants(&env->tool.options.rows, KEY_GC_TIME);
	if (env->debug)
		log_init(2);
	env->skel = TOOL_OPEN(&env->tool, ustat, opts);
	if (!env->skel)
		return -errno;
	env->tool.buffer_bytes = 4096;
	env->tool.interval_ns = env->interval_ns;
	set_offsets(env->skel);
	env->skel->rodata->per_thread = env->per_thread;
	env->session.found_image = found_image;
	env->session.ctx = env;
	err = runtime_session_open(&env->session, env->skel->obj);
	env->skel->rodata->use_cookie = env->session.attach.features.cookie;
	return err;
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	int err;

	choose_programs(env);
	err = runtime_session_attach(&env->session);
	if (env->tool.options.verbosity)
		env->hit_ns = runtime_measure_hit_ns(&env->session.attach.features,
						     env->session.attach.prog_fds[RUNTIME_ENABLER]);
	env->last_ns = timestamp_now();
	return err;
}

static void close_all(void *ctx)
{
	struct env *env = ctx;

	runtime_session_close(&env->session);
	free(env->before);
	free(env->hints);
}

static const struct argp argp = {
	.options = arguments,
	.parser = parse_argument,
	.args_doc = "[INTERVAL [COUNT]] [-- COMMAND [ARG...]]",
	.doc = "Show what language runtimes do, a row per process: method calls, collections, objects made, "
	       "classes loaded, exceptions and threads, per second.\v"
	       "Examples:\n"
	       "  ustat                        all runtimes, every second\n"
	       "  ustat -l java -S gc 5        Java processes by collections, every 5 s\n"
	       "  ustat -p 1234 --gc-time 1 10 one process, time in collections, ten times\n"
	       "  ustat -e gc,excp,thread      without method calls: hardly any overhead\n"
	       "  ustat -- python3 app.py      a program from its start to its end\n\n"
	       "'-' means that this runtime doesn't report it; -v says why, and by which route each number comes.",
};

static const struct tool_point points[] = {
	{ "task_created", "task", "task_newtask", "probe_created", { "wake_up_new_task" } },
	{ "program_executed", "sched", "sched_process_exec", NULL, {} },
	{},
};

static const struct tool_spec spec = {
	.options = { .argp = &argp,
		     .common = OPTIONS_BASIC | OPTIONS_BIT(OPTIONS_COMMAND),
		     .rows = { &rows_of_processes } },
	.has_uprobes = true,
	.open = open_skeleton,
	.points = points,
	.attach = attach,
	.handle = handle_process,
	.tick = tick,
	.finish = finish,
	.close = close_all,
};

int main(int argc, char **argv)
{
	struct env env = { .session.tool = &env.tool,
			   .sort = -1,
			   .interval_ns = 1000000000,
			   .fields = (1u << USTAT_FIELDS) - 1 };

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
