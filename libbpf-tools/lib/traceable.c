/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * "NAME [MODULE]" a line, or "ADDRESS NAME [MODULE]" in the newer list with addresses. See traceable.h.
 */
#include "lib/traceable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/tracefs.h"

/*
 * What ftrace patches lies behind the function's first bytes: endbr64 (x86, 4 bytes), bti and a patched nop (arm64, 8).
 */
#define TRACEABLE_PATCH_MAX 8

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_addrs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void parse_lines(struct traceable *traceable)
{
	char *at = traceable->text;

	while (at && *at) {
		char *next = strchr(at, '\n');

		if (next)
			*next++ = '\0';
		if (traceable->addrs) {
			traceable->addrs[traceable->count] = strtoull(at, &at, 16);
			at += *at == ' ';
		}
		at[strcspn(at, " \t")] = '\0';
		traceable->names[traceable->count++] = at;
		at = next;
	}
	qsort(traceable->names, traceable->count, sizeof(*traceable->names), compare_names);
	if (traceable->addrs)
		qsort(traceable->addrs, traceable->count, sizeof(*traceable->addrs), compare_addrs);
}

int traceable_parse(struct traceable *traceable, char *text, bool has_addrs)
{
	size_t lines = 1;

	*traceable = (struct traceable){ .text = text };
	for (const char *at = traceable->text; (at = strchr(at, '\n')); at++)
		lines++;
	traceable->names = calloc(lines, sizeof(*traceable->names));
	traceable->addrs = has_addrs ? calloc(lines, sizeof(*traceable->addrs)) : NULL;
	if (!traceable->names || (has_addrs && !traceable->addrs))
		return -ENOMEM;
	parse_lines(traceable);
	return 0;
}

int traceable_read(struct traceable *traceable)
{
	int tracefs = tracefs_open(), err = 0;
	bool has_addrs;
	char *text;

	*traceable = (struct traceable){};
	if (tracefs < 0)
		return tracefs;
	text = tracefs_read(tracefs, "available_filter_functions_addrs", NULL);
	has_addrs = text;
	if (!text)
		text = tracefs_read(tracefs, "available_filter_functions", NULL);
	if (!text)
		err = -errno;
	close(tracefs);
	return err ?: traceable_parse(traceable, text, has_addrs);
}

void traceable_free(struct traceable *traceable)
{
	free(traceable->text);
	free(traceable->names);
	free(traceable->addrs);
	*traceable = (struct traceable){};
}

const char *const *traceable_find(const struct traceable *traceable, const char *name,
				  size_t *count)
{
	size_t low = 0, high = traceable->count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(traceable->names[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < traceable->count && !strcmp(traceable->names[end], name); end++)
		;
	*count = end - low;
	return *count ? &traceable->names[low] : NULL;
}

bool traceable_has(const struct traceable *traceable, uint64_t addr, const char *name)
{
	size_t low = 0, high = traceable->count, count;

	if (!traceable->addrs || !addr)
		return traceable_find(traceable, name, &count);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (traceable->addrs[middle] < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < traceable->count && traceable->addrs[low] - addr <= TRACEABLE_PATCH_MAX;
}
