/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Instructions over virtual registers: the list, and the functions that add to it.
 */
#include "probe/code/code.h"

#include <array_size.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "probe/code/code_private.h"

struct code *code_new(void)
{
	struct code *code = calloc(1, sizeof(*code));

	if (code)
		code->vregs = CODE_VREG_FIRST;
	return code;
}

void code_free(struct code *code)
{
	if (!code)
		return;
	for (unsigned int i = 0; i < code->len; i++)
		free(code->insns[i].comment);
	free(code->insns);
	free(code->comment);
	free(code);
}

int code_new_vreg(struct code *code)
{
	return code->vregs++;
}

int code_new_label(struct code *code)
{
	return code->labels++;
}

int code_new_buffer(struct code *code, unsigned int size)
{
	code->buffer_size += (size + 7) & ~7u;
	return -(int)code->buffer_size;
}

void code_comment(struct code *code, const char *fmt, ...)
{
	va_list args;

	free(code->comment);
	va_start(args, fmt);
	if (vasprintf(&code->comment, fmt, args) < 0) {
		code->comment = NULL;
		code->err = -ENOMEM;
	}
	va_end(args);
}

static struct vinsn *code_add(struct code *code, enum vinsn_kind kind)
{
	struct vinsn *insn;

	if (code->len == code->size) {
		unsigned int size = code->size ? 2 * code->size : 64;
		struct vinsn *grown = NULL;

		if (size <= CODE_MAX_INSNS * 2)
			grown = realloc(code->insns, size * sizeof(*grown));
		if (!grown) {
			code->err = size > CODE_MAX_INSNS * 2 ? -E2BIG : -ENOMEM;
			/* Go on overwriting the last one: the error sticks, callers needn't look. */
			if (!code->len) {
				code->spare = (struct vinsn){ .kind = kind };
				return &code->spare;
			}
			code->len--;
			free(code->insns[code->len].comment);
		} else {
			code->insns = grown;
			code->size = size;
		}
	}
	insn = &code->insns[code->len++];
	*insn = (struct vinsn){ .kind = kind, .dst = CODE_NO_REG, .src = CODE_NO_REG, .label = -1 };
	insn->comment = code->comment;
	code->comment = NULL;
	return insn;
}

void code_alu(struct code *code, int op, bool wide, int dst, int src)
{
	struct vinsn *insn = code_add(code, VINSN_PLAIN);

	insn->opcode = (wide ? BPF_ALU64 : BPF_ALU) | op | BPF_X;
	insn->dst = dst;
	insn->src = src;
	insn->reads_dst = op != BPF_MOV;
	insn->writes_dst = true;
}

void code_alu_imm(struct code *code, int op, bool wide, int dst, int32_t imm)
{
	struct vinsn *insn = code_add(code, VINSN_PLAIN);

	insn->opcode = (wide ? BPF_ALU64 : BPF_ALU) | op | BPF_K;
	insn->dst = dst;
	insn->imm = imm;
	insn->reads_dst = op != BPF_MOV;
	insn->writes_dst = true;
}

void code_mov(struct code *code, int dst, int src)
{
	code_alu(code, BPF_MOV, true, dst, src);
}

static void code_load_imm64(struct code *code, int dst, int pseudo, uint32_t low, uint32_t high)
{
	struct vinsn *insn = code_add(code, VINSN_IMM64);

	insn->opcode = BPF_LD | BPF_DW | BPF_IMM;
	insn->dst = dst;
	insn->pseudo = pseudo;
	insn->imm = (int32_t)low;
	insn->imm_high = (int32_t)high;
	insn->writes_dst = true;
}

void code_mov_imm(struct code *code, int dst, uint64_t value)
{
	if ((int64_t)value == (int32_t)value)
		code_alu_imm(code, BPF_MOV, true, dst, (int32_t)value);
	else if (value <= UINT32_MAX)
		code_alu_imm(code, BPF_MOV, false, dst, (int32_t)value);
	else
		code_load_imm64(code, dst, 0, (uint32_t)value, value >> 32);
}

void code_mov_map_fd(struct code *code, int dst, int fd)
{
	code_load_imm64(code, dst, BPF_PSEUDO_MAP_FD, (uint32_t)fd, 0);
}

void code_mov_map_value(struct code *code, int dst, int fd, uint32_t offset)
{
	code_load_imm64(code, dst, BPF_PSEUDO_MAP_VALUE, (uint32_t)fd, offset);
}

static int code_size_bits(unsigned int size)
{
	switch (size) {
	case 1:
		return BPF_B;
	case 2:
		return BPF_H;
	case 4:
		return BPF_W;
	default:
		return BPF_DW;
	}
}

void code_load(struct code *code, unsigned int size, int dst, int base, int16_t offset)
{
	struct vinsn *insn = code_add(code, VINSN_PLAIN);

	insn->opcode = BPF_LDX | BPF_MEM | code_size_bits(size);
	insn->dst = dst;
	insn->src = base;
	insn->off = offset;
	insn->writes_dst = true;
}

static struct vinsn *code_add_store(struct code *code, int opcode, int base, int16_t offset)
{
	struct vinsn *insn = code_add(code, VINSN_PLAIN);

