/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BPF instructions as text, as the kernel's verifier prints them (kernel/bpf/disasm.c's notation).
 */
#include <array_size.h>
#include <string.h>

#include "probe/code/code.h"

static const char *const alu_ops[16] = {
	"+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=",
};

static const char *const jump_ops[16] = {
	[BPF_JEQ >> 4] = "==",	 [BPF_JGT >> 4] = ">",	  [BPF_JGE >> 4] = ">=",
	[BPF_JSET >> 4] = "&",	 [BPF_JNE >> 4] = "!=",	  [BPF_JSGT >> 4] = "s>",
	[BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<",	  [BPF_JLE >> 4] = "<=",
	[BPF_JSLT >> 4] = "s<",	 [BPF_JSLE >> 4] = "s<=",
};

static const struct {
	int helper;
	const char *name;
} helpers[] = {
	{ BPF_FUNC_map_lookup_elem, "map_lookup_elem" },
	{ BPF_FUNC_map_update_elem, "map_update_elem" },
	{ BPF_FUNC_ktime_get_ns, "ktime_get_ns" },
	{ BPF_FUNC_get_smp_processor_id, "get_smp_processor_id" },
	{ BPF_FUNC_get_current_pid_tgid, "get_current_pid_tgid" },
	{ BPF_FUNC_get_current_uid_gid, "get_current_uid_gid" },
	{ BPF_FUNC_get_current_comm, "get_current_comm" },
	{ BPF_FUNC_perf_event_output, "perf_event_output" },
	{ BPF_FUNC_get_stack, "get_stack" },
	{ BPF_FUNC_get_current_task, "get_current_task" },
	{ BPF_FUNC_current_task_under_cgroup, "current_task_under_cgroup" },
	{ BPF_FUNC_probe_read, "probe_read" },
	{ BPF_FUNC_probe_read_str, "probe_read_str" },
	{ BPF_FUNC_probe_read_user, "probe_read_user" },
	{ BPF_FUNC_probe_read_kernel, "probe_read_kernel" },
	{ BPF_FUNC_probe_read_user_str, "probe_read_user_str" },
	{ BPF_FUNC_probe_read_kernel_str, "probe_read_kernel_str" },
	{ BPF_FUNC_ringbuf_output, "ringbuf_output" },
	{ BPF_FUNC_ringbuf_reserve, "ringbuf_reserve" },
	{ BPF_FUNC_ringbuf_submit, "ringbuf_submit" },
	{ BPF_FUNC_ringbuf_discard, "ringbuf_discard" },
	{ BPF_FUNC_copy_from_user, "copy_from_user" },
	{ BPF_FUNC_get_attach_cookie, "get_attach_cookie" },
};

const char *code_helper_name(int helper)
{
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (helpers[i].helper == helper)
			return helpers[i].name;
	return NULL;
}

static const char *size_name(uint8_t opcode)
{
	switch (BPF_SIZE(opcode)) {
	case BPF_B:
		return "u8";
	case BPF_H:
		return "u16";
	case BPF_W:
		return "u32";
	default:
		return "u64";
	}
}

static void print_alu(const struct bpf_insn *in, char *buf, size_t size)
{
	char r = BPF_CLASS(in->code) == BPF_ALU64 ? 'r' : 'w';
	const char *op = alu_ops[BPF_OP(in->code) >> 4];

	if (BPF_OP(in->code) == BPF_NEG)
		snprintf(buf, size, "%c%d = -%c%d", r, in->dst_reg, r, in->dst_reg);
	else if (BPF_SRC(in->code) == BPF_X)
		snprintf(buf, size, "%c%d %s %c%d", r, in->dst_reg, op ? op : "?", r, in->src_reg);
	else
		snprintf(buf, size, "%c%d %s %d", r, in->dst_reg, op ? op : "?", in->imm);
}

static void print_jump(const struct bpf_insn *in, char *buf, size_t size)
{
	const char *op = jump_ops[BPF_OP(in->code) >> 4];
	const char *name;

	switch (BPF_OP(in->code)) {
	case BPF_EXIT:
		snprintf(buf, size, "exit");
		return;
	case BPF_JA:
		snprintf(buf, size, "goto %+d", in->off);
		return;
	case BPF_CALL:
		if (in->src_reg == BPF_PSEUDO_CALL) {
			snprintf(buf, size, "call pc%+d", in->imm);
			return;
		}
		name = code_helper_name(in->imm);
		if (name)
			snprintf(buf, size, "call bpf_%s", name);
		else
			snprintf(buf, size, "call %d", in->imm);
		return;
	}
	if (BPF_SRC(in->code) == BPF_X)
		snprintf(buf, size, "if r%d %s r%d goto %+d", in->dst_reg, op ? op : "?",
			 in->src_reg, in->off);
	else
		snprintf(buf, size, "if r%d %s %d goto %+d", in->dst_reg, op ? op : "?", in->imm,
			 in->off);
}

const char *code_disassemble(const struct bpf_insn *in, char *buf, size_t size)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		print_alu(in, buf, size);
		break;
	case BPF_JMP:
		print_jump(in, buf, size);
		break;
	case BPF_LDX:
		snprintf(buf, size, "r%d = *(%s *)(r%d %+d)", in->dst_reg, size_name(in->code),
			 in->src_reg, in->off);
		break;
	case BPF_STX:
		snprintf(buf, size, "%s*(%s *)(r%d %+d) %s r%d",
			 BPF_MODE(in->code) == BPF_ATOMIC ? "lock " : "", size_name(in->code),
			 in->dst_reg, in->off, BPF_MODE(in->code) == BPF_ATOMIC ? "+=" : "=",
			 in->src_reg);
		break;
	case BPF_ST:
		snprintf(buf, size, "*(%s *)(r%d %+d) = %d", size_name(in->code), in->dst_reg,
			 in->off, in->imm);
		break;
	default:
		if (in->code == (BPF_LD | BPF_DW | BPF_IMM) && in->src_reg == BPF_PSEUDO_MAP_FD)
			snprintf(buf, size, "r%d = map[%d]", in->dst_reg, in->imm);
		else if (in->code == (BPF_LD | BPF_DW | BPF_IMM) &&
			 in->src_reg == BPF_PSEUDO_MAP_VALUE)
			snprintf(buf, size, "r%d = map[%d][0]%+d", in->dst_reg, in->imm, in[1].imm);
		else if (in->code == (BPF_LD | BPF_DW | BPF_IMM))
			snprintf(buf, size, "r%d = 0x%llx", in->dst_reg,
				 (unsigned long long)(uint32_t)in[1].imm << 32 | (uint32_t)in->imm);
		else
			snprintf(buf, size, "(%02x)", in->code);
	}
	return buf;
}

void code_program_print(const struct code_program *program, FILE *file)
{
	char text[64];

	for (unsigned int i = 0; i < program->len; i++) {
		code_disassemble(&program->insns[i], text, sizeof(text));
		if (program->comments[i])
			fprintf(file, "%5u: %-44s ; %s\n", i, text, program->comments[i]);
		else
			fprintf(file, "%5u: %s\n", i, text);
		if (program->insns[i].code == (BPF_LD | BPF_DW | BPF_IMM))
			i++;
	}
}
