/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values at a probed place, as struct usdt_arg describes them, and which of the places in the map "places" was
 * hit: by its cookie, or where the kernel has none (before 5.15) by process and address. Include after vmlinux.h,
 * bpf_helpers.h and bpf_tracing.h.
 */
#ifndef RUNTIME_USDT_ARGS_BPF_H
#define RUNTIME_USDT_ARGS_BPF_H

#include "bpf/maps.bpf.h"
#include "bpf/pidns.bpf.h"
#include "runtime/runtime_place.h"

/* Set by user space: attach_features.cookie. */
const volatile bool usdt_use_cookie = true;

/* Resized by user space to the number of places. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct runtime_place_spec);
} places SEC(".maps");

/* Only filled without cookies: the index of a place; for the one return probe that a process may have: USDT_IP_RETURN. */
MAPS_HASH(usdt_ips, struct usdt_ip, __u32, 4096);

/* Without cookies: hits in processes that user space hadn't seen yet, of places that have the same address in their page. */
__u64 usdt_unknown = 0;

/* Which place it is: its cookie; -1: none of those known. */
static __always_inline __u32 usdt_place_number(struct pt_regs *ctx)
{
	struct usdt_ip key = { .ip = PT_REGS_IP(ctx), .tgid = pidns_current_ids() >> 32 };
	__u32 *found;

	if (usdt_use_cookie)
		return bpf_get_attach_cookie(ctx);
	found = bpf_map_lookup_elem(&usdt_ips, &key);
	if (!found) {
		/* At a return probe the address is where the function returns to. */
		key.ip = USDT_IP_RETURN;
		found = bpf_map_lookup_elem(&usdt_ips, &key);
	}
	if (!found) {
		/* A process that user space hasn't seen yet: pages keep the lower bits, if these are one place's alone. */
		key.ip = PT_REGS_IP(ctx) & USDT_IP_IN_PAGE;
		key.tgid = 0;
		found = bpf_map_lookup_elem(&usdt_ips, &key);
	}
	if (!found || *found == -1u)
		__sync_fetch_and_add(&usdt_unknown, 1);
	return found ? *found : -1u;
}

static __always_inline const struct runtime_place_spec *usdt_place(struct pt_regs *ctx)
{
	__u32 number = usdt_place_number(ctx);

	return bpf_map_lookup_elem(&places, &number);
}

/* What operands can name; arm64's pt_regs begins with it. */
#ifdef __TARGET_ARCH_arm64
#define USDT_REGS_SIZE sizeof(struct user_pt_regs)
#else
#define USDT_REGS_SIZE sizeof(struct pt_regs)
#endif

/* The context's slots are read as memory: the verifier allows no variable offset into it. */
static __always_inline __u64 usdt_reg(struct pt_regs *ctx, __u16 offset)
{
	__u64 value = 0;

	if (offset <= USDT_REGS_SIZE - sizeof(value))
		bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + offset);
	return value;
}

static __always_inline __u64 usdt_extend(__u64 value, __u8 size, bool is_signed)
{
	__u8 bits = 64 - 8 * (size & 15);

	if (!size || size >= 8)
		return value;
	value <<= bits;
	return is_signed ? (__u64)((__s64)value >> bits) : value >> bits;
}

static __always_inline __u64 usdt_address(struct pt_regs *ctx, const struct usdt_arg *arg)
{
	__u64 address = arg->disp, index;

	if (arg->reg != USDT_NO_REG)
		address += usdt_reg(ctx, arg->reg);
	if (arg->index != USDT_NO_REG) {
		index = usdt_reg(ctx, arg->index);
		if (arg->index_bits < 64)
			index = usdt_extend(index, 4, arg->index_bits == 33);
		address += index << (arg->scale & 3);
	}
	return address;
}

/* 0; -EFAULT when memory on the way isn't there; -ENOENT: the place doesn't have that value. */
static __always_inline long usdt_read(struct pt_regs *ctx, const struct usdt_arg *arg, __u64 *value)
{
	__u64 v = 0;
	long err;
	int i;

	switch (arg->kind) {
	case USDT_ARG_CONST:
		v = arg->disp;
		break;
	case USDT_ARG_REG:
		v = usdt_extend(usdt_reg(ctx, arg->reg) >> (arg->shift & 63), arg->size,
				arg->is_signed);
		break;
	case USDT_ARG_DEREF:
		err = bpf_probe_read_user(&v, sizeof(v), (void *)usdt_address(ctx, arg));
		if (err)
			return err;
		v = usdt_extend(v, arg->size, arg->is_signed);
		break;
	default:
		return -2; /* ENOENT */
	}
	for (i = 0; i < USDT_STEPS && i < arg->nr_steps; i++) {
		err = bpf_probe_read_user(&v, sizeof(v), (void *)(v + arg->steps[i]));
		if (err)
			return err;
	}
	if (arg->nr_steps)
		v = usdt_extend(v, arg->last_size, false);
	*value = v + arg->add;
	return 0;
}

