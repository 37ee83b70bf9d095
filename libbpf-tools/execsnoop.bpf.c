/* SPDX-License-Identifier: GPL-2.0 */
/*
 * execsnoop, kernel side. Successful calls of all kinds pass the tracepoint sched_process_exec,
 * where the new image's arguments are in memory. Failed ones are recorded when the system call
 * returns, from the caller's memory.
 */
#include <vmlinux.h>

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "exec/exec_event.h"

#define PATH_TEXT_SIZE sizeof(((struct execsnoop_event *)0)->text)
#include "bpf/path.bpf.h"

/*
 * Where a record is made. What the steps of a walk share is there, too: a step is a global function,
 * which the verifier looks at once, not for each iteration of each loop that it is called in; it can
 * be given numbers only (before 5.12), such as that of this slot.
 */
struct scratch {
	struct execsnoop_event event;
	struct path_walk path;
	__u32 slot;
	__u32 start; /* of the arguments in the text */
	__u64 argv;
	__u64 arg; /* the next piece of the current argument; 0: go to the next one */
};

#define EVENTS_SCRATCH_SIZE sizeof(struct scratch)
#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/syscalls.bpf.h"
#include "bpf/blind.bpf.h"

#define AT_FDCWD -100
#define EAGAIN 11
#define EFAULT 14

const volatile bool with_fails = false;
const volatile bool with_cgroup = false;
const volatile bool with_exe = false;
const volatile bool with_cwd = false;
const volatile bool with_env = false;

#define S_ISUID 04000
#define S_ISGID 02010 /* and S_IXGRP, without which it means something else */

/* Fields that vmlinux.h lacks. With CONFIG_AUDIT. */
struct task_struct___audit {
	kuid_t loginuid;
	unsigned int sessionid;
} __attribute__((preserve_access_index));

/* A call under way. */
struct pending {
	__u64 file;
	__u64 argv;
	struct mm_struct *mm;
	__s32 dirfd;
	__u32 place; /* of the file among the arguments; argv follows */
	char comm[16];
};

/* By thread. */
MAPS_HASH(pendings, __u32, struct pending, 16384);

/*
 * The offset in text after a string of this length at offset. No branches, which would double what
 * the verifier has to look at: a mask that changes nothing bounds the offset.
 */
static __always_inline __u64 advance(__u64 offset, long len, __u64 mask)
{
	offset += len & ~(len >> 63);
	barrier_var(offset);
	return offset & mask;
}

/* One less than a power of two above what the parts up to there can take. */
#define FILE_MASK 0x1fff
#define INTERPRETER_MASK 0x3fff
#define EXE_MASK 0x3fff
#define CGROUP_MASK 0x3fff
#define CWD_MASK 0x7fff
#define ARGS_END (4 * EXECSNOOP_PATH_SIZE + EXECSNOOP_NAME_SIZE + EXECSNOOP_ARGS_SIZE)
#define ARGS_MASK 0xffff
#define ENV_MASK 0x1ffff

/* A thread that executes takes over its leader's id: the one it had is known by the initial namespace's number only. */
static __always_inline void set_ids(struct execsnoop_event *event, struct task_struct *task,
				    __u32 tid)
{
	PIDNS_SET_CURRENT(event);
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	if (tid != (__u32)bpf_get_current_pid_tgid())
		event->tid = pidns_config.ns ? 0 : tid;
	if (!pidns_config.ns)
		return;
	event->ppid = pidns_task_ids((__u64)BPF_CORE_READ(task, real_parent)) >> 32;
}

/* Has the file's owner or group become the effective one, by bits that the file has for that? */
static __always_inline bool is_set_id(const struct execsnoop_event *event, struct inode *inode)
{
	__u32 mode = BPF_CORE_READ(inode, i_mode);

	return ((mode & S_ISUID) && event->euid == BPF_CORE_READ(inode, i_uid.val)) ||
	       ((mode & S_ISGID) == S_ISGID && event->egid == BPF_CORE_READ(inode, i_gid.val));
}

static __always_inline void set_rights(struct execsnoop_event *event, struct task_struct *task)
{
	struct task_struct___audit *audited = (void *)task;

	event->gid = bpf_get_current_uid_gid() >> 32;
	event->euid = BPF_CORE_READ(task, cred, euid.val);
	event->egid = BPF_CORE_READ(task, cred, egid.val);
	event->loginuid = event->sessionid = 0;
	if (!bpf_core_field_exists(audited->loginuid))
		return;
	event->flags |= EXECSNOOP_HAS_AUDIT_IDS;
	event->loginuid = BPF_CORE_READ(audited, loginuid.val);
	event->sessionid = BPF_CORE_READ(audited, sessionid);
}

