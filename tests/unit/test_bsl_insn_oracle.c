/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * x86_64 instructions as Zydis, an independent decoder, has them: those of the functions of large programs of this machine.
 * LINK: Zydis
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <Zydis/Zydis.h>
#include <blazesym-lite.h>

struct comparison {
	const struct bsl_elf *elf;
	ZydisDecoder decoder;
	unsigned long instructions, refused;
	unsigned long branches, memories, moves, stack;
};

/* The number in DWARF of a register, or of the one that it is a part of. */
static int dwarf_of(ZydisRegister reg)
{
	static const int8_t low[] = { 0, 2, 1, 3, 7, 6, 4, 5 };
	ZyanI8 id;

	if (reg == ZYDIS_REGISTER_NONE || reg == ZYDIS_REGISTER_RIP)
		return BSL_REG_NONE;
	reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	id = ZydisRegisterGetId(reg);
	return id < 8 ? low[id] : id;
}

static enum bsl_insn_kind kind_of(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	bool is_direct = z->operand_count && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_INT3:
		return BSL_INSN_STOP;
	case ZYDIS_MNEMONIC_XBEGIN:
		return BSL_INSN_BRANCH;
	case ZYDIS_MNEMONIC_INT:
		return BSL_INSN_SYSCALL;
	default:
		break;
	}
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return is_direct ? BSL_INSN_CALL : BSL_INSN_CALL_INDIRECT;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return is_direct ? BSL_INSN_JUMP : BSL_INSN_JUMP_INDIRECT;
	case ZYDIS_CATEGORY_COND_BR:
		return BSL_INSN_BRANCH;
	case ZYDIS_CATEGORY_RET:
		return BSL_INSN_RETURN;
	case ZYDIS_CATEGORY_SYSCALL:
		return BSL_INSN_SYSCALL;
	default:
		return BSL_INSN_PLAIN;
	}
}

static const ZydisDecodedOperand *memory_of(const ZydisDecodedInstruction *z,
					    const ZydisDecodedOperand *ops)
{
	for (ZyanU8 i = 0; i < z->operand_count; i++)
		if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    ops[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
			return &ops[i];
	return NULL;
}

static const char *compare_memory(const struct bsl_insn *insn, uint64_t addr,
				  const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	const ZydisDecodedOperand *memory = memory_of(z, ops);
	ZyanU64 address;

	/* A nop's is for Zydis no operand. */
	if (!memory)
		return NULL;
	if (!insn->has_memory)
		return "memory";
	if (memory->mem.base == ZYDIS_REGISTER_RIP) {
		if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(z, memory, addr, &address)) ||
		    !insn->is_relative || insn->address != address)
			return "relative address";
		return NULL;
	}
	if (memory->mem.base != ZYDIS_REGISTER_EIP && insn->is_relative)
		return "relative";
	if (insn->base != dwarf_of(memory->mem.base))
		return "base";
	/* A vector of indices has a number of its own. */
	if (memory->mem.type != ZYDIS_MEMOP_TYPE_VSIB && insn->index != dwarf_of(memory->mem.index))
		return "index";
	if (insn->has_disp && insn->disp != memory->mem.disp.value)
		return "displacement";
	return NULL;
}

/* What op is of a mnemonic, and which operand of Zydis is its register. */
static const struct {
	ZydisMnemonic mnemonic;
	enum bsl_insn_op op;
} mnemonics[] = {
	{ ZYDIS_MNEMONIC_LEA, BSL_OP_LEA },	{ ZYDIS_MNEMONIC_PUSH, BSL_OP_PUSH },
	{ ZYDIS_MNEMONIC_POP, BSL_OP_POP },	{ ZYDIS_MNEMONIC_LEAVE, BSL_OP_LEAVE },
	{ ZYDIS_MNEMONIC_ADD, BSL_OP_ADD },	{ ZYDIS_MNEMONIC_SUB, BSL_OP_ADD },
	{ ZYDIS_MNEMONIC_CMP, BSL_OP_COMPARE },
};

static bool is_register(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetClass(op->reg.value) >= ZYDIS_REGCLASS_GPR8 &&
	       ZydisRegisterGetClass(op->reg.value) <= ZYDIS_REGCLASS_GPR64;
}

/* A mov of 89 or 8b between registers and memory. */
static const char *compare_move(const struct bsl_insn *insn, const ZydisDecodedInstruction *z,
				const ZydisDecodedOperand *ops)
{
	enum bsl_insn_op op = !is_register(&ops[0])   ? BSL_OP_STORE
			      : !is_register(&ops[1]) ? BSL_OP_LOAD
						      : BSL_OP_MOVE;

	if (z->mnemonic != ZYDIS_MNEMONIC_MOV || (z->opcode != 0x89 && z->opcode != 0x8b))
		return NULL;
	if (insn->op != op || insn->size * 8 != ops[0].size)
		return "mov";
	if (insn->reg != dwarf_of(ops[op == BSL_OP_STORE].reg.value))
		return "mov's register";
	if (op == BSL_OP_MOVE && insn->from != dwarf_of(ops[1].reg.value))
		return "mov's source";
	return NULL;
}

