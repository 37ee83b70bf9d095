/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What the files of this room share. */
#ifndef RUNTIME_RUNTIME_PRIVATE_H
#define RUNTIME_RUNTIME_PRIVATE_H

#include <elf.h>

#include "runtime/runtime.h"
#include "runtime/runtime_rows.h"

/*
 * Opens a file and resolves its rows. display: what people call it. 0; -ENOENT: it is none of the
 * runtimes asked for; or the errors of bsl_elf_open(), -ENOMEM.
 */
int runtime_image_open(const char *path, const char *display, unsigned int langs,
		       struct runtime_image **image);
void runtime_image_free(struct runtime_image *image);

#endif /* RUNTIME_RUNTIME_PRIVATE_H */
