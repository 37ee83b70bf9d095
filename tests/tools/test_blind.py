# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What the tools that watch system calls can't see of a process is reported once they meet such a process."""
import ctypes
import os
import struct
import subprocess

import pytest

from tracing import KERNEL, Tool, need_that, run_tool, target_path

MISSED = {"opensnoop": "opens", "tcpconnect": "fail before a SYN", "execsnoop": "calls that fail"}
IO_URING_SETUP = 425


def uring(*args):
    """The command, if this kernel has io_uring, for us."""
    command = [target_path("uring"), *args]
    done = subprocess.run(command, capture_output=True, check=False)
    need_that(done.returncode == 0, "io_uring")
    return command


@pytest.mark.parametrize("tool", ["opensnoop", "tcpconnect"])
def test_a_ring_is_reported_when_it_is_made(tool):
    status, _, err = run_tool(tool, "--", *uring("open", "/etc/hostname"))
    assert status == 0
    line, = (line for line in err.splitlines() if "io_uring" in line)
    assert "(uring) uses io_uring" in line and MISSED[tool] in line


@pytest.mark.parametrize("tool", ["opensnoop", "tcpconnect"])
def test_a_ring_that_is_there_is_reported(tool):
    ring = ctypes.CDLL(None).syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
    need_that(ring >= 0, "io_uring")
    try:
        with Tool(tool, "-p", os.getpid()) as running:
            _, err = running.stop()
    finally:
        os.close(ring)
    assert f"process {os.getpid()} " in err and "uses io_uring" in err
    with Tool(tool, "-p", os.getpid()) as running:
        assert "io_uring:" not in running.stop()[1] and running.status == 0


def program_of_32_bits(path):
    """One that ends at once: mov $1, %eax; xor %ebx, %ebx; int $0x80"""
    code = bytes.fromhex("b80100000031dbcd80")
    start, headers = 0x08048000, 52 + 32
    size = headers + len(code)
    path.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9)
                     + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, start + headers, 52, 0, 0, 52, 32, 1, 0, 0, 0)
                     + struct.pack("<IIIIIIII", 1, 0, start, start, size, size, 5, 0x1000) + code)
    path.chmod(0o755)
    try:
        done = subprocess.run([path], check=False)
    except OSError as error:
        pytest.skip(f"32-bit programs: {error}")
    need_that(done.returncode == 0, "32-bit programs")
    need_that(KERNEL >= (5, 15), "bpf_task_pt_regs (5.15)")


@pytest.mark.parametrize("tool", [["opensnoop"], ["tcpconnect"], ["execsnoop", "-x"]])
def test_a_32_bit_program_is_reported(tool, tmp_path):
    program_of_32_bits(tmp_path / "small")
    status, _, err = run_tool(*tool, "--", "sh", "-c", f"/bin/true; {tmp_path}/small; /bin/true")
    assert status == 0
    line, = (line for line in err.splitlines() if "32-bit" in line)
    assert "(small) runs a 32-bit program" in line and MISSED[tool[0]] in line


def test_only_what_is_missing_is_reported(tmp_path):
    """Successful executions of 32-bit programs are all shown, and capability checks however they come about."""
    program_of_32_bits(tmp_path / "small")
    status, out, err = run_tool("execsnoop", "--", tmp_path / "small")
    assert status == 0 and "small" in out and not err