static __always_inline struct scratch *begin(struct task_struct *task, __u32 tid,
					     const struct pending *pending)
{
	int slot = events_scratch_take();
	struct scratch *scratch = slot < 0 ? NULL : events_scratch_at(slot);
	struct execsnoop_event *event;

	if (!scratch) {
		events_count_lost(0);
		return NULL;
	}
	scratch->slot = slot;
	event = &scratch->event;
	event->ktime = bpf_ktime_get_ns();
	event->cgroup_id = bpf_get_current_cgroup_id();
	set_ids(event, task, tid);
	event->flags = 0;
	set_rights(event, task);
	event->mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	event->cpu = bpf_get_smp_processor_id();
	event->argc = 0;
	event->dirfd = AT_FDCWD;
	event->interpreter_len = 0;
	event->exe_len = 0;
	event->cgroup_len = 0;
	event->cwd_len = 0;
	event->args_len = 0;
	event->env_len = 0;
	event->exe_flags = 0;
	event->cwd_flags = 0;
	event->args_error = 0;
	__builtin_memset(event->unread, 0, sizeof(event->unread));
	BPF_CORE_READ_STR_INTO(&event->parent_comm, task, real_parent, group_leader, comm);
	if (pending) {
		__builtin_memcpy(event->old_comm, pending->comm, sizeof(event->old_comm));
		event->flags |= EXECSNOOP_HAS_OLD_COMM;
	}
	return scratch;
}

/* The name of the control group, which for most container engines has the container's id. */
static __always_inline __u64 add_cgroup(struct execsnoop_event *event, struct task_struct *task,
					__u64 offset)
{
	const char *name = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, name);
	long len;

	len = bpf_probe_read_kernel_str(&event->text[offset], EXECSNOOP_NAME_SIZE, name);
	event->cgroup_len = len;
	return advance(offset, len, CGROUP_MASK);
}

static __always_inline struct path_walk *path_of(__u32 slot)
{
	struct scratch *scratch = events_scratch_at(slot);

	return scratch ? &scratch->path : NULL;
}

static __always_inline char *path_text(__u32 slot)
{
	struct scratch *scratch = events_scratch_at(slot);

	return scratch ? scratch->event.text : NULL;
}

static __always_inline __u64 add_exe(struct scratch *scratch, struct linux_binprm *bprm,
				     __u64 offset)
{
	struct path_place place;

	path_get(&place, (__u64)BPF_CORE_READ(bprm, file) + path_config.file_path);
	path_walk_up(scratch->slot, &scratch->path, &place, offset);
	scratch->event.exe_len = scratch->path.len;
	scratch->event.exe_flags = scratch->path.flags;
	return advance(offset, scratch->event.exe_len, EXE_MASK);
}

static __always_inline __u64 add_cwd(struct scratch *scratch, __u64 offset)
{
	struct path_place place;

	path_get_cwd(&place);
	path_walk_up(scratch->slot, &scratch->path, &place, offset);
	scratch->event.cwd_len = scratch->path.len;
	scratch->event.cwd_flags = scratch->path.flags;
	return advance(offset, scratch->event.cwd_len, CWD_MASK);
}

static __always_inline __u64 add_context(struct scratch *scratch, struct task_struct *task,
					 __u64 offset)
{
	if (with_cgroup)
		offset = add_cgroup(&scratch->event, task, offset);
	if (with_cwd)
		offset = add_cwd(scratch, offset);
	return offset;
}

/*
 * All of the arguments lie together; they were written a moment ago, and so can be read without a
 * fault.
 */
static __always_inline __u64 add_new_args(struct execsnoop_event *event, struct task_struct *task,
					  __u64 offset)
{
	__u64 start = BPF_CORE_READ(task, mm, arg_start);
	__u64 len = BPF_CORE_READ(task, mm, arg_end) - start;
	long err;

	if (len > EXECSNOOP_ARGS_SIZE) {
		len = EXECSNOOP_ARGS_SIZE;
		event->flags |= EXECSNOOP_ARGS_CUT;
	}
	err = bpf_probe_read_user(&event->text[offset], len, (void *)start);
	if (err) {
		event->args_error = err;
		return offset;
	}
	event->args_len = len;
	return advance(offset, len, ARGS_MASK);
}

