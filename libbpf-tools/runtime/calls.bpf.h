/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls under way in each thread of a language runtime, as a stack of frames, and the names at a place. Whatever a tool
 * filters or loses, the depth stays true. Include after usdt_args.bpf.h; a tool defines struct calls_own first, what it
 * keeps with a frame.
 */
#ifndef RUNTIME_CALLS_BPF_H
#define RUNTIME_CALLS_BPF_H

#define CALLS_EFAULT 14
#define CALLS_ENOENT 2

#define CALLS_FRAMES 1024 /* of a thread that are kept; deeper ones are only counted */
#define CALLS_STRIDE 32	  /* its square: CALLS_FRAMES */

/* Set by user space, together with the program's flag: it may wait for a page of a string. */
const volatile bool is_sleepable = false;

/*
 * What the places have: 1 << enum runtime_reader, and whether any has levels. User space may say less than all, which
 * spares the verifier, that is the start, what can't happen.
 */
const volatile __u32 calls_readers = -1;
const volatile bool calls_have_levels = true;

static __always_inline bool calls_has_reader(const struct runtime_place_spec *spec,
					     enum runtime_reader reader)
{
	return calls_readers & 1u << reader && spec->reader == reader;
}

/* A call under way. */
struct calls_frame {
	__u64 entered; /* ktime */
	/*
	 * Where the runtime has return probes for every way out of a call, 0. Else a number that rises from each
	 * frame to the ones it calls, and shows which frames an exception has left.
	 */
	__u32 level;
	__u32 ends_by_raise; /* Ruby's Kernel#raise has no return, but the exception that it raises */
	__u64 method;	     /* Java's: calls_java_method() */
	struct calls_own own;
};

struct calls_thread {
	__u64 number; /* the tool's */
	__u32 depth;  /* may be more than there are frames for */
	__u32 kept;   /* of calls_leave_above() */
	struct calls_frame frames[CALLS_FRAMES];
};

/* Keyed by thread id. User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, struct calls_thread);
} threads SEC(".maps");

/* A value for a new thread, all zeros. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct calls_thread);
} blank_thread SEC(".maps");

/* Events of threads without room in the map: user space reports their number. */
__u64 threads_refused = 0;

/* The current thread; NULL if none of its calls was seen. */
static __always_inline struct calls_thread *calls_thread_known(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&threads, &tid);
}

static __noinline struct calls_thread *calls_thread_new(void)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct calls_thread *blank = bpf_map_lookup_elem(&blank_thread, &zero), *thread;

	if (blank)
		bpf_map_update_elem(&threads, &tid, blank, BPF_NOEXIST);
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread)
		__sync_fetch_and_add(&threads_refused, 1);
	return thread;
}

/* The current thread's; NULL: counted as refused. */
static __always_inline struct calls_thread *calls_thread_get(void)
{
	return calls_thread_known() ?: calls_thread_new();
}

/*
 * The frame at a depth counted from 1; NULL: there is no room for one. The verifier loses the bounds that the compiler knows of
 * an index, or has checked before it loads it again: hence a mask, and a pointer that can only be tested itself.
 */
static __always_inline struct calls_frame *calls_frame_at(struct calls_thread *thread, __u32 depth)
{
	struct calls_frame *frame = NULL;
	__u32 index = depth - 1;

	asm volatile("" : "+r"(index));
	if (index < CALLS_FRAMES) {
		asm volatile("" : "+r"(index));
		frame = &thread->frames[index & (CALLS_FRAMES - 1)];
	}
	asm volatile("" : "+r"(frame));
	return frame;
}

/* Is there a frame at that depth, with a level not higher than this? */
static __always_inline bool calls_is_kept(struct calls_thread *thread, __u32 depth, __u32 level)
{
	struct calls_frame *frame = calls_frame_at(thread, depth);

	return frame && depth <= thread->depth && frame->level <= level;
}

/*
 * Forget the current thread's frames whose level is higher. Levels rise: strides, then steps; halving would be
 * 1024 ways for the verifier. How many there were. Global, to be verified once.
 */
