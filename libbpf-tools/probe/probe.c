/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of one spec. Places that share a context share a program, which learns from its attach
 * cookie where it is; without cookies (before Linux 5.15) each place has a program of its own.
 */
#include "probe/probe_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/percpu.h"
#include "types/arena.h"
#include "probe/check/check.h"

static int check_context(struct probe *probe, const struct probe_context *context,
			 const struct probe_opts *opts, struct checked **checked,
			 struct record *record, struct diag *diag)
{
	int err = check_spec(probe->spec, context, checked, diag);

	if (!err)
		err = record_layout(*checked, &opts->record, record);
	if (err == -E2BIG)
		err = diag_error(diag, probe->spec->format.pos, "at most %d values can be printed",
				 CHECKED_MAX_FIELDS);
	return err;
}

/* A kernel function has two contexts; only kprobes know the registers. */
static int check_kernel(struct probe *probe, const struct probe_opts *opts, struct diag *diag)
{
	const struct target *target = &probe->target;
	struct diag tracing_diag;
	int err = check_context(probe, &target->contexts[0], opts, &probe->checked[0],
				&probe->records[0], diag);

	if (err || !target->tracing.is_possible)
		return err;
	if (check_context(probe, &target->tracing.context, opts, &probe->tracing_checked,
			  &probe->tracing_record, &tracing_diag))
		probe->tracing_checked = NULL;
	return 0;
}

/*
 * A variable may be available at one place and not at another, and a function that a pattern matches may lack a
 * parameter. Such places are dropped with a warning, unless none is left.
 */
static size_t drop_places(struct target_place *places, size_t count, unsigned int context)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (places[i].context == context)
			continue;
		places[kept] = places[i];
		places[kept++].context -= places[i].context > context;
	}
	return kept;
}

static void drop_context(struct probe *probe, unsigned int context, const struct diag *diag)
{
	struct target *target = &probe->target;

	for (size_t i = 0; i < target->place_count; i++)
		if (target->places[i].context == context)
			log_info("%s: not at %s, 0x%llx in the file: %s", probe->spec->text,
				 target->places[i].name,
				 (unsigned long long)target->places[i].offset, diag->text);
	target->place_count = drop_places(target->places, target->place_count, context);
	target->entry_count = drop_places(target->entries, target->entry_count, context);
	target->context_count--;
	memmove(&target->contexts[context], &target->contexts[context + 1],
		(target->context_count - context) * sizeof(target->contexts[0]));
}

static int check_contexts(struct probe *probe, const struct probe_opts *opts, struct diag *diag)
{
	size_t all = probe->target.place_count;
	struct diag first = {}, why;

	for (unsigned int i = 0; i < probe->target.context_count;) {
		int err = check_context(probe, &probe->target.contexts[i], opts, &probe->checked[i],
					&probe->records[i], diag);

		if (!err) {
			i++;
			continue;
		}
		if (err != -EINVAL || probe->target.how != TARGET_FILE)
			return err;
		why = *diag;
		*diag = (struct diag){};
		if (!first.text[0])
			first = why;
		if (probe->target.context_count == 1) {
			*diag = first;
			return err;
		}
		drop_context(probe, i, &why);
	}
	if (first.text[0])
		log_warn(
			"'%s' is probed at %zu of %zu places, since at the others not everything is known: %s",
			probe->spec->text, probe->target.place_count, all, first.text);
	return 0;
}

static int probe_check(struct probe *probe, const struct probe_opts *opts, struct diag *diag)
{
	unsigned int n = probe->target.context_count;

	probe->checked = calloc(n, sizeof(*probe->checked));
	probe->records = calloc(n, sizeof(*probe->records));
	if (!probe->checked || !probe->records)
		return -ENOMEM;
	if (probe->target.how == TARGET_KERNEL)
		return check_kernel(probe, opts, diag);
	return check_contexts(probe, opts, diag);
}

static int parse_measure(struct spec *spec, const struct probe_opts *opts, struct diag *diag)
{
	int err;

	spec->aggregate = opts->aggregate;
	spec->adds_up = opts->adds_up || opts->aggregate;
	spec->measure_text = opts->measure;
	if (!opts->measure)
		return 0;
	err = parse_expr(spec->arena, opts->measure, &spec->measure, diag);
	diag_in(diag, opts->measure);
	return err;
}