	insn->opcode = opcode;
	insn->dst = base;
	insn->off = offset;
	insn->reads_dst = true;
	return insn;
}

void code_store(struct code *code, unsigned int size, int base, int16_t offset, int src)
{
	code_add_store(code, BPF_STX | BPF_MEM | code_size_bits(size), base, offset)->src = src;
}

void code_store_imm(struct code *code, unsigned int size, int base, int16_t offset, int32_t imm)
{
	code_add_store(code, BPF_ST | BPF_MEM | code_size_bits(size), base, offset)->imm = imm;
}

void code_atomic_add(struct code *code, int base, int16_t offset, int src)
{
	struct vinsn *insn = code_add_store(code, BPF_STX | BPF_ATOMIC | BPF_DW, base, offset);

	insn->src = src;
	insn->imm = BPF_ADD;
}

void code_jump_if(struct code *code, int op, int a, int b, int label)
{
	struct vinsn *insn = code_add(code, VINSN_JUMP);

	insn->opcode = BPF_JMP | op | BPF_X;
	insn->dst = a;
	insn->src = b;
	insn->reads_dst = true;
	insn->label = label;
}

void code_jump_if_imm(struct code *code, int op, int a, int32_t imm, int label)
{
	struct vinsn *insn = code_add(code, VINSN_JUMP);

	insn->opcode = BPF_JMP | op | BPF_K;
	insn->dst = a;
	insn->imm = imm;
	insn->reads_dst = true;
	insn->label = label;
}

void code_jump(struct code *code, int label)
{
	struct vinsn *insn = code_add(code, VINSN_JUMP);

	insn->opcode = BPF_JMP | BPF_JA;
	insn->label = label;
}

void code_label(struct code *code, int label)
{
	/* A pending comment belongs to the instruction, not to the label. */
	char *comment = code->comment;
	struct vinsn *insn;

	code->comment = NULL;
	insn = code_add(code, VINSN_LABEL);
	insn->label = label;
	code->comment = comment;
}

void code_call(struct code *code, int helper, unsigned int nargs)
{
	struct vinsn *insn = code_add(code, VINSN_CALL);

	insn->opcode = BPF_JMP | BPF_CALL;
	insn->imm = helper;
	insn->nargs = nargs;
}

void code_call_linked(struct code *code)
{
	struct vinsn *insn = code_add(code, VINSN_CALL);

	insn->opcode = BPF_JMP | BPF_CALL;
	insn->pseudo = BPF_PSEUDO_CALL;
	insn->nargs = 1;
}

void code_exit(struct code *code)
{
	struct vinsn *insn = code_add(code, VINSN_PLAIN);

	insn->opcode = BPF_JMP | BPF_EXIT;
}

void code_program_free(struct code_program *program)
{
	for (unsigned int i = 0; program->comments && i < program->len; i++)
		free(program->comments[i]);
	free(program->comments);
	free(program->insns);
	*program = (struct code_program){};
}

#define TASK_STACK_LESS 64 /* kernel/bpf/verifier.c: BPF_PRIV_STACK_MIN_SIZE */

int code_program_keep_task_stack(struct code_program *program)
{
	const struct bpf_insn never[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
	};
	const size_t more = ARRAY_SIZE(never);
	struct bpf_insn *insns;
	char **comments;

	if (program->stack_size < TASK_STACK_LESS)
		return 0;
	insns = reallocarray(program->insns, program->len + more, sizeof(*insns));
	program->insns = insns ?: program->insns;
	comments = reallocarray(program->comments, program->len + more, sizeof(*comments));
	program->comments = comments ?: program->comments;
	if (!insns || !comments)
		return -ENOMEM;
	/* Jumps are relative. */
	memmove(insns + more, insns, program->len * sizeof(*insns));
	memmove(comments + more, comments, program->len * sizeof(*comments));
	memcpy(insns, never, sizeof(never));
	memset(comments, 0, more * sizeof(*comments));
	program->len += more;
	comments[0] = strdup("never a tail call: keeps the task's own stack");
	return comments[0] ? 0 : -ENOMEM;
}

int code_program_link(struct code_program *program, const struct code_library *library,
		      struct bpf_func_info **funcs)
{
	unsigned int len = program->len;
	struct bpf_func_info *info = calloc(library->func_count, sizeof(*info));
	struct bpf_insn *insns = reallocarray(program->insns, len + library->len, sizeof(*insns));
	char **comments = reallocarray(program->comments, len + library->len, sizeof(*comments));

	program->insns = insns ?: program->insns;
	program->comments = comments ?: program->comments;
	if (!insns || !comments || !info) {
		free(info);
		return -ENOMEM;
	}
	memcpy(insns + len, library->insns, library->len * sizeof(*insns));
	memset(comments + len, 0, library->len * sizeof(*comments));
	for (unsigned int i = 0; i < len; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_CALL)
			insns[i].imm = (int)(len - i - 1);
	program->len += library->len;
	for (unsigned int i = 0; i < library->func_count; i++) {
		info[i] = library->funcs[i];
		if (i)
			info[i].insn_off += len;
	}
	*funcs = info;
	return 0;
}
