/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What uobjnew's two halves share. Include <linux/types.h> or vmlinux.h first. */
#ifndef UOBJNEW_H
#define UOBJNEW_H

#define UOBJNEW_NAME_SIZE 96
#define UOBJNEW_CLASSES_MAX 16384

struct uobjnew_key {
	char name[UOBJNEW_NAME_SIZE]; /* of the class, zero-padded */
	__u32 place; /* its cookie, if the place has no name: what it is says which kind of object */
	__s32 error; /* negative errno: the name could not be read */
};

struct uobjnew_counts {
	__u64 objects, bytes;
};

#endif /* UOBJNEW_H */
