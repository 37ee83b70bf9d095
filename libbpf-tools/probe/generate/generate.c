/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The frame of a generated program: filters, predicate, record, submission.
 *
 * r1, the context, is kept all along; everything else is computed where it is needed. A record of
 * known size is written straight into the ring buffer. One with strings or stacks is put together in scratch
 * memory, as only the end shows how long it is.
 */
#include "probe/generate/generate.h"

#include <errno.h>

#include "probe/generate/generate_private.h"

/* How many programs run on this CPU: one more, unless that is one too many. */
static void gen_enter(struct generator *g)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 4), one = code_new_vreg(c), running = code_new_vreg(c);

	code_comment(c, "does another program of this run have this CPU?");
	code_store_imm(c, 4, BPF_REG_10, (int16_t)key, 0);
	generate_look_up(g, g->opts->busy_fd, key);
	code_mov(c, g->busy, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, g->busy, 0, g->nested);
	if (g->opts->frame == GENERATE_FRAME_CONTEXT) {
		code_load(c, 8, running, g->busy, 0);
		code_jump_if_imm(c, BPF_JNE, running, 0, g->nested);
	}
	code_mov_imm(c, one, 1);
	code_atomic_add(c, g->busy, 0, one);
}

static void gen_nested(struct generator *g)
{
	code_label(g->code, g->nested);
	code_comment(g->code, "it does: count it");
	generate_count_element(g, g->opts->busy_fd, 1 + g->opts->probe);
	code_mov_imm(g->code, BPF_REG_0, 0);
	code_exit(g->code);
}

static void gen_drop(struct generator *g)
{
	if (g->opts->is_guarded) {
		int less = code_new_vreg(g->code);

		code_mov_imm(g->code, less, (uint64_t)-1);
		code_atomic_add(g->code, g->busy, 0, less);
	}
	code_mov_imm(g->code, BPF_REG_0, 0);
	code_exit(g->code);
}

static void gen_owner(struct generator *g)
{
	code_store(g->code, 8, g->rec, RECORD_PID_TGID, g->pid_tgid);
	generate_comm(g, g->rec, RECORD_COMM);
}

/* A key tells no hits apart that its values don't, but processes, if it has their addresses. */
static void gen_key_owner(struct generator *g, int v)
{
	struct code *c = g->code;

	if (record_is_of_process(g->record)) {
		code_mov(c, v, g->pid_tgid);
		code_alu_imm(c, BPF_RSH, true, v, 32);
		code_alu_imm(c, BPF_LSH, true, v, 32);
		code_store(c, 8, g->rec, RECORD_PID_TGID, v);
	} else {
		code_store_imm(c, 8, g->rec, RECORD_PID_TGID, 0);
	}
	for (int i = 0; i < RECORD_COMM_SIZE; i += 8)
		code_store_imm(c, 8, g->rec, (int16_t)(RECORD_COMM + i), 0);
}

static void gen_header(struct generator *g)
{
	struct code *c = g->code;
	int v = code_new_vreg(c);

	code_comment(c, "header: place, errors, pid_tgid, comm");
	if (g->opts->place_is_cookie) {
		code_mov(c, BPF_REG_1, g->ctx);
		code_call(c, BPF_FUNC_get_attach_cookie, 1);
		code_mov(c, v, BPF_REG_0);
		code_store(c, 4, g->rec, RECORD_PLACE, v);
	} else {
		code_store_imm(c, 4, g->rec, RECORD_PLACE, (int32_t)g->opts->place);
	}
	code_store_imm(c, 4, g->rec, RECORD_ERRORS, 0);
	if (g->record->checked->spec->aggregate)
		gen_key_owner(g, v);
	else
		gen_owner(g);
	if (g->record->time_offset) {
		code_comment(c, "time");
		code_call(c, BPF_FUNC_ktime_get_ns, 0);
		code_mov(c, v, BPF_REG_0);
		code_store(c, 8, g->rec, (int16_t)g->record->time_offset, v);
	}
	if (g->record->cpu_offset) {
		code_comment(c, "CPU");
		code_call(c, BPF_FUNC_get_smp_processor_id, 0);
		code_mov(c, v, BPF_REG_0);
		code_store(c, 8, g->rec, (int16_t)g->record->cpu_offset, v);
	}
}

