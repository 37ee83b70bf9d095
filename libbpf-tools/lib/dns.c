/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Name servers' answers, read from a packet socket; see dns.h.
 */
#include "lib/dns.h"

#include <arpa/inet.h>
#include <array_size.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53
#define DNS_HEADER_SIZE 12
#define DNS_TYPE_A 1
#define DNS_TYPE_AAAA 28
#define DNS_CLASS_IN 1
/* Jumps within a compressed name: each goes backwards, but that alone would allow a thousand. */
#define DNS_JUMPS_MAX 32
#define DNS_SETS 2048
#define DNS_WAYS 4

struct dns_entry {
	int family;
	uint8_t address[16];
	uint64_t used; /* number of the answer that set it */
	char *name;
};

struct dns {
	int fd;
	uint64_t answers;
	struct dns_entry entries[DNS_SETS][DNS_WAYS];
};

static size_t dns_address_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

static uint16_t dns_u16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/*
 * A name at *at, which is moved behind it. text, unless NULL, gets it without the last dot. False
 * if it isn't one.
 */
static bool dns_parse_name(const uint8_t *message, size_t len, size_t *at, char *text)
{
	size_t pos = *at, used = 0;
	bool has_jumped = false;
	int jumps = 0;

	while (pos < len && message[pos]) {
		uint8_t label = message[pos];

		if (label >= 0xc0) {
			if (pos + 1 >= len || ++jumps > DNS_JUMPS_MAX)
				return false;
			if (!has_jumped)
				*at = pos + 2;
			has_jumped = true;
			pos = dns_u16(message + pos) & 0x3fff;
			continue;
		}
		if (label > 63 || pos + 1 + label > len || used + label + 1 >= DNS_NAME_SIZE)
			return false;
		if (text && used)
			text[used - 1] = '.';
		if (text)
			memcpy(text + used, message + pos + 1, label);
		used += label + 1;
		pos += label + 1;
	}
	if (pos >= len)
		return false;
	if (text)
		text[used ? used - 1 : 0] = '\0';
	if (!has_jumped)
		*at = pos + 1;
	return true;
}

int dns_parse(const uint8_t *message, size_t len,
	      void (*found)(void *ctx, const char *name, int family, const uint8_t *address),
	      void *ctx)
{
	size_t at = DNS_HEADER_SIZE, size;
	char name[DNS_NAME_SIZE];
	int answers, count = 0;
	uint16_t type, class;

	/* A response (QR) without an error (RCODE) to one question. */
	if (len < DNS_HEADER_SIZE || !(message[2] & 0x80) || (message[3] & 0x0f) ||
	    dns_u16(message + 4) != 1 || !dns_parse_name(message, len, &at, name) || len - at < 4)
		return -EINVAL;
	at += 4;
	for (answers = dns_u16(message + 6); answers; answers--) {
		if (!dns_parse_name(message, len, &at, NULL) || len - at < 10)
			return -EINVAL;
		type = dns_u16(message + at);
		class = dns_u16(message + at + 2);
		size = dns_u16(message + at + 8);
		at += 10;
		if (size > len - at)
			return -EINVAL;
		if (class == DNS_CLASS_IN &&
		    ((type == DNS_TYPE_A && size == 4) || (type == DNS_TYPE_AAAA && size == 16))) {
			found(ctx, name, type == DNS_TYPE_A ? AF_INET : AF_INET6, message + at);
			count++;
		}
		at += size;
	}
	return count;
}

/* FNV-1a */
static struct dns_entry *dns_set(struct dns *dns, int family, const uint8_t *address)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < dns_address_size(family); i++)
		hash = (hash ^ address[i]) * 16777619u;
	return dns->entries[hash % DNS_SETS];
}

static struct dns_entry *dns_find(struct dns_entry *set, int family, const uint8_t *address)
{
	int i;

	for (i = 0; i < DNS_WAYS; i++) {
		if (set[i].name && set[i].family == family &&
		    !memcmp(set[i].address, address, dns_address_size(family)))
			return &set[i];
	}
	return NULL;
}

static void dns_add(void *ctx, const char *name, int family, const uint8_t *address)
{
	struct dns *dns = ctx;
	struct dns_entry *set = dns_set(dns, family, address), *entry;
	char *copy = strdup(name);
	int i;

	if (!copy)
		return;
	entry = dns_find(set, family, address);
	if (!entry) {
		entry = set;
		for (i = 1; i < DNS_WAYS; i++) {
			if (set[i].used < entry->used)
				entry = &set[i];
		}
	}
	free(entry->name);
	entry->name = copy;
	entry->family = family;
	memcpy(entry->address, address, dns_address_size(family));
	entry->used = ++dns->answers;
}

/*
 * Skip the headers, which the socket's filter has looked at: no extension headers, no fragments but
 * the first.
 */
static void dns_take_packet(struct dns *dns, const uint8_t *packet, size_t len)
{
	size_t headers;

	if (!len)
		return;
	headers = packet[0] >> 4 == 4 ? (packet[0] & 0xf) * 4 : 40;
	headers += 8;
	if (len > headers)
		dns_parse(packet + headers, len - headers, dns_add, dns);
}

void dns_collect(struct dns *dns)
{
	uint8_t packet[4096];
	ssize_t len;

	while (dns && (len = recv(dns->fd, packet, sizeof(packet), MSG_DONTWAIT)) >= 0)
		dns_take_packet(dns, packet, len);
}

const char *dns_name(struct dns *dns, int family, const uint8_t *address)
{
	const struct dns_entry *entry;

	dns_collect(dns);
	entry = dns_find(dns_set(dns, family, address), family, address);
	return entry ? entry->name : NULL;
}

/* From the network header on: UDP, the first fragment, source port 53. */
static int dns_set_filter(int fd)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 7),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 11),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 9, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DNS_PORT, 5, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DNS_PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(insns), .filter = insns };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

struct dns *dns_new(void)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct dns *dns = calloc(1, sizeof(*dns));
	int err;

	if (!dns)
		return NULL;
	/* Without a protocol nothing is received before the filter is there. */
	dns->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (dns->fd >= 0 && !dns_set_filter(dns->fd) &&
	    !bind(dns->fd, (struct sockaddr *)&all, sizeof(all)))
		return dns;
	err = errno;
	dns_free(dns);
	errno = err;
	return NULL;
}

void dns_free(struct dns *dns)
{
	int set, way;

	if (!dns)
		return;
	if (dns->fd >= 0)
		close(dns->fd);
	for (set = 0; set < DNS_SETS; set++) {
		for (way = 0; way < DNS_WAYS; way++)
			free(dns->entries[set][way].name);
	}
	free(dns);
}
