#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""execsnoop and tcpconnect beside libbpf-tools' and BCC's, on the same loads, in one run: a Markdown table.

  first row   tool started -> first row about what happens all the time, median
  CPU to it   processor time of the tool until then
  seen        of the calls in the load's own log, in percent: successful ones, failed ones; whole: of those with
              5,000 bytes of arguments, the rows that have all of them
  CPU         processor time of the tool during the load, without its start
  RSS, maps   peak resident size; memory of its BPF maps

Needs root, BUILD and the targets. LIBBPF_TOOLS is where libbpf-tools' own are (Debian: the package libbpf-tools),
BENCH_EXECS and BENCH_CONNECTS how long the loads are. A peer that is not there or does not run is named."""
import os
import pty
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BUILD = os.environ.get("BUILD", "build")
PEERS = os.environ.get("LIBBPF_TOOLS", "/usr/sbin")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
EXECS = int(os.environ.get("BENCH_EXECS", "6000"))
CONNECTS = int(os.environ.get("BENCH_CONNECTS", "6000"))
TIMEOUT = float(os.environ.get("BENCH_TIMEOUT", "20"))
PYTHON = "/usr/bin/python3"


class Failed(Exception):
    """The tool doesn't run here; the text says what it said."""


class Tool:
    """A tool at work; its rows go to a terminal, which makes all of them write each one at once."""

    def __init__(self, argv):
        self.master, slave = pty.openpty()
        self.err, self.text = tempfile.TemporaryFile(), bytearray()
        self.start = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=self.err)
        os.close(slave)
        self.ended = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                ready, _, _ = select.select([self.master], [], [], 0.2)
                chunk = os.read(self.master, 1 << 16) if ready else None
            except OSError:
                return
            if chunk:
                self.text += chunk
            elif self.ended.is_set():
                return

    def wait_for(self, pattern):
        while not re.search(pattern, self.text):
            if self.process.poll() is not None or time.monotonic() - self.start > TIMEOUT:
                self.end()
                said = os.pread(self.err.fileno(), 1 << 16, 0).decode(errors="replace").strip().splitlines()
                said = [line for line in said if "modprobe" not in line and not line.startswith("Traceback")]
                raise Failed(said[0][:100] if said else f"no row in {TIMEOUT:.0f} s")
            time.sleep(0.0005)
        return time.monotonic() - self.start

    def cpu(self):
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def memory(self):
        """Peak resident MiB, and MiB of BPF maps."""
        proc = Path(f"/proc/{self.process.pid}")
        peak = int(re.search(r"VmHWM:\s+(\d+)", (proc / "status").read_text()).group(1)) / 1024
        maps = 0
        for info in (proc / "fdinfo").iterdir():
            text = info.read_text()
            found = re.search(r"^memlock:\s+(\d+)", text, re.M)
            maps += int(found.group(1)) if found and "map_type" in text else 0
        return peak, maps / (1 << 20)

    def settle(self):
        """Until it has written all it has."""
        size = -1
        while size != len(self.text):
            size = len(self.text)
            time.sleep(0.5)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended.set()
        self.reader.join()
        os.close(self.master)


class Load:
    """What a tool is to see; always is what happens all the time for the first row, run the load: its log."""

    def __init__(self, always, row, run):
        self.always, self.row, self.run = always, row, run


