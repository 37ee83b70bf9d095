/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The record that both halves of execsnoop share.
 */
#ifndef EXEC_EXEC_EVENT_H
#define EXEC_EXEC_EVENT_H

#define EXECSNOOP_PATH_SIZE 4096  /* PATH_MAX: the kernel takes no longer one */
#define EXECSNOOP_NAME_SIZE 256	  /* NAME_MAX and a NUL: a directory or control group */
#define EXECSNOOP_ARGS_SIZE 32768 /* of the arguments, what is more is cut */
#define EXECSNOOP_ARGS_MAX 512	  /* as many of a failed call's */
#define EXECSNOOP_ENV_SIZE 16384  /* of the environment */
#define EXECSNOOP_PIECE_SIZE 4096 /* a failed call's are read in pieces of this size */

enum execsnoop_flags {
	EXECSNOOP_ARGS_CUT = 1 << 0,
	EXECSNOOP_ENV_CUT = 1 << 1,
	EXECSNOOP_HAS_ARGC = 1 << 2,
	EXECSNOOP_HAS_OLD_COMM = 1 << 3,
	EXECSNOOP_IS_SET_ID =
		1 << 4, /* the effective user or group is the file's, by its set-id bits */
	EXECSNOOP_HAS_AUDIT_IDS = 1 << 5,
};

struct execsnoop_event {
	__u64 ktime;
	__u64 cgroup_id;
	__u32 pid;
	__u32 tid; /* of the thread that called */
	__u32 ppid;
	__u32 uid, gid;
	__u32 euid, egid;	   /* effective, after the call */
	__u32 loginuid, sessionid; /* of audit, with EXECSNOOP_HAS_AUDIT_IDS; all ones: not set */
	__u32 mntns;
	__u32 cpu;
	__s32 result;
	__u32 flags; /* enum execsnoop_flags */
	__u32 argc;  /* all of them, with EXECSNOOP_HAS_ARGC */
	__s32 dirfd; /* execveat's, else AT_FDCWD */
	/*
	 * The parts of text, in this order; their lengths in bytes, strings with their NUL, or the
	 * negative errno of reading one. File: as the caller named it. Interpreter: what was
	 * executed in the end, empty for a failed call. Exe: where that file is, its components, last one
	 * first. Cgroup: the last component. Cwd: as exe. Arguments, environment: one NUL-terminated
	 * string after the other.
	 */
	__s32 file_len, interpreter_len, exe_len, cgroup_len, cwd_len, args_len, env_len;
	__u32 exe_flags, cwd_flags; /* enum path_flags */
	__s32 args_error;	    /* 0, or the negative errno of reading one, or their array */
	/* A bit for each argument that could not be read, which is empty in text. */
	__u64 unread[EXECSNOOP_ARGS_MAX / 64];
	char comm[16];	   /* after the call */
	char old_comm[16]; /* before it, with EXECSNOOP_HAS_OLD_COMM */
	char parent_comm[16];
	/* Room for what the verifier believes that the parts before the arguments can take, and a piece more. */
	char text[8 * EXECSNOOP_PATH_SIZE + EXECSNOOP_ARGS_SIZE + EXECSNOOP_ENV_SIZE +
		  EXECSNOOP_PIECE_SIZE];
};

#endif /* EXEC_EXEC_EVENT_H */
