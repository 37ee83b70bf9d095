/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names for the linker's stubs: foo@plt. A stub is known by what it does, not by its number: it
 * jumps through a slot of the global offset table that a relocation fills with foo. So every
 * linker's layout will do (.plt, .plt.sec, .plt.got; with and without endbr64 or bti).
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "machine.h"
#include "plt.h"

struct slot {
	uint64_t addr;
	uint32_t symbol; /* in .dynsym */
};

struct stubs {
	struct bsl_elf *elf;
	struct slot *slots;
	size_t nr_slots;
	Elf64_Sym *syms;
	size_t nr;
	char *strings;
	size_t strings_len, strings_room;
};

static bool fills_slot(const struct machine *machine, uint64_t info)
{
	uint32_t type = ELF64_R_TYPE(info);

	return type == machine->r_jump_slot || type == machine->r_glob_dat;
}

static int slot_compare(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int slots_read(struct stubs *stubs)
{
	const struct bsl_elf *elf = stubs->elf;
	const struct machine *machine = machine_get(elf->ehdr.e_machine);
	const uint8_t *data;
	Elf64_Rela rela;
	size_t size, room = 0;

	for (size_t i = 0; i < elf->nr_shdrs; i++)
		if (elf->shdrs[i].sh_type == SHT_RELA &&
		    elf_section_data(elf, &elf->shdrs[i], &size))
			room += size / sizeof(rela);
	stubs->slots = calloc(room ? room : 1, sizeof(*stubs->slots));
	if (!stubs->slots)
		return -ENOMEM;
	for (size_t i = 0; i < elf->nr_shdrs; i++) {
		if (elf->shdrs[i].sh_type != SHT_RELA)
			continue;
		data = elf_section_data(elf, &elf->shdrs[i], &size);
		for (size_t at = 0; data && size - at >= sizeof(rela); at += sizeof(rela)) {
			memcpy(&rela, data + at, sizeof(rela));
			if (fills_slot(machine, rela.r_info))
				stubs->slots[stubs->nr_slots++] =
					(struct slot){ rela.r_offset, ELF64_R_SYM(rela.r_info) };
		}
	}
	qsort(stubs->slots, stubs->nr_slots, sizeof(*stubs->slots), slot_compare);
	return 0;
}

static const char *slot_name(const struct stubs *stubs, uint64_t addr)
{
	const struct slot wanted = { .addr = addr };
	const struct slot *slot =
		bsearch(&wanted, stubs->slots, stubs->nr_slots, sizeof(wanted), slot_compare);
	Elf64_Sym sym;

	if (!slot || slot->symbol >= stubs->elf->dynsym.nr)
		return NULL;
	elf_symbol_get(&stubs->elf->dynsym, slot->symbol, &sym);
	return elf_string(&stubs->elf->dynsym.strings, sym.st_name);
}

/* Grown by one at a time: there are hundreds, not millions. */
static int stub_add(struct stubs *stubs, uint64_t addr, uint64_t size, const char *name)
{
	static const char suffix[] = "@plt";
	size_t len = strlen(name) + sizeof(suffix);
	void *grown;

	if (!(stubs->nr & (stubs->nr - 1))) {
		grown = reallocarray(stubs->syms, stubs->nr ? stubs->nr * 2 : 1,
				     sizeof(*stubs->syms));
		if (!grown)
			return -ENOMEM;
		stubs->syms = grown;
	}
	if (stubs->strings_room - stubs->strings_len < len) {
		stubs->strings_room = stubs->strings_room * 2 + len;
		grown = stubs->strings_room <= UINT32_MAX
				? realloc(stubs->strings, stubs->strings_room)
				: NULL;
		if (!grown)
			return -ENOMEM;
		stubs->strings = grown;
	}
	stubs->syms[stubs->nr++] = (Elf64_Sym){
		.st_name = stubs->strings_len,
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
		.st_shndx = 1,
		.st_value = addr,
		.st_size = size,
	};
	strcpy(stubs->strings + stubs->strings_len, name);
	strcat(stubs->strings + stubs->strings_len, suffix);
	stubs->strings_len += len;
	return 0;
}

/* If the code at `at` jumps through a slot, its address, else 0; *len leads to the next one. */
static uint64_t x86_slot(const uint8_t *code, size_t size, size_t at, uint64_t addr, size_t *len)
{
	struct bsl_insn insn;
	int length = bsl_insn_decode(EM_X86_64, code + at, size - at, addr + at, &insn);

	*len = length > 0 ? length : 1;
	return length > 0 && insn.kind == BSL_INSN_JUMP_INDIRECT && insn.is_relative ? insn.address
										     : 0;
}

/* adrp x16, PAGE; ldr x17, [x16, OFFSET] */
static uint64_t arm64_slot(const uint8_t *code, size_t size, size_t at, uint64_t addr, size_t *len)
{
	struct bsl_insn page, load;

	*len = 4;
	if (bsl_insn_decode(EM_AARCH64, code + at, size - at, addr + at, &page) < 0 ||
	    bsl_insn_decode(EM_AARCH64, code + at + 4, size - at - 4, addr + at + 4, &load) < 0)
		return 0;
	if (page.op != BSL_OP_LEA || page.reg != 16 || load.op != BSL_OP_LOAD || load.reg != 17 ||
	    load.base != 16 || load.size != 8)
		return 0;
	return page.address + load.disp;
}

static int section_scan(struct stubs *stubs, const Elf64_Shdr *shdr)
{
	bool x86 = stubs->elf->ehdr.e_machine == EM_X86_64;
	size_t size, len, stub = shdr->sh_entsize == 8 ? 8 : 16;
	const uint8_t *code = elf_section_data(stubs->elf, shdr, &size);
	int err = 0;

	for (size_t at = 0; code && at < size && !err; at += len) {
		uint64_t slot = x86 ? x86_slot(code, size, at, shdr->sh_addr, &len)
				    : arm64_slot(code, size, at, shdr->sh_addr, &len);
		const char *name = slot ? slot_name(stubs, slot) : NULL;

		if (name && *name)
			err = stub_add(stubs, shdr->sh_addr + at / stub * stub, stub, name);
	}
	return err;
}

int plt_read(struct bsl_elf *elf)
{
	static const char *const names[] = { ".plt", ".plt.sec", ".plt.got" };
	struct stubs stubs = { .elf = elf };
	int err = 0;

	if (!elf->is64 || elf->ehdr.e_type == ET_REL || !elf->dynsym.nr ||
	    (elf->ehdr.e_machine != EM_X86_64 && elf->ehdr.e_machine != EM_AARCH64))
		return 0;
	err = slots_read(&stubs);
	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		const Elf64_Shdr *shdr = elf_section_by_name(elf, names[i]);

		err = shdr ? section_scan(&stubs, shdr) : 0;
	}
	free(stubs.slots);
	if (err || !stubs.nr) {
		free(stubs.syms);
		free(stubs.strings);
		return err;
	}
	elf->plt = (struct elf_symtab){
		.data = (const uint8_t *)stubs.syms,
		.nr = stubs.nr,
		.is64 = true,
		.strings = { stubs.strings, stubs.strings_len },
	};
	return 0;
}
