# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What a tool leaves behind when it is killed, or comes and goes often: nothing, in what it traced and in the kernel."""
import contextlib
import ctypes
import os
import random
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from redis_servers import Server
from tracing import FULL, Tool, WaitingTarget, need, need_capability_checks, run_tool, target_path, tool_path, wait_until

KILLS = 500 if FULL else 6
CYCLES = 500 if FULL else 5
RANDOM = random.Random(1)
SWITCHES = ["/sys/kernel/rcu_expedited", "/sys/kernel/rcu_normal", *map(str, Path("/proc/sys/kernel").glob("*kptr*")),
            *map(str, Path("/proc/sys/kernel").glob("perf_*")), *map(str, Path("/proc/sys/kernel").glob("*bpf*"))]


def text_mappings(pid):
    """(start, end, offset, path) of the code that a process maps from files."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        found = re.match(r"(\w+)-(\w+) r-xp (\w+) \S+ [1-9]\d*\s+(/.*)", line)
        if found:
            yield *(int(number, 16) for number in found.groups()[:3]), found.group(4)


def breakpoints(pid):
    """Where a process's code isn't what its files have."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, offset, path in text_mappings(pid):
            with open(path, "rb") as file:
                file.seek(offset)
                code = file.read(end - start)
            memory.seek(start)
            now = memory.read(len(code))
            if now != code:
                yield from (f"{path} at {offset + i:#x}" for i in range(len(code)) if now[i] != code[i])


def semaphores(pid):
    """The reference counters of a process's USDT probes that aren't 0, by binutils and its memory."""
    exe = os.readlink(f"/proc/{pid}/exe")
    notes = subprocess.run(["readelf", "-hnW", exe], capture_output=True, text=True).stdout
    is_fixed = re.search(r"Type: +EXEC", notes)
    base = 0 if is_fixed else next(start - offset for start, _, offset, path in text_mappings(pid) if path == exe)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for address in {int(number, 16) for number in re.findall(r"Semaphore: 0x0*([1-9a-f]\w*)", notes)}:
            memory.seek(base + address)
            if memory.read(2) != bytes(2):
                yield f"{address:#x}"


def system():
    """What of the system a tool might change: switches, probes by name, pinned objects, files in usual places."""
    state = {path: Path(path).read_text() for path in SWITCHES if os.access(path, os.R_OK)}
    for name in ("uprobe_events", "kprobe_events"):
        path = Path("/sys/kernel/tracing", name)
        state[name] = path.read_text() if path.exists() else ""
    state["pins"] = sorted(map(str, Path("/sys/fs/bpf").rglob("*"))) if os.path.isdir("/sys/fs/bpf") else []
    return state


BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
# enum bpf_cmd: BPF_..._GET_FD_BY_ID
GET_FD_BY_ID = {"prog": 13, "map": 14, "link": 30}


def bpf_objects(pid):
    """(kind, number) of a process's BPF programs, maps and links; none once it has ended."""
    found = set()
    with contextlib.suppress(OSError):
        for info in Path(f"/proc/{pid}/fdinfo").iterdir():
            found.update((kind, int(number)) for kind, number in re.findall(r"^(prog|map|link)_id:\s+(\d+)", info.read_text(), re.M))
    return found


