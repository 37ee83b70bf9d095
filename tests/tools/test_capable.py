# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""capable, end to end: checks that known system calls cause."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tracing import KERNEL, Tool, json_lines, need, need_that, run_tool, target_path

PYTHON = "/usr/bin/python3"
# As nobody: what root may, and nobody may not.
DENIED = "import os\nos.setgid(65534); os.setuid(65534)\ntry: os.setuid(0)\nexcept PermissionError: pass"
GRANTED = "import os\nos.chroot('/')"


def trace(program, *options):
    status, out, err = run_tool("capable", "--json", *options, "--", PYTHON, "-c", program)
    assert status == 0, err
    records, lost = json_lines(out)
    assert lost == 0
    return records


def test_granted_and_denied_checks_are_shown():
    granted = next(r for r in trace(GRANTED) if r["name"] == "CAP_SYS_CHROOT")
    assert granted["allowed"] and granted["cap"] == 18 and granted["uid"] == 0
    denied = [r for r in trace(DENIED) if r["name"] == "CAP_SETUID"]
    assert any(not r["allowed"] and r["uid"] == 65534 for r in denied)
    assert any(r["allowed"] for r in denied)


def test_what_the_kernel_does_not_tell_is_marked():
    """With kprobes the check's options are known; with the tracepoint they aren't, and that is said."""
    records = trace(GRANTED)
    assert records
    for record in records:
        if record["audit"] is None:
            assert "tracepoint" in record["audit_error"] and record["insetid"] is None
        else:
            assert record["audit"] is True and record["insetid"] in (True, False)


def test_columns_are_those_of_bcc():
    status, out, err = run_tool("capable", "-x", "--", PYTHON, "-c", GRANTED)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == ("TIME     UID   PID     TID     COMM             CAP     NAME                 AUDIT   "
                        "VERDICT INSETID")
    row = next(line for line in lines if "CAP_SYS_CHROOT" in line)
    assert re.fullmatch(r"\d\d:\d\d:\d\d 0     (\d+) +\1 +python3 +18      CAP_SYS_CHROOT       [1?]       "
                        r"allow   [0?]", row)


def test_each_capability_once_a_process():
    program = "import os\nfor _ in range(5): os.chroot('/')"
    assert len([r for r in trace(program) if r["name"] == "CAP_SYS_CHROOT"]) == 5
    assert len([r for r in trace(program, "--unique") if r["name"] == "CAP_SYS_CHROOT"]) == 1
    assert run_tool("capable", "--unique=both")[0] == 2


BUFFER = """
import os, socket
def force(which):
    try: socket.socket().setsockopt(socket.SOL_SOCKET, which, 1 << 16)
    except PermissionError: pass
"""
RCVBUFFORCE, SNDBUFFORCE = 33, 32   # asm-generic/socket.h; both want CAP_NET_ADMIN


def test_unique_does_not_hide_a_refusal_behind_a_grant():
    program = f"{BUFFER}for _ in range(3): force({RCVBUFFORCE})\nos.setresuid(65534, 65534, 65534)\n" \
              f"for _ in range(3): force({RCVBUFFORCE})"
    shown = [(r["uid"], r["allowed"]) for r in trace(program, "--unique") if r["name"] == "CAP_NET_ADMIN"]
    assert shown == [(0, True), (65534, False)]


@pytest.mark.parametrize("by", ["pid", "cgroup"])
def test_unique_shows_the_program_s_own_checks(by):
    """The tool's child has been asked for the same capability when it executed the program."""
    program = "import ctypes\nctypes.CDLL(None).sethostname(None, -1)"
    shown = [r["comm"] for r in trace(program, f"--unique={by}") if r["name"] == "CAP_SYS_ADMIN" and r["allowed"]]
    assert "python3" in shown and len(shown) <= 2


def test_unique_tells_stacks_apart_that_are_shown():
    program = f"{BUFFER}for which in ({RCVBUFFORCE}, {SNDBUFFORCE}) * 3: force(which)"
    counts = [len([r for r in trace(program, "--unique", *option) if r["name"] == "CAP_NET_ADMIN"])
              for option in ([], ["-K"])]
    assert counts == [1, 2]


