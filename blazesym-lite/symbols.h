/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names of symbols. Internal to blazesym-lite.
 */
#ifndef BSL_SYMBOLS_H
#define BSL_SYMBOLS_H

#include <stdbool.h>

#define SYMBOLS_WORD_SIZE 64

/*
 * Mangling keeps identifiers as they are: the last one of a name, which its mangled form holds, too. "" if that can't be said, as of
 * operators and patterns.
 */
void symbols_last_word(const char *name, char word[static SYMBOLS_WORD_SIZE]);

/* True if a name is what bsl_elf_find_symbols() would take for `wanted` with these flags. */
bool symbols_match_name(const char *wanted, unsigned int flags, const char *name);

#endif /* BSL_SYMBOLS_H */
