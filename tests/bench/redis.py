# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What looking costs a saturated server: the throughput that redis-benchmark reaches, with and without
pipelining, while nothing looks, empty uprobes sit on call() (the floor: what has latencies needs one on its
entry and one on its return), redis-cmd shows, filters or counts its commands, and MONITOR does. Prints a table: the
share of the throughput that is kept, and the server's processor time a command, which other load on
the machine disturbs less; the looker's own at the greatest depth. Then what was aimed at, and how quiet the machine was.
All in one run of 4 minutes, rounds interleaved and every other one backwards; medians of shares
within a round, minima of times. BENCH_COMMANDS and BENCH_ROUNDS set its length."""
import ctypes
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from redis_servers import Server  # noqa: E402
from tracing import tool_path  # noqa: E402

COMMANDS = int(os.environ.get("BENCH_COMMANDS", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
DEPTHS = (1, 4, 16, 64)

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_KPROBE, BPF_TRACE_UPROBE_MULTI = 2, 48
UPROBE_MULTI_RETURN = 1
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    fd = libc.syscall(SYS_BPF, command, buffer, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "bpf(2)")
    return fd


class EmptyProbe:
    """A program that only returns, on a place in a file: what the kernel itself costs."""

    def __init__(self, path, offset, is_return):
        code = ctypes.create_string_buffer(struct.pack("<QQ", 0xb7, 0x95))  # r0 = 0; exit
        text, places = ctypes.c_char_p(path.encode()), (ctypes.c_ulong * 1)(offset)
        license = ctypes.c_char_p(b"GPL")
        attributes = bytearray(128)
        struct.pack_into("<IIQQ", attributes, 0, BPF_PROG_TYPE_KPROBE, 2, ctypes.addressof(code),
                         ctypes.cast(license, ctypes.c_void_p).value)
        struct.pack_into("<I", attributes, 68, BPF_TRACE_UPROBE_MULTI)
        self.program = bpf(BPF_PROG_LOAD, bytes(attributes))
        self.link = bpf(BPF_LINK_CREATE, struct.pack(
            "<IiIIQQQQIII", self.program, -1, BPF_TRACE_UPROBE_MULTI, 0,
            ctypes.cast(text, ctypes.c_void_p).value, ctypes.addressof(places), 0, 0, 1,
            UPROBE_MULTI_RETURN if is_return else 0, 0))

    def close(self):
        os.close(self.link)
        os.close(self.program)


class EmptyProbes:
    def __init__(self, server, with_return):
        exe = os.path.realpath(f"/proc/{server.pid}/exe")
        symbols = subprocess.run(["nm", "-D", "--defined-only", exe], capture_output=True, text=True).stdout
        offset = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" T call"))
        self.probes = [EmptyProbe(exe, offset, is_return) for is_return in (False, True)[:1 + with_return]]

    def settle(self):
        pass

    def close(self):
        for probe in self.probes:
            probe.close()


class Command:
    """Something that runs beside, its output to a file; ready when that or stderr has something."""

    def __init__(self, argv):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(list(map(str, argv)), stdout=self.out, stderr=self.err)
        while not os.fstat(self.out.fileno()).st_size and b"armed" not in self.text():
            if self.process.poll() is not None:
                sys.exit(f"{argv}: {self.text().decode()}")
            time.sleep(0.01)

    def settle(self):
        """Wait until it has written all it will."""
        size = -1
        while size != os.fstat(self.out.fileno()).st_size:
            size = os.fstat(self.out.fileno()).st_size
            time.sleep(0.15)

    def text(self):
        return os.pread(self.err.fileno(), 1 << 20, 0)

    def close(self):
        self.process.terminate()
        self.process.wait()
        text = self.text().decode()
        self.lost = next((line.split(": ", 1)[1] for line in text.splitlines() if "lost" in line), "")
        self.bytes = os.fstat(self.out.fileno()).st_size


def redis_cmd(server, *options):
    return Command([tool_path("redis-cmd"), "-v", "-p", server.pid, *options])


NOTHING, FLOOR, STATS = "nothing", "empty uprobe and uretprobe: the floor", "redis-cmd --stats"
ONE, FULL, MONITOR = "an empty uprobe on call()", "redis-cmd", "redis-cli MONITOR"
WAYS = {
    NOTHING: lambda server: None,
    ONE: lambda server: EmptyProbes(server, False),
    FLOOR: lambda server: EmptyProbes(server, True),
    STATS: lambda server: redis_cmd(server, "--stats"),
    "redis-cmd --top": lambda server: redis_cmd(server, "--top"),
    "redis-cmd -c DEL (others are filtered out)": lambda server: redis_cmd(server, "-c", "DEL"),
    FULL: redis_cmd,
    MONITOR: lambda server: Command(["redis-cli", "-p", server.port, "MONITOR"]),
}


def seconds(process):
    """The processor time it has had."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def measure(server, depth, looker):
    """(commands a second, microseconds of the server's processor a command, of the looker's)"""
    count = COMMANDS * (1 if depth == 1 else 2)
    processes = [server.pid] + ([looker.process.pid] if hasattr(looker, "process") else [])
    before = [seconds(process) for process in processes]
    out = subprocess.run(["redis-benchmark", "-p", str(server.port), "-n", str(count), "-c", "50",
                          "-P", str(depth), "-r", "100000", "-d", "32", "--csv", "-t", "set,get"],
                         capture_output=True, text=True, check=True).stdout
    rates = [float(line.split('","')[1].strip('"')) for line in out.splitlines()[-2:]]
    if looker:
        looker.settle()
    used = [(seconds(process) - was) / (2 * count) * 1e6 for process, was in zip(processes, before)]
    return statistics.harmonic_mean(rates), used[0], used[1] if len(used) > 1 else 0


