/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* How library files are named; the cache itself is public, see blazesym-lite.h. Internal. */
#ifndef BSL_LDCACHE_H
#define BSL_LDCACHE_H

#include "blazesym-lite.h"

/* True for a file name lib<name>.so, lib<name>.so.*, lib<name>-<version>.so, or `name` itself. */
bool ldcache_name_match(const char *file, const char *name);

#endif /* BSL_LDCACHE_H */
