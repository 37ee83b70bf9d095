/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* One decoder per machine, behind bsl_insn_decode(). Internal. */
#ifndef BSL_INSN_H
#define BSL_INSN_H

#include "blazesym-lite.h"

/* As bsl_insn_decode(); *insn has been emptied. */
int insn_x86_decode(const uint8_t *code, size_t size, uint64_t addr, struct bsl_insn *insn);
int insn_arm64_decode(const uint8_t *code, size_t size, uint64_t addr, struct bsl_insn *insn);

/* Does the word at code[0] load or store exclusively (ldxr, stlxr and so on)? */
bool insn_arm64_is_exclusive(const uint8_t *code, bool *is_load);

/* Does an instruction of `size` bytes do nothing, as compilers fill gaps: nop, nopw, int3? */
bool insn_is_padding(int machine, const uint8_t *code, size_t size);

/* Does it compute with the elements of a vector, as loops do of which several rounds were made one? */
bool insn_is_packed(int machine, const uint8_t *code, size_t size);

#endif /* BSL_INSN_H */
