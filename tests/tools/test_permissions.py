# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What each tool needs, as PRIVILEGES in the man pages has it: a user without any rights but these can run it, and without
one of them is told which is missing."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tracing import PATIENCE, need, need_capability_checks, need_that, run_tool, running, tool_path

BPF = ["CAP_BPF", "CAP_PERFMON"]
PARANOID = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
# tool, arguments (PYTHON: a process of another user that runs Python; SERVER: one that is a Redis), what it needs
NEEDS = [
    ("execsnoop", ["--duration", "0.1"], BPF),
    ("execsnoop", ["-x", "--duration", "0.1"], [*BPF, "CAP_DAC_READ_SEARCH"]),
    ("opensnoop", ["--duration", "0.1"], [*BPF, "CAP_DAC_READ_SEARCH"]),
    ("tcpconnect", ["--duration", "0.1"], [*BPF, "CAP_DAC_READ_SEARCH"]),
    ("tcpconnect", ["-d", "--duration", "0.1"], [*BPF, "CAP_DAC_READ_SEARCH", "CAP_NET_RAW"]),
    ("capable", ["--duration", "0.1"], BPF),
    ("trace", ["--duration", "0.1", "c:malloc"], BPF),
    ("trace", ["--duration", "0.1", "-p", "PYTHON", "c:malloc"], [*BPF, "CAP_SYS_PTRACE"]),
    ("trace", ["--duration", "0.1", "t:sched:sched_process_exec"], [*BPF, "CAP_DAC_READ_SEARCH"]),
    ("ugc", ["--duration", "0.1", "PYTHON"], [*BPF, "CAP_SYS_PTRACE"]),
    ("uobjnew", ["--duration", "0.1", "PYTHON"], [*BPF, "CAP_SYS_PTRACE"]),
    ("uthreads", ["--duration", "0.1", "PYTHON"], [*BPF, "CAP_SYS_PTRACE"]),
    ("ucalls", ["--duration", "0.1", "PYTHON"], [*BPF, "CAP_SYS_PTRACE"]),
    ("uflow", ["--duration", "0.1", "PYTHON"], [*BPF, "CAP_SYS_PTRACE"]),
    ("ustat", ["-p", "PYTHON", "1", "1"], [*BPF, "CAP_SYS_PTRACE"]),
    ("redis-cmd", ["--duration", "0.1", "-p", "SERVER"], [*BPF, "CAP_SYS_PTRACE"]),
    ("xdpcount", ["--duration", "0.1", "lo"], ["CAP_BPF", "CAP_NET_ADMIN"]),
    ("tplist", ["sched:sched_process_exec"], ["CAP_DAC_READ_SEARCH"]),
    ("blazesym-lite", ["-k", "--find", "schedule"], ["CAP_SYSLOG"]),
]


@pytest.fixture(scope="module")
def folder():
    """Where every user can run the tools."""
    need("setpriv", "unshare")
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def python():
    with running("/usr/bin/python3", "-c", "import time\nwhile True: time.sleep(.05)") as process:
        yield process.pid


@pytest.fixture
def server(tmp_path):
    need("redis-server")
    socket = tmp_path / "socket"
    with running("redis-server", "--port", "0", "--save", "", "--unixsocket", socket,
                 stdout=subprocess.DEVNULL) as process:
        yield process.pid


def run_as_nobody(folder, tool, arguments, capabilities):
    """In a mount namespace of its own, where tracefs is mounted, as it is on most systems."""
    if not (folder / tool).exists():
        shutil.copy(tool_path(tool), folder)
    chosen = ",".join(["-all", *(f"+{name[4:].lower()}" for name in capabilities)])
    script = ('mount -t tracefs none /sys/kernel/tracing 2>/dev/null; ulimit -l unlimited 2>/dev/null; exec setpriv '
              '--reuid=65534 --regid=65534 --clear-groups --bounding-set="$0" --inh-caps="$0" --ambient-caps="$0" "$@"')
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, chosen, folder / tool, *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * PATIENCE)
    return done.returncode, done.stderr


def fill(arguments, request):
    return [request.getfixturevalue(word.lower()) if word in ("PYTHON", "SERVER") else word for word in arguments]


