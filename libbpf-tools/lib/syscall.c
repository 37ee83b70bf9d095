/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names of system calls, from tables that the Makefile makes of the compiler's headers; see syscall.h.
 */
#include "lib/syscall.h"

#include <array_size.h>
#include <asm/unistd.h>
#include <stddef.h>

static const char *const names[] = {
#include "syscall_names.h"
};

static const char *const names_32bit[] = {
#include "syscall_names_32bit.h"
};

const char *syscall_name(uint32_t number, bool is_32bit)
{
	size_t count = is_32bit ? ARRAY_SIZE(names_32bit) : ARRAY_SIZE(names);

	if (number >= count)
		return NULL;
	return is_32bit ? names_32bit[number] : names[number];
}
