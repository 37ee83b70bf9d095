/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The ways in which this kernel's functions and tracepoints can be probed, and what each of them
 * loses. Asked of the kernel itself, by trying and by its types; nothing reads a version number.
 *
 * What is lost: a program that is attached by fentry, fexit or a raw tracepoint doesn't run while it runs on the
 * same CPU already (a counter per program and CPU). On a kernel that preempts itself a program can lose its CPU to
 * other threads, and what they hit until it is back is skipped, for as long as milliseconds. To keep preemption off
 * in the program (bpf_preempt_disable()) makes it worse: what became due meanwhile preempts the program where it
 * is allowed again, which is still before the counter goes down. Kprobes, and tracepoints by perf events, run
 * with preemption off around the counter, too, and lose nothing to it.
 */
#ifndef LIB_WAYS_H
#define LIB_WAYS_H

#include <stdbool.h>

struct ways {
	bool is_known; /* it has been asked */
	bool has_warned_of_ftrace, has_warned_of_kprobes;
	bool has_kprobes;
	/* Kprobe multi links (5.18, 0dcac2725406, with CONFIG_FPROBE). */
	bool has_multi;
	/*
	 * fentry and fexit may be used: a program isn't run within itself (5.12, ca06f55b9002). Before, one that calls what
	 * it probes runs until the stack is full, and the machine dies.
	 */
	bool guards_recursion;
	/* The kernel preempts itself: as built, or by preempt=. Where it isn't known, it's assumed. */
	bool preempts;
	/* The programs of raw tracepoints can be preempted (7.0). */
	bool preempts_raw;
	/* Those of system calls' tracepoints. */
	bool preempts_calls;
	/*
	 * A multi link's return probes follow any number of calls (6.14, 4346ba160409). Others have room for a few open
	 * ones, and miss what is called beyond that.
	 */
	bool follows_all_returns;
	/* Links report how many hits they missed (6.7, dd8657894c11). */
	bool tells_missed;
};

/* Once; then the answers are there. Zeroed before. */
void ways_ask(struct ways *ways);

/* The first of the answers alone, which costs a file. */
bool ways_preempts(void);

/* Warn, once, of what the kernel has switched off: ftrace, and with by_kprobes kprobes. Then nothing is hit. */
void ways_warn_of_switches(struct ways *ways, bool by_kprobes);

#endif /* LIB_WAYS_H */
