/* SPDX-License-Identifier: GPL-2.0 */
/*
 * redis-cmd, kernel side: the calls of a server's call(), with their arguments as they are on entry
 * (execution rewrites them) and their time on return. It reads the server's memory by a layout found
 * by user space, and nothing of the kernel's: no CO-RE relocation, hence no time spent on its BTF.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "redis/redis_event.h"

#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"
#include "redis/redis_read.bpf.h"

const volatile struct redis_config config = { .db = -1 };

/* For --slow: only what takes longer is worth a record. Raised by user space. */
__u64 slow_ns = 0;

/* The servers to look at, by slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REDIS_SERVERS_MAX);
	__type(key, __u32);
	__type(value, struct redis_state);
} servers SEC(".maps");

/* Their slots, by process id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REDIS_SERVERS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} slots SEC(".maps");

/* Those that are nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, REDIS_SERVERS_MAX);
	__uint(value_size, sizeof(__u32));
} slots_free SEC(".maps");

/* Where a process with such a number was found last: mostly spares the hash. */
__u32 recent_slots[16] = {};

/* REDIS_DEPTH_MAX for each. User space adds the size of the data to that of the values. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REDIS_SERVERS_MAX *REDIS_DEPTH_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct redis_frame));
} frames SEC(".maps");

/* Layouts of servers' executables, by number. No span: there is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REDIS_EXES_MAX);
	__type(key, __u32);
	__type(value, struct redis_layout);
} exes SEC(".maps");

/* Processes that run a server's executable and aren't known: reported once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u8);
} strangers SEC(".maps");

/* Command names in lower case: those wanted, with -c. */
MAPS_HASH(names, char[REDIS_NAME_SIZE], __u8, 256);

/* Rules for keys, by the commands' own names. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, char[REDIS_NAME_SIZE]);
	__type(value, struct redis_key_rules);
} key_rules SEC(".maps");

/* ---- servers and calls ---------------------------------------------------------------------- */

static __always_inline int process_tell(void *ctx, __u8 kind, __s32 exe)
{
	__u64 id = pidns_current_ids();
	struct redis_event event = { .kind = kind, .pid = id >> 32, .tid = id, .fd = exe };

	events_send(ctx, &event, sizeof(event), 0);
	return 0;
}

/* Take up a server before user space knows of it. 0, or -1 when that is left to user space. */
static __always_inline int server_adopt(__u32 pid, __u32 exe)
{
	struct redis_layout *layout = bpf_map_lookup_elem(&exes, &exe);
	struct redis_state *server;
	__u32 slot;

	if (!layout || !layout->span || bpf_map_pop_elem(&slots_free, &slot))
		return -1;
	server = bpf_map_lookup_elem(&servers, &slot);
	if (!server)
		return -1;
	server->layout = *layout;
	server->slot = slot;
	server->pid = pid;
	if (!bpf_map_update_elem(&slots, &pid, &slot, BPF_NOEXIST))
		return 0;
	/* User space has been faster. */
	server->pid = 0;
	bpf_map_push_elem(&slots_free, &slot, 0);
	return 0;
}

static __noinline int stranger_take(void *ctx)
{
	__u32 pid = pidns_current_ids() >> 32;
	__s32 exe = config.has_cookie ? bpf_get_attach_cookie(ctx) : -1;
	__u8 one = 1;

	/* Nobody in this PID namespace can look at one that isn't in it. */
	if (!pid || bpf_map_lookup_elem(&strangers, &pid))
		return 0;
	bpf_map_update_elem(&strangers, &pid, &one, 0);
	if (server_adopt(pid, exe))
		exe = -1;
	return process_tell(ctx, REDIS_STRANGER, exe);
}

static __always_inline struct redis_state *server_get(void)
{
	__u32 pid = pidns_current_ids() >> 32, *slot = &recent_slots[pid % 16];
	struct redis_state *server = bpf_map_lookup_elem(&servers, slot);

	/* A free slot has the id 0, too. */
	if (!pid || (config.by_task && !filter_allows_current()))
		return NULL;
	if (server && server->pid == pid)
		return server;
	slot = bpf_map_lookup_elem(&slots, &pid);
	if (!slot)
		return NULL;
	recent_slots[pid % 16] = *slot;
	return bpf_map_lookup_elem(&servers, slot);
}

