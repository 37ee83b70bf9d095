/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What both halves of redis-cmd share. Include <linux/types.h> or vmlinux.h first.
 */
#ifndef REDIS_REDIS_EVENT_H
#define REDIS_REDIS_EVENT_H

#define REDIS_ARGS_MAX 1024    /* recorded arguments of a command, at most */
#define REDIS_CLIENT_SPAN 1024 /* offsets into struct client lie below */
#define REDIS_DEPTH_MAX 6      /* EXEC, a script in it, its commands, a module's: nested calls */
#define REDIS_NAME_SIZE 32     /* of a command, in lower case; a longer one is cut */
#define REDIS_KEY_SIZE 64      /* of a key in --top; a longer one is cut */
#define REDIS_ERROR_SIZE 256   /* of an error reply; a longer one is cut */
#define REDIS_NO_FIELD 0xffff
#define REDIS_OBJECT_SPAN 64 /* an object that embeds its string is no larger */
#define REDIS_SERVERS_MAX 32 /* traced at a time */
#define REDIS_EXES_MAX 32    /* whose servers the kernel side takes up by itself */

/* Offsets of the members of a server's structures; REDIS_NO_FIELD: not known. */
struct redis_layout {
	__u16 argc, argv; /* in struct client: int, robj ** */
	__u16 id;	  /* uint64_t */
	__u16 conn;	  /* connection * */
	__u16 db;	  /* serverDb * */
	__u16 name;	  /* robj *, set by CLIENT SETNAME */
	__u16 user;	  /* the ACL's user * */
	__u16 cmd;	  /* struct redisCommand *, of the command that is executed */
	__u16 cmd_name; /* in struct redisCommand: char *, its name, of a subcommand "config|set" */
	__u16 conn_fd;	/* in struct connection: int */
	__u16 db_id;	/* in struct redisDb: int */
	__u16 span;	/* bytes of struct client that hold all of the above */
	__u16 reexecutes; /* not 0: a command that blocked its client is executed again */
};

enum redis_kind {
	REDIS_COMMAND,	 /* call() has returned */
	REDIS_REJECTED,	 /* an error reply outside of call(), or to another client than its own */
	REDIS_TIMED_OUT, /* a blocked client has waited long enough; no items */
	REDIS_UNBLOCKED, /* a blocked client goes on, or with REDIS_FLAG_GONE is freed; no items */
	REDIS_ACCEPTED, /* a connection: fd, and if not a Unix one the peer's host and port as arguments */
	REDIS_PARENT_END, /* a command that isn't wanted itself, but had wanted ones within; no items */
	REDIS_STARTED, /* a process has become another program, which may be a server */
	/* A process that isn't known runs a server's executable; fd: its number, if it is traced. */
	REDIS_STRANGER,
	REDIS_ENDED, /* a known process has ended */
};

enum {
	REDIS_FLAG_BLOCKED = 1, /* the client waits: its command isn't over */
	REDIS_FLAG_ERROR = 2,	/* it replied with an error */
	REDIS_FLAG_CUT = 4,	/* there was no room for all arguments */
	REDIS_FLAG_GONE = 8,	/* the client has left, or was thrown out */
	REDIS_FLAG_APART =
		64, /* executed while another client's command waits, and no part of that */
	/* By user space: the command had not returned when the run ended, or its server. */
	REDIS_FLAG_RUN_ENDED = 16,
	REDIS_FLAG_SERVER_ENDED = 32,
};

enum redis_item_type {
	REDIS_ITEM_ARG,
	REDIS_ITEM_NAME,  /* of the client */
	REDIS_ITEM_ERROR, /* text of an error reply */
	REDIS_ITEM_REAL,  /* name of the command, whatever it was called: not in every record */
};

/* Followed by kept bytes, up to the next multiple of 8. */
struct redis_item {
	__u32 len;  /* true length */
	__s32 kept; /* bytes that follow, or the negative errno of reading it */
	__u8 type;
	__u8 is_int; /* the value is kept as a number, in 8 bytes */
	__u8 unused[6];
};

struct redis_event {
	__u64 start;	/* ktime of the call, or of the event; 0: a call that isn't described yet */
	__u64 latency;	/* ns in call() */
	__u64 sequence; /* order of the calls in a thread */
	__u64 root;	/* sequence of the outermost call; its own when not nested */
	__u64 client;	/* address of its struct */
	__u64 client_id;
	__u64 argv; /* address */
	__u64 user; /* address, 0: not known */
	__u64 cmd;  /* address of its struct redisCommand; 0: not known */
	__u32 pid, tid;
	__s32 db; /* -1: not known */
	__s32 fd; /* of the connection; -1: none */
	__u32 argc;
	__u32 data_len;
	__s16 error; /* the negative errno of reading struct client or argv */
	__u16 items;
	__u8 kind;
	__u8 flags;
	__u8 depth; /* commands that it is a part of */
	__u8 unused;
};

