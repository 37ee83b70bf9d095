/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A BPF program under construction: instructions over virtual registers, labels and comments, and
 * its assembly into struct bpf_insn. Knows BPF (Documentation/bpf/standardization), no language.
 *
 * Registers: 0..10 are BPF's own, used only to pass arguments to helpers and take their result;
 * from CODE_VREG_FIRST on they are virtual, unlimited, written any number of times.
 * Control only flows forward, so a virtual register is alive from its first to its last mention.
 */
#ifndef PROBE_CODE_CODE_H
#define PROBE_CODE_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CODE_VREG_FIRST 16

struct code;

/* The finished program, owned by the caller: code_program_free(). */
struct code_program {
	struct bpf_insn *insns;
	char **comments; /* one an instruction, NULL where there is none */
	unsigned int len;
	unsigned int stack_size; /* bytes of BPF stack in use: buffers and spilled registers */
	unsigned int spills;	 /* virtual registers that live on the stack */
};

/*
 * Errors (out of memory, too many instructions) stick to the code and are returned by
 * code_assemble(); the functions below can be called without looking.
 */
struct code *code_new(void);
void code_free(struct code *code);

/* A virtual register, and a label that code_label() will place; numbers that other calls take. */
int code_new_vreg(struct code *code);
int code_new_label(struct code *code);
/* Bytes of the stack, 8-aligned; returns the (negative) offset from r10 of its first byte. */
int code_new_buffer(struct code *code, unsigned int size);

/* The comment goes to the next instruction emitted. */
void code_comment(struct code *code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* op: BPF_ADD ... BPF_ARSH, BPF_MOV, BPF_NEG; wide: 64 bits, else 32 with the upper half zeroed. */
void code_alu(struct code *code, int op, bool wide, int dst, int src);
void code_alu_imm(struct code *code, int op, bool wide, int dst, int32_t imm);
void code_mov(struct code *code, int dst, int src);
/* Any 64-bit constant by the shortest instruction. */
void code_mov_imm(struct code *code, int dst, uint64_t value);
/* The address of a map, or of byte `offset` in the value of an array map of one element. */
void code_mov_map_fd(struct code *code, int dst, int fd);
void code_mov_map_value(struct code *code, int dst, int fd, uint32_t offset);
/* size 1, 2, 4, 8; loads zero-extend. */
void code_load(struct code *code, unsigned int size, int dst, int base, int16_t offset);
void code_store(struct code *code, unsigned int size, int base, int16_t offset, int src);
void code_store_imm(struct code *code, unsigned int size, int base, int16_t offset, int32_t imm);
/* *(u64 *)(base + offset) += src, atomically. */
void code_atomic_add(struct code *code, int base, int16_t offset, int src);
/* op: BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT ... BPF_JSET; 64 bits. */
void code_jump_if(struct code *code, int op, int a, int b, int label);
void code_jump_if_imm(struct code *code, int op, int a, int32_t imm, int label);
void code_jump(struct code *code, int label);
void code_label(struct code *code, int label);
/* BPF_FUNC_*; arguments are in r1..r<nargs>, written just before; the result in r0 is to be moved away next. */
void code_call(struct code *code, int helper, unsigned int nargs);
/* The compiled function of code_program_link(): its argument is in r1; as above. */
void code_call_linked(struct code *code);
void code_exit(struct code *code);

/*
 * Virtual to real registers, spilling to the stack what doesn't fit; jumps resolved.
 * 0 or negative errno: -ENOMEM; -E2BIG, more than BPF's 512 bytes of stack or 32,767 instructions; -EINVAL,
 * a label without a place (a programming error).
 */
int code_assemble(struct code *code, struct code_program *program);
void code_program_free(struct code_program *program);

/*
 * For uprobes: keep the program on its task's stack, see bpf/task_stack.bpf.h. Does nothing for one that uses little of it. 0 or
 * -ENOMEM.
 */
int code_program_keep_task_stack(struct code_program *program);

/* Compiled functions that generated programs call; the first one is what they call. */
struct code_library {
	struct bpf_insn *insns; /* calls among them are relative, maps are descriptors */
	unsigned int len;
	/* For the kernel: where each begins, and its type; before them that of a program without functions. */
	struct bpf_func_info *funcs;
	unsigned int func_count;
	int btf_fd; /* of the types */
};

/* A program that calls the library, with its functions behind it; *funcs is the caller's to free. 0 or -ENOMEM. */
int code_program_link(struct code_program *program, const struct code_library *library,
		      struct bpf_func_info **funcs);

/* One instruction as text, in the kernel verifier's notation ("r1 = *(u64 *)(r6 +112)"). Returns buf. */
const char *code_disassemble(const struct bpf_insn *insn, char *buf, size_t size);
/* All of it with numbers and comments. */
void code_program_print(const struct code_program *program, FILE *file);

/* The name of a helper without "bpf_", or NULL for one not known here. */
const char *code_helper_name(int helper);

#endif /* PROBE_CODE_CODE_H */
