/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading a server's memory, by the layout that user space has found: clients, string objects,
 * command names. Each read costs some 20 ns at every command, hence the few and large ones.
 */
#ifndef REDIS_READ_BPF_H
#define REDIS_READ_BPF_H

#define EFAULT 14
#define ENOENT 2

/* Redis's and its descendants' src/server.h */
#define OBJECT_STRING 0
#define OBJECT_ENCODING_RAW 0
#define OBJECT_ENCODING_INT 1
#define OBJECT_ENCODING_EMBSTR 8

/* Members of the copied struct client; offsets are multiples of the size, as checked by user space. */
static __always_inline __u64 client_u64(const struct redis_state *server, __u16 at)
{
	return *(__u64 *)(server->client + (at & (REDIS_CLIENT_SPAN - 8)));
}

static __always_inline __u32 client_u32(const struct redis_state *server, __u16 at)
{
	return *(__u32 *)(server->client + (at & (REDIS_CLIENT_SPAN - 4)));
}

static __always_inline int client_read(struct redis_state *server, void *client)
{
	__u32 span = server->layout.span;

	asm volatile("" : "+r"(span));
	if (span > REDIS_CLIENT_SPAN)
		span = REDIS_CLIENT_SPAN;
	return bpf_probe_read_user(server->client, span, client);
}

/* Pointers to the first arguments, at most so many, of the client's command. */
static __always_inline int argv_read(struct redis_state *server, struct redis_event *event,
				     __u32 most)
{
	__u32 count;

	event->argc = client_u32(server, server->layout.argc);
	event->argv = client_u64(server, server->layout.argv);
	count = event->argc;
	asm volatile("" : "+r"(count));
	if (count > most)
		count = most;
	return bpf_probe_read_user(server->argv, count * 8, (void *)event->argv);
}

/* A number at *pointer + at, or fallback. */
static __always_inline __s32 read_s32(__u64 pointer, __u16 at, __s32 fallback)
{
	__s32 value;

	if (!pointer || at == REDIS_NO_FIELD ||
	    bpf_probe_read_user(&value, sizeof(value), (void *)(pointer + at)))
		return fallback;
	return value;
}

/* The client's database: one of an array that stays where it is. */
static __always_inline __s32 client_db(struct redis_state *server)
{
	__u64 db;

	if (server->layout.db == REDIS_NO_FIELD)
		return -1;
	db = client_u64(server, server->layout.db);
	if (db != server->db) {
		server->db_id = read_s32(db, server->layout.db_id, -1);
		server->db = server->db_id < 0 ? 0 : db;
		return server->db_id;
	}
	return db ? server->db_id : -1;
}

/* The descriptor of the connection of the client with this number, which is never used again. */
static __always_inline __s32 client_fd(struct redis_state *server, __u64 id)
{
	__u64 conn;

	if (server->layout.conn == REDIS_NO_FIELD)
		return -1;
	conn = client_u64(server, server->layout.conn);
	if (conn != server->conn || id != server->conn_client) {
		server->fd = read_s32(conn, server->layout.conn_fd, -1);
		server->conn = conn;
		server->conn_client = id;
	}
	return server->fd;
}

struct string {
	__u64 data; /* address; or the value of one kept as a number */
	__u32 len;
	__u32 near; /* not 0: all of it has been read, and is at this offset of server->object */
	bool is_int;
};

/*
 * sds (src/sds.h of all these servers): the type is in the byte before the string, the length before
 * that, at the start of the allocation. The page before may be another one, which can't be read.
 */
static __noinline long sds_length(__u64 data)
{
	__u8 head[9];
	long err;

	/* All at once, which nearly always works. */
	err = bpf_probe_read_user(head, 9, (void *)(data - 9));
	if (err) {
		err = bpf_probe_read_user(head + 8, 1, (void *)(data - 1));
		if (!err && (head[8] & 7) == 1)
			err = bpf_probe_read_user(head + 6, 2, (void *)(data - 3));
		else if (!err && (head[8] & 7) == 2)
			err = bpf_probe_read_user(head + 4, 4, (void *)(data - 5));
		else if (!err && (head[8] & 7) == 3)
			err = -EFAULT; /* that was the whole header */
	}
	if (err)
		return err;
	switch (head[8] & 7) {
	case 0:
		return head[8] >> 3;
	case 1:
		return head[6];
	case 2:
		return head[4] | head[5] << 8;
	case 3:
		return head[0] | head[1] << 8 | head[2] << 16 | (__u64)head[3] << 24;
	default:
		return -ENOENT; /* 4 GiB and more: not in a command */
	}
}

/* An embedded string, of the object that has been read? Nearly all names and keys are. */
static __always_inline bool string_is_near(struct redis_state *server, __u64 object,
					   struct string *string)
{
	__u64 near = string->data - object;
	__u32 len;

	if (near < 11 || near > 24 || (server->object[near - 1] & 7) != 1)
		return false;
	len = server->object[near - 3];
	if (near + len > REDIS_OBJECT_SPAN)
		return false;
	string->near = near;
	string->len = len;
	return true;
}

