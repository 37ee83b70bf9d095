# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""redis-cmd, end to end: what it shows of a server's commands, compared with what the client sent,
with MONITOR and with SLOWLOG. REDIS_CMD_COMMANDS sets the size of the mixed load (5000), and
REDIS_CMD_BUILDS=all runs on Debian's builds of other suites too, which it downloads. A server built from
source is tested by having it first on PATH."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import time

import pytest

import redis_servers
from redis_servers import Client, Error, Server
from tracing import KERNEL, PATIENCE, Tool, json_lines, need, need_that, needs, run_tool, running, wait_until

COMMANDS = int(os.environ.get("REDIS_CMD_COMMANDS") or int(os.environ.get("TESTS_HITS", "200000")) // 40)
BUILDS = [None] + (list(redis_servers.BUILDS) if os.environ.get("REDIS_CMD_BUILDS") == "all" else [])

pytestmark = needs("redis-server")


def start(build, *config):
    try:
        return Server(build, *config)
    except redis_servers.debs.Error as error:
        pytest.skip(f"{build} can't be fetched: {error}")


@pytest.fixture(scope="module", params=BUILDS, ids=lambda build: build or "installed")
def server(request):
    with start(request.param) as server:
        yield server


@pytest.fixture()
def client(server):
    with Client(server) as client:
        client.call("FLUSHALL")
        yield client


def trace(server, *options):
    return Tool("redis-cmd", "-p", server.pid, "--json", *options, armed="armed")


def finish(tool):
    """(rows without the last marker, lost), of a tool that runs."""
    out, err = tool.stop()
    assert tool.status == 0, err
    return json_lines(out)


def argv(row):
    """Command and arguments of a row as bytes."""
    in_hex = row.get("args_hex") or [None] * len(row["args"])
    args = [a.encode() if h is None else bytes.fromhex(h) for a, h in zip(row["args"], in_hex, strict=True)]
    return [row["command"].encode(), *args]


def traced(server, client, commands, *options):
    """Rows of these commands, of that client."""
    with trace(server, *options) as tool:
        replies = [client.call(*command) for command in commands]
        rows, lost = finish(tool)
    assert lost == 0
    return rows, replies


def test_arguments_are_exact_whatever_their_bytes_and_encoding(server, client):
    commands = [["SET", "int", "12345"], ["SET", "negative", "-9223372036854775808"], ["INCR", "int"],
                ["APPEND", "int", "\u00e9\u4e16"], ["SET", b"\x00\xff key\r\n", bytes(range(256))],
                ["SET", "", ""], ["set", "embstr", "x" * 44], ["SET", "raw", "x" * 45],
                ["SET", "sds8", "y" * 255], ["SET", "sds16", "z" * 256], ["SET", "k" * 65536, "sds32"],
                ["MSET", *[f"m{i}" for i in range(60)]], ["DEL", "raw", "sds8"]]
    rows, _ = traced(server, client, commands, "-Z", "70000", "--args", "128")
    assert [argv(row) for row in rows] == \
        [[a if isinstance(a, bytes) else a.encode() for a in command] for command in commands]
    assert {row["pid"] for row in rows} == {server.pid}
    assert {row["client"] for row in rows} == {client.address}
    assert {row["db"] for row in rows} == {0}
    assert {row["client_id"] for row in rows} == {client.call("CLIENT", "ID")}
    assert all(0 < row["latency_us"] < 1e6 and row["depth"] == 0 for row in rows)


def test_client_has_its_name_database_and_user(server, client):
    client.call("ACL", "SETUSER", "alice", "on", ">wonder", "~*", "+@all")
    rows, _ = traced(server, client, [["SELECT", 5], ["GET", "a"], ["CLIENT", "SETNAME", "me"],
                                      ["GET", "b"], ["AUTH", "alice", "wonder"], ["GET", "c"]])
    by_key = {row["args"][0]: row for row in rows if row["command"] == "GET"}
    assert [by_key[key]["db"] for key in "abc"] == [5, 5, 5]
    assert "name" not in by_key["a"] and by_key["b"]["name"] == "me"
    assert [by_key[key]["user"] for key in "abc"] == ["default", "default", "alice"]


def test_errors_and_rejections_have_their_reason(server, client):
    rows, replies = traced(server, client, [
        ["SET", "s", "x"], ["LPUSH", "s", "1"], ["NOSUCH", "a", "b"], ["GET"], ["INCR", "s"],
        ["EVALSHA", "0" * 40, "0"]])
    errors = [str(reply) if isinstance(reply, Error) else None for reply in replies]
    assert [row.get("error") and row["error"].strip() for row in rows] == \
        [error and error.strip() for error in errors]
    assert [row.get("rejected", False) for row in rows] == [False, False, True, True, False, False]
    assert all(("latency_us" in row) != row.get("rejected", False) for row in rows)


def test_commands_that_need_a_password_are_rejected_and_it_is_not_shown():
    with start(None, "--requirepass", "s3cret") as server, Client(server) as client:
        rows, _ = traced(server, client, [
            ["GET", "k"], ["AUTH", "wrong-s3cret"], ["AUTH", "default", "s3cret"],
            ["HELLO", "2", "AUTH", "default", "s3cret"], ["CONFIG", "SET", "masterauth", "s3cret"],
            ["ACL", "SETUSER", "bob", "on", ">s3cret", "~x*"], ["GET", "k"],
            ["MIGRATE", "127.0.0.1", "1", "k", "0", "1", "AUTH", "s3cret"]], "-Z", "2")
        assert rows[0]["rejected"] and rows[0]["error"].startswith("NOAUTH")
        assert "s3cret" not in json.dumps(rows)
        assert rows[1]["args"] == [None] and rows[1]["args_bytes"] == ["redacted"]
        assert rows[5]["args"] == ["SE", "bo", "on", None, "~x"]
        rows, _ = traced(server, client, [["AUTH", "s3cret"]], "--show-secrets")
        assert rows[0]["args"] == ["s3cret"]


@pytest.fixture(scope="module", params=BUILDS, ids=lambda build: build or "installed")
def renamed(request):
    """A server whose commands have other names, as hardening guides have it."""
    names = [option for name in ("AUTH", "CONFIG", "ACL", "HELLO", "MIGRATE", "GET")
             for option in ("--rename-command", name, f"X{name}")]
    with start(request.param, *names, "--slowlog-log-slower-than", 0) as server:
        yield server


def test_passwords_of_renamed_commands_are_not_shown(renamed):
    commands = [["XCONFIG", "SET", "masterauth", "s3cret"], ["XCONFIG", "SET", "maxmemory-policy", "noeviction"],
                ["XAUTH", "default", "s3cret"], ["XHELLO", "2", "AUTH", "default", "s3cret"],
                ["XACL", "SETUSER", "bob", "on", ">s3cret", "~x*"], ["XACL", "SETUSER", "bob", "#beefs3cret"],
                ["XMIGRATE", "127.0.0.1", "1", "k", "0", "1", "AUTH", "s3cret"], ["AUTH", "default", "s3cret"],
                ["XGET", "s3"], ["EVAL", "return redis.call('XGET', KEYS[1])", "1", "k"]]
    with Client(renamed) as client:
        rows, replies = traced(renamed, client, commands, "-Z", "64")
        by_name = [row["args"] for row in traced(renamed, client, [["XGET", "s3"], ["PING"]], "-c", "GET")[0]]
        # The server has its own notes of what is a secret.
        logged = [entry[3] for entry in client.call("SLOWLOG", "GET", "100") if entry[3][0] == b"XCONFIG"]
    assert "s3cret" not in json.dumps(rows)
    assert [row["command"] for row in rows if row["depth"] == 0] == [command[0] for command in commands]
    assert [row["args"] for row in rows[:4]] == [
        ["SET", "masterauth", None], ["SET", "maxmemory-policy", "noeviction"], ["default", None],
        ["2", "AUTH", "default", None]]
    assert rows[4]["args"] == ["SETUSER", "bob", "on", None, "~x*"] and rows[8]["args"] == ["s3"]
    assert isinstance(replies[5], Error) and "#beef" in str(replies[5])
    assert rows[5]["error"].split("'")[1] == "(redacted)"
    assert by_name == [["s3"]]
    assert renamed.build in ("redis-6.0",) or logged[-1][3] == b"(redacted)"


def test_commands_within_scripts_and_transactions_follow_their_parent(server, client):
    script = "redis.call('set',KEYS[1],ARGV[1]); return redis.call('get',KEYS[1])"
    rows, replies = traced(server, client, [
        ["EVAL", script, "1", "k", "v"], ["MULTI"], ["GET", "k"], ["EVAL", script, "1", "k", "w"],
        ["EXEC"], ["PING"]])
    assert replies[0] == b"v" and replies[4] == [b"v", b"w"]
    assert [(row["depth"], row["command"].upper()) for row in rows] == [
        (0, "EVAL"), (1, "SET"), (1, "GET"), (0, "MULTI"), (0, "EXEC"), (1, "GET"), (1, "EVAL"),
        (2, "SET"), (2, "GET"), (0, "PING")]
    assert {row["client"] for row in rows} == {client.address}
    within = [row["latency_us"] for row in rows[1:3]]
    assert rows[0]["latency_us"] > sum(within)


def test_a_server_that_it_starts_and_no_other(server, client):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", port, "--save", "", "--logfile", "/dev/null"]
    with Tool("redis-cmd", "--json", "--", *command, armed="armed") as tool:
        wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), "the server listens")
        client.call("ECHO", "elsewhere")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(redis_servers.encode("ECHO", "here"))
            assert connection.recv(100) == b"$4\r\nhere\r\n"
        rows, _ = finish(tool)
    assert [row["args"] for row in rows if row["command"] == "ECHO"] == [["here"]]


