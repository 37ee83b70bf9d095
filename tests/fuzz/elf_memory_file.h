/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A fuzzer's bytes as an ELF file that is read as all are, by its descriptor. */
#ifndef FUZZ_ELF_MEMORY_FILE_H
#define FUZZ_ELF_MEMORY_FILE_H

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <blazesym-lite.h>

static inline int elf_memory_file_open(const uint8_t *data, size_t size, struct bsl_elf **elf)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		__builtin_trap();
	return bsl_elf_open_fd(fd, elf);
}

#endif /* FUZZ_ELF_MEMORY_FILE_H */
