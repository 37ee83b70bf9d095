/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What uthreads' two halves share. Include <linux/types.h> or vmlinux.h first. */
#ifndef UTHREADS_H
#define UTHREADS_H

#define UTHREADS_NAME_SIZE 64
#define UTHREADS_BY_KERNEL (-1u)

struct uthreads_event {
	__u64 ktime;
	__u32 pid, tid;
	__u32 place;	 /* its cookie, or UTHREADS_BY_KERNEL: the kernel started thread tid */
	__s32 name_size; /* with the NUL; 0: it has none; or negative errno */
	char name[UTHREADS_NAME_SIZE];
};

#endif /* UTHREADS_H */
