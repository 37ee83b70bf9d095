# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""xdpcount: every packet in one row, and those of blocked sources nowhere else. A sender counts what it sends, through a pair
of virtual interfaces between two network namespaces."""
import collections
import contextlib
import ipaddress
import json
import re
import signal
import struct
import subprocess
import sys
import time

import pytest

from tracing import PATIENCE, Tool, json_lines, need, need_that, run_tool, running, tool_path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces")
SENDER = """
import json, socket, sys
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packet.bind(("sender", 0))
for line in sys.stdin:
    times, frame = json.loads(line)
    for _ in range(times):
        packet.send(bytes.fromhex(frame))
"""
Link = collections.namedtuple("Link", "sender receiver")


def ip(namespace, *args, check=True):
    return subprocess.run(["nsenter", f"--net=/proc/{namespace}/ns/net", "ip", *args], check=check,
                          capture_output=True, text=True)


@contextlib.contextmanager
def linked(mtu=1500):
    """Two namespaces, each as the id of a process in it, whose interfaces "sender" and "receiver" are one wire."""
    need("ip", "nsenter", "unshare")
    with contextlib.ExitStack() as stack:
        ids = [stack.enter_context(running("unshare", "--net", "sleep", "600")).pid for _ in range(2)]
        own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True).stdout
        end = time.monotonic() + PATIENCE
        while any(subprocess.run(["readlink", f"/proc/{pid}/ns/net"], capture_output=True, text=True).stdout == own
                  for pid in ids):
            assert time.monotonic() < end
            time.sleep(.01)
        for pid in ids:
            # Nothing that the kernel sends by itself.
            ip(pid, "link", "set", "lo", "up")
        made = ip(ids[0], "link", "add", "sender", "mtu", str(mtu), "type", "veth", "peer", "name", "receiver",
                  "mtu", str(mtu), "netns", str(ids[1]), check=False)
        need_that(made.returncode == 0, f"this kernel has no veth: {made.stderr}")
        for pid, name in zip(ids, ("sender", "receiver")):
            ip(pid, "link", "set", name, "addrgenmode", "none")
            ip(pid, "link", "set", name, "up")
        yield Link(*ids)


def ethernet(protocol, payload, tags=()):
    head = bytes.fromhex("ffffffffffff" "020000000001")
    for kind in tags:
        head += struct.pack("!HH", kind, 7)
    return (head + struct.pack("!H", protocol) + payload).ljust(60, b"\0")


def ipv4(source, size=20, tags=(), link=True):
    payload = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 253, 0, ipaddress.ip_address(source).packed, b"\x0a\x09\0\x02")
    payload = payload.ljust(size, b"\0")
    return ethernet(0x0800, payload, tags) if link else payload


def ipv6(source, tags=()):
    payload = struct.pack("!IHBB16s16s", 0x60000000, 0, 59, 64, ipaddress.ip_address(source).packed, bytes(16))
    return ethernet(0x86dd, payload, tags)


def send(link, frames):
    """Of (times, frame)."""
    text = "".join(json.dumps([times, frame.hex()]) + "\n" for times, frame in frames)
    subprocess.run(["nsenter", f"--net=/proc/{link.sender}/ns/net", "/usr/bin/python3", "-c", SENDER], input=text,
                   text=True, check=True, timeout=4 * PATIENCE)


class Counter(Tool):
    """xdpcount in the receiver's namespace."""

    def __init__(self, link, *args, name="receiver"):
        # Tool() starts a path: with nsenter in front of it.
        self.stderr, self.read = b"", b""
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{link.receiver}/ns/net", tool_path("xdpcount"), "-v", *map(str, args), name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_stderr("armed")

    def rows(self):
        """All that it has counted, by source or kind: packets, bytes, dropped packets, dropped bytes."""
        out, err = self.stop()
        assert self.status == 0, err
        sums = collections.defaultdict(lambda: [0, 0, 0, 0])
        for record in json_lines(out)[0]:
            row = sums[record.get("source") or record["kind"]]
            for i, key in enumerate(("packets", "bytes", "dropped_packets", "dropped_bytes")):
                row[i] += record[key]
        return dict(sums)


def received(link):
    """The interface's own count."""
    text = ip(link.receiver, "-s", "-j", "link", "show", "receiver").stdout
    return json.loads(text)[0]["stats64"]["rx"]["packets"]


def program(link, name="receiver"):
    return json.loads(ip(link.receiver, "-j", "link", "show", name).stdout)[0].get("xdp")


