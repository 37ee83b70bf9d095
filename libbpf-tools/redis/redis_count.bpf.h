/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting instead of reporting: statistics of each command, or of each key. Part of redis-cmd.bpf.c,
 * whose servers, calls and maps it uses.
 */
#ifndef REDIS_COUNT_BPF_H
#define REDIS_COUNT_BPF_H

/* User space reads it as it is: counting never stops for that. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REDIS_STATS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct redis_stat);
} stats SEC(".maps");

/* Which element of the above is a command's. */
MAPS_HASH(stat_numbers, struct redis_stat_key, __u32, REDIS_STATS_MAX);

/* Those that are nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, REDIS_STATS_MAX);
	__uint(value_size, sizeof(__u32));
} stats_free SEC(".maps");

/* Of tables: user space begins the next one before it prints this one. */
__u32 stats_period = 0;

/* Bounded memory: the keys used least recently make room for new ones. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct redis_top_key);
	__type(value, struct redis_top);
} top SEC(".maps");

/* Commands that block a client, where they are executed again: what the first time took. */
struct blocked_key {
	__u64 pid, client;
};

struct blocked_call {
	__u64 argv; /* its address, which the second time has, too */
	__u64 ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct blocked_key);
	__type(value, struct blocked_call);
} blocked SEC(".maps");

#define KEY_ARGS_MAX 16 /* among which the first key is, or the word before it */

static __always_inline bool is_printable(const char *name)
{
	for (int i = 0; i < REDIS_NAME_SIZE && name[i]; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	}
	return name[0];
}

/*
 * A layout must have made sense before anything counts, as it must in user space before a row is
 * printed; user space looks at these numbers. False: don't count this one.
 */
static __always_inline bool is_plausible(struct redis_state *server,
					 const struct redis_frame *frame)
{
	if (server->plausible)
		return frame->command.name[0] > ' ' && frame->command.name[0] <= '~';
	if (!is_printable(frame->command.name)) {
		server->implausible++;
		return false;
	}
	server->plausible++;
	return true;
}

/* An argument's length, or negative errno. Global, as arg_record() is, to be verified once. */
__noinline long arg_size(__u32 slot, __u32 i)
{
	struct redis_state *server = bpf_map_lookup_elem(&servers, &slot);

	return server && i < REDIS_ARGS_MAX ? string_length(server, server->argv[i]) : -ENOENT;
}

/* The size of the arguments behind the name, negative: some can't be read. */
__noinline long args_size(__u32 slot, __u32 argc)
{
	long len, size = 0;

	for (__u32 i = 1; i < REDIS_ARGS_MAX && i < argc; i++) {
		len = arg_size(slot, i);
		if (len < 0)
			return len;
		size += len;
	}
	return size;
}

/* An argument's first bytes in lower case, zero-filled; those of a number, negative and 0: 0; else 1. */
__noinline __u64 word_read(__u32 slot, __u32 i)
{
	struct redis_state *server = bpf_map_lookup_elem(&servers, &slot);
	struct string string = {};
	__u64 word = 0;

	if (!server || i >= REDIS_ARGS_MAX || string_read(server, server->argv[i], &string))
		return 0;
	if (string.is_int)
		return (__s64)string.data > 0;
	words_read(server, &string, &word, 8);
	return lower(word);
}

#define WORD_STREAMS 0x736d6165727473ull /* "streams" */
#define WORD_KEYS 0x7379656bull
#define WORD_GROUP 0x70756f7267ull
#define WORD_AUTH 0x68747561ull
#define WORD_AUTH2 0x3268747561ull

/* The argument behind a word, which is one of the first KEY_ARGS_MAX; 0: it isn't there. */
__noinline int key_behind(__u32 slot, __u32 from, __u32 argc, __u64 word)
{
	__u64 found;

	for (__u32 i = 1; i < KEY_ARGS_MAX && i < argc; i++) {
		found = i < from ? 0 : word_read(slot, i);
		if (found == word)
			return i + 1;
		/* Their values are no words. */
		if (found == WORD_AUTH)
			from = i + 2;
		else if (found == WORD_AUTH2)
			from = i + 3;
	}
	return 0;
}

