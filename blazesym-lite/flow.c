/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The control flow of one function. Where a jump by a register leads isn't known: what nothing else leads to is taken to be
 * where it may.
 */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>

#include "insn.h"

#define FLOW_MAX (1u << 20) /* instructions */

static int insn_add(struct flow *flow, const struct flow_insn *insn)
{
	struct flow_insn *grown;

	if (flow->nr == FLOW_MAX)
		return -EINVAL;
	if (flow->nr == flow->room) {
		flow->room = flow->room ? 2 * flow->room : 256;
		grown = reallocarray(flow->insns, flow->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		flow->insns = grown;
	}
	flow->insns[flow->nr++] = *insn;
	return 0;
}

int flow_add(struct flow *flow, const struct bsl_elf *elf, uint64_t addr, uint64_t size)
{
	const uint8_t *code = bsl_elf_data(elf, addr, size);
	size_t *grown = reallocarray(flow->pieces, flow->nr_pieces + 1, sizeof(*grown));
	int machine = bsl_elf_machine(elf), err = 0;
	struct bsl_insn insn;

	if (!grown)
		return -ENOMEM;
	flow->pieces = grown;
	grown[flow->nr_pieces++] = flow->nr;
	for (uint64_t at = 0; code && at < size && !err; at += insn.length) {
		struct flow_insn added = { .addr = addr + at };

		if (bsl_insn_decode(machine, code + at, size - at, addr + at, &insn) <= 0)
			return -EINVAL;
		added.length = insn.length;
		added.is_padding = insn_is_padding(machine, code + at, insn.length);
		added.is_packed = insn_is_packed(machine, code + at, insn.length);
		added.goes_on = insn.kind != BSL_INSN_JUMP && insn.kind != BSL_INSN_JUMP_INDIRECT &&
				insn.kind != BSL_INSN_RETURN && insn.kind != BSL_INSN_STOP;
		if (insn.kind == BSL_INSN_JUMP || insn.kind == BSL_INSN_BRANCH)
			added.target = insn.target;
		err = insn_add(flow, &added);
	}
	return code ? err : -ENOENT;
}

int flow_finish(struct flow *flow)
{
	for (size_t i = 0; i < flow->nr; i++) {
		size_t to = flow->insns[i].target ? flow_at(flow, flow->insns[i].target)
						  : FLOW_NONE;

		if (to != FLOW_NONE)
			flow->insns[to].is_target = true;
	}
	flow->stack = calloc(flow->nr + 1, sizeof(*flow->stack));
	return flow->stack ? 0 : -ENOMEM;
}

void flow_free(struct flow *flow)
{
	free(flow->insns);
	free(flow->pieces);
	free(flow->stack);
	*flow = (struct flow){};
}

size_t flow_at(const struct flow *flow, uint64_t addr)
{
	for (size_t p = 0; p < flow->nr_pieces; p++) {
		size_t low = flow->pieces[p],
		       end = p + 1 < flow->nr_pieces ? flow->pieces[p + 1] : flow->nr, high = end;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (flow->insns[mid].addr < addr)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < end && flow->insns[low].addr == addr)
			return low;
	}
	return FLOW_NONE;
}

bool flow_falls_into(const struct flow *flow, size_t i)
{
	const struct flow_insn *before = i ? &flow->insns[i - 1] : NULL;

	return before && before->goes_on && before->addr + before->length == flow->insns[i].addr;
}

unsigned int flow_next(const struct flow *flow, size_t i, size_t next[2])
{
	const struct flow_insn *insn = &flow->insns[i];
	unsigned int count = 0;

	if (i + 1 < flow->nr && flow_falls_into(flow, i + 1))
		next[count++] = i + 1;
	if (insn->target)
		next[count] = flow_at(flow, insn->target);
	if (insn->target && next[count] != FLOW_NONE)
		count++;
	return count;
}

void flow_reach(struct flow *flow, size_t from, size_t barrier, const uint8_t *within,
		uint8_t *seen)
{
	size_t nr = 0, next[2];

	flow->stack[nr++] = from;
	while (nr) {
		unsigned int count = flow_next(flow, flow->stack[--nr], next);

		for (unsigned int i = 0; i < count; i++) {
			if (seen[next[i]] || (within && !within[next[i]] && next[i] != barrier))
				continue;
			seen[next[i]] = 1;
			if (next[i] != barrier)
				flow->stack[nr++] = next[i];
		}
	}
}