@pytest.mark.parametrize("mode", ["generic", "native"])
def test_rows_are_what_was_sent(mode):
    frames = [(7, ipv4("192.0.2.1")), (3, ipv4("192.0.2.2", size=900)), (5, ipv4("192.0.2.1", tags=[0x8100])),
              (2, ipv4("198.51.100.9", tags=[0x88a8, 0x8100])), (4, ipv6("2001:db8::7")), (1, ipv6("2001:db8::8", tags=[0x8100])),
              (6, ethernet(0x0806, bytes(28))), (1, ethernet(0x0800, b"")), (1, ethernet(0x86dd, b"\x50" + bytes(20)))]
    expected = {"192.0.2.1": 12, "192.0.2.2": 3, "198.51.100.9": 2, "2001:db8::7": 4, "2001:db8::8": 1, "not-ip": 8}
    with linked() as link, Counter(link, "--json", "--mode", mode, "--interval", "0.2") as counter:
        before = received(link)
        send(link, frames)
        assert received(link) - before == sum(expected.values())
        rows = counter.rows()
    assert {source: row[0] for source, row in rows.items()} == expected
    assert rows["192.0.2.2"][1] == 3 * 914 and rows["2001:db8::7"][1] == 4 * 60 and not any(row[2] for row in rows.values())


def test_more_sources_than_rows_or_room():
    with linked() as link, Counter(link, "--json", "--max-sources", "1000", "--interval", "0.3") as counter:
        send(link, [(1, ipv4(ipaddress.ip_address(0x0a000000 + i))) for i in range(20000)])
        rows = counter.rows()
    assert sum(row[0] for row in rows.values()) == 20000 and rows["others"][0] > 0
    with linked() as link, Counter(link, "--top", "2", "--interval", "60") as counter:
        send(link, [(i + 1, ipv4(f"192.0.2.{i}")) for i in range(10)])
        out, _ = counter.stop()
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["192.0.2.9", "10"], ["192.0.2.8", "9"], ["(others)", "36"]]


@pytest.mark.parametrize("options, dropped", [
    (["--block", "192.0.2.0/24", "--allow", "192.0.2.7"], {"192.0.2.1": 3, "192.0.2.7": 0, "2001:db8::7": 0}),
    (["--block", "2001:db8::/32", "--mode", "native"], {"192.0.2.1": 0, "192.0.2.7": 0, "2001:db8::7": 5}),
    (["--block", "::/0", "--force"], {"192.0.2.1": 0, "192.0.2.7": 0, "2001:db8::7": 5}),
    (["--block", "0.0.0.0/0", "--dry-run"], {"192.0.2.1": 3, "192.0.2.7": 4, "2001:db8::7": 0}),
])
def test_blocked_sources_do_not_arrive(options, dropped):
    sees = """
import socket
raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
raw.bind(("receiver", 0))
raw.settimeout(10)
print("ready", flush=True)
seen = 0
while True:
    data = raw.recv(65536)
    if data[:1] == b"\\x60" and data[8:10] == b"\\xfe\\xed": break
    seen += 1
print(seen)
"""
    with linked() as link, Counter(link, "--json", *options) as counter:
        with running("nsenter", f"--net=/proc/{link.receiver}/ns/net", "/usr/bin/python3", "-c", sees,
                     stdout=subprocess.PIPE, text=True) as arrived:
            assert arrived.stdout.readline() == "ready\n"
            send(link, [(3, ipv4("192.0.2.1")), (4, ipv4("192.0.2.7")), (5, ipv6("2001:db8::7")), (1, ipv6("feed::"))]
                 if "::/0" not in options else [(3, ipv4("192.0.2.1")), (4, ipv4("192.0.2.7")), (5, ipv6("2001:db8::7"))])
            if "::/0" in options:
                arrived.kill()
            else:
                seen = int(arrived.stdout.readline())
                assert seen == 12 - (0 if "--dry-run" in options else sum(dropped.values()))
        rows = counter.rows()
    assert {source: rows[source][2] for source in dropped} == dropped
    assert [rows[source][0] for source in dropped] == [3, 4, 5]


