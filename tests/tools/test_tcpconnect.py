# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""tcpconnect, end to end: what it shows of connections, compared with what the connecting programs saw."""
import errno
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tracing import (FULL, HITS, KERNEL, PATIENCE, Tool, json_lines, json_told, need, need_that, run_target, run_tool,
                     running, target_path, tool_path)

PYTHON = "/usr/bin/python3"


@pytest.fixture
def server():
    """A listening socket; connections stay in its queue."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port():
    """A port that nobody listens on, kept so by a bound socket."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def connect(address, family=socket.AF_INET, source=None):
    """(errno, local port) of a blocking connect()."""
    with socket.socket(family) as client:
        if source:
            client.bind(source)
        error = client.connect_ex(address)
        return error, client.getsockname()[1]


def trace(calls, *options):
    """Trace these connects of this process: (what they returned, records)."""
    with Tool("tcpconnect", "--json", "-p", os.getpid(), *options) as tool:
        done = [connect(*call) for call in calls]
        out, err = tool.stop()
    assert tool.status == 0, err
    records, lost = json_lines(out)
    assert lost == 0
    return done, records


def test_each_attempt_is_shown_with_addresses_result_and_latency(server, closed_port):
    with socket.socket(socket.AF_INET6) as six:
        six.bind(("::1", 0))
        six.listen()
        done, records = trace([
            (("127.0.0.1", server),), (("127.0.0.1", closed_port),),
            (("::1", six.getsockname()[1]), socket.AF_INET6),
            (("::ffff:127.0.0.1", server), socket.AF_INET6),
            (("127.0.0.1", server), socket.AF_INET, ("127.0.0.9", 0))])
        six_port = six.getsockname()[1]
    expected = [("127.0.0.1", 4, "127.0.0.1", server, False), ("127.0.0.1", 4, "127.0.0.1", closed_port, False),
                ("::1", 6, "::1", six_port, False), ("127.0.0.1", 4, "127.0.0.1", server, True),
                ("127.0.0.9", 4, "127.0.0.1", server, False)]
    assert [(r["saddr"], r["ip"], r["daddr"], r["dport"], r["mapped"]) for r in records] == expected
    assert [r.get("errno", 0) for r in records] == [error for error, _ in done] == \
        [0, errno.ECONNREFUSED, 0, 0, 0]
    assert [r["result"] for r in records] == ["ok", "failed", "ok", "ok", "ok"]
    assert records[1]["error"] == "ECONNREFUSED"
    for record, (error, port) in zip(records, done):
        assert record["lport"] == port or error
        assert record["pid"] == os.getpid() and record["uid"] == os.getuid()
        assert record["comm"] == Path("/proc/self/comm").read_text().strip()
        assert record["netns"] == os.stat("/proc/self/ns/net").st_ino
        assert 0 < record["latency_us"] < 5e6


def test_a_call_that_never_got_to_a_socket_state_is_shown():
    done, records = trace([(("255.255.255.255", 80),)])
    assert done[0][0] == errno.ENETUNREACH
    (record,) = records
    assert (record["daddr"], record["dport"], record["error"]) == ("255.255.255.255", 80, "ENETUNREACH")
    assert record["saddr"] is None and record["lport"] is None


def test_what_is_not_an_attempt_is_not_shown(server, tmp_path):
    with Tool("tcpconnect", "--json", "-p", os.getpid()) as tool:
        with socket.socket(socket.AF_UNIX) as local, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            assert local.connect_ex(str(tmp_path / "absent")) == errno.ENOENT
            udp.connect(("127.0.0.1", 9))
        with socket.socket() as client:
            client.connect(("127.0.0.1", server))
            assert client.connect_ex(("127.0.0.1", server)) == errno.EISCONN
        out, _ = tool.stop()
    assert len(json_lines(out)[0]) == 1


