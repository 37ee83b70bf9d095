/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of tcpconnect from recorded events.
 */
#include "replay.h"

#include "tcpconnect.c"
#undef main

static void replay_event(struct env *env, const struct tcpconnect_event *event, const char *name)
{
	const struct attempt attempt = { .event = event, .query = name };

	if (!env->names)
		assert_int_equal(handle_event(env, event, sizeof(*event)), 0);
	else
		assert_int_equal(row_print(&env->tool.rows, &attempt), 0);
}

static void replay_events(struct tool *tool, void *ctx)
{
	struct tcpconnect_event event = { .start = REPLAY_START + 1234567890,
					  .latency_ns = 123456,
					  .cgroup_id = 77,
					  .pid = 4242,
					  .tid = 4243,
					  .uid = 1000,
					  .netns = 4026531840u,
					  .fd = 5,
					  .result = TCPCONNECT_OK,
					  .family = AF_INET,
					  .source_port = 54321,
					  .port = 443,
					  .source = { 127, 0, 0, 1 },
					  .destination = { 203, 0, 113, 199 },
					  .comm = "curl" };
	struct env *env = ctx;

	(void)tool;
	replay_event(env, &event, "example.org");
	replay_event(env, &event,
		     "ex\x1b"
		     "ample.org");
	event.is_mapped = 1;
	event.fd = -1;
	event.result = TCPCONNECT_FAILED;
	event.error = -ECONNREFUSED;
	event.latency_ns = 1999999999;
	replay_event(env, &event, NULL);
	event.family = AF_INET6;
	event.is_mapped = 0;
	inet_pton(AF_INET6, "2001:db8:1234:5678:9abc:def0:1234:5678", event.destination);
	inet_pton(AF_INET6, "2001:db8::1", event.source);
	event.result = TCPCONNECT_CLOSED;
	memcpy(event.comm, "fifteen\tbytes!!", 16);
	event.pid = event.tid = 4194304;
	replay_event(env, &event, NULL);
	event.result = TCPCONNECT_OK_LATE;
	event.uid = 4294967294u;
	replay_event(env, &event, NULL);
	memset(event.source, 0, sizeof(event.source));
	event.source_port = 0;
	event.result = TCPCONNECT_PENDING;
	event.latency_ns = 600;
	replay_event(env, &event, NULL);
	event.result = TCPCONNECT_UNKNOWN;
	replay_event(env, &event, NULL);
	event.family = 0;
	event.result = TCPCONNECT_FAILED;
	event.error = -EFAULT;
	replay_event(env, &event, NULL);
	event.error = -9999;
	replay_event(env, &event, NULL);
	if (env->count)
		assert_int_equal(print_flows(env), 0);
	tally_clear(&env->flows);
}

REPLAY("tcpconnect", "tcpconnect", "tcpconnect -t -U -L --print-netns -d", "tcpconnect --early",
       "tcpconnect --early -d", "tcpconnect --json", "tcpconnect --json -d",
       "tcpconnect --json --early", "tcpconnect -c", "tcpconnect -c --json", "tcpconnect -c -s",
       "tcpconnect -c -s --json")
