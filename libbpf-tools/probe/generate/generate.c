/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The frame of a generated program: filters, predicate, record, submission, and what is counted
 * when one of them fails. Expressions are in generate_expr.c.
 *
 * r1, the context, is kept all along; everything else is computed where it is needed. A record of
 * known size is written straight into the ring buffer. One with strings or stacks is put together in scratch
 * memory, as only the end shows how long it is; and since a probe can interrupt another one on
 * the same CPU, each scratch slot starts with a lock word: whoever adds 1 and finds 1 has it.
 */
#include "probe/generate/generate.h"

#include <errno.h>
#include <string.h>

#include "lib/events.h"
#include "probe/record/aggregate.h"
#include "probe/generate/generate_private.h"

#define SCRATCH_LOCK 0
#define SCRATCH_RECORD 8

uint32_t generate_key_room(const struct record *record)
{
	uint32_t size = record->key_size > record->max_size ? record->key_size : record->max_size;

	return (size + 7) & ~7u;
}

uint32_t generate_scratch_size(const struct record *record)
{
	enum aggregate aggregate = record->checked->spec->aggregate;

	return SCRATCH_RECORD + generate_key_room(record) +
	       (aggregate ? 8 * aggregate_values(aggregate) : 0);
}

bool generate_needs_scratch(const struct record *record, bool use_perf)
{
	return use_perf || record->checked->spec->aggregate ||
	       record->max_size > record->fixed_size;
}

static void gen_drop(struct generator *g)
{
	code_mov_imm(g->code, BPF_REG_0, 0);
	code_exit(g->code);
}

/* pid_tgid: ours to show, in the PID namespace of the tool. */
static void gen_identity(struct generator *g)
{
	struct code *c = g->code;
	int buf;

	g->pid_tgid = code_new_vreg(c);
	if (!g->opts->pidns_ino) {
		code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
		code_mov(c, g->pid_tgid, BPF_REG_0);
		return;
	}
	buf = code_new_buffer(c, 8);
	code_comment(c, "in our PID namespace; 0 if it isn't visible there");
	code_store_imm(c, 8, BPF_REG_10, buf, 0);
	code_mov_imm(c, BPF_REG_1, g->opts->pidns_dev);
	code_mov_imm(c, BPF_REG_2, g->opts->pidns_ino);
	code_mov(c, BPF_REG_3, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_3, buf);
	code_mov_imm(c, BPF_REG_4, 8);
	code_call(c, BPF_FUNC_get_ns_current_pid_tgid, 4);
	code_load(c, 8, g->pid_tgid, BPF_REG_10, buf);
}

static void gen_filter_ids(struct generator *g)
{
	const struct generate_opts *o = g->opts;
	struct code *c = g->code;
	int v = code_new_vreg(c);

	if (o->tgid_count || o->not_tgid) {
		code_comment(c, "process id");
		code_mov(c, v, g->pid_tgid);
		code_alu_imm(c, BPF_RSH, true, v, 32);
	}
	if (o->tgid_count) {
		int ours = code_new_label(c);

		for (unsigned int i = 0; i + 1 < o->tgid_count; i++)
			code_jump_if_imm(c, BPF_JEQ, v, o->tgids[i], ours);
		code_jump_if_imm(c, BPF_JNE, v, o->tgids[o->tgid_count - 1], g->drop);
		code_label(c, ours);
	}
	if (o->not_tgid)
		code_jump_if_imm(c, BPF_JEQ, v, o->not_tgid, g->drop);
	if (o->tid) {
		code_comment(c, "thread id");
		code_alu(c, BPF_MOV, false, v, g->pid_tgid);
		code_jump_if_imm(c, BPF_JNE, v, o->tid, g->drop);
	}
	if (o->uid >= 0) {
		code_comment(c, "user id");
		code_call(c, BPF_FUNC_get_current_uid_gid, 0);
		code_alu(c, BPF_MOV, false, v, BPF_REG_0);
		if (o->uid > INT32_MAX) {
			int u = code_new_vreg(c);

			code_mov_imm(c, u, (uint64_t)o->uid);
			code_jump_if(c, BPF_JNE, v, u, g->drop);
		} else {
			code_jump_if_imm(c, BPF_JNE, v, (int32_t)o->uid, g->drop);
		}
	}
}

