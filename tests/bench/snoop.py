#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""execsnoop, tcpconnect, opensnoop and capable beside libbpf-tools' and BCC's, on the same loads, in one run: a
Markdown table.

  first row   tool started -> first row about what happens all the time, median
  CPU to it   processor time of the tool until then, its compiler's too
  seen        of the calls in the load's own log, in percent: successful ones, failed ones; whole: of those with
              5,000 bytes of arguments or a path of 2,000, the rows that have all of them
  CPU         processor time of the tool during the load, without its start
  RSS, maps   peak resident size; memory of its BPF maps

Needs root, BUILD and the targets. LIBBPF_TOOLS is where libbpf-tools' own are (Debian: the package libbpf-tools),
BENCH_EXECS, BENCH_CONNECTS, BENCH_OPENS and BENCH_CHECKS how long the loads are, BENCH_PAUSE how often it happens what
happens all the time. A peer that is not there or does not run is named. BCC's need kernel headers: make bench-guest."""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from peers import BUILD, PAUSE, Failed, Tool

PEERS = os.environ.get("LIBBPF_TOOLS", "/usr/sbin")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
EXECS = int(os.environ.get("BENCH_EXECS", "6000"))
CONNECTS = int(os.environ.get("BENCH_CONNECTS", "6000"))
OPENS = int(os.environ.get("BENCH_OPENS", "6000"))
CHECKS = int(os.environ.get("BENCH_CHECKS", "6000"))
PYTHON = "/usr/bin/python3"
HERE = Path(__file__).resolve().parent


class Load:
    """What a tool is to see; always is what happens all the time for the first row, run the load: its log."""

    def __init__(self, always, row, run):
        self.always, self.row, self.run = always, row, run