def first_row(argv, load):
    """Median seconds to the first row, and of processor time until then."""
    times, cpu = [], []
    with subprocess.Popen(load.always, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as always:
        try:
            for _ in range(ROUNDS):
                tool = Tool(argv)
                times.append(tool.wait_for(load.row))
                cpu.append(tool.cpu())
                tool.end()
        finally:
            always.kill()
    return statistics.median(times), statistics.median(cpu)


def watch(argv, load):
    """(log, text, seconds of CPU, RSS, maps) of the load."""
    with subprocess.Popen(load.always, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as always:
        try:
            tool = Tool(argv)
            tool.wait_for(load.row)
        finally:
            always.kill()
    before = tool.cpu()
    log = load.run()
    tool.settle()
    cpu, (rss, maps) = tool.cpu() - before, tool.memory()
    tool.end()
    return log, tool.text.decode(errors="replace"), cpu, rss, maps


def target(name, *args):
    return subprocess.run([f"{BUILD}/targets/{name}", *map(str, args)], check=True, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.splitlines()


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def seen_execs(log, text):
    rows = {}
    for line in text.splitlines():
        found = re.search(r"id=(\d+)", line)
        if found:
            rows[found.group(1)] = line
    done = [line.split() for line in log]
    good = [number for number, _, _, error in done if error == "0"]
    bad = [number for number, _, _, error in done if error != "0"]
    long = [number for number, shape, _, _ in done if shape == "kilobytes"]
    whole = re.compile(r"a{5000}\W+end")
    return (percent(sum(n in rows for n in good), len(good)), percent(sum(n in rows for n in bad), len(bad)),
            percent(sum(bool(whole.search(rows.get(n, ""))) for n in long), len(long)))


def seen_connects(log, text):
    """By comm and port, as many rows as attempts."""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if "connects" in words:
            port = next((w for w in words[words.index("connects") + 4:] if w.isdigit()), None)
            rows[port] = rows.get(port, 0) + 1
    good, bad = {}, {}
    for _, _, error, _, port in (line.split() for line in log[1:]):
        counts = good if error == "0" else bad
        counts[port] = counts.get(port, 0) + 1
    # Where both kinds went to one port, the rows are taken for successful ones first.
    seen_good = {p: min(n, rows.get(p, 0)) for p, n in good.items()}
    seen_bad = sum(min(n, rows.get(p, 0) - seen_good.get(p, 0)) for p, n in bad.items())
    return percent(sum(seen_good.values()), sum(good.values())), percent(seen_bad, sum(bad.values())), ""


def storm():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("/bin/true", f"{folder}/prog")
        Path(folder, "script").write_text(f"#!{folder}/prog -o\n")
        os.chmod(f"{folder}/script", 0o755)
        Path(folder, "plain").touch()
        return target("execs", EXECS, 4, folder)


CONNECTING = "import socket, time\nwhile True: socket.socket().connect_ex(('127.0.0.1', 1)); time.sleep(0.001)"
LOADS = {
    "execsnoop": (Load(["sh", "-c", "while :; do /bin/true; done"], rb"\strue\s", storm), seen_execs,
                  {"": ["-x"], "libbpf-tools": ["-x", "--max-args", "60"],
                   "BCC": ["-x", "--max-args", "60"]}),
    "tcpconnect": (Load([PYTHON, "-c", CONNECTING], rb"127\.0\.0\.1", lambda: target("connects", CONNECTS, 4)),
                   seen_connects, {"": [], "libbpf-tools": [], "BCC": []}),
}


def measure(name, peer, argv, load, seen):
    first, cpu_first = first_row(argv, load)
    log, text, cpu, rss, maps = watch(argv, load)
    good, bad, whole = seen(log, text)
    print(f"| {peer} `{name}` | {first * 1000:.0f} ms | {cpu_first * 1000:.1f} ms | {good} | {bad} | {whole} "
          f"| {cpu * 1000:.0f} ms | {rss:.1f} MiB | {maps:.1f} MiB |", flush=True)


def main():
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    print(f"{EXECS} execs by 4 threads, {CONNECTS} connects by 4 threads\n")
    print("| tool | first row | CPU to it | seen, successful | failed | 5 kB whole | CPU | RSS | maps |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (load, seen, options) in LOADS.items():
        for peer, path in (("", f"{BUILD}/bin/{name}"), ("libbpf-tools", f"{PEERS}/{name}"),
                           ("BCC", f"/usr/sbin/{name}-bpfcc")):
            try:
                if not os.path.exists(path):
                    raise Failed("not installed")
                measure(name, peer or "this", [path, *options[peer]], load, seen)
            except Failed as error:
                print(f"| {peer} `{name}` | does not run: {error} | | | | | | | |", flush=True)


main()
