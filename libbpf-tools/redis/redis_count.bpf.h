/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting instead of telling: statistics of each command, or of each key. Part of redis-cmd.bpf.c,
 * whose servers, calls and maps it uses.
 */
#ifndef REDIS_COUNT_BPF_H
#define REDIS_COUNT_BPF_H

/* Which argument is the key, for commands where that isn't the first; 0: none. */
MAPS_HASH(key_positions, char[REDIS_NAME_SIZE], __u8, 512);

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

#define BYTES_ARGS_MAX 8

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

/*
 * The size of the arguments behind the name, negative: some can't be read. Global, as arg_record()
 * is, to be verified once.
 */
__noinline long args_size(__u32 slot, __u32 argc)
{
	struct redis_state *server = bpf_map_lookup_elem(&servers, &slot);
	long len, size = 0;

	for (__u32 i = 1; server && i < BYTES_ARGS_MAX && i < argc; i++) {
		len = string_length(server, server->argv[i]);
		if (len < 0)
			return len;
		size += len;
	}
	return size;
}

static __always_inline void key_read(struct redis_state *server, struct redis_frame *frame)
{
	__u8 *position = bpf_map_lookup_elem(&key_positions, frame->command.name);
	__u32 at = position ? *position : 1;
	struct string string;

	frame->has_key = false;
	asm volatile("" : "+r"(at));
	if (!at || at >= frame->event.argc || at >= BYTES_ARGS_MAX)
		return;
	if (string_read(server, server->argv[at], &string) || string.is_int)
		return;
	words_read(server, &string, (void *)frame->key.key, REDIS_KEY_SIZE);
	frame->key.pid = frame->event.pid;
	frame->key.db = frame->event.db;
	frame->key.len = string.len;
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
 * but the address of the server's own struct of a command tells as much as the name, and servers
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

/* One that took the long way: the next time its struct tells. */
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
	entry->calls++;
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
	return !config.by_name || bpf_map_lookup_elem(&names, frame->command.name);
}

/* The long way to what counting needs, the client having been read. False: it doesn't count. */
static __always_inline bool count_describe(struct redis_state *server, struct redis_frame *frame,
					   bool is_outermost)
{
	struct redis_event *event = &frame->event;
	struct redis_stat *stat;
	long size;

	if (argv_read(server, event, BYTES_ARGS_MAX))
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
	if (is_outermost && event->argc <= BYTES_ARGS_MAX && size >= 0)
		sum_check(server->slot, frame->bytes);
	else if (is_outermost && server->short_cut)
		frame->bytes = client_u64(server, server->sum_at);
	stat->begun++;
	return true;
}

/* What both ways need. False: it doesn't count. */
static __always_inline bool count_begin(struct redis_state *server, struct redis_frame *frame,
					void *client)
{
	struct redis_event *event = event_begin(frame, client);

	if (client_read(server, client)) {
		server->implausible++;
		events_count_lost(0);
		return false;
	}
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

	if (!frame || frame->is_unwanted)
		return 0;
	if (!config.top) {
		stat = stat_at(frame->stat);
		if (stat)
			stat_count(stat, frame);
	} else if (frame->has_key) {
		top_count(frame, frame->event.latency);
	}
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
