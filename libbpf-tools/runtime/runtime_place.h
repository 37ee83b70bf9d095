/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What both halves of a tool know of a place in a language runtime: which event it is, and where the
 * event's values are when it is hit. The kernel side reads them by runtime/usdt_args.bpf.h.
 */
#ifndef RUNTIME_RUNTIME_PLACE_H
#define RUNTIME_RUNTIME_PLACE_H

enum runtime_event {
	RUNTIME_METHOD_ENTRY,
	RUNTIME_METHOD_RETURN, /* also when left by an exception, unless the route's note says otherwise */
	RUNTIME_METHOD_UNWIND, /* methods above RUNTIME_LEVEL are left, by an exception or a jump, without returning */
	RUNTIME_GC_BEGIN,
	RUNTIME_GC_END,
	RUNTIME_OBJECT,	   /* an object was made */
	RUNTIME_CLASS,	   /* a class, module or source file was loaded */
	RUNTIME_EXCEPTION, /* thrown */
	RUNTIME_THREAD_START,
	RUNTIME_THREAD_STOP,
	RUNTIME_METHOD_COUNT, /* a call, where its number can be had cheaper or safer than its name */
	RUNTIME_EVENTS,
	/* Attached for its semaphore only: nobody runs this place. No event. */
	RUNTIME_ENABLER = RUNTIME_EVENTS,
};

/* The values that an event may have. */
enum runtime_role {
	RUNTIME_CLASS_NAME,  /* address of the bytes of a string */
	RUNTIME_CLASS_LEN,   /* its length; if this is USDT_ARG_NONE, the string ends with a NUL */
	RUNTIME_METHOD_NAME, /* of a method; of a thread */
	RUNTIME_METHOD_LEN,
	RUNTIME_FILE_NAME, /* ends with a NUL */
	RUNTIME_LINE,
	RUNTIME_NUMBER, /* bytes of an object; generation of a collection */
	/*
	 * Rises from each method to those that it calls, the same at a method's entry and return: for runtimes whose
	 * methods may end without RUNTIME_METHOD_RETURN. Others don't have it.
	 */
	RUNTIME_LEVEL,
	RUNTIME_ROLES,
};

/* How the names are found, beyond what struct usdt_arg can say. */
enum runtime_reader {
	RUNTIME_READ_ARGS, /* by args[] alone */
	RUNTIME_READ_PERL_SUB, /* args[RUNTIME_METHOD_NAME] is my_perl: usdt_perl_sub(); usdt_perl_level() */
	RUNTIME_READ_JAVA,	   /* by args[]; a method left by an exception may have no return */
	RUNTIME_READ_RUBY_CMETHOD, /* by args[]; Kernel#raise has no return, but RUNTIME_EXCEPTION */
};

enum usdt_arg_kind {
	USDT_ARG_NONE,
	USDT_ARG_CONST, /* disp */
	USDT_ARG_REG,	/* a register */
	USDT_ARG_DEREF, /* *(reg + index << scale + disp) */
};

#define USDT_NO_REG 0xffff
#define USDT_IP_RETURN 0 /* in place of the address, see usdt_ips */
#define USDT_STEPS 4

/*
 * One value: a USDT operand or an argument of a function, then nr_steps times value = *(u64 *)(value + steps[i])
 * (the last of them `size` bytes wide), then value + add.
 */
struct usdt_arg {
	__s64 disp;
	__u16 reg; /* byte offset in the probe's pt_regs, or USDT_NO_REG */
	__u16 index;
	__u8 kind; /* enum usdt_arg_kind */
	__u8 size; /* 1, 2, 4, 8 bytes */
	__u8 is_signed;
	__u8 shift;	 /* REG: bits to the right first, 8 for %ah */
	__u8 scale;	 /* DEREF: bits to the left for the index */
	__u8 index_bits; /* DEREF: 32: a w register, 33: the same, sign-extended; else 64 */
	__u8 nr_steps;
	__u8 last_size; /* of the last step, 1, 2, 4, 8 bytes, zero-extended */
	__s16 steps[USDT_STEPS];
	__s16 add;
	__u8 pad[2];
};

/* An element of the map of places: its index is the place's cookie. */
struct runtime_place_spec {
	__u8 event;   /* enum runtime_event */
	__u8 lang;    /* enum runtime_lang */
	__u8 reader;  /* enum runtime_reader */
	__u8 is_part; /* one more pause of a collection that has been counted already */
	__u32 pad;
	struct usdt_arg args[RUNTIME_ROLES];
};

/* Without cookies, a place is known by where it is. */
struct usdt_ip {
	__u64 ip; /* run-time address of the place; with tgid 0: the USDT_IP_IN_PAGE part of it, in any process */
	__u32 tgid;
	__u32 pad;
};

#define USDT_IP_IN_PAGE 0xfff

#endif /* RUNTIME_RUNTIME_PLACE_H */