def test_what_a_script_may_not_call_is_below_it(server, client):
    rows, replies = traced(server, client, [
        ["GET", "innocent"], ["EVAL", "redis.pcall('nosuch', 'a') return redis.call('get')", "1", "k"],
        ["EVAL", "return redis.pcall('incr', KEYS[1]) and redis.pcall('flush', 'it')", "1", "k"]])
    calls = [(row["depth"], row["command"].lower(), "error" in row) for row in rows]
    assert isinstance(replies[1], Error) and {row["client"] for row in rows} == {client.address}
    if server.build == "redis-6.0":  # which has no error reply for them
        calls = [call for call in calls if call[1] != "eval"]
        assert calls == [(0, "get", False), (1, "incr", False)]
        return
    assert calls == [(0, "get", False), (0, "eval", True), (1, "nosuch", True), (1, "get", True),
                     (0, "eval", True), (1, "incr", False), (1, "flush", True)]


def test_a_blocked_command_is_one_row_with_wait_and_run_time_apart(server, client):
    with Client(server) as waiter, trace(server) as tool:
        waiter.send("BLPOP", "list", "0")
        time.sleep(0.25)
        client.call("RPUSH", "list", "x")
        assert waiter.reply() == [b"list", b"x"]
        assert waiter.call("BLPOP", "nothing", "0.2") is None
        assert waiter.call("BLPOP", "nothing", "0.2") is None
        waiter.call("PING")
        waiter.send("BLPOP", "still", "0")
        client.call("PING")
        rows, _ = finish(tool)
    blocked = [row for row in rows if row["command"] == "BLPOP"]
    assert [row["args"][0] for row in blocked] == ["list", "nothing", "nothing", "still"]
    assert 240e3 < blocked[0]["wait_us"] < 10e6 and blocked[0]["latency_us"] < 100e3
    assert all(190e3 < row["wait_us"] < 10e6 for row in blocked[1:3])
    assert [row.get("blocked", False) for row in blocked] == [False, False, False, True]


def test_blocking_commands_say_how_they_ended(server, client):
    with trace(server) as tool:
        waiters = [Client(server) for _ in range(5)]
        ids = [waiter.call("CLIENT", "ID") for waiter in waiters]
        for i, waiter in enumerate(waiters):
            waiter.send("BLPOP", f"list{i}", "0.2" if i == 1 else "0")
        wait_until(lambda: b"blocked_clients:5" in client.call("INFO", "clients") or
                   b"blocked_clients:4" in client.call("INFO", "clients"), "blocked clients")
        client.call("RPUSH", "list0", "x")
        assert waiters[0].reply() and waiters[1].reply() is None
        waiters[2].close()
        client.call("CLIENT", "UNBLOCK", ids[3], "ERROR")
        assert isinstance(waiters[3].reply(), Error)
        wait_until(lambda: b"blocked_clients:1\r" in client.call("INFO", "clients"), "the client that has left")
        rows, _ = finish(tool)
        for waiter in (waiters[i] for i in (0, 1, 3, 4)):
            waiter.close()
    ended = {row["args"][0]: row["ended"] for row in rows if row["command"] == "BLPOP"}
    # These two are compiled such that a client that is freed isn't seen, and it is said so.
    left = None if server.build in ("valkey-8.0", "valkey-8.1") else "client left"
    assert ended == {"list0": "served", "list1": "timed out", "list2": left, "list3": "failed", "list4": "unfinished"}
    assert not [row for row in rows if row["command"] != "BLPOP" and "ended" in row]


SPIN = "redis.call('SET', KEYS[1], 'x') while true do end"


def test_what_does_not_return_has_its_row():
    """A script that loops as the run ends; then SHUTDOWN, with a client that waits."""
    with start(None, "--lua-time-limit", 100) as server, Client(server) as client, Client(server) as waiter, \
            Client(server) as other:
        with trace(server) as tool:
            client.send("EVAL", SPIN, "1", "k")
            wait_until(lambda: str(other.call("PING")).startswith("BUSY"), "the script")
            rows, lost = finish(tool)
        assert not lost
        assert [(row["command"], row["depth"], row.get("ended")) for row in rows[-2:]] == \
            [("EVAL", 0, "unfinished"), ("SET", 1, None)]
        # Other clients' during the script are no part of it.
        assert {(row["command"], row["depth"], row["client"]) for row in rows[:-2]} == {("PING", 0, other.address)}
        assert next(row for row in rows if row["command"] == "EVAL")["latency_us"] > 100e3
        other.call("SCRIPT", "KILL")
    for last, ended in (["SHUTDOWN", "NOSAVE"], {"SHUTDOWN": "server ended"}), (None, {}):
        with start(None) as server, Client(server) as client, Client(server) as waiter:
            with Tool("redis-cmd", "--json", "--port", server.port, armed="armed") as tool:
                tool.wait_stderr(f"process {server.pid} is traced")
                waiter.send("BLPOP", "list", "0")
                wait_until(lambda: b"blocked_clients:1" in client.call("INFO", "clients"), "a blocked client")
                client.send(*last) if last else server.process.kill()
                server.process.wait()
                tool.wait_stderr(f"process {server.pid} has ended")
                rows, lost = finish(tool)
        assert not lost
        assert {row["command"]: row["ended"] for row in rows if "ended" in row} == {"BLPOP": "server ended", **ended}


