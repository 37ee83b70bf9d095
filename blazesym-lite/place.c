/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a uprobe does no harm. It replaces the first byte of an instruction: in the middle of one, or in data, it changes what
 * the program does; and some instructions the kernel refuses or does wrongly in their place.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "body.h"
#include "elf_file.h"
#include "insn.h"

#define EXCLUSIVE_MAX 32 /* instructions between an exclusive load and its store */

struct answer {
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct answer answer, const char *format,
							...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer.why, answer.size, format, args);
	va_end(args);
	return -EPERM;
}

/* ---- functions ------------------------------------------------------------------------------ */

/* Where the section of an address ends; 0: it is in no section with code. */
static uint64_t code_end(const struct bsl_elf *elf, uint64_t addr)
{
	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		const Elf64_Shdr *shdr = &elf->shdrs[i];

		if ((shdr->sh_flags & SHF_EXECINSTR) && shdr->sh_type != SHT_NOBITS &&
		    addr >= shdr->sh_addr && addr - shdr->sh_addr < shdr->sh_size)
			return shdr->sh_addr + shdr->sh_size;
	}
	return 0;
}

int bsl_elf_function_at(struct bsl_elf *elf, uint64_t addr, struct bsl_function *function)
{
	uint64_t end = code_end(elf, addr), frame_end = UINT64_MAX;
	struct bsl_frame frame;
	struct bsl_symbol sym;
	int err = bsl_elf_symbol_at(elf, addr, &sym);
	bool has_symbol = !err && sym.type != BSL_SYM_OBJECT, has_frame;

	if (err == -ENOMEM)
		return err;
	err = bsl_elf_frame_at(elf, addr, &frame);
	if (err == -ENOMEM)
		return err;
	has_frame = !err;
	if (!has_symbol && !has_frame)
		return elf_error(elf, -ENOENT);
	if (has_frame)
		frame_end = frame.addr + frame.size;
	*function = (struct bsl_function){ .addr = has_symbol ? sym.addr : frame.addr };
	if (has_symbol) {
		function->name = sym.name;
		function->is_label = sym.is_label && !(has_frame && frame.addr == sym.addr);
		if (sym.size)
			end = sym.addr + sym.size;
		/* a symbol without a size ends where its table says */
		else if (has_frame && frame_end < end)
			end = frame_end;
	} else {
		end = frame_end;
	}
	function->size = end > function->addr ? end - function->addr : 0;
	return 0;
}

/* ---- one place ------------------------------------------------------------------------------ */

static int check_code(const struct bsl_elf *elf, uint64_t addr, struct answer answer)
{
	enum bsl_elf_type type = bsl_elf_type(elf);

	if (type == BSL_ELF_REL)
		return refuse(answer, "it is a relocatable file, which no process runs as it is");
	if (type == BSL_ELF_OTHER)
		return refuse(answer, "it is neither a program nor a library");
	for (size_t i = 0; i < elf->nr_phdrs; i++) {
		const Elf64_Phdr *phdr = &elf->phdrs[i];

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X) || addr < phdr->p_vaddr ||
		    addr - phdr->p_vaddr >= phdr->p_filesz)
			continue;
		/* headers and data can be in the same segment */
		if (elf->nr_shdrs && !code_end(elf, addr))
			break;
		return 0;
	}
	return refuse(answer, "0x%llx is not in its code", (unsigned long long)addr);
}

/* The nearest starts of instructions around an address that is none. */
static int refuse_middle(const struct body *body, const struct bsl_function *function,
			 uint64_t addr, struct answer answer)
{
	uint64_t before = addr, after = addr + 1;
	const char *name = function->name ?: "a function";

	while (before > body->addr && !body_has_start(body, before))
		before--;
	while (after - body->addr < body->size && !body_has_start(body, after))
		after++;
	if (!body->is_whole)
		return refuse(
			answer,
			"%s holds data, and 0x%llx can't be proved to be the start of an instruction; one begins at 0x%llx (+0x%llx)",
			name, (unsigned long long)addr, (unsigned long long)before,
			(unsigned long long)(before - body->addr));
	if (after - body->addr >= body->size)
		return refuse(
			answer,
			"0x%llx is in the middle of the last instruction of %s, which begins at 0x%llx (+0x%llx)",
			(unsigned long long)addr, name, (unsigned long long)before,
			(unsigned long long)(before - body->addr));
	return refuse(
		answer,
		"0x%llx is in the middle of an instruction of %s: these begin at 0x%llx (+0x%llx) and 0x%llx (+0x%llx)",
		(unsigned long long)addr, name, (unsigned long long)before,
		(unsigned long long)(before - body->addr), (unsigned long long)after,
		(unsigned long long)(after - body->addr));
}

