/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * floor FILE OFFSET: an empty program at a uprobe, the least that a hit can cost. Says "armed" and
 * stays until it gets a signal.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/attach.h"

int main(int argc, char **argv)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct attach_place place = { .offset = argc == 3 ? strtoull(argv[2], NULL, 0) : 0 };
	struct attach_uprobe_opts opts = { .path = argv[1], .places = &place, .count = 1 };
	LIBBPF_OPTS(bpf_prog_load_opts, load);
	struct attach_features features;
	struct attach_set set = {};
	size_t attached;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: floor FILE OFFSET\n");
		return 2;
	}
	attach_probe_features(&features);
	opts.use_multi = features.uprobe_multi;
	load.expected_attach_type = opts.use_multi ? ATTACH_TYPE_UPROBE_MULTI : 0;
	err = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "floor", "GPL", insns, 2, &load);
	if (err >= 0)
		err = attach_uprobes(&set, err, &opts, &attached);
	if (err < 0) {
		fprintf(stderr, "floor: %s\n", strerror(-err));
		return 1;
	}
	puts("armed");
	fflush(stdout);
	pause();
	return 0;
}