def run():
    """{(way, depth): [a measurement a round]}, {(way, depth): what it said it lost}"""
    runs, losses = {}, {}
    with Server() as server:
        for depth in DEPTHS:
            for i in range(ROUNDS):
                for name in list(WAYS)[::-1 if i % 2 else 1]:
                    try:
                        looker = WAYS[name](server)
                    except OSError:  # a kernel without multi uprobes has no floor to stand on
                        continue
                    runs.setdefault((name, depth), []).append(measure(server, depth, looker))
                    if looker:
                        looker.close()
                        losses[name, depth] = getattr(looker, "lost", "")
    return runs, losses


def kept(runs, name, other, depth):
    """The median share of the other one's throughput."""
    return statistics.median(rate / base for (rate, _, _), (base, _, _) in
                             zip(runs[name, depth], runs[other, depth]))


def print_table(runs):
    print("| looking at the server | " + " | ".join(f"-P {depth}" for depth in DEPTHS) +
          " | its own time |")
    print("| --- |" + " ---: |" * (len(DEPTHS) + 1))
    for name in WAYS:
        if (name, DEPTHS[0]) not in runs:
            continue
        cells = [f"{kept(runs, name, NOTHING, depth):.2f}, {min(used for _, used, _ in runs[name, depth]):.2f} us"
                 for depth in DEPTHS]
        looker = min(used for _, _, used in runs[name, DEPTHS[-1]])
        print(f"| {name} | " + " | ".join(cells) + f" | {looker:.2f} us |")


def print_aims(runs):
    for name, other, aim in (STATS, FLOOR, "0.90 or more"), (STATS, ONE, "for comparison"), (FULL, MONITOR, "more than 1"):
        if (name, DEPTHS[0]) in runs and (other, DEPTHS[0]) in runs:
            print(f"{name}, against {other}: " + ", ".join(f"{kept(runs, name, other, depth):.2f}" for depth in DEPTHS) +
                  f" of the throughput ({aim})")


def print_state(runs, loads):
    rates = {depth: [rate for rate, _, _ in runs[NOTHING, depth]] for depth in DEPTHS}
    print("Commands a second while nothing looks: " + ", ".join(
        f"{statistics.median(rates[depth]):,.0f} with -P {depth} (from {min(rates[depth]):,.0f} to {max(rates[depth]):,.0f})"
        for depth in DEPTHS))
    print(f"{os.cpu_count()} processors; the server, redis-benchmark and the looker share them; load average {loads[0]:.1f} "
          f"at the beginning (quiet: below 0.5), {loads[1]:.1f} at the end (alone: 2 to 3)")


def main():
    if not shutil.which("redis-benchmark"):
        print("redis-benchmark is not installed: redis-cmd isn't measured")
        return
    before = os.getloadavg()[0]
    runs, losses = run()
    print_table(runs)
    print()
    print_aims(runs)
    print_state(runs, (before, os.getloadavg()[0]))
    for (name, depth), lost in losses.items():
        if lost:
            print(f"{name}, -P {depth}: {lost}")


main()
