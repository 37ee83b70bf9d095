/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel functions by kprobes: one multi link for all of them, or a perf event each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "probe/probe_private.h"

/* So many perf events take seconds to attach and longer to detach: said beforehand. */
#define MANY_EVENTS 100

/* ---- what could not be probed, by reason ---------------------------------------------------- */

#define MAX_REASONS 8

struct refusals {
	struct {
		int err;
		size_t count;
		const char *first; /* the first function with this reason */
	} rows[MAX_REASONS];
	unsigned int row_count;
	size_t count;
};

static void refusals_add(struct refusals *refusals, const char *name, int err)
{
	unsigned int i = 0;

	refusals->count++;
	while (i < refusals->row_count && refusals->rows[i].err != err)
		i++;
	if (i == MAX_REASONS)
		return;
	if (i == refusals->row_count) {
		refusals->rows[i].err = err;
		refusals->rows[i].first = name;
		refusals->row_count++;
	}
	refusals->rows[i].count++;
}

/* The reason of the most. Returns its errno. */
static int refusals_explain(const struct refusals *refusals, struct diag *diag)
{
	unsigned int most = 0;
	const char *why;

	if (!refusals->row_count)
		return 0;
	for (unsigned int i = 1; i < refusals->row_count; i++)
		if (refusals->rows[i].count > refusals->rows[most].count)
			most = i;
	why = attach_explain_function(refusals->rows[most].first, refusals->rows[most].err);
	if (refusals->count == 1)
		diag_error(diag, -1, "cannot probe the kernel's %s: %s", refusals->rows[most].first,
			   why);
	else
		diag_error(diag, -1,
			   "cannot probe %zu of the kernel's functions, %s among them: %s",
			   refusals->rows[most].count, refusals->rows[most].first, why);
	return refusals->rows[most].err;
}

/* ---- one program's links -------------------------------------------------------------------- */

/* A program and where it is to go. */
struct kprobes {
	struct attachment *at;
	struct attach_set *links;
	int prog_fd;
	struct attach_kprobe_opts opts;
	size_t attached;
	struct refusals refusals;
};

struct same_name {
	const struct kprobes *kprobes;
	const struct attach_function *function;
	size_t found, count;
	int err;
};

static int attach_same_name(const struct bsl_kernel_symbol *sym, void *ctx)
{
	struct same_name *same = ctx;
	struct attach_function function = *same->function;
	struct attach_kprobe_opts opts = same->kprobes->opts;
	size_t attached;

	function.addr = sym->addr;
	opts.functions = &function;
	opts.count = 1;
	same->err = attach_kprobes(same->kprobes->links, same->kprobes->prog_fd, &opts, &attached)
			    ?: same->err;
	same->count += attached;
	same->found++;
	return 0;
}

/* Static functions of one name in several files: all are meant. */
static int attach_all_of_name(const struct kprobes *kprobes, const struct attach_function *function)
{
	struct same_name same = { .kprobes = kprobes, .function = function };
	const char *text = kprobes->at->probe->spec->text;
	struct bsl_kernel *kernel;

	if (bsl_kernel_open(&kernel))
		return -EADDRNOTAVAIL;
	bsl_kernel_find_symbols(kernel, function->name, 0, attach_same_name, &same);
	bsl_kernel_close(kernel);
	if (same.count && same.count < same.found)
		log_warn("'%s': %zu functions have this name, %zu of them can't be probed: %s",
			 text, same.found, same.found - same.count, strerror(-same.err));
	else if (same.count)
		log_info(
			"%s: %zu functions have this name; one of them is probed by its address: p::0x...",
			text, same.count);
	return same.count ? 0 : same.err ?: -EADDRNOTAVAIL;
}

/* One by one, so that one that can't be probed doesn't hide the others. */
static void attach_each(struct kprobes *kprobes)
{
	const struct attach_function *functions = kprobes->opts.functions;
	size_t count = kprobes->opts.count;

	for (size_t i = 0; i < count; i++) {
		struct attach_kprobe_opts one = kprobes->opts;
		size_t attached;
		int err;

		one.functions = &functions[i];
		one.count = 1;
		err = attach_kprobes(kprobes->links, kprobes->prog_fd, &one, &attached);
		if (err == -EADDRNOTAVAIL && !functions[i].addr)
			err = attach_all_of_name(kprobes, &functions[i]);
		if (!err) {
			kprobes->attached++;
			continue;
		}
		refusals_add(&kprobes->refusals, functions[i].name, err);
		/* Nor will the others find one. */
		if (err == -EMFILE || (err == -ENOENT && !attach_has_kprobes()))
			for (; ++i < count;)
				refusals_add(&kprobes->refusals, functions[i].name, err);
	}
}

/* Errors of a multi link that are about one of its functions. */
static bool is_of_a_function(int err)
{
	return err == -EINVAL || err == -ENOENT || err == -ESRCH || err == -EBUSY ||
	       err == -EADDRNOTAVAIL || err == -EILSEQ;
}