/* Only what the return will ask for is kept. */
static void gen_entry(struct generator *g)
{
	if (g->record->checked->entry_count)
		generate_keep(g);
	code_label(g->code, g->drop);
	gen_drop(g);
}

/* The predicate holds: the record, and what becomes of it. */
static void gen_record(struct generator *g)
{
	const struct record *record = g->record;
	bool adds_up = record->checked->spec->aggregate;
	int measure;

	g->fault = g->unreadable;
	measure = generate_measure(g);
	if (g->scratch >= 0)
		generate_lock(g);
	else
		generate_reserve(g);
	gen_header(g);
	if (adds_up)
		generate_clear_key(g);
	if (record->max_size > record->fixed_size) {
		g->used = code_new_vreg(g->code);
		code_mov_imm(g->code, g->used, record->fixed_size);
	}
	for (unsigned int i = 0; i < record->field_count; i++)
		generate_field(g, &record->fields[i], i);
	generate_stacks(g);
	if (adds_up)
		generate_aggregate(g, measure);
	else
		generate_submit(g);
}

/* Where hits end of which there is no record. */
static void gen_misses(struct generator *g)
{
	const struct checked *checked = g->record->checked;
	struct code *c = g->code;

	code_label(c, g->drop);
	gen_drop(g);
	if (checked->predicate || checked->measure) {
		code_label(c, g->unreadable);
		code_comment(c,
			     "the predicate or what is summed up could not be evaluated: count it");
		generate_count(g, g->opts->unreadable_fd);
		gen_drop(g);
	}
	code_label(c, g->lost);
	code_comment(c, "no room: count it");
	generate_count(g, g->opts->lost_fd);
	gen_drop(g);
}

static void gen_program(struct generator *g)
{
	const struct checked *checked = g->record->checked;
	struct code *c = g->code;

	code_comment(c, "the context");
	code_mov(c, g->ctx, BPF_REG_1);
	if (g->opts->counts_calls) {
		code_comment(c, "one more %s", g->opts->is_entry ? "entry" : "return");
		generate_count_element(g, g->opts->calls_fd,
				       2 * g->opts->probe + !g->opts->is_entry);
	}
	if (g->opts->is_guarded)
		gen_enter(g);
	generate_filters(g);
	if (g->opts->is_entry) {
		gen_entry(g);
	} else {
		if (checked->entry_count)
			generate_recall(g);
		if (checked->predicate) {
			g->fault = g->unreadable;
			generate_branch(g, checked->predicate, g->drop);
		}
		gen_record(g);
		gen_misses(g);
	}
	if (g->opts->is_guarded)
		gen_nested(g);
}

int generate_program(const struct record *record, const struct generate_opts *opts,
		     struct code_program *program, struct diag *diag)
{
	struct code *code = code_new();
	struct generator g = {
		.code = code,
		.record = record,
		.machine = bsl_machine_get(record->checked->context->machine),
		.opts = opts,
		.diag = diag,
		.scratch = -1,
		.used = -1,
		.fault_code = -1,
	};
	int err;

	if (!code)
		return -ENOMEM;
	if (!g.machine) {
		code_free(code);
		return diag_error(diag, -1,
				  "programs for this machine (ELF machine %d) aren't known",
				  record->checked->context->machine);
	}
	g.ctx = code_new_vreg(code);
	g.rec = code_new_vreg(code);
	g.drop = code_new_label(code);
	g.lost = code_new_label(code);
	g.unreadable = code_new_label(code);
	if (opts->is_guarded) {
		g.busy = code_new_vreg(code);
		g.nested = code_new_label(code);
	}
	if (!opts->is_entry && generate_needs_scratch(record, opts->use_perf))
		g.scratch = code_new_vreg(code);
	generate_prepare(&g);
	gen_program(&g);
	err = g.err;
	if (!err)
		err = code_assemble(code, program);
	if (err == -E2BIG)
		diag_error(diag, -1, "the expressions need more than BPF's 512 bytes of stack");
	code_free(code);
	return err;
}
