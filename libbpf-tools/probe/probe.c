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
#include "probe/arena.h"

/* include/linux/errno.h: not for user space, and yet what a uprobe on such an instruction returns. */
#define ENOTSUPP 524
#define VERIFIER_LOG_SIZE (1u << 20)

static int check_context(struct probe *probe, const struct probe_context *context,
			 const struct probe_opts *opts, struct checked **checked, struct record *record,
			 struct diag *diag)
{
	int err = check_spec(probe->spec, context, checked, diag);

	if (!err)
		err = record_layout(*checked, &opts->record, record);
	if (err == -E2BIG)
		err = diag_error(diag, probe->spec->format.pos, "at most %d values can be printed",
				 RECORD_MAX_FIELDS);
	return err;
}

/* A kernel function has two contexts; what only one of them knows can still be had. */
static int check_kernel(struct probe *probe, const struct probe_opts *opts, struct diag *diag)
{
	const struct target *target = &probe->target;
	struct diag tracing_diag;
	int err = check_context(probe, &target->contexts[0], opts, &probe->checked[0], &probe->records[0],
				diag);

	if (err == -ENOMEM || !target->tracing.is_possible)
		return err;
	if (check_context(probe, &target->tracing.context, opts, &probe->tracing_checked,
			  &probe->tracing_record, &tracing_diag)) {
		probe->tracing_checked = NULL;
		return err;
	}
	if (!err)
		return 0;
	probe->needs_tracing = true;
	probe->refusal = *diag;
	*diag = (struct diag){};
	probe->checked[0] = probe->tracing_checked;
	probe->records[0] = probe->tracing_record;
	return 0;
}

/*
 * Places of one spec differ in what they know: a variable can be kept at one and not at another, a function
 * that a pattern matches can lack a parameter. Those go, with a word, as long as there are others.
 */
static void drop_context(struct probe *probe, unsigned int context, const struct diag *diag)
{
	struct target *target = &probe->target;
	size_t kept = 0;

	for (size_t i = 0; i < target->place_count; i++) {
		struct target_place place = target->places[i];

		if (place.context == context)
			log_warn("'%s' is not probed at %s, 0x%llx in the file: %s", probe->spec->text,
				 place.name, (unsigned long long)place.offset, diag->text);
		else
			target->places[kept++] = place;
		if (kept && target->places[kept - 1].context > context && place.context != context)
			target->places[kept - 1].context--;
	}
	target->place_count = kept;
	target->context_count--;
	memmove(&target->contexts[context], &target->contexts[context + 1],
		(target->context_count - context) * sizeof(target->contexts[0]));
}

static int check_contexts(struct probe *probe, const struct probe_opts *opts, struct diag *diag)
{
	struct diag first = {};

	for (unsigned int i = 0; i < probe->target.context_count;) {
		int err = check_context(probe, &probe->target.contexts[i], opts, &probe->checked[i],
					&probe->records[i], diag);

		if (!err) {
			i++;
			continue;
		}
		if (err != -EINVAL || probe->target.how != TARGET_FILE)
			return err;
		if (!first.text[0])
			first = *diag;
		if (probe->target.context_count == 1) {
			*diag = first;
			return err;
		}
		drop_context(probe, i, diag);
		*diag = (struct diag){};
	}
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

static bool probe_is_user(const struct spec *spec)
{
	return spec->kind == SPEC_USDT || (spec->kind != SPEC_TRACEPOINT && spec->lib[0]);
}

int probe_compile(const char *text, const struct probe_opts *opts, struct probe *probe,
		  struct diag *diag)
{
	const struct target_opts target_opts = {
		.pid = opts->pid,
		.string_size = opts->record.string_size, .types = opts->types};
	int err;

	*probe = (struct probe){.arena = arena_new()};
	if (!probe->arena)
		return -ENOMEM;
	err = parse_spec(probe->arena, text, &probe->spec, diag);
	if (!err && opts->links && probe_is_user(probe->spec))
		attach_warm_up(opts->links);
	if (!err)
		err = target_resolve(probe->spec, &target_opts, &probe->target, diag);
	if (!err)
		err = probe_check(probe, opts, diag);
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

uint64_t probe_missed(const struct probe *probe)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < probe->prog_count; i++) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(probe->prog_fds[i], &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}

uint32_t probe_scratch_size(const struct probe *probe, bool use_perf)
{
	uint32_t size = 0;

	for (unsigned int i = 0; i < probe->target.context_count; i++)
		if (generate_needs_scratch(&probe->records[i], use_perf) &&
		    generate_scratch_size(probe->records[i].max_size) > size)
			size = generate_scratch_size(probe->records[i].max_size);
	return size;
}

/* The verifier's last words, which name the reason, and with -v all of them. */
static int explain_refusal(const struct probe_program *kind, const struct code_program *program, int err,
			   struct bpf_prog_load_opts *opts, struct diag *diag)
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

int probe_load(struct probe *probe, const struct record *record, const struct generate_opts *generate,
	       const struct probe_program *kind, struct diag *diag)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = kind->attach_type,
		    .attach_btf_id = kind->btf_id, .attach_btf_obj_fd = kind->btf_fd,
		    .prog_flags = generate->sleepable ? BPF_F_SLEEPABLE : 0);
	struct code_program program;
	int err = generate_program(record, generate, &program, diag), fd, *grown;

	if (err)
		return err;
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

