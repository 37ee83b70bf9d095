/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel functions, by the cheapest way that is safe and loses nothing: fentry and fexit cost a call, kprobes an
 * exception or a jump through ftrace. What the kernel refuses is tried the other way, and -v says so.
 */
#include "lib/log.h"
#include "probe/probe_private.h"

/* Why kprobes come first, or alone; NULL: they don't. */
static const char *prefers_kprobes(const struct probe *probe, const struct ways *ways, bool *alone)
{
	bool is_return = probe->spec->kind == SPEC_RETURN;

	*alone = true;
	if (!probe->tracing_checked)
		return "not possible";
	if (!ways->guards_recursion)
		return "this kernel doesn't guard programs against running within themselves";
	if (attach_is_ambiguous(probe->spec->func))
		return "it would take but one of several functions of this name";
	*alone = false;
	/* Of returns, kprobes would lose more: see lib/ways.h. */
	if (ways->preempts && ways->has_kprobes && (!is_return || ways->follows_all_returns))
		return "a kernel that preempts itself loses hits in it";
	return NULL;
}

bool probe_may_nest(const struct probe *probes, size_t count, struct ways *ways)
{
	bool alone;

	for (size_t i = 0; i < count; i++) {
		const struct checked *checked = probes[i].tracing_checked;

		if (!checked || (count == 1 && !checked->entry_count))
			continue;
		ways_ask(ways);
		prefers_kprobes(&probes[i], ways, &alone);
		if (!alone)
			return true;
	}
	return false;
}

int probe_attach_kernel(struct attachment *at)
{
	struct probe *probe = at->probe;
	const char *way = probe->spec->kind == SPEC_RETURN ? "fexit" : "fentry", *why;
	struct diag refusal = {};
	bool alone;
	int err;

	ways_ask(at->ways);
	why = prefers_kprobes(probe, at->ways, &alone);
	if (why && probe->tracing_checked)
		log_info("%s: not by %s: %s", probe->spec->text, way, why);
	if (why) {
		err = probe_attach_kprobes(at);
		if (!err || alone)
			return err;
	}
	if (!probe_attach_tracing(at, &refusal))
		return 0;
	log_info("%s: not by %s: %s", probe->spec->text, way, refusal.text);
	return why ? err : probe_attach_kprobes(at);
}