def started(argv, load):
    """(the tool, seconds to its first row, processor time until then)"""
    with subprocess.Popen(load.always, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as always:
        try:
            tool = Tool(argv)
            return tool, tool.wait_for(load.row), tool.cpu()
        finally:
            always.kill()


def watch(argv, load):
    """(seconds to the first row and CPU until then, each time; log, text, seconds of CPU, RSS, maps) of the load."""
    starts = []
    for left in reversed(range(ROUNDS)):
        tool, *start = started(argv, load)
        starts.append(start)
        if left:
            tool.end()
    tool.settle()
    before = tool.cpu()
    log = load.run()
    tool.settle()
    cpu, (rss, maps) = tool.cpu() - before, tool.memory()
    tool.end()
    return starts, log, tool.text.decode(errors="replace"), cpu, rss, maps


def target(name, *args):
    return subprocess.run([f"{BUILD}/targets/{name}", *map(str, args)], check=True, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.splitlines()


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def seen_numbered(done, text, whole):
    """done: (number, shape, errno) of each call; a row has id=NUMBER, and a whole one matches that pattern."""
    rows = {}
    for line in text.splitlines():
        found = re.search(r"id=(\d+)", line)
        if found:
            rows.setdefault(found.group(1), line)       # later ones are of its removal
    good = [number for number, _, error in done if error == "0"]
    bad = [number for number, _, error in done if error != "0"]
    long = [number for number, shape, _ in done if shape in ("kilobytes", "long")]
    missed = Counter(shape for number, shape, _ in done if number not in rows)
    return (percent(sum(n in rows for n in good), len(good)), percent(sum(n in rows for n in bad), len(bad)),
            percent(sum(bool(re.search(whole, rows.get(n, ""))) for n in long), len(long)), missed)


def seen_execs(log, text):
    return seen_numbered([(number, shape, error) for number, shape, _, error in map(str.split, log)], text,
                         r"a{5000}\W+end")


def seen_opens(log, text):
    return seen_numbered(list(map(str.split, log)), text, r"(\./){1000}end")


def seen_counted(rows, done):
    """rows: how many of each key were shown; done: (key, errno) of each call."""
    good = Counter(key for key, error in done if error == "0")
    bad = Counter(key for key, error in done if error != "0")
    # Where both kinds have one key, the rows are taken for successful ones first.
    seen_good = good & rows
    seen_bad = bad & (rows - seen_good)
    return percent(seen_good.total(), good.total()), percent(seen_bad.total(), bad.total()), "", {}


def seen_connects(log, text):
    """By comm and port, as many rows as attempts."""
    rows = Counter()
    for words in map(str.split, text.splitlines()):
        if "connects" in words:
            rows[next((w for w in words[words.index("connects") + 4:] if w.isdigit()), None)] += 1
    return seen_counted(rows, [(port, error) for _, _, error, _, port in map(str.split, log[1:])])


def seen_checks(log, text):
    """By process and capability, as many rows as checks."""
    rows = Counter((word, found.group()) for line in text.splitlines() for word in line.split()[2:3]
                   if (found := re.search(r"CAP_\w+", line)))
    return seen_counted(rows, [((pid, name), error) for pid, name, error in map(str.split, log)])


def storm():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("/bin/true", f"{folder}/prog")
        Path(folder, "script").write_text(f"#!{folder}/prog -o\n")
        os.chmod(f"{folder}/script", 0o755)
        Path(folder, "plain").touch()
        return target("execs", EXECS, 4, folder)


def python_load(what, count):
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([PYTHON, HERE / "loads.py", what, str(count), folder], check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.splitlines()


def always(what):
    return [PYTHON, "-c", f"import os, socket, subprocess, time\nwhile True: {what}; time.sleep({PAUSE})"]


EXECSNOOP = Load(always("subprocess.run('/bin/true')"), rb"\strue\s", storm)
TCPCONNECT = Load(always("socket.socket().connect_ex(('127.0.0.1', 1))"), rb"127\.0\.0\.1",
                  lambda: target("connects", CONNECTS, 4))
# A connection that is made, which is all that some show.
TCPCONNLAT = Load([PYTHON, "-c", "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\nwhile True: "
                   f"socket.create_connection(s.getsockname()); s.accept(); time.sleep({PAUSE})"], rb"127\.0\.0\.1",
                  TCPCONNECT.run)
OPENSNOOP = Load(always("os.close(os.open('/etc/hostname', os.O_RDONLY))"), rb"/etc/hostname",
                 lambda: python_load("opens", OPENS))
CAPABLE = Load(always("os.chroot('/')"), rb"CAP_SYS_CHROOT", lambda: python_load("checks", CHECKS))
# name, load, how its rows are compared with the load's log, options of ours, of the others
TOOLS = [
    ("execsnoop", EXECSNOOP, seen_execs, ["-x"], ["-x", "--max-args", "60"]),
    ("tcpconnect", TCPCONNECT, seen_connects, [], []),
    ("tcpconnlat", TCPCONNLAT, seen_connects, [], []),
    ("opensnoop", OPENSNOOP, seen_opens, [], []),
    ("capable", CAPABLE, seen_checks, [], []),
]


def measure(name, peer, argv, load, seen):
    """Print the tool's row. Returns what it missed, by shape, of a load that tells that."""
    starts, log, text, cpu, rss, maps = watch(argv, load)
    first, cpu_first = (statistics.median(values) for values in zip(*starts))
    good, bad, whole, missed = seen(log, text)
    print(f"| {peer} `{name}` | {first * 1000:.0f} ms | {cpu_first * 1000:.1f} ms | {good} | {bad} | {whole} "
          f"| {cpu * 1000:.0f} ms | {rss:.1f} MiB | {maps:.1f} MiB |", flush=True)
    return missed


def main():
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    print(f"{EXECS} execs by 4 threads, {CONNECTS} connects by 4 threads, {OPENS} opens by 4 processes, "
          f"{CHECKS} checks by 2\n")
    print("| tool | first row | CPU to it | seen, successful | failed | long ones whole | CPU | RSS | maps |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    notes = []
    for name, load, seen, ours, theirs in TOOLS:
        for peer, path in (("this", f"{BUILD}/bin/{name}"), ("libbpf-tools", f"{PEERS}/{name}"),
                           ("BCC", f"/usr/sbin/{name}-bpfcc")):
            if peer == "this" and not os.path.exists(path):     # not all have one of ours
                continue
            try:
                if not os.path.exists(path):
                    raise Failed("not installed")
                missed = measure(name, peer, [path, *(ours if peer == "this" else theirs)], load, seen)
                if missed:
                    notes.append(f"{peer} `{name}` missed: " + ", ".join(f"{n} {shape}" for shape, n in missed.items()))
            except Failed as error:
                print(f"| {peer} `{name}` | does not run: {error} | | | | | | | |", flush=True)
    print("\n" + "\n".join(notes))


main()