static __always_inline struct redis_state *server_get_or_tell(void *ctx)
{
	struct redis_state *server = server_get();

	if (server || config.by_pid)
		return server;
	stranger_take(ctx);
	return server_get();
}

static __always_inline __u32 frame_index(const struct redis_state *server, __u32 depth)
{
	return server->slot * REDIS_DEPTH_MAX + depth;
}

static __always_inline struct redis_frame *frame_at(const struct redis_state *server, __u32 depth)
{
	__u32 index = frame_index(server, depth);

	return depth < REDIS_DEPTH_MAX ? bpf_map_lookup_elem(&frames, &index) : NULL;
}

static __always_inline struct redis_frame *frame_current(const struct redis_state *server)
{
	return server->depth ? frame_at(server, server->depth - 1) : NULL;
}

/* A call begins: its frame. *parent: the one it is within, or NULL. */
static __always_inline struct redis_frame *frame_enter(struct redis_state *server, __u64 sp,
						       struct redis_frame **parent)
{
	struct redis_frame *frame;

	*parent = frame_current(server);
	/* A call whose return was not seen: the stack has been unwound below it. */
	if (*parent &&
	    (sp >= (*parent)->sp || (*parent)->event.tid != (__u32)pidns_current_ids())) {
		if (!(*parent)->is_unwanted)
			events_count_lost(0);
		server->depth = server->too_deep = 0;
		*parent = NULL;
	}
	frame = frame_at(server, server->depth);
	if (!frame) {
		server->too_deep++;
		events_count_lost(0);
		return NULL;
	}
	frame->sp = sp;
	frame->sent_child = false;
	frame->event.start = 0;
	barrier();
	frame->event.kind = REDIS_COMMAND;
	frame->level = server->depth++;
	frame->event.depth = *parent ? (*parent)->event.depth + 1 : 0;
	frame->event.sequence = ++server->sequence;
	frame->event.root = *parent ? (*parent)->event.root : frame->event.sequence;
	return frame;
}

/* A call ends: its frame, or NULL. */
static __always_inline struct redis_frame *frame_leave(struct redis_state *server, __u64 now)
{
	struct redis_frame *frame = frame_current(server);

	if (!frame)
		return NULL;
	if (server->too_deep) {
		server->too_deep--;
		return NULL;
	}
	server->depth--;
	frame->event.latency = now - frame->event.start;
	return frame;
}

/* 0, or a negative errno: it isn't sent. */
static __always_inline long output(void *ctx, struct redis_frame *frame)
{
	__u64 most = config.data_bytes + sizeof(struct redis_item) + config.last_bytes;
	__u64 size = frame->event.data_len;

	asm volatile("" : "+r"(size));
	if (size > most)
		return -EFAULT;
	return events_send(ctx, &frame->event, size + sizeof(struct redis_event), 0);
}

/* Fibonacci hashing, as in redis_count.bpf.h. */
static __always_inline __u64 *named_slot(struct redis_state *server, __u64 cmd)
{
	_Static_assert(REDIS_NAMED == 64, "6 bits");
	return &server->named[(cmd >> 3) * 0x9e3779b97f4a7c15ull >> 58];
}

