/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* The table of programs and places, and attaching by it. */
#include "redis/redis_probes.h"

#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/events_ctl.h"
#include "bpf/filter_config.h"
#include "bpf/pidns_config.h"
#include "redis-cmd.skel.h"

/* When a program is needed. */
enum {
	FOR_ROWS = 1,
	FOR_COUNTS = 2,
};

struct probe {
	struct bpf_program *prog;
	uint64_t place;			     /* 0: the server doesn't have it */
	const struct redis_returns *returns; /* ... or there; NULL: at the place */
	unsigned int when;
};

#define PROBES 18

/* Returns come first: a call whose return alone is seen does no harm. */
static void list_probes(const struct redis_cmd_bpf *skel, const struct redis_places *places,
			struct probe probes[PROBES])
{
	const struct probe list[PROBES] = {
		{ skel->progs.leave_call, 0, &places->call_returns, FOR_ROWS },
		{ skel->progs.leave_counted, 0, &places->call_returns, FOR_COUNTS },
		{ skel->progs.error_reply, places->after_error, NULL, FOR_ROWS },
		{ skel->progs.error_counted, places->after_error, NULL, FOR_COUNTS },
		{ skel->progs.error_object, places->reply, NULL, FOR_ROWS },
		{ skel->progs.error_object_counted, places->reply, NULL, FOR_COUNTS },
		{ skel->progs.block_client, places->block, NULL, FOR_ROWS | FOR_COUNTS },
		{ skel->progs.block_client, places->block_keys, NULL, FOR_ROWS | FOR_COUNTS },
		{ skel->progs.unblock_counted, places->reexecutes ? places->unblock : 0, NULL,
		  FOR_COUNTS },
		{ skel->progs.unblock_stats_counted, places->reexecutes ? places->unblock_stats : 0,
		  NULL, FOR_COUNTS },
		{ skel->progs.unblock_client, places->unblock, NULL, FOR_ROWS },
		{ skel->progs.time_out_client, places->time_out, NULL, FOR_ROWS },
		{ skel->progs.free_client, places->free, NULL, FOR_ROWS },
		{ skel->progs.leave_accept, 0, &places->accept_returns, FOR_ROWS },
		{ skel->progs.leave_accept_unix, 0, &places->accept_unix_returns, FOR_ROWS },
		{ skel->progs.enter_accept, places->accept, NULL, FOR_ROWS | FOR_COUNTS },
		{ skel->progs.enter_call, places->call, NULL, FOR_ROWS },
		{ skel->progs.enter_counted, places->call, NULL, FOR_COUNTS },
	};

	memcpy(probes, list, sizeof(list));
}

static bool is_needed(const struct redis_probes *probes, const struct probe *probe)
{
	return probe->prog && probe->when & (probes->is_counting ? FOR_COUNTS : FOR_ROWS);
}

void redis_probes_choose(const struct redis_probes *probes)
{
	const struct redis_cmd_bpf *skel = probes->skel;
	struct redis_places none = {};
	struct probe list[PROBES];
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(
			prog, (prog == skel->progs.started && probes->finds_others) ||
				      (prog == skel->progs.ended && !probes->is_counting));
	list_probes(skel, &none, list);
	for (size_t i = 0; i < PROBES; i++) {
		if (!is_needed(probes, &list[i]))
			continue;
		bpf_program__set_autoload(list[i].prog, true);
		if (probes->features.uprobe_multi)
			bpf_program__set_expected_attach_type(list[i].prog,
							      ATTACH_TYPE_UPROBE_MULTI);
	}
}

static int attach_probe(const struct redis_probes *probes, const struct probe *probe,
			const char *path, uint32_t number)
{
	const struct attach_features *features = &probes->features;
	struct attach_place places[REDIS_RETURNS_MAX] = { { .offset = probe->place } };
	const struct attach_uprobe_opts opts = {
		.path = path,
		.places = places,
		.count = probe->returns ? probe->returns->count : probe->place != 0,
		.is_return = probe->returns && probe->returns->by_probe,
		.use_multi = features->uprobe_multi,
		.use_cookie = features->cookie,
		/* Other servers needn't pay for it, where the kernel knows what a process is. */
		.pid = features->uprobe_multi && !features->uprobe_multi_pid ? 0 : probes->pid,
	};
	size_t attached;

	if (!opts.count)
		return 0;
	for (size_t i = 0; i < opts.count; i++) {
		places[i].cookie = number;
		if (probe->returns)
			places[i].offset = probe->returns->offsets[i];
	}
	return attach_uprobes(probes->set, bpf_program__fd(probe->prog), &opts, &attached);
}

int redis_probes_attach(const struct redis_probes *probes, const char *path,
			const struct redis_places *places, uint32_t number)
{
	struct probe list[PROBES];
	int err = 0;

	list_probes(probes->skel, places, list);
	for (size_t i = 0; i < PROBES && !err; i++) {
		if (is_needed(probes, &list[i]))
			err = attach_probe(probes, &list[i], path, number);
	}
	return err;
}