/* They lie behind the arguments. All of them, as names are looked for in user space. */
static __always_inline __u64 add_env(struct execsnoop_event *event, struct task_struct *task,
				     __u64 offset)
{
	__u64 start = BPF_CORE_READ(task, mm, env_start);
	__u64 len = BPF_CORE_READ(task, mm, env_end) - start;
	long err;

	if (len > EXECSNOOP_ENV_SIZE) {
		len = EXECSNOOP_ENV_SIZE;
		event->flags |= EXECSNOOP_ENV_CUT;
	}
	err = bpf_probe_read_user(&event->text[offset], len, (void *)start);
	event->env_len = err ?: len;
	return advance(offset, event->env_len, ENV_MASK);
}

/* tid: of the thread that called, 0: not known. */
static __always_inline void succeed(void *ctx, struct task_struct *task, __u32 tid,
				    struct linux_binprm *bprm)
{
	struct pending *pending = bpf_map_lookup_elem(&pendings, &tid);
	struct execsnoop_event *event;
	struct scratch *scratch;
	__u64 offset = 0;

	if (!filter_allows_current())
		goto done;
	scratch = begin(task, tid, pending);
	if (!scratch)
		goto done;
	event = &scratch->event;
	event->result = 0;
	event->argc = BPF_CORE_READ(bprm, argc);
	event->flags |= EXECSNOOP_HAS_ARGC;
	if (is_set_id(event, BPF_CORE_READ(bprm, file, f_inode)))
		event->flags |= EXECSNOOP_IS_SET_ID;
	event->file_len = bpf_probe_read_kernel_str(event->text, EXECSNOOP_PATH_SIZE,
						    BPF_CORE_READ(bprm, filename));
	offset = advance(offset, event->file_len, FILE_MASK);
	event->interpreter_len = bpf_probe_read_kernel_str(
		&event->text[offset], EXECSNOOP_PATH_SIZE, BPF_CORE_READ(bprm, interp));
	offset = advance(offset, event->interpreter_len, INTERPRETER_MASK);
	if (with_exe)
		offset = add_exe(scratch, bprm, offset);
	offset = add_context(scratch, task, offset);
	offset = add_new_args(event, task, offset);
	if (with_env)
		offset = add_env(event, task, offset);
	events_output_quietly(ctx, scratch, offsetof(struct execsnoop_event, text) + offset, 0);
done:
	if (pending)
		bpf_map_delete_elem(&pendings, &tid);
}

/* sched_process_exec(task, old tid, bprm): a thread that executes takes over its leader's id. */
SEC("raw_tp")
int exec_succeeded(struct raw_context *ctx)
{
	succeed(ctx, (void *)ctx->args[0], ctx->args[1], (void *)ctx->args[2]);
	return 0;
}

/*
 * Where that program could be preempted, the last function that each format's loader calls with bprm. By then the thread has its
 * leader's id: the one that it had is noted at a function that all calls pass before.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32);
} callers SEC(".maps");

SEC("kprobe.multi")
int probe_begin(void *ctx)
{
	__u64 task = bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&callers, &task, &tid, BPF_ANY);
	return 0;
}

SEC("kprobe.multi")
int probe_succeeded(struct function_context *ctx)
{
	__u64 task = bpf_get_current_task();
	__u32 *tid = bpf_map_lookup_elem(&callers, &task);

	succeed(ctx, (void *)task, tid ? *tid : 0, (void *)ctx->first);
	return 0;
}

/*
 * On kernels that preempt programs, waking the consumer means to wait for it, and meanwhile the
 * kernel would skip the program above on this CPU for all other tasks: it is this one, then, which
 * does no harm.
 */
SEC("raw_tp")
int exec_wakes(void *ctx)
{
	if (!events_use_perf)
		events_wake_consumer();
	return 0;
}

static __always_inline int enter(__u32 place, __u64 file, __u64 argv, __s32 dirfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pending pending = { .file = file, .argv = argv, .dirfd = dirfd, .place = place };
	__u32 tid = bpf_get_current_pid_tgid();

	if (!filter_allows_current())
		return 0;
	pending.mm = BPF_CORE_READ(task, mm);
	bpf_get_current_comm(pending.comm, sizeof(pending.comm));
	/* A call that succeeds is shown nevertheless. */
	if (bpf_map_update_elem(&pendings, &tid, &pending, BPF_ANY) && with_fails)
		events_count_doubtful();
	return 0;
}

SYSCALLS_ENTER(execve, args)
{
	return enter(0, args[0], args[1], AT_FDCWD);
}

SYSCALLS_ENTER(execveat, args)
{
	return enter(1, args[1], args[2], args[0]);
}

/*
 * The next argument, or the next piece of a long one, whose last byte is then a NUL that isn't the
 * string's: the piece after it goes there. Returns 1 at the end.
 */