def test_only_some_capabilities_or_what_was_refused():
    every = {(r["name"], r["allowed"]) for r in trace(DENIED)}
    assert {("CAP_SETUID", True), ("CAP_SETUID", False), ("CAP_SETGID", True)} <= every
    assert {(r["name"], r["allowed"]) for r in trace(DENIED, "--cap", "setuid,CAP_CHOWN", "--cap", "28")} == \
        {("CAP_SETUID", True), ("CAP_SETUID", False)}
    assert {(r["name"], r["allowed"]) for r in trace(DENIED, "--denied", "--cap", "setuid")} == {("CAP_SETUID", False)}


def test_a_grant_in_a_user_namespace_is_marked():
    need("unshare")
    program = "import os; print(os.stat('/proc/self/ns/user').st_ino, flush=True); os.chroot('/')"
    command = ["unshare", "-Ur", PYTHON, "-c", program]
    status, out, err = run_tool("capable", "--cap", "sys_chroot", "--columns", "targetns,userns,verdict", "--", *command)
    assert status == 0, err
    lines = out.splitlines()
    inode = next(line for line in lines if line.isdigit())
    assert any(line.split() == [inode, inode, "allow-ns"] for line in lines), out
    here = str(os.stat("/proc/self/ns/user").st_ino)
    status, out, err = run_tool("capable", "--cap", "sys_chroot", "--columns", "targetns,userns,verdict", "--", *command[2:])
    assert [here, here] in [line.split()[:2] for line in out.splitlines()]


def test_the_system_call_and_the_set_are_those_of_the_process():
    record = next(r for r in trace(GRANTED) if r["name"] == "CAP_SYS_CHROOT")
    own = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "CapEff" in line)
    assert record["effective"] == own
    if record["syscall"] is None:
        assert KERNEL < (5, 15) and "5.15" in record["syscall_error"]
    else:
        assert record["syscall"] == "chroot"


def test_the_system_call_of_a_32_bit_program_has_its_own_number():
    done = subprocess.run([target_path("compat"), "chroot", "/"], capture_output=True, check=False)
    need_that(done.returncode == 0 and done.stdout.split()[1] == b"0", "calls of 32-bit programs")
    need_that(KERNEL >= (5, 15), "bpf_task_pt_regs (5.15)")
    status, out, err = run_tool("capable", "--json", "--cap", "sys_chroot", "--", target_path("compat"), "chroot", "/")
    assert status == 0, err
    records = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [r["syscall"] for r in records if "cap" in r] == ["chroot"]


def test_stacks_are_symbolized():
    with Tool("capable", "--json", "-K", "-U", "-p", os.getpid()) as tool:
        os.chroot("/")
        out, err = tool.stop()
    record = next(r for r in json_lines(out)[0] if r["name"] == "CAP_SYS_CHROOT")
    kernel = [frame["symbol"] for frame in record["kernel_stack"]]
    assert "cap_capable" in kernel and any(name and name.endswith("sys_chroot") for name in kernel), err
    # Callers above the C library's are found only where frame pointers lead.
    assert record["user_stack"][0]["symbol"] == "chroot" and "libc" in record["user_stack"][0]["module"]


def test_other_processes_are_left_out():
    with Tool("capable", "--json", "-p", os.getpid()) as tool:
        subprocess.run([PYTHON, "-c", GRANTED], check=True)
        os.chroot("/")
        out, _ = tool.stop()
    assert {r["pid"] for r in json_lines(out)[0]} == {os.getpid()}


@pytest.mark.parametrize("args", [["-p", "0"], ["-p", "x"], ["extra"], ["--unique=x"], ["--cap", "net"],
                                  ["--cap", "64"]])
def test_wrong_command_lines_end_with_two(args):
    status, out, err = run_tool("capable", *args)
    assert status == 2 and not out and err.startswith("capable: ")


def test_kernel_memory_is_small():
    with Tool("capable") as tool:
        total = sum(int(line.split()[1]) for fd in Path(f"/proc/{tool.process.pid}/fdinfo").iterdir()
                    for line in fd.read_text().splitlines() if line.startswith("memlock:"))
        assert 0 < total <= 4 << 20
