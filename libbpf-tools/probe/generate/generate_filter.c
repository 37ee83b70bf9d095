/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The filters that every program begins with, from the same description as bpf/filter.bpf.h: whose hits count.
 */
#include <stddef.h>

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
	const struct pidns_config *pidns = &g->opts->filter->pidns;
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

/*
 * The id of the process of a task at an address, and unless tid is -1 that of the task itself, in the tool's PID namespace,
 * which isn't the initial one.
 */
static void gen_task_ids(struct generator *g, int task, int tgid, int tid)
{
	int leader = code_new_vreg(g->code), buffer = code_new_buffer(g->code, 8);

	gen_read_kernel(g, buffer, 8, task, g->opts->filter->pidns.task_leader);
	code_load(g->code, 8, leader, BPF_REG_10, (int16_t)buffer);
	gen_tid(g, tgid, leader);
	if (tid >= 0)
		gen_tid(g, tid, task);
}

/* pid_tgid: as bpf_get_current_pid_tgid(), but in the tool's PID namespace. */
static void gen_identity(struct generator *g)
{
	struct code *c = g->code;
	int task, tid;

	g->pid_tgid = code_new_vreg(c);
	if (!g->opts->filter->pidns.ns) {
		code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
		code_mov(c, g->pid_tgid, BPF_REG_0);
		return;
	}
	task = code_new_vreg(c);
	tid = code_new_vreg(c);
	code_comment(c, "process and thread in our PID namespace; 0 if they aren't in it");
	code_call(c, BPF_FUNC_get_current_task, 0);
	code_mov(c, task, BPF_REG_0);
	gen_task_ids(g, task, g->pid_tgid, tid);
	code_alu_imm(c, BPF_LSH, true, g->pid_tgid, 32);
	code_alu(c, BPF_OR, true, g->pid_tgid, tid);
}

/* Go on if the 32 bits of v are value. */
static void gen_want(struct generator *g, int v, uint32_t value)
{
	int wanted;

	if (value <= INT32_MAX) {
		code_jump_if_imm(g->code, BPF_JNE, v, (int32_t)value, g->drop);
		return;
	}
	wanted = code_new_vreg(g->code);
	code_mov_imm(g->code, wanted, value);
	code_jump_if(g->code, BPF_JNE, v, wanted, g->drop);
}

static void gen_filter_process(struct generator *g)
{
	const struct filter_config *config = &g->opts->filter->config;
	int v = code_new_vreg(g->code), ours = code_new_label(g->code);

	code_comment(g->code, "process id");
	code_mov(g->code, v, g->pid_tgid);
	code_alu_imm(g->code, BPF_RSH, true, v, 32);
	if (config->self)
		code_jump_if_imm(g->code, BPF_JEQ, v, (int32_t)config->self, g->drop);
	for (unsigned int i = 0; i + 1 < config->pid_count; i++)
		code_jump_if_imm(g->code, BPF_JEQ, v, (int32_t)config->pids[i], ours);
	if (config->pid_count)
		gen_want(g, v, config->pids[config->pid_count - 1]);
	code_label(g->code, ours);
}

static void gen_filter_ids(struct generator *g)
{
	const struct filter_config *config = &g->opts->filter->config;
	struct code *c = g->code;
	int v = code_new_vreg(c);

	if (config->self || config->pid_count)
		gen_filter_process(g);
	if (config->tid) {
		code_comment(c, "thread id");
		code_alu(c, BPF_MOV, false, v, g->pid_tgid);
		gen_want(g, v, config->tid);
	}
	if (config->uid != FILTER_ANY_UID) {
		code_comment(c, "user id");
		code_call(c, BPF_FUNC_get_current_uid_gid, 0);
		code_alu(c, BPF_MOV, false, v, BPF_REG_0);
		gen_want(g, v, config->uid);
	}
}

/* Go on if the map has the key, `size` bytes of v. */
static void gen_look_up(struct generator *g, int map_fd, int v, unsigned int size)
{
	struct code *c = g->code;
	int key = code_new_buffer(c, 8);

	code_store(c, size, BPF_REG_10, (int16_t)key, v);
	generate_look_up(g, map_fd, key);
	code_jump_if_imm(c, BPF_JEQ, BPF_REG_0, 0, g->drop);
}

/* A value in a virtual register: filter_walk() of bpf/filter.bpf.h */
static int gen_walk(struct generator *g, const struct filter_path *path)
{
	struct code *c = g->code;
	int at = code_new_vreg(c), buffer = code_new_buffer(c, 8);

	code_call(c, BPF_FUNC_get_current_task, 0);
	code_mov(c, at, BPF_REG_0);
	for (unsigned int i = 0; i < path->count; i++) {
		gen_read_kernel(g, buffer, 8, at, path->offsets[i]);
		code_load(c, 8, at, BPF_REG_10, (int16_t)buffer);
	}
	return at;
}

