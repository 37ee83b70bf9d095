/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * ways WAY: one program that counts reads of 77 bytes, attached in one way: fentry, fexit, kprobe, kretprobe, multi, retmulti (kprobe
 * multi links), call, callret (the tracepoints of the system call), classic, raw (of all calls, by perf event and directly). Says
 * "armed", and after a line on stdin "HITS SKIPPED MISSED". x86_64.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/attach.h"
#include "lib/core.h"
#include "lib/percpu.h"
#include "lib/tracefs.h"

#define SIZE 77
#define RAW(c, d, s, o, i)                                                          \
	(struct bpf_insn)                                                           \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

/* Where in the context the size is, or the result that is the same; `number`: where the call's number is, which must be read's, 0. */
static const struct way {
	const char *name;
	enum bpf_prog_type type;
	int attach_type, size, number;
	const char *category, *event;
} ways[] = {
	{ "fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 16, -1, NULL, NULL },
	{ "fexit", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, 16, -1, NULL, NULL },
	{ "kprobe", BPF_PROG_TYPE_KPROBE, 0, 96, -1, NULL, NULL },
	{ "kretprobe", BPF_PROG_TYPE_KPROBE, 0, 80, -1, NULL, NULL },
	{ "multi", BPF_PROG_TYPE_KPROBE, ATTACH_TYPE_KPROBE_MULTI, 96, -1, NULL, NULL },
	{ "retmulti", BPF_PROG_TYPE_KPROBE, ATTACH_TYPE_KPROBE_MULTI, 80, -1, NULL, NULL },
	{ "call", BPF_PROG_TYPE_TRACEPOINT, 0, 32, -1, "syscalls", "sys_enter_read" },
	{ "callret", BPF_PROG_TYPE_TRACEPOINT, 0, 16, -1, "syscalls", "sys_exit_read" },
	{ "classic", BPF_PROG_TYPE_TRACEPOINT, 0, 32, 8, "raw_syscalls", "sys_enter" },
	{ "raw", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, -1, 8, NULL, "sys_enter" },
};

static int load(const struct way *way, int map_fd)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = way->attach_type);
	struct bpf_insn insns[40];
	int count = 0, leave[2], leaves = 0;

	if (way->type == BPF_PROG_TYPE_TRACING)
		opts.attach_btf_id = (uint32_t)core_find_function("vfs_read");
	insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	if (way->number >= 0) {
		insns[count++] = RAW(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, way->number, 0);
		leave[leaves++] = count;
		insns[count++] = RAW(BPF_JMP | BPF_JNE | BPF_K, 7, 0, 0, 0);
	}
	if (way->size < 0) {
		/* The call's third argument, in the registers that the first of the context points to. */
		insns[count++] = RAW(BPF_LDX | BPF_MEM | BPF_DW, 3, 6, 0, 0);
		insns[count++] = RAW(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 96);
		insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
		insns[count++] = RAW(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -16);
		insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 8);
		insns[count++] = RAW(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
		insns[count++] = RAW(BPF_LDX | BPF_MEM | BPF_DW, 7, 10, -16, 0);
	} else {
		insns[count++] = RAW(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, way->size, 0);
	}
	leave[leaves++] = count;
	insns[count++] = RAW(BPF_JMP | BPF_JNE | BPF_K, 7, 0, 0, SIZE);
	insns[count++] = RAW(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
	insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	insns[count++] = RAW(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
	insns[count++] = RAW(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	insns[count++] = RAW(0, 0, 0, 0, 0);
	insns[count++] = RAW(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	insns[count++] = RAW(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
	insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1);
	insns[count++] = RAW(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD);
	for (int i = 0; i < leaves; i++)
		insns[leave[i]].off = (int16_t)(count - leave[i] - 1);
	insns[count++] = RAW(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	insns[count++] = RAW(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return bpf_prog_load(way->type, "ways", "GPL", insns, (size_t)count, &opts);
}

static int attach(const struct way *way, struct attach_set *set, int prog_fd)
{
	const struct attach_function function = { .name = "vfs_read" };
	const struct attach_kprobe_opts opts = { .functions = &function,
						 .count = 1,
						 .is_return = strstr(way->name, "ret") != NULL,
						 .use_multi = way->attach_type != 0 };
	size_t attached;

	if (way->type == BPF_PROG_TYPE_TRACING)
		return attach_tracing(set, prog_fd);
	if (way->type == BPF_PROG_TYPE_KPROBE)
		return attach_kprobes(set, prog_fd, &opts, &attached);
	if (way->type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return attach_raw_tracepoint(set, prog_fd, way->event);
	return attach_tracepoint(
		set, prog_fd, (uint32_t)tracefs_event_id(tracefs_open(), way->category, way->event),
		false, 0);
}

int main(int argc, char **argv)
{
	int map_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ways", 4, 8, 1, NULL), prog_fd, err;
	struct attach_set set = {};
	const struct way *way = ways;
	uint64_t hits;

	while (argc == 2 && way < ways + sizeof(ways) / sizeof(ways[0]) &&
	       strcmp(way->name, argv[1]))
		way++;
	if (argc != 2 || way == ways + sizeof(ways) / sizeof(ways[0])) {
		fprintf(stderr, "usage: ways WAY\n");
		return 2;
	}
	prog_fd = load(way, map_fd);
	err = prog_fd < 0 ? prog_fd : attach(way, &set, prog_fd);
	if (err < 0) {
		fprintf(stderr, "ways: %s: %s\n", way->name, strerror(-err));
		return 1;
	}
	puts("armed");
	fflush(stdout);
	getchar();
	percpu_sum(map_fd, 0, &hits);
	printf("%llu %llu %llu\n", (unsigned long long)hits,
	       (unsigned long long)attach_prog_skipped(prog_fd),
	       (unsigned long long)attach_set_missed(&set, 0, set.count));
	return 0;
}