@pytest.mark.parametrize("tool, arguments, needs", NEEDS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_tool_needs(request, folder, tool, arguments, needs):
    if tool == "capable":
        need_capability_checks()
    arguments = fill(arguments, request)
    status, err = run_as_nobody(folder, tool, arguments, needs)
    # Kernels without links for uprobes: CAP_SYS_ADMIN is what it says then.
    if status and "a uprobe on a kernel without links" in err:
        assert "CAP_SYS_ADMIN is missing" in err
        needs = [*needs, "CAP_SYS_ADMIN"]
        status, err = run_as_nobody(folder, tool, arguments, needs)
    # Debian's kernels before 6.9 want it for all perf events then.
    if status and PARANOID > 2:
        assert f"kernel.perf_event_paranoid is {PARANOID}, with which CAP_SYS_ADMIN is needed" in err
        needs = [*needs, "CAP_SYS_ADMIN"]
        status, err = run_as_nobody(folder, tool, arguments, needs)
    assert status == 0, err
    for one in needs:
        status, err = run_as_nobody(folder, tool, arguments, [name for name in needs if name != one])
        if "CAP_SYS_ADMIN" in needs and one in BPF:
            continue  # it does as well
        assert status != 0 and one in err, (one, err)
        assert tool == "blazesym-lite" or re.search(rf"{one}\b[^:]* (is|are) (missing|needed)", err), (one, err)


# System calls refused as a container engine's profile does: a program for the kernel, then the command.
SECCOMP = """
import ctypes, os, struct, sys
def insn(code, yes, no, value): return struct.pack("HBBI", code, yes, no, value)
program = insn(0x20, 0, 0, 0)
for number in sys.argv[1].split(","): program += insn(0x15, 0, 1, int(number)) + insn(6, 0, 0, 0x50000 | 1)
program += insn(6, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(program, len(program))
class Filter(ctypes.Structure): _fields_ = [("len", ctypes.c_ushort), ("insns", ctypes.c_void_p)]
filter = Filter(len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]


@pytest.mark.parametrize("arguments", [["execsnoop"], ["ugc"], ["trace", "c:malloc"]], ids=lambda value: value[0])
def test_a_seccomp_filter_is_named(arguments):
    done = subprocess.run([sys.executable, "-c", SECCOMP, str(BPF_SYSCALL), tool_path(arguments[0]), *arguments[1:]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert "a seccomp filter is in force" in done.stderr and "missing" not in done.stderr


@pytest.mark.parametrize("arguments", [["execsnoop"], ["redis-cmd"], ["ugc"], ["trace", "c:malloc"]], ids=lambda value: value[0])
def test_lockdown_is_named(arguments, tmp_path):
    """As far as that goes without such a kernel: it says that it is locked down, and refuses bpf(2)."""
    need("unshare")
    (tmp_path / "lockdown").write_text("none integrity [confidentiality]\n")
    script = 'mount --bind "$0" /sys/kernel/security && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, tmp_path, sys.executable, "-c", SECCOMP, str(BPF_SYSCALL),
                           tool_path(arguments[0]), *arguments[1:]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert "the kernel is locked down (confidentiality)" in done.stderr and "missing" not in done.stderr


@pytest.mark.parametrize("arguments", [["execsnoop"], ["ustat", "1", "1"]], ids=lambda value: value[0])
def test_another_user_namespace_is_named(arguments):
    done = subprocess.run(["unshare", "--user", "--map-root-user", tool_path(arguments[0]), *arguments[1:]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    need_that("unshare:" not in done.stderr, done.stderr)
    assert done.returncode != 0 and "this is another user namespace" in done.stderr


def test_what_may_not_be_looked_at_is_not_said_to_be_something_else(folder, server, python):
    status, err = run_as_nobody(folder, "redis-cmd", ["--duration", "0.1"], BPF)
    assert "processes that may be Redis-like servers may not be looked at" in err
    assert "no Redis-like server is running" not in err
    for tool in "ugc", "uflow", "redis-cmd":
        arguments = [*(["-p"] if tool == "redis-cmd" else []), python]
        status, err = run_as_nobody(folder, tool, arguments, BPF)
        assert status == 1 and f"process {python} may not be looked at" in err
        assert "maps no runtime" not in err and "is not a Redis" not in err


def test_a_lack_of_descriptors_is_told_as_such():
    for arguments in ["execsnoop"], ["trace", "c:malloc"]:
        done = subprocess.run(["prlimit", "--nofile=9", tool_path(arguments[0]), *arguments[1:]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1 and "Too many open files" in done.stderr
        assert "processed" not in done.stderr and "missing" not in done.stderr


def lockdown():
    """The level by which the kernel is locked down, or ""."""
    path = Path("/sys/kernel/security/lockdown")
    if not path.exists():
        return ""
    level = re.search(r"\[(\w+)\]", path.read_text()).group(1)
    return "" if level == "none" else level


@pytest.mark.parametrize("arguments", [["execsnoop"], ["opensnoop"], ["tcpconnect"], ["capable"], ["ustat"], ["trace", "t:sched:sched_switch"],
                                       ["trace", "r::vfs_read"]], ids=" ".join)
def test_a_kernel_that_is_locked_down_is_named(arguments):
    need_that(lockdown() == "confidentiality", "the kernel isn't locked down to confidentiality (make check-vm KERNELS=6.12+confidentiality)")
    status, _, err = run_tool(*arguments, "--duration", "0.1")
    assert status != 0 and "the kernel is locked down (confidentiality)" in err


@pytest.mark.parametrize("arguments", [["execsnoop"], ["opensnoop", "--ppid", "1"]], ids=lambda value: value[0])
def test_a_kernel_without_type_information_is_told_as_such(arguments):
    need("unshare")
    script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", tool_path(arguments[0]), *arguments[1:],
                           "--duration", "0.1"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0 and "CONFIG_DEBUG_INFO_BTF" in done.stderr
    assert "No such process" not in done.stderr
