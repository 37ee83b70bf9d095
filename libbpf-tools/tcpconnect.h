/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What both halves of tcpconnect share.
 */
#ifndef TCPCONNECT_H
#define TCPCONNECT_H

#define TCPCONNECT_RANGES_MAX 64

enum tcpconnect_result {
	TCPCONNECT_PENDING, /* no answer yet */
	TCPCONNECT_OK,	    /* established */
	TCPCONNECT_FAILED,  /* see error */
	TCPCONNECT_CLOSED,  /* given up by the program before an answer came */
	TCPCONNECT_OK_LATE, /* established, but when is not known: the kernel skipped a program */
	TCPCONNECT_UNKNOWN, /* it has ended, but how is not known either */
};

/* A range of destination ports, its ends included. */
struct tcpconnect_range {
	__u16 first, last;
};

/* An attempt: the record, and the value of the map of those under way. */
struct tcpconnect_event {
	__u64 start;	  /* when it began */
	__u64 latency_ns; /* until the result was known */
	__u64 cgroup_id;
	__u64 inode; /* of the socket, in the map: which one it is */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 netns;	   /* its inode number */
	__s32 error;	   /* a negative errno, with TCPCONNECT_FAILED */
	__s32 fd;	   /* given to connect(); -1: by another call */
	__u16 result;	   /* enum tcpconnect_result */
	__u16 family;	   /* on the wire: AF_INET or AF_INET6; 0: address unknown */
	__u16 source_port; /* 0: unknown */
	__u16 port;
	__u8 is_mapped; /* IPv4 by an IPv6 socket */
	__u8 unused[3];
	__u8 source[16]; /* the first 4 bytes with AF_INET */
	__u8 destination[16];
	char comm[16];
};

#endif /* TCPCONNECT_H */