def test_what_is_running_is_shown():
    with start(None, "--lua-time-limit", 100) as server, Client(server) as client, Client(server) as waiter, \
            Client(server) as other:
        with trace(server, "--running=60") as tool:
            client.call("SET", "k", "v")
            waiter.send("BLPOP", "list", "0")
            wait_until(lambda: b"blocked_clients:1" in other.call("INFO", "clients"), "a blocked client")
            client.send("EVAL", SPIN, "1", "k")
            wait_until(lambda: str(other.call("PING")).startswith("BUSY"), "the script")
            rows, _ = finish(tool)
        other.call("SCRIPT", "KILL")
        assert [(row["command"], row["client"], row["ended"], row.get("blocked", False)) for row in rows] == \
            [("EVAL", client.address, "unfinished", False), ("BLPOP", waiter.address, "unfinished", True)]


def test_inline_and_pipelined_commands_and_unix_sockets(server):
    with trace(server) as tool, Client(server, unix=True) as client:
        client.raw(b"PING inline\r\n" + b"".join(redis_servers.encode("ECHO", i) for i in range(100)))
        assert client.reply() == b"inline"
        assert [client.reply() for _ in range(100)] == [b"%d" % i for i in range(100)]
        rows, _ = finish(tool)
    assert [argv(row) for row in rows] == [[b"PING", b"inline"]] + [[b"ECHO", b"%d" % i] for i in range(100)]
    assert {row["client"] for row in rows} == {"unix"}


def test_short_connections_have_their_address(server):
    with trace(server) as tool:
        addresses = []
        for i in range(300):
            with Client(server) as client:
                client.send("ECHO", i)
                client.socket.shutdown(1)
                client.reply()
                addresses.append(client.address)
        rows, _ = finish(tool)
    assert [(row["args"][0], row["client"]) for row in rows] == \
        [(str(i), address) for i, address in enumerate(addresses)]


def test_filters(server, client):
    commands = [["SET", "user:1", "x"], ["GET", "user:1"], ["get", "other"], ["LPUSH", "user:1", "y"],
                ["MGET", "a", "user:2"], ["EVAL", "local t=0 for i=1,3000000 do t=t+i end return t", "0"],
                ["EVAL", "return redis.call('get','x')", "0"], ["SELECT", "2"], ["GET", "two"]]

    def shown(*options):
        client.call("SELECT", "0")
        return [row["command"].upper() for row in traced(server, client, commands, *options)[0]]

    assert shown("-c", "get", "-c", "MGET") == ["GET", "GET", "MGET", "GET", "GET"]
    assert shown("-k", "user:*") == ["SET", "GET", "LPUSH", "MGET"]
    assert shown("-x", "any") == ["LPUSH"]
    assert shown("-x", "OOM,WRONGTYPE") == ["LPUSH"]
    assert shown("-x", "OOM") == []
    slow = traced(server, client, commands, "-m", "2000")[0]
    assert "EVAL" in [row["command"] for row in slow] and all(row["latency_us"] >= 2000 for row in slow)
    assert shown("-d", "2") == ["GET"]
    assert len(shown("--client", client.address)) == len(commands) + 1
    assert shown("--client", "nobody") == []
    assert len(shown("--client", "127.0.0.1")) == len(commands) + 1
    assert shown("--client", "127.0.0") == [] and shown("--acl-user", "nobody") == []
    assert len(shown("--acl-user", "default")) == len(commands) + 1


KEYED = [
    ["XREAD", "COUNT", 1, "STREAMS", "st", "0"], ["XREAD", "STREAMS", "st", "st2", "0", "0"],
    ["XREADGROUP", "GROUP", "streams", "c", "COUNT", 1, "STREAMS", "st", ">"], ["EVAL", "return 1", 0, "notakey"],
    ["EVAL", "return 1", 2, "ek1", "ek2", "arg"], ["EVAL", "return 1", 1], ["EVAL", "return 1", -1, "ek"],
    ["ZUNIONSTORE", "zd", 2, "za", "zb", "WEIGHTS", 1, 2], ["ZINTERSTORE", "zd", 2, "za", "zb"], ["ZUNION", 2, "za", "zb"],
    ["ZDIFFSTORE", "zd", 1, "za"], ["ZDIFF", 1, "za"], ["SORT", "li", "BY", "store", "LIMIT", 0, 1, "STORE", "ls"],
    ["SORT", "li", "STORE", "l1", "STORE", "l2"], ["SORT", "li"], ["SORT_RO", "li"],
    ["GEORADIUS", "geo", 0, 0, 999, "km", "STORE", "gs"], ["GEORADIUSBYMEMBER", "geo", "m", 9, "km", "STOREDIST", "gs"],
    ["GEOSEARCHSTORE", "gs", "geo", "FROMLONLAT", 0, 0, "BYRADIUS", 999, "km"], ["BITOP", "AND", "bd", "b1", "b2"],
    ["OBJECT", "ENCODING", "h"], ["OBJECT", "HELP"], ["MEMORY", "USAGE", "h"], ["MEMORY", "DOCTOR"],
    ["XINFO", "STREAM", "st"], ["XGROUP", "CREATE", "st", "g", "0"], ["LMPOP", 2, "li", "lj", "LEFT"],
    ["BLMPOP", "0.01", 2, "bm1", "bm2", "LEFT"], ["ZMPOP", 1, "za", "MIN"], ["BZMPOP", "0.01", 1, "za", "MIN"],
    ["SINTERCARD", 2, "a1", "a2", "LIMIT", 1], ["ZINTERCARD", 1, "za"], ["COPY", "h", "h2"], ["LCS", "s1", "s2"],
    ["MSET", "m1", 1, "m2", 2], ["DEL", "d1", "d2"], ["PFCOUNT", "p1", "p2"], ["BLPOP", "bl1", "bl2", "0.01"],
    ["WATCH", "w1", "w2"], ["UNWATCH"], ["GETEX", "s1"], ["XAUTOCLAIM", "st", "g", "c", 0, "0"], ["TOUCH", "t1"],
    ["SINTERSTORE", "d", "a1", "a2"], ["PUBLISH", "chan", "m"], ["CLUSTER", "KEYSLOT", "ck"], ["PFDEBUG", "ENCODING", "pf"],
    ["MIGRATE", "127.0.0.1", 1, "mk", 0, 1, "AUTH", "keys"], ["MIGRATE", "127.0.0.1", 1, "", 0, 1, "KEYS", "mk1", "mk2"],
    ["MIGRATE", "127.0.0.1", 1, "", 0, 1, "AUTH2", "keys", "keys", "KEYS", "mk3"], ["SET", b"bin\0key:1", "v"], ["GET", 123],
    ["SET", "k" * 310 + ":tail", "v"], ["DEL", *[f"k{i}" for i in range(300)]],
    ["EVAL", "return 1", 200, *[f"e{i}" for i in range(200)]]]