/* One map serves all of the spec's programs. */
static void size_keys(struct probe *probe)
{
	uint32_t size = 0;

	for (unsigned int i = 0; i < probe->target.context_count; i++)
		if (probe->records[i].max_size > size)
			size = probe->records[i].max_size;
	size = (size + 7) & ~7u;
	for (unsigned int i = 0; i < probe->target.context_count; i++)
		probe->records[i].key_size = size;
	probe->tracing_record.key_size = size;
}

uint32_t probe_key_size(const struct probe *probe)
{
	return probe->records[0].key_size;
}

int probe_compile(const char *text, const struct probe_opts *opts, struct probe *probe,
		  struct diag *diag)
{
	const struct target_opts target_opts = { .pid = opts->pid,
						 .force_address = opts->force_address,
						 .no_inline = opts->no_inline,
						 .string_size = opts->record.string_size,
						 .types = opts->types,
						 .ways = opts->ways };
	int err;

	*probe = (struct probe){ .arena = arena_new() };
	if (!probe->arena)
		return -ENOMEM;
	err = parse_spec(probe->arena, text, &probe->spec, diag);
	if (!err && opts->links && probe->spec->kind != SPEC_TRACEPOINT &&
	    (probe->spec->kind == SPEC_USDT || *probe->spec->lib))
		attach_set_warm(opts->links);
	if (!err)
		err = parse_measure(probe->spec, opts, diag);
	if (!err && opts->binary)
		err = parse_binary_literals(probe->spec, diag);
	if (!err)
		err = target_resolve(probe->spec, &target_opts, &probe->target, diag);
	if (!err)
		err = probe_check(probe, opts, diag);
	if (!err && opts->aggregate)
		size_keys(probe);
	return err;
}

void probe_close(struct probe *probe)
{
	for (size_t i = 0; i < probe->prog_count; i++)
		close(probe->prog_fds[i]);
	free(probe->prog_fds);
	free(probe->checked);
	free(probe->records);
	target_close(&probe->target);
	arena_free(probe->arena);
	*probe = (struct probe){};
}

void probe_links_close(struct probe_links *links)
{
	attach_set_close(&links->probes);
	attach_set_close(&links->entries);
}

unsigned int probe_entry_count(const struct probe *probe)
{
	unsigned int most = 0;

	for (unsigned int i = 0; i < probe->target.context_count; i++)
		if (probe->checked[i]->entry_count > most)
			most = probe->checked[i]->entry_count;
	return most;
}

uint64_t probe_missed(const struct probe *probe)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < probe->prog_count; i++)
		missed += attach_prog_skipped(probe->prog_fds[i]);
	return missed;
}

uint32_t probe_scratch_size(const struct probe *probe, bool use_perf)
{
	uint32_t size = 0;

	for (unsigned int i = 0; i < probe->target.context_count; i++)
		if (generate_needs_scratch(&probe->records[i], use_perf) &&
		    generate_scratch_size(&probe->records[i]) > size)
			size = generate_scratch_size(&probe->records[i]);
	return size;
}

static void count_calls(const struct generate_opts *generate, uint64_t *entered, uint64_t *returned)
{
	percpu_sum(generate->calls_fd, 2 * generate->probe, entered);
	percpu_sum(generate->calls_fd, 2 * generate->probe + 1, returned);
}

void probe_start_calls(struct probe *probe, const struct generate_opts *generate)
{
	probe->counts_calls = true;
	count_calls(generate, &probe->entered, &probe->returned);
}

void probe_note_missed(struct probe *probe, const struct generate_opts *generate,
		       const struct probe_links *links)
{
	uint64_t entered, returned;

	probe->links_missed = attach_set_missed(&links->probes, probe->first_link, probe->end_link);
	if (!probe->counts_calls)
		return;
	count_calls(generate, &entered, &returned);
	probe->entered = entered - probe->entered;
	probe->returned = returned - probe->returned;
}

const char *probe_gone_module(const struct probe *probe)
{
	const char *last = "";
	char path[128];

	for (size_t i = 0; i < probe->target.place_count; i++) {
		const char *module = probe->target.places[i].module;

		/* Functions of one module mostly follow each other. */
		if (!module || !strcmp(module, last))
			continue;
		last = module;
		snprintf(path, sizeof(path), "/sys/module/%s", module);
		if (access(path, F_OK) && errno == ENOENT)
			return module;
	}
	return NULL;
}
