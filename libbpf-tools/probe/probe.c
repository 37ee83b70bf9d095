/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of one spec. Places that share a context share a program, which learns from its attach
 * cookie where it is; without cookies (before Linux 5.15) each place has a program of its own.
 */
#include "probe/probe_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "types/arena.h"
#include "probe/check/check.h"

/* include/linux/errno.h: not for user space, and yet what a uprobe on such an instruction returns. */
#define ENOTSUPP 524
#define VERIFIER_LOG_SIZE (1u << 20)

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
 * Places of one spec differ in what they know: a variable can be kept at one and not at another, a function
 * that a pattern matches can lack a parameter. Those go, with a word, as long as there are others.
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

/* `first && the spec's own`. */
static int add_predicate(struct spec *spec, const char *first, struct diag *diag)
{
	struct expr *test, *both;
	int err = parse_expr(spec->arena, first, &test, diag);

	if (err || !spec->predicate) {
		spec->predicate = err ? spec->predicate : test;
		return err;
	}
	both = arena_alloc(spec->arena, sizeof(*both));
	if (!both)
		return -ENOMEM;
	*both = (struct expr){ .kind = EXPR_LOGICAL,
			       .op = OP_LOGICAL_AND,
			       .pos = spec->predicate->pos,
			       .a = test,
			       .b = spec->predicate };
	both->depth =
		1 + (test->depth > spec->predicate->depth ? test->depth : spec->predicate->depth);
	spec->predicate = both;
	return 0;
}

int probe_compile(const char *text, const struct probe_opts *opts, struct probe *probe,
		  struct diag *diag)
{
	const struct target_opts target_opts = { .pid = opts->pid,
						 .string_size = opts->record.string_size,
						 .types = opts->types };
	int err;

	*probe = (struct probe){ .arena = arena_new() };
	if (!probe->arena)
		return -ENOMEM;
	err = parse_spec(probe->arena, text, &probe->spec, diag);
	if (!err && opts->predicate && *opts->predicate)
		err = add_predicate(probe->spec, opts->predicate, diag);
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

/* The verifier's last words, which name the reason, and with -v all of them. */
static int explain_refusal(const struct probe_program *kind, const struct code_program *program,
			   int err, struct bpf_prog_load_opts *opts, struct diag *diag)
{
	char *log = calloc(1, VERIFIER_LOG_SIZE), *last;

	if (!log)
		return diag_error(diag, -1, "the kernel refused the program: %s", strerror(-err));
	opts->log_buf = log;
	opts->log_size = VERIFIER_LOG_SIZE;
	opts->log_level = 1;
	bpf_prog_load(kind->type, "trace", "GPL", program->insns, program->len, opts);
	if (!kind->is_trial)
		log_info("verifier log:\n%s", log);
	for (size_t len = strlen(log); len && log[len - 1] == '\n'; len--)
		log[len - 1] = '\0';
	last = strstr(log, "\nprocessed ");
	if (last)
		*last = '\0';
	last = strrchr(log, '\n');
	diag_error(diag, -1, "the kernel refused the program: %s%s%s%s", strerror(-err),
		   *log ? ": " : "", last ? last + 1 : log,
		   err == -EPERM ? "; tracing needs root, or CAP_BPF and CAP_PERFMON" : "");
	free(log);
	return err;
}

int probe_load(struct probe *probe, const struct record *record,
	       const struct generate_opts *generate, const struct probe_program *kind,
	       struct diag *diag)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = kind->attach_type,
		    .attach_btf_id = kind->btf_id, .attach_btf_obj_fd = kind->btf_fd,
		    .prog_flags = generate->sleepable ? BPF_F_SLEEPABLE : 0);
	struct code_program program;
	int err = generate_program(record, generate, &program, diag), fd, *grown;

	if (err)
		return err;
	/* Kprobes' programs don't need it, but it costs them nothing. */
	err = kind->type == BPF_PROG_TYPE_KPROBE ? code_program_keep_task_stack(&program) : 0;
	if (err)
		goto cleanup;
	fd = bpf_prog_load(kind->type, "trace", "GPL", program.insns, program.len, &opts);
	if (fd < 0) {
		err = explain_refusal(kind, &program, fd, &opts, diag);
		goto cleanup;
	}
	log_info("%s: %sprogram of %u instructions, %u bytes of stack, %u spilled registers",
		 probe->spec->text, generate->sleepable ? "sleepable " : "", program.len,
		 program.stack_size, program.spills);
	grown = realloc(probe->prog_fds, (probe->prog_count + 1) * sizeof(*grown));
	if (!grown) {
		close(fd);
		err = -ENOMEM;
		goto cleanup;
	}
	probe->prog_fds = grown;
	probe->prog_fds[probe->prog_count++] = fd;
	err = fd;