__noinline int calls_leave_above(__u32 level)
{
	struct calls_thread *thread = calls_thread_known();
	__u32 kept = 0, left;

	/* Of frames that there was no room for, nothing is known. */
	if (!thread || calls_is_kept(thread, thread->depth, level) ||
	    (thread->depth > CALLS_FRAMES && calls_is_kept(thread, CALLS_FRAMES, level)))
		return 0;
	for (int i = 0; i < CALLS_STRIDE && calls_is_kept(thread, kept + CALLS_STRIDE, level); i++)
		kept += CALLS_STRIDE;
	/* To the verifier what comes from memory is any number, not one for each turn of the loop. */
	*(volatile __u32 *)&thread->kept = kept;
	kept = *(volatile __u32 *)&thread->kept;
	for (int i = 0; i < CALLS_STRIDE && calls_is_kept(thread, kept + 1, level); i++)
		kept++;
	left = thread->depth - kept;
	thread->depth = kept;
	return left;
}

/* The level of the frame that is entered or left, or above which all are left; 0: none. */
static __always_inline __u32 calls_level(struct pt_regs *ctx, const struct runtime_place_spec *spec)
{
	__u64 value, cxix = PERL_CXIX_NOW;

	if (!calls_have_levels)
		return 0;
	if (calls_has_reader(spec, RUNTIME_READ_PERL_SUB)) {
		if (usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &value))
			return 0;
		if (spec->event == RUNTIME_METHOD_UNWIND &&
		    usdt_read(ctx, &spec->args[RUNTIME_NUMBER], &cxix))
			return 0;
		/* pp_entersub makes the sub's context, pp_leavesub still has it. */
		return usdt_perl_level(value, cxix) + (spec->event == RUNTIME_METHOD_ENTRY);
	}
	if (spec->args[RUNTIME_LEVEL].kind == USDT_ARG_NONE ||
	    usdt_read(ctx, &spec->args[RUNTIME_LEVEL], &value))
		return 0;
	return value;
}

/*
 * Which of Java's methods is entered or left, as a number: HotSpot has each name once, so their addresses suffice. Overloaded
 * ones are the same. 0: another language's.
 */
static __always_inline __u64 calls_java_method(struct pt_regs *ctx,
					       const struct runtime_place_spec *spec)
{
	__u64 class = 0, name = 0;

	if (!calls_has_reader(spec, RUNTIME_READ_JAVA))
		return 0;
	usdt_read(ctx, &spec->args[RUNTIME_CLASS_NAME], &class);
	usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &name);
	return class * 31 + name;
}

/* The depth of the last call of a method in a stride of the current thread's frames that ends at depth, or 0. Global, too. */
__noinline int calls_find_in_stride(__u64 method, __u32 depth)
{
	struct calls_thread *thread = calls_thread_known();
	struct calls_frame *frame;

	for (__u32 i = 0; i < CALLS_STRIDE && thread; i++) {
		frame = calls_frame_at(thread, depth - i);
		if (!frame)
			return 0;
		if (frame->method == method)
			return depth - i;
	}
	return 0;
}

/*
 * The method at hand returns: forget the frames above its own, which exceptions must have left; all, if it began before we
 * looked. How many there were.
 */
static __always_inline __u32 calls_leave_inner(struct pt_regs *ctx,
					       const struct runtime_place_spec *spec,
					       struct calls_thread *thread)
{
	struct calls_frame *top = calls_frame_at(thread, thread->depth);
	__u64 method = calls_java_method(ctx, spec);
	__u32 depth = thread->depth, found = 0;

	if (!method || !top || top->method == method)
		return 0;
	for (int i = 0; i < CALLS_STRIDE && depth && !found; i++) {
		found = calls_find_in_stride(method, depth);
		depth = depth > CALLS_STRIDE ? depth - CALLS_STRIDE : 0;
	}
	depth = thread->depth;
	thread->depth = found;
	return depth - found;
}

/* At most seven bytes of a string, as a little-endian number: cheap to compare. */
static __always_inline __u64 calls_read_short(struct pt_regs *ctx, const struct usdt_arg *arg)
{
	__u64 address, text = 0;

	if (!usdt_read(ctx, arg, &address))
		bpf_probe_read_user_str(&text, sizeof(text), (void *)address);
	return text;
}

#define CALLS_TEXT_RAISE 0x6573696172ull
#define CALLS_TEXT_FAIL 0x6c696166ull
#define CALLS_TEXT_KERNEL 0x6c656e72654bull

/* Kernel#raise, or its other name: rb_raise_jump() leaves it without cmethod__return, then comes ruby:raise. */
static __always_inline bool calls_is_ruby_raise(struct pt_regs *ctx,
						const struct runtime_place_spec *spec)
{
	__u64 name;

	if (!calls_has_reader(spec, RUNTIME_READ_RUBY_CMETHOD))
		return false;
	name = calls_read_short(ctx, &spec->args[RUNTIME_METHOD_NAME]);
	return (name == CALLS_TEXT_RAISE || name == CALLS_TEXT_FAIL) &&
	       calls_read_short(ctx, &spec->args[RUNTIME_CLASS_NAME]) == CALLS_TEXT_KERNEL;
}