/*
 * A string object, by reading so much of it. Valkey 9 has embedded ones without a pointer, where its bytes would be text: the
 * sds begins 3 bytes behind the header, or behind 8 more of it.
 */
static __always_inline long string_read_span(struct redis_state *server, __u64 object,
					     struct string *string, __u32 span)
{
	__u64 *head = (void *)server->object;
	__u32 encoding;
	bool is_whole;
	long len = 0;

	/* Behind a small object may be the end of the heap. */
	is_whole = !bpf_probe_read_user(head, span, (void *)object);
	if (!is_whole)
		len = bpf_probe_read_user(head, 16, (void *)object);
	if (len)
		return len;
	encoding = head[0] >> 4 & 15;
	string->data = head[1];
	string->is_int = encoding == OBJECT_ENCODING_INT;
	string->len = 8;
	string->near = 0;
	if ((head[0] & 15) != OBJECT_STRING)
		return -ENOENT;
	if (string->is_int)
		return 0;
	if (encoding == OBJECT_ENCODING_EMBSTR && head[1] - object > 64)
		string->data = object + (head[0] >> 32 & 1 ? 19 : 11);
	else if (encoding != OBJECT_ENCODING_EMBSTR && encoding != OBJECT_ENCODING_RAW)
		return -ENOENT;
	if (is_whole && string_is_near(server, object, string))
		return 0;
	len = sds_length(string->data);
	if (len < 0)
		return len;
	string->len = len;
	return 0;
}

static __always_inline long string_read(struct redis_state *server, __u64 object,
					struct string *string)
{
	return string_read_span(server, object, string, REDIS_OBJECT_SPAN);
}

/* Its length only, negative errno: unreadable. */
static __always_inline long string_length(struct redis_state *server, __u64 object)
{
	struct string string;
	long err = string_read_span(server, object, &string, 24);

	return err ?: string.len;
}

/* Bytes 'A' to 'Z' of a word to 'a' to 'z'. */
static __always_inline __u64 lower(__u64 word)
{
	__u64 low = word & 0x7f7f7f7f7f7f7f7full;
	__u64 upper = (low + 0x3f3f3f3f3f3f3f3full) & ~(low + 0x2525252525252525ull) & ~word;

	return word | (upper & 0x8080808080808080ull) >> 2;
}

/* Eight bytes of a string that is near, from i on, zeros behind its end. */
static __always_inline __u64 near_word(struct redis_state *server, const struct string *string,
				       __u32 i)
{
	__u32 near = string->near;
	__u64 word;

	asm volatile("" : "+r"(near));
	near &= 31;
	word = *(__u64 *)(server->object + near + i);
	if (string->len <= i)
		return 0;
	return string->len - i < 8 ? word & ((1ull << 8 * (string->len - i)) - 1) : word;
}

/* A string's first bytes, zero-filled. size: a constant, a multiple of 8. */
static __always_inline void words_read(struct redis_state *server, const struct string *string,
				       __u64 *words, __u32 size)
{
	__u32 len = string->len;

	if (string->near) {
		for (__u32 i = 0; i < size / 8; i++)
			words[i] = near_word(server, string, 8 * i);
		return;
	}
	for (__u32 i = 0; i < size / 8; i++)
		words[i] = 0;
	asm volatile("" : "+r"(len));
	if (len > size)
		len = size;
	bpf_probe_read_user(words, len, (void *)string->data);
}

/* The command's name: the first argument, in lower case, zero-filled. Its length, or negative errno. */
static __always_inline long name_read(struct redis_state *server, struct redis_frame *frame)
{
	__u64 *words = (void *)frame->command.name;
	struct string string;

	if (!frame->event.argc || string_read(server, server->argv[0], &string) || string.is_int) {
		__builtin_memset(words, 0, REDIS_NAME_SIZE);
		return -ENOENT;
	}
	words_read(server, &string, words, REDIS_NAME_SIZE);
	frame->command.name[REDIS_NAME_SIZE - 1] = 0;
	for (int i = 0; i < REDIS_NAME_SIZE / 8 && words[i]; i++)
		words[i] = lower(words[i]);
	return string.len;
}

/*
 * The name that the server itself has for a command, in lower case: "config|set", whatever it was renamed to. Its
 * length, cut to REDIS_NAME_SIZE - 1, zero-filled; or negative errno.
 */
static __always_inline long real_read(struct redis_state *server, __u64 cmd, char *name)
{
	__u64 *words = (void *)name, at;
	long len;

	if (server->layout.cmd_name == REDIS_NO_FIELD)
		return -ENOENT;
	for (int i = 0; i < REDIS_NAME_SIZE / 8; i++)
		words[i] = 0;
	len = bpf_probe_read_user(&at, sizeof(at), (void *)(cmd + server->layout.cmd_name));
	len = len ?: bpf_probe_read_user_str(name, REDIS_NAME_SIZE, (void *)at);
	if (len <= 1)
		return len < 0 ? len : -ENOENT;
	for (int i = 0; i < REDIS_NAME_SIZE / 8; i++)
		words[i] = lower(words[i]);
	return len > REDIS_NAME_SIZE ? REDIS_NAME_SIZE - 1 : len - 1;
}

#endif /* REDIS_READ_BPF_H */