static void gen_filter_maps(struct generator *g)
{
	const struct filter *filter = g->opts->filter;
	struct code *c = g->code;
	int v = code_new_vreg(c);

	if (filter->config.follow) {
		code_comment(c, "one of the followed tasks, by the host's id?");
		code_call(c, BPF_FUNC_get_current_pid_tgid, 0);
		code_mov(c, v, BPF_REG_0);
		gen_look_up(g, filter->follow_fd, v, 4);
	}
	if (filter->config.cgroup) {
		code_comment(c, "in the control group?");
		code_mov_map_fd(c, BPF_REG_1, filter->cgroup_fd);
		code_mov_imm(c, BPF_REG_2, 0);
		code_call(c, BPF_FUNC_current_task_under_cgroup, 2);
		code_jump_if_imm(c, BPF_JNE, BPF_REG_0, 1, g->drop);
	}
	if (filter->config.cgroupmap) {
		code_comment(c, "in one of the control groups?");
		code_call(c, BPF_FUNC_get_current_cgroup_id, 0);
		code_mov(c, v, BPF_REG_0);
		gen_look_up(g, filter->cgroupmap_fd, v, 8);
	}
	if (filter->config.mntnsmap) {
		code_comment(c, "in one of the mount namespaces?");
		code_alu(c, BPF_MOV, false, v, gen_walk(g, &filter->config.mntns));
		gen_look_up(g, filter->mntnsmap_fd, v, 8);
	}
}

static void gen_filter_parent(struct generator *g)
{
	const struct filter *filter = g->opts->filter;
	int v = code_new_vreg(g->code), parent;

	code_comment(g->code, "parent");
	parent = gen_walk(g, &filter->config.parent);
	if (filter->pidns.ns)
		gen_task_ids(g, parent, v, -1);
	else
		code_alu(g->code, BPF_MOV, false, v, parent);
	gen_want(g, v, filter->config.ppid);
}

/* Is the task's group of version 1 the one asked for, or below it? */
static void gen_filter_group(struct generator *g)
{
	const struct filter_config *config = &g->opts->filter->config;
	struct code *c = g->code;
	int v = code_new_vreg(c), wanted = code_new_vreg(c);

	code_comment(c, "control group");
	code_alu(c, BPF_MOV, false, v, gen_walk(g, &config->level));
	code_jump_if_imm(c, BPF_JLT, v, (int32_t)config->cgroup_level, g->drop);
	code_mov(c, v, gen_walk(g, &config->ancestor));
	code_mov_imm(c, wanted, config->cgroup_id);
	code_jump_if(c, BPF_JNE, v, wanted, g->drop);
}

/* Jump to `found` if the name's bytes, in two registers that may be changed, have the text at one of its places. */
static void gen_match_name(struct generator *g, const struct filter_name *name, const int words[2],
			   int found)
{
	struct code *c = g->code;
	int v = code_new_vreg(c), mask = code_new_vreg(c), text = code_new_vreg(c);

	for (unsigned int at = 0; at < name->places; at++) {
		int differs = code_new_label(c);

		for (int i = 0; i < 2 && name->mask[i]; i++) {
			code_mov_imm(c, mask, name->mask[i]);
			code_mov_imm(c, text, name->text[i]);
			code_mov(c, v, words[i]);
			code_alu(c, BPF_AND, true, v, mask);
			code_jump_if(c, BPF_JNE, v, text, differs);
		}
		code_jump(c, found);
		code_label(c, differs);
		code_mov(c, v, words[1]);
		code_alu_imm(c, BPF_LSH, true, v, 56);
		code_alu_imm(c, BPF_RSH, true, words[0], 8);
		code_alu(c, BPF_OR, true, words[0], v);
		code_alu_imm(c, BPF_RSH, true, words[1], 8);
	}
}

static void gen_filter_names(struct generator *g)
{
	const struct filter_config *config = &g->opts->filter->config;
	struct code *c = g->code;
	int found = code_new_label(c), buffer = code_new_buffer(c, FILTER_NAME_SIZE), words[2];

	code_comment(c, "thread's name");
	code_mov(c, BPF_REG_1, BPF_REG_10);
	code_alu_imm(c, BPF_ADD, true, BPF_REG_1, buffer);
	code_mov_imm(c, BPF_REG_2, FILTER_NAME_SIZE);
	code_call(c, BPF_FUNC_get_current_comm, 2);
	for (unsigned int name = 0; name < config->name_count; name++) {
		for (int i = 0; i < 2; i++) {
			words[i] = code_new_vreg(c);
			code_load(c, 8, words[i], BPF_REG_10, (int16_t)(buffer + 8 * i));
		}
		gen_match_name(g, &config->names[name], words, found);
	}
	code_jump(c, g->drop);
	code_label(c, found);
}

void generate_filters(struct generator *g)
{
	const struct filter_config *config = &g->opts->filter->config;

	gen_identity(g);
	gen_filter_ids(g);
	gen_filter_maps(g);
	if (config->ppid)
		gen_filter_parent(g);
	if (config->cgroup_id)
		gen_filter_group(g);
	if (config->name_count)
		gen_filter_names(g);
}
