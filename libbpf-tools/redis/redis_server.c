/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Finding servers by their executable, and their clients' addresses and users.
 */
#include "redis/redis_server.h"

#include <arpa/inet.h>
#include <array_size.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <blazesym-lite.h>

#include "lib/choice.h"
#include "lib/log.h"
#include "lib/processes.h"
#include "redis/redis_command.h"
#include "redis/redis_keys.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define CLIENT_CACHE 4096 /* direct-mapped: bounded, whoever connects */
#define PORTS_MAX 64	  /* sockets that listen on one port */

/* ---- processes ------------------------------------------------------------------------------ */

static bool read_comm(pid_t pid, char comm[32])
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, comm, 31);
	close(fd);
	comm[len > 0 ? len : 0] = 0;
	return len > 0;
}

/* Worth a look at its executable? Opening each process's would take long. */
static bool is_likely_server(pid_t pid)
{
	static const char *const parts[] = { "redis", "valkey", "redict", "keydb" };
	char comm[32], link[64], path[PATH_MAX];
	const char *base;
	ssize_t len;

	if (!read_comm(pid, comm))
		return false;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, path, sizeof(path) - 1);
	/* A kernel thread; one that may not be looked at is recognised by its name alone. */
	if (len <= 0 && processes_may_look(pid))
		return false;
	path[len > 0 ? len : 0] = 0;
	base = strrchr(path, '/') ?: path;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strstr(comm, parts[i]) || strstr(base, parts[i]))
			return true;
	}
	return false;
}

/* The sockets that listen on a port in the process's network, by inode. */
static size_t find_listeners(pid_t pid, uint16_t port, uint64_t *inodes, size_t max)
{
	static const char *const files[] = { "tcp", "tcp6" };
	char path[64], line[512];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, files[i]);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file)) {
			unsigned int local, state;
			unsigned long long inode;

			/* proc_net_tcp: sl local remote st tx:rx tr:tm retrnsmt uid timeout inode */
			if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %llu",
				   &local, &state, &inode) == 3 &&
			    local == port && state == 0x0a && count < max)
				inodes[count++] = inode;
		}
		if (file)
			fclose(file);
	}
	return count;
}

static bool is_listening(pid_t pid, uint16_t port)
{
	uint64_t inodes[PORTS_MAX];
	size_t count = find_listeners(pid, port, inodes, PORTS_MAX);
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = count ? opendir(path) : NULL;
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		unsigned long long inode;

		target[len > 0 ? len : 0] = 0;
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < count; i++)
			found |= inodes[i] == inode;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int read_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)(uintptr_t)address, size };
	ssize_t len = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return len < 0 ? -errno : (size_t)len == size ? 0 : -EFAULT;
}

/* A C string that may be shorter than what there is room for, and lie at the end of the memory. */
static void read_string(pid_t pid, uint64_t address, char *to, size_t size)
{
	size_t first = 4096 - address % 4096;

	memset(to, 0, size);
	if (first > size - 1)
		first = size - 1;
	if (read_memory(pid, address, to, first))
		to[0] = 0;
	else if (strnlen(to, first) == first && first < size - 1 &&
		 read_memory(pid, address + first, to + first, size - 1 - first))
		to[first] = 0;
}

/* ---- executables ---------------------------------------------------------------------------- */

/* Is it one of servers, and can be traced? pid: whose it is, by /proc/PID/exe; 0: path is its own. */
static bool decode_exe(struct redis_exe *exe, struct bsl_elf *elf, pid_t pid, const char *path,
		       const struct redis_servers_opts *opts)
{
	char why[200], name[PATH_MAX];
	ssize_t len = pid ? readlink(path, name, sizeof(name) - 1) : 0;
	int err;

	name[len < 0 ? 0 : len] = '\0';
	err = redis_layout_decode(elf, pid, pid ? name : path, &exe->layout, &exe->places, why,
				  sizeof(why));
	if (err == -ENOTSUP)
		log_warn("%s: %s", path, why);
	else if (err)
		log_info("%s is left out: %s", path, why);
	else
		log_info("%s: struct client has argc at %#x, argv %#x, conn %#x, db %#x, name %#x, "
			 "cmd %#x, by its %s",
			 path, exe->layout.argc, exe->layout.argv, exe->layout.conn, exe->layout.db,
			 exe->layout.name, exe->layout.cmd,
			 exe->places.by_dwarf ? "debugging information" : "instructions");
	return !err && opts->found_exe(opts->ctx, exe, elf, path) >= 0;
}

