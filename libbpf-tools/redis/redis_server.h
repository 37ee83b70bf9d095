/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The Redis-like servers of this machine, containers included: found, told apart by executable, and
 * asked (without speaking to them) about their clients.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "redis/redis_layout.h"

#define REDIS_ADDRESS_SIZE 56 /* of "[IPv6]:port" */

/* An executable file that one or several servers run. */
struct bsl_elf;

struct redis_exe {
	dev_t dev;
	ino_t ino;
	struct redis_layout layout;
	struct redis_places places;
	uint32_t number; /* counted from 0 */
	bool is_server; /* false: looked at, and it isn't one, or can't be traced; the reason has been reported */
};

enum redis_trust { REDIS_UNPROVEN, REDIS_TRUSTED, REDIS_DISTRUSTED };

struct redis_server {
	pid_t pid;
	int pidfd; /* -1 where the kernel has none (before 5.3) */
	const struct redis_exe *exe;
	enum redis_trust trust;
	unsigned int implausible; /* records that were, before a good one came */
	uint32_t slot;		  /* the kernel side's */
	bool is_seen;
	unsigned int missed;		   /* scans that haven't seen it */
	char (*peers)[REDIS_ADDRESS_SIZE]; /* by descriptor, of connections seen being made */
	size_t peer_count;
	struct redis_named *named; /* commands by their address */
	size_t named_count;
	uint64_t executing[REDIS_DEPTH_MAX]; /* sequences of what it executed as the run ended */
	bool has_ended;
};

struct redis_servers {
	struct redis_exe **exes;
	struct redis_server **servers;
	size_t exe_count, count;
	size_t hidden; /* processes of such names that may not be looked at, as of the last scan */
	struct redis_client *clients; /* a cache */
};

/* Which ones. */
struct redis_servers_opts {
	const struct choice *choice; /* which processes may be servers */
	uint16_t port;		     /* that listen on this TCP port; 0: any */
	/* An executable of servers has been found: this file, which messages call path. <0: leave it out. */
	int (*found_exe)(void *ctx, struct redis_exe *exe, const struct bsl_elf *elf,
			 const char *path);
	/* A server has been found. <0: leave it out. */
	int (*found)(void *ctx, struct redis_server *server);
	void (*gone)(void *ctx, struct redis_server *server);
	void *ctx;
};

/* Look for servers that have started or ended since the last call. 0 or negative errno. */
int redis_servers_scan(struct redis_servers *servers, const struct redis_servers_opts *opts);
/*
 * A process has begun, or become another program: is it a server? 0, 1 if it may become one of those
 * wanted as it doesn't listen on opts->port yet, or negative errno.
 */
int redis_servers_look_at(struct redis_servers *servers, pid_t pid,
			  const struct redis_servers_opts *opts);
/* If that is an executable of servers, find it before any of them does. 0 or negative errno. */
int redis_servers_learn(struct redis_servers *servers, const char *path,
			const struct redis_servers_opts *opts);
/* This process runs, or ran, the executable with that number, and is wanted. 0 or negative errno. */
int redis_servers_adopt(struct redis_servers *servers, pid_t pid, uint32_t exe,
			const struct redis_servers_opts *opts);
struct redis_server *redis_servers_find(struct redis_servers *servers, pid_t pid);
void redis_servers_free(struct redis_servers *servers);

/* A command of a server, by the address of its struct there, and its name: "config|set". */
struct redis_named {
	uint64_t cmd;
	char name[REDIS_NAME_SIZE];
	const struct redis_key_rules *keys; /* NULL: not known */
};

/* Note the name that a record has for its command, if it has one. 0 or -ENOMEM. */
int redis_server_note_command(struct redis_server *server, const void *data, size_t size);
/* NULL: not known. */
const struct redis_named *redis_server_command(const struct redis_server *server, uint64_t cmd);

/* A client as it was when first seen. */
struct redis_client {
	pid_t pid;
	uint64_t id;
	char address[REDIS_ADDRESS_SIZE]; /* "127.0.0.1:4711", "[::1]:4711", "unix", "?" */
	uint64_t user_address;
	char user[64]; /* of the ACL; "": not known */
};

/*
 * Who a client is, by its number, descriptor in the server (-1: none) and its user's address (0: not
 * known). Valid until the next call.
 */
const struct redis_client *redis_servers_client(struct redis_servers *servers,
						struct redis_server *server, uint64_t id, int fd,
						uint64_t user);

/*
 * A server has accepted a connection: a record of kind REDIS_ACCEPTED, for the next new client on its
 * descriptor. 0, -EINVAL or -ENOMEM.
 */
int redis_server_note_connection(struct redis_server *server, const void *data, size_t size);

#endif /* REDIS_SERVER_H */