/* Go on if `len` (1 to 8) bytes of the name from byte `at` are those of the text. */
static void gen_match_name(struct generator *g, const int words[2], unsigned int at,
			   const char *text, unsigned int len, int differs)
{
	struct code *c = g->code;
	int v = code_new_vreg(c), wanted = code_new_vreg(c), rest = 64 - 8 * (int)len;
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)(unsigned char)text[i] << (rest + 8 * i);
	code_mov(c, v, words[at / 8]);
	if (at % 8)
		code_alu_imm(c, BPF_RSH, true, v, 8 * (at % 8));
	if (at < 8 && at + len > 8) {
		int upper = code_new_vreg(c);

		code_mov(c, upper, words[1]);
		code_alu_imm(c, BPF_LSH, true, upper, 64 - 8 * (at % 8));
		code_alu(c, BPF_OR, true, v, upper);
	}
	if (rest)
		code_alu_imm(c, BPF_LSH, true, v, rest);
	code_mov_imm(c, wanted, value);
	code_jump_if(c, BPF_JNE, v, wanted, differs);
}

/* The name's 16 bytes as two words (both machines are little-endian), compared at each place the text may be. */
static void gen_filter_name(struct generator *g)
{
	const char *text = g->opts->name;
	unsigned int len = text ? (unsigned int)strlen(text) : 0;
	struct code *c = g->code;
	int found, words[2], buffer;

	if (!len || len >= RECORD_COMM_SIZE)
		return;
	found = code_new_label(c);
	buffer = code_new_buffer(c, RECORD_COMM_SIZE);
	code_comment(c, "thread's name");
	code_mov(c, BPF_REG_1, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, buffer);
	code_mov_imm(c, BPF_REG_2, RECORD_COMM_SIZE);
	code_call(c, BPF_FUNC_get_current_comm, 2);
	for (int i = 0; i < 2; i++) {
		words[i] = code_new_vreg(c);
		code_load(c, 8, words[i], BPF_REG_10, (int16_t)(buffer + 8 * i));
	}
	for (unsigned int at = 0; at + len < RECORD_COMM_SIZE; at++) {
		int differs = code_new_label(c);

		gen_match_name(g, words, at, text, len < 8 ? len : 8, differs);
		if (len > 8)
			gen_match_name(g, words, at + 8, text + 8, len - 8, differs);
		code_jump(c, found);
		code_label(c, differs);
	}
	code_jump(c, g->drop);
	code_label(c, found);
}

static void gen_filter_maps(struct generator *g)
{
	const struct generate_opts *o = g->opts;
	struct code *c = g->code;

	if (o->follow_fd >= 0) {
		int key = code_new_buffer(c, 4);
		int v = code_new_vreg(c);

		/* lib/follow.h: keyed by the thread id of the initial PID namespace. */
		code_comment(c, "one of the followed tasks?");
		code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
		code_mov(c, v, BPF_REG_0);
		code_store(c, 4, BPF_REG_10, key, v);
		code_mov_map_fd(c, BPF_REG_1, o->follow_fd);
		code_mov(c, BPF_REG_2, BPF_REG_10);
		code_alu_imm(c, BPF_ADD, true, BPF_REG_2, key);
		code_call(c, BPF_FUNC_map_lookup_elem, 2);
		code_jump_if_imm(c, BPF_JEQ, BPF_REG_0, 0, g->drop);
	}
	if (o->cgroup_fd >= 0) {
		code_comment(c, "in the cgroup?");
		code_mov_map_fd(c, BPF_REG_1, o->cgroup_fd);
		code_mov_imm(c, BPF_REG_2, 0);
		code_call(c, BPF_FUNC_current_task_under_cgroup, 2);
		code_jump_if_imm(c, BPF_JNE, BPF_REG_0, 1, g->drop);
	}
}

void generate_count(struct generator *g, int map_fd)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 4);
	int value = code_new_vreg(c), one = code_new_vreg(c), end = code_new_label(c);

	code_store_imm(c, 4, BPF_REG_10, key, (int32_t)g->opts->probe);
	code_mov_map_fd(c, BPF_REG_1, map_fd);
	code_mov(c, BPF_REG_2, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_2, key);
	code_call(c, BPF_FUNC_map_lookup_elem, 2);
	code_mov(c, value, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, value, 0, end);
	code_mov_imm(c, one, 1);
	code_atomic_add(c, value, 0, one);
	code_label(c, end);
}