# Of which it doesn't know the keys, or takes AUTH2's password for a word.
NOT_IN_6_0 = ["PFDEBUG", "MIGRATE"]


def in_bytes(command):
    return [arg if isinstance(arg, bytes) else str(arg).encode() for arg in command]


def sample_commands(client):
    """Every command of the server's that has keys, with arguments that it will mostly refuse."""
    commands = []
    for name, arity, flags, first, *_ in client.call("COMMAND"):
        name, count = name.decode(), max(abs(arity) - 1, 1)
        if first or b"movablekeys" in flags:
            commands += [[name, *[f"a{i}" for i in range(1, n + 1)]] for n in (count, count + 1)]
            commands += [[name, *["2"] * count, "b1", "b2", "b3"], [name, "c1", *["1"] * count, "c2"]]
    return [command for command in commands if command[0] not in ("sync", "psync", "restore-asking")]


def test_keys_are_those_that_the_server_finds(server, client):
    commands, truth = KEYED + sample_commands(client), []
    for command in commands:
        reply = client.call("COMMAND", "GETKEYS", *command)
        if isinstance(reply, Error):  # it has none, or not the arguments that it needs
            reply = [] if "no key arguments" in str(reply) else None
        truth.append(reply)
    with trace(server, "--args=1024", "-Z", "400", "--show-secrets") as tool:
        for command in commands:
            client.call(*command)
        rows, lost = finish(tool)
    rows = [row for row in rows if row["depth"] == 0]
    assert not lost and len(rows) == len(commands)
    wrong = []
    for row, command, keys in zip(rows, commands, truth, strict=True):
        found = [argv(row)[i + 1] for i in row["keys"] or []]
        if server.build == "redis-6.0":  # which has the first one last
            found.sort()
            keys = None if command[0].upper() in NOT_IN_6_0 or keys is None else sorted(keys)
        if found != keys and keys is not None:
            wrong.append((command[:9], len(command), found[:9], len(found), keys[:9], len(keys)))
    assert not wrong
    assert len([keys for keys in truth if keys]) > 150
    for glob, key in ("bin*key:1", b"bin\0key:1"), ("*:tail", b"k" * 310 + b":tail"), ("k290", b"k290"), ("e19?", b"e190"), \
            ("123", b"123"), ("st2", b"st2"):
        shown = [argv(row) for row in traced(server, client, KEYED, "-k", glob, "--args=1024", "-Z", "400")[0]]
        assert shown == [in_bytes(command) for command, keys in zip(KEYED, truth) if key in (keys or [])], glob
    assert traced(server, client, [["SET", b"bin\0key:1", "v"]], "-k", "bin")[0] == []


def test_top_takes_the_first_key_that_the_server_finds(server, client):
    wanted = {}
    others = ["ZUNIONSTORE", "ZINTERSTORE", *NOT_IN_6_0] if server.build == "redis-6.0" else []  # where it is the last
    for command in [command for command in KEYED if command[0] not in others]:
        reply = client.call("COMMAND", "GETKEYS", *command)
        if not isinstance(reply, Error) and reply:
            wanted[reply[0][:64]] = wanted.get(reply[0][:64], 0) + 1
    with Tool("redis-cmd", "-p", server.pid, "--json", "--top=60", "-r", 1000) as tool:
        for command in KEYED:
            if command[0] not in others:
                client.call(*command)
        rows, _ = finish(tool)
    found = {bytes.fromhex(row["key_hex"]) if "key_hex" in row else row["key"].encode(): row["calls"] for row in rows}
    # These fail before they are executed, or where they name no keys.
    assert {key: calls for key, calls in found.items() if key in wanted} == wanted
    assert not {key for key in found if key not in wanted}


def test_long_arguments_are_cut_with_a_mark_and_their_true_length(server, client):
    with Tool("redis-cmd", "-p", server.pid, "-Z", "4", "--args", "3") as tool:
        client.call("SET", "key-that-is-long", "a\"\n")
        client.call("MSET", *"abcdefgh")
        out, _ = tool.stop()
    lines = out.splitlines()
    assert re.fullmatch(r"PID +DB +CLIENT +LATENCY\(us\) COMMAND ARGS", lines[0])
    start = rf"{server.pid} +0 +{client.address} +[0-9.]+ "
    assert re.fullmatch(start + r'SET "key-"\.\.\.\(16\) "a\\"\\n"', lines[1]), lines[1]
    assert re.fullmatch(start + r'MSET "a" "b" \.\.\.\(6 more\)', lines[2]), lines[2]


def test_latencies_agree_with_slowlog(server, client):
    client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
    client.call("SLOWLOG", "RESET")
    script = "local t=0 for i=1,tonumber(ARGV[1]) do t=t+i end return t"
    rows, _ = traced(server, client, [["EVAL", script, "0", str(n)] for n in range(200000, 2000000, 200000)])
    logged = {entry[3][3].decode(): entry[2] for entry in client.call("SLOWLOG", "GET", "100")
              if entry[3][0] == b"EVAL"}
    client.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    # Either measures the other's interruptions now and then, hence the median.
    differences = [abs(row["latency_us"] / logged[row["args"][2]] - 1) for row in rows]
    assert len(rows) == 9 and statistics.median(differences) < 0.05, differences


def test_statistics_count_every_call(server, client):
    with Tool("redis-cmd", "-p", server.pid, "--json", "--stats=60") as tool:
        for i in range(500):
            client.call("SET", f"k{i % 10}", "x" * 100)
        for i in range(300):
            client.call("get", "k1")
        for i in range(20):
            client.call("LPUSH", "k1", "x")
        client.call("EVAL", "for i=1,50 do redis.call('incr','n') end", "0")
        client.call("GET")
        client.call("NOSUCH")
        rows, _ = finish(tool)
    by_name = {row["command"]: row for row in rows}
    assert [by_name[name]["calls"] for name in ["set", "get", "lpush", "incr", "eval"]] == \
        [500, 300, 20, 50, 1]
    assert by_name["lpush"]["errors"] == 20
    assert by_name["get"]["errors"] == 1
    assert by_name["set"]["bytes"] == 500 * (3 + 2 + 100)
    rejected = by_name.pop("nosuch")
    assert rejected["calls"] == 0 and rejected["errors"] == 1 and "mean_us" not in rejected
    for row in by_name.values():
        assert 0 < row["p50_us"] <= row["p99_us"] <= row["max_us"]


