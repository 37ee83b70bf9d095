# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What naming addresses costs: random code addresses of libjvm.so, and of a program with DWARF, by
blazesym-lite, addr2line and BCC's symbol cache (which has no lines); then, how much of a 200 MB
program is read to find one name. Prints Markdown tables. BENCH_ADDRESSES sets the number; addr2line,
which is slow, gets a part of them."""
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from large_file import evict, large_program, resident  # noqa: E402

BUILD = Path(os.environ.get("BUILD", "build"))
ADDRESSES = int(os.environ.get("BENCH_ADDRESSES", "1000000"))
SHARE = {False: 10, True: 100}	# addr2line gets one in so many; with lines still fewer

JVMS = ["/usr/lib/jvm/java-*/lib/server/libjvm.so", "/usr/lib/jvm/*/lib/server/libjvm.so"]
WITH_DWARF = JVMS + ["/usr/bin/python3.?*", "/lib/*-linux-gnu/libc.so.6"]


def output(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True).stdout


def debug_file(path):
    """The file itself or its separate one, if it has DWARF."""
    build_id = re.search(r"Build ID: (..)(\w+)", output("readelf", "-n", path))
    separate = build_id and f"/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug"
    for candidate in (path, separate):
        if candidate and os.path.exists(candidate) and ".debug_info" in output("readelf", "-SW", candidate):
            return candidate
    return None


def first(patterns, wanted=lambda path: True):
    return next((os.path.realpath(path) for pattern in patterns for path in sorted(glob.glob(pattern))
                 if wanted(path)), None)


def write_addresses(path, file):
    """Random ones of the executable sections."""
    row = re.compile(r"^\s*\[\s*\d+\] \S+\s+PROGBITS\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) \w\w\s+AX\s", re.M)
    sections = [(int(m[1], 16), int(m[2], 16)) for m in row.finditer(output("readelf", "-SW", path))]
    dice = random.Random(1)
    picked = dice.choices(sections, [size for _, size in sections], k=ADDRESSES)
    file.write("".join(f"{start + dice.randrange(size):#x}\n" for start, size in picked))
    file.flush()


def ours(way, path, addresses):
    with open(addresses) as stdin:
        done = subprocess.run([BUILD / "bench/symbols", way, path], stdin=stdin, capture_output=True, text=True)
    return tuple(map(float, done.stdout.split())) if done.returncode == 0 else None


def addr2line(path, addresses, options, share):
    """(ms for the first, seconds for all as they grow with the number, MiB)."""
    def run(count):
        text = subprocess.run(["head", "-n", str(count), addresses], capture_output=True).stdout
        start = time.monotonic()
        process = subprocess.Popen(["addr2line", "-f", *options, "-e", path], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL)
        process.stdin.write(text)
        process.stdin.flush()
        # it has taken all but what fits into a pipe; a process's own rusage knows its parent's memory too
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        process.wait()
        return time.monotonic() - start, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    one, _ = run(1)
    many, rss = run(ADDRESSES // share)
    return one * 1000, max(0, many - one) * share, rss


def table(path, with_lines):
    print(f"\n{ADDRESSES:,} random code addresses of {path}{', with lines' if with_lines else ''}:\n")
    print("| | first address | all | a second | RSS |")
    print("| --- | ---: | ---: | ---: | ---: |")

    def row(name, first_ms, seconds, rss):
        print(f"| {name} | {first_ms:.1f} ms | {seconds:.2f} s | {ADDRESSES / seconds:,.0f} | {rss:.0f} MiB |",
              flush=True)
    with tempfile.NamedTemporaryFile("w") as file:
        write_addresses(path, file)
        measured = ours("lines" if with_lines else "names", path, file.name)
        row("blazesym-lite", measured[0], measured[1], measured[3])
        bcc = None if with_lines else ours("bcc", path, file.name)
        if bcc:
            row("BCC's symbol cache", bcc[0], bcc[1], bcc[3])
        if shutil.which("addr2line"):
            share = SHARE[with_lines]
            row(f"addr2line (from 1 in {share})", *addr2line(debug_file(path) if with_lines else path, file.name,
                                                             ["-i"] if with_lines else [], share))


# ---- a large file -------------------------------------------------------------------------------


def large():
    with tempfile.TemporaryDirectory() as folder:
        path = large_program(folder)
        evict(path)
        before = resident(path)
        start = time.monotonic()
        subprocess.run([BUILD / "bin/blazesym-lite", "-e", path, "--find", "far"], check=True,
                       stdout=subprocess.DEVNULL)
        took = time.monotonic() - start
        if before:
            print("\nThis file system keeps files in memory: what is read of a large one can't be seen.")
            return
        print(f"\nOne name in a program of {os.path.getsize(path) >> 20} MiB, nothing of it in memory before: "
              f"{took * 1000:.0f} ms, {resident(path) / 2**20:.1f} MiB read.")


def main():
    jvm, debugged = first(JVMS), first(WITH_DWARF, debug_file)
    if jvm:
        table(jvm, False)
    if debugged:
        table(debugged, True)
    large()


if __name__ == "__main__":
    sys.exit(main())
