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

#include "redis-cmd.h"

#include "bpf/events.bpf.h"

#define EFAULT 14
#define ENOENT 2

#define OBJECT_ENCODING_RAW    0
#define OBJECT_ENCODING_INT    1
#define OBJECT_ENCODING_EMBSTR 8

const volatile struct redis_config config = { .db = -1 };

/* For --slow: only what takes longer is worth a record. Raised by user space. */
__u64 slow_ns = 0;

/* The processes to look at, and the layout of each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct redis_layout);
} servers SEC(".maps");

/* Command names in lower case: those wanted, with -c. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, char[REDIS_NAME_SIZE]);
	__type(value, __u8);
} names SEC(".maps");

/* Which argument is the key, with --top, for commands where that isn't the first; 0: none. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, char[REDIS_NAME_SIZE]);
	__type(value, __u8);
} key_positions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct redis_stat_key);
	__type(value, struct redis_stat);
} stats SEC(".maps");

/* Bounded memory: the keys used least recently make room for new ones. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct redis_top_key);
	__type(value, struct redis_top);
} top SEC(".maps");

/* A call under way. */
struct frame {
	__u64 sp;
	char name[REDIS_NAME_SIZE]; /* in lower case */
	struct redis_top_key key;
	__u32 unused;
	__u64 bytes;
	bool is_unwanted, has_key, sent_child;
	struct redis_event event; /* the record, followed by its data */
};

/* What a thread is doing, followed by REDIS_DEPTH_MAX frames of config.frame_size bytes each. */
struct thread {
	__u32 depth, too_deep;
	__u64 sequence;
	__u64 accept_host, accept_port; /* where anetTcpAccept() is to write them */
	struct redis_layout layout;
	__u8 client[REDIS_CLIENT_SPAN]; /* a copy of the current client, as far as we need it */
	__u64 argv[REDIS_ARGS_MAX];
};

#define FRAME_DATA sizeof(struct frame)

/* Keyed by thread id. User space sets the sizes of the values. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct thread));
} threads SEC(".maps");

/* A value for a new thread, all zeros. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct thread));
} blank_thread SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct redis_stat);
} blank_stat SEC(".maps");

static __always_inline bool wants_records(void)
{
	return !config.stats && !config.top;
}

static __noinline struct thread *thread_new(__u32 tid)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, zero = 0;
	struct redis_layout *layout = bpf_map_lookup_elem(&servers, &tgid);
	struct thread *thread, *blank;

	blank = bpf_map_lookup_elem(&blank_thread, &zero);
	if (!layout || !blank)
		return NULL;
	if (bpf_map_update_elem(&threads, &tid, blank, BPF_NOEXIST)) {
		events_count_lost(0);
		return NULL;
	}
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (thread)
		thread->layout = *layout;
	return thread;
}

static __always_inline struct thread *thread_get(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		return thread;
	thread_new(tid);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline struct frame *frame_at(struct thread *thread, __u32 depth)
{
	__u32 size = config.frame_size;

	/* Else the compiler finds out what this gives and the verifier doesn't. */
	asm volatile("" : "+r"(depth));
	if (depth >= REDIS_DEPTH_MAX)
		return NULL;
	return (void *)thread + sizeof(*thread) + depth * size;
}

/* Members of the copied struct client; offsets are multiples of the size, as checked by user space. */
static __always_inline __u64 client_u64(const struct thread *thread, __u16 at)
{
	return *(__u64 *)(thread->client + (at & (REDIS_CLIENT_SPAN - 8)));
}

static __always_inline __u32 client_u32(const struct thread *thread, __u16 at)
{
	return *(__u32 *)(thread->client + (at & (REDIS_CLIENT_SPAN - 4)));
}

