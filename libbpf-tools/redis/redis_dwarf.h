/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The layout of a server's structures by its debugging information: for builds whose instructions
 * aren't as redis_layout.c expects them, such as unoptimised ones.
 */
#ifndef REDIS_DWARF_H
#define REDIS_DWARF_H

#include <linux/types.h>
#include <sys/types.h>

#include "redis/redis_event.h"

struct bsl_elf;

/*
 * Fill in those members of the layout that are REDIS_NO_FIELD, as far as they are found in the DWARF of an ELF file, or of
 * its separate debug file: path is its own name, in the world of process pid (0: ours). 0, or negative errno: -ENODATA,
 * there is none; -ENOENT, it knows no struct client.
 */
int redis_dwarf_complete(struct bsl_elf *elf, pid_t pid, const char *path,
			 struct redis_layout *layout);

#endif /* REDIS_DWARF_H */
