/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * tplist: kernel tracepoints, or the USDT probes of a library or process, with what they pass. See
 * man/tplist.8.
 */
#include <blazesym-lite.h>
#include <errno.h>
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

static void print_fields(struct env *env, const struct tracefs_format *format)
{
	struct output *out = env->output;

	if (output_is_json(out))
		output_json_array_begin(out, "fields");
	for (size_t i = 0; i < format->field_count; i++) {
		const struct tracefs_field *field = &format->fields[i];

		if (field->is_common)
			continue;
		if (output_is_json(out)) {
			output_json_object_begin(out, NULL);
			output_json_cstr(out, "type", field->type, SIZE_MAX);
			output_json_cstr(out, "name", field->name, SIZE_MAX);
			output_json_u64(out, "offset", field->offset);
			output_json_u64(out, "size", field->size);
			output_json_object_end(out);
		} else {
			output_puts(out, "    ");
			output_put_cstr(out, field->type, SIZE_MAX, 0);
			output_puts(out, " ");
			output_put_cstr(out, field->name, SIZE_MAX, 0);
			output_puts(out, ";");
			output_end_line(out);
		}
	}
	if (output_is_json(out))
		output_json_array_end(out);
}

/* event: "category:name", cut in two meanwhile. */
static int print_tracepoint(struct env *env, int tracefs_fd, char *event)
{
	struct output *out = env->output;
	struct tracefs_format format = {};
	char *colon = strchr(event, ':');

	if (!colon || !is_wanted(env, event))
		return 0;
	env->found++;
	*colon = '\0';
	if (env->options.verbosity)
		tracefs_format_read(tracefs_fd, event, colon + 1, &format);
	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_cstr(out, "category", event, SIZE_MAX);
		output_json_cstr(out, "event", colon + 1, SIZE_MAX);
		if (env->options.verbosity)
			print_fields(env, &format);
	} else {
		output_printf(out, "%s:%s", event, colon + 1);
	}
	if (!output_is_json(out) && format.field_count) {
		output_end_line(out);
		print_fields(env, &format);
	} else {
		output_end(out);
	}
	tracefs_format_free(&format);
	return output_error(out);
}

static int list_tracepoints(struct env *env)
{
	int fd = tracefs_open(), err = 0;
	char *text, *line, *rest = NULL;

	if (fd < 0) {
		log_error("cannot open the kernel's tracing file system: %s", strerror(-fd));
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

static void print_sites_text(struct env *env, const struct bsl_usdt *sites, size_t count)
{
	struct output *out = env->output;

	if (!env->options.verbosity)
		return;
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

static void print_sites_json(struct env *env, const struct bsl_usdt *sites, size_t count)
{
	struct output *out = env->output;

	if (sites->sema_addr)
		output_json_u64(out, "semaphore", sites->sema_addr);
	output_json_array_begin(out, "locations");
	for (size_t i = 0; i < count; i++) {
		output_json_object_begin(out, NULL);
		output_json_u64(out, "address", sites[i].addr);
		output_json_u64(out, "offset", sites[i].offset);
		output_json_u64(out, "argument_count", sites[i].nargs);
		output_json_cstr(out, "arguments", sites[i].args_text, SIZE_MAX);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}

static int print_probe(struct env *env, const char *path, const struct bsl_usdt *sites,
		       size_t count)
{
	struct output *out = env->output;
	char name[512];

	snprintf(name, sizeof(name), "%s:%s", sites->provider, sites->name);
	if (!is_wanted(env, name))
		return 0;
	env->found++;
	if (output_is_json(out)) {
		output_json_begin(out);
		output_json_cstr(out, "path", path, SIZE_MAX);
		output_json_cstr(out, "provider", sites->provider, SIZE_MAX);
		output_json_cstr(out, "name", sites->name, SIZE_MAX);
		print_sites_json(env, sites, count);
		return output_end(out);
	}
	output_put_cstr(out, path, SIZE_MAX, 0);
	output_puts(out, " ");
	output_put_cstr(out, name, SIZE_MAX, 0);
	if (!env->options.verbosity)
		return output_end(out);
	print_sites_text(env, sites, count);
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

	if (err) {
		log_error("cannot read the maps of process %d: %s", env->pid, strerror(-err));
		return err;
	}
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
	};
	struct output_opts output_opts = { .fd = STDOUT_FILENO };
	int err;

	options_parse(&spec, &env.options, argc, argv);
	/* A reader that has seen enough is no failure. */
	signal(SIGPIPE, SIG_IGN);
	output_opts.json = env.options.json;
	env.output = output_new(&output_opts);
	if (!env.output) {
		log_error("out of memory");
		return RUN_FAILED;
	}
	if (env.library)
		err = list_library(&env);
	else
		err = env.pid ? list_process(&env) : list_tracepoints(&env);
	err = err ?: output_flush(env.output);
	if (err == -EPIPE)
		err = 0;
	else if (!err && !env.found)
		log_warn("there is no %s%s%s", env.library || env.pid ? "USDT probe" : "tracepoint",
			 env.filter ? " that matches " : "", env.filter ?: "");
	output_free(env.output);
	return err || !env.found ? RUN_FAILED : RUN_OK;
}
