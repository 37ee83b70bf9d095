/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Machines: what blazesym-lite itself needs of each, beside struct bsl_machine. Internal to blazesym-lite.
 */
#ifndef BSL_MACHINE_H
#define BSL_MACHINE_H

#include "blazesym-lite.h"

/* What an assembler's name of a register stands for. */
struct machine_register {
	int reg;       /* numbered as in blazesym-lite.h; BSL_REG_NONE: always zero (xzr, riz) */
	uint8_t size;  /* bytes of it that the name means */
	uint8_t shift; /* bits below these: 8 for %ah */
	bool is_float; /* a floating-point or vector register: reg is meaningless */
};

struct machine {
	struct bsl_machine public;
	bool (*find)(const char *name, size_t len, struct machine_register *out);
	const char *triplet;   /* of its library folders */
	int32_t ldcache_flags; /* of an entry of ld.so.cache that its own linker takes */
	/* Relocations of its psABI: a base plus an addend; what fills a slot of the PLT's table. */
	uint32_t r_relative, r_jump_slot, r_glob_dat;
};

/* The row of an EM_* number of elf.h, NULL if there is none. */
const struct machine *machine_get(int elf);

/* Finds `len` bytes of name, without `%`. False if the machine has no such register. */
bool machine_find_register(int elf, const char *name, size_t len, struct machine_register *out);

#endif /* BSL_MACHINE_H */
