/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User stacks by the unwinding tables of the programs, frame pointers only where there is no table. Include after vmlinux.h and
 * bpf_helpers.h; lib/unwind.c fills the maps and says why it is done so.
 *
 * Nothing here takes a lock: the process's mappings are read as they are. They are freed late, reads can't fault, and what is read is
 * checked to hold the address. Nothing is kept per CPU: a program may interrupt another one in the middle of a stack. The
 * functions are global, which makes the verifier look at each once.
 */
#ifndef BPF_UNWIND_BPF_H
#define BPF_UNWIND_BPF_H

#include <stdbool.h>

#include "bpf/contexts.bpf.h"
#include "bpf/pidns.bpf.h"
#include "bpf/unwind_state.h"

const volatile struct unwind_config unwind_config = {};

/* All files' rows; sized by lib/unwind.c. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct unwind_key);
	__type(value, struct unwind_file);
} unwind_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 << 10);
} unwind_cuts SEC(".maps");

__u64 unwind_cut_count = 0;

#define UNWIND_TREE_DEPTH 8
#define UNWIND_ROW_STEPS 24 /* 16 million rows */
#define UNWIND_RETURNS 64
#define UNWIND_VM_EXEC 4
#define UNWIND_CUT_PART 256

#if defined(__TARGET_ARCH_x86)
/* struct pt_regs of asm/ptrace.h, the interface of ptrace(2). */
#define UNWIND_REGS_FP 32
#define UNWIND_REGS_IP 128
#define UNWIND_REGS_CS 136
#define UNWIND_REGS_SP 152
#define UNWIND_CS_32 0x23
#else
#define UNWIND_REGS_FP (29 * 8)
#define UNWIND_REGS_LINK (30 * 8)
#define UNWIND_REGS_SP (31 * 8)
#define UNWIND_REGS_IP (32 * 8)
#define UNWIND_REGS_STATE (33 * 8)
#define UNWIND_STATE_32 0x10
#endif

/* A number of the kernel's; 0 if it can't be read or has no place. */
static __always_inline __u64 unwind_kernel(__u64 base, __s32 offset)
{
	__u64 value = 0;

	if (base && offset >= 0)
		bpf_probe_read_kernel(&value, sizeof(value), (void *)(base + offset));
	return value;
}

static __always_inline bool unwind_user(struct unwind_state *state, __u64 address, __u64 *value)
{
	return !bpf_probe_read_user(value, sizeof(*value), (void *)address);
}

#if defined(__TARGET_ARCH_x86)
#define UNWIND_X86_64
#endif
#include "bpf/unwind_step.h"

/*
 * The child of a node of a maple tree (include/linux/maple_tree.h) that an address belongs to: the first whose pivot, the last
 * address of it, isn't below. Where pivots end there is a 0. 0: not a node.
 */
static __always_inline __u64 unwind_child(struct unwind_state *state, __u64 entry, __u64 address)
{
	bool is_arange = (entry >> 3 & 15) == 3;
	__u64 node = entry & ~0xffull;
	__s32 pivots = is_arange ? unwind_config.arange_pivots : unwind_config.range_pivots;
	__s32 slots = is_arange ? unwind_config.arange_slots : unwind_config.range_slots;
	__u32 count = (__u32)(slots - pivots) / 8, i;

	if (bpf_probe_read_kernel(state->words, 15 * 8, (void *)(node + pivots)))
		return 0;
	for (i = 0; i < 15; i++) {
		if (i >= count || state->words[i] >= address || (i && !state->words[i]))
			break;
	}
	return unwind_kernel(node, slots + 8 * (__s32)i);
}

/* The mapping that may have the address: the caller checks. */
__noinline __u64 unwind_find_vma(struct unwind_stack *stack, __u64 address)
{
	__u64 mm = unwind_kernel(bpf_get_current_task(), unwind_config.task_mm);
	__u64 entry = unwind_kernel(mm, unwind_config.mm_tree + unwind_config.tree_root);
	__u32 type;

	if (!stack)
		return 0;
	for (int i = 0; i < UNWIND_TREE_DEPTH; i++) {
		/* xa_is_node() */
		if (entry <= 4096 || (!i && (entry & 3) != 2))
			return 0;
		/* leaf, range, arange */
		type = entry >> 3 & 15;
		if (type < 1 || type > 3)
			return 0;
		entry = unwind_child(&stack->state, entry, address);
		if (type == 1)
			return entry;
	}
	return 0;
}

/* A mapping of the kernel's own has a name: "[vdso]", "[uprobes]". Its first eight bytes. */
static __always_inline __u64 unwind_special_name(__u64 vma)
{
	__u64 special = unwind_kernel(vma, unwind_config.vma_private);

	return unwind_kernel(unwind_kernel(special, unwind_config.special_name), 0);
}

#define UNWIND_NAME_VDSO 0x5d6f7364765bull	/* "[vdso]" and a NUL */
#define UNWIND_NAME_UPROBES 0x65626f7270755bull /* "[uprobe" */