def test_statistics_of_many_are_exact(server, client):
    """By far the most take the kernel side's short cut, which must not tell in the numbers."""
    rng = random.Random(5)
    choices = [lambda n: ["SET", f"key:{n}", "v" * rng.randrange(300)], lambda n: ["get", f"key:{n}"],
               lambda n: ["CONFIG", "GET", "maxmemory"], lambda n: ["config", "resetstat"],
               lambda n: ["MSET", *["x" * rng.randrange(1, 9) for _ in range(6)]],
               lambda n: ["Incr", f"n{n % 7}"], lambda n: ["PING"], lambda n: ["hset", "h", f"f{n}", n]]
    commands = [rng.choice(choices)(n) for n in range(3000)]
    expected = {}
    with Tool("redis-cmd", "-v", "-p", server.pid, "--json", "--stats=60") as tool:
        client.call("CONFIG", "RESETSTAT")
        for at in range(0, len(commands), 100):
            client.raw(b"".join(redis_servers.encode(*command) for command in commands[at:at + 100]))
            for _ in range(100):
                client.reply()
        out, err = tool.stop()
    rows, lost = json_lines(out)
    assert "counted by the server's own notes" in err
    for command in [["CONFIG", "RESETSTAT"], *commands]:
        name = command[0].lower()
        if name == "config" and server.build != "redis-6.0":
            name += "|" + command[1].lower()
        calls, size = expected.get(name, (0, 0))
        expected[name] = calls + 1, size + sum(len(str(arg)) for arg in command)
    assert not lost
    assert {row["command"]: (row["calls"], row["bytes"]) for row in rows} == expected


def test_a_sample_of_commands_stands_for_all(server, client):
    """One of 10: of 5,000 it is 500 within 5 standard deviations; scripts are sampled with what they call."""
    with Tool("redis-cmd", "-p", server.pid, "--json", "--stats=60", "--sample=10") as tool:
        for _ in range(50):
            client.raw(redis_servers.encode("GET", "k") * 100)
            assert [client.reply() for _ in range(100)]
        rows, _ = finish(tool)
    calls = {row["command"]: row["calls"] for row in rows}
    assert calls["get"] % 10 == 0 and 3900 < calls["get"] < 6100
    rows = traced(server, client, [["EVAL", "for i=1,3 do redis.call('incr','n') end", "0"]] * 300, "--sample=5")[0]
    names = [row["command"].lower() for row in rows]
    assert names == ["eval", "incr", "incr", "incr"] * (len(names) // 4) and 8 < len(names) // 4 < 140


def test_statistics_of_many_periods_add_up(server, client):
    """Commands that weren't used for some periods have given their places to others meanwhile."""
    names, sent, seen = ["SET", "GET", "INCRBY"], {}, {}
    with Tool("redis-cmd", "-p", server.pid, "--json", "--stats=0.1") as tool:
        end, tables = time.monotonic() + PATIENCE, 0
        while tables < 16 and time.monotonic() < end:
            name = names[tables // 4 % 3]
            for other in name, "NOSUCH":
                client.call(other, "key", "1")
                sent[other.lower()] = sent.get(other.lower(), 0) + 1
            row = json.loads(tool.read_line())
            seen.setdefault(row["command"].lower(), []).append(row)
            tables = len(seen.get("nosuch", []))
        rows, lost = finish(tool)
    for row in rows:
        seen.setdefault(row["command"].lower(), []).append(row)
    assert not lost
    assert {name: sum(row["calls"] or row["errors"] for row in rows) for name, rows in seen.items()} == sent


def test_objects_have_no_limit_that_is_meant_for_a_screen(server, client):
    names = ["GET", "EXISTS", "TYPE", "TTL", "PTTL", "STRLEN", "LLEN", "SCARD", "HLEN", "ZCARD", "HGETALL", "HKEYS",
             "HVALS", "SMEMBERS", "PERSIST", "DUMP", "GETDEL", "LPOP", "RPOP", "SPOP", "INCR", "DEL", "UNLINK"]
    shown = {}
    for options in ([], ["--rows=5"]):
        with Tool("redis-cmd", "-p", server.pid, "--json", "--stats=60", *options) as tool:
            for name in names:
                client.call(name, "nothing")
            out, _ = tool.stop()
        shown[bool(options)] = {record["command"] for record in json_lines(out)[0]}
    assert {name.lower() for name in names} <= shown[False]
    assert len(shown[True]) == 5


def test_top_keys_and_big_keys(server, client):
    load = [["GET", "cold"]] * 5 + [["GET", "hot"]] * 100 + [["SET", "big", "x" * 5000]] + \
        [["EVAL", "return 1", "1", "scripted"]] * 20 + [["PING", "no-key"]] * 200
    for option, first in ("--top=60", "hot"), ("--bigkeys-seen=60", "big"):
        with Tool("redis-cmd", "-p", server.pid, "--json", option) as tool:
            for command in load:
                client.call(*command)
            rows, _ = finish(tool)
        assert rows[0]["key"] == first
        assert {row["key"]: row["calls"] for row in rows} == {"hot": 100, "cold": 5, "big": 1, "scripted": 20}
        assert max(row["max_bytes"] for row in rows) == 3 + 3 + 5000


def test_slow_keeps_the_slowest(server, client):
    script = "local t=0 for i=1,tonumber(ARGV[1]) do t=t+i end return t"
    counts = [200000, 10, 30000000, 20, 3000000, 30]
    rows, _ = traced(server, client, [["EVAL", script, "0", str(n)] for n in counts], "--slow", "3")
    assert [row["args"][2] for row in rows] == ["30000000", "3000000", "200000"]
    assert rows[0]["latency_us"] > rows[1]["latency_us"] > rows[2]["latency_us"]


def test_slow_commands_have_their_client_though_it_has_left(server):
    """And what isn't chosen takes no place among the slowest."""
    script = "local t=0 for i=1,tonumber(ARGV[1]) do t=t+i end return t"
    addresses = []
    with trace(server, "--slow", "2", "-k", "wanted") as tool:
        for count, key in (200000, "wanted"), (3000000, "other"), (3000000, "other"), (300000, "wanted"):
            with Client(server) as client:
                client.call("EVAL", script, "1", key, count)
                addresses.append(client.address)
        rows, _ = finish(tool)
    assert {(row["args"][2], row["client"]) for row in rows} == {("wanted", addresses[0]), ("wanted", addresses[3])}


def test_a_restarted_server_is_found_again_and_ports_choose():
    with start(None) as other:
        port = redis_servers.free_port()
        with Tool("redis-cmd", "--json", "--port", port) as tool:
            for round in "first", "second":
                with Server(None, port=port) as server, Client(server) as client, Client(other) as wrong:
                    tool.wait_stderr(f"process {server.pid} is traced")
                    wrong.call("ECHO", "wrong")
                    client.call("ECHO", round)
                tool.wait_stderr(f"process {server.pid} has ended")
            rows, _ = finish(tool)
        assert [argv(row) for row in rows] == [[b"ECHO", b"first"], [b"ECHO", b"second"]], rows


def test_a_process_that_is_no_server_is_refused():
    with running("sleep", 60) as sleeper:
        status, out, err = run_tool("redis-cmd", "-p", sleeper.pid)
    assert status == 1 and "not a Redis-like server" in err
    assert run_tool("redis-cmd", "-d", "x")[0] == 2
    assert run_tool("redis-cmd", "--top", "--stats")[0] == 2


def echoes(rows, pids):
    return [(row["pid"], row["args"]) for row in rows if row["pid"] in pids and row["command"] == "ECHO"]


def test_a_server_started_later_is_traced_as_it_begins():
    """Not only when servers are looked for twice a second: on a busy machine, one of some must be."""
    with Tool("redis-cmd", "--json", "-c", "ECHO") as tool:
        pids = []
        while len(pids) < 20 and b"as it begins" not in tool.stderr:
            with Server(None) as server, Client(server) as client:
                tool.wait_stderr(f"process {server.pid} is traced")
                client.call("ECHO", "here")
                pids.append(server.pid)
        rows, _ = finish(tool)
    assert b"as it begins" in tool.stderr
    assert echoes(rows, pids) == [(pid, ["here"]) for pid in pids]


@pytest.mark.parametrize("mode", [[], ["--stats=60"]], ids=["rows", "stats"])
def test_the_very_first_commands_are_shown_whatever_becomes_of_the_server(mode):
    """The kernel side takes a server up at its first command: the tool knows nothing of it before it has ended."""
    need_that(KERNEL >= (5, 15), "this kernel has no attach cookies")
    with Tool("redis-cmd", "-v", "--json", *mode, "-c", "ECHO") as tool:
        tool.process.send_signal(signal.SIGSTOP)
        with Server(None) as server, Client(server) as client:
            client.call("ECHO", "first")
        tool.process.send_signal(signal.SIGCONT)
        rows, lost = finish(tool)
    assert not lost and [(row["pid"], row["command"].lower()) for row in rows] == [(server.pid, "echo")]


def test_a_server_that_goes_into_the_background_is_traced(tmp_path):
    """Its process has executed nothing: it is known by the executable of another server."""
    pid_file, config = tmp_path / "pid", ["--daemonize", "yes", "--pidfile", tmp_path / "pid"]
    with start(None), Tool("redis-cmd", "--json", "-c", "ECHO") as tool, Server(None, *config) as server:
        with Client(server) as client:
            wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), "the server's pid file")
            server.pid = int(pid_file.read_text())
            tool.wait_stderr(f"process {server.pid} is traced")
            client.call("ECHO", "here")
        rows, _ = finish(tool)
    assert echoes(rows, [server.pid]) == [(server.pid, ["here"])]