static struct redis_exe *known_exe(const struct redis_servers *servers, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < servers->exe_count; i++)
		if (servers->exes[i]->dev == dev && servers->exes[i]->ino == ino)
			return servers->exes[i];
	return NULL;
}

static struct redis_exe *add_exe(struct redis_servers *servers, struct bsl_elf *elf)
{
	struct redis_exe *exe;
	void *grown;

	grown = realloc(servers->exes, (servers->exe_count + 1) * sizeof(*servers->exes));
	if (!grown)
		return NULL;
	servers->exes = grown;
	exe = calloc(1, sizeof(*exe));
	if (!exe)
		return NULL;
	exe->dev = bsl_elf_dev(elf);
	exe->ino = bsl_elf_ino(elf);
	exe->number = servers->exe_count;
	servers->exes[servers->exe_count++] = exe;
	return exe;
}

/* pid: whose executable the path is, or 0. 0, and *exe, which is NULL if that is no program; or -ENOMEM. */
static int find_exe(struct redis_servers *servers, pid_t pid, const char *path,
		    const struct redis_servers_opts *opts, struct redis_exe **exe)
{
	struct bsl_elf *elf;
	struct stat st;
	int err;

	/* Mostly it is known already. */
	*exe = stat(path, &st) ? NULL : known_exe(servers, st.st_dev, st.st_ino);
	if (*exe)
		return 0;
	err = bsl_elf_open(path, &elf);
	if (err) {
		if (err != -ENOENT)
			log_info("%s is left out: %s", path, bsl_error_text(err));
		return err == -ENOMEM ? err : 0;
	}
	*exe = known_exe(servers, bsl_elf_dev(elf), bsl_elf_ino(elf));
	if (!*exe) {
		*exe = add_exe(servers, elf);
		if (*exe)
			(*exe)->is_server = decode_exe(*exe, elf, pid, path, opts);
	}
	bsl_elf_close(elf);
	return *exe ? 0 : -ENOMEM;
}

int redis_servers_learn(struct redis_servers *servers, const char *path,
			const struct redis_servers_opts *opts)
{
	struct redis_exe *exe;

	return find_exe(servers, 0, path, opts, &exe);
}

/* ---- servers -------------------------------------------------------------------------------- */

static void free_server(struct redis_server *server)
{
	if (server->pidfd >= 0)
		close(server->pidfd);
	free(server->peers);
	free(server->named);
	free(server);
}

static int add_server(struct redis_servers *servers, pid_t pid, struct redis_exe *exe,
		      const struct redis_servers_opts *opts)
{
	struct redis_server *server;
	void *grown;

	if (!exe || !exe->is_server)
		return 0;
	grown = realloc(servers->servers, (servers->count + 1) * sizeof(*servers->servers));
	if (!grown)
		return -ENOMEM;
	servers->servers = grown;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->pid = pid;
	server->pidfd = syscall(SYS_pidfd_open, pid, 0);
	server->exe = exe;
	server->is_seen = true;
	if (opts->found(opts->ctx, server) < 0) {
		free_server(server);
		return 0;
	}
	servers->servers[servers->count++] = server;
	return 0;
}

struct redis_server *redis_servers_find(struct redis_servers *servers, pid_t pid)
{
	for (size_t i = 0; i < servers->count; i++) {
		if (servers->servers[i]->pid == pid)
			return servers->servers[i];
	}
	return NULL;
}

/* 0, 1: it may be a server, but doesn't listen on the port wanted, or negative errno. */
static int look_at(struct redis_servers *servers, pid_t pid, const struct redis_servers_opts *opts)
{
	struct redis_server *server = redis_servers_find(servers, pid);
	struct redis_exe *exe;
	char path[64];
	int err;

	if (server) {
		server->is_seen = true;
		return 0;
	}
	if (!choice_allows_pid(opts->choice, pid))
		return 0;
	if (!choice_pid_count(opts->choice) && !is_likely_server(pid))
		return 0;
	if (!processes_may_look(pid)) {
		servers->hidden++;
		return 0;
	}
	if (opts->port && !is_listening(pid, opts->port))
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	err = find_exe(servers, pid, path, opts, &exe);
	return err ?: add_server(servers, pid, exe, opts);
}

int redis_servers_adopt(struct redis_servers *servers, pid_t pid, uint32_t exe,
			const struct redis_servers_opts *opts)
{
	return exe < servers->exe_count ? add_server(servers, pid, servers->exes[exe], opts) : 0;
}

