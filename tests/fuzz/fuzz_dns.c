/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Fuzzes the parser of name servers' answers, lib/dns.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches all that it is given, for the sanitizers to see. */
static void found(void *ctx, const char *name, int family, const uint8_t *address)
{
	unsigned int *sum = ctx;
	size_t i;

	if (strlen(name) >= DNS_NAME_SIZE)
		abort();
	for (i = 0; i < (family == AF_INET ? 4u : 16u); i++)
		*sum += address[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile unsigned int sum = 0;

	dns_parse(data, size, found, (void *)&sum);
	return 0;
}
