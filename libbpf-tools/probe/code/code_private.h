/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What code.c builds and assemble.c reads.
 */
#ifndef PROBE_CODE_CODE_PRIVATE_H
#define PROBE_CODE_CODE_PRIVATE_H

#include "probe/code/code.h"

#define CODE_NO_REG (-1)
#define CODE_MAX_INSNS 32767 /* jumps are 16 bits wide */

enum vinsn_kind {
	VINSN_PLAIN,
	VINSN_IMM64, /* two slots */
	VINSN_JUMP,
	VINSN_CALL,
	VINSN_LABEL, /* no slot */
};

struct vinsn {
	enum vinsn_kind kind;
	uint8_t opcode;
	uint8_t pseudo; /* IMM64, CALL: BPF_PSEUDO_* */
	uint8_t nargs;	/* CALL */
	bool reads_dst, writes_dst;
	int dst, src; /* real or virtual register, or CODE_NO_REG */
	int16_t off;
	int32_t imm, imm_high;
	int label;     /* JUMP: target; LABEL: itself */
	char *comment; /* owned */
};

struct code {
	struct vinsn *insns;
	unsigned int len, size;
	int vregs; /* the next virtual register */
	int labels;
	unsigned int buffer_size;
	char *comment; /* for the next instruction */
	int err;
	struct vinsn spare; /* takes what cannot be stored after an error */
};

#endif /* PROBE_CODE_CODE_PRIVATE_H */
