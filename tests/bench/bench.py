#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Measures trace against its peers on the same targets, in one run on one machine, and prints a
Markdown table. Needs root, BUILD (the build folder) and the targets; a peer not installed is left
out.

  first event  tool started -> first line about a function that runs all the time, median
  ns a hit     what a call of a traced function costs its program, printing two integers; beside
               it, how many times what an empty program at the same place costs
  recorded     lines printed of all hits; the tool's own count of lost ones beside it
  RSS          peak resident size of that run, VmHWM
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from signals import give_defaults  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
HITS = int(os.environ.get("BENCH_HITS", "500000"))
TIMEOUT = 60

HIT, TICK = f"{BUILD}/targets/hits", f"{BUILD}/targets/ticks"

# Each tool: how it prints two integer arguments of one function, and how it says what it lost.
TOOLS = [
    ("trace", lambda path, func: [f"{BUILD}/bin/trace", f'p:{path}:{func} "%d %d", arg1, arg2'],
     r"[Ll]ost (\d+)"),
    ("bpftrace", lambda path, func: ["bpftrace", "-e", f"uprobe:{path}:{func} "
                                     '{ printf("%d %d\\n", arg0, arg1); }'],
     r"Lost (\d+) events"),
    ("BCC trace", lambda path, func: ["trace-bpfcc", f'p:{path}:{func} "%d %d", arg1, arg2'],
     r"lost (\d+) samples"),
]


class Failed(Exception):
    """The tool did not do what is measured; the text says what it said."""


class Tool:
    """A tool at work on one function; its words go to files."""

    def __init__(self, argv):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.start = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=self.err)

    def text(self, file):
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    def wait_for_line(self):
        """Waits for a line of two integers; returns when it came, in seconds since the start."""
        while time.monotonic() - self.start < TIMEOUT:
            if re.search(r"\d+ -?\d+$", self.text(self.out), re.M):
                return time.monotonic() - self.start
            if self.process.poll() is not None:
                break
            time.sleep(0.0005)
        self.end()
        raise Failed(self.text(self.err).strip() or "no event")

    def end(self):
        """Ends the tool, and returns its peak resident size in MiB."""
        peak = None
        if self.process.poll() is None:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                peak = re.search(r"VmHWM:\s+(\d+)", status.read())
        while self.process.poll() is None:
            # bpftrace 0.17 forgets one that comes at a bad moment.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        return int(peak.group(1)) / 1024 if peak else 0


def first_event(argv_for):
    """Median seconds from start to first event."""
    times = []
    with subprocess.Popen([TICK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ticks:
        ticks.stdout.readline()
        for _ in range(ROUNDS):
            tool = Tool(argv_for(TICK, "tick"))
            times.append(tool.wait_for_line())
            tool.end()
        ticks.stdin.close()
    return statistics.median(times)


def hits(argv_for=None, lost_pattern=None):
    """Runs the hot loop, traced or not: (ns a hit, recorded, lost, RSS)."""
    environment = dict(os.environ, TARGET_WAIT="1")
    with subprocess.Popen([HIT, str(HITS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=environment, text=True) as target:
        target.stdout.readline()
        tool = None
        if argv_for:
            tool = Tool(argv_for(HIT, "hit_a"))
            settle(tool)
        out, _ = target.communicate("\n")
    ns = float(re.search(r"hit_a \d+ ([\d.]+)", out).group(1))
    if not tool:
        return ns, 0, 0, 0
    quiesce(tool)
    rss = tool.end()
    recorded = len(re.findall(r"\d+ -?\d+$", tool.text(tool.out), re.M))
    lost = sum(int(n) for n in re.findall(lost_pattern, tool.text(tool.err) + tool.text(tool.out)))
    return ns, recorded, lost, rss


def floor():
    """What a call costs with an empty program at its entry, in ns."""
    listed = subprocess.run([f"{BUILD}/bin/trace", "--dump", f"p:{HIT}:hit_a"], text=True, check=True,
                            capture_output=True).stdout
    offset = re.search(r"offset (0x[0-9a-f]+)", listed).group(1)
    with subprocess.Popen([f"{BUILD}/bench/floor", HIT, offset], stdout=subprocess.PIPE) as empty:
        empty.stdout.readline()
        ns = hits()[0]
        empty.send_signal(signal.SIGINT)
    return ns


def settle(tool):
    """Waits until the probe is in: a short run of the target shows in the tool's output."""
    while time.monotonic() - tool.start < TIMEOUT and tool.process.poll() is None:
        subprocess.run([HIT, "1"], stdout=subprocess.DEVNULL, check=True)
        try:
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                if re.search(r"\d+ -?\d+$", tool.text(tool.out), re.M):
                    tool.out.truncate(0)
                    return
                time.sleep(0.01)
        except OSError as error:
            raise Failed(str(error)) from error
    raise Failed(tool.text(tool.err).strip() or "never armed")


def quiesce(tool):
    """Waits until the tool has written all it has."""
    size = -1
    while size != os.fstat(tool.out.fileno()).st_size:
        size = os.fstat(tool.out.fileno()).st_size
        time.sleep(0.5)


def main():
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    give_defaults()
    base = hits()[0]
    empty = floor() - base
    print(f"untraced: {base:.1f} ns a call; {HITS} hits, {ROUNDS} starts\n")
    print("| tool | first event | ns a hit | x empty | recorded | lost | RSS |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(f"| an empty program | | {empty:.0f} | 1.00 | | | |")
    for name, argv_for, lost_pattern in TOOLS:
        if not shutil.which(argv_for("", "")[0]):
            continue
        try:
            start = first_event(argv_for)
            ns, recorded, lost, rss = hits(argv_for, lost_pattern)
            print(f"| {name} | {start * 1000:.1f} ms | {ns - base:.0f} | {(ns - base) / empty:.2f} "
                  f"| {100 * recorded / HITS:.1f} % | {lost} | {rss:.1f} MiB |", flush=True)
        except Failed as error:
            print(f"| {name} | failed: {str(error).splitlines()[-1]} |", flush=True)


main()
