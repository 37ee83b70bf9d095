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

/* A REX.W instruction with an operand disp32(%rip), 7 bytes: the register, or -1 if it isn't one with this opcode. */
static int rip_relative(const uint8_t *insn, uint8_t opcode)
{
	if ((insn[0] & 0xfb) != 0x48 || insn[1] != opcode || (insn[2] & 0xc7) != 0x05)
		return -1;
	return (insn[0] & 4) << 1 | (insn[2] >> 3 & 7);
}

static uint64_t rip_target(const uint8_t *insn, uint64_t addr)
{
	int32_t disp;

	memcpy(&disp, insn + 3, sizeof(disp));
	return addr + 7 + disp;
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
	uint64_t target;
	int length;

	vars->function = sym->addr;
	for (uint64_t at = 0; code && at + 7 <= sym->size; at += length) {
		length = bsl_x86_insn_length(code + at, sym->size - at);
		if (length <= 0)
			break;
		if (rip_relative(code + at, 0x8b) < 0)
			continue;
		target = rip_target(code + at, sym->addr + at);
		if (!vars->specs)
			vars->specs = target;
		else
			vars->labels = target;
	}
	return 1;
}

/* The address that is stored to a variable, or 0. */
static uint64_t find_stored(const struct runtime_code *code, uint64_t variable)
{
	size_t at, before;
	int reg;

	for (at = LEA_BEFORE_MOV; at + 7 <= code->size; at++) {
		reg = rip_relative(code->bytes + at, 0x89);
		if (reg < 0 || rip_target(code->bytes + at, code->addr + at) != variable)
			continue;
		for (before = 7; before <= LEA_BEFORE_MOV; before++)
			if (rip_relative(code->bytes + at - before, 0x8d) == reg)
				return rip_target(code->bytes + at - before,
						  code->addr + at - before);
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
static int read_labels(const struct bsl_elf *bsl, const char *path, uint64_t table,
		       uint64_t *labels, size_t count)
{
	const void *raw = bsl_elf_data(bsl, table, 8 * count);
	Elf_Scn *section = NULL;
	int fd, err = -EBADMSG;
	Elf *elf;

	if (!raw)
		return -EBADMSG;
	memcpy(labels, raw, 8 * count);
	fd = open(path, O_RDONLY | O_CLOEXEC);
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

/* One that the kernel emulates (arch/x86/kernel/uprobes.c), instead of stepping through it, ten times as dear. */
static bool is_emulated(const uint8_t *insn)
{
	return (insn[0] & 0xf0) == 0x70 || (insn[0] == 0x0f && (insn[1] & 0xf0) == 0x80) ||
	       (insn[0] & 0xf8) == 0x50 || insn[0] == 0x90 || insn[0] == 0xe8 || insn[0] == 0xe9 ||
	       insn[0] == 0xeb;
}

/* The next such instruction: up to it a handler goes straight on. */
static uint64_t cheaper_place(const struct runtime_code *code, uint64_t addr)
{
	uint64_t at = addr - code->addr;
	int length;

	while (at + 2 <= code->size && !is_emulated(code->bytes + at)) {
		length = bsl_x86_insn_length(code->bytes + at, code->size - at);
		if (length <= 0 || at + code->addr - addr > 64)
			return addr;
		at += length;
	}
	return code->addr + at;
}

int runtime_find_php_handlers(struct bsl_elf *elf, const char *path, unsigned int opcode,
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
	err = err ?: read_labels(elf, path, labels_table + 8 * first, handlers, count);
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
