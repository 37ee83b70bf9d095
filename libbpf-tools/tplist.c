/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * tplist: kernel tracepoints, or the USDT probes of a library or process, with what they pass. See
 * man/tplist.8.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <front.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/run.h"
#include "lib/tracefs.h"

struct env {
	struct options options;
	pid_t pid;
	const char *library, *filter;
	struct output *output;
	struct row_printer rows;
	size_t found;
};

static const struct argp_option arguments[] = {
	{ "lib", 'l', "LIB", 0, "USDT probes of this library or program, by name or path", 0 },
	{ "pid", 'p', "PID", 0, "USDT probes of all that this process maps; with -l, of its LIB",
	  0 },
	{},
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;

	switch (key) {
	case 'l':
		env->library = arg;
		return 0;
	case 'p':
		env->pid = options_pid(state, "-p", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (env->filter)
			argp_error(state, "unexpected argument '%s'", arg);
		env->filter = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_wanted(const struct env *env, const char *name)
{
	return !env->filter || bsl_glob_match(env->filter, name);
}

/* ---- tracepoints ---- */

/* A row. */
struct tracepoint {
	const char *category, *event;
	struct tracefs_format format; /* with -v */
};

static void put_tracepoint(const void *row, struct output *out)
{
	const struct tracepoint *tracepoint = row;

	output_printf(out, "%s:%s", tracepoint->category, tracepoint->event);
}

static void put_fields(const void *row, struct output *out)
{
	const struct tracefs_format *format = &((const struct tracepoint *)row)->format;

	output_json_array_begin(out, "fields");
	for (size_t i = 0; i < format->field_count; i++) {
		const struct tracefs_field *field = &format->fields[i];

		if (field->is_common)
			continue;
		output_json_object_begin(out, NULL);
		output_json_cstr(out, "type", field->type, SIZE_MAX);
		output_json_cstr(out, "name", field->name, SIZE_MAX);
		output_json_u64(out, "offset", field->offset);
		output_json_u64(out, "size", field->size);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}

static const struct row_column tracepoint_columns[] = {
	{ "TRACEPOINT", NULL, .put = put_tracepoint, .help = "category and event" },
	{ "CATEGORY", "category", ROW_STRING, -16, ROW_AT(struct tracepoint, category),
	  .when = { ROW_CHOSEN }, .help = "its category" },
	{ "EVENT", "event", ROW_STRING, 0, ROW_AT(struct tracepoint, event), .when = { ROW_CHOSEN },
	  .help = "its name" },
	{ NULL, "fields", .put = put_fields, .when = { 'v' }, .is_extra = true,
	  .help = "objects: type, name, offset and size" },
};

static const struct row_table tracepoint_rows = { .columns = tracepoint_columns,
						  .count = ARRAY_SIZE(tracepoint_columns) };

static void print_fields(struct output *out, const struct tracefs_format *format)
{
	for (size_t i = 0; i < format->field_count; i++) {
		const struct tracefs_field *field = &format->fields[i];

		if (field->is_common)
			continue;
		output_puts(out, "    ");
		output_put_cstr(out, field->type, SIZE_MAX, 0);
		output_puts(out, " ");
		output_put_cstr(out, field->name, SIZE_MAX, 0);
		output_puts(out, ";");
		output_end_line(out);
	}
}

/* event: "category:name", cut in two meanwhile. */
static int print_tracepoint(struct env *env, int tracefs_fd, char *event)
{
	struct tracepoint row = { .category = event };
	struct output *out = env->output;
	char *colon = strchr(event, ':');

	if (!colon || !is_wanted(env, event))
		return 0;
	env->found++;
	*colon = '\0';
	row.event = colon + 1;
	if (env->options.verbosity)
		tracefs_format_read(tracefs_fd, event, colon + 1, &row.format);
	row_print(&env->rows, &row);
	if (!output_is_json(out))
		print_fields(out, &row.format);
	tracefs_format_free(&row.format);
	return output_error(out);
}

static int list_tracepoints(struct env *env)
{
	int fd = tracefs_open(), err = 0;
	char *text, *line, *rest = NULL;

	if (fd < 0) {
		log_failure(fd, PERMISSION_TRACEFS, "cannot open the kernel's tracing file system");
		return fd;
	}
	text = tracefs_read(fd, "available_events", NULL);
	if (!text) {
		err = -errno;
		log_error("cannot read available_events: %s", strerror(-err));
	}
	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line && !err;
	     line = strtok_r(NULL, "\n", &rest))
		err = print_tracepoint(env, fd, line);
	free(text);
	close(fd);
	return err;
}

/* ---- USDT ---- */

/* The sites of a file: strings are the ELF handle's. */
struct sites {
	struct bsl_usdt *sites;
	size_t count;
};

static int collect_site(const struct bsl_usdt *usdt, void *ctx)
{
	struct sites *sites = ctx;
	struct bsl_usdt *grown = reallocarray(sites->sites, sites->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	sites->sites = grown;
	grown[sites->count++] = *usdt;
	return 0;
}

static int compare_sites(const void *a, const void *b)
{
	const struct bsl_usdt *x = a, *y = b;
	int order = strcmp(x->provider, y->provider) ?: strcmp(x->name, y->name);

	return order ?: (x->offset > y->offset) - (x->offset < y->offset);
}

static bool is_same_probe(const struct bsl_usdt *a, const struct bsl_usdt *b)
{
	return !strcmp(a->provider, b->provider) && !strcmp(a->name, b->name);
}

/* A row. */
struct probe {
	const char *path;
	const struct bsl_usdt *sites;
	size_t count;
};

static void put_probe(const void *row, struct output *out)
{
	const struct bsl_usdt *sites = ((const struct probe *)row)->sites;

	output_put_cstr(out, sites->provider, SIZE_MAX, 0);
	output_puts(out, ":");
	output_put_cstr(out, sites->name, SIZE_MAX, 0);
}

static void get_semaphore(const void *row, struct row_value *value)
{
	const struct bsl_usdt *sites = ((const struct probe *)row)->sites;

	value->number = sites->sema_addr;
	if (!sites->sema_addr)
		row_set_none(value, NULL);
}

static void put_locations(const void *row, struct output *out)
{
	const struct probe *probe = row;

	output_json_array_begin(out, "locations");
	for (size_t i = 0; i < probe->count; i++) {
		const struct bsl_usdt *site = &probe->sites[i];

		output_json_object_begin(out, NULL);
		output_json_u64(out, "address", site->addr);
		output_json_u64(out, "offset", site->offset);
		output_json_u64(out, "argument_count", site->nargs);
		output_json_cstr(out, "arguments", site->args_text, SIZE_MAX);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}

#define AT(member) ROW_VIA(struct probe, sites, member)

static const struct row_column probe_columns[] = {
	{ "PATH", "path", ROW_STRING, 0, ROW_AT(struct probe, path), .help = "the file" },
	{ "PROBE", NULL, .put = put_probe, .help = "provider and name" },
	{ "PROVIDER", "provider", ROW_STRING, -16, AT(provider), .when = { ROW_CHOSEN },
	  .help = "its provider" },
	{ "NAME", "name", ROW_STRING, 0, AT(name), .when = { ROW_CHOSEN }, .help = "its name" },
	{ NULL, "semaphore", ROW_UNSIGNED, .get = get_semaphore,
	  .help = "the semaphore's address, if it has one" },
	{ NULL, "locations", .put = put_locations,
	  .help = "objects: address, offset and the arguments" },
};

static const struct row_table library_rows = { .columns = probe_columns,
					       .count = ARRAY_SIZE(probe_columns),
					       .when = { 'l' },
					       .title = "With -l, -p" };
static const struct row_table process_rows = { .columns = probe_columns,
					       .count = ARRAY_SIZE(probe_columns),
					       .when = { 'p' } };

static void print_sites(struct output *out, const struct bsl_usdt *sites, size_t count)
{
	if (sites->sema_addr)
		output_printf(out, " [sema 0x%llx]", (unsigned long long)sites->sema_addr);
	output_end_line(out);
	for (size_t i = 0; i < count; i++) {
		output_printf(out, "    location #%zu 0x%llx, %u arguments: ", i + 1,
			      (unsigned long long)sites[i].addr, sites[i].nargs);
		output_put_cstr(out, sites[i].args_text, SIZE_MAX, 0);
		output_end_line(out);
	}
}

static int print_probe(struct env *env, const char *path, const struct bsl_usdt *sites,
		       size_t count)
{
	const struct probe row = { path, sites, count };
	struct output *out = env->output;
	char name[512];

	snprintf(name, sizeof(name), "%s:%s", sites->provider, sites->name);
	if (!is_wanted(env, name))
		return 0;
	env->found++;
	row_put(&env->rows, &row);
	if (output_is_json(out) || !env->options.verbosity)
		return output_end(out);
	print_sites(out, sites, count);
	return output_error(out);
}

/* display: what it is called. */
static int list_file(struct env *env, struct bsl_elf *elf, const char *display)
{
	struct sites found = {};
	size_t i, next;
	int err = bsl_elf_usdt_each(elf, collect_site, &found);

	if (found.count)
		qsort(found.sites, found.count, sizeof(*found.sites), compare_sites);
	for (i = 0; err >= 0 && i < found.count; i = next) {
		for (next = i + 1;
		     next < found.count && is_same_probe(&found.sites[i], &found.sites[next]);)
			next++;
		err = print_probe(env, display, &found.sites[i], next - i);
	}
	free(found.sites);
	return err < 0 ? err : 0;
}

static int list_library(struct env *env)
{
	struct bsl_file file;
	char why[512];
	int err;

	if (bsl_resolve(env->library, env->pid, 0, &file, why, sizeof(why))) {
		log_error("%s", why);
		return -ENOENT;
	}
	err = list_file(env, file.elf, file.display);
	if (err)
		log_error("cannot read the probes of %s: %s", file.display, bsl_error_text(err));
	bsl_elf_close(file.elf);
	return err;
}

static int list_map(struct env *env, const struct bsl_maps *maps, const struct bsl_map *map)
{
	int fd = bsl_map_open(maps, map), err;
	struct bsl_elf *elf;

	if (fd < 0)
		return fd;
	err = bsl_elf_open_fd(fd, &elf);
	close(fd);
	if (err)
		return err;
	err = list_file(env, elf, map->path);
	bsl_elf_close(elf);
	return err;
}

/* Each file that a process has mapped for execution, once: also those that are deleted or only in memory. */
static int list_process(struct env *env)
{
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;
	int err = bsl_maps_read(env->pid, &maps);

	if (err == -ESRCH)
		log_error("there is no process %d", env->pid);
	else if (err)
		log_failure(err, PERMISSION_PROCESS, "cannot read the maps of process %d",
			    env->pid);
	if (err)
		return err;
	while (err != -ENOMEM && !output_error(env->output) &&
	       (map = bsl_maps_next_file(maps, map))) {
		err = list_map(env, maps, map);
		/* what a program maps executable need not be ELF */
		if (err && err != -ENOEXEC && !output_error(env->output))
			log_warn("cannot read the probes of %s: %s", map->path,
				 bsl_error_text(err));
	}
	bsl_maps_free(maps);
	return err == -ENOMEM ? err : output_error(env->output);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_argument,
		.args_doc = "[PATTERN]",
		.doc = "List the kernel's tracepoints, or the USDT probes of a library or process; with -v, what they "
		       "pass.\v"
		       "Examples:\n"
		       "  tplist 'net:*'            tracepoints of a category\n"
		       "  tplist -v syscalls:sys_enter_openat  its fields\n"
		       "  tplist -l c               probes of the C library\n"
		       "  tplist -v -p 1234 '*gc*'  of all that a process maps, with places and arguments",
	};
	struct env env = {};
	const struct options_spec spec = {
		.argp = &argp,
		.input = &env,
		.common = OPTIONS_BIT(OPTIONS_JSON) | OPTIONS_BIT(OPTIONS_VERBOSE) |
			  OPTIONS_BIT(OPTIONS_VERSION),
		.rows = { &tracepoint_rows, &library_rows, &process_rows },
	};
	struct timestamp start;
	struct output_opts output_opts = { .fd = STDOUT_FILENO };
	int err;

	front_start();
	options_parse(&spec, &env.options, argc, argv);
	/* A reader that has seen enough is no failure. */
	signal(SIGPIPE, SIG_IGN);
	output_opts.json = env.options.json;
	env.output = output_new(&output_opts);
	if (!env.output) {
		log_error("out of memory");
		return RUN_FAILED;
	}
	timestamp_start(&start);
	row_printer_init(&env.rows, &env.options.rows, env.output, &start);
	if (env.library)
		err = list_library(&env);
	else
		err = env.pid ? list_process(&env) : list_tracepoints(&env);
	err = err ?: output_flush(env.output);
	if (output_error(env.output))
		err = output_report_error(env.output) ? -EIO : 0;
	else if (!err && !env.found)
		log_warn("there is no %s%s%s", env.library || env.pid ? "USDT probe" : "tracepoint",
			 env.filter ? " that matches " : "", env.filter ?: "");
	output_free(env.output);
	return err || !env.found ? RUN_FAILED : RUN_OK;
}
