/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What ucalls's two halves share. Include <linux/types.h> or vmlinux.h first. */
#ifndef UCALLS_H
#define UCALLS_H

#define UCALLS_METHODS_MAX 16384 /* a power of two; kept below 64k */
#define UCALLS_SYSCALLS_MAX 1024 /* a power of two */
#define UCALLS_SYSCALL_OTHER \
	(UCALLS_SYSCALLS_MAX - 1) /* all of 32-bit programs, whose numbers are others */
#define UCALLS_OWNER_SIZE 256	  /* with a NUL: longer ones are cut */
#define UCALLS_NAME_SIZE 96

/* A method. The bytes after the strings are zeros. */
struct ucalls_key {
	/* Lengths, or -ENOENT: there is none, or why it could not be read. */
	__s16 owner_len, name_len;
	__u32 owner_is_file; /* the language has no classes */
	char owner[UCALLS_OWNER_SIZE];
	char name[UCALLS_NAME_SIZE];
};

struct ucalls_method {
	__u32 id;   /* index of its counts */
	__u32 line; /* where it begins, in the owning file; 0: not known */
};

struct ucalls_count {
	__u64 calls;
	__u64 total_ns; /* of those that have ended; one within another of the same is a part of that */
	__u64 self_ns; /* without what they called */
	__u64 claims;  /* the kernel side's: see new_id() */
};

#endif /* UCALLS_H */