/* The first key's argument; 0: it has none. */
static __always_inline __u32 key_place(struct redis_state *server, struct redis_frame *frame)
{
	const struct redis_key_rule *rule = &frame->keys.rules[0];
	__u32 at = rule->at, argc = frame->event.argc;
	__u64 word;

	switch (rule->how) {
	case REDIS_KEYS_RANGE:
		/* BLPOP's last argument is none. */
		return rule->last < 0 && (__s32)at > (__s32)argc + rule->last ? 0 : at;
	case REDIS_KEYS_COUNT:
		word = word_read(server->slot, at) & 0xff;
		return word && word != '0' && word != '-' ? at + 1 : 0;
	case REDIS_KEYS_STREAMS:
		/* "XREADGROUP GROUP streams consumer STREAMS key id" */
		word = word_read(server->slot, 1);
		return key_behind(server->slot, word == WORD_GROUP ? 4 : 1, argc, WORD_STREAMS);
	case REDIS_KEYS_MIGRATE:
		return string_length(server, server->argv[3])
			       ? at
			       : key_behind(server->slot, 6, argc, WORD_KEYS);
	}
	return 0;
}

/* A key that is kept as a number stays one: its length is -1, then. */
static __always_inline void key_copy(struct redis_state *server, const struct string *string,
				     struct redis_frame *frame)
{
	__u64 *words = (void *)frame->key.key;

	if (!string->is_int) {
		words_read(server, string, words, REDIS_KEY_SIZE);
		return;
	}
	__builtin_memset(words, 0, REDIS_KEY_SIZE);
	words[0] = string->data;
}

