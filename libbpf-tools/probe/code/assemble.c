/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Virtual to real registers by linear scan over intervals, then BPF instructions.
 *
 * r6-r9 take what lives across a helper call; r2-r5 what does not meet a call or the passing of
 * its arguments; r0 and r1 carry spilled operands. What finds no register lives in a stack slot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/code/code_private.h"

#define BPF_STACK 512
#define TEMP_DST BPF_REG_0
#define TEMP_SRC BPF_REG_1
#define REAL_REGS 11

struct interval {
	int vreg;
	int start, end; /* first and last mention; -1: none */
	unsigned int mentions;
	int real; /* the register it got, or -1 */
	int slot; /* stack slot, or -1 */
};

struct assembler {
	const struct code *code;
	struct interval *intervals; /* by vreg - CODE_VREG_FIRST */
	struct interval **order;    /* by rising start */
	int count;
	bool *dead; /* per virtual instruction: control never gets there */
	unsigned char
		*busy; /* per virtual instruction: bit r set if real r0-r5 carries a value into it
				 * or through it */
	int *slot_end; /* when a stack slot is free again */
	int slots;
	unsigned int spills;
	struct code_program *out;
	int *label_at;	 /* instruction index */
	int *jump_label; /* per instruction: the label it jumps to, or -1 */
};

/* The kernel refuses programs with instructions that cannot be reached; we simply leave them out. */
static int assembler_find_dead(struct assembler *as)
{
	const struct code *code = as->code;
	bool *wanted = calloc(code->labels + 1, sizeof(*wanted)), reached = true;

	as->dead = calloc(code->len + 1, sizeof(*as->dead));
	if (!wanted || !as->dead) {
		free(wanted);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < code->len; i++) {
		const struct vinsn *insn = &code->insns[i];

		if (insn->kind == VINSN_LABEL && wanted[insn->label])
			reached = true;
		as->dead[i] = !reached;
		if (reached && insn->kind == VINSN_JUMP)
			wanted[insn->label] = true;
		if (insn->opcode == (BPF_JMP | BPF_JA) || insn->opcode == (BPF_JMP | BPF_EXIT))
			reached = false;
	}
	free(wanted);
	return 0;
}

static void interval_mention(struct assembler *as, int reg, int at)
{
	struct interval *iv;

	if (reg < CODE_VREG_FIRST)
		return;
	iv = &as->intervals[reg - CODE_VREG_FIRST];
	if (iv->start < 0)
		iv->start = at;
	iv->end = at;
	iv->mentions++;
}

/* Marks where r0-r5 are taken: arguments from their writing to the call, r0 from the call to its use. */
static void assembler_find_busy(struct assembler *as)
{
	const struct code *code = as->code;
	int written[6] = { -1, -1, -1, -1, -1, -1 };

	for (unsigned int i = 0; i < code->len; i++) {
		const struct vinsn *insn = &code->insns[i];

		if (as->dead[i])
			continue;
		if (insn->writes_dst && insn->dst >= 0 && insn->dst < 6 && written[insn->dst] < 0)
			written[insn->dst] = (int)i;
		if (insn->kind != VINSN_CALL)
			continue;
		for (int r = 0; r < 6; r++) {
			if (written[r] >= 0)
				for (unsigned int j = written[r]; j < i; j++)
					as->busy[j] |= 1 << r;
			written[r] = -1;
		}
		/* A call takes all of them. */
		as->busy[i] = 0x3f;
	}
}

static bool interval_meets(const struct assembler *as, const struct interval *iv, int real)
{
	/*
	 * A value written by instruction i is in its register after i; one last read by i is there
	 * until i. So an argument written in the very instruction that reads the value for the last
	 * time does not clash, but the allocator keeps away from that for simplicity's sake.
	 */
	for (int i = iv->start; i <= iv->end; i++)
		if (as->busy[i] & (1 << real))
			return true;
	return false;
}

static int interval_compare(const void *a, const void *b)
{
	const struct interval *x = *(const struct interval *const *)a;
	const struct interval *y = *(const struct interval *const *)b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->vreg - y->vreg;
}

static void assembler_spill(struct assembler *as, struct interval *iv)
{
	int s;

	for (s = 0; s < as->slots; s++)
		if (as->slot_end[s] < iv->start)
			break;
	if (s == as->slots)
		as->slots++;
	as->slot_end[s] = iv->end;
	iv->slot = s;
	iv->real = -1;
	as->spills++;
}

