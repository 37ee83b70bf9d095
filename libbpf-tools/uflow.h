/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What both halves of uflow share. Include <linux/types.h> or vmlinux.h first.
 */
#ifndef UFLOW_H
#define UFLOW_H

#define UFLOW_NAME_SIZE 256 /* of a class or method, with its NUL; a longer one is cut */
#define UFLOW_FILE_SIZE 256
#define UFLOW_PREFIX_SIZE 64

enum uflow_kind {
	UFLOW_ENTER,
	UFLOW_LEAVE,
	UFLOW_UNWIND, /* all frames deeper than depth are gone, by an exception; no strings */
	UFLOW_EXIT,   /* the thread has ended; no strings */
};

enum uflow_string { UFLOW_CLASS, UFLOW_METHOD, UFLOW_FILE, UFLOW_STRINGS };

/*
 * A record. depth is that of the frame entered or left, 1 for the outermost; 0 for the return from
 * a call that began before we looked. A return has strings only if there was no record of its call.
 */
struct uflow_event {
	__u64 time; /* ktime */
	/*
	 * ktime of an entry, which identifies a frame in its thread: LEAVE: of the one left, ENTER: of
	 * the calling one. 0: not known.
	 */
	__u64 frame;
	__u64 number; /* of the thread's records: what is lacking was lost */
	__u32 pid, tid;
	__u32 cpu;
	__u32 depth;
	__u32 line; /* 0: not known */
	__u8 kind;
	__u8 unused;
	/* Bytes of each string, without a NUL, one after the other in data; or the negative errno. */
	__s16 lens[UFLOW_STRINGS];
	char comm[16];
	char data[];
};

/* What user space wants, as read-only data. */
struct uflow_config {
	__u32 max_depth;	     /* 0: any */
	__u32 class_len, method_len; /* of the prefixes to match; 0: any */
	char class_prefix[UFLOW_PREFIX_SIZE], method_prefix[UFLOW_PREFIX_SIZE];
};

#endif /* UFLOW_H */