def test_columns_are_bccs_with_results(server, closed_port):
    with Tool("tcpconnect", "-t", "-U", "-L", "-p", os.getpid()) as tool:
        ok, _ = connect(("127.0.0.1", server)), connect(("127.0.0.1", closed_port))
        out, _ = tool.stop()
    header, first, second = out.splitlines()
    assert header == ("TIME(s)  UID   PID     COMM         IP SADDR            LPORT  DADDR            "
                      "DPORT  RESULT         LAT(us)")
    comm = Path("/proc/self/comm").read_text().strip()
    start = rf"\d+\.\d{{3}} +0     {os.getpid():<7} {comm:<12} 4  127\.0\.0\.1        "
    assert re.fullmatch(start + rf"{ok[1]:<6} 127\.0\.0\.1        {server:<6} ok +\d+", first)
    assert re.fullmatch(start + rf"\d+ +127\.0\.0\.1        {closed_port:<6} ECONNREFUSED +\d+", second)


def test_early_rows_come_before_the_answer(server):
    """The queue of this server is full: there is no answer at all."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        clients = [socket.socket() for _ in range(4)]
        with Tool("tcpconnect", "--early", "-P", port, "--max-events", 4) as tool:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            out, _ = tool.wait()
        for client in clients:
            client.close()
    lines = out.splitlines()
    assert lines[0].split() == ["PID", "COMM", "IP", "SADDR", "DADDR", "DPORT"]
    assert len(lines) == 5 and all(line.split()[-1] == str(port) for line in lines[1:])


def test_attempts_without_an_answer_are_told_at_the_end():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        clients = [socket.socket() for _ in range(4)]
        with Tool("tcpconnect", "--json", "-P", port) as tool:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            clients[3].close()
            out, _ = tool.stop()
        for client in clients:
            client.close()
    results = sorted(r["result"] for r in json_lines(out)[0])
    assert results.count("closed") == 1 and results.count("pending") >= 1
    assert set(results) == {"ok", "closed", "pending"} and len(results) == 4
    assert all("latency_us" not in r for r in json_lines(out)[0] if r["result"] == "pending")


def test_ports_families_and_users_are_filtered(server, closed_port):
    low, high = sorted((server, closed_port))
    calls = [(("127.0.0.1", server),), (("127.0.0.1", closed_port),)]
    for ports, count in ((server, 1), (f"{low}-{high}", 2), (f"1,{server},{closed_port}", 2), ("1-2,9", 0),
                         (f"0x{server:x}", 1)):
        assert len(trace(calls, "-P", ports)[1]) == count, ports
    assert len(trace(calls, "-6")[1]) == 0
    assert len(trace(calls, "-4")[1]) == 2
    assert len(trace(calls, "-u", "nobody")[1]) == 0
    assert len(trace(calls, "-u", "root")[1]) == 2


@pytest.mark.parametrize("args", [["-P", "80x443"], ["-P", ""], ["-P", "80,"], ["-P", "0"], ["-P", "65536"],
                                  ["-P", "9-8"], ["-P", "1-"], ["-P", "-1"], ["-P", " 80"], ["-4", "-6"],
                                  ["-u", "no-such-user"], ["-i", "1"], ["-c", "-d"], ["-i", "0", "-c"],
                                  ["--netns", "/no/such/file"], ["--netns", "/etc/passwd"], ["--netns", "/proc/self/ns/mnt"],
                                  ["--early", "--failed"], ["--min-us", "0"], ["-P", ",".join(map(str, range(1, 66)))],
                                  ["extra"]])
def test_wrong_command_lines_end_with_two(args):
    status, out, err = run_tool("tcpconnect", *args)
    assert status == 2 and not out and err.startswith("tcpconnect: ")


def test_count_sums_up_by_addresses_and_port(server, closed_port):
    with Tool("tcpconnect", "-c", "-p", os.getpid()) as tool:
        for _ in range(3):
            connect(("127.0.0.1", server))
        connect(("127.0.0.1", closed_port))
        out, _ = tool.stop()
    lines = [line.split() for line in out.splitlines() if line]
    assert lines == [["LADDR", "RADDR", "RPORT", "CONNECTS", "FAILED"],
                     ["127.0.0.1", "127.0.0.1", str(server), "3", "0"],
                     ["127.0.0.1", "127.0.0.1", str(closed_port), "1", "1"]]


def test_count_is_live_with_an_interval(server):
    """Each count appears in one of the intervals only."""
    with Tool("tcpconnect", "-c", "--json", "-i", "0.2", "-P", server, "--max-events", 1) as tool:
        connect(("127.0.0.1", server))
        out, _ = tool.wait()
    counted = json.loads(out.splitlines()[0])
    assert abs(counted.pop("time") - time.time()) < 60
    assert counted == {"saddr": "127.0.0.1", "daddr": "127.0.0.1", "dport": server, "connects": 1, "failed": 0}


def test_raw_sockets_are_no_connections(closed_port):
    with Tool("tcpconnect", "--json", "-p", os.getpid()) as tool:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
            assert raw.connect_ex(("127.0.0.1", closed_port)) == 0
        assert connect(("127.0.0.1", closed_port))[0] == errno.ECONNREFUSED
        out, _ = tool.stop()
    assert [r["result"] for r in json_lines(out)[0]] == ["failed"]


def mptcp(address):
    """The errno of a connect by MPTCP."""
    try:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)     # IPPROTO_MPTCP
    except OSError as error:
        pytest.skip(f"no MPTCP: {error}")
    with client:
        return client.connect_ex(address)


def test_attempts_by_mptcp_are_shown_once_each(server, closed_port):
    calls = [("127.0.0.1", server), ("127.0.0.1", closed_port), ("255.255.255.255", 80)]
    mptcp(calls[0])
    with Tool("tcpconnect", "--json", "-p", os.getpid()) as tool:
        errors = [mptcp(call) for call in calls]
        out, _ = tool.stop()
    assert errors[:2] == [0, errno.ECONNREFUSED] and errors[2]
    assert [((r["daddr"], r["dport"]), r.get("errno", 0)) for r in json_lines(out)[0]] == list(zip(calls, errors))


@pytest.mark.parametrize("tool", [["tcpconnect", "--columns", "dport"],
                                  ["trace", "t:sock:inet_sock_set_state (args->newstate == 2) \"%d\", args->dport"]])
def test_a_thread_of_io_uring_is_one_of_the_command(tool, server):
    done = subprocess.run([target_path("uring"), "connect-async", "127.0.0.1", str(server)], capture_output=True, check=False)
    need_that(done.returncode == 0 and done.stdout.split()[1] == b"0" and KERNEL >= (5, 12), "io_uring with threads of the process (5.12)")
    status, out, err = run_tool(*tool, "--", target_path("uring"), "connect-async", "127.0.0.1", server)
    assert status == 0, err
    assert [line.split()[-1] for line in out.splitlines()].count(str(server)) == 1, out


def test_failed_and_slow_attempts_alone(server, closed_port):
    calls = [(("127.0.0.1", server),), (("127.0.0.1", closed_port),), (("255.255.255.255", 80),)]
    done, records = trace(calls, "--failed")
    assert [r["errno"] for r in records] == [error for error, _ in done if error] and len(records) == 2
    assert not trace(calls, "--min-us", 1000000000)[1]
    latencies = [r["latency_us"] for r in trace(calls, "--min-us", 1)[1]]
    assert len(latencies) == 3 and min(latencies) >= 1


def test_the_descriptor_is_that_of_connect(server):
    with Tool("tcpconnect", "--json", "-p", os.getpid()) as tool, socket.socket() as client:
        client.connect(("127.0.0.1", server))
        out, _ = tool.stop()
        assert [r["fd"] for r in json_lines(out)[0]] == [client.fileno()]


def test_count_with_source_ports(server):
    with Tool("tcpconnect", "-c", "-s", "--json", "-p", os.getpid()) as tool:
        ports = {connect(("127.0.0.1", server))[1] for _ in range(2)}
        out, _ = tool.stop()
    assert {(r["lport"], r["connects"]) for r in json_lines(out)[0]} == {(port, 1) for port in ports}


def test_a_command_is_traced_with_its_children(server):
    program = f"import os, socket\nif not os.fork(): socket.create_connection(('127.0.0.1', {server}))\nelse: os.wait()"
    status, out, err = run_tool("tcpconnect", "--json", "--", PYTHON, "-c", program)
    assert status == 0, err
    (record,) = json_lines(out)[0]
    assert record["dport"] == server and record["result"] == "ok"


NAME_SERVER = r"""
import socket, struct, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
def name(text): return b"".join(bytes([len(p)]) + p for p in text.encode().split(b".")) + b"\0"
def rr(kind, data): return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name("www.example.test") + struct.pack(">HH", 1, 1)
answer = (struct.pack(">HHHHHH", 7, 0x8180, 1, 3, 0, 0) + query[12:] + rr(5, name("cdn.example.test"))
          + rr(1, socket.inet_aton("127.0.0.7")) + rr(28, socket.inet_pton(socket.AF_INET6, "::1")))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(query, ("127.0.0.1", 53))
