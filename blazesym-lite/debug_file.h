/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Symbols from elsewhere than .symtab. Internal to blazesym-lite.
 */
#ifndef BSL_DEBUG_FILE_H
#define BSL_DEBUG_FILE_H

struct bsl_elf;

/* For want of a .symtab, looks for other tables in the file. Never fails. */
void debug_file_prepare(struct bsl_elf *elf);

#endif /* BSL_DEBUG_FILE_H */