cleanup:
	code_program_free(&program);
	return err;
}

/* Places that one program is for. */
struct group {
	unsigned int context;
	bool is_entry;			   /* the program that keeps values for the returns */
	const struct target_place *places; /* of which it is for those with these indices */
	const size_t *indices;
	size_t count;
};

static struct generate_opts group_opts(const struct probe *probe,
				       const struct generate_opts *common,
				       const struct attach_features *features,
				       const struct group *group)
{
	struct generate_opts generate = *common;
	bool is_file = probe->target.how == TARGET_FILE;

	generate.is_entry = group->is_entry;
	generate.frame = !is_file			   ? GENERATE_FRAME_NONE
			 : !probe->target.ret_sites	   ? GENERATE_FRAME_STACK
			 : probe->target.contexts[0].is_go ? GENERATE_FRAME_GO
							   : GENERATE_FRAME_SITE;
	generate.sleepable = is_file && !group->is_entry && features->sleepable &&
			     !generate.use_perf && generate.cgroup_fd < 0 &&
			     generate_reads_user(&probe->records[group->context]);
	generate.place_is_cookie = group->count > 1;
	generate.place = probe->first_place + (uint32_t)group->indices[0];
	return generate;
}

static int attach_group_uprobes(struct attachment *at, const struct group *group, int prog_fd,
				bool use_multi, size_t *attached)
{
	struct probe *probe = at->probe;
	struct attach_place *places = calloc(group->count, sizeof(*places));
	struct attach_uprobe_opts opts = {
		.path = probe->target.file.path,
		.places = places,
		.count = group->count,
		.is_return = probe->spec->kind == SPEC_RETURN && !probe->target.ret_sites &&
			     !group->is_entry,
		.use_multi = use_multi,
		.use_cookie = group->count > 1,
		.pid = at->pid,
	};
	size_t skips = 0;
	int err;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < group->count; i++) {
		const struct target_place *place = &group->places[group->indices[i]];

		places[i] = (struct attach_place){ place->offset + place->skip,
						   place->ref_ctr_offset,
						   probe->first_place + group->indices[i] };
		skips += place->skip != 0;
	}
	err = attach_uprobes(group->is_entry ? &at->links->entries : &at->links->probes, prog_fd,
			     &opts, attached);
	log_info("%s: %zu of %zu%s by %s", probe->spec->text, *attached, group->count,
		 group->is_entry ? " entries" : "",
		 use_multi ? "one uprobe multi link" : "a perf event each");
	if (skips)
		log_info(
			"%s: %zu of them behind the endbr64 that they begin with, which is dear to probe",
			probe->spec->text, skips);
	free(places);
	return err;
}

static int attach_group(struct attachment *at, const struct group *group)
{
	struct probe *probe = at->probe;
	const struct target_place *first = &group->places[group->indices[0]];
	struct generate_opts generate = group_opts(probe, at->generate, at->features, group);
	bool is_tracepoint = probe->target.how == TARGET_TRACEPOINT;
	/* The multi link is the cheaper one per hit too, wherever its process filter can be trusted. */
	bool use_multi = !is_tracepoint && at->features->uprobe_multi &&
			 (!at->pid || at->features->uprobe_multi_pid);
	struct probe_program kind = {
		.type = is_tracepoint ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE,
		.attach_type = use_multi ? ATTACH_TYPE_UPROBE_MULTI : 0,
	};
	size_t attached = 0;
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
	if (err)
		diag_error(
			at->diag, -1, "cannot attach to %s: %s",
			group->places[group->indices[attached < group->count ? attached : 0]].name,
			err == -ENOTSUPP ? "the kernel cannot probe its instruction"
					 : strerror(-err));
	return err;
}

/*
 * A multi link is all or nothing. So that one place that cannot be probed doesn't hide the others, halve
 * until it is alone.
 */
