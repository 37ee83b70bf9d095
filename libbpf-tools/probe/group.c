/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The places of one context, as many of them as one program is for.
 */
#include "probe/probe_private.h"

struct generate_opts probe_group_opts(const struct probe *probe, const struct generate_opts *common,
				      const struct attach_features *features,
				      const struct probe_group *group)
{
	struct generate_opts generate = *common;
	const struct probe_context *context = &probe->target.contexts[group->context];
	bool is_file = probe->target.how == TARGET_FILE;

	generate.is_entry = group->is_entry;
	generate.frame = !is_file	    ? GENERATE_FRAME_NONE
			 : !context->at_ret ? GENERATE_FRAME_STACK
			 : context->is_go   ? GENERATE_FRAME_GO
					    : GENERATE_FRAME_SITE;
	generate.sleepable = is_file && !group->is_entry && features->sleepable &&
			     !generate.use_perf && !generate.filter->config.cgroup &&
			     generate_reads_user(&probe->records[group->context]);
	generate.place_is_cookie = group->count > 1;
	generate.place = probe->first_place + group->places[group->indices[0]].row;
	return generate;
}

size_t probe_group_find(const struct target_place *places, size_t place_count, unsigned int context,
			size_t *indices)
{
	size_t count = 0;

	for (size_t i = 0; i < place_count; i++)
		if (places[i].context == context)
			indices[count++] = i;
	return count;
}
