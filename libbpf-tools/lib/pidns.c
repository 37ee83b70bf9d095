/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Finds the tool's own PID namespace; see pidns.h.
 */
#include "lib/pidns.h"

#include <array_size.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/btf_file.h"
#include "lib/core.h"
#include "lib/insn.h"
#include "lib/log.h"

/* The inode of the initial PID namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
#define PIDNS_INITIAL_INODE 0xeffffffcu
/* sizeof(struct upid) is this since 2.6.24: include/linux/pid.h. */
#define PIDNS_UPID_SIZE 16

/* What the programs below find out about a task. */
struct pidns_found {
	__u32 number; /* struct upid */
	__u32 pad;
	__u64 ns;
	__u64 level;
	__u64 host; /* its number in the initial namespace */
};

/* Where they have their variables on their stacks. */
enum {
	PIDNS_KEY = -8,
	PIDNS_PID = -16,
	PIDNS_FOUND = -16 - (int)sizeof(struct pidns_found),
	PIDNS_UPID = PIDNS_FOUND + (int)offsetof(struct pidns_found, number),
	PIDNS_LEVEL = PIDNS_FOUND + (int)offsetof(struct pidns_found, level),
	PIDNS_HOST = PIDNS_FOUND + (int)offsetof(struct pidns_found, host),
};

struct pidns_ids {
	struct pidns_id {
		uint32_t here, host;
	} * ids; /* sorted by here; NULL: the initial namespace, where both are the same */
	size_t count;
};

bool pidns_is_initial(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == PIDNS_INITIAL_INODE;
}

/* /proc/self is the number that the namespace of /proc's mount has for us. */
static int pidns_check_proc(void)
{
	char self[32] = "";

	if (readlink("/proc/self", self, sizeof(self) - 1) > 0 && atoi(self) == getpid())
		return 0;
	log_error(
		"/proc shows the processes of another PID namespace than this one: mount this one's own "
		"(mount -t proc proc /proc)");
	return -EOPNOTSUPP;
}

static int pidns_find_offsets(struct pidns_config *config)
{
	struct core_member members[] = {
		{ "task_struct", "thread_pid", 0 },
		{ "task_struct", "group_leader", 0 },
		{ "pid", "level", 0 },
		{ "pid", "numbers", 0 },
	};
	int err = core_find_members(members, ARRAY_SIZE(members));

	config->task_pid = members[0].offset;
	config->task_leader = members[1].offset;
	config->pid_level = members[2].offset;
	config->pid_number = members[3].offset;
	return err;
}

/* slot = size bytes at r3 + offset */
#define PIDNS_READ(slot, size, offset)                               \
	INSN_ADD_IMM(BPF_REG_3, offset), INSN_SLOT(BPF_REG_1, slot), \
		INSN_MOV_IMM(BPF_REG_2, size), INSN_CALL(BPF_FUNC_probe_read_kernel)

/* Its own task's level and the last of its numbers, which is by its own namespace, into the map's one element. */
static int pidns_load_self(const struct pidns_config *config, int map_fd)
{
	const struct bpf_insn insns[] = {
		INSN_STORE_IMM(BPF_DW, BPF_REG_10, PIDNS_KEY, 0),
		INSN_STORE_IMM(BPF_DW, BPF_REG_10, PIDNS_LEVEL, 0),
		INSN_STORE_IMM(BPF_DW, BPF_REG_10, PIDNS_HOST, 0),
		INSN_CALL(BPF_FUNC_get_current_task),
		INSN_MOV(BPF_REG_3, BPF_REG_0),
		PIDNS_READ(PIDNS_PID, sizeof(__u64), config->task_pid),
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, PIDNS_PID),
		PIDNS_READ(PIDNS_LEVEL, sizeof(__u32), config->pid_level),
		INSN_LOAD(BPF_DW, BPF_REG_0, BPF_REG_10, PIDNS_LEVEL),
		INSN_MUL_IMM(BPF_REG_0, PIDNS_UPID_SIZE),
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, PIDNS_PID),
		INSN_ADD(BPF_REG_3, BPF_REG_0),
		PIDNS_READ(PIDNS_UPID, PIDNS_UPID_SIZE, config->pid_number),
		INSN_MAP(BPF_REG_1, map_fd),
		INSN_SLOT(BPF_REG_2, PIDNS_KEY),
		INSN_SLOT(BPF_REG_3, PIDNS_FOUND),
		INSN_MOV_IMM(BPF_REG_4, BPF_ANY),
		INSN_CALL(BPF_FUNC_map_update_elem),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "pidns", "Dual BSD/GPL", insns,
			     ARRAY_SIZE(insns), NULL);
}

/* Run it once, in this very process: raw tracepoints' programs can be since 5.10 (1b4d60ec162f). */
static int pidns_look_at_self(const struct pidns_config *config, struct pidns_found *found)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint32_t zero = 0;
	int map_fd, prog_fd = -1, err;

	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pidns", sizeof(zero), sizeof(*found), 1, NULL);
	err = map_fd < 0 ? map_fd : 0;
	if (!err)
		err = prog_fd = pidns_load_self(config, map_fd);
	if (err >= 0)
		err = bpf_prog_test_run_opts(prog_fd, &opts);
	if (!err)
		err = bpf_map_lookup_elem(map_fd, &zero, found);
	if (prog_fd >= 0)
		close(prog_fd);
	if (map_fd >= 0)
		close(map_fd);
	/* Nothing but our own number proves that the right memory was read. */
	return err ?: (pid_t)found->number == gettid() ? 0 : -EINVAL;
}