/* Compilers use the red zone only in functions that call nothing. */
static int is_call(const struct bsl_insn *insn, uint64_t addr, void *ctx)
{
	(void)addr;
	(void)ctx;
	return insn->kind == BSL_INSN_CALL || insn->kind == BSL_INSN_CALL_INDIRECT;
}

/*
 * arm64: a breakpoint between an exclusive load and its store lets the store fail, each time it is tried again: the program
 * would hang.
 */
static bool is_in_exclusive(const struct body *body, uint64_t addr)
{
	bool is_load;

	if (body->machine != EM_AARCH64)
		return false;
	for (int i = 0; i < EXCLUSIVE_MAX && addr > body->addr + 3; i++) {
		addr -= 4;
		if (insn_arm64_is_exclusive(body->code + (addr - body->addr), &is_load))
			return is_load;
	}
	return false;
}

static int check_insn(const struct bsl_elf *elf, uint64_t addr, struct bsl_insn *insn,
		      struct answer answer)
{
	const uint8_t *code = NULL;
	size_t size = BSL_INSN_MAX + 1;

	while (!code && --size)
		code = bsl_elf_data(elf, addr, size);
	if (!code || bsl_insn_decode(bsl_elf_machine(elf), code, size, addr, insn) < 0)
		return refuse(answer, "there is no instruction at 0x%llx",
			      (unsigned long long)addr);
	return insn->why ? refuse(answer, "%s", insn->why) : 0;
}

/* Within a function, which the place is not the entry of. */
static int check_inside(struct bsl_elf *elf, const struct bsl_function *function, uint64_t addr,
			unsigned int flags, struct answer answer)
{
	bool is_excused = flags & BSL_PLACE_FORCE;
	const struct body *body;
	struct bsl_insn insn;
	int err = body_get(elf, function->addr, function->size, &body);

	if (err == -ENOMEM)
		return err;
	if (err)
		return refuse(answer, "the instructions of %s can't be decoded",
			      function->name ?: "the function");
	if (flags & BSL_PLACE_VOUCHED)
		is_excused |= !body->is_whole;
	if (!body_has_start(body, addr) && !is_excused)
		err = refuse_middle(body, function, addr, answer);
	err = err ?: check_insn(elf, addr, &insn, answer);
	if (!err && is_in_exclusive(body, addr))
		err = refuse(answer,
			     "it is within an exclusive sequence, which would never succeed");
	if (!err && insn.probe == BSL_PROBE_CALL && !body_each(body, is_call, NULL))
		err = refuse(
			answer,
			"new kernels put a call in the place of this nop, which overwrites what the function keeps below its stack pointer");
	return err;
}

/* What <sys/sdt.h> writes for a USDT probe. */
static bool is_nop(const struct bsl_elf *elf, uint64_t addr)
{
	static const uint8_t x86[] = { 0x90 }, arm64[] = { 0x1f, 0x20, 0x03, 0xd5 };
	bool is_x86 = bsl_elf_machine(elf) == EM_X86_64;
	size_t size = is_x86 ? sizeof(x86) : sizeof(arm64);
	const void *code = bsl_elf_data(elf, addr, size);

	return code && !memcmp(code, is_x86 ? x86 : arm64, size);
}

int bsl_elf_check_place(struct bsl_elf *elf, uint64_t addr, unsigned int flags, char *why,
			size_t why_size)
{
	struct answer answer = { why, why_size };
	struct bsl_function function = {};
	struct bsl_insn insn;
	int err = check_code(elf, addr, answer), found;

	if (err || ((flags & BSL_PLACE_VOUCHED) && is_nop(elf, addr)))
		return err;
	found = bsl_elf_function_at(elf, addr, &function);
	if (found == -ENOMEM)
		return found;
	if (!found && function.addr != addr)
		return check_inside(elf, &function, addr, flags, answer);
	if (found && !flags)
		return refuse(
			answer,
			"no function is known at 0x%llx: whether an instruction begins there can't be proved",
			(unsigned long long)addr);
	if (!found && function.is_label && !flags)
		return refuse(answer, "0x%llx has a label, which nothing says to be a function",
			      (unsigned long long)addr);
	return check_insn(elf, addr, &insn, answer);
}

int bsl_elf_check_entry(struct bsl_elf *elf, const struct bsl_symbol *sym, char *why,
			size_t why_size)
{
	struct answer answer = { why, why_size };
	struct bsl_frame frame;
	struct bsl_insn insn;
	int err = check_code(elf, sym->addr, answer);

	if (!err && sym->is_label &&
	    (bsl_elf_frame_at(elf, sym->addr, &frame) || frame.addr != sym->addr))
		err = refuse(answer, "it is a label, which nothing says to be a function");
	return err ?: check_insn(elf, sym->addr, &insn, answer);
}
