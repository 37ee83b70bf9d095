/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The linker's stubs. Internal to blazesym-lite.
 */
#ifndef BSL_PLT_H
#define BSL_PLT_H

struct bsl_elf;

/* Makes elf->plt, which stays empty if there is no stub. -ENOMEM. */
int plt_read(struct bsl_elf *elf);

#endif /* BSL_PLT_H */
