/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of user stacks for trace, whose programs are generated: probe/unwind.c takes the functions from here and links them to each.
 * No tool of its own.
 */
#include <vmlinux.h>

#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "bpf/unwind.bpf.h"

/* A program that calls the walk: it is never attached. */
SEC("linked")
int unwind_linked(void *ctx)
{
	struct unwind_question *question;
	__u32 zero = 0;

	question = bpf_map_lookup_elem(&unwind_questions, &zero);
	return question ? unwind_walk(&question->stack) : 0;
}

char LICENSE[] SEC("license") = "GPL";