/* g->rec: ring buffer memory of the record's one size. */
static void gen_reserve(struct generator *g)
{
	struct code *c = g->code;

	code_comment(c, "reserve the record");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_2, g->record->fixed_size);
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_ringbuf_reserve, 3);
	code_mov(c, g->rec, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, g->rec, 0, g->lost);
}

/* g->scratch: a slot of this CPU that nobody interrupted by us is using. */
static void gen_lock_scratch(struct generator *g)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 4);
	int locked = code_new_label(c);

	for (int slot = 0; slot < GENERATE_SCRATCH_SLOTS; slot++) {
		int one = code_new_vreg(c), holders = code_new_vreg(c);

		code_comment(c, "scratch slot %d", slot);
		code_store_imm(c, 4, BPF_REG_10, key, slot);
		code_mov_map_fd(c, BPF_REG_1, g->opts->scratch_fd);
		code_mov(c, BPF_REG_2, BPF_REG_10);
		code_alu_imm(c, BPF_ADD, true, BPF_REG_2, key);
		code_call(c, BPF_FUNC_map_lookup_elem, 2);
		code_mov(c, g->scratch, BPF_REG_0);
		code_jump_if_imm(c, BPF_JEQ, g->scratch, 0, g->lost);
		code_mov_imm(c, one, 1);
		code_atomic_add(c, g->scratch, SCRATCH_LOCK, one);
		code_load(c, 8, holders, g->scratch, SCRATCH_LOCK);
		code_jump_if_imm(c, BPF_JEQ, holders, 1, locked);
		code_comment(c, "taken by a probe that we interrupted");
		code_mov_imm(c, one, (uint64_t)-1);
		code_atomic_add(c, g->scratch, SCRATCH_LOCK, one);
	}
	code_jump(c, g->lost);
	code_label(c, locked);
	code_mov(c, g->rec, g->scratch);
	code_alu_imm(c, BPF_ADD, true, g->rec, SCRATCH_RECORD);
}

void generate_unlock(struct generator *g)
{
	int minus_one = code_new_vreg(g->code);

	code_comment(g->code, "give the scratch slot back");
	code_mov_imm(g->code, minus_one, (uint64_t)-1);
	code_atomic_add(g->code, g->scratch, SCRATCH_LOCK, minus_one);
}

static void gen_owner(struct generator *g)
{
	struct code *c = g->code;

	code_store(c, 8, g->rec, RECORD_PID_TGID, g->pid_tgid);
	code_mov(c, BPF_REG_1, g->rec);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, RECORD_COMM);
	code_mov_imm(c, BPF_REG_2, RECORD_COMM_SIZE);
	code_call(c, BPF_FUNC_get_current_comm, 2);
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

/* Steps 3 and 4 of the protocol in lib/events.h. */
static void gen_wake(struct generator *g)
{
	struct code *c = g->code;
	int ctl = code_new_vreg(c), waiting = code_new_vreg(c), spare = code_new_vreg(c);

	code_comment(c, "is the consumer asleep?");
	code_mov_map_value(c, ctl, g->opts->ctl_fd, EVENTS_CTL_WAITING);
	code_load(c, 4, waiting, ctl, 0);
	code_jump_if_imm(c, BPF_JEQ, waiting, 0, g->drop);
	code_comment(c, "wake it: discard 8 bytes with a wake-up");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_2, 8);
	code_mov_imm(c, BPF_REG_3, 0);
	code_call(c, BPF_FUNC_ringbuf_reserve, 3);
	code_mov(c, spare, BPF_REG_0);
	code_jump_if_imm(c, BPF_JEQ, spare, 0, g->drop);
	code_store_imm(c, 4, ctl, 0, 0);
	code_mov(c, BPF_REG_1, spare);
	code_mov_imm(c, BPF_REG_2, BPF_RB_FORCE_WAKEUP);
	code_call(c, BPF_FUNC_ringbuf_discard, 2);
}

static void gen_output_perf(struct generator *g, int size)
{
	struct code *c = g->code;

	code_comment(c, "hand the record over");
	code_mov(c, BPF_REG_1, g->ctx);
	code_mov_map_fd(c, BPF_REG_2, g->opts->ring_fd);
	code_mov_imm(c, BPF_REG_3, BPF_F_CURRENT_CPU);
	code_mov(c, BPF_REG_4, g->rec);
	code_mov(c, BPF_REG_5, size);
	code_call(c, BPF_FUNC_perf_event_output, 5);
}