static void drop_server(struct redis_servers *servers, size_t i,
			const struct redis_servers_opts *opts)
{
	struct redis_server **at = &servers->servers[i];

	opts->gone(opts->ctx, *at);
	free_server(*at);
	memmove(at, at + 1, (--servers->count - i) * sizeof(*at));
}

int redis_servers_look_at(struct redis_servers *servers, pid_t pid,
			  const struct redis_servers_opts *opts)
{
	/* What it was is gone, with all its clients. */
	for (size_t i = servers->count; i-- > 0;) {
		if (servers->servers[i]->pid == pid)
			drop_server(servers, i, opts);
	}
	return look_at(servers, pid, opts);
}

/* Missed once isn't enough: records of its last commands may not have been looked at yet. */
static void drop_missed(struct redis_servers *servers, const struct redis_servers_opts *opts)
{
	for (size_t i = servers->count; i-- > 0;) {
		struct redis_server *server = servers->servers[i];

		server->missed = server->is_seen ? 0 : server->missed + 1;
		if (server->missed == 2)
			drop_server(servers, i, opts);
	}
}

int redis_servers_scan(struct redis_servers *servers, const struct redis_servers_opts *opts)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	servers->hidden = 0;
	for (size_t i = 0; i < servers->count; i++)
		servers->servers[i]->is_seen = false;
	while (err >= 0 && (entry = readdir(dir))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			err = look_at(servers, pid, opts);
	}
	closedir(dir);
	drop_missed(servers, opts);
	return err < 0 ? err : 0;
}

void redis_servers_free(struct redis_servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		free_server(servers->servers[i]);
	for (size_t i = 0; i < servers->exe_count; i++)
		free(servers->exes[i]);
	free(servers->servers);
	free(servers->exes);
	free(servers->clients);
	*servers = (struct redis_servers){};
}

/* ---- commands ------------------------------------------------------------------------------- */

