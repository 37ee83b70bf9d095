/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The lists that every kind of target fills.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
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

void target_places_leave_out(struct target *target, const char *name, const char *why)
{
	if (!target->left_out++)
		snprintf(target->left_out_why, sizeof(target->left_out_why), "%s: %s", name, why);
}

int target_places_add_noted(struct target *target, const struct target_place *place, uint64_t addr)
{
	char why[300];
	int err = bsl_elf_check_place(target->elf, addr, BSL_PLACE_VOUCHED, why, sizeof(why));

	if (err == -EPERM)
		target_places_leave_out(target, place->name, why);
	else if (!err)
		err = target_places_add(target, place);
	return err == -EPERM ? 0 : err;
}

int target_places_settle(const struct spec *spec, struct target *target, struct diag *diag)
{
	if (!target->left_out)
		return 0;
	if (!target->place_count && target->left_out == 1)
		return diag_error(diag, spec->func_pos, "can't probe %s", target->left_out_why);
	if (!target->place_count)
		return diag_error(diag, spec->func_pos,
				  "can't probe any of the %zu places, such as %s", target->left_out,
				  target->left_out_why);
	log_warn("'%s': %zu of %zu places left out, such as %s", spec->text, target->left_out,
		 target->left_out + target->place_count, target->left_out_why);
	return 0;
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

static int compare_entry(const void *key, const void *element)
{
	const struct target_place *place = key, *entry = element;

	return place->entry < entry->offset ? -1 : place->entry > entry->offset;
}

struct target_place *target_places_find_entry(struct target *target,
					      const struct target_place *place)
{
	if (!target->entry_count)
		return NULL;
	return bsearch(place, target->entries, target->entry_count, sizeof(*target->entries),
		       compare_entry);
}

int target_places_number_rows(struct target *target)
{
	/* By entry: the first of its return instructions, from 1 on. */
	uint32_t *firsts = calloc(target->entry_count + 1, sizeof(*firsts));

	if (!firsts)
		return -ENOMEM;
	for (size_t i = 0; i < target->place_count; i++) {
		struct target_place *place = &target->places[i], *entry = NULL;
		uint32_t *first;

		place->row = (uint32_t)i;
		if (place->at_ret)
			entry = target_places_find_entry(target, place);
		if (!entry)
			continue;
		first = &firsts[entry - target->entries];
		if (!*first)
			*first = (uint32_t)i + 1;
		if (target->places[*first - 1].context == place->context)
			place->row = *first - 1;
	}
	free(firsts);
	return 0;
}

bool target_places_match(const char *pattern, const char *text)
{
	return !pattern || !*pattern || bsl_glob_match(pattern, text);
}