def is_there(kind, number):
    """Does the kernel still have it?"""
    attr = struct.pack("II", number, 0) + bytes(120)
    fd = ctypes.CDLL(None).syscall(BPF_SYSCALL, GET_FD_BY_ID[kind], attr, len(attr))
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def kill_once(folder, seconds, name, *args):
    """Kills the tool so long after its start; what BPF objects it had, all of which go."""
    tool = subprocess.Popen([tool_path(name), *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, cwd=folder, env={**os.environ, "TMPDIR": str(folder)})
    time.sleep(seconds)
    tool.send_signal(signal.SIGSTOP)
    wait_until(lambda: Path(f"/proc/{tool.pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZ", "the tool to stop")
    objects = bpf_objects(tool.pid)
    tool.kill()
    tool.wait()
    wait_until(lambda: not any(is_there(*one) for one in objects), f"all of {objects} to be gone")
    return objects


def kill_often(pid, folder, name, *args, kills=KILLS):
    """Kills the tool at any moment between its start and some time after it is armed; nothing may be left."""
    before, seen_objects = system(), 0
    started = time.monotonic()
    with Tool(name, *args) as tool:
        armed = time.monotonic() - started
        assert not pid or list(breakpoints(pid)), "it does probe this process"
        assert bpf_objects(tool.process.pid)
    for _ in range(kills):
        seen_objects += bool(kill_once(folder, RANDOM.uniform(0, 1.5 * armed), name, *args))
        if not pid:
            continue
        wait_until(lambda: not list(breakpoints(pid)), f"no probe to be left: {list(breakpoints(pid))[:3]}")
        wait_until(lambda: not list(semaphores(pid)), f"no semaphore to be left: {list(semaphores(pid))[:3]}")
    assert not os.listdir(folder)
    assert system() == before
    # Where there are so many that chance can't be against it.
    assert seen_objects > kills / 10 or kills < 100


PYTHON = "import sys; print('ready', flush=True); sys.stdin.read()"


class Python:
    """A Python process that does nothing."""

    def __enter__(self):
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", PYTHON], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline()
        return self.process

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()


def test_killed_trace_leaves_nothing(tmp_path):
    need("readelf")
    path = target_path("usdtsem")
    with WaitingTarget("usdtsem") as target:
        kill_often(target.pid, tmp_path, "trace", f"p:{path}:sem_round", f"r:{path}:sem_round", f"u:{path}:guarded",
                   "t:sched:sched_switch (0 == 1)")


@pytest.mark.parametrize("name, args", [("ustat", ["-l", "python", "-p"]), ("ucalls", []), ("uflow", []), ("ugc", []),
                                        ("uobjnew", []), ("uthreads", [])], ids=lambda value: value if isinstance(value, str) else "")
def test_killed_runtime_tool_leaves_nothing(tmp_path, name, args):
    need("readelf")
    with Python() as python:
        kill_often(python.pid, tmp_path, name, *args, python.pid, kills=KILLS if FULL else 2)


@pytest.mark.parametrize("name", ["opensnoop", "tcpconnect", "capable"])
def test_killed_system_tool_leaves_nothing(tmp_path, name):
    if name == "capable":
        need_capability_checks()
    kill_often(None, tmp_path, name, kills=KILLS if FULL else 2)


def test_killed_redis_cmd_leaves_nothing(tmp_path):
    need("redis-server", "readelf")
    with Server() as server:
        kill_often(server.process.pid, tmp_path, "redis-cmd")


def test_killed_snoop_leaves_nothing(tmp_path):
    before = system()
    for _ in range(KILLS):
        kill_once(tmp_path, RANDOM.uniform(0, 0.1), "execsnoop", "--", "sleep", "0.3")
    time.sleep(0.5)  # what was let go ends by itself; what wasn't, ended with the tool
    assert not os.listdir(tmp_path)
    assert system() == before
    status, out, _ = run_tool("execsnoop", "--", "true")
    assert status == 0 and "true" in out


# ---- again and again ---------------------------------------------------------------------------


def kernel_memory():
    """KiB of the kernel's per-CPU memory and of its slabs that can't be given back."""
    text = Path("/proc/meminfo").read_text()
    return [int(re.search(rf"{name}:\s+(\d+)", text).group(1)) for name in ("Percpu", "SUnreclaim")]


@pytest.mark.parametrize("name, args", [("trace", [f"r:{target_path('add')}:AddNum"]), ("execsnoop", []), ("ustat", ["-l", "python"]),
                                        ("redis-cmd", [])])
def test_attaching_again_and_again_costs_the_kernel_nothing(name, args):
    def programs(pid):
        """Whether a process holds BPF programs, or links to some."""
        try:
            return any("prog_id" in info.read_text() for info in Path(f"/proc/{pid}/fdinfo").iterdir())
        except FileNotFoundError:  # closed while we look
            return False

    def cycle():
        with Tool(name, *args) as tool:
            wait_until(lambda: programs(tool.process.pid), f"the programs of {name}")
            tool.stop()
        assert tool.status == 0

    for _ in range(3):
        cycle()
    before = kernel_memory()
    for _ in range(CYCLES):
        cycle()
    # What is freed after a grace period takes its time; other work on the machine has its own ups and downs.
    wait_until(lambda: kernel_memory()[0] - before[0] < 4096 and kernel_memory()[1] - before[1] < 32768,
               f"{before} KiB to be enough: {kernel_memory()}")


def test_processes_that_come_and_go_cost_a_tool_nothing():
    with Tool("ustat", "-l", "python") as ustat:
        fds = f"/proc/{ustat.process.pid}/fd"
        with Python():
            time.sleep(1.5)
        before = len(os.listdir(fds))
        for _ in range(CYCLES):
            with Python():
                time.sleep(0.05)
        wait_until(lambda: len(os.listdir(fds)) <= before, f"{before} descriptors to be enough")
        out, _ = ustat.stop()
    assert "python" in out
