/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What the files of this room share. */
#ifndef RUNTIME_RUNTIME_PRIVATE_H
#define RUNTIME_RUNTIME_PRIVATE_H

#include <elf.h>

#include "runtime/runtime.h"
#include "runtime/runtime_rows.h"

struct bsl_elf;

/*
 * Resolves the rows of a file. fd is its descriptor, which is taken over if that succeeds; display: what people call it. 0; -ENOENT:
 * it is none of the runtimes asked for; or the errors of bsl_elf_open_fd(), -ENOMEM.
 */
int runtime_image_open(int fd, const char *display, unsigned int langs,
		       struct runtime_image **image);

/* A file's code in memory. */
struct runtime_code {
	const uint8_t *bytes;
	uint64_t addr; /* ELF virtual address */
	size_t size;
};

/* All of the segment around an address: 0, or -ENOENT. The bytes are the ELF handle's. */
int runtime_code_around(const struct bsl_elf *elf, uint64_t addr, struct runtime_code *code);

/*
 * Where a function's code at addr, of size bytes, goes on: behind its first jump out of itself. addr if it has none, or its machine
 * (EM_X86_64, EM_AARCH64) is another one.
 */
uint64_t runtime_follow_jump(uint16_t machine, const uint8_t *code, uint64_t addr, size_t size);

#define RUNTIME_HANDLERS_MAX 32

/*
 * Addresses of all that PHP jumps to for an opcode (a ZEND_ number of zend_vm_opcodes.h). Returns how many, -ENOTSUP on
 * machines other than x86_64, -ENOENT if this build's tables aren't where gcc's are.
 */
int runtime_find_php_handlers(struct bsl_elf *elf, unsigned int opcode,
			      uint64_t handlers[RUNTIME_HANDLERS_MAX]);

/*
 * The guards (see runtime_guard.c) of a probe's sites: addresses, at most one a site, of the branches on its semaphore.
 * Returns how many were found; -ENOTSUP on machines other than x86_64, -ENOENT.
 */
int runtime_find_guards(const struct bsl_elf *elf, uint64_t sema_addr, const uint64_t *sites,
			size_t count, uint64_t *guards);
void runtime_image_free(struct runtime_image *image);

#endif /* RUNTIME_RUNTIME_PRIVATE_H */