/* Where the names of a Perl sub lie in memory: all end with a NUL; 0: it has none. */
struct usdt_perl_sub {
	__u64 package, name, file;
};

static __always_inline __u64 usdt_peek(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

#define PERL_SVf_ROK 0x800
#define PERL_SVt_PVGV 9
#define PERL_SVt_PVCV 13
#define PERL_CVf_ISXSUB 0x8
#define PERL_CVf_NAMED 0x8000

static __always_inline __u32 usdt_peek32(__u64 address)
{
	__u32 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* The text of a name: struct hek. */
static __always_inline __u64 usdt_perl_text(__u64 hek)
{
	return hek ? hek + 8 : 0;
}

/*
 * The body (XPVCV) of the sub that pp_entersub is about to call, 0 if there is none: the top of the interpreter's stack is
 * its code, a reference to it or its glob (sv.h, gv.h, cv.h of Perl 5.18 to 5.40, with threads: PL_stack_sp is my_perl's
 * first member).
 */
static __always_inline __u64 usdt_perl_code(__u64 my_perl)
{
	__u64 sv = usdt_peek(usdt_peek(my_perl));
	__u32 flags = usdt_peek32(sv + 12);

	if (flags & PERL_SVf_ROK) {
		sv = usdt_peek(sv + 16);
		flags = usdt_peek32(sv + 12);
	}
	if ((flags & 0xff) == PERL_SVt_PVGV) {
		sv = usdt_peek(usdt_peek(sv + 16) + 16);
		flags = usdt_peek32(sv + 12);
	}
	return (flags & 0xff) == PERL_SVt_PVCV ? usdt_peek(sv) : 0;
}

/* Is the sub written in C? Then it has no return. */
static __always_inline bool usdt_perl_is_xs(__u64 code)
{
	return usdt_peek32(code + 0x5c) & PERL_CVf_ISXSUB;
}

/* A sub has its name by itself and its package in its stash, or both in its glob. */
static __always_inline void usdt_perl_sub(__u64 my_perl, struct usdt_perl_sub *sub)
{
	__u64 code = usdt_perl_code(my_perl), hek, gv, stash;

	*sub = (struct usdt_perl_sub){};
	if (!code)
		return;
	if (usdt_peek32(code + 0x5c) & PERL_CVf_NAMED) {
		hek = usdt_peek(code + 0x38);
		stash = usdt_peek(code + 0x20);
	} else {
		gv = usdt_peek(usdt_peek(code + 0x38));
		hek = usdt_peek(gv + 0x20);
		stash = usdt_peek(gv + 0x28);
	}
	sub->name = usdt_perl_text(hek);
	sub->package = usdt_perl_text(usdt_peek(usdt_peek(stash) + 0x20));
	sub->file = usdt_peek(code + 0x40);
}

#define PERL_CURSTACKINFO 224
#define PERL_SI_PREV 16
#define PERL_SI_CXIX 32
#define PERL_STACKINFOS 16 /* sort blocks, overloading, destructors within each other */
#define PERL_CXIX_NOW (1 << 30)

/*
 * How many contexts (subs, loops, blocks) Perl is in, in all its stacks (struct interpreter; stackinfo in cop.h; Perl
 * 5.36). cxix: the index of the last one in the current stack, -1: none; PERL_CXIX_NOW: as the stack says itself. 0 if it
 * can't be read.
 */
static __always_inline __u32 usdt_perl_level(__u64 my_perl, __s32 cxix)
{
	__u64 info = usdt_peek(my_perl + PERL_CURSTACKINFO);
	__u32 level = 0;

	for (int i = 0; i < PERL_STACKINFOS && info; i++) {
		if (i || cxix == PERL_CXIX_NOW)
			cxix = usdt_peek32(info + PERL_SI_CXIX);
		level += cxix + 2;
		info = usdt_peek(info + PERL_SI_PREV);
	}
	return level;
}

#endif /* RUNTIME_USDT_ARGS_BPF_H */