static int attach_halves(struct attachment *at, const struct group *group)
{
	size_t loaded = at->probe->prog_count, half = group->count / 2;
	struct group first = *group, second = *group;
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
static int attach_places(struct attachment *at, const struct group *group)
{
	struct group single = *group;
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

static size_t find_places(const struct target_place *places, size_t place_count,
			  unsigned int context, size_t *indices)
{
	size_t count = 0;

	for (size_t i = 0; i < place_count; i++)
		if (places[i].context == context)
			indices[count++] = i;
	return count;
}

/* First what keeps the entries' values, if returns want them: so each return that fires has some. */
static int attach_context(struct attachment *at, unsigned int context, size_t *indices)
{
	const struct target *target = &at->probe->target;
	struct group group = { .context = context, .places = target->places, .indices = indices };
	struct group entries = group;
	int err = 0;

	if (at->probe->checked[context]->entry_count) {
		entries.is_entry = true;
		entries.places = target->ret_sites ? target->entries : target->places;
		entries.count =
			find_places(entries.places,
				    target->ret_sites ? target->entry_count : target->place_count,
				    context, indices);
		err = attach_places(at, &entries);
	}
	if (err && entries.count == 1)
		return err;
	if (err)
		log_warn("'%s': at some places no value is kept at the entry: %s",
			 at->probe->spec->text, at->diag->text);
	group.count = find_places(target->places, target->place_count, context, indices);
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
		 const struct attach_features *features, pid_t attach_pid,
		 struct probe_links *links, struct diag *diag)
{
	struct attachment at = { probe, generate, features, attach_pid, links, diag };
	int err;

	probe->first_link = links->probes.count;
	err = probe->target.how == TARGET_KERNEL ? probe_attach_kernel(&at) : attach_contexts(&at);
	probe->end_link = links->probes.count;
	return err;
}

void probe_note_missed(struct probe *probe, const struct probe_links *links)
{
	probe->links_missed = attach_set_missed(&links->probes, probe->first_link, probe->end_link);
}

static void dump_expressions(const struct checked *checked, FILE *file)
{
	char text[4096];

	if (checked->predicate)
		fprintf(file, "  predicate: %s\n",
			ast_print_expr(checked->predicate, true, text, sizeof(text)));
	if (checked->measure)
		fprintf(file, "  measure: %s\n",
			ast_print_expr(checked->measure, true, text, sizeof(text)));
	for (unsigned int i = 0; i < checked->field_count; i++) {
		const struct field *field = &checked->fields[i];

		if (field->len_expr)
			fprintf(file, "  field %u length: %s\n", i + 1,
				ast_print_expr(field->len_expr, true, text, sizeof(text)));
		if (field->expr)
			fprintf(file, "  field %u %%%c: %s\n", i + 1, field->conv,
				ast_print_expr(field->expr, true, text, sizeof(text)));
	}
}

static int dump_program(const struct record *record, const struct generate_opts *opts, FILE *file,
			struct diag *diag)
{
	struct code_program program = {};
	int err = generate_program(record, opts, &program, diag);

	if (!err)
		code_program_print(&program, file);
	code_program_free(&program);
	return err;
}

int probe_dump(const struct probe *probe, const struct generate_opts *generate, FILE *file,
	       struct diag *diag)
{
	const struct target *target = &probe->target;
	size_t *indices = calloc(target->place_count + 1, sizeof(*indices));
	int err = indices ? 0 : -ENOMEM;

	for (unsigned int c = 0; c < target->context_count && !err; c++) {
		/* Of a kernel function: what is tried first. */
		const struct record *record = probe->tracing_checked ? &probe->tracing_record
								     : &probe->records[c];
		struct group group = { .context = c, .places = target->places, .indices = indices };
		struct generate_opts opts;

		group.count = find_places(target->places, target->place_count, c, indices);
		fprintf(file, "%s\n", probe->spec->text);
		for (size_t i = 0; i < group.count; i++) {
			fprintf(file, "  at ");
			target_print_place(probe->spec, target, &target->places[indices[i]], file);
			if (target->how == TARGET_FILE)
				fprintf(file, " offset 0x%llx",
					(unsigned long long)target->places[indices[i]].offset);
			fprintf(file, "\n");
		}
		opts = group_opts(probe, generate, &(struct attach_features){}, &group);
		if (target->how == TARGET_KERNEL)
			opts.frame = probe->tracing_checked ? GENERATE_FRAME_CONTEXT
							    : GENERATE_FRAME_STACK;
		dump_expressions(record->checked, file);
		if (record->checked->entry_count) {
			opts.is_entry = true;
			fprintf(file, "  at the entry:\n");
			err = dump_program(record, &opts, file, diag);
			opts.is_entry = false;
			fprintf(file, "  at the return:\n");
		}
		if (!err)
			err = dump_program(record, &opts, file, diag);
	}
	free(indices);
	return err;
}