static void gen_output_ring(struct generator *g, int size, int flags)
{
	struct code *c = g->code;

	code_comment(c, "hand the record over");
	code_mov_map_fd(c, BPF_REG_1, g->opts->ring_fd);
	code_mov(c, BPF_REG_2, g->rec);
	code_mov(c, BPF_REG_3, size);
	code_mov_imm(c, BPF_REG_4, flags);
	code_call(c, BPF_FUNC_ringbuf_output, 4);
}

static void gen_submit_scratch(struct generator *g)
{
	struct code *c = g->code;
	int size = code_new_vreg(c), result = code_new_vreg(c), bounded = code_new_label(c);

	if (g->used >= 0) {
		code_mov(c, size, g->used);
		/* Always true; the verifier of older kernels forgets it when the size was spilled. */
		code_jump_if_imm(c, BPF_JLE, size, (int32_t)g->record->max_size, bounded);
		code_mov_imm(c, size, g->record->fixed_size);
		code_label(c, bounded);
	} else {
		code_mov_imm(c, size, g->record->fixed_size);
	}
	if (g->opts->use_perf)
		gen_output_perf(g, size);
	else
		gen_output_ring(g, size, BPF_RB_NO_WAKEUP);
	code_mov(c, result, BPF_REG_0);
	generate_unlock(g);
	code_jump_if_imm(c, BPF_JNE, result, 0, g->lost);
}

static void gen_submit(struct generator *g)
{
	struct code *c = g->code;

	if (g->scratch >= 0) {
		gen_submit_scratch(g);
	} else {
		code_comment(c, "submit");
		code_mov(c, BPF_REG_1, g->rec);
		code_mov_imm(c, BPF_REG_2, BPF_RB_NO_WAKEUP);
		code_call(c, BPF_FUNC_ringbuf_submit, 2);
	}
	if (!g->opts->use_perf)
		gen_wake(g);
}

void generate_output_key(struct generator *g)
{
	int size = code_new_vreg(g->code);

	code_mov_imm(g->code, size, g->record->key_size);
	if (g->opts->use_perf)
		gen_output_perf(g, size);
	else
		gen_output_ring(g, size, BPF_RB_FORCE_WAKEUP);
}

static void gen_program(struct generator *g)
{
	const struct checked *checked = g->record->checked;
	struct code *c = g->code;
	int measure;

	code_comment(c, "the context");
	code_mov(c, g->ctx, BPF_REG_1);
	gen_identity(g);
	gen_filter_ids(g);
	gen_filter_maps(g);
	gen_filter_name(g);
	if (g->opts->is_entry) {
		generate_keep(g);
		code_label(c, g->drop);
		gen_drop(g);
		return;
	}
	if (checked->entry_count)
		generate_recall(g);
	if (checked->predicate) {
		g->fault = g->unreadable;
		generate_branch(g, checked->predicate, g->drop);
	}
	g->fault = g->unreadable;
	measure = generate_measure(g);
	if (g->scratch >= 0)
		gen_lock_scratch(g);
	else
		gen_reserve(g);
	gen_header(g);
	if (checked->spec->aggregate)
		generate_clear_key(g);
	if (g->record->max_size > g->record->fixed_size) {
		g->used = code_new_vreg(c);
		code_mov_imm(c, g->used, g->record->fixed_size);
	}
	for (unsigned int i = 0; i < g->record->field_count; i++)
		generate_field(g, &g->record->fields[i], i);
	generate_stacks(g);
	if (checked->spec->aggregate)
		generate_aggregate(g, measure);
	else
		gen_submit(g);
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

int generate_program(const struct record *record, const struct generate_opts *opts,
		     struct code_program *program, struct diag *diag)
{
	struct code *code = code_new();
	struct generator g = {
		.code = code,
		.record = record,
		.opts = opts,
		.diag = diag,
		.scratch = -1,
		.used = -1,
		.fault_code = -1,
	};
	int err;

	if (!code)
		return -ENOMEM;
	g.ctx = code_new_vreg(code);
	g.rec = code_new_vreg(code);
	g.drop = code_new_label(code);
	g.lost = code_new_label(code);
	g.unreadable = code_new_label(code);
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
