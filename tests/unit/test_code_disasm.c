/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* probe/code/disasm: the same text as the kernel's verifier gives each instruction in its log. */
#include <array_size.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/code/code.h"

#define OP(c, d, s, o, i)                                                           \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define ALU64(op, d, i) OP(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define ALU64_X(op, d, s) OP(BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define ALU32(op, d, i) OP(BPF_ALU | (op) | BPF_K, d, 0, 0, i)
#define ALU32_X(op, d, s) OP(BPF_ALU | (op) | BPF_X, d, s, 0, 0)
/* To the next instruction, whether the condition holds or not. */
#define JUMP(op, d, i) OP(BPF_JMP | (op) | BPF_K, d, 0, 0, i)
#define JUMP_X(op, d, s) OP(BPF_JMP | (op) | BPF_X, d, s, 0, 0)
#define CALL(helper) OP(BPF_JMP | BPF_CALL, 0, 0, 0, helper)

/* r6 and r7 are of unknown value, so that both branches of each jump are looked at. */
static const struct bpf_insn program[] = {
	CALL(BPF_FUNC_ktime_get_ns),
	ALU64_X(BPF_MOV, 6, 0),
	CALL(BPF_FUNC_get_smp_processor_id),
	ALU64_X(BPF_MOV, 7, 0),
	OP(BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, 0x55667788),
	OP(0, 0, 0, 0, 0x11223344),
	ALU64(BPF_ADD, 6, 5),
	ALU64(BPF_SUB, 6, -5),
	ALU64(BPF_MUL, 6, 3),
	ALU64(BPF_DIV, 6, 3),
	ALU64(BPF_MOD, 6, 1000),
	ALU64(BPF_OR, 6, 1),
	ALU64(BPF_AND, 6, 0xff),
	ALU64(BPF_XOR, 6, 7),
	ALU64(BPF_LSH, 6, 4),
	ALU64(BPF_RSH, 6, 2),
	ALU64(BPF_ARSH, 6, 1),
	ALU64(BPF_NEG, 6, 0),
	ALU64(BPF_MOV, 8, -1),
	ALU64_X(BPF_ADD, 6, 7),
	ALU64_X(BPF_SUB, 6, 7),
	ALU64_X(BPF_ARSH, 6, 8),
	ALU32(BPF_ADD, 6, 5),
	ALU32(BPF_NEG, 6, 0),
	ALU32_X(BPF_MOV, 9, 6),
	ALU32_X(BPF_XOR, 9, 7),
	OP(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 7),
	OP(BPF_ST | BPF_MEM | BPF_W, 10, 0, -8, 7),
	OP(BPF_ST | BPF_MEM | BPF_H, 10, 0, -8, 7),
	OP(BPF_ST | BPF_MEM | BPF_B, 10, 0, -1, 7),
	OP(BPF_STX | BPF_MEM | BPF_DW, 10, 6, -16, 0),
	OP(BPF_STX | BPF_MEM | BPF_W, 10, 6, -16, 0),
	OP(BPF_STX | BPF_MEM | BPF_H, 10, 6, -16, 0),
	OP(BPF_STX | BPF_MEM | BPF_B, 10, 6, -16, 0),
	OP(BPF_STX | BPF_ATOMIC | BPF_DW, 10, 7, -16, BPF_ADD),
	OP(BPF_LDX | BPF_MEM | BPF_DW, 6, 10, -8, 0),
	OP(BPF_LDX | BPF_MEM | BPF_W, 6, 10, -8, 0),
	OP(BPF_LDX | BPF_MEM | BPF_H, 6, 10, -8, 0),
	OP(BPF_LDX | BPF_MEM | BPF_B, 6, 10, -8, 0),
	CALL(BPF_FUNC_ktime_get_ns),
	ALU64_X(BPF_MOV, 6, 0),
	JUMP(BPF_JEQ, 6, 5),
	JUMP(BPF_JNE, 6, 6),
	JUMP(BPF_JGT, 6, 7),
	JUMP(BPF_JGE, 6, 8),
	JUMP(BPF_JLT, 6, 9),
	JUMP(BPF_JLE, 6, 10),
	JUMP(BPF_JSET, 6, 11),
	JUMP(BPF_JSGT, 6, 12),
	JUMP(BPF_JSGE, 6, 13),
	JUMP(BPF_JSLT, 6, 14),
	JUMP(BPF_JSLE, 6, -15),
	JUMP_X(BPF_JGT, 6, 7),
	JUMP_X(BPF_JSLT, 6, 7),
	OP(BPF_JMP | BPF_JA, 0, 0, 0, 0),
	ALU64(BPF_MOV, 0, 0),
	OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

/* The verifier's text of an instruction in our notation: no "pc", helpers without number, operands of jumps in decimal. */
static void plain(const char *text, char *out, size_t size)
{
	bool is_jump = !strncmp(text, "if ", 3);
	size_t len = 0;

	while (*text && *text != '\n' && *text != ';' && len + 12 < size) {
		if (!strncmp(text, "goto pc", 7)) {
			memcpy(out + len, "goto ", 5);
			len += 5;
			text += 7;
		} else if (*text == '#') {
			text += 1 + strspn(text + 1, "0123456789");
		} else if (is_jump && !strncmp(text, "0x", 2)) {
			len += sprintf(out + len, "%d", (int)strtoul(text, (char **)&text, 16));
		} else {
			out[len++] = *text++;
		}
	}
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

static void test_text_is_the_verifiers(void **state)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_level = 2, .log_size = 1 << 20);
	char *log = calloc(1, opts.log_size), wanted[96], ours[96], mark[32];
	int fd;

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: loading BPF programs needs root\n");
		free(log);
		skip();
	}
	opts.log_buf = log;
	fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "disasm", "GPL", program,
			   ARRAY_SIZE(program), &opts);
	if (fd < 0)
		fail_msg("not loaded: %s\n%s", strerror(-fd), log);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(program); i++) {
		const char *line;

		snprintf(mark, sizeof(mark), "\n%zu: (%02x) ", i, program[i].code);
		line = strstr(log, mark);
		if (!line)
			fail_msg("the verifier has not looked at instruction %zu:\n%s", i, log);
		plain(line + strlen(mark), wanted, sizeof(wanted));
		assert_string_equal(code_disassemble(&program[i], ours, sizeof(ours)), wanted);
		if (program[i].code == (BPF_LD | BPF_DW | BPF_IMM))
			i++;
	}
	free(log);
}

static void test_maps_and_what_is_not_known(void **state)
{
	const struct bpf_insn map[] = { OP(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, 5),
					OP(0, 0, 0, 0, 0) };
	const struct bpf_insn value[] = {
		OP(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_MAP_VALUE, 0, 6), OP(0, 0, 0, 0, 24)
	};
	const struct bpf_insn unknown = OP(BPF_LD | BPF_ABS, 0, 0, 0, 0), call = CALL(1 << 20);
	char text[64];

	(void)state;
	assert_string_equal(code_disassemble(map, text, sizeof(text)), "r1 = map[5]");
	assert_string_equal(code_disassemble(value, text, sizeof(text)), "r2 = map[6][0]+24");
	assert_string_equal(code_disassemble(&unknown, text, sizeof(text)), "(20)");
	assert_string_equal(code_disassemble(&call, text, sizeof(text)), "call 1048576");
	assert_null(code_helper_name(1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_the_verifiers),
		cmocka_unit_test(test_maps_and_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
