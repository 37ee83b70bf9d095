/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Stacks that BPF programs recorded (bpf_get_stack()), as text in BCC's form and as JSON.
 */
#ifndef LIB_STACK_H
#define LIB_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bsl_maps;
struct output;

/*
 * The most frames that are recorded: the kernel's default limit, PERF_MAX_STACK_DEPTH of
 * linux/perf_event.h.
 */
#define STACK_MAX_DEPTH 127

/*
 * How deep a stack the kernel walks (sysctl kernel.perf_event_max_stack), at most STACK_MAX_DEPTH:
 * a stack of that many frames may have been cut.
 */
unsigned int stack_depth(void);

/* Where names come from. Costs nothing until the first name is asked for; one thread at a time. */
struct stack_names;

/* NULL when out of memory. */
struct stack_names *stack_names_new(void);
void stack_names_free(struct stack_names *names);

/*
 * See what processes map from now on, so that stacks of those that end soon have names. Where the
 * kernel doesn't let us, they don't. Costs a perf event per CPU.
 */
void stack_names_watch(struct stack_names *names);
/* Take what was seen: now and then, every 100 ms or so. */
void stack_names_update(struct stack_names *names);

/* What a process was seen to map (lib/mappings.h); NULL: nothing is known. Valid until the next call. */
const struct bsl_maps *stack_names_maps(struct stack_names *names, pid_t pid);

/* A process that has no id in the tool's PID namespace (bpf/pidns.bpf.h): nothing of it can be named. */
#define STACK_UNKNOWN_PROCESS (-1)

/* One recorded stack, innermost frame first. */
struct stack {
	pid_t tgid; /* whose addresses they are; 0: the kernel's; STACK_UNKNOWN_PROCESS */
	const uint64_t *addrs;
	size_t count;
	bool is_cut; /* there may be more frames than were recorded */
	uint8_t end; /* why it ends, enum unwind_end of bpf/unwind_state.h; 0: it isn't known */
	/*
	 * The first address is that of an instruction (a probe's), not of a return into its caller.
	 */
	bool first_is_exact;
	/* The function that was probed, or NULL: frames before it are the tracer's own. */
	const char *function;
	int err; /* errno if it could not be recorded: then it has no frames */
};

/*
 * Look the names up now and forget them: what they come from is then kept, though the process may
 * end.
 */
void stack_note(struct stack_names *names, const struct stack *stack);

/*
 * A line per frame, as BCC prints them: 8 blanks, the address if wanted (%16x), symbol+0xoffset
 * [module]; then a line for what is not there, or why the stack ends early. A frame without a name is [unknown], and counted:
 * stack_tell_unknown().
 */
void stack_print(struct stack_names *names, const struct stack *stack, bool addresses,
		 struct output *out);

/*
 * A member of the object being written:
 * "key":[{"address":A,"symbol":"s","offset":O,"module":"m"},...], innermost first; symbol is null
 * and symbol_error says why where there is no name; "key_truncated":true if there may be more frames, "key_end" says why it ends early. A
 * stack that couldn't be recorded is null, and "key_error" says why.
 */
void stack_json(struct stack_names *names, const struct stack *stack, const char *key,
		struct output *out);

/*
 * One address as "symbol+0xoffset", with " [module]" if it is a process's (BCC's %K and %U).
 * Returns buf.
 */
const char *stack_symbol(struct stack_names *names, pid_t tgid, uint64_t addr, char *buf,
			 size_t size);

/* Warn of frames printed without a name, with the reasons. */
void stack_tell_unknown(const struct stack_names *names);

#endif /* LIB_STACK_H */