__noinline int walk_args(__u32 slot)
{
	struct scratch *scratch = events_scratch_at(slot);
	struct execsnoop_event *event;
	__u64 offset;
	long len, err;

	if (!scratch)
		return 1;
	event = &scratch->event;
	if (!scratch->arg) {
		err = bpf_probe_read_user(&scratch->arg, sizeof(scratch->arg),
					  (__u64 *)scratch->argv + event->argc);
		if (err) {
			event->args_error = err;
			event->flags |= event->argc ? EXECSNOOP_ARGS_CUT : 0;
		}
		if (err || !scratch->arg)
			return 1;
		if (event->argc++ == EXECSNOOP_ARGS_MAX)
			goto cut;
	}
	offset = scratch->start + (__u32)event->args_len;
	barrier_var(offset);
	if ((__u32)event->args_len >= EXECSNOOP_ARGS_SIZE || offset >= ARGS_END)
		goto cut;
	len = bpf_probe_read_user_str(&event->text[offset], EXECSNOOP_PIECE_SIZE,
				      (void *)scratch->arg);
	if (len < 0) {
		/* Maybe a literal that nobody has touched yet. Its beginning may have been read. */
		event->args_error = len;
		event->unread[(event->argc - 1) / 64 % (EXECSNOOP_ARGS_MAX / 64)] |=
			1ull << (event->argc - 1) % 64;
		len = 0;
	}
	/* Older kernels say 0 of an empty string. */
	if (!len) {
		event->text[offset] = '\0';
		len = 1;
	}
	if (len == EXECSNOOP_PIECE_SIZE) {
		len--;
		scratch->arg += len;
	} else {
		scratch->arg = 0;
	}
	event->args_len += len;
	return 0;
cut:
	event->flags |= EXECSNOOP_ARGS_CUT;
	return 1;
}

#define ARGS_STEPS_MAX (EXECSNOOP_ARGS_MAX + 1 + EXECSNOOP_ARGS_SIZE / (EXECSNOOP_PIECE_SIZE - 1))
/* In two loops, as the verifier walks through all of each. */
#define ARGS_STEPS 24

__noinline int walk_some_args(__u32 slot)
{
	int i;

	for (i = 0; i < ARGS_STEPS; i++) {
		if (walk_args(slot))
			return 1;
	}
	return 0;
}

static __always_inline __u64 add_old_args(struct scratch *scratch, const struct pending *pending,
					  __u64 offset)
{
	struct execsnoop_event *event = &scratch->event;
	__u32 slot = scratch->slot;
	int i;

	/* No array is as good as an empty one to the kernel. */
	if (!pending->argv)
		return offset;
	scratch->start = offset;
	scratch->argv = pending->argv;
	scratch->arg = 0;
	for (i = 0; i <= ARGS_STEPS_MAX / ARGS_STEPS && !walk_some_args(slot); i++)
		;
	if (event->args_len > EXECSNOOP_ARGS_SIZE) {
		event->args_len = EXECSNOOP_ARGS_SIZE;
		event->flags |= EXECSNOOP_ARGS_CUT;
	}
	return advance(offset, event->args_len, ARGS_MASK);
}

SYSCALLS_LEAVE(ctx, result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	struct execsnoop_event *event;
	struct pending *pending;
	struct scratch *scratch;
	__u64 offset = 0;

	pending = bpf_map_lookup_elem(&pendings, &tid);
	/* A successful call's is gone. */
	if (!pending)
		return 0;
	if (!with_fails || !returning_has(pending->place, pending->file) ||
	    !returning_has(pending->place + 1, pending->argv))
		goto done;
	scratch = begin(task, tid, pending);
	if (!scratch)
		goto done;
	event = &scratch->event;
	event->result = result;
	event->dirfd = pending->dirfd;
	/* Too late for the caller, and not yet another program: it is about to be killed. */
	if (BPF_CORE_READ(task, mm) != pending->mm) {
		event->file_len = -EFAULT;
		event->args_error = -EFAULT;
		offset = add_context(scratch, task, offset);
	} else {
		event->file_len = bpf_probe_read_user_str(event->text, EXECSNOOP_PATH_SIZE,
							  (void *)pending->file);
		offset = advance(offset, event->file_len, FILE_MASK);
		offset = add_context(scratch, task, offset);
		offset = add_old_args(scratch, pending, offset);
	}
	events_output(ctx, scratch, offsetof(struct execsnoop_event, text) + offset, 0);
done:
	bpf_map_delete_elem(&pendings, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