static int attach_group(struct attachment *at, unsigned int context, const size_t *indices,
			size_t count)
{
	struct probe *probe = at->probe;
	struct generate_opts generate = *at->generate;
	struct attach_place *places = calloc(count, sizeof(*places));
	struct attach_uprobe_opts opts = {
		.path = probe->target.file.path,
		.places = places,
		.count = count,
		.is_return = probe->spec->kind == SPEC_RETURN && !probe->target.ret_sites,
		.pid = at->pid,
	};
	bool is_tracepoint = probe->target.how == TARGET_TRACEPOINT;
	struct probe_program kind = {
		.type = is_tracepoint ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE};
	size_t attached = 0;
	int err;

	if (!places)
		return -ENOMEM;
	/* The multi link is the cheaper one per hit too, wherever its process filter can be trusted. */
	opts.use_multi = !is_tracepoint && at->features->uprobe_multi &&
			 (!at->pid || at->features->uprobe_multi_pid);
	generate.sleepable = !is_tracepoint && at->features->sleepable &&
			     !generate.use_perf && generate.cgroup_fd < 0 &&
			     generate_reads_user(&probe->records[context]);
	opts.use_cookie = count > 1;
	generate.place_is_cookie = opts.use_cookie;
	generate.place = probe->first_place + (uint32_t)indices[0];
	for (size_t i = 0; i < count; i++) {
		const struct target_place *place = &probe->target.places[indices[i]];

		places[i] = (struct attach_place){place->offset, place->ref_ctr_offset,
						  probe->first_place + indices[i]};
	}
	if (opts.use_multi)
		kind.attach_type = ATTACH_TYPE_UPROBE_MULTI;
	err = probe_load(probe, &probe->records[context], &generate, &kind, at->diag);
	if (err < 0)
		goto cleanup;
	if (is_tracepoint) {
		err = attach_tracepoint(at->links, err, probe->target.places[indices[0]].tracepoint_id,
					false, 0);
		attached = !err;
	} else {
		err = attach_uprobes(at->links, err, &opts, &attached);
		log_info("%s: %zu of %zu by %s", probe->spec->text, attached, count,
			 opts.use_multi ? "one uprobe multi link" : "a perf event each");
	}
	probe->attached += attached;
	if (err)
		diag_error(at->diag, -1, "cannot attach to %s: %s",
			   probe->target.places[indices[attached < count ? attached : 0]].name,
			   err == -ENOTSUPP ? "the kernel cannot probe its instruction"
					    : strerror(-err));
cleanup:
	free(places);
	return err;
}

/*
 * A multi link is all or nothing. So that one place that cannot be probed doesn't hide the others, halve
 * until it is alone.
 */
static int attach_halves(struct attachment *at, unsigned int context, const size_t *indices,
			 size_t count)
{
	size_t loaded = at->probe->prog_count;
	int err = attach_group(at, context, indices, count), first, second;

	if (!err || count == 1 || at->probe->prog_count == loaded)
		return err;
	at->diag->text[0] = '\0';
	first = attach_halves(at, context, indices, count / 2);
	second = attach_halves(at, context, indices + count / 2, count - count / 2);
	return first ?: second;
}

/* All places of a context by as few programs as possible. */
static int attach_context(struct attachment *at, unsigned int context, const size_t *indices,
			  size_t count)
{
	int err = 0, one;

	if (at->features->cookie && at->probe->target.how != TARGET_TRACEPOINT)
		return attach_halves(at, context, indices, count);
	for (size_t i = 0; i < count; i++) {
		one = attach_group(at, context, &indices[i], 1);
		err = err ?: one;
	}
	return err;
}

int probe_attach(struct probe *probe, const struct generate_opts *generate,
		 const struct attach_features *features, pid_t attach_pid, struct attach_set *links,
		 struct diag *diag)
{
	struct attachment at = {probe, generate, features, attach_pid, links, diag};
	size_t *indices = calloc(probe->target.place_count, sizeof(*indices)), count;
	int err = 0;

	if (probe->target.how == TARGET_KERNEL) {
		free(indices);
		return probe_attach_kernel(&at);
	}
	if (!indices)
		return -ENOMEM;
	for (unsigned int c = 0; c < probe->target.context_count; c++) {
		int one;

		count = 0;
		for (size_t i = 0; i < probe->target.place_count; i++)
			if (probe->target.places[i].context == c)
				indices[count++] = i;
		one = attach_context(&at, c, indices, count);
		if (one && !err)
			err = one;
	}
	free(indices);
	return probe->attached ? 0 : err;
}

static void dump_expressions(const struct checked *checked, FILE *file)
{
	char text[4096];

	if (checked->predicate)
		fprintf(file, "  predicate: %s\n",
			ast_print_expr(checked->predicate, true, text, sizeof(text)));
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

int probe_dump(const struct probe *probe, const struct generate_opts *generate, FILE *file,
	       struct diag *diag)
{
	const struct target *target = &probe->target;
	int err = 0;

	for (unsigned int c = 0; c < target->context_count && !err; c++) {
		/* Of a kernel function: what is tried first. */
		const struct record *record = probe->tracing_checked ? &probe->tracing_record
								     : &probe->records[c];
		struct generate_opts opts = *generate;
		struct code_program program;
		size_t count = 0;

		fprintf(file, "%s\n", probe->spec->text);
		for (size_t i = 0; i < target->place_count; i++) {
			if (target->places[i].context != c)
				continue;
			if (!count++)
				opts.place = probe->first_place + (uint32_t)i;
			fprintf(file, "  at ");
			target_print_place(probe->spec, target, &target->places[i], file);
			if (target->how == TARGET_FILE)
				fprintf(file, " offset 0x%llx",
					(unsigned long long)target->places[i].offset);
			fprintf(file, "\n");
		}
		opts.place_is_cookie = count > 1;
		dump_expressions(record->checked, file);
		err = generate_program(record, &opts, &program, diag);
		if (!err)
			code_program_print(&program, file);
		code_program_free(&program);
	}
	return err;
}
