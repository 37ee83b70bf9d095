/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where PHP executes an opcode. Its interpreter, as gcc builds it, is one function with a label an opcode and kind of
 * operand ("handler"); zend_vm_set_opcode_handler() looks them up in two tables (Zend/zend_vm_gen.php): "specs", a word an opcode
 * with the index of its first handler in the lower half, and "labels", their addresses. Both are made known at start-up:
 * lea TABLE(%rip),%reg; mov %reg,VARIABLE(%rip). x86_64.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime_private.h"

#define OPCODES 128 /* all versions have more; their handlers are in the order of their numbers */
#define LEA_BEFORE_MOV 40 /* bytes */
#define MOV_LENGTH 7	  /* mov %reg,VARIABLE(%rip), with REX.W */

/* The register of an instruction that moves 8 bytes from, to, or (lea) the address of a variable; NONE if it isn't one. */
static int variable_reg(const struct bsl_insn *insn, enum bsl_insn_op op)
{
	bool is_whole = insn->size == 8 || op == BSL_OP_LEA;

	return insn->op == op && insn->is_relative && is_whole ? insn->reg : BSL_REG_NONE;
}

struct variables {
	struct bsl_elf *elf;
	uint64_t function;
	uint64_t specs, labels; /* addresses of the pointers to the tables */
};

/* The first and the last pointer that the function loads. */
static int read_variables(const struct bsl_symbol *sym, void *ctx)
{
	struct variables *vars = ctx;
	const uint8_t *code = bsl_elf_data(vars->elf, sym->addr, sym->size);
	struct bsl_insn insn;

	vars->function = sym->addr;
	for (uint64_t at = 0; code && at < sym->size; at += insn.length) {
		if (bsl_insn_decode(EM_X86_64, code + at, sym->size - at, sym->addr + at, &insn) <
		    0)
			break;
		if (variable_reg(&insn, BSL_OP_LOAD) < 0)
			continue;
		if (!vars->specs)
			vars->specs = insn.address;
		else
			vars->labels = insn.address;
	}
	return 1;
}

static int decode_at(const struct runtime_code *code, size_t at, struct bsl_insn *insn)
{
	return bsl_insn_decode(EM_X86_64, code->bytes + at, code->size - at, code->addr + at, insn);
}

/* The address that is stored to a variable, or 0. */
static uint64_t find_stored(const struct runtime_code *code, uint64_t variable)
{
	struct bsl_insn store, lea;
	int32_t disp;

	for (size_t at = LEA_BEFORE_MOV; at + MOV_LENGTH <= code->size; at++) {
		memcpy(&disp, code->bytes + at + MOV_LENGTH - sizeof(disp), sizeof(disp));
		/* At nearly all places this comparison is all. */
		if (code->addr + at + MOV_LENGTH + disp != variable ||
		    decode_at(code, at, &store) != MOV_LENGTH ||
		    variable_reg(&store, BSL_OP_STORE) < 0)
			continue;
		for (size_t before = MOV_LENGTH; before <= LEA_BEFORE_MOV; before++)
			if (decode_at(code, at - before, &lea) > 0 &&
			    variable_reg(&lea, BSL_OP_LEA) == store.reg)
				return lea.address;
	}
	return 0;
}

/* Fills what relative relocations (elf(5), x86-64 psABI 4.4) put at addresses from `table` on: one a label. */
static void apply_relocations(Elf_Scn *section, uint64_t table, uint64_t *labels, size_t count)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr header;
	GElf_Rela rela;

	if (!data || !gelf_getshdr(section, &header) || header.sh_type != SHT_RELA)
		return;
	for (int i = 0; gelf_getrela(data, i, &rela); i++)
		if (GELF_R_TYPE(rela.r_info) == R_X86_64_RELATIVE && rela.r_offset >= table &&
		    rela.r_offset < table + 8 * count && !((rela.r_offset - table) % 8))
			labels[(rela.r_offset - table) / 8] = rela.r_addend;
}

/* A table of addresses, as it will be once the program is loaded at its own addresses. */
static int read_labels(const struct bsl_elf *bsl, uint64_t table, uint64_t *labels, size_t count)
{
	const void *raw = bsl_elf_data(bsl, table, 8 * count);
	Elf_Scn *section = NULL;
	int fd, err = -EBADMSG;
	Elf *elf;

	if (!raw)
		return -EBADMSG;
	memcpy(labels, raw, 8 * count);
	fd = open(bsl_elf_path(bsl), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf && (section = elf_nextscn(elf, section))) {
		apply_relocations(section, table, labels, count);
		err = 0;
	}
	elf_end(elf);
	close(fd);
	return err;
}

/* The handlers of an opcode: from its first to the next opcode's. -ENOENT if that makes no sense. */
static int handler_range(const uint32_t *specs, unsigned int opcode, size_t *first, size_t *count)
{
	size_t end = SIZE_MAX, start;

	*first = specs[opcode] & 0xffff;
	for (size_t i = 0; i < OPCODES; i++) {
		start = specs[i] & 0xffff;
		if (start > *first && start < end)
			end = start;
	}
	*count = end - *first;
	return *count > RUNTIME_HANDLERS_MAX ? -ENOENT : 0;
}

/* The next instruction that the kernel emulates instead of stepping through it: up to it a handler goes straight on. */
static uint64_t cheaper_place(const struct runtime_code *code, uint64_t addr)
{
	struct bsl_insn insn;

	for (uint64_t at = addr - code->addr; at < code->size; at += insn.length) {
		if (decode_at(code, at, &insn) <= 0 || at + code->addr - addr > 64)
			return addr;
		if (insn.probe == BSL_PROBE_EMULATED)
			return code->addr + at;
		if (insn.kind != BSL_INSN_PLAIN)
			return addr;
	}
	return addr;
}

int runtime_find_php_handlers(struct bsl_elf *elf, unsigned int opcode,
			      uint64_t handlers[RUNTIME_HANDLERS_MAX])
{
	struct variables vars = { .elf = elf };
	uint64_t labels_table;
	const uint32_t *specs;
	struct runtime_code code;
	size_t first, count;
	int err, kept = 0;

	if (bsl_elf_machine(elf) != EM_X86_64)
		return -ENOTSUP;
	bsl_elf_find_symbols(elf, "zend_vm_set_opcode_handler", 0, read_variables, &vars);
	if (!vars.labels || runtime_code_around(elf, vars.function, &code))
		return -ENOENT;
	labels_table = find_stored(&code, vars.labels);
	specs = bsl_elf_data(elf, find_stored(&code, vars.specs), OPCODES * sizeof(*specs));
	if (!specs || !labels_table || (uintptr_t)specs % sizeof(*specs))
		return -ENOENT;
	err = handler_range(specs, opcode, &first, &count);
	err = err ?: read_labels(elf, labels_table + 8 * first, handlers, count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		size_t seen = 0;

		while (seen < (size_t)kept && handlers[seen] != handlers[i])
			seen++;
		if (seen == (size_t)kept && handlers[i] >= code.addr &&
		    handlers[i] < code.addr + code.size)
			handlers[kept++] = handlers[i];
	}
	for (int i = 0; i < kept; i++)
		handlers[i] = cheaper_place(&code, handlers[i]);
	return kept;
}
