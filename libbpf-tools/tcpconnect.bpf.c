/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tcpconnect, kernel side. An attempt is a socket's time in the state SYN_SENT, which it enters in
 * the context of the process that connects, and mostly leaves in another one. A call of connect()
 * that fails before it gets there is an attempt, too.
 */
#include <vmlinux.h>

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcpconnect.h"

#include "bpf/events.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/syscalls.bpf.h"
#include "bpf/blind.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define IPPROTO_MPTCP 262
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
/* For the kernel only: include/linux/errno.h. */
#define ERESTARTSYS 512

const volatile bool with_early = false;
const volatile bool failed_only = false;
const volatile __u64 least_ns = 0;
const volatile __u16 only_family = 0;
const volatile __u32 only_netns = 0;
const volatile __u32 range_count = 0;
const volatile struct tcpconnect_range ranges[TCPCONNECT_RANGES_MAX] = {};

/* By socket; the kernel uses a socket's address again, so that each attempt has an identity, too. */
MAPS_HASH(attempts, __u64, struct tcpconnect_event, 8192);

/* A call of connect() under way. */
struct call {
	__u64 socket; /* struct sock, and its inode number */
	__u64 inode;
	__u64 start;
	__u64 address;
	__s32 fd;
	bool is_mptcp;	/* whose attempt is that of another socket, which the kernel makes */
	bool has_begun; /* an attempt */
};

/* By thread. */
MAPS_HASH(calls, __u32, struct call, 8192);

/* vmlinux.h has no private_data. */
struct file___socket {
	void *private_data;
} __attribute__((preserve_access_index));

static __always_inline bool is_wanted(const struct tcpconnect_event *event)
{
	__u32 i;

	if (only_family && event->family != only_family)
		return false;
	if (only_netns && event->netns != only_netns)
		return false;
	for (i = 0; i < TCPCONNECT_RANGES_MAX && i < range_count; i++) {
		if (event->port >= ranges[i].first && event->port <= ranges[i].last)
			return true;
	}
	return !range_count;
}

/* Who connects: the current process. */
static __always_inline void set_process(struct tcpconnect_event *event, const struct sock *sk,
					__s32 fd)
{
	PIDNS_SET_CURRENT(event);
	event->fd = fd;
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/*
 * An IPv6 address, or the IPv4 one that it stands for: RFC 4291, 2.5.5.2. True if it is the latter.
 */
static __always_inline bool unmap_address(__u8 address[16])
{
	__u32 *words = (__u32 *)address;

	if (words[0] || words[1] || words[2] != bpf_htonl(0xffff))
		return false;
	words[0] = words[3];
	words[1] = words[2] = words[3] = 0;
	return true;
}

static __always_inline void set_destination(struct tcpconnect_event *event, const struct sock *sk)
{
	event->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	event->port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (event->family == AF_INET) {
		bpf_core_read(event->destination, 4, &sk->__sk_common.skc_daddr);
		return;
	}
	bpf_core_read(event->destination, 16, &sk->__sk_common.skc_v6_daddr);
	event->is_mapped = unmap_address(event->destination);
	if (event->is_mapped)
		event->family = AF_INET;
}

/* inet_sport, as skc_num is cleared before the socket is seen closed. */
static __always_inline void set_source(struct tcpconnect_event *event, const struct sock *sk)
{
	event->source_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	if (event->family == AF_INET)
		bpf_core_read(event->source, 4, &sk->__sk_common.skc_rcv_saddr);
	else
		bpf_core_read(event->source, 16, &sk->__sk_common.skc_v6_rcv_saddr);
}

/* Not raw sockets, which may carry TCP, too. */
static __always_inline bool is_stream(const struct sock *sk, int protocol)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	       BPF_CORE_READ(sk, sk_protocol) == protocol;
}

/*
 * What distinguishes a program's socket from every other one: the inode number of its file. 0: none; those that the
 * kernel itself connects have no file, or only later (MPTCP), and one that a server is about to accept has none.
 */
