/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * BPF instructions for programs that are short enough to be written out as arrays of them.
 */
#ifndef LIB_INSN_H
#define LIB_INSN_H

#include <linux/bpf.h>

#define INSN(op, dst, src, offset, value)           \
	((struct bpf_insn){ .code = (op),           \
			    .dst_reg = (dst),       \
			    .src_reg = (src),       \
			    .off = (__s16)(offset), \
			    .imm = (__s32)(value) })

#define INSN_MOV(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define INSN_MOV_IMM(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define INSN_ADD(dst, src) INSN(BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0)
#define INSN_ADD_IMM(dst, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define INSN_MUL_IMM(dst, value) INSN(BPF_ALU64 | BPF_MUL | BPF_K, dst, 0, 0, value)
/* size: BPF_DW, BPF_W, ...; dst = *(src + offset) */
#define INSN_LOAD(size, dst, src, offset) INSN(BPF_LDX | BPF_MEM | (size), dst, src, offset, 0)
/* *(dst + offset) = src, or = value */
#define INSN_STORE(size, dst, offset, src) INSN(BPF_STX | BPF_MEM | (size), dst, src, offset, 0)
#define INSN_STORE_IMM(size, dst, offset, value) \
	INSN(BPF_ST | BPF_MEM | (size), dst, 0, offset, value)
/* Skip so many instructions if dst isn't 0. */
#define INSN_SKIP_IF(dst, skip) INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, skip, 0)
#define INSN_CALL(helper) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define INSN_EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Two instructions each. */
#define INSN_MAP(dst, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define INSN_SLOT(dst, slot) INSN_MOV(dst, BPF_REG_10), INSN_ADD_IMM(dst, slot)

#endif /* LIB_INSN_H */