def test_several_servers_are_told_apart_and_found_by_themselves():
    with start(None) as one, start(None) as two, Tool("redis-cmd", "--json", "-c", "ECHO") as tool:
        with Client(one) as first, Client(two) as second:
            for i in range(50):
                first.call("ECHO", f"one {i}")
                second.call("ECHO", f"two {i}")
        rows, _ = finish(tool)
    for name, server in ("one", one), ("two", two):
        assert [row["args"] for row in rows if row["pid"] == server.pid] == [[f"{name} {i}"] for i in range(50)]


def test_a_stripped_executable_behind_a_symbolic_link_is_found(tmp_path):
    """As Debian has it: redis-server is a link to redis-check-rdb, without .symtab."""
    executable = tmp_path / "redis-check-rdb"
    shutil.copy(os.path.realpath(shutil.which("redis-server")), executable)
    if shutil.which("strip"):
        subprocess.run(["strip", executable], check=True)
    (tmp_path / "redis-server").symlink_to(executable)
    with Server(None, executable=tmp_path / "redis-server") as server, \
            Tool("redis-cmd", "--json", "-c", "ECHO") as tool:
        with Client(server) as client:
            client.call("ECHO", "here")
        rows, _ = finish(tool)
    assert [argv(row) for row in rows if row["pid"] == server.pid] == [[b"ECHO", b"here"]]


def test_a_server_in_a_container_is_found_by_its_own_file(tmp_path):
    """Namespaces of its own for processes, mounts and network; its executable is on none of our file systems."""
    inside = f"mount -t tmpfs none {tmp_path} && cp $(readlink -f \"$0\") {tmp_path}/redis-inside && " \
        f"exec {tmp_path}/redis-inside \"$@\""
    wrapper = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "sh", "-c", inside]
    need("mount", "unshare")
    need_that(not subprocess.run([*wrapper[:-1], "true"], capture_output=True).returncode,
              "unshare is not allowed to make namespaces")
    with Server(None, wrapper=wrapper) as server, Tool("redis-cmd", "--json", "-p", server.pid) as tool:
        with Client(server, unix=True) as client:
            client.call("CLIENT", "SETNAME", "contained")
            client.call("ECHO", "here")
        rows, _ = finish(tool)
    assert [argv(row) for row in rows] == [[b"CLIENT", b"SETNAME", b"contained"], [b"ECHO", b"here"]]
    assert rows[1]["name"] == "contained" and rows[1]["client"] == "unix" and rows[1]["pid"] == server.pid


def test_tls_connections_have_their_address(tmp_path):
    need("openssl")
    key, cert, port = tmp_path / "key", tmp_path / "cert", redis_servers.free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                    "-subj", "/CN=localhost", "-days", "2"], check=True, capture_output=True)
    with Server(None, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
                "--tls-auth-clients", "no") as server, trace(server) as tool:
        context = ssl.create_default_context(cafile=cert)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain, \
                context.wrap_socket(plain) as secure:
            address = "%s:%d" % secure.getsockname()
            secure.sendall(redis_servers.encode("ECHO", b"\0secret\xff"))
            assert secure.recv(100)
        rows, _ = finish(tool)
    assert [(argv(row), row["client"]) for row in rows] == [([b"ECHO", b"\0secret\xff"], address)]


def test_threads_for_input_and_output_change_nothing():
    with start(None, "--io-threads", 4, "--io-threads-do-reads", "yes") as server:
        clients = [Client(server) for _ in range(8)]
        with trace(server) as tool:
            for i in range(30):
                for client in clients:
                    client.raw(b"".join(redis_servers.encode("ECHO", f"{client.address} {n}")
                                        for n in range(10 * i, 10 * i + 10)))
                for client in clients:
                    assert [client.reply() for _ in range(10)][-1].endswith(b" %d" % (10 * i + 9))
            rows, lost = finish(tool)
        for client in clients:
            assert [row["args"] for row in rows if row["client"] == client.address] == \
                [[f"{client.address} {n}"] for n in range(300)]
            client.close()
    assert lost == 0


# A program with a server's functions, which executes ECHO hi a thousand times a second. pingCommand(), whose
# instructions tell a layout, is given another structure than call() is, or not.
IMPOSTOR = r"""
#include <unistd.h>
struct object { unsigned type : 4, encoding : 4, lru : 24; int references; const void *data; };
struct connection { long type; int state, fd; };
struct database { long keys; int id; };
struct client {
	long id; struct connection *conn; struct database *db; void *name; char pad[0x40]; int argc; void **argv;
	char more[1024];
};
struct other { long id; char pad[0x60]; int argc; void **argv; char more[1024]; };
void addReply(void *o);
__attribute__((noinline)) void addReply(void *o) { __asm__ volatile("" :: "r"(o)); }
void pingCommand(struct PING *c)
{ if (c->argc > 2) { addReply(0); return; } addReply(c->argc == 1 ? 0 : c->argv[1]); }
void processCommand(void *c) { addReply(c); }
extern char __executable_start, etext;
__attribute__((noinline)) void call(struct client *c, int flags)
{
#ifdef LOOKS
	/* As one that unwinds its stack does. */
	char *from = __builtin_return_address(0);
	if (from < &__executable_start || from >= &etext)
		_exit(3);
#endif
	addReply(c);
	(void)flags;
}
int main(void)
{
	/* Nothing reads them here: they must have been written to, to be in memory. */
	static char texts[] = "\4\4\1ECHO\2\2\1hi";
	static struct object echo = { .data = texts + 3 }, hi = { .data = texts + 10 };
	static void *argv[] = { &echo, &hi };
	static struct connection conn = { .fd = -1 };
	static struct database db = { .id = 3 };
	static struct client c = { .id = 7, .argc = 2, .argv = argv, .db = &db, .conn = &conn };
	texts[0] = echo.references = hi.references = 4;
	for (;;) { call(&c, 0); usleep(1000); }
}
"""