static __always_inline int client_read(struct thread *thread, void *client)
{
	__u32 span = thread->layout.span;

	asm volatile("" : "+r"(span));
	if (span > REDIS_CLIENT_SPAN)
		span = REDIS_CLIENT_SPAN;
	return bpf_probe_read_user(thread->client, span, client);
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

struct string {
	__u64 data; /* address; or the value of one kept as a number */
	__u32 len;
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

/*
 * A string object. Valkey 9 has embedded ones without a pointer, where its bytes would be text: the
 * sds begins 3 bytes behind the header, or behind 8 more of it.
 */
static __always_inline long string_read(__u64 object, struct string *string)
{
	__u64 head[2];
	__u32 encoding;
	long len;

	len = bpf_probe_read_user(head, sizeof(head), (void *)object);
	if (len)
		return len;
	encoding = head[0] >> 4 & 15;
	string->data = head[1];
	string->is_int = encoding == OBJECT_ENCODING_INT;
	string->len = 8;
	if (string->is_int)
		return 0;
	if (encoding == OBJECT_ENCODING_EMBSTR && head[1] - object > 64)
		string->data = object + (head[0] >> 32 & 1 ? 19 : 11);
	else if (encoding != OBJECT_ENCODING_EMBSTR && encoding != OBJECT_ENCODING_RAW)
		return -ENOENT;
	len = sds_length(string->data);
	if (len < 0)
		return len;
	string->len = len;
	return 0;
}

/* Append an item: kept of len bytes at address. False: there is no room. */
static __always_inline bool item_add(struct frame *frame, __u8 type, const struct string *string,
				     long err, __u32 most)
{
	__u32 at = frame->event.data_len, kept = string->len;
	struct redis_item *item;

	asm volatile("" : "+r"(at));
	if (at > config.data_bytes)
		return false;
	item = (void *)frame + FRAME_DATA + at;
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
	} else {
		asm volatile("" : "+r"(kept));
		if (kept > most)
			kept = most;
		err = bpf_probe_read_user(item + 1, kept, (void *)string->data);
	}
	item->kept = err ?: kept;
	if (err)
		kept = 0;
	frame->event.data_len = at + sizeof(*item) + ((kept + 7) & ~7u);
	frame->event.items++;
	return true;
}

/* Bytes 'A' to 'Z' of a word to 'a' to 'z'. */
static __always_inline __u64 lower(__u64 word)
{
	__u64 low = word & 0x7f7f7f7f7f7f7f7full;
	__u64 upper = (low + 0x3f3f3f3f3f3f3f3full) & ~(low + 0x2525252525252525ull) & ~word;

	return word | (upper & 0x8080808080808080ull) >> 2;
}

/* The command's name: the first argument, in lower case, zero-filled. */
static __always_inline void name_read(struct thread *thread, struct frame *frame)
{
	__u64 *words = (void *)frame->name;
	struct string string;
	__u32 len;

	for (int i = 0; i < REDIS_NAME_SIZE / 8; i++)
		words[i] = 0;
	if (string_read(thread->argv[0], &string) || string.is_int)
		return;
	len = string.len;
	asm volatile("" : "+r"(len));
	if (len > REDIS_NAME_SIZE - 1)
		len = REDIS_NAME_SIZE - 1;
	bpf_probe_read_user(frame->name, len, (void *)string.data);
	for (int i = 0; i < REDIS_NAME_SIZE / 8; i++)
		words[i] = lower(words[i]);
}

static __noinline int args_record(struct thread *thread, struct frame *frame)
{
	__u32 count = frame->event.argc;

	if (count > config.args)
		count = config.args;
	for (__u32 i = 0; i < REDIS_ARGS_MAX; i++) {
		struct string string = {};
		long err;

		if (i >= count)
			break;
		err = string_read(thread->argv[i], &string);
		if (!item_add(frame, REDIS_ITEM_ARG, &string, err, config.arg_bytes)) {
			frame->event.flags |= REDIS_FLAG_CUT;
			break;
		}
	}
	return 0;
}

#define BYTES_ARGS_MAX 8

/* The size of the arguments, for statistics. */
static __always_inline void bytes_count(struct thread *thread, struct frame *frame)
{
	struct string string;

	frame->bytes = 0;
	for (__u32 i = 0; i < BYTES_ARGS_MAX && i < frame->event.argc; i++) {
		if (!string_read(thread->argv[i], &string))
			frame->bytes += string.len;
	}
}

static __always_inline void key_read(struct thread *thread, struct frame *frame)
{
	__u8 *position = bpf_map_lookup_elem(&key_positions, frame->name);
	__u32 at = position ? *position : 1, len;
	__u64 *words = (void *)frame->key.key;
	struct string string;

	frame->has_key = false;
	asm volatile("" : "+r"(at));
	if (!at || at >= frame->event.argc || at >= REDIS_ARGS_MAX)
		return;
	if (string_read(thread->argv[at], &string) || string.is_int)
		return;
	for (int i = 0; i < REDIS_KEY_SIZE / 8; i++)
		words[i] = 0;
	len = string.len;
	asm volatile("" : "+r"(len));
	if (len > REDIS_KEY_SIZE)
		len = REDIS_KEY_SIZE;
	if (bpf_probe_read_user(frame->key.key, len, (void *)string.data))
		return;
	frame->key.pid = frame->event.pid;
	frame->key.db = frame->event.db;
	frame->key.len = string.len;
	frame->has_key = true;
}

/* What is known of a client, and its command's arguments, into a frame. */
static __always_inline void describe(struct thread *thread, struct frame *frame, void *client)
{
	const struct redis_layout *layout = &thread->layout;
	struct redis_event *event = &frame->event;
	__u64 id = bpf_get_current_pid_tgid();
	__u32 count;

	event->client = (__u64)client;
	event->pid = id >> 32;
	event->tid = id;
	event->flags = 0;
	event->items = 0;
	event->data_len = 0;
	event->argc = 0;
	event->argv = 0;
	event->user = 0;
	event->client_id = 0;
	event->db = -1;
	event->fd = -1;
	event->error = client_read(thread, client);
	if (event->error)
		return;
	event->argc = client_u32(thread, layout->argc);
	event->argv = client_u64(thread, layout->argv);
	if (layout->db != REDIS_NO_FIELD)
		event->db = read_s32(client_u64(thread, layout->db), layout->db_id, -1);
	if (wants_records()) {
		event->client_id = client_u64(thread, layout->id);
		if (layout->user != REDIS_NO_FIELD)
			event->user = client_u64(thread, layout->user);
		if (layout->conn != REDIS_NO_FIELD)
			event->fd = read_s32(client_u64(thread, layout->conn), layout->conn_fd, -1);
	}
	count = event->argc;
	asm volatile("" : "+r"(count));
	if (count > REDIS_ARGS_MAX)
		count = REDIS_ARGS_MAX;
	event->error = bpf_probe_read_user(thread->argv, count * 8, (void *)event->argv);
	if (event->error)
		event->argc = 0;
}

static __always_inline bool is_wanted(struct thread *thread, struct frame *frame)
{
	if (config.db >= 0 && frame->event.db != config.db)
		return false;
	if (config.by_name || !wants_records())
		name_read(thread, frame);
	/* No name, no number: records are checked by user space, what is only counted is not. */
	if (!wants_records() && frame->event.argc &&
	    (frame->name[0] <= ' ' || frame->name[0] > '~')) {
		events_count_lost(0);
		return false;
	}
	if (config.by_name && !bpf_map_lookup_elem(&names, frame->name))
		return false;
	return true;
}

static __always_inline void collect(struct thread *thread, struct frame *frame)
{
	struct string name = {};
	__u64 object;

	if (!wants_records()) {
		bytes_count(thread, frame);
		if (config.top)
			key_read(thread, frame);
		return;
	}
	args_record(thread, frame);
	if (thread->layout.name == REDIS_NO_FIELD || frame->event.error)
		return;
	object = client_u64(thread, thread->layout.name);
	if (object && !string_read(object, &name))
		item_add(frame, REDIS_ITEM_NAME, &name, 0, config.arg_bytes);
}

SEC("uprobe")
int enter_call(struct pt_regs *ctx)
{
	struct thread *thread = thread_get();
	struct frame *frame, *parent;
	__u64 sp = PT_REGS_SP(ctx);
	__u32 depth;

	if (!thread)
		return 0;
	depth = thread->depth;
	parent = depth ? frame_at(thread, depth - 1) : NULL;
	/* A call whose return was not seen: the stack has been unwound below it. */
	if (parent && sp >= parent->sp) {
		depth = thread->depth = 0;
		parent = NULL;
	}
	frame = frame_at(thread, depth);
	if (!frame) {
		thread->too_deep++;
		events_count_lost(0);
		return 0;
	}
	thread->depth = depth + 1;
	frame->sp = sp;
	frame->sent_child = false;
	frame->event.kind = REDIS_COMMAND;
	frame->event.depth = depth;
	frame->event.sequence = ++thread->sequence;
	frame->event.root = parent ? parent->event.root : frame->event.sequence;
	describe(thread, frame, (void *)PT_REGS_PARM1(ctx));
	/* A script's client is none of flesh and blood: whose script is it? */
	if (parent && frame->event.fd < 0) {
		frame->event.client_id = parent->event.client_id;
		frame->event.user = parent->event.user;
		frame->event.fd = parent->event.fd;
	}
	frame->is_unwanted = !is_wanted(thread, frame);
	if (!frame->is_unwanted)
		collect(thread, frame);
	frame->event.start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline void output(void *ctx, struct frame *frame)
{
	__u64 most = config.data_bytes + sizeof(struct redis_item) + config.arg_bytes;
	__u64 size = frame->event.data_len;
	long err;

	asm volatile("" : "+r"(size), "+r"(most));
	if (size > most)
		return;
	size += sizeof(struct redis_event);
	if (events_use_perf)
		err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &frame->event, size);
	else
		err = bpf_ringbuf_output(&events, &frame->event, size, BPF_RB_NO_WAKEUP);
	if (err)
		events_count_lost(0);
	else if (!events_use_perf)
		events_wake_consumer();
}

/* REDIS_HIST_STEPS slots to a power of two, by the three bits behind the highest. */
static __always_inline __u32 hist_slot(__u64 ns)
{
	__u32 power = 0, slot;
	__u64 rest = ns;

	if (ns < REDIS_HIST_STEPS)
		return ns;
	for (int step = 32; step; step /= 2) {
		if (rest >> step) {
			rest >>= step;
			power += step;
		}
	}
	slot = (power - 2) * REDIS_HIST_STEPS + (ns >> (power - 3) & (REDIS_HIST_STEPS - 1));
	return slot < REDIS_HIST_SLOTS ? slot : REDIS_HIST_SLOTS - 1;
}

static __noinline struct redis_stat *stat_new(struct redis_stat_key *key)
{
	__u32 zero = 0;
	struct redis_stat *blank = bpf_map_lookup_elem(&blank_stat, &zero);

	if (!key || !blank)
		return NULL;
	if (bpf_map_update_elem(&stats, key, blank, BPF_NOEXIST))
		events_count_lost(0);
	return NULL;
}

/* A server runs one command at a time: no two writers of one element. */
static __always_inline void stat_count(struct frame *frame, __u64 latency, bool is_call)
{
	struct redis_stat_key key = { .pid = frame->event.pid };
	struct redis_stat *stat;
	__u32 slot;

	__builtin_memcpy(key.name, frame->name, sizeof(key.name));
	stat = bpf_map_lookup_elem(&stats, &key);
	if (!stat) {
		stat_new(&key);
		stat = bpf_map_lookup_elem(&stats, &key);
	}
	if (!stat)
		return;
	stat->errors += (frame->event.flags & REDIS_FLAG_ERROR) != 0;
	if (!is_call)
		return;
	stat->calls++;
	stat->bytes += frame->bytes;
	stat->total_ns += latency;
	if (latency > stat->max_ns)
		stat->max_ns = latency;
	slot = hist_slot(latency);
	if (slot < REDIS_HIST_SLOTS)
		stat->hist[slot]++;
}

static __always_inline void top_count(struct frame *frame, __u64 latency)
{
	struct redis_top fresh = {}, *entry;

	entry = bpf_map_lookup_elem(&top, &frame->key);
	if (!entry) {
		bpf_map_update_elem(&top, &frame->key, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&top, &frame->key);
	}
	if (!entry)
		return;
	entry->calls++;
	entry->total_ns += latency;
	entry->bytes += frame->bytes;
	if (frame->bytes > entry->max_bytes)
		entry->max_bytes = frame->bytes;
}

static __always_inline bool is_worth_a_record(const struct frame *frame)
{
	const struct redis_event *event = &frame->event;

	if (frame->is_unwanted)
		return false;
	/* How long a blocked one takes isn't known yet. */
	if (event->flags & REDIS_FLAG_BLOCKED)
		return true;
	if (config.errors_only && !(event->flags & REDIS_FLAG_ERROR))
		return false;
	return event->latency >= config.min_ns && event->latency >= slow_ns;
}

SEC("uretprobe")
int leave_call(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = bpf_get_current_pid_tgid(), depth;
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct frame *frame, *parent;

	if (!thread || !thread->depth)
		return 0;
	if (thread->too_deep) {
		thread->too_deep--;
		return 0;
	}
	depth = thread->depth - 1;
	frame = frame_at(thread, depth);
	thread->depth = depth;
	if (!frame)
		return 0;
	frame->event.latency = now - frame->event.start;
	if (!wants_records()) {
		if (frame->is_unwanted)
			return 0;
		if (config.stats)
			stat_count(frame, frame->event.latency, true);
		if (config.top && frame->has_key)
			top_count(frame, frame->event.latency);
		return 0;
	}
	parent = depth ? frame_at(thread, depth - 1) : NULL;
	if (parent)
		parent->sent_child |= frame->sent_child;
	if (is_worth_a_record(frame)) {
		if (parent)
			parent->sent_child = true;
		output(ctx, frame);
	} else if (!depth && frame->sent_child) {
		frame->event.kind = REDIS_PARENT_END;
		frame->event.data_len = 0;
		frame->event.items = 0;
		output(ctx, frame);
	}
	return 0;
}

/* afterErrorReply(client *c, const char *text, size_t len, ...): every error reply passes here. */
SEC("uprobe")
int error_reply(struct pt_regs *ctx)
{
	void *client = (void *)PT_REGS_PARM1(ctx);
	struct string text = { .data = PT_REGS_PARM2(ctx), .len = PT_REGS_PARM3(ctx) };
	struct thread *thread = thread_get();
	struct frame *frame;

	if (!thread)
		return 0;
	frame = thread->depth ? frame_at(thread, thread->depth - 1) : NULL;
	if (frame && frame->event.client == (__u64)client) {
		if (wants_records() && !frame->is_unwanted &&
		    !(frame->event.flags & REDIS_FLAG_ERROR))
			item_add(frame, REDIS_ITEM_ERROR, &text, 0, config.arg_bytes);
		frame->event.flags |= REDIS_FLAG_ERROR;
		return 0;
	}
	frame = frame_at(thread, thread->depth);
	if (!frame)
		return 0;
	frame->event.start = bpf_ktime_get_ns();
	frame->event.latency = 0;
	frame->event.kind = REDIS_REJECTED;
	frame->event.depth = thread->depth;
	frame->event.sequence = frame->event.root = ++thread->sequence;
	describe(thread, frame, client);
	if (!is_wanted(thread, frame))
		return 0;
	frame->event.flags = REDIS_FLAG_ERROR;
	if (!wants_records()) {
		if (config.stats)
			stat_count(frame, 0, false);
		return 0;
	}
	collect(thread, frame);
	frame->event.flags |= REDIS_FLAG_ERROR;
	item_add(frame, REDIS_ITEM_ERROR, &text, 0, config.arg_bytes);
	output(ctx, frame);
	return 0;
}

/* blockClient(client *c, int type) */
SEC("uprobe")
int block_client(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct frame *frame = NULL;

	if (thread && thread->depth)
		frame = frame_at(thread, thread->depth - 1);
	if (frame && frame->event.client == PT_REGS_PARM1(ctx))
		frame->event.flags |= REDIS_FLAG_BLOCKED;
	return 0;
}

static __always_inline void client_event_prepare(struct frame *frame, __u8 kind, __u64 client)
{
	__u64 id = bpf_get_current_pid_tgid();

	__builtin_memset(&frame->event, 0, sizeof(frame->event));
	frame->event.kind = kind;
	frame->event.start = bpf_ktime_get_ns();
	frame->event.client = client;
	frame->event.pid = id >> 32;
	frame->event.tid = id;
}

static __always_inline int client_event(struct pt_regs *ctx, __u8 kind)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct frame *frame = thread ? frame_at(thread, thread->depth) : NULL;

	if (!frame)
		return 0;
	client_event_prepare(frame, kind, PT_REGS_PARM1(ctx));
	output(ctx, frame);
	return 0;
}