/* Stores of vector registers and of the floating-point stack: all of the operand is written. */
static const char *compare_store(const struct bsl_insn *insn, const ZydisDecodedOperand *ops)
{
	bool writes = ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		      (ops[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
		      !(ops[0].actions & ZYDIS_OPERAND_ACTION_MASK_READ);

	return !writes ? "no store" : ops[0].size != insn->size * 8 ? "store's size" : NULL;
}

/* All that say that they change a register do; those that change the stack pointer by a constant say how. */
static const char *compare_op(const struct bsl_insn *insn, const ZydisDecodedInstruction *z,
			      const ZydisDecodedOperand *ops)
{
	bool writes = insn->writes == BSL_REG_NONE;
	enum bsl_insn_op expected = BSL_OP_OTHER;
	ZyanI64 imm;

	for (ZyanU8 i = 0; i < z->operand_count; i++)
		writes |= is_register(&ops[i]) && dwarf_of(ops[i].reg.value) == insn->writes &&
			  (ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
	if (!writes)
		return "register written";
	for (size_t i = 0; i < ARRAY_SIZE(mnemonics); i++)
		if (mnemonics[i].mnemonic == z->mnemonic)
			expected = mnemonics[i].op;
	if (insn->op == BSL_OP_STORE && insn->reg == BSL_REG_NONE)
		return compare_store(insn, ops);
	if (insn->op == BSL_OP_LOAD || insn->op == BSL_OP_STORE || insn->op == BSL_OP_MOVE)
		return z->mnemonic == ZYDIS_MNEMONIC_MOV ? NULL : "no mov";
	if (insn->op != BSL_OP_OTHER && insn->op != expected &&
	    z->mnemonic != ZYDIS_MNEMONIC_PUSHFQ && z->mnemonic != ZYDIS_MNEMONIC_POPFQ)
		return "op";
	if (insn->op == BSL_OP_OTHER && (expected == BSL_OP_LEA || expected == BSL_OP_LEAVE ||
					 expected == BSL_OP_POP || expected == BSL_OP_PUSH))
		return "missing op";
	if (insn->op != BSL_OP_ADD && insn->op != BSL_OP_COMPARE)
		return NULL;
	imm = ops[1].imm.value.s;
	if (z->mnemonic == ZYDIS_MNEMONIC_SUB)
		imm = -imm;
	if (ops[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE || imm != insn->imm)
		return "immediate";
	return ops[0].size == insn->size * 8 ? NULL : "size";
}

static const char *compare_insn(struct comparison *c, const uint8_t *code, uint64_t size,
				uint64_t addr, int *length)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	struct bsl_insn insn;
	const char *different;
	ZyanU64 target;

	*length = bsl_insn_decode(EM_X86_64, code, size, addr, &insn);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&c->decoder, code, size, &z, ops))) {
		/* Data in a function, which ends the comparison. */
		c->refused++;
		*length = -EINVAL;
		return NULL;
	}
	c->instructions++;
	if (*length != z.length)
		return "length";
	if (insn.kind != kind_of(&z, ops))
		return "kind";
	if (insn.kind == BSL_INSN_JUMP || insn.kind == BSL_INSN_BRANCH ||
	    insn.kind == BSL_INSN_CALL) {
		c->branches++;
		if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&z, &ops[0], addr, &target)) ||
		    insn.target != target)
			return "target";
	}
	c->memories += insn.has_memory;
	c->moves += insn.op == BSL_OP_MOVE;
	c->stack += insn.op == BSL_OP_PUSH || (insn.op == BSL_OP_ADD && insn.reg == 7);
	different = compare_memory(&insn, addr, &z, ops);
	if (!different)
		different = compare_move(&insn, &z, ops);
	return different ? different : compare_op(&insn, &z, ops);
}

static int compare_function(const struct bsl_symbol *sym, void *ctx)
{
	struct comparison *c = ctx;
	const uint8_t *code = bsl_elf_data(c->elf, sym->addr, sym->size);
	const char *different;
	char bytes[64] = "";
	int length;

	for (uint64_t at = 0; code && at < sym->size; at += length) {
		different = compare_insn(c, code + at, sym->size - at, sym->addr + at, &length);
		if (different) {
			for (uint64_t i = 0; i < 15 && i < sym->size - at; i++)
				sprintf(bytes + 3 * i, "%02x ", code[at + i]);
			fail_msg("%s+%#llx: %s: %s", sym->name, (unsigned long long)at, bytes,
				 different);
		}
		if (length <= 0)
			break;
	}
	return 0;
}

static void compare_file(const char *path)
{
	struct comparison c = { .instructions = 0 };
	struct bsl_elf *elf;

	if (access(path, R_OK)) {
		printf("[  SKIPPED ] %s is not installed\n", path);
		return;
	}
	assert_int_equal(bsl_elf_open(path, &elf), 0);
	c.elf = elf;
	assert_true(ZYAN_SUCCESS(
		ZydisDecoderInit(&c.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
	assert_true(bsl_elf_find_symbols(elf, "*", BSL_FIND_GLOB, compare_function, &c) > 1000);
	assert_true(c.instructions > 100000 && c.refused < c.instructions / 100000);
	assert_true(c.branches > 10000 && c.memories > 10000 && c.moves > 10000 && c.stack > 1000);
	bsl_elf_close(elf);
}

static void test_programs(void **state)
{
	static const char *const paths[] = {
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so",
		"/usr/lib/go-1.19/bin/go",
		"/usr/bin/python3.11",
		"/usr/bin/redis-server",
	};

	(void)state;
	if (bsl_host_machine() != EM_X86_64)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		compare_file(paths[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
