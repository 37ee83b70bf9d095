# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""capable, end to end: checks that known system calls cause."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from tracing import Tool, json_lines, run_tool

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


@pytest.mark.parametrize("args", [["-p", "0"], ["-p", "x"], ["extra"], ["--unique=x"]])
def test_wrong_command_lines_end_with_two(args):
    status, out, err = run_tool("capable", *args)
    assert status == 2 and not out and err.startswith("capable: ")


def test_kernel_memory_is_small():
    with Tool("capable") as tool:
        total = sum(int(line.split()[1]) for fd in Path(f"/proc/{tool.process.pid}/fdinfo").iterdir()
                    for line in fd.read_text().splitlines() if line.startswith("memlock:"))
        assert 0 < total <= 4 << 20