/* A sub of Perl's that is written in C: its return can't be seen. */
static __always_inline bool calls_is_perl_xs(struct pt_regs *ctx,
					     const struct runtime_place_spec *spec)
{
	__u64 my_perl;

	return calls_has_reader(spec, RUNTIME_READ_PERL_SUB) &&
	       !usdt_read(ctx, &spec->args[RUNTIME_METHOD_NAME], &my_perl) &&
	       usdt_perl_is_xs(usdt_perl_code(my_perl));
}

/* A call begins. Its frame, with own as it was left; NULL: it is too deep for one. */
static __always_inline struct calls_frame *calls_push(struct pt_regs *ctx,
						      const struct runtime_place_spec *spec,
						      struct calls_thread *thread, __u32 level)
{
	struct calls_frame *frame = calls_frame_at(thread, ++thread->depth);

	if (frame) {
		frame->entered = bpf_ktime_get_ns();
		frame->level = level;
		frame->method = calls_java_method(ctx, spec);
		frame->ends_by_raise = calls_is_ruby_raise(ctx, spec);
	}
	return frame;
}

/*
 * A call ends, if this is the end of one: false if it isn't. *frame: NULL if it was too deep, or began before we looked;
 * then thread->depth was 0.
 */
static __always_inline bool calls_pop(struct calls_thread *thread, __u32 level,
				      struct calls_frame **frame)
{
	*frame = calls_frame_at(thread, thread->depth);
	/* Not the frame of a method. */
	if (level && thread->depth <= CALLS_FRAMES && (!*frame || (*frame)->level != level))
		return false;
	if (thread->depth)
		thread->depth--;
	return true;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* A constant that nobody has looked at yet may not be in memory: have it fetched. */
static __always_inline bool calls_fault_in(__u64 address)
{
	__u8 byte;

	return is_sleepable && !bpf_copy_from_user(&byte, sizeof(byte), (void *)address);
}

/*
 * Read a string. len: its length, or negative: it ends with a NUL. size: a constant, of which one byte stays for a
 * NUL that isn't counted. How many bytes it has, or -EFAULT.
 */
static __always_inline __s16 calls_read_string(char *to, __u64 address, __s64 len, const __u32 size)
{
	long got;

	if (len < 0) {
		got = bpf_probe_read_user_str(to, size, (void *)address);
		if (got < 0 && calls_fault_in(address))
			got = bpf_probe_read_user_str(to, size, (void *)address);
		if (got < 0)
			return -CALLS_EFAULT;
		/* Of an empty string older kernels don't count the NUL. */
		if (got)
			got--;
	} else {
		__u64 wanted = len < size ? len : size - 1;

		/* For the verifier, which doesn't see what the compiler knows. */
		asm volatile("" : "+r"(wanted));
		if (wanted >= size || bpf_probe_read_user(to, wanted, (void *)address))
			return -CALLS_EFAULT;
		got = wanted;
	}
	return got;
}

/* The string that a place has in a role; len_role: RUNTIME_ROLES if it ends with a NUL. -ENOENT: it has none. */
static __always_inline __s16 calls_read_text(struct pt_regs *ctx,
					     const struct runtime_place_spec *spec, __u8 name,
					     __u8 len_role, char *to, const __u32 size)
{
	__u64 address, len = -1;

	if (spec->args[name].kind == USDT_ARG_NONE)
		return -CALLS_ENOENT;
	if (usdt_read(ctx, &spec->args[name], &address))
		return -CALLS_EFAULT;
	if (len_role < RUNTIME_ROLES && spec->args[len_role].kind != USDT_ARG_NONE &&
	    usdt_read(ctx, &spec->args[len_role], &len))
		return -CALLS_EFAULT;
	/* No class at all: PHP has a null pointer for that. */
	if (!address)
		return -CALLS_ENOENT;
	return calls_read_string(to, address, len, size);
}

/* The same for a Perl sub's, given where it is; 0: there is none. */
static __always_inline __s16 calls_read_perl_text(__u64 address, char *to, const __u32 size)
{
	return address ? calls_read_string(to, address, -1, size) : -CALLS_ENOENT;
}

#endif /* RUNTIME_CALLS_BPF_H */