_, peer = server.recvfrom(512)
server.sendto(answer, peer)
for garbage in (b"", b"\0" * 12, answer[:-1], b"\xff" * 40, answer[:12] + b"\xc0\x0c" * 20):
    server.sendto(garbage, peer)
for family, address in ((socket.AF_INET, "127.0.0.7"), (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.8")):
    socket.socket(family).connect_ex((address, 81))
"""


def test_names_are_learnt_from_the_answers_of_name_servers():
    need("unshare", "ip")
    command = ["unshare", "-n", tool_path("tcpconnect"), "--json", "-d", "--", PYTHON, "-c", NAME_SERVER]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    records, lost = json_lines(done.stdout)
    assert [(r["daddr"], r["query"]) for r in records] == \
        [("127.0.0.7", "www.example.test"), ("::1", "www.example.test"), ("127.0.0.8", None)]
    assert "query_error" in records[2]


def test_attempts_between_network_namespaces(tmp_path):
    """A pair of namespaces joined by veth: answered, refused, unreachable (no such host), dropped on the way."""
    need("ip")
    names = [f"tcpconnect-{os.getpid()}-{side}" for side in "ab"]
    commands = [f"netns add {names[0]}", f"netns add {names[1]}",
                f"-n {names[0]} link add v0 type veth peer name v1 netns {names[1]}",
                f"-n {names[0]} address add 10.9.0.1/24 dev v0", f"-n {names[1]} address add 10.9.0.2/24 dev v1",
                f"-n {names[0]} link set v0 up", f"-n {names[1]} link set v1 up",
                f"-n {names[0]} neigh add 10.9.0.4 lladdr 02:00:00:00:00:04 dev v0"]
    program = ("import socket, json\nlog = []\n"
               "for host, port in (('10.9.0.2', 7), ('10.9.0.2', 8), ('10.9.0.3', 7), ('10.9.0.4', 7)):\n"
               "    s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)\n"
               "    log.append([host, port, s.connect_ex((host, port))])\n"
               "print(json.dumps(log))")
    listener = "import socket; s = socket.socket(); s.bind(('10.9.0.2', 7)); s.listen(); print(1, flush=True); open(0).read()"
    try:
        for command in commands:
            done = subprocess.run(["ip", *command.split()], capture_output=True, text=True)
            need_that(not done.returncode, f"ip {command}: {done.stderr.strip()}")
        path = f"/run/netns/{names[0]}"
        with running("ip", "netns", "exec", names[1], PYTHON, "-c", listener, stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE) as server, Tool("tcpconnect", "--json", "--netns", path) as tool:
            assert server.stdout.readline() == b"1\n"
            connect(("127.0.0.1", 1))
            client = subprocess.run(["ip", "netns", "exec", names[0], PYTHON, "-c", program],
                                    capture_output=True, text=True, check=True)
            out, _ = tool.stop()
        inode = os.stat(path).st_ino
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
    log, records = json.loads(client.stdout), json_lines(out)[0]
    errors = [error for _, _, error in log]
    assert errors[:2] == [0, errno.ECONNREFUSED] and errors[3] == errno.ETIMEDOUT
    assert errors[2] in (errno.EHOSTUNREACH, errno.ETIMEDOUT)
    assert [[r["daddr"], r["dport"], r.get("errno", 0)] for r in records] == log
    assert {r["netns"] for r in records} == {inode} and {r["saddr"] for r in records} == {"10.9.0.1"}
    assert records[3]["latency_us"] > 1e6


def locked_bytes(pid):
    return sum(int(line.split()[1]) for fd in Path(f"/proc/{pid}/fdinfo").iterdir()
               for line in fd.read_text().splitlines() if line.startswith("memlock:"))


def test_kernel_memory_is_small():
    with Tool("tcpconnect", "--json") as tool:
        assert 0 < locked_bytes(tool.process.pid) <= 4 << 20


def is_record_of(what, record):
    shape, error, lport, port = what
    if error == -1:
        right = record["result"] == "closed"
    elif shape == "reset" and record["result"] == "ok":
        # After the handshake, maybe before connect() returned.
        right = error in (0, errno.ECONNRESET)
    else:
        right = record.get("errno", 0) == error
    return (right and record["dport"] == port and (record["result"] != "ok" or record["lport"] == lport)
            and record["ip"] == (6 if shape.endswith("6") else 4)
            and record["mapped"] == (shape in ("mapped", "nonblocking_refused")))


def check_load(log, records):
    """In each thread, the same attempts; returns how many there were, and how many have no result or no record."""
    by_thread, missing = {}, []
    for line in log[1:]:
        tid, shape, error, lport, port = line.split()
        by_thread.setdefault(int(tid), []).append((shape, int(error), int(lport), int(port)))
    for tid, attempts in by_thread.items():
        shown = [r for r in records if r["tid"] == tid and r["result"]]
        unknown = [r["dport"] for r in records if r["tid"] == tid and not r["result"]]
        for what in attempts:
            # A processor that is kept busy tells its ends later.
            place = next((i for i, record in enumerate(shown) if is_record_of(what, record)), None)
            if place is not None:
                shown.pop(place)
                continue
            missing.append(what)
            if what[3] in unknown:
                unknown.remove(what[3])
        assert not shown, (missing[:4], [(r["result"], r.get("errno"), r["lport"], r["dport"]) for r in shown[:4]])
        assert not unknown, (missing[:4], unknown)
    return sum(map(len, by_thread.values())), len(missing)


def test_nothing_of_a_load_is_wrong_or_missing_untold(tmp_path):
    count = 50000 if FULL else max(HITS // 40, 480)
    with open(tmp_path / "log.json", "w+") as output:
        with Tool("tcpconnect", "--json", stdout=output) as tool:
            log = run_target("connects", count, 4)
            usage = Path(f"/proc/{tool.process.pid}/stat").read_text().split()
            tool.stop()
        output.seek(0)
        text = output.read()
    records, lost = json_lines(text)
    told = json_told(text)
    netns = int(log[0].split()[1])
    attempts, missing = check_load(log, [r for r in records if r["netns"] == netns])
    unknown = sum(not r["result"] for r in records)
    print(f"{attempts} attempts, {missing} missing, {unknown} of them shown, {lost} lost, {told - lost} in doubt, "
          f"{(int(usage[13]) + int(usage[14])) * 10} ms of CPU in the tool")
    assert lost <= missing <= told