/* Where a command is, or would be, by address. */
static size_t named_place(const struct redis_server *server, uint64_t cmd)
{
	size_t from = 0, to = server->named_count;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (server->named[middle].cmd < cmd)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct redis_named *named_find(const struct redis_server *server, uint64_t cmd)
{
	size_t at = named_place(server, cmd);

	return at < server->named_count && server->named[at].cmd == cmd ? &server->named[at] : NULL;
}

static struct redis_named *named_add(struct redis_server *server, uint64_t cmd)
{
	size_t at = named_place(server, cmd), count = server->named_count;
	struct redis_named *grown;

	grown = realloc(server->named, (count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	memmove(grown + at + 1, grown + at, (count - at) * sizeof(*grown));
	server->named = grown;
	server->named_count++;
	grown[at].cmd = cmd;
	return &grown[at];
}

int redis_server_note_command(struct redis_server *server, const void *data, size_t size)
{
	const struct redis_event *event = data;
	struct redis_command command;
	struct redis_named *named;
	uint32_t len;

	/* It is the first item, or there is none. */
	if (!event->cmd || !event->items || size < sizeof(*event) + sizeof(struct redis_item) ||
	    ((const struct redis_item *)(event + 1))->type != REDIS_ITEM_REAL ||
	    redis_command_parse(&command, data, size) || !command.real.data)
		return 0;
	named = named_find(server, event->cmd) ?: named_add(server, event->cmd);
	if (!named)
		return -ENOMEM;
	len = command.real.kept < REDIS_NAME_SIZE ? command.real.kept : REDIS_NAME_SIZE - 1;
	memcpy(named->name, command.real.data, len);
	named->name[len] = 0;
	named->keys = redis_keys_find(named->name, len);
	return 0;
}

const struct redis_named *redis_server_command(const struct redis_server *server, uint64_t cmd)
{
	return cmd ? named_find(server, cmd) : NULL;
}

/* ---- clients -------------------------------------------------------------------------------- */

static void format_address(const struct sockaddr_storage *storage, char *text)
{
	const struct sockaddr_in6 *in6 = (const void *)storage;
	const struct sockaddr_in *in = (const void *)storage;
	char host[INET6_ADDRSTRLEN];

	if (storage->ss_family == AF_INET)
		snprintf(text, REDIS_ADDRESS_SIZE, "%s:%u",
			 inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
			 ntohs(in->sin_port));
	else if (storage->ss_family == AF_INET6)
		snprintf(text, REDIS_ADDRESS_SIZE, "[%s]:%u",
			 inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)),
			 ntohs(in6->sin6_port));
	else if (storage->ss_family == AF_UNIX)
		snprintf(text, REDIS_ADDRESS_SIZE, "unix");
}

/*
 * Ask the socket itself, by a copy of the server's descriptor that lives for an instant: works
 * whatever the network namespace and the protocol above TCP.
 */
static void read_address(struct redis_server *server, int fd, char *text)
{
	struct sockaddr_storage storage = {};
	socklen_t len = sizeof(storage);
	int copy;

	snprintf(text, REDIS_ADDRESS_SIZE, "?");
	if (fd >= 0 && (size_t)fd < server->peer_count && server->peers[fd][0]) {
		snprintf(text, REDIS_ADDRESS_SIZE, "%s", server->peers[fd]);
		server->peers[fd][0] = 0; /* a connection has one client */
		return;
	}
	if (fd < 0 || server->pidfd < 0)
		return;
	copy = syscall(SYS_pidfd_getfd, server->pidfd, fd, 0);
	if (copy < 0)
		return;
	if (!getpeername(copy, (struct sockaddr *)&storage, &len))
		format_address(&storage, text);
	close(copy);
}

/* The first member of a user is its name, an sds, which ends with a NUL. ACLs allow no blanks in it. */
static void read_user(const struct redis_server *server, struct redis_client *client)
{
	uint64_t name;

	client->user[0] = 0;
	if (!client->user_address ||
	    read_memory(server->pid, client->user_address, &name, sizeof(name)))
		return;
	read_string(server->pid, name, client->user, sizeof(client->user));
	for (const char *at = client->user; *at; at++) {
		if (isspace((unsigned char)*at) || iscntrl((unsigned char)*at)) {
			client->user[0] = 0; /* it isn't there any more */
			return;
		}
	}
}

static struct redis_client *client_slot(struct redis_servers *servers, pid_t pid, uint64_t id)
{
	if (!servers->clients)
		servers->clients = calloc(CLIENT_CACHE, sizeof(*servers->clients));
	if (!servers->clients)
		return NULL;
	return &servers->clients[(id * 31 + pid) % CLIENT_CACHE];
}

const struct redis_client *redis_servers_client(struct redis_servers *servers,
						struct redis_server *server, uint64_t id, int fd,
						uint64_t user)
{
	static const struct redis_client unknown = { .address = "?" };
	struct redis_client *client = client_slot(servers, server->pid, id);

	if (!client || !id)
		return &unknown;
	if (client->pid != server->pid || client->id != id) {
		*client = (struct redis_client){ .pid = server->pid, .id = id };
		read_address(server, fd, client->address);
	}
	if (client->user_address != user) {
		client->user_address = user;
		read_user(server, client);
	}
	return client;
}

/* More than any server is allowed to have. */
#define DESCRIPTORS_MAX (1 << 20)

static int note_address(struct redis_server *server, int fd, const char *address)
{
	size_t count = server->peer_count ? server->peer_count : 64;
	void *grown;

	if (fd < 0 || fd >= DESCRIPTORS_MAX)
		return 0;
	while (count <= (size_t)fd)
		count *= 2;
	if (count > server->peer_count) {
		grown = realloc(server->peers, count * sizeof(*server->peers));
		if (!grown)
			return -ENOMEM;
		server->peers = grown;
		memset(server->peers + server->peer_count, 0,
		       (count - server->peer_count) * sizeof(*server->peers));
		server->peer_count = count;
	}
	snprintf(server->peers[fd], sizeof(*server->peers), "%s", address);
	return 0;
}

int redis_server_note_connection(struct redis_server *server, const void *data, size_t size)
{
	struct redis_command command;
	const struct redis_arg *host = &command.args[0], *port = &command.args[1];
	char text[REDIS_ADDRESS_SIZE] = "unix";
	int len;

	if (redis_command_parse(&command, data, size))
		return -EINVAL;
	len = command.count == 2 ? strnlen(host->data, host->kept) : 0;
	if (command.count == 2 && !len)
		text[0] = 0; /* it could not be read: the socket is asked, then */
	else if (command.count == 2 && memchr(host->data, ':', len))
		snprintf(text, sizeof(text), "[%.*s]:%.5s", len, host->data, port->data);
	else if (command.count == 2)
		snprintf(text, sizeof(text), "%.*s:%.5s", len, host->data, port->data);
	return note_address(server, command.event->fd, text);
}
