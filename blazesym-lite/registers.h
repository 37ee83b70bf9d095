/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Names of machine registers in assembler operands. Internal. */
#ifndef BSL_REGISTERS_H
#define BSL_REGISTERS_H

#include "blazesym-lite.h"

/* What an assembler name stands for. */
struct register_name {
	int reg;       /* numbered as in blazesym-lite.h; BSL_REG_NONE: always zero (xzr, riz) */
	uint8_t size;  /* bytes of it that the name means */
	uint8_t shift; /* bits below these: 8 for %ah */
	bool is_float; /* a floating-point or vector register: reg is meaningless */
};

/* Finds `len` bytes of name, without `%`. False if the machine has no such register. */
bool register_find(int machine, const char *name, size_t len, struct register_name *out);

#endif /* BSL_REGISTERS_H */
