# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Each call for memory, to read, to write, to the kernel's BPF and perf events fails once: a tool goes on or ends with a
message; it never crashes, never hangs, and gives back the memory that it took."""
import functools
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tracing import FULL, PATIENCE, installed, need_that, target_path, tool_path

ADD = target_path("add")
PYTHON = ["--", "/usr/bin/python3", "-S", "-c", "pass"]
CALLS = ["malloc", "mmap", "read", "write", "bpf", "perf_event_open"]
# TESTS_FULL=1: each of them.
TRIES = None if FULL else 2
LEAKED = 23     # LeakSanitizer's exit status

COMMANDS = {
    "trace": [f"r:{ADD}:AddNum", "t:sched:sched_switch (0 == 1)", "--", ADD, "2"],
    "trace --count": ["--count", "-U", f"{ADD}:AddNum", "--", ADD, "2"],
    "execsnoop": ["--", "true"],
    "opensnoop": ["--json", "--", "true"],
    "tcpconnect": ["--duration", "0.1"],
    "capable": ["--duration", "0.1"],
    "ustat": ["-l", "python", "--duration", "0.1"],
    "ucalls": PYTHON,
    "uflow": ["-l", "python", "--duration", "0.1", str(os.getpid())],
    "ugc": ["-l", "python", *PYTHON],
    "uobjnew": ["-l", "python", *PYTHON],
    "uthreads": ["-l", "python", "--duration", "0.1"],
    "redis-cmd": ["--duration", "0.1"],
    "tplist": ["-p", str(os.getpid())],
    "blazesym-lite": ["-l", "-e", ADD, "--find", "Add*"],
}


@functools.cache
def leak_finder():
    """The library that looks for what nothing points to any more when a program ends; None without gcc."""
    if not installed("gcc"):
        return None
    path = subprocess.run(["gcc", "-print-file-name=liblsan.so"], capture_output=True, text=True, check=True).stdout.strip()
    return path if os.path.exists(path) else None


def run_faulty(name, fault="", leaks=None):
    """(status, text on stderr, how many calls of each kind)"""
    libraries = ":".join(map(str, filter(None, [target_path("libfaults.so"), leaks])))
    with tempfile.NamedTemporaryFile("r") as counts:
        done = subprocess.run([tool_path(name.split()[0]), *map(str, COMMANDS[name])], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE,
                              env={**os.environ, "LD_PRELOAD": libraries, "FAULT": fault, "FAULT_COUNTS": counts.name})
        lines = Path(counts.name).read_text().splitlines()
    return done.returncode, done.stderr.decode(errors="replace"), {call: int(nr) for call, nr in map(str.split, lines)}


@functools.cache
def count_calls(name):
    status, err, counts = run_faulty(name)
    assert status == 0, err
    return counts


def numbers_to_try(count):
    """All, or so many that lie evenly."""
    return range(1, count + 1) if TRIES is None or count <= TRIES else [
        1 + (2 * i + 1) * count // (2 * TRIES) for i in range(TRIES)]


def check_fault(name, call, number, leaks=None):
    """None, or what is wrong."""
    status, err, _ = run_faulty(name, f"{call}:{number}", leaks)
    # It needs memory itself.
    if leaks and "LeakSanitizer: CHECK failed" in err:
        return check_fault(name, call, number)
    if status not in (0, 1, 2):
        return f"status {status}: {err}"
    # Where it is stderr that can't be written there is nobody left to tell.
    return None if status == 0 or err or call == "write" else "failed without a word"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", COMMANDS)
def test_call_that_fails_once_is_no_crash(name, call):
    count = count_calls(name)[call]
    need_that(count, f"it makes no call of {call}")
    for number in numbers_to_try(count):
        wrong = check_fault(name, call, number, FULL and leak_finder())
        assert not wrong, f"{call} {number} of {count}: {wrong}"


@pytest.mark.parametrize("name", COMMANDS)
def test_memory_that_was_taken_is_given_back(name):
    need_that(leak_finder(), "liblsan is missing, which is part of gcc")
    assert count_calls(name)["malloc"]
    status, err, _ = run_faulty(name, leaks=leak_finder())
    assert status == 0, err
