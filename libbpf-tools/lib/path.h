/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Paths that bpf/path.bpf.h found by walking up: the offsets that it needs, and its components put together.
 */
#ifndef LIB_PATH_H
#define LIB_PATH_H

#include <linux/types.h>
#include <stdint.h>

#include "bpf/path_config.h"

/* config is &skel->rodata->path_config. 0, or negative errno after the cause has been reported. */
int path_find_config(struct path_config *config);

/* Room for all components, and for "..." in front of them. */
#define PATH_JOINED_SIZE (PATH_WALKED_SIZE + 8)

/*
 * "/home/me" of "me\0home\0", len bytes; "memfd:x" with PATH_PSEUDO; "...me" with PATH_CUT. A place in buffer. NULL if
 * len is the negative errno of reading a component.
 */
const char *path_join(const char *components, int32_t len, uint32_t flags,
		      char buffer[PATH_JOINED_SIZE]);

#endif /* LIB_PATH_H */