/* The cost of living on the stack, per instruction of register time that it frees. */
static double interval_weight(const struct interval *iv)
{
	return (double)iv->mentions / (iv->end - iv->start + 1);
}

static void assembler_allocate(struct assembler *as)
{
	struct interval *active[REAL_REGS] = {};

	for (int n = 0; n < as->count; n++) {
		struct interval *iv = as->order[n], *victim = iv;

		for (int r = 0; r < REAL_REGS; r++)
			if (active[r] && active[r]->end < iv->start)
				active[r] = NULL;
		for (int r = 2; r < BPF_REG_10 && iv->real < 0; r++)
			if (!active[r] && (r >= BPF_REG_6 || !interval_meets(as, iv, r)))
				iv->real = r;
		if (iv->real >= 0) {
			active[iv->real] = iv;
			continue;
		}
		for (int r = BPF_REG_6; r < BPF_REG_10; r++)
			if (interval_weight(active[r]) < interval_weight(victim))
				victim = active[r];
		if (victim != iv) {
			iv->real = victim->real;
			active[iv->real] = iv;
		}
		/* A victim's slot must be free from its own start on: see the order of slot_end. */
		assembler_spill(as, victim);
	}
}

static int assembler_intervals(struct assembler *as)
{
	const struct code *code = as->code;
	int vregs = code->vregs - CODE_VREG_FIRST;

	as->intervals = calloc(vregs + 1, sizeof(*as->intervals));
	as->order = calloc(vregs + 1, sizeof(*as->order));
	as->slot_end = calloc(vregs + 1, sizeof(*as->slot_end));
	as->busy = calloc(code->len + 1, 1);
	if (!as->intervals || !as->order || !as->slot_end || !as->busy)
		return -ENOMEM;
	for (int v = 0; v < vregs; v++)
		as->intervals[v] = (struct interval){ v + CODE_VREG_FIRST, -1, -1, 0, -1, -1 };
	for (unsigned int i = 0; i < code->len; i++) {
		if (as->dead[i])
			continue;
		interval_mention(as, code->insns[i].dst, i);
		interval_mention(as, code->insns[i].src, i);
	}
	for (int v = 0; v < vregs; v++)
		if (as->intervals[v].start >= 0)
			as->order[as->count++] = &as->intervals[v];
	qsort(as->order, as->count, sizeof(*as->order), interval_compare);
	return 0;
}

static int assembler_put(struct assembler *as, struct bpf_insn insn, int label)
{
	struct code_program *out = as->out;

	if (out->len >= CODE_MAX_INSNS)
		return -E2BIG;
	as->jump_label[out->len] = label;
	out->insns[out->len++] = insn;
	return 0;
}

static int slot_offset(const struct assembler *as, const struct interval *iv)
{
	return -(int)(as->code->buffer_size + 8 * (iv->slot + 1));
}

/* The real register of an operand; for a spilled one `temp`, with *iv set. */
static int assembler_operand(struct assembler *as, int reg, int temp, struct interval **spilled)
{
	struct interval *iv;

	*spilled = NULL;
	if (reg < CODE_VREG_FIRST)
		return reg;
	iv = &as->intervals[reg - CODE_VREG_FIRST];
	if (iv->real >= 0)
		return iv->real;
	*spilled = iv;
	return temp;
}

static struct bpf_insn insn_fill(const struct assembler *as, int reg, const struct interval *iv)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_DW,
				  .dst_reg = reg,
				  .src_reg = BPF_REG_10,
				  .off = slot_offset(as, iv) };
}

static struct bpf_insn insn_keep(const struct assembler *as, int reg, const struct interval *iv)
{
	return (struct bpf_insn){ .code = BPF_STX | BPF_MEM | BPF_DW,
				  .dst_reg = BPF_REG_10,
				  .src_reg = reg,
				  .off = slot_offset(as, iv) };
}

/* A move from or to a stack slot is one instruction where the other side is a register. */
static bool assembler_move(struct assembler *as, const struct vinsn *v, int *err)
{
	struct interval *dst_iv, *src_iv;
	int dst, src;

	if (v->opcode != (BPF_ALU64 | BPF_MOV | BPF_X))
		return false;
	dst = assembler_operand(as, v->dst, TEMP_DST, &dst_iv);
	src = assembler_operand(as, v->src, TEMP_SRC, &src_iv);
	if (!dst_iv && !src_iv) {
		if (dst == src)
			return true; /* nothing to do */
		return false;
	}
	if (src_iv && !dst_iv) {
		*err = assembler_put(as, insn_fill(as, dst, src_iv), -1);
	} else if (dst_iv && !src_iv) {
		*err = assembler_put(as, insn_keep(as, src, dst_iv), -1);
	} else {
		*err = assembler_put(as, insn_fill(as, TEMP_DST, src_iv), -1);
		if (!*err)
			*err = assembler_put(as, insn_keep(as, TEMP_DST, dst_iv), -1);
	}
	return true;
}

