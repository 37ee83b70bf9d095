/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Include after vmlinux.h or linux/types.h. What bpf/unwind.bpf.h, which follows user stacks by unwinding tables, shares with lib/unwind.c, which provides the tables.
 */
#ifndef BPF_UNWIND_STATE_H
#define BPF_UNWIND_STATE_H

/* The most frames of a stack: the kernel's own limit, too. */
#define UNWIND_FRAMES 127

/* Why a stack ends. */
enum unwind_end {
	UNWIND_GOES_ON,
	UNWIND_COMPLETE,     /* there is no caller: a table says so, or a frame pointer of 0 */
	UNWIND_DEEP,	     /* UNWIND_FRAMES frames, and there are more */
	UNWIND_NO_RULE,	     /* the table has a rule of a kind that isn't followed */
	UNWIND_UNREADABLE,   /* the stack's memory can't be read */
	UNWIND_UNKNOWN_FILE, /* the file's table hadn't been read yet */
	UNWIND_NO_CODE,	     /* what should be a return address isn't in any code */
	UNWIND_NO_CHAIN,     /* code without a table, and the frame pointer is none */
	UNWIND_OTHER_MODE,   /* a 32-bit process */
	UNWIND_ENDS,
};

/*
 * What unwind_walk() returns: bytes of addresses, the end, whether the first caller is by frame pointer, and of a stack that ends
 * at UNWIND_UNKNOWN_FILE the number of the struct unwind_cut by which user space can finish it (0: there is none).
 */
#define UNWIND_BYTES(result) ((__u32)(result))
#define UNWIND_END(result) ((__u32)((result) >> 32) & 0xff)
#define UNWIND_FIRST_BY_POINTER (1ull << 40)
#define UNWIND_CUT_SHIFT 41
#define UNWIND_CUT(result) ((__u32)((result) >> UNWIND_CUT_SHIFT))

/* As enum bsl_unwind_kind and struct bsl_unwind_row of blazesym-lite.h, which the kernel's half can't include. */
enum unwind_kind {
	UNWIND_NONE,
	UNWIND_CALLERLESS,
	UNWIND_SP,
	UNWIND_FP,
	UNWIND_SP_LEAF,
	UNWIND_FP_LEAF,
	UNWIND_AT_FP,
	UNWIND_AT_SP,
	UNWIND_STUB11,
	UNWIND_STUB10,
	UNWIND_SIGNAL,
	UNWIND_OTHER,
};

#define UNWIND_RET_ONLY 0x80

struct unwind_row {
	__u32 offset;
	__s16 cfa;
	__u8 kind;
	__s8 fp;
};

/* Where the kernel's structures have what is needed, in bytes; lib/core.h finds it. Negative: nowhere. */
struct unwind_config {
	__s32 task_mm, task_utask;
	__s32 mm_tree, tree_root;			 /* mm_struct.mm_mt, maple_tree.ma_root */
	__s32 range_pivots, range_slots;		 /* maple_range_64 */
	__s32 arange_pivots, arange_slots;		 /* maple_arange_64 */
	__s32 vma_start, vma_end, vma_flags, vma_offset; /* vm_area_struct; vm_pgoff */
	__s32 vma_file, vma_private, special_name;
	__s32 file_inode, inode_number, inode_super, super_device;
	__s32 utask_returns, utask_vaddr;
	__s32 return_stack, return_address, return_next; /* return_instance */
	__u32 page_shift;
};

/* A file, as the kernel's mappings of it have it: stat(2) may say otherwise, on overlayfs for example. */
struct unwind_key {
	__u64 inode;
	__u32 device;
	__u32 unused;
};

/* The vDSO's: it has no file. */
#define UNWIND_VDSO ((struct unwind_key){ .device = ~0u })

struct unwind_file {
	__u32 first, count; /* its rows; 0: it has no table */
};

/* Between two frames. */
struct unwind_state {
	__u64 ip, sp, fp;
	__u64 link;		 /* arm64: x30 */
	__u64 start, end, delta; /* the mapping with ip; what makes a file offset of an address */
	__u32 first, count;	 /* its file's rows */
	__u8 is_exact;	    /* ip is where an instruction begins, not where a call returns to */
	__u8 is_unknown;    /* of its file nothing is known yet */
	__u8 is_uprobes;    /* it is the kernel's, for uprobes */
	__u8 is_by_pointer; /* the last step was by frame pointer */
	__u32 unused;
	__u64 words[16]; /* of a node of the tree of mappings */
};

/* In memory that is no other program's meanwhile. */
struct unwind_stack {
	__u64 addrs[UNWIND_FRAMES]; /* innermost first */
	struct unwind_state state;
};

#define UNWIND_CUT_BYTES 8192

/* A stack met code of a file of which nothing is known: all that it takes to go on from there. */
struct unwind_cut {
	__u32 number;
	__u32 tgid; /* in the tool's PID namespace; 0: it isn't in it */
	struct unwind_state state;
	__u32 size; /* bytes from the stack pointer on */
	__u32 unused;
	__u8 bytes[UNWIND_CUT_BYTES];
};

/* A question of lib/unwind.c in its own process: how does the kernel call the file that is mapped at an address? */
struct unwind_question {
	struct unwind_key key;
	struct unwind_stack stack; /* room */
};

#endif /* BPF_UNWIND_STATE_H */
