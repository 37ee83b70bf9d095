/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* The header of an ELF file around a fuzzer's bytes; section 1 has the names of the sections. */
#ifndef FUZZ_ELF_IMAGE_H
#define FUZZ_ELF_IMAGE_H

#include <elf.h>
#include <stddef.h>

/* `file` starts with ehdr and has arrays phdrs and shdrs. */
#define ELF_IMAGE_HEADER(file, nr_phdrs, nr_shdrs)                                              \
	{                                                                                       \
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB }, .e_type = ET_EXEC, \
		.e_machine = EM_X86_64, .e_phoff = offsetof(file, phdrs), .e_phnum = nr_phdrs,  \
		.e_phentsize = sizeof(Elf64_Phdr), .e_shoff = offsetof(file, shdrs),            \
		.e_shnum = nr_shdrs, .e_shentsize = sizeof(Elf64_Shdr), .e_shstrndx = 1,        \
	}

#endif /* FUZZ_ELF_IMAGE_H */
