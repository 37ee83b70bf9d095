/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The lists that every kind of target fills.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/target/target_private.h"

static int add_to(struct target_place **places, size_t *count, size_t *size,
		  const struct target_place *place)
{
	if (*count == *size) {
		size_t wanted = *size ? 2 * *size : 16;
		struct target_place *grown = realloc(*places, wanted * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*places = grown;
		*size = wanted;
	}
	(*places)[(*count)++] = *place;
	return 0;
}

int target_places_add(struct target *target, const struct target_place *place)
{
	return add_to(&target->places, &target->place_count, &target->place_size, place);
}

int target_places_add_entry(struct target *target, const struct target_place *place)
{
	return add_to(&target->entries, &target->entry_count, &target->entry_size, place);
}

int target_places_add_context(struct target *target, const struct probe_context *context)
{
	struct probe_context *grown =
		realloc(target->contexts, (target->context_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	target->contexts = grown;
	target->contexts[target->context_count++] = *context;
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct target_place *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Several names of one address are one place. Returns how many are left. */
static size_t drop_aliases(struct target_place *places, size_t count)
{
	size_t kept = 0;

	if (!count)
		return 0;
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 1; i < count; i++)
		if (places[i].offset != places[kept].offset)
			places[++kept] = places[i];
	return kept + 1;
}

void target_places_drop_aliases(struct target *target)
{
	target->place_count = drop_aliases(target->places, target->place_count);
	target->entry_count = drop_aliases(target->entries, target->entry_count);
}

bool target_places_match(const char *pattern, const char *text)
{
	return !pattern || !*pattern || bsl_glob_match(pattern, text);
}
