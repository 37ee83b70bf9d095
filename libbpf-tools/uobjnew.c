/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * uobjnew: objects that language runtimes make, by class. See man/uobjnew.8.
 */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/map_rows.h"
#include "lib/tool.h"
#include "runtime/runtime_session.h"
#include "uobjnew.h"
#include "uobjnew.skel.h"

struct env {
	struct tool tool;
	uint64_t top_count, top_size, interval_ns;
	struct uobjnew_bpf *skel;
	struct runtime_session session;
};

struct row {
	struct uobjnew_key key;
	struct uobjnew_counts counts;
};

static const struct argp_option arguments[] = {
	{ "language", 'l', "LANG", 0, "Only java, perl, php, python or ruby; may be repeated", 0 },
	{ "top-count", 'C', "N", 0, "Only the N classes with the most objects", 0 },
	{ "top-size", 'S', "N", 0, "Only the N classes with the most bytes", 0 },
	{},
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'C':
		env->top_count = options_u64(state, "-C", arg, 1, UINT32_MAX);
		return 0;
	case 'S':
		env->top_size = options_u64(state, "-S", arg, 1, UINT32_MAX);
		return 0;
	default:
		return runtime_session_parse(&env->session, key, arg, state);
	}
}

/* ---- printing ---- */

static int compare_objects(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->counts.objects != y->counts.objects)
		return x->counts.objects < y->counts.objects ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static int compare_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->counts.bytes != y->counts.bytes)
		return x->counts.bytes < y->counts.bytes ? -1 : 1;
	return compare_objects(a, b);
}

/* For a place without a class, the kind of object in its probe's name: "ruby:array__create". */
static void name_kind(const struct env *env, struct row *row)
{
	const struct runtime_session_place *place =
		runtime_session_place(&env->session, row->key.place);
	const char *probe = place ? place->place->probe : "?", *colon = strchr(probe, ':');

	if (*row->key.name || row->key.error)
		return;
	if (colon)
		snprintf(row->key.name, sizeof(row->key.name), "%.*s", (int)strcspn(colon + 1, "_"),
			 colon + 1);
	else
		snprintf(row->key.name, sizeof(row->key.name), "%s", probe);
	row->key.place = 0;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uobjnew_key));
}

/* Several places make objects of one kind. Returns how many rows are left. */
static size_t merge_rows(struct row *rows, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(rows, count, sizeof(*rows), compare_keys);
	for (size_t i = 0; i < count; i++) {
		if (kept && !compare_keys(&rows[kept - 1], &rows[i])) {
			rows[kept - 1].counts.objects += rows[i].counts.objects;
			rows[kept - 1].counts.bytes += rows[i].counts.bytes;
		} else {
			rows[kept++] = rows[i];
		}
	}
	return kept;
}

/* What the map holds, which is emptied. Returns how many, or negative errno. */
static ssize_t take_rows(struct env *env, struct row **result)
{
	struct map_rows classes;
	int err = map_rows_read(bpf_map__fd(env->skel->maps.classes), true, &classes);
	struct row *rows = err ? NULL : calloc(classes.count + 1, sizeof(*rows));
	size_t count = 0;

	if (err)
		return err;
	for (; rows && count < classes.count; count++) {
		memcpy(&rows[count].key, map_rows_key(&classes, count), sizeof(rows[count].key));
		memcpy(&rows[count].counts, map_rows_value(&classes, count),
		       sizeof(rows[count].counts));
		name_kind(env, &rows[count]);
	}
	map_rows_free(&classes);
	if (!rows)
		return -ENOMEM;
	count = merge_rows(rows, count);
	if (count)
		qsort(rows, count, sizeof(*rows), env->top_size ? compare_bytes : compare_objects);
	*result = rows;
	return count;
}

/* A row as it is printed. */
struct class_row {
	const struct row *row;
	uint64_t now;
};

#define AT(member) ROW_VIA(struct class_row, row, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, ROW_AT(struct class_row, now), .when = { ROW_CHOSEN },
	  .help = "when this was printed" },
	{ "NAME/TYPE", "class", ROW_CHARS, -40, AT(key.name), ROW_STATUS(struct row, key.error),
	  .is_wide = true, .help = "the class; of Ruby's literals what they are" },
	{ "# ALLOCS", "objects", ROW_UNSIGNED, 10, AT(counts.objects), .help = "objects made" },
	{ "# BYTES", "bytes", ROW_UNSIGNED, 12, AT(counts.bytes),
	  .help = "their bytes (Java only)" },
};

