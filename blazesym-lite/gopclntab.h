/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Go's table of functions. Internal to blazesym-lite.
 */
#ifndef BSL_GOPCLNTAB_H
#define BSL_GOPCLNTAB_H

struct bsl_elf;

/*
 * Makes elf->symtab from .gopclntab, if there is one whose text base can be trusted. -ENOENT if not,
 * -EBADMSG, -ENOMEM.
 */
int gopclntab_read(struct bsl_elf *elf);

#endif /* BSL_GOPCLNTAB_H */
