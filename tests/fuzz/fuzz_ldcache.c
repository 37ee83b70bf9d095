/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as /etc/ld.so.cache. */
#include <elf.h>
#include <stdint.h>
#include <string.h>

#include <blazesym-lite.h>

static int path_read(const char *path, void *ctx)
{
	*(size_t *)ctx += strlen(path);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sum = 0;

	bsl_ldcache_find(data, size, "c", EM_X86_64, path_read, &sum);
	bsl_ldcache_find(data, size, "foo", EM_386, path_read, &sum);
	return 0;
}