@contextlib.contextmanager
def impostor(tmp_path, ping, *flags, then=None):
    need("gcc")
    program = tmp_path / "redis-impostor"
    subprocess.run(["gcc", "-rdynamic", f"-DPING={ping}", *flags, "-xc", "-", "-o", program], input=IMPOSTOR.encode(),
                   check=True)
    if then:
        then(program)
    with running(program) as process:
        yield process


@pytest.mark.parametrize("mode", [[], ["--stats=60"], ["--top=60"]])
def test_a_layout_that_can_not_be_trusted_prints_nothing(tmp_path, mode):
    with impostor(tmp_path, "other", "-O2") as process, Tool("redis-cmd", "-p", process.pid, "--json", *mode) as tool:
        tool.wait_stderr(f"process {process.pid}: its layout can't be trusted")
        rows, _ = finish(tool)
    assert rows == []


def test_a_layout_is_taken_from_debugging_information_where_code_does_not_tell(tmp_path):
    with impostor(tmp_path, "client", "-O0", "-g") as process:
        status, out, err = run_tool("redis-cmd", "-p", process.pid, "--json", "--max-events", "3")
    assert status == 0, err
    rows, _ = json_lines(out)
    assert [(argv(row), row["client_id"], row["db"]) for row in rows] == [([b"ECHO", b"hi"], 7, 3)] * 3
    with impostor(tmp_path, "client", "-O0") as process:
        status, out, err = run_tool("redis-cmd", "-p", process.pid)
    assert status == 1 and "debugging information" in err


def test_a_server_that_looks_at_its_return_address_is_not_harmed(tmp_path):
    with impostor(tmp_path, "client", "-O0", "-g", "-DLOOKS") as process:
        status, out, err = run_tool("redis-cmd", "-p", process.pid, "--json", "--max-events", "3")
        assert process.poll() is None
    rows, _ = json_lines(out)
    assert status == 0 and len(rows) == 3, err


def test_a_layout_is_taken_from_a_separate_debug_file(tmp_path):
    need("objcopy")

    def split(program):
        debug = f"{program}.debug"
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}", program], check=True)

    with impostor(tmp_path, "client", "-O0", "-g", then=split) as process:
        status, out, err = run_tool("redis-cmd", "-p", process.pid, "--json", "--max-events", "3")
        assert status == 0, err
        rows, _ = json_lines(out)
        assert [(argv(row), row["client_id"], row["db"]) for row in rows] == [([b"ECHO", b"hi"], 7, 3)] * 3
        # It is there that the layout came from.
        os.unlink(tmp_path / "redis-impostor.debug")
        status, out, err = run_tool("redis-cmd", "-p", process.pid)
    assert status == 1 and "debugging information" in err


# ---- MONITOR ----

ESCAPES = {**{c: b"\\x%02x" % c for c in [*range(32), *range(127, 256)]},
           **{ord(c): e.encode() for c, e in zip('\n\r\t\a\b\\"', ["\\n", "\\r", "\\t", "\\a", "\\b", "\\\\", '\\"'])}}


def quote(args, build):
    """As MONITOR shows them. Valkey 8.1's escapes neither backslash nor quote."""
    def character(c):
        return bytes([c]) if c in b'\\"' and build == "valkey-8.1" else ESCAPES.get(c) or bytes([c])

    return b" ".join(b'"' + b"".join(map(character, arg)) + b'"' for arg in args)


def mixed_load(server, count):
    """Commands of all kinds over several connections, each reply read before the next batch is sent. Returns how
    many were blocked, so that they can be told apart."""
    rng = random.Random(1)
    clients = [Client(server) for _ in range(4)] + [Client(server, unix=True)]
    keys = [f"key:{i}".encode() for i in range(20)] + [b"\x00bin\xff", b'quo"te\\', b"line\r\n"]

    def value():
        kind = rng.random()
        if kind < 0.3:
            return str(rng.randrange(-10**12, 10**12)).encode()
        if kind < 0.9:
            return rng.randbytes(rng.randrange(60))
        return b"v" * rng.choice([254, 255, 256, 1000, 65535])

    def simple():
        key, other = rng.choice(keys), rng.choice(keys)
        return rng.choice([
            lambda: ["SET", b"s" + key, value()], lambda: ["GET", b"s" + key],
            lambda: ["INCR", b"n" + key], lambda: ["INCRBYFLOAT", b"f" + key, "0.5"],
            lambda: ["LPUSH", b"l" + key, value()], lambda: ["LRANGE", b"l" + key, 0, 3],
            lambda: ["LTRIM", b"l" + key, 0, 5], lambda: ["HSET", b"h" + key, value(), value()],
            lambda: ["HGETALL", b"h" + key], lambda: ["DEL", b"h" + key],
            lambda: ["SADD", b"S" + key, rng.randrange(9)], lambda: ["SPOP", b"S" + key],
            lambda: ["ZADD", b"z" + key, rng.random(), rng.randrange(9)],
            lambda: ["ZRANGE", b"z" + key, 0, -1], lambda: ["EXPIRE", b"s" + key, 1000],
            lambda: ["XADD", b"x" + key, "MAXLEN", "5", "*", "f", value()],
            lambda: ["SETRANGE", b"r" + key, 3, value()], lambda: ["MGET", b"s" + key, b"s" + other],
            lambda: ["RENAME", b"s" + key, b"s" + other], lambda: ["LPUSH", b"s" + key, "wrong type"],
            lambda: ["NOSUCHCOMMAND", key], lambda: ["GET"], lambda: ["SELECT", rng.randrange(3)],
            lambda: ["PFADD", b"p" + key, value()], lambda: ["GETSET", b"s" + key, value()],
            lambda: ["PFCOUNT", b"p" + key, b"p" + other], lambda: ["SETBIT", b"b" + key, rng.randrange(99), 1],
            lambda: ["BITOP", "OR", b"b" + key, b"b" + other, b"b" + key], lambda: ["BITCOUNT", b"b" + key],
            lambda: ["GEOADD", b"g" + key, rng.randrange(90), rng.randrange(80), value()],
            lambda: ["GEORADIUS", b"g" + key, 0, 0, 9000, "km", "STORE", b"z" + other],
            lambda: ["ZUNIONSTORE", b"z" + key, 2, b"z" + key, b"z" + other, "WEIGHTS", 1, 2],
            lambda: ["SUNIONSTORE", b"S" + key, b"S" + other], lambda: ["SORT", b"l" + key, "ALPHA", "STORE", b"l" + other],
            lambda: ["XREAD", "COUNT", 1, "STREAMS", b"x" + key, b"x" + other, 0, 0], lambda: ["XLEN", b"x" + key],
            lambda: ["XINFO", "STREAM", b"x" + key], lambda: ["OBJECT", "ENCODING", b"l" + key],
            lambda: ["HINCRBY", b"i" + key, "f", rng.randrange(9)], lambda: ["HMGET", b"i" + key, "f", "g"],
            lambda: ["PUBLISH", "channel", value()], lambda: ["TYPE", b"s" + key], lambda: ["TTL", b"s" + key],
            lambda: ["CONFIG", "GET", "maxmemory"], lambda: ["CLIENT", "GETNAME"], lambda: ["CONFIG", "NOSUCH"],
            lambda: ["RPOPLPUSH", b"l" + key, b"l" + other], lambda: ["MSETNX", b"m" + key, 1, b"m" + other, 2],
            lambda: ["ZRANGE", b"s" + key, 0, -1], lambda: ["DEL", *[b"m" + k for k in keys]], lambda: ["DBSIZE"],
        ])()

    def batch():
        kind = rng.random()
        if kind < 0.03:
            return [["EVAL", "redis.call('incrby',KEYS[1],ARGV[1]) return redis.pcall('get',KEYS[1])", 1,
                     b"e" + rng.choice(keys), rng.randrange(100)]]
        if kind < 0.06:
            return [["MULTI"], *[["INCR", b"n" + rng.choice(keys)] for _ in range(3)],
                    ["EVAL", "return redis.call('ping')", 0], ["EXEC"]]
        if kind < 0.065:
            return [["BLPOP", b"l" + rng.choice(keys), "0.01"]]
        if kind < 0.067:
            return [["SET", "huge", "h" * 100000]]
        return [simple() for _ in range(rng.randrange(1, 20))]

    sent = 0
    while sent < count:
        client, commands = rng.choice(clients), batch()
        client.raw(b"".join(redis_servers.encode(*command) for command in commands))
        for _ in commands:
            client.reply()
        sent += len(commands)
    for client in clients:
        client.close()