/* A command's record. */
static __always_inline void output_command(void *ctx, struct redis_state *server,
					   struct redis_frame *frame)
{
	if (!output(ctx, frame) && frame->has_real)
		*named_slot(server, frame->event.cmd) = frame->event.cmd;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Append an item: kept of its bytes. False: there is no room. */
static __always_inline bool item_add(struct redis_state *server, struct redis_frame *frame,
				     __u8 type, const struct string *string, long err, __u32 most)
{
	__u32 at = frame->event.data_len, kept = string->len, near = string->near;
	struct redis_item *item;

	asm volatile("" : "+r"(at));
	if (at > config.data_bytes)
		return false;
	item = (void *)(frame + 1) + at;
	asm volatile("" : "+r"(kept));
	if (kept > most)
		kept = most;
	item->len = string->len;
	item->type = type;
	item->is_int = string->is_int;
	if (err) {
		item->len = 0;
		item->is_int = 0;
		kept = 0;
	} else if (string->is_int) {
		*(__u64 *)(item + 1) = string->data;
		kept = 8;
	} else if (near) {
		__u64 *to = (void *)(item + 1), *from;

		asm volatile("" : "+r"(near));
		from = (void *)server->object + (near & 31);
		/* All that it may be: there is room. */
		for (int i = 0; i < REDIS_OBJECT_SPAN / 8 - 1; i++)
			to[i] = from[i];
	} else {
		err = bpf_probe_read_user(item + 1, kept, (void *)string->data);
	}
	item->kept = err ?: kept;
	if (err)
		kept = 0;
	frame->event.data_len = at + sizeof(*item) + ((kept + 7) & ~7u);
	frame->event.items++;
	return true;
}

/* Of a command with one range of keys that is known; of others each argument may be one, for all that is known here. */
static __always_inline bool may_be_key(const struct redis_frame *frame, __u32 i)
{
	const struct redis_key_rule *rule = &frame->keys.rules[0];
	__s32 last = rule->last < 0 ? (__s32)frame->event.argc + rule->last : rule->last;

	if (!rule->how)
		return false;
	if (rule->how != REDIS_KEYS_RANGE || frame->keys.rules[1].how)
		return true;
	return i >= rule->at && (__s32)i <= last;
}

/*
 * Record argument i of the call that has this frame. 0, or 1: there is no room for more. Global, and
 * given numbers only, to be verified once and not at each turn of the loop.
 */
__noinline int arg_record(__u32 slot, __u32 index, __u32 i)
{
	struct redis_state *server = bpf_map_lookup_elem(&servers, &slot);
	struct redis_frame *frame = bpf_map_lookup_elem(&frames, &index);
	__u32 most = config.arg_bytes;
	struct string string = {};
	long err;

	if (!server || !frame || i >= REDIS_ARGS_MAX)
		return 1;
	err = string_read(server, server->argv[i], &string);
	if (config.key_bytes && may_be_key(frame, i))
		most = config.key_bytes;
	if (item_add(server, frame, REDIS_ITEM_ARG, &string, err, most))
		return 0;
	frame->event.flags |= REDIS_FLAG_CUT;
	return 1;
}

static __always_inline void args_record(struct redis_state *server, struct redis_frame *frame)
{
	__u32 index = frame_index(server, frame->level), count = frame->event.argc;

	if (count > config.args)
		count = config.args;
	for (__u32 i = 0; i < REDIS_ARGS_MAX && i < count; i++) {
		if (arg_record(server->slot, index, i))
			break;
	}
}

/* Record the command's own name, unless user space has it. */
static __always_inline void real_record(struct redis_state *server, struct redis_frame *frame)
{
	struct redis_item *item;
	long len;

	frame->has_real = false;
	if (!frame->event.cmd || *named_slot(server, frame->event.cmd) == frame->event.cmd)
		return;
	item = (void *)(frame + 1);
	len = real_read(server, frame->event.cmd, (char *)(item + 1));
	if (len < 0)
		return;
	item->len = item->kept = len;
	item->type = REDIS_ITEM_REAL;
	item->is_int = 0;
	frame->event.data_len = sizeof(*item) + REDIS_NAME_SIZE;
	if (len <= REDIS_NAME_SIZE - 8)
		frame->event.data_len = sizeof(*item) + ((len + 7) & ~7);
	frame->event.items = 1;
	frame->has_real = true;
}

/* Whose call it is. */
static __always_inline struct redis_event *event_begin(struct redis_frame *frame, void *client)
{
	struct redis_event *event = &frame->event;
	__u64 id = pidns_current_ids();

	event->client = (__u64)client;
	event->pid = id >> 32;
	event->tid = id;
	event->flags = 0;
	event->argc = 0;
	event->cmd = 0;
	return event;
}

/* What is known of a client, and its command's arguments, into a frame. */
static __always_inline void describe(struct redis_state *server, struct redis_frame *frame,
				     void *client)
{
	struct redis_event *event = event_begin(frame, client);

	event->items = 0;
	event->data_len = 0;
	event->argv = 0;
	event->user = 0;
	event->client_id = 0;
	event->db = -1;
	event->fd = -1;
	event->error = client_read(server, client);
	if (event->error)
		return;
	event->db = client_db(server);
	event->client_id = client_u64(server, server->layout.id);
	event->fd = client_fd(server, event->client_id);
	if (server->layout.user != REDIS_NO_FIELD)
		event->user = client_u64(server, server->layout.user);
	if (server->layout.cmd != REDIS_NO_FIELD)
		event->cmd = client_u64(server, server->layout.cmd);
	event->error = argv_read(server, event, REDIS_ARGS_MAX);
	if (event->error)
		event->argc = 0;
}

/* Cut a subcommand's name to that of its command. */
static __always_inline void subcommand_cut(char *name)
{
	bool is_whole = true;

	/* 5.10 takes this for a loop without end. */
#pragma unroll
	for (int i = 0; i < REDIS_NAME_SIZE; i++) {
		is_whole &= name[i] != '|';
		if (!is_whole)
			name[i] = 0;
	}
}

/* The rules for a command's keys; there may be none. */
static __always_inline void keys_find(struct redis_state *server, struct redis_frame *frame)
{
	struct redis_key_rules *rules;

	if (!frame->event.cmd || real_read(server, frame->event.cmd, frame->command.name) < 0)
		name_read(server, frame);
	subcommand_cut(frame->command.name);
	rules = bpf_map_lookup_elem(&key_rules, frame->command.name);
	if (rules)
		frame->keys = *rules;
	else
		__builtin_memset(&frame->keys, 0, sizeof(frame->keys));
}

/* By the name that was sent, or the command's own: "config|set", "config". */
static __always_inline bool is_wanted_name(struct redis_state *server, struct redis_frame *frame)
{
	name_read(server, frame);
	if (bpf_map_lookup_elem(&names, frame->command.name))
		return true;
	if (!frame->event.cmd || real_read(server, frame->event.cmd, frame->command.name) < 0)
		return false;
	if (bpf_map_lookup_elem(&names, frame->command.name))
		return true;
	subcommand_cut(frame->command.name);
	return bpf_map_lookup_elem(&names, frame->command.name);
}

/* By --sample: not this one, or not the one that it is a part of. */
static __always_inline bool is_skipped(const struct redis_frame *parent)
{
	if (config.sample <= 1)
		return false;
	return parent ? parent->is_skipped : bpf_get_prandom_u32() % config.sample;
}

static __always_inline bool is_wanted(struct redis_state *server, struct redis_frame *frame)
{
	if (config.db >= 0 && frame->event.db != config.db)
		return false;
	return !config.by_name || is_wanted_name(server, frame);
}

static __always_inline void collect(struct redis_state *server, struct redis_frame *frame)
{
	struct string name = {};
	__u64 object;

	if (config.key_bytes)
		keys_find(server, frame);
	real_record(server, frame);
	args_record(server, frame);
	if (server->layout.name == REDIS_NO_FIELD || frame->event.error)
		return;
	object = client_u64(server, server->layout.name);
	if (object && !string_read(server, object, &name))
		item_add(server, frame, REDIS_ITEM_NAME, &name, 0, config.arg_bytes);
}

/*
 * A command that begins within another one: is it a part of that, as in a transaction, or in a script, whose client is none
 * of flesh and blood? That one's client is its own, then. Or does a server that executes something long look
 * after its other clients meanwhile?
 */
static __always_inline void relate(struct redis_frame *parent, struct redis_frame *frame)
{
	struct redis_event *event = &frame->event;

	if (event->client == parent->event.client)
		return;
	if (event->fd >= 0) {
		event->depth = 0;
		event->root = event->sequence;
		event->flags |= REDIS_FLAG_APART;
		return;
	}
	event->client_id = parent->event.client_id;
	event->user = parent->event.user;
	event->fd = parent->event.fd;
}

SEC("uprobe")
int enter_call(struct pt_regs *ctx)
{
	struct redis_state *server = server_get_or_tell(ctx);
	struct redis_frame *frame, *parent;

	TASK_STACK(ctx);
	if (!server)
		return 0;
	frame = frame_enter(server, PT_REGS_SP(ctx), &parent);
	if (!frame)
		return 0;
	frame->is_skipped = frame->is_unwanted = is_skipped(parent);
	if (frame->is_skipped) {
		event_begin(frame, (void *)PT_REGS_PARM1(ctx));
		return 0;
	}
	describe(server, frame, (void *)PT_REGS_PARM1(ctx));
	if (parent)
		relate(parent, frame);
	frame->is_unwanted = !is_wanted(server, frame);
	if (!frame->is_unwanted)
		collect(server, frame);
	barrier();
	frame->event.start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline bool is_worth_a_record(const struct redis_frame *frame)
{
	const struct redis_event *event = &frame->event;

	if (frame->is_unwanted)
		return false;
	/* How long a blocked one takes isn't known yet. */
	if (event->flags & REDIS_FLAG_BLOCKED)
		return true;
	if (config.running || (config.errors_only && !(event->flags & REDIS_FLAG_ERROR)))
		return false;
	return event->latency >= config.min_ns && event->latency >= slow_ns;
}

SEC("uretprobe")
int leave_call(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_leave(server, now) : NULL, *parent;

	TASK_STACK(ctx);
	if (!frame)
		return 0;
	parent = frame->event.flags & REDIS_FLAG_APART ? NULL : frame_current(server);
	if (parent)
		parent->sent_child |= frame->sent_child;
	if (is_worth_a_record(frame)) {
		if (parent)
			parent->sent_child = true;
		output_command(ctx, server, frame);
	} else if (!parent && frame->sent_child) {
		frame->event.kind = REDIS_PARENT_END;
		frame->event.data_len = 0;
		frame->event.items = 0;
		output(ctx, frame);
	}
	return 0;
}

/* An error reply to the client whose command is being executed, or to another one, whose isn't. */
static __always_inline int on_error(struct pt_regs *ctx, struct redis_state *server, void *client,
				    struct string *text)
{
	struct redis_frame *frame = frame_current(server), *parent = frame;

	if (frame && frame->event.client == (__u64)client) {
		if (!frame->is_unwanted && !(frame->event.flags & REDIS_FLAG_ERROR))
			item_add(server, frame, REDIS_ITEM_ERROR, text, 0, config.arg_bytes);
		frame->event.flags |= REDIS_FLAG_ERROR;
		return 0;
	}
	frame = frame_at(server, server->depth);
	if (!frame || is_skipped(parent))
		return 0;
	frame->event.start = bpf_ktime_get_ns();
	frame->event.latency = 0;
	frame->event.kind = REDIS_REJECTED;
	frame->level = server->depth;
	frame->event.depth = parent ? parent->event.depth + 1 : 0;
	frame->event.sequence = ++server->sequence;
	frame->event.root = parent ? parent->event.root : frame->event.sequence;
	describe(server, frame, client);
	if (parent)
		relate(parent, frame);
	if (!is_wanted(server, frame))
		return 0;
	if (parent && frame->event.depth)
		parent->sent_child = true;
	collect(server, frame);
	frame->event.flags |= REDIS_FLAG_ERROR;
	item_add(server, frame, REDIS_ITEM_ERROR, text, 0, config.arg_bytes);
	output_command(ctx, server, frame);
	return 0;
}

/* afterErrorReply(client *c, const char *text, size_t len, ...): every error reply passes here. */
SEC("uprobe")
int error_reply(struct pt_regs *ctx)
{
	struct string text = { .data = PT_REGS_PARM2(ctx), .len = PT_REGS_PARM3(ctx) };
	struct redis_state *server = server_get();

	TASK_STACK(ctx);
	return server ? on_error(ctx, server, (void *)PT_REGS_PARM1(ctx), &text) : 0;
}

/* A ready-made reply that is an error? Its text. */
static __always_inline bool is_error_object(struct redis_state *server, __u64 object,
					    struct string *text)
{
	char first = 0;

	if (string_read(server, object, text) || text->is_int || !text->len)
		return false;
	text->near = 0; /* other objects will be read before it is recorded */
	return !bpf_probe_read_user(&first, 1, (void *)text->data) && first == '-';
}

/* addReply(client *c, robj *object), of servers before 6.2, where this is all that some errors pass. */
SEC("uprobe")
int error_object(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();
	struct string text = {};

	TASK_STACK(ctx);
	if (!server || !is_error_object(server, PT_REGS_PARM2(ctx), &text))
		return 0;
	return on_error(ctx, server, (void *)PT_REGS_PARM1(ctx), &text);
}

/* blockClient(client *c, int type) */
SEC("uprobe")
int block_client(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_current(server) : NULL;

	TASK_STACK(ctx);
	if (!frame || frame->event.client != PT_REGS_PARM1(ctx))
		return 0;
	frame->event.flags |= REDIS_FLAG_BLOCKED;
	/* Another one, at its address. */
	if (server->freed == frame->event.client)
		server->freed = 0;
	return 0;
}

static __always_inline void client_event_prepare(struct redis_frame *frame, __u8 kind, __u64 client)
{
	__u64 id = pidns_current_ids();

	__builtin_memset(&frame->event, 0, sizeof(frame->event));
	frame->event.kind = kind;
	frame->event.start = bpf_ktime_get_ns();
	frame->event.client = client;
	frame->event.pid = id >> 32;
	frame->event.tid = id;
}

static __always_inline int client_event(struct pt_regs *ctx, __u8 kind)
{
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_at(server, server->depth) : NULL;

	if (!frame)
		return 0;
	client_event_prepare(frame, kind, PT_REGS_PARM1(ctx));
	if (server->freed == frame->event.client)
		frame->event.flags = REDIS_FLAG_GONE;
	output(ctx, frame);
	return 0;
}

/* freeClient(client *c), which unblocks it. Compilers make parts of it, and call these: it may not be seen. */
SEC("uprobe")
int free_client(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();

	TASK_STACK(ctx);
	if (server)
		server->freed = PT_REGS_PARM1(ctx);
	return 0;
}

/* unblockClient(client *c, ...) */
SEC("uprobe")
int unblock_client(struct pt_regs *ctx)
{
	TASK_STACK(ctx);
	return client_event(ctx, REDIS_UNBLOCKED);
}

/* replyToBlockedClientTimedOut(client *c), before unblockClient(). */
SEC("uprobe")
int time_out_client(struct pt_regs *ctx)
{
	TASK_STACK(ctx);
	return client_event(ctx, REDIS_TIMED_OUT);
}

/* ---- connections ---------------------------------------------------------------------------- */

/* anetTcpAccept(char *err, int listener, char *host, size_t host_size, int *port) */
SEC("uprobe")
int enter_accept(struct pt_regs *ctx)
{
	struct redis_state *server = server_get_or_tell(ctx);

	TASK_STACK(ctx);
	if (!server)
		return 0;
	server->accept_host = PT_REGS_PARM3(ctx);
	server->accept_port = PT_REGS_PARM5(ctx);
	return 0;
}

#define HOST_SIZE 46 /* INET6_ADDRSTRLEN */

/*
 * Who connects, sent in order with the commands: by the time a command is looked at, the
 * connection may be closed and its descriptor another one's.
 */
SEC("uretprobe")
int leave_accept(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_at(server, server->depth) : NULL;
	struct string host = { .len = HOST_SIZE }, port = { .len = 8, .is_int = true };
	__s32 fd = PT_REGS_RC(ctx);

	TASK_STACK(ctx);
	if (!frame || fd < 0 || !server->accept_host)
		return 0;
	host.data = server->accept_host;
	port.data = read_s32(server->accept_port, 0, 0);
	server->accept_host = 0;
	client_event_prepare(frame, REDIS_ACCEPTED, 0);
	frame->event.fd = fd;
	item_add(server, frame, REDIS_ITEM_ARG, &host, 0, HOST_SIZE);
	item_add(server, frame, REDIS_ITEM_ARG, &port, 0, HOST_SIZE);
	output(ctx, frame);
	return 0;
}

/* int anetUnixAccept(char *err, int listener) */
SEC("uretprobe")
int leave_accept_unix(struct pt_regs *ctx)
{
	struct redis_state *server = server_get_or_tell(ctx);
	struct redis_frame *frame = server ? frame_at(server, server->depth) : NULL;

	TASK_STACK(ctx);
	if (!frame)
		return 0;
	client_event_prepare(frame, REDIS_ACCEPTED, 0);
	frame->event.fd = PT_REGS_RC(ctx);
	output(ctx, frame);
	return 0;
}

/* A program has begun: is it a server? Its listening sockets and first commands are still to come. */
SEC("raw_tp/sched_process_exec")
int started(struct bpf_raw_tracepoint_args *ctx)
{
	return process_tell(ctx, REDIS_STARTED, -1);
}

/* A thread ends: the first one of a server's? */
SEC("raw_tp/sched_process_exit")
int ended(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = pidns_current_ids();
	__u32 pid = id >> 32;
	struct redis_event event = { .kind = REDIS_ENDED, .pid = pid, .tid = pid };

	if (!pid || (__u32)id != pid || !bpf_map_lookup_elem(&slots, &pid))
		return 0;
	event.start = bpf_ktime_get_ns();
	events_send(ctx, &event, sizeof(event), 0);
	return 0;
}

#include "redis/redis_count.bpf.h"

char LICENSE[] SEC("license") = "GPL";
