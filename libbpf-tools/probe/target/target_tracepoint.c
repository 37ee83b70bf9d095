/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tracepoints of the kernel, by tracefs.
 */
#include <blazesym-lite.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/permission.h"
#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"
#include "probe/target/target_private.h"

static int add_tracepoint(const struct spec *spec, int tracefs, const char *category,
			  const char *event, const struct target_opts *opts, struct target *target)
{
	struct probe_context context = {
		.kind = SPEC_TRACEPOINT,
		.machine = bsl_host_machine(),
		.is_kernel = true,
		.pointers_are_user = !strcmp(category, "syscalls"),
		.types = opts->types,
		.string_size = opts->string_size,
	};
	struct target_place place = { .context = target->context_count };
	struct tracefs_format format;
	int err = tracefs_format_read(tracefs, category, event, &format);

	if (err)
		return err;
	place.tracepoint_id = format.id;
	place.name = arena_strndup(spec->arena, event, strlen(event));
	place.provider = arena_strndup(spec->arena, category, strlen(category));
	context.record =
		type_tracepoint(spec->arena, &format, context.pointers_are_user, opts->types);
	tracefs_format_free(&format);
	if (!context.record || !place.name || !place.provider)
		return -ENOMEM;
	err = target_places_add_context(target, &context);
	return err ? err : target_places_add(target, &place);
}

/*
 * The entries of a tracefs directory that match a pattern (NULL: all), sorted; a NULL-terminated list to be freed with its
 * names.
 */
static int list_directory(int tracefs, const char *path, const char *pattern, char ***names)
{
	int fd = openat(tracefs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char **list = calloc(1, sizeof(*list));

	if (!dir || !list) {
		if (fd >= 0 && !dir)
			close(fd);
		if (dir)
			closedir(dir);
		free(list);
		return -ENOENT;
	}
	while ((entry = readdir(dir))) {
		char **grown;

		if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
			continue;
		if (!target_places_match(pattern, entry->d_name))
			continue;
		grown = realloc(list, (count + 2) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		list[count] = strdup(entry->d_name);
		if (!list[count])
			break;
		list[++count] = NULL;
	}
	closedir(dir);
	*names = list;
	return count;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names)
{
	for (int i = 0; names[i]; i++)
		free(names[i]);
	free(names);
}

static void no_tracepoint(const struct spec *spec, int tracefs, struct diag *diag)
{
	struct suggest near = { .wanted = spec->func };
	char path[300], **names;
	bool has_category;
	int count;

	snprintf(path, sizeof(path), "events/%s", spec->category);
	has_category = !bsl_glob_is_pattern(spec->category) && !faccessat(tracefs, path, F_OK, 0);
	if (!has_category)
		near.wanted = spec->category;
	count = list_directory(tracefs, has_category ? path : "events", NULL, &names);
	for (int i = 0; i < count; i++)
		suggest_add(&near, names[i]);
	if (count >= 0)
		free_names(names);
	if (has_category)
		diag_error(diag, spec->func_pos, "the kernel has no tracepoint '%s:%s'%s",
			   spec->category, spec->func, suggest_text(&near));
	else
		diag_error(diag, spec->lib_pos, "the kernel has no tracepoint category '%s'%s",
			   spec->category, suggest_text(&near));
}

static int resolve_category(const struct spec *spec, int tracefs, const char *category,
			    const struct target_opts *opts, struct target *target)
{
	char path[300], **events;
	int count, err = 0;

	snprintf(path, sizeof(path), "events/%s", category);
	count = list_directory(tracefs, path, spec->func, &events);
	if (count < 0)
		return 0;
	qsort(events, count, sizeof(*events), compare_strings);
	for (int i = 0; i < count && !err; i++) {
		err = add_tracepoint(spec, tracefs, category, events[i], opts, target);
		/* Some directories are no events: ftrace's internal ones have no id to attach to. */
		if (err == -ENOENT || err == -EINVAL)
			err = 0;
	}
	free_names(events);
	return err;
}

static int no_tracefs(int err, const char *what, struct diag *diag)
{
	char why[384] = "";

	if (permission_is_refusal(err))
		permission_explain_own(PERMISSION_TRACEFS, why, sizeof(why));
	return diag_error(diag, -1, "%s: %s%s%s", what, strerror(-err), *why ? ": " : "", why);
}

int target_tracepoint_resolve(const struct spec *spec, const struct target_opts *opts,
			      struct target *target, struct diag *diag)
{
	int tracefs = tracefs_open(), count, err = 0;
	char **categories;

	if (tracefs < 0)
		return no_tracefs(tracefs, "the kernel's tracing file system cannot be opened",
				  diag);
	if (!bsl_glob_is_pattern(spec->category) && !spec->is_pattern) {
		err = add_tracepoint(spec, tracefs, spec->category, spec->func, opts, target);
		if (permission_is_refusal(err))
			no_tracefs(err, "its format cannot be read", diag);
		else if (err && err != -ENOMEM)
			no_tracepoint(spec, tracefs, diag);
		close(tracefs);
		return err;
	}
	count = list_directory(tracefs, "events", spec->category, &categories);
	if (count >= 0) {
		qsort(categories, count, sizeof(*categories), compare_strings);
		for (int i = 0; i < count && !err; i++)
			err = resolve_category(spec, tracefs, categories[i], opts, target);
		free_names(categories);
	}
	if (!err && !target->place_count) {
		no_tracepoint(spec, tracefs, diag);
		err = -EINVAL;
	}
	close(tracefs);
	return err;
}
