/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The set of followed tasks; see follow.h. Its programs are a dozen instructions each and written
 * here as such: an object file would cost its own loading, and other programs that generate code
 * want no skeleton.
 */
#include "lib/follow.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/attach.h"
#include "lib/core.h"
#include "lib/log.h"
#include "lib/pidns.h"
#include "lib/tracefs.h"
#include "lib/ways.h"

#define FOLLOW_TASKS_DEFAULT 16384
#define FOLLOW_INSNS_MAX 48

/* Where the programs keep the keys and the value on their stack. */
#define FOLLOW_KEY (-4)
#define FOLLOW_OTHER_KEY (-8)
#define FOLLOW_VALUE (-12)

enum follow_probe { FOLLOW_FORK, FOLLOW_EXEC, FOLLOW_EXIT, FOLLOW_PROBES };

struct follow {
	int map_fd, missed_fd;
	int pid_offset; /* of pid in struct task_struct; <0: not known, classic tracepoints are used */
	struct attach_set attached, exit;
};

/* A thread id among what a tracepoint gives. */
struct follow_value {
	const char *field; /* of the classic tracepoint */
	int raw_arg;	   /* of the raw one, from 0 */
	bool is_task;	   /* which is a task_struct */
};

/* A program being written. */
struct follow_code {
	const struct follow *follow;
	const struct follow_value *values;
	int field_offsets[2]; /* of the values, on classic tracepoints */
	struct bpf_insn insns[FOLLOW_INSNS_MAX];
	size_t count;
	/* Jumps to the end, whose distance isn't known yet. */
	size_t jumps[4], jump_count;
};

static void follow_emit(struct follow_code *code, uint8_t op, uint8_t dst, uint8_t src, int16_t off,
			int32_t imm)
{
	if (code->count < FOLLOW_INSNS_MAX)
		code->insns[code->count++] = (struct bpf_insn){
			.code = op, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
		};
}

/* Leave the program if dst <op> src. */
static void follow_emit_leave(struct follow_code *code, uint8_t op, uint8_t dst, uint8_t src)
{
	code->jumps[code->jump_count++] = code->count;
	follow_emit(code, BPF_JMP | op, dst, src, 0, 0);
}

