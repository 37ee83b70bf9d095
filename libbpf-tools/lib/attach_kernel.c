/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel functions: fentry and fexit, kprobe multi links, kprobes by perf event.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/attach_private.h"
#include "lib/tracefs.h"

/* include/uapi/linux/bpf.h, 0dcac2725406 */
#define KPROBE_MULTI_RETURN (1u << 0)

#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe"

bool attach_has_kprobes(void)
{
	return !access(KPROBE_PMU "/type", F_OK);
}

/* A name that no function has: a kernel with such links looks for it in vain, others say that they can't. */
bool attach_has_kprobe_multi(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const char *name = "no such function";
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = ATTACH_TYPE_KPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.syms = &name, .kprobe_multi.cnt = 1);
	int prog_fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "trial", "GPL", insns, 2, &load), link_fd;

	if (prog_fd < 0)
		return false;
	link_fd = bpf_link_create(prog_fd, 0, ATTACH_TYPE_KPROBE_MULTI, &opts);
	if (link_fd >= 0)
		close(link_fd);
	close(prog_fd);
	return link_fd == -ESRCH || link_fd == -ENOENT;
}

static int attach_kprobes_multi(struct attach_set *set, int prog_fd,
				const struct attach_kprobe_opts *opts)
{
	LIBBPF_OPTS(bpf_link_create_opts, link_opts, .kprobe_multi.cnt = (uint32_t)opts->count,
		    .kprobe_multi.flags = opts->is_return ? KPROBE_MULTI_RETURN : 0);
	unsigned long *addrs = calloc(opts->count, sizeof(*addrs));
	const char **names = calloc(opts->count, sizeof(*names));
	uint64_t *cookies = calloc(opts->count, sizeof(*cookies));
	bool by_address = true;
	int err = -ENOMEM;

	if (!addrs || !names || !cookies)
		goto cleanup;
	for (size_t i = 0; i < opts->count; i++) {
		addrs[i] = opts->functions[i].addr;
		names[i] = opts->functions[i].name;
		cookies[i] = opts->functions[i].cookie;
		by_address &= addrs[i] != 0;
	}
	if (by_address)
		link_opts.kprobe_multi.addrs = addrs;
	else
		link_opts.kprobe_multi.syms = names;
	if (opts->use_cookie)
		link_opts.kprobe_multi.cookies = (const __u64 *)cookies;
	err = bpf_link_create(prog_fd, 0, ATTACH_TYPE_KPROBE_MULTI, &link_opts);
	if (err >= 0)
		err = attach_set_add(set, err);
cleanup:
	free(addrs);
	free(names);
	free(cookies);
	return err;
}

/* The kprobe PMU (4.17, e12f03d7031a). */
static int attach_kprobe_perf(struct attach_set *set, int prog_fd,
			      const struct attach_kprobe_opts *opts,
			      const struct attach_function *function)
{
	struct perf_event_attr attr = { .sample_period = 1 };
	int type, bit = 0, fd, err;

	err = attach_read_sysfs(KPROBE_PMU "/type", "%d", &type);
	if (!err && opts->is_return)
		err = attach_read_sysfs(KPROBE_PMU "/format/retprobe", "config:%d", &bit);
	if (err)
		return err;
	attr.type = (uint32_t)type;
	if (opts->is_return)
		attr.config |= 1ull << bit;
	if (function->addr) {
		/* kprobe_addr, if there is no name in config1 */
		attr.config2 = function->addr + function->offset;
	} else {
		attr.config1 = (uintptr_t)function->name;
		attr.config2 = function->offset;
	}
	fd = attach_open_perf_event(&attr, 0);
	return fd < 0 ? fd
		      : attach_set_add_event(set, prog_fd, fd, opts->use_cookie, function->cookie);
}

int attach_kprobes(struct attach_set *set, int prog_fd, const struct attach_kprobe_opts *opts,
		   size_t *attached)
{
	int err = 0;

	*attached = 0;
	if (opts->use_multi) {
		err = attach_kprobes_multi(set, prog_fd, opts);
		if (!err)
			*attached = opts->count;
		return err;
	}
	for (size_t i = 0; i < opts->count && !err; i++) {
		err = attach_kprobe_perf(set, prog_fd, opts, &opts->functions[i]);
		if (!err)
			(*attached)++;
	}
	return err;
}

bool attach_is_ambiguous(const char *name)
{
	struct perf_event_attr attr = { .sample_period = 1,
					.config1 = (uintptr_t)name,
					.config2 = INT32_MAX };
	int type, fd;

	if (attach_read_sysfs(KPROBE_PMU "/type", "%d", &type))
		return false;
	attr.type = (uint32_t)type;
	fd = attach_open_perf_event(&attr, 0);
	if (fd >= 0)
		close(fd);
	return fd == -EADDRNOTAVAIL;
}

int attach_tracing(struct attach_set *set, int prog_fd)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog_fd);

	return fd < 0 ? fd : attach_set_add(set, fd);
}

/* Does a line of the text begin with, or have as its last word, this name? */
static bool list_has(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at += len) {
		bool starts = at == text || at[-1] == '\n' || at[-1] == '\t' || at[-1] == ' ';

		if (starts && (!at[len] || strchr(" \t\n", at[len])))
			return true;
	}
	return false;
}

static bool file_has(int dir, const char *path, const char *name)
{
	char *text = tracefs_read(dir, path, NULL);
	bool found = text && list_has(text, name);

	free(text);
	return found;
}

const char *attach_explain_function(const char *name, int err)
{
	const char *why = strerror(-err);
	int tracefs;

	if (!attach_has_kprobes())
		return "this kernel has no kprobes (CONFIG_KPROBES), and refuses fentry and fexit";
	if (file_has(AT_FDCWD, "/sys/kernel/debug/kprobes/blacklist", name))
		return "it is on the kernel's own list of functions that must not be probed "
		       "(kprobes/blacklist)";
	if (err == -EADDRNOTAVAIL)
		return "several functions have this name, and their addresses are hidden "
		       "(kernel.kptr_restrict, or no CAP_SYSLOG)";
	if (err == -EILSEQ)
		return "its offset is within an instruction";
	if (err == -EMFILE)
		return "too many open files (ulimit -n)";
	if (err == -EPERM || err == -EACCES)
		return "not permitted; kprobes need root, or CAP_BPF and CAP_PERFMON, and a kernel that "
		       "isn't locked down";
	tracefs = tracefs_open();
	if (tracefs >= 0) {
		if (!file_has(tracefs, "available_filter_functions", name))
			why = "it is marked notrace, or the kernel was built to keep probes out of it";
		close(tracefs);
	}
	return why;
}