static __always_inline __u64 get_inode(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

/* Once the result is known, or that it will never be. */
static __always_inline void send_result(void *ctx, struct tcpconnect_event *event)
{
	if (failed_only && (event->result == TCPCONNECT_OK || event->result == TCPCONNECT_OK_LATE))
		return;
	if (event->latency_ns >= least_ns)
		events_send(ctx, event, sizeof(*event), 0);
}

static __always_inline void
end_attempt(void *ctx, __u64 key, const struct tcpconnect_event *attempt, __u16 result, __s32 error)
{
	struct tcpconnect_event event = *attempt;

	event.result = result;
	event.error = error;
	event.latency_ns = bpf_ktime_get_ns() - event.start;
	/* Else it may be another's. */
	if (result != TCPCONNECT_UNKNOWN)
		set_source(&event, (struct sock *)key);
	send_result(ctx, &event);
	bpf_map_delete_elem(&attempts, &key);
}

static __always_inline void begin_attempt(void *ctx, __u64 key, __u64 start, __s32 fd)
{
	const struct sock *sk = (struct sock *)key;
	struct tcpconnect_event event = { .start = start }, *older;

	older = bpf_map_lookup_elem(&attempts, &key);
	if (older)
		end_attempt(ctx, key, older, TCPCONNECT_UNKNOWN, 0);
	if (!filter_allows_current())
		return;
	set_process(&event, sk, fd);
	set_destination(&event, sk);
	set_source(&event, sk);
	event.inode = get_inode(sk);
	if (!is_wanted(&event))
		return;
	if (with_early)
		events_send(ctx, &event, sizeof(event), 0);
	else if (bpf_map_update_elem(&attempts, &key, &event, BPF_ANY))
		events_count_lost(0);
}

static __always_inline int enter_state(void *ctx, __u64 key, int state)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call *call;
	__s32 fd = -1;

	if (state != TCP_SYN_SENT || !is_stream((struct sock *)key, IPPROTO_TCP))
		return 0;
	call = bpf_map_lookup_elem(&calls, &tid);
	if (call && (call->socket == key || call->is_mptcp)) {
		call->has_begun = true;
		fd = call->fd;
	}
	begin_attempt(ctx, key, bpf_ktime_get_ns(), fd);
	return 0;
}

/*
 * inet_sock_set_state(sock, old state, new state). Beginning and end are two programs, as the kernel does not run one that it
 * has interrupted itself: an answer may come while another attempt begins.
 */
SEC("raw_tp")
int attempt_begins(struct raw_context *ctx)
{
	return enter_state(ctx, ctx->args[0], ctx->args[2]);
}

/* At the two functions, of a socket and its new state, that have this tracepoint. */
SEC("kprobe.multi")
int probe_begins(struct function_context *ctx)
{
	return enter_state(ctx, ctx->first, ctx->second);
}

/*
 * Is this the attempt's socket, and still that attempt? Not if the kernel has kept its end from us. A socket
 * that a server is about to accept, established or reset before it is, has a client's port there.
 */
static __always_inline bool is_same(const struct tcpconnect_event *attempt, const struct sock *sk)
{
	const __u32 *old = (const __u32 *)attempt->destination, *new;
	struct tcpconnect_event now = {};

	set_destination(&now, sk);
	new = (const __u32 *)now.destination;
	return (!attempt->inode || attempt->inode == get_inode(sk)) && attempt->port == now.port &&
	       old[0] == new[0] && old[1] == new[1] && old[2] == new[2] && old[3] == new[3];
}

static __always_inline int leave_state(void *ctx, __u64 key, int old_state, int state)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct sock *sk = (void *)key;
	struct tcpconnect_event *attempt;
	struct call *call;
	int error;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE)
		return 0;
	attempt = bpf_map_lookup_elem(&attempts, &key);
	if (!attempt)
		return 0;
	error = BPF_CORE_READ(sk, sk_err);
	call = bpf_map_lookup_elem(&calls, &tid);
	if (!is_same(attempt, sk))
		end_attempt(ctx, key, attempt, TCPCONNECT_UNKNOWN, 0);
	else if (state == TCP_ESTABLISHED)
		end_attempt(ctx, key, attempt, TCPCONNECT_OK, 0);
	else if (old_state != TCP_SYN_SENT && old_state != TCP_SYN_RECV)
		end_attempt(ctx, key, attempt, TCPCONNECT_OK_LATE, 0);
	else if (error)
		end_attempt(ctx, key, attempt, TCPCONNECT_FAILED, -error);
	else if (BPF_CORE_READ(sk, sk_socket, state) != SS_UNCONNECTED)
		end_attempt(ctx, key, attempt, TCPCONNECT_CLOSED, 0);
	/* By connect() itself, which is about to tell why: end_connect() ends it. */
	else if (!call || call->socket != key)
		end_attempt(ctx, key, attempt, TCPCONNECT_UNKNOWN, 0);
	return 0;
}