def test_a_file_of_rules_is_read_again(tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("# nobody\n\n192.0.2.1 # one\n")
    with linked() as link, Counter(link, "--json", "--block-file", rules) as counter:
        send(link, [(3, ipv4("192.0.2.1")), (3, ipv4("192.0.2.2"))])
        rules.write_text("192.0.2.2\n2001:db8::/32\n")
        counter.process.send_signal(signal.SIGHUP)
        counter.wait_stderr("2 rules are in force now")
        send(link, [(5, ipv4("192.0.2.1")), (5, ipv4("192.0.2.2"))])
        rules.write_text("nonsense\n")
        counter.process.send_signal(signal.SIGHUP)
        counter.wait_stderr("the rules stay as they were: .*rules:1: expected an IP address")
        send(link, [(7, ipv4("192.0.2.1")), (7, ipv4("192.0.2.2"))])
        rows = counter.rows()
    assert (rows["192.0.2.1"][0], rows["192.0.2.1"][2]) == (15, 3)
    assert (rows["192.0.2.2"][0], rows["192.0.2.2"][2]) == (15, 12)


def test_whoever_sets_it_up_is_not_locked_out():
    with linked() as link:
        ip(link.receiver, "addr", "add", "10.9.0.2/24", "dev", "receiver")
        ip(link.receiver, "route", "add", "default", "via", "10.9.0.1")
        prefix = ["nsenter", f"--net=/proc/{link.receiver}/ns/net", "env", "SSH_CONNECTION=203.0.113.5 1 10.9.0.2 22"]
        for blocked, word in [("10.9.0.2", "own address"), ("10.9.0.0/29", "gateway|own address"), ("10.9.0.1", "gateway"),
                              ("0.0.0.0/0", "everything"), ("203.0.113.0/24", "SSH client")]:
            done = subprocess.run([*prefix, tool_path("xdpcount"), "--duration", "0.1", "receiver", "--block", blocked],
                                  capture_output=True, text=True)
            assert done.returncode == 2 and re.search(word, done.stderr), done.stderr
            done = subprocess.run([*prefix, tool_path("xdpcount"), "--duration", "0.1", "--json", "receiver", "--force",
                                   "--block", blocked], capture_output=True, text=True)
            assert done.returncode == 0 and not program(link), done.stderr
        assert "would lock out" in subprocess.run(
            [*prefix, "sh", "-c", f"env -u SSH_CONNECTION {tool_path('xdpcount')} receiver --block 203.0.113.5; :"],
            capture_output=True, text=True).stderr


def test_nothing_stays_behind():
    with linked() as link:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with Counter(link, "--block", "192.0.2.1") as counter:
                assert program(link)
                counter.process.send_signal(sig)
                counter.process.communicate(timeout=PATIENCE)
            end = time.monotonic() + PATIENCE
            while program(link):
                assert time.monotonic() < end
                time.sleep(.01)


def test_another_program_is_left_alone():
    with linked() as link, Counter(link):
        done = subprocess.run(["nsenter", f"--net=/proc/{link.receiver}/ns/net", tool_path("xdpcount"), "receiver"],
                              capture_output=True, text=True)
        assert done.returncode == 1 and re.search(r"receiver has an XDP program already, count_\w+ \(id \d+\)", done.stderr)
        assert program(link)


def test_the_interface_goes_away():
    with linked() as link, Counter(link, "--interval", "0.1") as counter:
        ip(link.receiver, "link", "del", "receiver")
        _, err = counter.wait()
        assert counter.status == 1 and "interface receiver is gone" in err


def test_large_frames_in_each_mode():
    frame = ipv4("192.0.2.1", size=8900)
    for mode in ("generic", "native"):
        with linked(mtu=9000) as link, Counter(link, "--json", "--mode", mode) as counter:
            send(link, [(10, frame)])
            assert counter.rows() == {"192.0.2.1": [10, 89140, 0, 0]}


def test_packets_without_a_link_header():
    writes = """
import fcntl, os, struct, sys, time
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH", b"bare", 0x1001))
print("made", flush=True)
for line in sys.stdin:
    os.write(tun, bytes.fromhex(line))
    print("sent", flush=True)
"""
    with linked() as link, running("nsenter", f"--net=/proc/{link.receiver}/ns/net", "/usr/bin/python3", "-c", writes,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tun:
        need_that(tun.stdout.readline() == "made\n", "no tun devices here")
        ip(link.receiver, "link", "set", "bare", "addrgenmode", "none")
        ip(link.receiver, "link", "set", "bare", "up")
        with Counter(link, "--json", name="bare") as counter:
            for _ in range(5):
                tun.stdin.write(ipv4("192.0.2.1", link=False).hex() + "\n")
                tun.stdin.flush()
                assert tun.stdout.readline() == "sent\n"
            assert counter.rows() == {"192.0.2.1": [5, 100, 0, 0]}


@pytest.mark.parametrize("args, word", [
    (["lo", "--block", "10.1.2.3/8"], "bits behind its length: is 10.0.0.0/8 meant, or 10.1.2.3 alone"),
    (["lo", "--block", "10.0.0.0/33"], "a number from 0 to 32"),
    (["lo", "--block", "1.2.3.4", "--allow", "1.2.3.4"], "1.2.3.4 is both blocked and allowed"),
    (["lo", "--block-file", "/etc/passwd"], "/etc/passwd:1: expected an IP address"),
    (["lo", "--block-file", "/nothing"], "/nothing: No such file"),
    (["lo", "--block-file", "/"], "Is a directory"),
    (["lo", "lo"], "one interface at a time"), ([], "which interface"), (["--mode", "fast", "lo"], "native, generic or auto"),
])
def test_what_cannot_be_meant(args, word):
    status, out, err = run_tool("xdpcount", *args)
    assert status == 2 and word in err and not out


def test_no_such_interface():
    status, _, err = run_tool("xdpcount", "nothere0")
    assert status == 1 and "no interface 'nothere0'" in err
