/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What this kernel can do for probes in itself; see ways.h.
 */
#include "lib/ways.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/attach.h"
#include "lib/core.h"
#include "lib/log.h"
#include "lib/tracefs.h"

/* ---- preemption ----------------------------------------------------------------------------- */

/* The mode in brackets of "none voluntary (full) lazy", or the last preempt= of a command line. False: neither. */
static bool ways_find_mode(const char *text, char mode[16])
{
	const char *at = strrchr(text, '('), *next;

	if (at)
		return sscanf(at, "(%15[a-z])", mode) == 1;
	for (next = text; (next = strstr(next, "preempt=")); next++)
		at = next == text || next[-1] == ' ' ? next : at;
	return at && sscanf(at, "preempt=%15[a-z]", mode) == 1;
}

/* A kernel built with CONFIG_PREEMPT_DYNAMIC shows its mode in debugfs, and at the latest there where it was set. */
static bool ways_read_mode(char mode[16])
{
	int debugfs = tracefs_open_debug();
	char *text = debugfs < 0 ? NULL : tracefs_read(debugfs, "sched/preempt", NULL);
	bool found = text && ways_find_mode(text, mode);

	free(text);
	if (debugfs >= 0)
		close(debugfs);
	if (found)
		return true;
	text = tracefs_read(AT_FDCWD, "/proc/cmdline", NULL);
	found = text && !strchr(text, '(') && ways_find_mode(text, mode);
	free(text);
	return found;
}

/* uname -v names the model that was built: none of its words (no preemption), PREEMPT, PREEMPT_RT, PREEMPT_DYNAMIC. */
bool ways_preempts(void)
{
	struct utsname name;
	char mode[16];

	if (uname(&name) || !strstr(name.version, "PREEMPT"))
		return false;
	if (!strstr(name.version, "PREEMPT_DYNAMIC") || !ways_read_mode(mode))
		return true;
	return strcmp(mode, "none") && strcmp(mode, "voluntary");
}

/* ---- what the kernel has -------------------------------------------------------------------- */

/* The counter of skipped runs came together with the guard: bpf_prog_info ends behind it, or before. */
static bool ways_guards_recursion(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "trial", "GPL", insns, 2, NULL);
	int err = fd < 0 ? fd : bpf_prog_get_info_by_fd(fd, &info, &len);

	if (fd >= 0)
		close(fd);
	return !err && len >= offsetof(struct bpf_prog_info, recursion_misses) +
				       sizeof(info.recursion_misses);
}

static bool ways_is_zero(int dir, const char *path)
{
	char *text = tracefs_read(dir, path, NULL);
	bool is_zero = text && text[0] == '0';

	free(text);
	return is_zero;
}

void ways_warn_of_switches(struct ways *ways, bool by_kprobes)
{
	int debugfs = by_kprobes ? tracefs_open_debug() : -1;

	if (!ways->has_warned_of_ftrace &&
	    ways_is_zero(AT_FDCWD, "/proc/sys/kernel/ftrace_enabled")) {
		log_warn(
			"ftrace is switched off: functions of the kernel are not seen (sysctl kernel.ftrace_enabled=1)");
		ways->has_warned_of_ftrace = true;
	}
	if (debugfs >= 0 && !ways->has_warned_of_kprobes &&
	    ways_is_zero(debugfs, "kprobes/enabled")) {
		log_warn(
			"kprobes are switched off: functions of the kernel are not seen by them (/sys/kernel/debug/kprobes/enabled)");
		ways->has_warned_of_kprobes = true;
	}
	if (debugfs >= 0)
		close(debugfs);
}

void ways_ask(struct ways *ways)
{
	struct core_question questions[] = {
		/* perf_syscall_enter() calls it, instead of turning preemption off. */
		{ .name = "trace_call_bpf_faultable" },
		/* What __DO_TRACE() holds instead (include/linux/tracepoint.h); nothing else uses this guard. */
		{ .name = "class_srcu_fast_notrace_t" },
		/* Before it was made of the function graph tracer, with a stack for each thread. */
		{ .name = "fprobe", .member = "rethook" },
		/* Its seventh is `missed`. */
		{ .name = "bpf_get_perf_event_info" },
	};

	if (ways->is_known)
		return;
	*ways = (struct ways){
		.is_known = true,
		.has_kprobes = attach_has_kprobes(),
		.has_multi = attach_has_kprobe_multi(),
		.guards_recursion = ways_guards_recursion(),
		.preempts = ways_preempts(),
	};
	if (core_ask(questions, sizeof(questions) / sizeof(questions[0])))
		return;
	ways->preempts_calls = ways->preempts && questions[0].is_there;
	ways->preempts_raw = ways->preempts && questions[1].is_there;
	ways->follows_all_returns = ways->has_multi && !questions[2].is_there;
	ways->tells_missed = questions[3].params >= 7;
	log_info("the kernel %s itself%s%s", ways->preempts ? "preempts" : "doesn't preempt",
		 ways->preempts_raw ? ", in raw tracepoints, too" : "",
		 ways->preempts_calls ? ", and in those of system calls" : "");
}