/* unblockClient(client *c, ...) */
SEC("uprobe")
int unblock_client(struct pt_regs *ctx)
{
	return client_event(ctx, REDIS_UNBLOCKED);
}

/* replyToBlockedClientTimedOut(client *c), before unblockClient(). */
SEC("uprobe")
int time_out_client(struct pt_regs *ctx)
{
	return client_event(ctx, REDIS_TIMED_OUT);
}

/* anetTcpAccept(char *err, int listener, char *host, size_t host_size, int *port) */
SEC("uprobe")
int enter_accept(struct pt_regs *ctx)
{
	struct thread *thread = thread_get();

	if (!thread)
		return 0;
	thread->accept_host = PT_REGS_PARM3(ctx);
	thread->accept_port = PT_REGS_PARM5(ctx);
	return 0;
}

#define HOST_SIZE 46 /* INET6_ADDRSTRLEN */

/*
 * Who connects, told in order with the commands: by the time a command is looked at, the
 * connection may be closed and its descriptor another one's.
 */
SEC("uretprobe")
int leave_accept(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct frame *frame = thread ? frame_at(thread, thread->depth) : NULL;
	struct string host = { .len = HOST_SIZE }, port = { .len = 8, .is_int = true };
	__s32 fd = PT_REGS_RC(ctx);

	if (!frame || fd < 0 || !thread->accept_host)
		return 0;
	host.data = thread->accept_host;
	port.data = read_s32(thread->accept_port, 0, 0);
	thread->accept_host = 0;
	client_event_prepare(frame, REDIS_ACCEPTED, 0);
	frame->event.fd = fd;
	item_add(frame, REDIS_ITEM_ARG, &host, 0, HOST_SIZE);
	item_add(frame, REDIS_ITEM_ARG, &port, 0, HOST_SIZE);
	output(ctx, frame);
	return 0;
}

/* int anetUnixAccept(char *err, int listener) */
SEC("uretprobe")
int leave_accept_unix(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct frame *frame = thread ? frame_at(thread, thread->depth) : NULL;

	if (!frame)
		return 0;
	client_event_prepare(frame, REDIS_ACCEPTED, 0);
	frame->event.fd = PT_REGS_RC(ctx);
	output(ctx, frame);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
