/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names of addresses, learnt from name servers' answers as they pass this network namespace (UDP,
 * source port 53, on any interface, the loopback one included). So they are found for every kind of
 * resolver, in any language, and no probe is put into any process. Unseen: answers over TCP, TLS
 * and HTTPS, /etc/hosts, caches within programs.
 */
#ifndef LIB_DNS_H
#define LIB_DNS_H

#include <stddef.h>
#include <stdint.h>

struct dns;

/* Start watching. NULL and errno: EPERM (needs CAP_NET_RAW). */
struct dns *dns_new(void);
void dns_free(struct dns *dns);

/* Take in the answers that have come. Never blocks. NULL is fine. */
void dns_collect(struct dns *dns);
/*
 * The name last asked for whose answer had this address (AF_INET: 4 bytes, AF_INET6: 16), after
 * collecting; NULL if none was seen. It is borrowed until the next call, and any bytes may be in
 * it.
 */
const char *dns_name(struct dns *dns, int family, const uint8_t *address);

/* The longest name as text, with its NUL: RFC 1035, 2.3.4. */
#define DNS_NAME_SIZE 256

/*
 * Parse a message (RFC 1035, 4.1), which may be any bytes: found() is called for each address in an
 * answer, with the question's name. How many there were, or -EINVAL.
 */
int dns_parse(const uint8_t *message, size_t len,
	      void (*found)(void *ctx, const char *name, int family, const uint8_t *address),
	      void *ctx);

#endif /* LIB_DNS_H */