static __always_inline void key_read(struct redis_state *server, struct redis_frame *frame)
{
	struct string string;
	__u32 at;

	frame->has_key = false;
	keys_find(server, frame);
	at = key_place(server, frame);
	asm volatile("" : "+r"(at));
	if (!at || at >= frame->event.argc || at > KEY_ARGS_MAX)
		return;
	if (string_read(server, server->argv[at], &string))
		return;
	key_copy(server, &string, frame);
	frame->key.pid = frame->event.pid;
	frame->key.db = frame->event.db;
	frame->key.len = string.is_int ? -1 : string.len;
	frame->has_key = true;
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

/* The number of a command's element, a new one's if it has none; REDIS_STATS_MAX: no room. */
static __noinline __u32 stat_number(struct redis_stat_key *key)
{
	struct redis_stat *stat;
	__u32 *known, number;

	known = key ? bpf_map_lookup_elem(&stat_numbers, key) : NULL;
	if (known)
		return *known;
	if (!key || bpf_map_pop_elem(&stats_free, &number))
		return REDIS_STATS_MAX;
	stat = bpf_map_lookup_elem(&stats, &number);
	if (stat) {
		stat->cmd = 0;
		stat->key = *key;
	}
	bpf_map_update_elem(&stat_numbers, key, &number, 0);
	return number;
}

static __always_inline bool is_same_key(const struct redis_stat_key *a,
					const struct redis_stat_key *b)
{
	const __u64 *left = (const void *)a, *right = (const void *)b;
	__u64 differences = 0;

	for (__u32 i = 0; i < sizeof(*a) / 8; i++)
		differences |= left[i] ^ right[i];
	return !differences;
}

static __always_inline struct redis_stat *stat_at(__u32 number)
{
	return bpf_map_lookup_elem(&stats, &number);
}

/* Fibonacci hashing: the highest bits of a multiple of 2^64 / the golden ratio. */
static __always_inline __u16 *stat_recent(struct redis_state *server, __u64 hash)
{
	_Static_assert(REDIS_STAT_RECENTS == 64, "6 bits");
	return &server->stats[hash * 0x9e3779b97f4a7c15ull >> 58];
}

/* The element of a command whose name is known. frame->stat: its number. */
static __always_inline struct redis_stat *stat_of_name(struct redis_state *server,
						       struct redis_frame *frame)
{
	const __u64 *words = (const void *)frame->command.name;
	__u16 *recent = stat_recent(server, words[0] + words[1] + words[2]);
	struct redis_stat *stat = stat_at(*recent);
	struct redis_stat_key key;

	frame->command.pid = server->pid;
	frame->stat = *recent;
	if (stat && is_same_key(&stat->key, &frame->command))
		return stat;
	key = frame->command;
	*recent = frame->stat = stat_number(&key);
	stat = stat_at(frame->stat);
	if (!stat)
		events_count_lost(0);
	return stat;
}

/*
 * A short cut. Reading a name and the sizes of all arguments takes longer than the rest together,
 * but the address of the server's own struct of a command says as much as the name, and servers
 * have the sum of the sizes in struct client: where, is found by looking for it. Both are checked
 * against what they spare, at first and ever so often, and not used again once they fail.
 */
#define CHECKS_MIN 16  /* at first */
#define CHANGES_MIN 2  /* of the sum, meanwhile */
#define CHECK_EVERY 64 /* commands, then */

/* The element of the command that a client executes, by the short cut; NULL: go the long way. */
static __always_inline struct redis_stat *stat_of_cmd(struct redis_state *server,
						      struct redis_frame *frame)
{
	__u64 cmd = client_u64(server, server->layout.cmd);
	struct redis_stat *stat;

	if (!server->short_cut || server->sequence % CHECK_EVERY == 0)
		return NULL;
	frame->stat = *stat_recent(server, cmd >> 3);
	stat = stat_at(frame->stat);
	if (!stat || stat->cmd != cmd || stat->key.pid != server->pid)
		return NULL;
	frame->bytes = client_u64(server, server->sum_at);
	return stat;
}

/* One that took the long way: the next time its struct says it. */
static __always_inline void cmd_note(struct redis_state *server, struct redis_frame *frame,
				     struct redis_stat *stat)
{
	__u64 cmd = client_u64(server, server->layout.cmd);
	__u16 *recent = stat_recent(server, cmd >> 3);
	struct redis_stat *other = stat_at(*recent);

	/* One struct for several names? */
	if (other && other != stat && other->cmd == cmd && other->key.pid == server->pid) {
		server->no_cmd = true;
		server->short_cut = false;
	}
	stat->cmd = cmd;
	*recent = frame->stat;
}

/* Which word of struct client is the sum? No branches in loops: they'd multiply for the verifier. */
__noinline int sum_check(__u32 slot, __u64 sum)
{
	struct redis_state *server = bpf_map_lookup_elem(&servers, &slot);
	__u64 no_sums = 0, sums, difference;
	const __u64 *words;
	__u32 at = 0;

	if (!server)
		return 0;
	words = (void *)server->client;
	for (__u32 i = 0; i < 64; i++) {
		difference = words[i] ^ sum;
		no_sums |= (difference | -difference) >> 63 << i;
	}
	server->no_sums |= no_sums;
	sums = ~server->no_sums;
	for (__u32 i = 0; i < 64; i++)
		at += (sums >> i & 1) * i;
	server->sum_at = 8 * at;
	server->checks++;
	server->changes += server->sum != sum;
	server->sum = sum;
	server->short_cut = sums && !(sums & (sums - 1)) && !server->no_cmd &&
			    server->layout.cmd != REDIS_NO_FIELD && server->checks >= CHECKS_MIN &&
			    server->changes >= CHANGES_MIN;
	return 0;
}

/* A server runs one command at a time: no two writers of one element. */
static __always_inline void stat_count(struct redis_stat *stat, const struct redis_frame *frame)
{
	__u64 latency = frame->event.latency, *max_ns = &stat->max_ns[stats_period & 1];
	__u32 slot = hist_slot(latency);

	stat->errors += (frame->event.flags & REDIS_FLAG_ERROR) != 0;
	stat->calls++;
	stat->bytes += frame->bytes;
	stat->total_ns += latency;
	if (latency > *max_ns)
		*max_ns = latency;
	if (slot < REDIS_HIST_SLOTS)
		stat->hist[slot]++;
}

/*
 * A call that blocked its client where it will be executed again: it counts then, or when the server counts
 * it at the end of the wait; so does its time.
 */
static __always_inline void blocked_keep(struct redis_state *server, struct redis_frame *frame)
{
	struct blocked_key key = { .pid = frame->event.pid, .client = frame->event.client };
	struct blocked_call *before = frame->is_again ? bpf_map_lookup_elem(&blocked, &key) : NULL;
	struct blocked_call call = { .argv = frame->argv,
				     .ns = frame->event.latency + (before ? before->ns : 0) };

	bpf_map_update_elem(&blocked, &key, &call, 0);
}

static __always_inline __u64 blocked_take(__u64 pid, __u64 client)
{
	struct blocked_key key = { .pid = pid, .client = client };
	struct blocked_call *before = bpf_map_lookup_elem(&blocked, &key);
	__u64 ns = before ? before->ns : 0;

	if (before)
		bpf_map_delete_elem(&blocked, &key);
	return ns;
}

static __always_inline void top_count(struct redis_frame *frame, __u64 latency)
{
	struct redis_top fresh = {}, *entry;

	entry = bpf_map_lookup_elem(&top, &frame->key);
	if (!entry) {
		bpf_map_update_elem(&top, &frame->key, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&top, &frame->key);
	}
	if (!entry)
		return;
	entry->calls += !frame->is_again;
	entry->total_ns += latency;
	entry->bytes += frame->bytes;
	if (frame->bytes > entry->max_bytes)
		entry->max_bytes = frame->bytes;
}

/* ---- programs --------------------------------------------------------------------------- */

static __always_inline bool is_counted(struct redis_state *server, struct redis_frame *frame)
{
	frame->bytes = name_read(server, frame);
	/* No name, no number. */
	if (!is_plausible(server, frame)) {
		events_count_lost(0);
		return false;
	}
	if (config.by_name && !is_wanted_name(server, frame))
		return false;
	/* As the server calls it, in its statistics too; unknown commands by what was sent. */
	if (frame->event.cmd && real_read(server, frame->event.cmd, frame->command.name) < 0)
		name_read(server, frame);
	return true;
}

/* The long way to what counting needs, the client having been read. False: it doesn't count. */
static __always_inline bool count_describe(struct redis_state *server, struct redis_frame *frame,
					   bool is_outermost)
{
	struct redis_event *event = &frame->event;
	struct redis_stat *stat;
	long size;

	if (argv_read(server, event, REDIS_ARGS_MAX))
		event->argc = 0; /* no name, then */
	if (!is_counted(server, frame))
		return false;
	size = args_size(server->slot, event->argc);
	frame->bytes += size > 0 ? size : 0;
	if (config.top) {
		key_read(server, frame);
		return true;
	}
	stat = stat_of_name(server, frame);
	if (!stat)
		return false;
	cmd_note(server, frame, stat);
	if (is_outermost && event->argc <= REDIS_ARGS_MAX && size >= 0)
		sum_check(server->slot, frame->bytes);
	else if (is_outermost && server->short_cut)
		frame->bytes = client_u64(server, server->sum_at);
	stat->begun++;
	return true;
}

/* A client that was unblocked: is it the same command as before? Its arguments haven't moved. */
static __always_inline bool blocked_is_again(struct redis_state *server, __u64 client)
{
	struct blocked_key key = { .pid = server->pid, .client = client };
	struct blocked_call *call = bpf_map_lookup_elem(&blocked, &key);

	return call && call->argv == client_u64(server, server->layout.argv);
}

/* What both ways need. False: it doesn't count. */
static __always_inline bool count_begin(struct redis_state *server, struct redis_frame *frame,
					void *client)
{
	struct redis_event *event = event_begin(frame, client);

	bool is_resumed = server->resumed == (__u64)client;

	server->resumed = 0;
	frame->is_again = false;
	if (client_read(server, client)) {
		server->implausible++;
		events_count_lost(0);
		return false;
	}
	if (is_resumed)
		frame->is_again = blocked_is_again(server, (__u64)client);
	if (server->layout.cmd != REDIS_NO_FIELD)
		event->cmd = client_u64(server, server->layout.cmd);
	frame->argv = client_u64(server, server->layout.argv);
	event->db = config.db >= 0 || config.top ? client_db(server) : -1;
	return config.db < 0 || event->db == config.db;
}

static __always_inline bool is_short(struct redis_state *server, struct redis_frame *frame)
{
	struct redis_stat *stat = config.top ? NULL : stat_of_cmd(server, frame);

	if (stat)
		stat->begun++;
	return stat;
}

SEC("uprobe")
int enter_counted(struct pt_regs *ctx)
{
	struct redis_state *server = server_get_or_tell(ctx);
	struct redis_frame *frame, *parent;

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
	frame->is_unwanted =
		!count_begin(server, frame, (void *)PT_REGS_PARM1(ctx)) ||
		!((!parent && is_short(server, frame)) || count_describe(server, frame, !parent));
	frame->event.start = bpf_ktime_get_ns();
	return 0;
}

SEC("uretprobe")
int leave_counted(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_leave(server, now) : NULL;
	struct redis_stat *stat;
	bool blocks;

	if (!frame || frame->is_unwanted)
		return 0;
	blocks = server->layout.reexecutes && frame->event.flags & REDIS_FLAG_BLOCKED;
	if (blocks)
		blocked_keep(server, frame);
	if (!config.top) {
		stat = stat_at(frame->stat);
		if (stat && blocks) {
			stat->begun--;
			return 0;
		}
		if (frame->is_again)
			frame->event.latency += blocked_take(frame->event.pid, frame->event.client);
		if (stat)
			stat_count(stat, frame);
	} else if (frame->has_key) {
		top_count(frame, frame->event.latency);
	}
	return 0;
}

/* unblockClient(client *c, ...), after which its command may be executed again. */
SEC("uprobe")
int unblock_counted(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();

	if (server)
		server->resumed = PT_REGS_PARM1(ctx);
	return 0;
}

/* updateStatsOnUnblock(client *c, ...): a command that blocked counts, and won't be executed again. */
SEC("uprobe")
int unblock_stats_counted(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();
	struct redis_frame *frame = server ? frame_at(server, server->depth) : NULL;
	void *client = (void *)PT_REGS_PARM1(ctx);
	struct redis_stat *stat;

	if (!frame)
		return 0;
	frame->event.latency = blocked_take(pidns_current_ids() >> 32, (__u64)client);
	if (config.top || !count_begin(server, frame, client) ||
	    !count_describe(server, frame, true))
		return 0;
	stat = stat_at(frame->stat);
	if (stat)
		stat_count(stat, frame);
	return 0;
}

static __always_inline int error_count(struct redis_state *server, void *client)
{
	struct redis_frame *frame = frame_current(server);
	struct redis_stat *stat;

	if (frame && frame->event.client == (__u64)client) {
		frame->event.flags |= REDIS_FLAG_ERROR;
		return 0;
	}
	frame = frame_at(server, server->depth);
	if (!frame || config.top || !count_begin(server, frame, client))
		return 0;
	if (argv_read(server, &frame->event, 1))
		frame->event.argc = 0;
	/* To a client that waits in a server before 7.0, or has sent no command. */
	else if (!frame->event.argc)
		return 0;
	if (is_skipped(frame_current(server)))
		return 0;
	stat = is_counted(server, frame) ? stat_of_name(server, frame) : NULL;
	if (stat)
		stat->errors++;
	return 0;
}

/* afterErrorReply(), as above. */
SEC("uprobe")
int error_counted(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();

	return server ? error_count(server, (void *)PT_REGS_PARM1(ctx)) : 0;
}

/* addReply(), as above. */
SEC("uprobe")
int error_object_counted(struct pt_regs *ctx)
{
	struct redis_state *server = server_get();
	struct string text = {};

	if (!server || !is_error_object(server, PT_REGS_PARM2(ctx), &text))
		return 0;
	return error_count(server, (void *)PT_REGS_PARM1(ctx));
}

#endif /* REDIS_COUNT_BPF_H */