static int assembler_emit(struct assembler *as, const struct vinsn *v)
{
	struct interval *dst_iv, *src_iv;
	struct bpf_insn insn = { .code = v->opcode, .off = v->off, .imm = v->imm };
	int dst, src, err = 0;

	if (assembler_move(as, v, &err))
		return err;
	dst = assembler_operand(as, v->dst, TEMP_DST, &dst_iv);
	src = assembler_operand(as, v->src, TEMP_SRC, &src_iv);
	if (src_iv && src_iv == dst_iv)
		src = dst;
	else if (src_iv)
		err = assembler_put(as, insn_fill(as, src, src_iv), -1);
	if (!err && dst_iv && v->reads_dst)
		err = assembler_put(as, insn_fill(as, dst, dst_iv), -1);
	insn.dst_reg = dst < 0 ? 0 : dst;
	insn.src_reg = v->kind == VINSN_IMM64 || v->kind == VINSN_CALL ? v->pseudo
		       : src < 0				       ? 0
								       : src;
	if (!err)
		err = assembler_put(as, insn, v->kind == VINSN_JUMP ? v->label : -1);
	if (!err && v->kind == VINSN_IMM64)
		err = assembler_put(as, (struct bpf_insn){ .imm = v->imm_high }, -1);
	if (!err && dst_iv && v->writes_dst)
		err = assembler_put(as, insn_keep(as, dst, dst_iv), -1);
	return err;
}

static int assembler_emit_all(struct assembler *as)
{
	const struct code *code = as->code;
	int err = 0;

	for (unsigned int i = 0; i < code->len && !err; i++) {
		const struct vinsn *v = &code->insns[i];
		unsigned int first = as->out->len;

		if (v->kind == VINSN_LABEL) {
			as->label_at[v->label] = (int)first;
			continue;
		}
		if (as->dead[i])
			continue;
		err = assembler_emit(as, v);
		if (!err && v->comment && as->out->len > first) {
			as->out->comments[first] = strdup(v->comment);
			if (!as->out->comments[first])
				err = -ENOMEM;
		}
	}
	for (unsigned int i = 0; i < as->out->len && !err; i++) {
		if (as->jump_label[i] < 0)
			continue;
		if (as->label_at[as->jump_label[i]] <= (int)i)
			return -EINVAL;
		as->out->insns[i].off = (int16_t)(as->label_at[as->jump_label[i]] - (int)i - 1);
	}
	return err;
}

int code_assemble(struct code *code, struct code_program *program)
{
	struct assembler as = { .code = code, .out = program };
	/* A virtual instruction becomes at most five: two fills, two slots, one keep. */
	size_t most = 5ul * code->len + 1;
	int err = code->err;

	*program = (struct code_program){};
	if (err)
		return err;
	program->insns = calloc(most, sizeof(*program->insns));
	program->comments = calloc(most, sizeof(*program->comments));
	as.jump_label = calloc(most, sizeof(*as.jump_label));
	as.label_at = calloc(code->labels + 1, sizeof(*as.label_at));
	if (!program->insns || !program->comments || !as.jump_label || !as.label_at) {
		err = -ENOMEM;
		goto cleanup;
	}
	for (int l = 0; l < code->labels; l++)
		as.label_at[l] = -1;
	err = assembler_find_dead(&as);
	if (!err)
		err = assembler_intervals(&as);
	if (err)
		goto cleanup;
	assembler_find_busy(&as);
	assembler_allocate(&as);
	program->stack_size = code->buffer_size + 8 * as.slots;
	program->spills = as.spills;
	if (program->stack_size > BPF_STACK)
		err = -E2BIG;
	else
		err = assembler_emit_all(&as);
cleanup:
	free(as.intervals);
	free(as.order);
	free(as.slot_end);
	free(as.busy);
	free(as.dead);
	free(as.jump_label);
	free(as.label_at);
	if (err)
		code_program_free(program);
	return err;
}
