/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The filters that every program begins with: whose hits count.
 */
#include <string.h>

#include "probe/generate/generate_private.h"

/* r0 = bpf_probe_read_kernel(buffer on the stack, size, base + offset) */
static void gen_read_kernel(struct generator *g, int buffer, int size, int base, uint32_t offset)
{
	struct code *c = g->code;

	code_mov(c, BPF_REG_3, base);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_3, (int32_t)offset);
	code_mov(c, BPF_REG_1, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, buffer);
	code_mov_imm(c, BPF_REG_2, size);
	code_call(c, BPF_FUNC_probe_read_kernel, 3);
}

/* v = the id of the task at an address in the tool's PID namespace, 0 if it has none: pidns_tid() of bpf/pidns.bpf.h */
static void gen_tid(struct generator *g, int v, int task)
{
	const struct pidns_config *pidns = &g->opts->pidns;
	struct code *c = g->code;
	int upid = code_new_buffer(c, 16), pid = code_new_vreg(c), value = code_new_vreg(c);
	int ns = code_new_vreg(c), none = code_new_label(c);

	code_mov_imm(c, v, 0);
	gen_read_kernel(g, upid, 8, task, pidns->task_pid);
	code_load(c, 8, pid, BPF_REG_10, (int16_t)upid);
	gen_read_kernel(g, upid, 4, pid, pidns->pid_level);
	code_load(c, 4, value, BPF_REG_10, (int16_t)upid);
	code_jump_if_imm(c, BPF_JLT, value, (int32_t)pidns->level, none);
	gen_read_kernel(g, upid, 16, pid, pidns->pid_number);
	code_load(c, 8, value, BPF_REG_10, (int16_t)(upid + 8));
	code_mov_imm(c, ns, pidns->ns);
	code_jump_if(c, BPF_JNE, value, ns, none);
	code_load(c, 4, v, BPF_REG_10, (int16_t)upid);
	code_label(c, none);
}

/* pid_tgid: as bpf_get_current_pid_tgid(), but in the tool's PID namespace. */
static void gen_identity(struct generator *g)
{
	struct code *c = g->code;
	int task, leader, tid, buffer;

	g->pid_tgid = code_new_vreg(c);
	if (!g->opts->pidns.ns) {
		code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
		code_mov(c, g->pid_tgid, BPF_REG_0);
		return;
	}
	task = code_new_vreg(c);
	leader = code_new_vreg(c);
	tid = code_new_vreg(c);
	buffer = code_new_buffer(c, 8);
	code_comment(c, "process and thread in our PID namespace; 0 if they aren't in it");
	code_call(c, BPF_FUNC_get_current_task, 0);
	code_mov(c, task, BPF_REG_0);
	gen_read_kernel(g, buffer, 8, task, g->opts->pidns.task_leader);
	code_load(c, 8, leader, BPF_REG_10, (int16_t)buffer);
	gen_tid(g, g->pid_tgid, leader);
	gen_tid(g, tid, task);
	code_alu_imm(c, BPF_LSH, true, g->pid_tgid, 32);
	code_alu(c, BPF_OR, true, g->pid_tgid, tid);
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

void generate_filters(struct generator *g)
{
	gen_identity(g);
	gen_filter_ids(g);
	gen_filter_maps(g);
	gen_filter_name(g);
}
