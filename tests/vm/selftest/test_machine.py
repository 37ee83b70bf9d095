# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What every guest must offer to tracing tools, asked of its kernel by plain system calls: when the
tools' tests fail in a guest, these say whether the guest is to blame."""
import ctypes
import os
import platform
import socket
import struct
import subprocess

import pytest

TRACING = "/sys/kernel/tracing"
NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
BPF_PROG_LOAD, BPF_RAW_TRACEPOINT_OPEN = 5, 17          # enum bpf_cmd, include/uapi/linux/bpf.h
BPF_PROG_TYPE_RAW_TRACEPOINT = 17                       # enum bpf_prog_type
libc = ctypes.CDLL(None, use_errno=True)
pytestmark = pytest.mark.skipif("VM_DIR" not in open("/proc/cmdline").read(), reason="not a guest")


def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    fd = libc.syscall(NR_BPF, command, buffer, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def write(path, text):
    """Append to a tracefs file, which cannot be sought as open(path, "a") does."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


@pytest.mark.parametrize("path,kind", [
    ("/proc", "proc"), ("/sys/fs/bpf", "bpf"), (TRACING, "tracefs"), ("/sys/fs/cgroup", "cgroup2")],
    ids=["proc", "bpf", "tracefs", "cgroup2"])
def test_kernel_file_system_is_mounted(path, kind):
    with open("/proc/self/mounts") as mounts:
        assert (path, kind) in [tuple(line.split()[1:3]) for line in mounts]


def test_kernel_has_type_information():
    with open("/sys/kernel/btf/vmlinux", "rb") as file:
        assert file.read(2) == b"\x9f\xeb"


def test_loopback_is_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=10).close()


def test_there_is_a_disk_to_read_from():
    with open("/dev/vda", "rb") as disk:
        assert disk.read(4096) == bytes(4096)


def test_bpf_program_attaches_to_raw_tracepoint():
    code = struct.pack("<BBhiBBhi", 0xb7, 0, 0, 0, 0x95, 0, 0, 0)       # r0 = 0; exit
    insns, name = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"sys_enter")
    license = ctypes.create_string_buffer(b"GPL")
    prog = bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", BPF_PROG_TYPE_RAW_TRACEPOINT, 2,
                                          ctypes.addressof(insns), ctypes.addressof(license)))
    link = bpf(BPF_RAW_TRACEPOINT_OPEN, struct.pack("<QI", ctypes.addressof(name), prog))
    os.close(link)
    os.close(prog)


@pytest.mark.parametrize("kind,definition", [
    ("kprobe", "p:vm/selftest {syscall}_sys_getppid"), ("uprobe", "p:vm/selftest {libc}:{offset}")],
    ids=["kprobe", "uprobe"])
def test_probe_by_tracefs_counts_hits(kind, definition, libc_symbol):
    events = f"{TRACING}/{kind}_events"
    path, offset = libc_symbol("getppid")
    syscall = {"x86_64": "__x64", "aarch64": "__arm64"}[platform.machine()]
    write(events, definition.format(libc=path, offset=offset, syscall=syscall) + "\n")
    try:
        write(f"{TRACING}/events/vm/selftest/enable", "1")
        os.getppid()
        write(f"{TRACING}/events/vm/selftest/enable", "0")
        with open(f"{TRACING}/{kind}_profile") as profile:
            hits = [int(line.split()[-2 if kind == "kprobe" else -1]) for line in profile if "selftest" in line]
        assert hits and hits[0] >= 1
    finally:
        write(events, "-:vm/selftest\n")


@pytest.fixture
def libc_symbol():
    """Path of this process's libc and the file offset of one of its functions."""
    def find(name):
        address = ctypes.cast(getattr(libc, name), ctypes.c_void_p).value
        with open("/proc/self/maps") as maps:
            for line in maps:
                span, _, offset, _, _, *path = line.split()
                start, end = (int(part, 16) for part in span.split("-"))
                if start <= address < end:
                    return path[0], hex(address - start + int(offset, 16))
    return find


def test_guest_changes_do_not_reach_the_host_files():
    with open("/proc/self/mounts") as mounts:
        root = [line.split() for line in mounts if line.split()[1] == "/"]
    assert root[-1][2] == "overlay"


def test_unshare_makes_a_new_mount_namespace():
    done = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
