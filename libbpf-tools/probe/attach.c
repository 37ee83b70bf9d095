/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Programs to their places: uprobes and tracepoints here, kernel functions in attach_kernel.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "probe/probe_private.h"

/* include/linux/errno.h: not for user space, and yet what a uprobe on such an instruction returns. */
#define ENOTSUPP 524

static int attach_group_uprobes(struct attachment *at, const struct probe_group *group, int prog_fd,
				bool use_multi, size_t *attached)
{
	struct probe *probe = at->probe;
	struct attach_place *places = calloc(group->count, sizeof(*places));
	struct attach_uprobe_opts opts = {
		.path = bsl_elf_path(probe->target.elf),
		.places = places,
		.count = group->count,
		.is_return = probe->spec->kind == SPEC_RETURN &&
			     !probe->target.contexts[group->context].at_ret && !group->is_entry,
		.use_multi = use_multi,
		.use_cookie = group->count > 1,
		.pid = at->pid,
	};
	size_t skips = 0, settled = 0;
	int err;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < group->count; i++) {
		const struct target_place *place = &group->places[group->indices[i]];

		places[i] = (struct attach_place){
			place->offset +
				(opts.is_return || !place->settled ? place->skip : place->settled),
			place->ref_ctr_offset, probe->first_place + place->row
		};
		skips += place->skip != 0;
		settled += place->settled != 0;
	}
	err = attach_uprobes(group->is_entry ? &at->links->entries : &at->links->probes, prog_fd,
			     &opts, attached);
	log_info("%s: %zu of %zu%s by %s", probe->spec->text, *attached, group->count,
		 group->is_entry ? " entries" : "",
		 use_multi ? "one uprobe multi link" : "a perf event each");
	if (settled && !opts.is_return)
		log_info("%s: %zu of them behind the prologue that stores the parameters",
			 probe->spec->text, settled);
	else if (skips)
		log_info(
			"%s: %zu of them behind the endbr64 that they begin with, which is expensive to probe",
			probe->spec->text, skips);
	free(places);
	return err;
}

static int attach_group(struct attachment *at, const struct probe_group *group)
{
	struct probe *probe = at->probe;
	const struct target_place *first = &group->places[group->indices[0]];
	struct generate_opts generate = probe_group_opts(probe, at->generate, at->features, group);
	bool is_tracepoint = probe->target.how == TARGET_TRACEPOINT;
	/* The multi link is the cheaper one per hit too, wherever its process filter can be trusted. */
	bool use_multi = !is_tracepoint && at->features->uprobe_multi &&
			 (!at->pid || at->features->uprobe_multi_pid);
	struct probe_program kind = {
		.type = is_tracepoint ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE,
		.attach_type = use_multi ? ATTACH_TYPE_UPROBE_MULTI : 0,
	};
	size_t attached = 0;
	char why[256] = "";
	int err = probe_load(probe, &probe->records[group->context], &generate, &kind, at->diag);

	if (err < 0)
		return err;
	if (is_tracepoint) {
		err = attach_tracepoint(
			group->is_entry ? &at->links->entries : &at->links->probes, err,
			group->is_entry ? first->entry_tracepoint_id : first->tracepoint_id, false,
			0);
		attached = !err;
	} else {
		err = attach_group_uprobes(at, group, err, use_multi, &attached);
	}
	if (!group->is_entry)
		probe->attached += attached;
	if (permission_is_refusal(err))
		permission_explain_own(is_tracepoint ? PERMISSION_PERF
				       : use_multi   ? PERMISSION_BPF
						     : PERMISSION_UPROBE,
				       why, sizeof(why));
	if (err)
		diag_error(
			at->diag, -1, "cannot attach to %s: %s%s%s",
			group->places[group->indices[attached < group->count ? attached : 0]].name,
			err == -ENOTSUPP ? "the kernel cannot probe its instruction"
					 : strerror(-err),
			*why ? ": " : "", why);
	return err;
}

/*
 * A multi link is all or nothing. So that one place that cannot be probed doesn't hide the others, halve
 * until it is alone.
 */
static int attach_halves(struct attachment *at, const struct probe_group *group)
{
	size_t loaded = at->probe->prog_count, half = group->count / 2;
	struct probe_group first = *group, second = *group;
	int err = attach_group(at, group), second_err;

	if (!err || group->count == 1 || at->probe->prog_count == loaded)
		return err;
	at->diag->text[0] = '\0';
	first.count = half;
	second.indices += half;
	second.count -= half;
	err = attach_halves(at, &first);
	second_err = attach_halves(at, &second);
	return err ?: second_err;
}

/* All places by as few programs as possible. */
static int attach_places(struct attachment *at, const struct probe_group *group)
{
	struct probe_group single = *group;
	int err = 0, one;

	if (at->features->cookie && at->probe->target.how != TARGET_TRACEPOINT)
		return attach_halves(at, group);
	single.count = 1;
	for (size_t i = 0; i < group->count; i++, single.indices++) {
		one = attach_group(at, &single);
		err = err ?: one;
	}
	return err;
}

/* First what keeps the entries' values, if returns want them: so each return that fires has some. */
static int attach_context(struct attachment *at, unsigned int context, size_t *indices)
{
	const struct target *target = &at->probe->target;
	struct probe_group group = { .context = context,
				     .places = target->places,
				     .indices = indices };
	struct probe_group entries = group;
	int err = 0;

	if (at->probe->checked[context]->entry_count) {
		entries.is_entry = true;
		bool at_ret = target->contexts[context].at_ret;

		entries.places = at_ret ? target->entries : target->places;
		entries.count = probe_group_find(entries.places,
						 at_ret ? target->entry_count : target->place_count,
						 context, indices);
		err = attach_places(at, &entries);
	}
	if (err && entries.count == 1)
		return err;
	if (err)
		log_warn("'%s': at some places no value is kept at the entry: %s",
			 at->probe->spec->text, at->diag->text);
	group.count = probe_group_find(target->places, target->place_count, context, indices);
	return attach_places(at, &group);
}

static int attach_contexts(struct attachment *at)
{
	struct probe *probe = at->probe;
	const struct target *target = &probe->target;
	size_t most = target->place_count > target->entry_count ? target->place_count
								: target->entry_count;
	size_t *indices;
	int err = 0;

	indices = calloc(most, sizeof(*indices));
	if (!indices)
		return -ENOMEM;
	for (unsigned int c = 0; c < target->context_count; c++) {
		int one = attach_context(at, c, indices);

		err = err ?: one;
	}
	free(indices);
	return probe->attached ? 0 : err;
}

int probe_attach(struct probe *probe, const struct generate_opts *generate,
		 const struct attach_features *features, struct ways *ways, pid_t attach_pid,
		 struct probe_links *links, struct diag *diag)
{
	struct attachment at = { probe, generate, features, ways, attach_pid, links, diag };
	int err;

	probe->first_link = links->probes.count;
	err = probe->target.how == TARGET_KERNEL ? probe_attach_kernel(&at) : attach_contexts(&at);
	probe->end_link = links->probes.count;
	return err;
}
