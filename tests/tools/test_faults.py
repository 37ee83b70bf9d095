# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Each call for memory, to read, to write, to the kernel's BPF and perf events fails once: a tool goes on or ends with a
message; it never crashes and never hangs."""
import os
import random
import subprocess

import pytest

from tracing import FULL, PATIENCE, target_path, tool_path

ADD = target_path("add")
CALLS = ["malloc", "mmap", "read", "write", "bpf", "perf_event_open"]
TRIES = 100000 if FULL else 3

COMMANDS = {
    "trace": [f"r:{ADD}:AddNum", "t:sched:sched_switch (0 == 1)", "--", ADD, "2"],
    "trace --count": ["--count", "-U", f"{ADD}:AddNum", "--", ADD, "2"],
    "execsnoop": ["--", "true"],
    "opensnoop": ["--json", "--", "true"],
    "tcpconnect": ["--duration", "0.1"],
    "capable": ["--duration", "0.1"],
    "ustat": ["-l", "python", "--duration", "0.1"],
    "redis-cmd": ["--duration", "0.1"],
    "tplist": ["-p", str(os.getpid())],
    "blazesym-lite": ["-l", "-e", ADD, "--find", "Add*"],
}


def run_faulty(name, call, number, folder):
    """(status, text on stderr, calls of that kind)"""
    count = folder / "count"
    count.write_text("0")
    done = subprocess.run([tool_path(name.split()[0]), *map(str, COMMANDS[name])], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE,
                          env={**os.environ, "LD_PRELOAD": str(target_path("libfaults.so")), "FAULT": f"{call}:{number}",
                               "FAULT_COUNT": str(count)})
    return done.returncode, done.stderr.decode(errors="replace"), int(count.read_text() or 0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", COMMANDS)
def test_call_that_fails_once_is_no_crash(name, call, tmp_path):
    status, err, calls = run_faulty(name, call, 0, tmp_path)
    assert status == 0, err
    if not calls:
        pytest.skip(f"it makes no call of {call}")
    numbers = range(1, calls + 1)
    for number in numbers if calls <= TRIES else sorted(random.sample(numbers, TRIES)):
        status, err, _ = run_faulty(name, call, number, tmp_path)
        assert status in (0, 1, 2), f"{call} {number} of {calls}: status {status}: {err}"
        # Where it is stderr that can't be written there is nobody left to tell.
        assert status == 0 or err or call == "write", f"{call} {number} of {calls}: failed without a word"