int pidns_find(struct pidns_config *config)
{
	struct pidns_found found = {};
	int err;

	*config = (struct pidns_config){};
	if (pidns_is_initial())
		return 0;
	err = pidns_check_proc();
	if (err)
		return err;
	err = pidns_find_offsets(config);
	err = err ?: pidns_look_at_self(config, &found);
	if (err == -ENOENT) {
		log_error(
			"process ids of this PID namespace can't be had, as the kernel doesn't describe its types "
			"(no " BTF_FILE_KERNEL "; docker: --pid=host)");
		return err;
	}
	if (err) {
		log_libbpf_failure(
			err,
			"process ids of this PID namespace can't be had from the kernel (docker: "
			"--pid=host)");
		return err;
	}
	config->ns = found.ns;
	config->level = found.level;
	config->pid_number += found.level * PIDNS_UPID_SIZE;
	log_info("process ids are those of this PID namespace, %u below the host's", config->level);
	return 0;
}

/*
 * Writes a struct pidns_found for each task: an iterator (5.8, eaaacd23910f). Its context, struct bpf_iter__task, has a struct
 * bpf_iter_meta, whose first member is the file to write to, and the task, which is NULL at the end.
 */
static int pidns_load_iterator(const struct pidns_config *config, uint32_t task_tid)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_ITER);
	const struct bpf_insn insns[] = {
		INSN_MOV(BPF_REG_6, BPF_REG_1),
		INSN_LOAD(BPF_DW, BPF_REG_7, BPF_REG_6, 8),
		INSN_SKIP_IF(BPF_REG_7, 2),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
		INSN_STORE_IMM(BPF_DW, BPF_REG_10, PIDNS_LEVEL, 0),
		INSN_STORE_IMM(BPF_DW, BPF_REG_10, PIDNS_HOST, 0),
		INSN_MOV(BPF_REG_3, BPF_REG_7),
		PIDNS_READ(PIDNS_HOST, sizeof(__u32), task_tid),
		INSN_MOV(BPF_REG_3, BPF_REG_7),
		PIDNS_READ(PIDNS_PID, sizeof(__u64), config->task_pid),
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, PIDNS_PID),
		PIDNS_READ(PIDNS_LEVEL, sizeof(__u32), config->pid_level),
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, PIDNS_PID),
		PIDNS_READ(PIDNS_UPID, PIDNS_UPID_SIZE, config->pid_number),
		INSN_LOAD(BPF_DW, BPF_REG_1, BPF_REG_6, 0),
		INSN_LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 0),
		INSN_SLOT(BPF_REG_2, PIDNS_FOUND),
		INSN_MOV_IMM(BPF_REG_3, sizeof(struct pidns_found)),
		INSN_CALL(BPF_FUNC_seq_write),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
	};
	int id = core_find_function("bpf_iter_task");

	if (id < 0)
		return id;
	opts.attach_btf_id = id;
	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "pidns_tasks", "Dual BSD/GPL", insns,
			     ARRAY_SIZE(insns), &opts);
}

/* A descriptor to read all tasks of our namespace from. */
static int pidns_open_tasks(const struct pidns_config *config)
{
	struct core_member tid = { "task_struct", "pid", 0 };
	int prog_fd, link_fd, fd, err = core_find_members(&tid, 1);

	if (err)
		return err;
	prog_fd = pidns_load_iterator(config, tid.offset);
	if (prog_fd < 0)
		return prog_fd;
	link_fd = bpf_link_create(prog_fd, 0, BPF_TRACE_ITER, NULL);
	close(prog_fd);
	if (link_fd < 0)
		return link_fd;
	fd = bpf_iter_create(link_fd);
	close(link_fd);
	return fd;
}

static int pidns_compare_ids(const void *a, const void *b)
{
	const struct pidns_id *x = a, *y = b;

	return (x->here > y->here) - (x->here < y->here);
}

/* All that can be read from it. The kernel writes whole elements. 0 or negative errno. */
static int pidns_read_tasks(const struct pidns_config *config, int fd, struct pidns_ids *ids)
{
	struct pidns_found tasks[128];
	struct pidns_id *grown;
	ssize_t size;

	while ((size = read(fd, tasks, sizeof(tasks))) > 0) {
		grown = reallocarray(ids->ids, ids->count + ARRAY_SIZE(tasks), sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		ids->ids = grown;
		for (size_t i = 0; i < (size_t)size / sizeof(*tasks); i++)
			if (tasks[i].level >= config->level && tasks[i].ns == config->ns)
				grown[ids->count++] =
					(struct pidns_id){ tasks[i].number, tasks[i].host };
	}
	return size < 0 ? -errno : 0;
}

struct pidns_ids *pidns_ids_new(void)
{
	struct pidns_ids *ids = calloc(1, sizeof(*ids));
	struct pidns_config config;
	int err, fd;

	if (!ids || pidns_is_initial())
		return ids;
	err = pidns_find(&config);
	fd = err ?: pidns_open_tasks(&config);
	err = fd < 0 ? fd : pidns_read_tasks(&config, fd, ids);
	if (fd >= 0)
		close(fd);
	if (err) {
		pidns_ids_free(ids);
		errno = -err;
		return NULL;
	}
	qsort(ids->ids, ids->count, sizeof(*ids->ids), pidns_compare_ids);
	return ids;
}

void pidns_ids_free(struct pidns_ids *ids)
{
	if (ids)
		free(ids->ids);
	free(ids);
}

uint32_t pidns_ids_host(const struct pidns_ids *ids, pid_t tid)
{
	const struct pidns_id wanted = { .here = tid }, *found;

	if (!ids->ids)
		return tid;
	found = bsearch(&wanted, ids->ids, ids->count, sizeof(wanted), pidns_compare_ids);
	return found ? found->host : 0;
}
