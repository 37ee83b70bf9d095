/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting instead of telling: statistics of each command, or of each key, in maps that user space
 * empties now and then.
 */
#ifndef REDIS_COUNT_BPF_H
#define REDIS_COUNT_BPF_H

/* Which argument is the key, for commands where that isn't the first; 0: none. */
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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct redis_stat);
} blank_stat SEC(".maps");

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
		return frame->name[0] > ' ' && frame->name[0] <= '~';
	if (!is_printable(frame->name)) {
		server->implausible++;
		return false;
	}
	server->plausible++;
	return true;
}

/* The size of the arguments, that of the name being known. */
static __always_inline void bytes_count(struct redis_state *server, struct redis_frame *frame)
{
	long len;

	for (__u32 i = 1; i < BYTES_ARGS_MAX && i < frame->event.argc; i++) {
		len = string_length(server, server->argv[i]);
		if (len > 0)
			frame->bytes += len;
	}
}

static __always_inline void key_read(struct redis_state *server, struct redis_frame *frame)
{
	__u8 *position = bpf_map_lookup_elem(&key_positions, frame->name);
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

static __noinline int stat_new(struct redis_stat_key *key)
{
	__u32 zero = 0;
	struct redis_stat *blank = bpf_map_lookup_elem(&blank_stat, &zero);

	if (key && blank && bpf_map_update_elem(&stats, key, blank, BPF_NOEXIST))
		events_count_lost(0);
	return 0;
}

/* A server runs one command at a time: no two writers of one element. */
static __always_inline void stat_count(struct redis_frame *frame, __u64 latency, bool is_call)
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

#endif /* REDIS_COUNT_BPF_H */