static void follow_emit_call(struct follow_code *code, int32_t helper)
{
	follow_emit(code, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void follow_emit_map(struct follow_code *code, int map_fd)
{
	follow_emit(code, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	follow_emit(code, 0, 0, 0, 0, 0);
}

/* reg = address of a stack slot */
static void follow_emit_slot(struct follow_code *code, uint8_t reg, int slot)
{
	follow_emit(code, BPF_ALU64 | BPF_MOV | BPF_X, reg, BPF_REG_10, 0, 0);
	follow_emit(code, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, slot);
}

/* r0 = helper(map, &slot): look up or delete. */
static void follow_emit_map_call(struct follow_code *code, int map_fd, int slot, int32_t helper)
{
	follow_emit_map(code, map_fd);
	follow_emit_slot(code, BPF_REG_2, slot);
	follow_emit_call(code, helper);
}

/* Add the id in slot to the set, which is the last thing a program does, or count it as missed. */
static void follow_emit_add(struct follow_code *code, int slot)
{
	follow_emit(code, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, FOLLOW_VALUE, 1);
	follow_emit_map(code, code->follow->map_fd);
	follow_emit_slot(code, BPF_REG_2, slot);
	follow_emit_slot(code, BPF_REG_3, FOLLOW_VALUE);
	follow_emit(code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, BPF_ANY);
	follow_emit_call(code, BPF_FUNC_map_update_elem);
	follow_emit_leave(code, BPF_JEQ | BPF_K, BPF_REG_0, 0);
	follow_emit(code, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, FOLLOW_VALUE, 0);
	follow_emit_map_call(code, code->follow->missed_fd, FOLLOW_VALUE, BPF_FUNC_map_lookup_elem);
	follow_emit_leave(code, BPF_JEQ | BPF_K, BPF_REG_0, 0);
	follow_emit(code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1);
	follow_emit(code, BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD);
}

/* slot = the current thread's id */
static void follow_emit_current(struct follow_code *code, int slot)
{
	follow_emit_call(code, BPF_FUNC_get_current_pid_tgid);
	follow_emit(code, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, slot, 0);
}

/* slot and reg, which is none of r1 to r6, = the i-th value; r6 is the context */
static void follow_emit_value(struct follow_code *code, uint8_t reg, int i, int slot)
{
	const struct follow_value *value = &code->values[i];

	if (code->follow->pid_offset < 0) {
		follow_emit(code, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_6, code->field_offsets[i],
			    0);
		follow_emit(code, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, reg, slot, 0);
		return;
	}
	follow_emit(code, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_3, BPF_REG_6, 8 * value->raw_arg, 0);
	if (!value->is_task) {
		follow_emit(code, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_3, slot, 0);
	} else {
		follow_emit_slot(code, BPF_REG_1, slot);
		follow_emit(code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, sizeof(uint32_t));
		follow_emit(code, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0,
			    code->follow->pid_offset);
		follow_emit_call(code, BPF_FUNC_probe_read_kernel);
	}
	follow_emit(code, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_10, slot, 0);
}

/* if current is followed, so is the new thread */
static void follow_write_fork(struct follow_code *code)
{
	follow_emit_current(code, FOLLOW_KEY);
	follow_emit_map_call(code, code->follow->map_fd, FOLLOW_KEY, BPF_FUNC_map_lookup_elem);
	follow_emit_leave(code, BPF_JEQ | BPF_K, BPF_REG_0, 0);
	follow_emit_value(code, BPF_REG_7, 0, FOLLOW_KEY);
	follow_emit_add(code, FOLLOW_KEY);
}

/* if old_pid isn't pid and is followed, pid is followed in its place */
static void follow_write_exec(struct follow_code *code)
{
	follow_emit_value(code, BPF_REG_7, 0, FOLLOW_KEY);
	follow_emit_value(code, BPF_REG_8, 1, FOLLOW_OTHER_KEY);
	follow_emit_leave(code, BPF_JEQ | BPF_X, BPF_REG_7, BPF_REG_8);
	follow_emit_map_call(code, code->follow->map_fd, FOLLOW_KEY, BPF_FUNC_map_delete_elem);
	follow_emit_leave(code, BPF_JNE | BPF_K, BPF_REG_0, 0);
	follow_emit_add(code, FOLLOW_OTHER_KEY);
}

/* current is not followed any more */
static void follow_write_exit(struct follow_code *code)
{
	follow_emit_current(code, FOLLOW_KEY);
	follow_emit_map_call(code, code->follow->map_fd, FOLLOW_KEY, BPF_FUNC_map_delete_elem);
}

/* Arguments of the raw ones: include/trace/events/sched.h, task.h. */
static const struct {
	const char *category, *event;
	struct follow_value values[2];
	void (*write)(struct follow_code *code);
} follow_probes[FOLLOW_PROBES] = {
	[FOLLOW_FORK] = { "task", "task_newtask", { { "pid", 0, true } }, follow_write_fork },
	[FOLLOW_EXEC] = { "sched",
			  "sched_process_exec",
			  { { "old_pid", 1, false }, { "pid", 0, true } },
			  follow_write_exec },
	[FOLLOW_EXIT] = { "sched", "sched_process_exit", {}, follow_write_exit },
};

static int follow_load(const struct follow *follow, enum follow_probe probe,
		       const int field_offsets[2])
{
	struct follow_code code = {
		.follow = follow,
		.values = follow_probes[probe].values,
		.field_offsets = { field_offsets[0], field_offsets[1] },
	};
	size_t i;

	follow_emit(&code, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	follow_probes[probe].write(&code);
	for (i = 0; i < code.jump_count; i++)
		code.insns[code.jumps[i]].off = code.count - code.jumps[i] - 1;
	follow_emit(&code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	follow_emit(&code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return bpf_prog_load(follow->pid_offset < 0 ? BPF_PROG_TYPE_TRACEPOINT
						    : BPF_PROG_TYPE_RAW_TRACEPOINT,
			     "follow", "Dual BSD/GPL", code.insns, code.count, NULL);
}

static struct attach_set *follow_set(struct follow *follow, enum follow_probe probe)
{
	return probe == FOLLOW_EXIT ? &follow->exit : &follow->attached;
}

static int follow_attach_raw(struct follow *follow, enum follow_probe probe)
{
	int prog_fd = follow_load(follow, probe, (const int[2]){}), err;

	if (prog_fd < 0)
		return prog_fd;
	err = attach_raw_tracepoint(follow_set(follow, probe), prog_fd, follow_probes[probe].event);
	close(prog_fd);
	return err;
}

/* Look up the fields, load the program and put it on its tracepoint. */
static int follow_attach_classic(struct follow *follow, int tracefs_fd, enum follow_probe probe)
{
	const struct follow_value *values = follow_probes[probe].values;
	const struct tracefs_field *field;
	struct tracefs_format format;
	int i, err, prog_fd, offsets[2] = {};

	err = tracefs_format_read(tracefs_fd, follow_probes[probe].category,
				  follow_probes[probe].event, &format);
	if (err)
		return err;
	for (i = 0; i < 2 && values[i].field; i++) {
		field = tracefs_format_field(&format, values[i].field);
		err = field && field->size == sizeof(uint32_t) ? 0 : -EOPNOTSUPP;
		if (err)
			goto cleanup;
		offsets[i] = field->offset;
	}
	prog_fd = follow_load(follow, probe, offsets);
	err = prog_fd < 0
		      ? prog_fd
		      : attach_tracepoint(follow_set(follow, probe), prog_fd, format.id, false, 0);
	if (prog_fd >= 0)
		close(prog_fd);
cleanup:
	tracefs_format_free(&format);
	return err;
}

/* All three, or those from `first` on, in one way. */
static int follow_attach(struct follow *follow, enum follow_probe first)
{
	int tracefs_fd = follow->pid_offset < 0 ? tracefs_open() : -1, err = 0;
	enum follow_probe probe;

	if (follow->pid_offset < 0 && tracefs_fd < 0)
		return tracefs_fd;
	for (probe = first; probe < FOLLOW_PROBES && !err; probe++) {
		err = tracefs_fd < 0 ? follow_attach_raw(follow, probe)
				     : follow_attach_classic(follow, tracefs_fd, probe);
		if (err)
			log_info("cannot attach to the %stracepoint %s: %s",
				 tracefs_fd < 0 ? "raw " : "", follow_probes[probe].event,
				 strerror(-err));
	}
	if (tracefs_fd >= 0)
		close(tracefs_fd);
	return err;
}

/* By raw tracepoints, which are cheaper and need no tracefs, unless their programs can be preempted (lib/ways.h). */
static int follow_attach_some_way(struct follow *follow)
{
	struct core_member task = { "task_struct", "pid", 0 };
	struct ways ways = {};
	int offsets[2], err = 0;

	core_find_members(&task, 1);
	if (ways_preempts())
		ways_ask(&ways);
	offsets[ways.preempts_raw] = task.offset;
	offsets[!ways.preempts_raw] = -1;
	for (int i = 0; i < 2 && (!i || err); i++) {
		attach_set_close(&follow->attached);
		attach_set_close(&follow->exit);
		follow->pid_offset = offsets[i];
		err = follow_attach(follow, FOLLOW_FORK);
	}
	return err;
}

static int follow_create_maps(struct follow *follow, uint32_t max_tasks)
{
	/* Most runs follow a few tasks: no room is taken before it is needed. */
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	follow->map_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "follow", sizeof(uint32_t),
					sizeof(uint8_t), max_tasks ?: FOLLOW_TASKS_DEFAULT, &opts);
	if (follow->map_fd < 0)
		return follow->map_fd;
	follow->missed_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "follow_missed", sizeof(uint32_t),
					   sizeof(uint64_t), 1, NULL);
	return follow->missed_fd < 0 ? follow->missed_fd : 0;
}

static int follow_start(struct follow *follow, pid_t pid, uint32_t max_tasks)
{
	struct pidns_ids *ids;
	uint8_t value = 1;
	uint32_t key;
	int err;

	err = follow_create_maps(follow, max_tasks);
	if (err)
		return err;
	err = follow_attach_some_way(follow);
	if (err)
		return err;
	ids = pidns_ids_new();
	if (!ids)
		return -errno;
	key = pidns_ids_host(ids, pid);
	pidns_ids_free(ids);
	if (!key)
		return -ESRCH;
	return bpf_map_update_elem(follow->map_fd, &key, &value, BPF_ANY) ? -errno : 0;
}

struct follow *follow_new(pid_t pid, uint32_t max_tasks)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	int err;

	if (!follow)
		return NULL;
	follow->map_fd = follow->missed_fd = -1;
	err = follow_start(follow, pid, max_tasks);
	if (err) {
		follow_free(follow);
		errno = -err;
		return NULL;
	}
	return follow;
}

int follow_exits_last(struct follow *follow)
{
	struct attach_set before = follow->exit;
	int err;

	follow->exit = (struct attach_set){};
	err = follow_attach(follow, FOLLOW_EXIT);
	attach_set_close(&before);
	return err;
}

void follow_free(struct follow *follow)
{
	if (!follow)
		return;
	attach_set_close(&follow->attached);
	attach_set_close(&follow->exit);
	if (follow->missed_fd >= 0)
		close(follow->missed_fd);
	if (follow->map_fd >= 0)
		close(follow->map_fd);
	free(follow);
}

int follow_map_fd(const struct follow *follow)
{
	return follow->map_fd;
}

uint64_t follow_missed(const struct follow *follow)
{
	uint64_t missed = 0;
	uint32_t zero = 0;

	bpf_map_lookup_elem(follow->missed_fd, &zero, &missed);
	return missed;
}