@contextlib.contextmanager
def monitor(server, path):
    """MONITOR, by redis-cli: a function that waits for a text and gives all lines, as (db, quoted arguments)."""
    def lines(last):
        wait_until(lambda: last in path.read_bytes()[-1000:], "MONITOR's last line")
        matches = (re.match(rb"[0-9.]+ \[(\d+) [^]]*\] (.*)", line) for line in path.read_bytes().splitlines())
        return [(int(match[1]), match[2]) for match in matches if match]

    with open(path, "wb") as file, running("redis-cli", "-p", server.port, "MONITOR", stdout=file):
        wait_until(lambda: os.path.getsize(path) > 0, "MONITOR")
        yield lines


def commandstats(client):
    """{command: (calls, failed or rejected ones)}; versions before 6.2 don't count these."""
    def number(fields, name):
        return int((re.search(rf"\b{name}=(\d+)", fields) or [0, 0])[1])

    lines = client.call("INFO", "commandstats").decode().splitlines()
    fields = dict(line.removeprefix("cmdstat_").split(":", 1) for line in lines if line.startswith("cmdstat_"))
    return {name: (number(text, "calls"), number(text, "failed_calls") + number(text, "rejected_calls"))
            for name, text in fields.items()}


def blocking_load(server):
    """Commands that block: served, several times in vain before that, timed out, unblocked, and one whose client leaves."""
    with Client(server) as waiter, Client(server) as client:
        for _ in range(5):
            waiter.send("BLPOP", "queue", "other", "0")
            wait_until(lambda: b"blocked_clients:1" in client.call("INFO", "clients"), "a blocked client")
            client.call("RPUSH", "queue", "x")
            assert waiter.reply()
            assert waiter.call("BLPOP", "nothing", "0.01") is None
            waiter.call("PING")
        number = waiter.call("CLIENT", "ID")
        waiter.send("BRPOPLPUSH", "nothing", "else", "0")
        wait_until(lambda: b"blocked_clients:1" in client.call("INFO", "clients"), "a blocked client")
        client.call("CLIENT", "UNBLOCK", number, "ERROR")
        assert isinstance(waiter.reply(), Error)
        client.call("XADD", "stream", "1-1", "f", "v")
        waiter.send("XREAD", "BLOCK", 0, "STREAMS", "stream", "$")
        wait_until(lambda: b"blocked_clients:1" in client.call("INFO", "clients"), "a blocked client")
        client.call("XADD", "stream", "2-1", "f", "v")
        assert waiter.reply()


def test_statistics_are_the_servers_own(server, client):
    """Calls and errors of each command, subcommands apart, whatever blocks, fails or is called by a script."""
    with Tool("redis-cmd", "-p", server.pid, "--json", "--stats=600") as tool:
        before = commandstats(client)
        mixed_load(server, COMMANDS // 2)
        blocking_load(server)
        after = commandstats(client)
        rows, lost = finish(tool)
    assert not lost
    counts = {name: tuple(b - a for a, b in zip(before.get(name, (0, 0)), after[name])) for name in after}
    ours = {row["command"]: (row["calls"], row["errors"]) for row in rows}
    del counts["info"], ours["info"]  # which is counted behind its own reply
    wrong = {name: (ours.get(name), counts[name]) for name in counts if counts[name] != ours.get(name, (0, 0))}
    if server.build == "redis-6.0":
        wrong = {name: both for name, both in wrong.items() if (both[0] or (0,))[0] != both[1][0]}
    # The server counts the error that it sends to the one that is unblocked for this command, too.
    wrong.pop("client|unblock", None)
    assert not wrong
    assert set(ours) - set(counts) <= {"nosuchcommand", "config"}, "unknown to the server"


def in_monitors_order(rows):
    """As MONITOR has it: EXEC behind what it executed."""
    groups = []
    for row in rows:
        if row["depth"] == 0:
            groups.append([row])
        else:
            groups[-1].append(row)
    for group in groups:
        yield from group[1:] + group[:1] if group[0]["command"] == "EXEC" else group


def test_the_same_commands_as_monitor(server, client, tmp_path):
    client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
    with monitor(server, tmp_path / "monitor") as monitored, trace(server, "-Z", "200000", "-b", 16384) as tool:
        mixed_load(server, COMMANDS)
        client.call("ECHO", "the-end")
        rows, lost = finish(tool)
        expected = monitored(b"the-end")
    assert lost == 0
    rows = [row for row in rows if row["command"] != "MONITOR"]
    shown = [(row["db"], quote(argv(row), server.build)) for row in in_monitors_order(rows) if not row.get("rejected")]

    def without_blocking(commands):
        # MONITOR leaves commands for administrators out.
        # SELECT's database is that before it for us, for MONITOR in some versions that behind it.
        return [(None if text.startswith(b'"SELECT"') else db, text) for db, text in commands
                if not text.startswith((b'"BLPOP"', b'"CONFIG"', b'"CLIENT"'))]

    ours, theirs = without_blocking(shown), without_blocking(expected)
    different = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
    assert different is None, f"{different}: {ours[different]!r:.300} {theirs[different]!r:.300}"
    assert len(ours) == len(theirs)
    assert len([row for row in rows if row.get("rejected")]) > 0
    # MONITOR shows a command that blocked when it starts, when it ends, or both, by version.
    blocked = {text for _, text in shown if text.startswith(b'"BLPOP"')}
    assert blocked == {text for _, text in expected if text.startswith(b'"BLPOP"')}
