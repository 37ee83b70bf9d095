#!/bin/sh
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# The demonstration behind `make demo`: a private redis-server on a free loopback port, two commands
# sent to it, and trace telling what the server was told. Nothing outlives it, no other server is
# touched. Exit: 0 if trace saw both commands, 1 if not.
set -eu

BUILD=${BUILD:-build}
SERVER=/usr/bin/redis-server
SPEC="$SERVER:createStringObject \"%s\" arg1"

die() {
	echo "demo: $*" >&2
	exit 1
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is over
wait_for() {
	tenths=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tenths=$((tenths - 1))
		[ $tenths -gt 0 ] || return 1
		sleep 0.1
	done
}

gone() {
	! kill -0 "$1"
}

# stop PID: politely, then not; prints nothing, returns its exit status
stop() {
	kill "$1" 2>/dev/null || :
	wait_for 5 gone "$1" || kill -KILL "$1"
	wait "$1" 2>/dev/null
}

clean_up() {
	trap - EXIT
	for pid in $trace_pid $server_pid; do
		stop "$pid" || :
	done
	rm -rf "$dir"
}

# server_start: on the first free port of a few; redis-server itself says which is taken
server_start() {
	for port in 16379 26379 36379 46379 56379; do
		"$SERVER" --bind 127.0.0.1 --port $port --dir "$dir" --save '' --appendonly no \
			--daemonize no >"$dir/server.log" 2>&1 &
		server_pid=$!
		wait_for 10 server_settled
		if grep -q 'Ready to accept connections' "$dir/server.log"; then
			return 0
		fi
		wait $server_pid || :
		server_pid=
	done
	cat "$dir/server.log" >&2
	die "redis-server does not start"
}

server_settled() {
	grep -q 'Ready to accept connections' "$dir/server.log" || gone "$server_pid"
}

cli() {
	redis-cli -h 127.0.0.1 -p "$port" "$@"
}

trace_settled() {
	grep -q armed "$dir/trace.err" || gone "$trace_pid"
}

both_seen() {
	grep -q 'createStringObject.*fest' "$dir/trace.out" &&
		[ "$(grep -c 'redis-server.*createStringObject.*octi' "$dir/trace.out")" -ge 2 ]
}

[ "$(id -u)" = 0 ] || die "tracing needs root: sudo make demo"
for tool in "$BUILD/bin/trace" $SERVER; do
	[ -x "$tool" ] || die "$tool is missing: ./bootstrap demo installs and builds all that is needed"
done

server_pid='' trace_pid='' port=''
dir=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

server_start
cli info server | tr -d '\r' | grep -qx "process_id:$server_pid" ||
	die "port $port answers, but not from our own redis-server"

echo "# trace -p $server_pid '$SPEC'"
"$BUILD/bin/trace" -v -p "$server_pid" "$SPEC" >"$dir/trace.out" 2>"$dir/trace.err" &
trace_pid=$!
wait_for 20 trace_settled || :
grep armed "$dir/trace.err" || { cat "$dir/trace.err" >&2; die "trace did not start"; }

for command in "SET octi fest" "GET octi"; do
	# shellcheck disable=SC2086 # its words are redis-cli's arguments
	echo "redis> $command -> $(cli $command)"
done
seen=0
wait_for 5 both_seen || seen=1

stop "$trace_pid" || { cat "$dir/trace.err" >&2; die "trace failed"; }
trace_pid=
cat "$dir/trace.out"
[ $seen = 0 ] || { cat "$dir/trace.err" >&2; die "trace did not report both commands"; }