/* How to find keys among arguments, which are counted from 0, the name: redis/redis_keys.h. */
enum redis_keys_how {
	REDIS_KEYS_NONE,
	REDIS_KEYS_RANGE, /* at, at + step, ... up to last, from the end if negative */
	REDIS_KEYS_COUNT, /* at: how many there are; they follow, each at a step */
	/* By words. */
	REDIS_KEYS_STREAMS,
	REDIS_KEYS_MIGRATE,
	REDIS_KEYS_SORT_STORE,
	REDIS_KEYS_GEO_STORE,
};

struct redis_key_rule {
	__u8 how, at;
	__s8 last;
	__u8 step;
};

/* A command's; the first one has the first key. */
struct redis_key_rules {
	struct redis_key_rule rules[2];
};

/* Latency histogram: 8 steps to each power of two, of nanoseconds. */
#define REDIS_HIST_STEPS 8
#define REDIS_HIST_SLOTS (40 * REDIS_HIST_STEPS)

struct redis_stat_key {
	__u64 pid;
	char name[REDIS_NAME_SIZE]; /* in lower case */
};

/* Totals, which only grow: user space subtracts what it has shown. */
struct redis_stat {
	struct redis_stat_key key; /* pid 0: nobody's */
	__u64 cmd;		   /* the server's struct for it, as last seen; 0: not known */
	__u64 begun, calls, errors, total_ns, bytes;
	__u64 max_ns[2]; /* of periods with even and with odd numbers */
	__u32 hist[REDIS_HIST_SLOTS];
};

#define REDIS_STATS_MAX 1024
#define REDIS_STAT_RECENTS 64 /* of each server */
#define REDIS_NAMED 64	      /* the same, of commands whose names user space has */

struct redis_top_key {
	__u32 pid;
	__s32 db;
	__u32 len; /* true length of the key */
	char key[REDIS_KEY_SIZE];
};

struct redis_top {
	__u64 calls, total_ns, bytes, max_bytes;
};

/* What user space wants, as read-only data. */
struct redis_config {
	__u64 min_ns;
	__u32 args, arg_bytes, data_bytes;
	__u32 key_bytes;  /* kept of an argument that may be a key; 0: as of others */
	__u32 last_bytes; /* room for the last item: the larger one of these */
	__s32 db;	  /* -1: any */
	__u32 sample;	  /* only one of so many is looked at, with all within it; 0, 1: each */
	__u8 by_name;	  /* only commands in the map "names" */
	__u8 by_pid;	  /* only certain servers: no others are looked for */
	__u8 by_task;	  /* only where filter_allows_current() (bpf/filter.bpf.h) */
	__u8 errors_only;
	__u8 top;	 /* count keys, not commands */
	__u8 running;	 /* records of commands that block only */
	__u8 has_cookie; /* bpf_get_attach_cookie(): the number of the executable */
};

/*
 * The kernel side's notes on a server, which executes one command at a time whatever its threads.
 * User space sets the layout and the slot.
 */
struct redis_state {
	struct redis_layout layout;
	__u32 pid; /* 0: the slot is free */
	__u32 slot; /* of the map "frames": REDIS_DEPTH_MAX elements from slot * REDIS_DEPTH_MAX on */
	__u32 depth, too_deep;
	__u32 plausible, implausible; /* commands, while counting: until one is, nothing counts */
	__u64 sequence;
	__u64 accept_host, accept_port; /* where anetTcpAccept() is to write them */
	__u64 freed;			/* the client that is being freed, or was the last one */
	__u64 resumed; /* the client that was unblocked last: its command is executed again next, if at all */
	/* What was read last: the next command mostly has the same. */
	__u64 db, conn, conn_client;
	__s32 db_id, fd;
	__u16 stats[REDIS_STAT_RECENTS]; /* where a command with such a hash was found last */
	__u64 named[REDIS_NAMED];	 /* the command with such a hash whose name was sent last */
	/* Of the short cut in counting, see redis_count.bpf.h. */
	__u64 no_sums; /* bit i: what a client has at 8 * i isn't the size of its arguments */
	__u64 sum;     /* that of the last one checked */
	__u32 checks, changes; /* of the sum */
	__u16 sum_at;	       /* in struct client */
	__u8 no_cmd;	       /* layout.cmd isn't what it should be */
	__u8 short_cut;	       /* may be taken */
	/* The current client, as far as we need it. */
	__u8 client[REDIS_CLIENT_SPAN] __attribute__((aligned(8)));
	__u64 argv[REDIS_ARGS_MAX];
	__u8 object[2 * REDIS_OBJECT_SPAN];
};

/* A call under way. With rows, the record's data follow. */
struct redis_frame {
	__u64 sp;
	__u64 bytes;
	__u64 argv;		       /* address, while counting */
	struct redis_stat_key command; /* whose name is read when it is needed */
	__u32 stat;		       /* number, while counting */
	struct redis_key_rules keys;   /* while they count */
	__u32 level;		       /* calls around it: which one of its server's frames it is */
	struct redis_top_key key;
	__u8 is_unwanted, has_key, sent_child, has_real, is_again, is_skipped;
	struct redis_event event;
};

#endif /* REDIS_REDIS_EVENT_H */