SEC("raw_tp")
int attempt_ends(struct raw_context *ctx)
{
	return leave_state(ctx, ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("kprobe.multi")
int probe_ends(struct function_context *ctx)
{
	struct sock *sk = (void *)ctx->first;

	return leave_state(ctx, ctx->first, BPF_CORE_READ(sk, __sk_common.skc_state), ctx->second);
}

/* For the tool to run at its end: whether the attempt of the socket args[0] is still under way. */
SEC("raw_tp")
int attempt_is_pending(struct raw_context *ctx)
{
	__u64 key = ctx->args[0];
	const struct tcpconnect_event *attempt = bpf_map_lookup_elem(&attempts, &key);
	struct sock *sk = (void *)key;

	return attempt && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT &&
	       is_same(attempt, sk);
}

/* The socket of a descriptor; NULL if it is something else. */
static __always_inline struct socket *get_socket(__u64 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return BPF_CORE_READ((struct file___socket *)file, private_data);
}

SYSCALLS_ENTER(connect, args)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call call = {};
	struct socket *socket;
	struct sock *sk;

	if (!filter_allows_current())
		return 0;
	socket = get_socket((__u32)args[0]);
	/* On one that is connecting or connected already, no attempt begins. */
	if (!socket || BPF_CORE_READ(socket, state) != SS_UNCONNECTED)
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	call.is_mptcp = is_stream(sk, IPPROTO_MPTCP);
	if (!call.is_mptcp && !is_stream(sk, IPPROTO_TCP))
		return 0;
	call.fd = args[0];
	call.socket = (__u64)sk;
	call.inode = get_inode(sk);
	call.start = bpf_ktime_get_ns();
	call.address = args[1];
	/* Of most calls, an attempt says more. */
	if (bpf_map_update_elem(&calls, &tid, &call, BPF_ANY))
		events_count_doubtful();
	return 0;
}

/* struct sockaddr_in and sockaddr_in6 in one. */
struct user_address {
	__u16 family;
	__be16 port;
	__u8 in[4]; /* IPv6: flow label */
	__u8 in6[16];
};

/*
 * As the caller named it. False: it isn't one to connect to, as AF_UNSPEC dissolves a connection.
 */
static __always_inline bool read_destination(struct tcpconnect_event *event, const void *user)
{
	struct user_address address = {};

	/* An IPv4 address may be the last thing in readable memory. */
	if (bpf_probe_read_user(&address, offsetof(struct user_address, in6), user))
		return true;
	if (address.family == AF_INET6 && bpf_probe_read_user(&address, sizeof(address), user))
		return true;
	if (address.family == AF_INET) {
		__builtin_memcpy(event->destination, address.in, sizeof(address.in));
	} else if (address.family == AF_INET6) {
		__builtin_memcpy(event->destination, address.in6, sizeof(address.in6));
		event->is_mapped = unmap_address(event->destination);
	} else {
		return false;
	}
	event->family = event->is_mapped ? AF_INET : address.family;
	event->port = bpf_ntohs(address.port);
	return true;
}

/*
 * A call that failed before the socket got anywhere: no route, a forbidden or a strange address. Or one whose
 * attempt the kernel did not let begin above.
 */
static __always_inline void record_call(void *ctx, const struct call *call, __s64 result)
{
	struct sock *sk = (struct sock *)call->socket;
	struct tcpconnect_event event = {
		.start = call->start,
		.latency_ns = bpf_ktime_get_ns() - call->start,
		.result = result ? TCPCONNECT_FAILED : TCPCONNECT_OK,
		.error = result,
	};

	if (!read_destination(&event, (void *)call->address))
		return;
	set_process(&event, sk, call->fd);
	if (result)
		event.source_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	else
		set_source(&event, sk);
	if (is_wanted(&event))
		send_result(ctx, &event);
}

/* Has a call of connect() that returned this brought an attempt to its end? */
static __always_inline bool is_final(__s64 result)
{
	return result != -EINPROGRESS && result != -EALREADY && result != -EISCONN &&
	       result != -ERESTARTSYS;
}

static __always_inline void end_connect(void *ctx, const struct call *call, __s64 result)
{
	__u64 key = call->socket;
	const struct sock *sk = (struct sock *)key;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	struct tcpconnect_event *attempt;

	if (!returning_has(1, call->address) || call->inode != get_inode(sk))
		return;
	/* Of an attempt its own socket says it. */
	if (call->is_mptcp) {
		if (!call->has_begun && result && is_final(result))
			record_call(ctx, call, result);
		return;
	}
	if (state == TCP_SYN_SENT) {
		/* Under way; with TCP_FASTOPEN_CONNECT not even on the wire, whatever connect() says. */
		if (!call->has_begun)
			begin_attempt(ctx, key, call->start, call->fd);
		return;
	}
	if (!is_final(result))
		return;
	if (!call->has_begun) {
		record_call(ctx, call, result);
		return;
	}
	/* Only now, as the state changes after the program for that has run. */
	attempt = bpf_map_lookup_elem(&attempts, &key);
	if (attempt)
		end_attempt(ctx, key, attempt, result ? TCPCONNECT_FAILED : TCPCONNECT_OK, result);
}

SYSCALLS_LEAVE(ctx, result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (!call)
		return 0;
	end_connect(ctx, call, result);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
