/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Lists that lock their user out; see lockout.h.
 */
#include "net/lockout.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/processes.h"

/* Parents looked at for the variable of sshd(8), which sudo(8) and daemons drop. */
#define PARENTS_MAX 64

struct lockout {
	const struct prefix_list *list;
	char *why;
	size_t why_size;
};

/* who: "the SSH client". */
static bool lockout_blocks(const struct lockout *lockout, int family, const void *address,
			   const char *who)
{
	const struct prefix *prefix = prefix_list_find(lockout->list, family, address);
	char text[INET6_ADDRSTRLEN];

	if (!prefix || !prefix->is_blocked)
		return false;
	inet_ntop(family, address, text, sizeof(text));
	snprintf(lockout->why, lockout->why_size, "%s would lock out %s, %s",
		 prefix_format(prefix, (char[PREFIX_TEXT_MAX]){}), who, text);
	return true;
}

static bool lockout_of_everything(const struct lockout *lockout)
{
	for (size_t i = 0; i < lockout->list->count; i++) {
		const struct prefix *prefix = &lockout->list->prefixes[i];

		if (!prefix->bits && prefix->is_blocked) {
			snprintf(lockout->why, lockout->why_size, "%s would block everything",
				 prefix_format(prefix, (char[PREFIX_TEXT_MAX]){}));
			return true;
		}
	}
	return false;
}

/* value: "CLIENT PORT SERVER PORT" of SSH_CONNECTION. A link's own address has its interface behind a %. */
static bool lockout_of_ssh_client(const struct lockout *lockout, const char *value)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	int family;

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(value, " %"), value);
	family = strchr(address, ':') ? AF_INET6 : AF_INET;
	return inet_pton(family, address, &binary) == 1 &&
	       lockout_blocks(lockout, family, &binary,
			      "the SSH client that this session came from");
}

static bool lockout_of_process_client(const struct lockout *lockout, int pid)
{
	static const char name[] = "SSH_CONNECTION=";
	char path[64], *variable = NULL;
	bool found = false;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	while (file && !found && getdelim(&variable, &room, '\0', file) > 0)
		found = !strncmp(variable, name, strlen(name)) &&
			lockout_of_ssh_client(lockout, variable + strlen(name));
	free(variable);
	if (file)
		fclose(file);
	return found;
}

static bool lockout_of_clients(const struct lockout *lockout)
{
	int pid = getpid();

	for (int i = 0; i < PARENTS_MAX && pid > 0; i++) {
		if (lockout_of_process_client(lockout, pid))
			return true;
		pid = (int)processes_status(pid, "PPid:");
	}
	return false;
}

static const char a_gateway[] = "the default gateway";

/* net/ipv4/fib_trie.c, fib_route_seq_show(): numbers as they are in memory. */
static bool lockout_of_gateway4(const struct lockout *lockout)
{
	FILE *file = fopen("/proc/net/route", "re");
	unsigned int destination, gateway, mask;
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %x %x %*x %*d %*u %*d %x", &destination, &gateway,
			       &mask) == 3 &&
			!destination && !mask && gateway &&
			lockout_blocks(lockout, AF_INET, &gateway, a_gateway);
	if (file)
		fclose(file);
	return found;
}

/* 32 digits. */
static bool lockout_read_hex(const char *text, uint8_t address[16])
{
	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		address[i] = (uint8_t)byte;
	}
	return true;
}

/* net/ipv6/route.c, rt6_info_route(): destination, length, source, length, gateway. */
static bool lockout_of_gateway6(const struct lockout *lockout)
{
	FILE *file = fopen("/proc/net/ipv6_route", "re");
	static const uint8_t none[16];
	char line[256], text[33];
	uint8_t gateway[16];
	unsigned int bits;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*32s %x %*32s %*x %32s", &bits, text) == 2 && !bits &&
			strlen(text) == 32 && lockout_read_hex(text, gateway) &&
			memcmp(gateway, none, sizeof(none)) &&
			lockout_blocks(lockout, AF_INET6, gateway, a_gateway);
	if (file)
		fclose(file);
	return found;
}

static bool lockout_of_ourselves(const struct lockout *lockout)
{
	struct ifaddrs *addresses = NULL, *next;
	bool found = false;

	if (getifaddrs(&addresses))
		return false;
	for (next = addresses; next && !found; next = next->ifa_next) {
		int family = next->ifa_addr ? next->ifa_addr->sa_family : AF_UNSPEC;
		char who[IF_NAMESIZE + 32];

		snprintf(who, sizeof(who), "this machine's own address on %s", next->ifa_name);
		if (family == AF_INET)
			found = lockout_blocks(lockout, family,
					       &((struct sockaddr_in *)next->ifa_addr)->sin_addr,
					       who);
		else if (family == AF_INET6)
			found = lockout_blocks(lockout, family,
					       &((struct sockaddr_in6 *)next->ifa_addr)->sin6_addr,
					       who);
	}
	freeifaddrs(addresses);
	return found;
}

bool lockout_threatens(const struct prefix_list *list, char *why, size_t why_size)
{
	const struct lockout lockout = { list, why, why_size };

	return lockout_of_everything(&lockout) || lockout_of_clients(&lockout) ||
	       lockout_of_gateway4(&lockout) || lockout_of_gateway6(&lockout) ||
	       lockout_of_ourselves(&lockout);
}