/* A multi link is all or nothing: halve until what is refused is alone. */
static void attach_halves(struct kprobes *kprobes, const struct attach_function *functions,
			  size_t count)
{
	struct attach_kprobe_opts opts = kprobes->opts;
	size_t attached;
	int err;

	opts.functions = functions;
	opts.count = count;
	err = attach_kprobes(kprobes->links, kprobes->prog_fd, &opts, &attached);
	if (!err) {
		kprobes->attached += count;
	} else if (count > 1 && is_of_a_function(err)) {
		attach_halves(kprobes, functions, count / 2);
		attach_halves(kprobes, functions + count / 2, count - count / 2);
	} else {
		for (size_t i = 0; i < count; i++)
			refusals_add(&kprobes->refusals, functions[i].name, err);
	}
}

/* Where nobody else reports what return probes have missed. */
static bool counts_calls(const struct attachment *at)
{
	return at->generate->calls_fd >= 0 && at->probe->spec->kind == SPEC_RETURN &&
	       !at->ways->tells_missed;
}

/* Load the program for these functions and attach it. 0 if some of them could be probed. */
static int attach_program(struct attachment *at, const struct attach_function *functions,
			  size_t count, bool use_multi, bool is_entry)
{
	struct probe *probe = at->probe;
	struct generate_opts generate = *at->generate;
	struct probe_program kind = { .type = BPF_PROG_TYPE_KPROBE,
				      .attach_type = use_multi ? ATTACH_TYPE_KPROBE_MULTI : 0 };
	struct kprobes kprobes = {
		.at = at,
		.links = is_entry ? &at->links->entries : &at->links->probes,
		.opts = { .functions = functions,
			  .count = count,
			  .is_return = probe->spec->kind == SPEC_RETURN && !is_entry,
			  .use_multi = use_multi,
			  .use_cookie = count > 1 },
	};
	int err;

	generate.is_entry = is_entry;
	generate.counts_calls = counts_calls(at);
	generate.place_is_cookie = kprobes.opts.use_cookie;
	generate.place = (uint32_t)functions[0].cookie;
	kprobes.prog_fd = probe_load(probe, &probe->records[0], &generate, &kind, at->diag);
	if (kprobes.prog_fd < 0)
		return kprobes.prog_fd;
	if (use_multi)
		attach_halves(&kprobes, functions, count);
	else
		attach_each(&kprobes);
	err = refusals_explain(&kprobes.refusals, at->diag);
	if (!kprobes.attached)
		return err;
	ways_warn_of_switches(at->ways, !use_multi);
	if (!is_entry)
		probe->attached += kprobes.attached;
	log_info("%s: %zu of %zu%s by %s", probe->spec->text, kprobes.attached, count,
		 is_entry ? " entries" : "",
		 use_multi ? "kprobe multi" : "kprobes, a perf event each");
	return 0;
}

/* First what keeps the entries' values, if returns want them: so each return that fires has some. */
static int attach_group(struct attachment *at, const struct attach_function *functions,
			size_t count, bool use_multi)
{
	int err = at->probe->checked[0]->entry_count || counts_calls(at)
			  ? attach_program(at, functions, count, use_multi, true)
			  : 0;

	return err ?: attach_program(at, functions, count, use_multi, false);
}

/*
 * A single return has more room for open calls by a perf event, unless a multi link has room for all. A multi link by name takes
 * one of several functions of this name without a word.
 */
static bool wants_multi(const struct attachment *at, const struct attach_function *functions,
			size_t count)
{
	const struct probe *probe = at->probe;

	if (!at->ways->has_multi || probe->spec->offset)
		return false;
	if (count > 1)
		return at->features->cookie;
	if (probe->spec->kind == SPEC_RETURN && !at->ways->follows_all_returns)
		return false;
	return functions[0].addr || !attach_is_ambiguous(functions[0].name);
}

/* All by multi link; else all by one program, if it can learn where it is; else a program each. */
static int attach_functions(struct attachment *at, const struct attach_function *functions,
			    size_t count)
{
	int err = -ENOENT, first_err = 0;

	if (wants_multi(at, functions, count)) {
		err = attach_group(at, functions, count, true);
		if (err)
			log_info("%s: not by kprobe multi: %s", at->probe->spec->text,
				 at->diag->text);
	}
	if (!err)
		return 0;
	at->diag->text[0] = '\0';
	if (count >= MANY_EVENTS)
		log_warn(
			"'%s': %zu functions, one after the other, as this kernel has no kprobe multi links for them",
			at->probe->spec->text, count);
	if (count == 1 || at->features->cookie)
		return attach_group(at, functions, count, false);
	for (size_t i = 0; i < count; i++) {
		err = attach_group(at, &functions[i], 1, false);
		first_err = first_err ?: err;
	}
	return at->probe->attached ? 0 : first_err;
}

int probe_attach_kprobes(struct attachment *at)
{
	struct probe *probe = at->probe;
	size_t count = probe->target.place_count;
	struct attach_function *functions = calloc(count, sizeof(*functions));
	int err;

	if (!functions)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct target_place *place = &probe->target.places[i];

		functions[i] = (struct attach_function){ place->name, place->addr, place->offset,
							 probe->first_place + i };
	}
	err = attach_functions(at, functions, count);
	free(functions);
	if (!err && counts_calls(at))
		probe_start_calls(probe, at->generate);
	return err;
}