static __always_inline void unwind_name_file(__u64 inode, struct unwind_key *key)
{
	key->inode = unwind_kernel(inode, unwind_config.inode_number);
	key->device = unwind_kernel(unwind_kernel(inode, unwind_config.inode_super),
				    unwind_config.super_device);
}

static __always_inline void unwind_find_rows(struct unwind_state *state,
					     const struct unwind_key *key)
{
	struct unwind_file *file = bpf_map_lookup_elem(&unwind_files, key);

	state->is_unknown = !file;
	if (file) {
		state->first = file->first;
		state->count = file->count;
	}
}

/* The mapping of state.ip and its file's rows. 0; or UNWIND_NO_CODE. */
__noinline int unwind_locate(struct unwind_stack *stack)
{
	struct unwind_key key = {};
	struct unwind_state *state;
	__u64 address, vma, inode, name;

	if (!stack)
		return UNWIND_NO_CODE;
	state = &stack->state;
	address = state->ip - !state->is_exact;
	if (address >= state->start && address < state->end)
		return 0;
	state->is_unknown = 0;
	state->is_uprobes = 0;
	state->count = 0;
	vma = unwind_find_vma(stack, address);
	state->start = unwind_kernel(vma, unwind_config.vma_start);
	state->end = unwind_kernel(vma, unwind_config.vma_end);
	if (!vma || address < state->start || address >= state->end ||
	    (unwind_config.vma_flags >= 0 &&
	     !(unwind_kernel(vma, unwind_config.vma_flags) & UNWIND_VM_EXEC))) {
		state->end = 0;
		return UNWIND_NO_CODE;
	}
	state->delta = (unwind_kernel(vma, unwind_config.vma_offset) << unwind_config.page_shift) -
		       state->start;
	inode = unwind_kernel(unwind_kernel(vma, unwind_config.vma_file), unwind_config.file_inode);
	if (inode) {
		unwind_name_file(inode, &key);
		unwind_find_rows(state, &key);
		return 0;
	}
	name = unwind_special_name(vma);
	state->is_uprobes = (name & 0xffffffffffffffull) == UNWIND_NAME_UPROBES;
	if ((name & 0xffffffffffffffull) == UNWIND_NAME_VDSO) {
		state->delta = -state->start;
		key = UNWIND_VDSO;
		unwind_find_rows(state, &key);
		state->is_unknown = 0;
	}
	return 0;
}

