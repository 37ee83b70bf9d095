#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What each way of probing the kernel loses of 32,000 reads of 16 threads, worst of some rounds, and what a hit costs one thread.
Prints a row of docs/kernels.md per way; BUILD is the build folder, BENCH_ROUNDS how many rounds (default 5)."""
import os
import subprocess
import sys
import time
from pathlib import Path

BUILD = Path(os.environ.get("BUILD", "build")).resolve()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WAYS = ["fentry", "fexit", "kprobe", "kretprobe", "multi", "retmulti", "call", "callret", "classic", "raw"]
THREADS, READS, ALONE = 16, 2000, 20000


def crowd(threads, count):
    """Seconds that the load takes."""
    start = time.monotonic()
    subprocess.run([BUILD / "targets/crowd", "reads", str(threads), str(count)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def under(way, threads, count):
    """(hits, skipped, missed, seconds) of a load; None where the kernel has no such way."""
    with subprocess.Popen([BUILD / "bench/ways", way], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as ways:
        if ways.stdout.readline() != "armed\n":
            return None
        seconds = crowd(threads, count)
        out, _ = ways.communicate("\n")
    return (*map(int, out.split()), seconds)


def row(way):
    runs = [under(way, THREADS, READS) for _ in range(ROUNDS)]
    if not runs[0]:
        return f"{way} - -"
    worst = min(runs)
    free, probed = [], []
    for _ in range(ROUNDS):                 # in turn, as the machine may become busier or less
        free.append(crowd(1, ALONE))
        probed.append(under(way, 1, ALONE)[3])
    cost = (min(probed) - min(free)) / ALONE * 1e9
    told = worst[0] + worst[1] + worst[2]
    untold = "" if told >= THREADS * READS else f" ({THREADS * READS - told} untold)"
    return f"{way} {worst[0]}{untold} {cost:.0f}"


def main():
    with open("/proc/sys/kernel/osrelease") as file:
        print("kernel", file.read().strip())
    for way in sys.argv[1:] or WAYS:
        print(row(way), flush=True)


if __name__ == "__main__":
    main()
