/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names of symbols. Internal to blazesym-lite.
 */
#ifndef BSL_SYMBOLS_H
#define BSL_SYMBOLS_H

#include <stdbool.h>

/* True if a name is what bsl_elf_find_symbols() would take for `wanted` with these flags. */
bool symbols_match_name(const char *wanted, unsigned int flags, const char *name);

#endif /* BSL_SYMBOLS_H */