/* The number of the last of `count` rows from `first` on that is at an offset or before it; -1: none. */
__noinline __s64 unwind_find_row(__u32 first, __u32 count, __u32 offset)
{
	__u32 low = 0, high = count, mid, at;
	struct unwind_row *row;

	for (int i = 0; i < UNWIND_ROW_STEPS && low < high; i++) {
		mid = low + (high - low) / 2;
		at = first + mid;
		row = bpf_map_lookup_elem(&unwind_rows, &at);
		if (!row)
			break;
		if (row->offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return (__s64)low - 1;
}

/* Return probes let functions return to where the mapping for uprobes begins. */
static __always_inline bool unwind_is_trampoline(struct unwind_stack *stack)
{
	struct unwind_state *state = &stack->state;
	int end;

	state->is_exact = 1;
	end = unwind_locate(stack);
	state->is_exact = 0;
	return !end && state->is_uprobes;
}

/*
 * ip is the trampoline of a return probe, whose address has replaced the one at `slot` (arm64: of the frame that begins there):
 * the kernel has kept it.
 */
static __always_inline void unwind_restore_return(struct unwind_state *state, __u64 slot)
{
	__u64 utask = unwind_kernel(bpf_get_current_task(), unwind_config.task_utask);
	__u64 at = unwind_kernel(utask, unwind_config.utask_returns);

	for (int i = 0; i < UNWIND_RETURNS && at; i++) {
		if (unwind_kernel(at, unwind_config.return_stack) == slot) {
			state->ip = unwind_kernel(at, unwind_config.return_address);
			return;
		}
		at = unwind_kernel(at, unwind_config.return_next);
	}
}

/* One frame outwards: state becomes its caller's. 0, or why there is none. */
__noinline int unwind_step(struct unwind_stack *stack)
{
	struct unwind_row *row = NULL;
	struct unwind_state *state;
	__u64 slot = 0, address;
	__s64 found = -1;
	__u32 at;
	int end;

	if (!stack)
		return UNWIND_NO_CODE;
	state = &stack->state;
	address = state->ip - !state->is_exact;
	if (state->count)
		found = unwind_find_row(state->first, state->count, address + state->delta);
	if (found >= 0) {
		at = state->first + found;
		row = bpf_map_lookup_elem(&unwind_rows, &at);
	}
	end = unwind_next(state, row, &slot);
	if (end)
		return end;
	if (!(state->ip & ((1ull << unwind_config.page_shift) - 1)) && unwind_is_trampoline(stack))
		unwind_restore_return(state, slot);
	return unwind_locate(stack);
}

/* The registers that the thread left user space with; false: it has none. */
static __always_inline bool unwind_start(struct unwind_stack *stack)
{
	__u64 regs = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct unwind_state *state = &stack->state;

	__builtin_memset(state, 0, offsetof(struct unwind_state, words));
	if (!unwind_kernel(bpf_get_current_task(), unwind_config.task_mm))
		return false;
	state->ip = unwind_kernel(regs, UNWIND_REGS_IP);
	state->sp = unwind_kernel(regs, UNWIND_REGS_SP);
	state->fp = unwind_kernel(regs, UNWIND_REGS_FP);
#ifdef UNWIND_REGS_LINK
	state->link = unwind_kernel(regs, UNWIND_REGS_LINK);
#endif
	state->is_exact = 1;
	return true;
}

static __always_inline bool unwind_is_32_bit(void)
{
	__u64 regs = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());

#if defined(__TARGET_ARCH_x86)
	return (unwind_kernel(regs, UNWIND_REGS_CS) & 0xffff) == UNWIND_CS_32;
#else
	return unwind_kernel(regs, UNWIND_REGS_STATE) & UNWIND_STATE_32;
#endif
}

/* A uprobe's instruction is executed elsewhere, out of line: where it really is. */
static __always_inline void unwind_restore_ip(struct unwind_state *state)
{
	__u64 utask = unwind_kernel(bpf_get_current_task(), unwind_config.task_utask);
	__u64 vaddr = unwind_kernel(utask, unwind_config.utask_vaddr);

	if (vaddr)
		state->ip = vaddr;
}

/* For user space to go on; before the record is sent that it belongs to. Its number; 0: there is no room, or no stack. */
__noinline __u32 unwind_send_cut(struct unwind_stack *stack)
{
	struct unwind_cut *cut;
	const void *from;
	__u32 number;

	if (!stack)
		return 0;
	cut = bpf_ringbuf_reserve(&unwind_cuts, sizeof(*cut), 0);
	if (!cut)
		return 0;
	from = (const void *)stack->state.sp;
	/* 23 bits, and none of them 0 */
	number = (__sync_fetch_and_add(&unwind_cut_count, 1) & 0x3fffff) + 1;
	cut->number = number;
	cut->tgid = pidns_current_ids() >> 32;
	cut->unused = 0;
	__builtin_memcpy(&cut->state, &stack->state, sizeof(cut->state));
	/* up to the stack's end, if that is near */
	cut->size = 0;
	for (int i = 0; i < UNWIND_CUT_BYTES / UNWIND_CUT_PART; i++) {
		if (bpf_probe_read_user(cut->bytes + i * UNWIND_CUT_PART, UNWIND_CUT_PART,
					from + i * UNWIND_CUT_PART))
			break;
		cut->size += UNWIND_CUT_PART;
	}
	bpf_ringbuf_submit(cut, BPF_RB_NO_WAKEUP);
	return number;
}

/* The current thread's user stack; see UNWIND_BYTES(). No frames: it has none. */
__noinline __u64 unwind_walk(struct unwind_stack *stack)
{
	__u64 first = 0, cut = 0;
	__u32 count = 0;
	int end;

	if (!stack || !unwind_start(stack))
		return 0;
	end = unwind_locate(stack);
	if (!end && stack->state.is_uprobes) {
		unwind_restore_ip(&stack->state);
		end = unwind_locate(stack);
	}
	stack->addrs[0] = stack->state.ip;
	if (unwind_is_32_bit())
		end = UNWIND_OTHER_MODE;
	for (count = 1; count < UNWIND_FRAMES && !end; count++) {
		end = unwind_step(stack);
		if (end)
			break;
		if (count == 1 && stack->state.is_by_pointer)
			first = UNWIND_FIRST_BY_POINTER;
		stack->addrs[count] = stack->state.ip;
	}
	if (!end)
		end = UNWIND_DEEP;
	if (end == UNWIND_UNKNOWN_FILE)
		cut = unwind_send_cut(stack);
	return cut << UNWIND_CUT_SHIFT | first | (__u64)end << 32 | 8 * count;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_question);
} unwind_questions SEC(".maps");

SEC("raw_tp")
int unwind_look_up(struct raw_context *ctx)
{
	__u64 address = ctx->args[0], vma, inode;
	struct unwind_question *question;
	__u32 zero = 0;

	question = bpf_map_lookup_elem(&unwind_questions, &zero);
	if (!question)
		return 1;
	vma = unwind_find_vma(&question->stack, address);
	if (unwind_kernel(vma, unwind_config.vma_start) > address ||
	    unwind_kernel(vma, unwind_config.vma_end) <= address)
		return 1;
	inode = unwind_kernel(unwind_kernel(vma, unwind_config.vma_file), unwind_config.file_inode);
	unwind_name_file(inode, &question->key);
	return !inode;
}

#endif /* BPF_UNWIND_BPF_H */