static const struct row_table rows_of_classes = { .columns = columns,
						  .count = ARRAY_SIZE(columns),
						  .is_summary = true };

static int print_rows(struct env *env, const struct row *rows, size_t count)
{
	uint64_t top = env->top_size ?: env->top_count;
	struct class_row row = { .now = timestamp_now() };
	int err = 0;

	row_print_header(&env->tool.rows);
	for (size_t i = top && count > top ? count - top : 0; i < count && !err; i++) {
		row.row = &rows[i];
		err = row_print(&env->tool.rows, &row);
	}
	if (!output_is_json(env->tool.output))
		output_end_line(env->tool.output);
	return err;
}

static int print_table(struct env *env)
{
	struct row *rows = NULL;
	ssize_t count = take_rows(env, &rows);
	int err = count < 0 ? count : print_rows(env, rows, count);

	free(rows);
	return err;
}

static int tick(void *ctx)
{
	struct env *env = ctx;
	int err = runtime_session_tick(&env->session);

	return err || !env->interval_ns ? err : print_table(env);
}

static void finish(void *ctx)
{
	struct env *env = ctx;

	print_table(env);
	if (env->skel->bss->dropped)
		log_warn("%llu objects were not counted: more than %d classes",
			 (unsigned long long)env->skel->bss->dropped, UOBJNEW_CLASSES_MAX);
}

/* ---- set-up ---- */

static int open_skeleton(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct uobjnew_bpf *skel = env->skel = TOOL_OPEN(&env->tool, uobjnew, opts);

	if (!skel)
		return -errno;
	env->tool.interval_ns = env->interval_ns ?: 1000000000;
	RUNTIME_SESSION_USES_ARGS(&env->session, skel);
	return runtime_session_open(&env->session, skel->obj);
}

/* An empty table of a process that was asked for may have its reason. */
static void explain(const struct env *env, pid_t pid)
{
	const struct runtime_process *process = runtime_watch_find(env->session.watch, pid);
	const struct runtime_route *route;
	bool is_silent;

	for (int i = 0; process && i < process->uses_count; i++) {
		route = &process->uses[i].image->routes[RUNTIME_OBJECT];
		if (route->kind == RUNTIME_ROUTE_NONE)
			log_warn("no objects are reported: %s", route->note);
		else if (process->silent[i] & 1u << RUNTIME_OBJECT)
			log_warn("no objects are reported: %s",
				 runtime_explain(process->pid, &process->uses[i], RUNTIME_OBJECT,
						 &is_silent));
	}
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	struct runtime_attach *attach = &env->session.attach;
	int err;

	attach->events = 1u << RUNTIME_OBJECT;
	attach->prog_fds[RUNTIME_OBJECT] = bpf_program__fd(env->skel->progs.object_made);
	err = runtime_session_attach(&env->session);
	for (unsigned int i = 0; !err && i < choice_pid_count(&env->tool.choice); i++)
		explain(env, env->tool.choice.pids[i]);
	return err;
}

static void close_all(void *ctx)
{
	struct env *env = ctx;

	runtime_session_close(&env->session);
}

static const struct argp argp = {
	.options = arguments,
	.parser = parse_argument,
	.args_doc = "[PID [INTERVAL]] [-- COMMAND [ARG...]]",
	.doc = "Count objects that language runtimes make, by class: of all processes, one, or a command. A table is "
	       "printed at the end, or every INTERVAL seconds.\v"
	       "Examples:\n"
	       "  uobjnew -C 10 1234 5      the ten most frequent classes of a process, every 5 s\n"
	       "  uobjnew -- python3 a.py   a program from its start to its end\n\n"
	       "Java reports objects if it was started with -XX:+ExtendedDTraceProbes, with their bytes; others report "
	       "no bytes.",
};

static const char *const types[] = { "pt_regs", "user_pt_regs" };

static const struct tool_spec spec = {
	.options = { .argp = &argp,
		     .common = OPTIONS_BASIC | OPTIONS_BIT(OPTIONS_COMMAND),
		     .rows = { &rows_of_classes } },
	.types = types,
	.type_count = ARRAY_SIZE(types),
	.has_uprobes = true,
	.open = open_skeleton,
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
