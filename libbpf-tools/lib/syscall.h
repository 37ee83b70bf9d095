/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names of system calls, by the numbers of the machine that the tools were compiled for.
 */
#ifndef LIB_SYSCALL_H
#define LIB_SYSCALL_H

#include <stdbool.h>
#include <stdint.h>

/* "openat". is_32bit: the number is one of 32-bit programs. NULL: a newer one, or of a machine whose headers aren't known. */
const char *syscall_name(uint32_t number, bool is_32bit);

#endif /* LIB_SYSCALL_H */
