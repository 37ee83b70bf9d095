/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The set of tasks that a process and everything it forks consist of, kept up to date in the
 * kernel: a hash map from thread id (u32, as in the low half of bpf_get_current_pid_tgid(), that is
 * in the initial PID namespace) to u8, maintained by three tiny programs on the tracepoints
 * task_newtask, sched_process_exec and _exit. A program asks: is the current *thread* id in the map?
 * Not sched_process_fork, which io_uring's threads don't pass (create_io_thread(), 5.12).
 *
 * Threads, not processes, are the keys: a thread id leaves the map at its own exit, therefore no
 * number can be reused while it is there; a process id would stay until the last thread ends, which
 * the exit tracepoint doesn't say so before 6.16. An exec from another thread than the leader takes
 * over the leader's id: hence _exec.
 *
 * Raw tracepoints, where the kernel's BTF says where a task_struct has its id (4 ms here): programs on
 * classic ones are left out while a system call on a hash map, of anybody, is at work on their CPU
 * (bpf_disable_instrumentation(), kernel/bpf/syscall.c), and with them a fork, uncounted. Without BTF
 * classic ones, whose arguments are numbers at offsets that tracefs gives. They cost something at each
 * fork of the whole system, and only while a follow is open.
 */
#ifndef LIB_FOLLOW_H
#define LIB_FOLLOW_H

#include <stdint.h>
#include <sys/types.h>

struct follow;

/*
 * Start following pid (single-threaded, not running yet: a struct child) and its descendants.
 * max_tasks: how many may live at a time; 0: 16384. NULL and errno. -v says why.
 */
struct follow *follow_new(pid_t pid, uint32_t max_tasks);
void follow_free(struct follow *follow);
/*
 * Once all other programs are attached: a task leaves the set after they have seen its exit, as programs run in the order in
 * which they were attached. 0 or negative errno.
 */
int follow_exits_last(struct follow *follow);
/* The map, for use in generated programs or with bpf_map__reuse_fd(). Owned by follow. */
int follow_map_fd(const struct follow *follow);
/* Tasks that could not be followed because the map was full: nothing may be lost silently. */
uint64_t follow_missed(const struct follow *follow);

#endif /* LIB_FOLLOW_H */
