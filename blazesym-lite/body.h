/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* The instructions of one function. Internal to blazesym-lite. */
#ifndef BSL_BODY_H
#define BSL_BODY_H

#include "blazesym-lite.h"

struct body {
	int machine;
	uint64_t addr, size;
	const uint8_t *code;
	uint8_t *starts; /* a bit per byte: an instruction is proved to begin there */
	bool is_whole; /* all of its bytes are instructions; else starts holds what its entry leads to */
};

/*
 * Decodes a function. The handle keeps the last one, until it is asked for another. -ENOENT if its bytes aren't in the file,
 * -ENOTSUP for other machines, -ENOMEM.
 */
int body_get(struct bsl_elf *elf, uint64_t addr, uint64_t size, const struct body **body);

/* Does an instruction of the body begin at the address? */
bool body_has_start(const struct body *body, uint64_t addr);

/* Decodes the instruction at an address in the body: false if there is none. */
bool body_decode(const struct body *body, uint64_t addr, struct bsl_insn *insn);

/* Calls fn with each instruction in order, until it returns something else than 0, which is returned. */
int body_each(const struct body *body,
	      int (*fn)(const struct bsl_insn *insn, uint64_t addr, void *ctx), void *ctx);

#endif /* BSL_BODY_H */
