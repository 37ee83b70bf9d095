/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Uprobes by multi link or perf event, tracepoints by perf event.
 */
#include "lib/attach_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* include/uapi/linux/bpf.h, 89ae89f53d20 */
#define UPROBE_MULTI_RETURN (1u << 0)

static int load_trial(const struct bpf_insn *insns, size_t count, int expected_attach_type,
		      unsigned int flags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = expected_attach_type,
		    .prog_flags = flags);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "trial", "GPL", insns, count, &opts);
}

static bool has_cookie(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_attach_cookie },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = load_trial(insns, 3, 0, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool has_sleepable(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = load_trial(insns, 2, 0, BPF_F_SLEEPABLE);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * A directory is no file to probe: a kernel that knows the link type says EBADF. One that checks the
 * process first, which came together with the right meaning of the process filter, says EINVAL for process -1 (libbpf's
 * probe_uprobe_multi_link() tells the two apart in the same way).
 */
static void probe_uprobe_multi(struct attach_features *features)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	unsigned long offset = 0;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .uprobe_multi.path = "/",
		    .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1);
	int prog_fd = load_trial(insns, 2, ATTACH_TYPE_UPROBE_MULTI, 0), link_fd;

	if (prog_fd < 0)
		return;
	link_fd = bpf_link_create(prog_fd, -1, ATTACH_TYPE_UPROBE_MULTI, &opts);
	features->uprobe_multi = link_fd == -EBADF;
	if (link_fd >= 0)
		close(link_fd);
	opts.uprobe_multi.pid = (uint32_t)-1;
	link_fd = bpf_link_create(prog_fd, -1, ATTACH_TYPE_UPROBE_MULTI, &opts);
	features->uprobe_multi_pid = features->uprobe_multi && link_fd == -EINVAL;
	if (link_fd >= 0)
		close(link_fd);
	close(prog_fd);
}

void attach_probe_features(struct attach_features *features)
{
	*features =
		(struct attach_features){ .cookie = has_cookie(), .sleepable = has_sleepable() };
	probe_uprobe_multi(features);
}

uint64_t attach_prog_skipped(int prog_fd)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	return bpf_prog_get_info_by_fd(prog_fd, &info, &len) ? 0 : info.recursion_misses;
}

static int attach_uprobe_perf(struct attach_set *set, int prog_fd,
			      const struct attach_uprobe_opts *opts,
			      const struct attach_place *place)
{
	int fd = attach_open_uprobe(opts, place);

	if (fd < 0)
		return fd;
	return attach_set_add_event(set, prog_fd, fd, opts->use_cookie, place->cookie);
}

static int attach_uprobes_multi(struct attach_set *set, int prog_fd,
				const struct attach_uprobe_opts *opts)
{
	LIBBPF_OPTS(bpf_link_create_opts, link_opts, .uprobe_multi.path = opts->path,
		    .uprobe_multi.cnt = opts->count,
		    .uprobe_multi.flags = opts->is_return ? UPROBE_MULTI_RETURN : 0,
		    .uprobe_multi.pid = opts->pid);
	unsigned long *offsets = calloc(opts->count, sizeof(*offsets));
	unsigned long *ref_ctrs = calloc(opts->count, sizeof(*ref_ctrs));
	uint64_t *cookies = calloc(opts->count, sizeof(*cookies));
	bool any_ref_ctr = false;
	int err;

	if (!offsets || !ref_ctrs || !cookies) {
		err = -ENOMEM;
		goto cleanup;
	}
	for (size_t i = 0; i < opts->count; i++) {
		offsets[i] = opts->places[i].offset;
		ref_ctrs[i] = opts->places[i].ref_ctr_offset;
		any_ref_ctr |= ref_ctrs[i] != 0;
		cookies[i] = opts->places[i].cookie;
	}
	link_opts.uprobe_multi.offsets = offsets;
	if (any_ref_ctr)
		link_opts.uprobe_multi.ref_ctr_offsets = ref_ctrs;
	if (opts->use_cookie)
		link_opts.uprobe_multi.cookies = (const __u64 *)cookies;
	err = bpf_link_create(prog_fd, -1, ATTACH_TYPE_UPROBE_MULTI, &link_opts);
	if (err >= 0)
		err = attach_set_add(set, err);
cleanup:
	free(offsets);
	free(ref_ctrs);
	free(cookies);
	return err;
}

int attach_uprobes(struct attach_set *set, int prog_fd, const struct attach_uprobe_opts *opts,
		   size_t *attached)
{
	int err = 0;

	*attached = 0;
	if (opts->use_multi) {
		err = attach_uprobes_multi(set, prog_fd, opts);
		if (!err)
			*attached = opts->count;
		return err;
	}
	for (size_t i = 0; i < opts->count && !err; i++) {
		err = attach_uprobe_perf(set, prog_fd, opts, &opts->places[i]);
		if (!err)
			(*attached)++;
	}
	return err;
}

int attach_tracepoint(struct attach_set *set, int prog_fd, uint32_t id, bool use_cookie,
		      uint64_t cookie)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.config = id,
		.sample_period = 1,
	};
	int fd = attach_open_perf_event(&attr, 0);

	if (fd < 0)
		return fd;
	return attach_set_add_event(set, prog_fd, fd, use_cookie, cookie);
}

int attach_raw_tracepoint(struct attach_set *set, int prog_fd, const char *name)
{
	int fd = bpf_raw_tracepoint_open(name, prog_fd);

	return fd < 0 ? fd : attach_set_add(set, fd);
}
